//! `zarathustra-performer`: evaluates tasks, claims results in its turns, and votes.

use std::process::ExitCode;

use clap::Parser;
use zarathustra_attester::{CODES, Daemon};
use zarathustra_node::failure;
use zarathustra_performer::Claims;

#[tokio::main]
async fn main() -> ExitCode {
    failure::report(run(Daemon::parse()).await, CODES)
}

async fn run(daemon: Daemon) -> eyre::Result<()> {
    zarathustra_attester::run("performer", daemon.settings()?, Claims).await
}
