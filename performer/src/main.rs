//! `zarathustra-performer`: evaluates tasks, claims results in its turns, and votes.

use std::process::ExitCode;

use clap::Parser;
use zarathustra_attester::Daemon;
use zarathustra_chain::ChainError;
use zarathustra_improve::StartError;
use zarathustra_node::failure::{self, CodeOf};
use zarathustra_performer::Claims;
use zarathustra_signer::OpenError;

/// The errors that keep a performer from starting and have a code.
const CODES: &[CodeOf] = &[
    |cause| cause.downcast_ref().map(ChainError::code),
    |cause| cause.downcast_ref().map(OpenError::code),
    |cause| cause.downcast_ref().map(StartError::code),
];

#[tokio::main]
async fn main() -> ExitCode {
    failure::report(run(Daemon::parse()).await, CODES)
}

async fn run(daemon: Daemon) -> eyre::Result<()> {
    zarathustra_attester::run("performer", daemon.settings()?, Claims).await
}
