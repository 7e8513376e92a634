//! `zarathustra-demo`: plays the market's story on this machine; `cargo xtask demo` starts it.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use eyre::{Result, WrapErr};
use serde_json::{Value, json};
use zarathustra_deploy::{Beacon, SeedSource, eigenlayer};
use zarathustra_devnet::{
    Devnet, DevnetOptions,
    story::{Stage, Story, tokens},
};

/// Plays the market's story on a chain of its own.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// End after the story.
    #[arg(long)]
    once: bool,
    /// Write the record of the story to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Seconds that set-up took; `cargo xtask demo` knows them.
    #[arg(long, default_value_t = 0.0)]
    setup_seconds: f64,
    /// Seconds that the build took; `cargo xtask demo` knows them.
    #[arg(long, default_value_t = 0.0)]
    build_seconds: f64,
    /// Where seeds come from; for drand, a beacon on this machine gives them.
    #[arg(long, value_enum, default_value_t)]
    seed: Seeds,
    /// Milliseconds between blocks.
    #[arg(long, default_value_t = 1000)]
    block_ms: u64,
}

/// Where seeds come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Seeds {
    /// RANDAO.
    #[default]
    Randao,
    /// Rounds of drand.
    Drand,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<()> {
    let started = Instant::now();
    let folder = tempfile::Builder::new()
        .prefix("zarathustra-demo-")
        .tempdir()
        .wrap_err("a folder for the demo")?;
    let mut tell = |line: &str| {
        print(&format!(
            "{:>6.1}s  {line}",
            started.elapsed().as_secs_f64()
        ))
    };
    let mut options = DevnetOptions::small(folder.path(), Duration::from_millis(flags.block_ms));
    if flags.seed == Seeds::Drand {
        // A block is a second later than the one before at least.
        let block_time = flags.block_ms.div_ceil(1000).max(1);
        options.market.seed_source = SeedSource::Drand(Beacon::network(block_time)?);
    }
    let mut network = Devnet::start(options, &mut tell).await?;
    let story = Stage::set(&mut network, &mut tell).await?.play().await?;
    let story_seconds = started.elapsed().as_secs_f64();
    print(&closing(&story));
    let record = record(&network, &story, &flags, story_seconds).await?;
    if let Some(file) = &flags.json {
        std::fs::write(file, format!("{record:#}\n"))
            .wrap_err_with(|| format!("write {}", file.display()))?;
        print(&format!("record written to {}", file.display()));
    }
    print(&format!(
        "set-up {:.1} s, build {:.1} s, story {story_seconds:.1} s",
        flags.setup_seconds, flags.build_seconds
    ));
    if !flags.once {
        play_on(&network).await?;
    }
    Ok(())
}

/// Addresses and commands to go on with, until Ctrl-C.
async fn play_on(network: &Devnet) -> Result<()> {
    let mut text = String::from("\nThe market keeps running. In another terminal:\n\n");
    let optimizer = network.user("optimizer").await?;
    for (name, value) in optimizer.environment() {
        text.push_str(&format!("  export {name}={value}\n"));
    }
    let program = network.programs().join("zarathustra");
    let program = program.display();
    text.push_str(&format!(
        "\n  {program} request list\n  {program} submission list\n  {program} submission show 1\n  {program} evaluate --request 1 --parameters {}\n\n",
        network.folder().join("models/last.safetensors").display()
    ));
    text.push_str(&format!("chain       {}\n", network.anvil().url()));
    text.push_str(&format!("aggregator  {}\n", network.aggregator_url()));
    text.push_str(&format!("IPFS        {}\n", network.gateway_rpc()));
    text.push_str(&format!("logs        {}\n", network.folder().display()));
    text.push_str("\nCtrl-C ends it.");
    print(&text);
    tokio::signal::ctrl_c().await.wrap_err("wait for Ctrl-C")
}

/// The closing table.
fn closing(story: &Story) -> String {
    let mut rows = vec![
        [
            "submission",
            "state",
            "reason",
            "improvement",
            "lower",
            "upper",
            "missing",
            "gas",
            "blocks",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let micros =
        |v: Option<i64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:.6}", v as f64 / 1e6));
    for s in &story.submissions {
        rows.push(vec![
            s.submission.to_string(),
            s.state.to_owned(),
            s.reason.to_owned(),
            micros(s.improvement),
            micros(s.lower_bound),
            micros(s.upper_bound),
            s.non_signers.len().to_string(),
            s.settle_gas.to_string(),
            s.blocks_reveal_to_settle.to_string(),
        ]);
    }
    let width = |c: usize| rows.iter().map(|r| r[c].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::from("\n");
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(c, w)| format!("{c:<w$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "\nchampion {} with score {:.6}, {} champions so far; reward escrow {} -> {} tokens\n",
        story.champion.cid,
        story.champion.score as f64 / 1e6,
        story.champion.history,
        tokens(&story.escrow.reward_before),
        tokens(&story.escrow.reward_after)
    ));
    text
}

async fn record(
    network: &Devnet,
    story: &Story,
    flags: &Flags,
    story_seconds: f64,
) -> Result<Value> {
    use alloy::providers::Provider;
    let chain = network.chain();
    let epoch = chain.current_epoch().await?;
    let table = chain.epoch_table(epoch).await?;
    let node: String = chain.provider().get_client_version().await?;
    let manifest =
        zarathustra_chain::read("manifest", chain.market().manifest(story.request)).await?;
    let resident: Vec<Value> = network
        .processes()
        .map(|p| json!({ "name": p.name(), "bytes": p.resident_bytes() }))
        .collect();
    Ok(json!({
        "components": {
            "chain": node,
            "chain_id": network.addresses().chain_id,
            "hardfork": network.hardfork(),
            "eigenlayer": { "source": eigenlayer::SOURCE, "contracts": network.eigenlayer() },
            "contracts": network.addresses(),
            "libtorch": network.libtorch_version()?,
            "ipfs": network.ipfs_agent().await?,
            "evaluator_sha256": network.evaluator_digest(story.request).await?,
            "manifest_sha256": manifest.digest,
        },
        "operators": {
            "performers": network.operators().iter().filter(|o| o.role == zarathustra_devnet::Role::Performer).count(),
            "attesters": network.operators().iter().filter(|o| o.role == zarathustra_devnet::Role::Attester).count(),
            "in_newest_epoch": table.voters().count(),
            "total_stake": table.total.get().to_string(),
        },
        "request": story.request,
        "story": story.submissions,
        "champion": story.champion,
        "escrow": story.escrow,
        "resident_memory": resident,
        "seconds": { "set_up": flags.setup_seconds, "build": flags.build_seconds, "story": story_seconds },
    }))
}

#[allow(clippy::print_stdout, reason = "the demo's display is standard output")]
fn print(text: &str) {
    println!("{text}");
}
