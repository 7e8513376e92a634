//! `zarathustra-attester`: evaluates every task itself and votes on claims.

use std::process::ExitCode;

use clap::Parser;
use zarathustra_attester::{CODES, Daemon, NoDuty};
use zarathustra_node::failure;

#[tokio::main]
async fn main() -> ExitCode {
    failure::report(run(Daemon::parse()).await, CODES)
}

async fn run(daemon: Daemon) -> eyre::Result<()> {
    zarathustra_attester::run("attester", daemon.settings()?, NoDuty).await
}
