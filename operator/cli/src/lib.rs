//! `zarathustra`: the command line of owners, optimizers and operators.
//!
//! A command prints its result on standard output and everything else on standard error. With
//! `--json` the result is one JSON document, and so is an error. The exit code is 0 when the
//! command did what it was asked, 1 when it did not, 2 when it could not be understood.
//!
//! What a submission needs later (its salt) is on disk before anything is sent; every figure that
//! is shown is read from the chain.

mod amount;
mod commands;
mod context;
mod errors;
mod events;
mod opening;
mod output;
mod reads;
mod reference;
mod token;
mod verdict;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::context::Globals;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "zarathustra",
    version,
    about = "The command line of an open market for better models",
    propagate_version = true
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Post requests and look at them.
    #[command(subcommand)]
    Request(commands::request::Request),
    /// Submit better parameters and follow them.
    #[command(subcommand)]
    Submission(commands::submission::Submission),
    /// Make, convert and inspect models.
    #[command(subcommand)]
    Model(commands::model::Model),
    /// Run the evaluation that operators run, here.
    Evaluate(commands::evaluate::Evaluate),
    /// Make, build, check and run evaluation programs.
    #[command(subcommand)]
    Evaluator(commands::evaluator::Evaluator),
    /// Look at tasks: seed, turns, claims and certificates.
    #[command(subcommand)]
    Task(commands::task::Task),
    /// Join and leave the operator set, look at operators, and check a machine.
    #[command(subcommand)]
    Operator(commands::operator::Operator),
    /// Withdraw what the contracts owe to an account.
    Claim(commands::claim::Claim),
    /// Make keys.
    #[command(subcommand)]
    Keys(commands::keys::Keys),
    /// Serve, add and get content on IPFS.
    #[command(subcommand)]
    Ipfs(commands::ipfs::Ipfs),
    Deploy(commands::deploy::Deploy),
}

/// Runs the program with the arguments of the process.
pub async fn main() -> ExitCode {
    let Cli { globals, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && asks_for_json(std::env::args_os()) => {
            return output::report_usage(&error);
        }
        Err(error) => error.exit(),
    };
    let outcome = match command {
        Command::Request(command) => command.run(&globals).await,
        Command::Submission(command) => command.run(&globals).await,
        Command::Model(command) => command.run().await,
        Command::Evaluate(command) => command.run(&globals).await,
        Command::Evaluator(command) => command.run(&globals).await,
        Command::Task(command) => command.run(&globals).await,
        Command::Operator(command) => command.run(&globals).await,
        Command::Claim(command) => command.run(&globals).await,
        Command::Keys(command) => command.run(&globals),
        Command::Ipfs(command) => command.run(&globals).await,
        Command::Deploy(command) => command.run(&globals).await,
    };
    output::report(outcome, globals.json)
}

/// Whether `--json` is among arguments that could not be understood.
fn asks_for_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut flags = arguments.into_iter().take_while(|a| a != "--");
    flags.any(|argument| argument == "--json")
}

/// What `zarathustra evaluator check` can find: code, severity, meaning, cost and remedy of each.
pub fn findings() -> Vec<[&'static str; 5]> {
    commands::evaluator::findings()
}

/// The reference of every command as Markdown, made from the program's own help.
pub fn reference() -> String {
    reference::markdown(Cli::command())
}
