//! `cargo xtask`: sets the checkout up, runs every test and long simulations, plays the demo,
//! deploys.
//!
//! Few dependencies on purpose, and none on the project's own crates: this program has to be
//! built before anything that the project needs is there.

mod bench;
mod checkout;
mod contracts;
mod demo;
mod deploy;
mod digest;
mod process;
mod setup;
mod steps;
mod tally;
mod test;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use eyre::Result;

use bench::Bench;
use checkout::Checkout;
use setup::{Setup, contracts::Abi};

/// Develops, tests and shows Zarathustra.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the project needs, pinned, into `.tools`; does nothing when it is there. As
    /// root on Debian, also tries to install the packages of the test that plays another processor.
    Setup {
        /// Install PyTorch, Keras and TensorFlow.js for importing models in Python too.
        #[arg(long)]
        models: bool,
    },
    /// Sets up, builds and plays the story on a local chain, then keeps it running.
    Demo {
        /// End after the story.
        #[arg(long)]
        once: bool,
        /// Write a record of what happened.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Where seeds come from: randao or drand.
        #[arg(long, value_name = "SOURCE")]
        seed: Option<String>,
    },
    /// Compiles the contracts and runs `zarathustra deploy` with these arguments.
    Deploy {
        /// What `zarathustra deploy` takes, such as `--chain FILE --dry-run`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENTS"
        )]
        arguments: Vec<OsString>,
    },
    /// Sets up and runs every check and every test.
    Test,
    /// Sets up and runs the checks that need no test to be built.
    Check,
    /// Sets up and runs long simulations and fuzzing: all of them, or one.
    Bench {
        #[command(subcommand)]
        which: Option<Bench>,
    },
    /// Compiles the contracts and writes their ABI files into `abi`.
    Abi {
        /// Fail, and change nothing, when a committed file differs.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let checkout = Checkout::find()?;
    let setup = Setup::new(&checkout);
    match task {
        Task::Setup { models } => {
            setup.run_for_tests()?;
            if models {
                setup.models()?;
            }
        }
        Task::Demo { once, json, seed } => {
            demo::run(&checkout, &setup, once, json, seed.as_deref())?;
        }
        Task::Deploy { arguments } => deploy::run(&checkout, &setup, &arguments)?,
        Task::Test => return test::test(&checkout, &setup),
        Task::Check => return test::check(&checkout, &setup),
        Task::Bench { which } => return bench::bench(&checkout, &setup, which),
        Task::Abi { check } => {
            setup.tools()?;
            setup.contracts(if check { Abi::Check } else { Abi::Write })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deploy_takes_is_passed_on() {
        let given = ["--chain", "a.toml", "--dry-run"];
        let line = ["xtask", "deploy"].into_iter().chain(given);
        let parsed = Arguments::try_parse_from(line).expect("understood");
        let Task::Deploy { arguments } = parsed.task else {
            panic!("another task");
        };
        assert_eq!(arguments, given);
    }
}
