//! What each call costs, from receipts of real transactions: anvil, EigenLayer's real core, real
//! signatures. `cargo xtask bench gas` runs it.

#[path = "../../tests/common/mod.rs"]
mod common;

mod bn254;
mod certificates;
mod disputes;
mod operations;
mod report;

use std::path::PathBuf;

use alloy::{
    primitives::{Bytes, U256},
    providers::Provider as _,
    rpc::types::TransactionReceipt,
};
use clap::Parser;
use common::Scene;
use eyre::{ContextCompat as _, Result, WrapErr as _};
use report::{Operation, Report};
use zarathustra_deploy::{Checkout, DevnetOptions, Hardfork};

/// Most rows that a roll's transaction works on here.
const PAGE: u32 = 50;

#[derive(Parser)]
struct Arguments {
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Sizes of the operator set.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_values_t = [3, 10, 50, 100, 200])]
    operators: Vec<usize>,
    /// How many tasks are in the large claim of fees.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    claims: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut report = Report::default();
    for hardfork in [Hardfork::Prague, Hardfork::Osaka] {
        for operators in &arguments.operators {
            eprintln!("{}, {operators} operators", hardfork.name());
            let mut scene = scene(hardfork, *operators).await?;
            let name = hardfork.name();
            operations::epochs(&mut scene, name, &mut report).await?;
            certificates::rows(&scene, name, &mut report).await?;
        }
        eprintln!("{}, the life of a submission", hardfork.name());
        let first = scene(hardfork, 7).await?;
        roll(&first).await?;
        operations::submissions(&first, hardfork.name(), arguments.claims, &mut report).await?;
        disputes::equivocations(&first, hardfork.name(), &mut report).await?;
        // With all seven again.
        let second = scene(hardfork, 7).await?;
        roll(&second).await?;
        disputes::appeals(&second, hardfork.name(), &mut report).await?;
    }
    report.print();
    match &arguments.json {
        Some(file) => report.write(file),
        None => Ok(()),
    }
}

async fn scene(hardfork: Hardfork, operators: usize) -> Result<Scene> {
    let checkout = Checkout::find()?;
    let mut options = DevnetOptions::new(&checkout);
    options.anvil.hardfork = hardfork;
    options.market.operator_cap = 200;
    Scene::start_with(&options, operators).await
}

/// Rolls an epoch page by page. Answers the transactions' gas.
async fn roll(scene: &Scene) -> Result<Vec<u64>> {
    let before = scene.chain.current_epoch().await?;
    let mut gas = Vec::new();
    while scene.chain.current_epoch().await? == before {
        let call = zarathustra_abi::avs_governance::IAvsGovernance::rollEpochCall { maxRows: PAGE };
        let receipt = scene.stranger.send(scene.governance(), &call).await?;
        gas.push(receipt.gas_used);
    }
    Ok(gas)
}

/// Gas of the transaction in the newest block.
async fn last_gas(scene: &Scene) -> Result<u64> {
    gas_of(scene, scene.block().await?).await
}

/// Gas of the one transaction in a block.
async fn gas_of(scene: &Scene, block: u64) -> Result<u64> {
    let receipts = scene
        .chain
        .provider()
        .get_block_receipts(block.into())
        .await?;
    let receipts = receipts.wrap_err("the block has no receipts")?;
    let [receipt] = receipts.as_slice() else {
        eyre::bail!("{} transactions in block {block}", receipts.len());
    };
    Ok(receipt.gas_used)
}

impl Report {
    fn note(&mut self, hardfork: &'static str, operators: usize, operation: &str, gas: &[u64]) {
        self.operations.push(Operation {
            hardfork,
            operators,
            operation: operation.to_owned(),
            gas: gas.iter().sum(),
            transactions: gas.len(),
            most: gas.iter().max().copied().unwrap_or_default(),
        });
    }

    /// Notes an operation the first time that it is met under these rules.
    fn note_once(&mut self, hardfork: &'static str, operators: usize, operation: &str, gas: u64) {
        let known = |o: &Operation| (o.hardfork, o.operation.as_str()) == (hardfork, operation);
        if !self.operations.iter().any(known) {
            self.note(hardfork, operators, operation, &[gas]);
        }
    }

    fn note_one(
        &mut self,
        hardfork: &'static str,
        operators: usize,
        operation: &str,
        receipt: &TransactionReceipt,
    ) {
        self.note(hardfork, operators, operation, &[receipt.gas_used]);
    }
}

/// What the input of a transaction costs (EIP-2028).
fn calldata_gas(input: &[u8]) -> u64 {
    input
        .iter()
        .map(|byte| if *byte == 0 { 4 } else { 16 })
        .sum()
}

/// Creation code of a fixture of the contracts' tests, which `forge build` compiled.
fn fixture(name: &str) -> Result<Bytes> {
    let path = Checkout::find()?
        .root()
        .join(format!(".tools/forge/out/{name}.sol/{name}.json"));
    let text = std::fs::read(&path).wrap_err_with(|| path.display().to_string())?;
    let artifact: serde_json::Value = serde_json::from_slice(&text)?;
    let code = artifact["bytecode"]["object"].as_str();
    Ok(code.wrap_err("no bytecode")?.parse()?)
}

/// A word that follows from a name.
fn word(name: &str) -> U256 {
    alloy::primitives::keccak256(name).into()
}
