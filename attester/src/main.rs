//! `zarathustra-attester`: evaluates every task itself and votes on claims.

use clap::Parser;
use zarathustra_attester::{Daemon, NoDuty, run};

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let daemon = Daemon::parse();
    run("attester", daemon.settings()?, NoDuty).await
}
