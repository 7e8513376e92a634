//! `zarathustra-aggregator`: gathers claims and votes, submits certificates, keeps house.

use std::path::PathBuf;

use clap::Parser;

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
async fn main() -> eyre::Result<()> {
    let flags = Flags::parse();
    let env = std::env::vars().filter(|(k, _)| k != "ZARATHUSTRA_SETTINGS_FILE");
    let settings = zarathustra_node::settings::load(Some(&flags.settings), env, &flags.set)?;
    zarathustra_aggregator::run(settings).await
}
