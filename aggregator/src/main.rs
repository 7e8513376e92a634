//! `zarathustra-aggregator`: gathers claims and votes, submits certificates, keeps house.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use zarathustra_chain::ChainError;
use zarathustra_content::ContentError;
use zarathustra_node::{
    failure::{self, CodeOf},
    settings,
};
use zarathustra_signer::KeystoreError;

/// The errors that keep an aggregator from starting and have a code.
const CODES: &[CodeOf] = &[
    |cause| cause.downcast_ref().map(ChainError::code),
    |cause| cause.downcast_ref().map(ContentError::code),
    |cause| cause.downcast_ref().map(KeystoreError::code),
];

#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Settings file (TOML).
    #[arg(long, short, env = "ZARATHUSTRA_SETTINGS_FILE")]
    settings: PathBuf,
    /// Override of a setting, such as `chain.poll_ms=500`. May be repeated.
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    set: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    failure::report(run(Flags::parse()).await, CODES)
}

async fn run(flags: Flags) -> eyre::Result<()> {
    let settings = settings::load(Some(&flags.settings), settings::environment(), &flags.set)?;
    zarathustra_aggregator::run(settings).await
}
