//! `zarathustra-performer`: evaluates tasks, claims results in its turns, and votes.

use clap::Parser;
use zarathustra_attester::{Daemon, run};
use zarathustra_performer::Claims;

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let daemon = Daemon::parse();
    run("performer", daemon.settings()?, Claims).await
}
