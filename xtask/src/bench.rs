//! `cargo xtask bench`: long simulations and fuzzing, for which `cargo xtask test` has no time.

mod evaluate;
mod fuzz;

use std::{
    path::{self, PathBuf},
    process::{Command, ExitCode},
};

use clap::{Args, Subcommand};
use eyre::Result;

use evaluate::Evaluate;
use fuzz::{Fuzz, fuzz};

use crate::{checkout::Checkout, setup::Setup, steps::Steps, test::forge};

/// Crates whose rules are tested on random cases.
const RULES: [&str; 6] = [
    "zarathustra-protocol",
    "zarathustra-statistics",
    "zarathustra-primitives",
    "zarathustra-bls",
    "zarathustra-eval",
    "zarathustra-content",
];
/// Test programs with random cases, beside those in the libraries themselves.
const RULES_TESTS: [&str; 2] = ["batch", "hostile_trees"];

#[derive(Clone, Subcommand)]
pub enum Bench {
    /// Fuzzes the contracts and their invariants.
    Contracts(Contracts),
    /// Tests the rules in Rust on random cases.
    Rules(Rules),
    /// Measures what each call costs, from receipts of transactions on local chains.
    Gas(Gas),
    /// Measures how many votes are decoded and checked per second.
    Votes,
    /// Simulates what the bounds promise, how plans hold, and what attackers get.
    Statistics(Statistics),
    /// Times evaluations against plain PyTorch on the same models.
    Evaluate(Evaluate),
    /// Fuzzes every decoder of strangers' bytes, guided by coverage; needs a C++ compiler.
    Fuzz(Fuzz),
}

#[derive(Clone, Copy, Args)]
pub struct Contracts {
    /// Runs of each fuzz test.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().fuzz_runs)]
    fuzz_runs: u32,
    /// Runs of each invariant test.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().invariant_runs)]
    invariant_runs: u32,
}

impl Default for Contracts {
    fn default() -> Self {
        Self {
            fuzz_runs: 10_000,
            invariant_runs: 256,
        }
    }
}

#[derive(Clone, Copy, Args)]
pub struct Rules {
    /// Cases of each test.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().cases)]
    cases: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { cases: 20_000 }
    }
}

#[derive(Clone, Default, Args)]
pub struct Gas {
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Args)]
pub struct Statistics {
    /// Trials of each simulation of equal models; the others scale with it.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().trials)]
    trials: u64,
    /// Seed of everything that is drawn.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().seed)]
    seed: u64,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            trials: 1_000_000,
            seed: 1,
            json: None,
        }
    }
}

/// Runs one of them, or all.
pub fn bench(checkout: &Checkout, setup: &Setup<'_>, which: Option<Bench>) -> Result<ExitCode> {
    let mut steps = Steps::new(checkout);
    // Decoders need nothing of what is set up.
    if !matches!(which, Some(Bench::Fuzz(_))) {
        steps.step("set-up", || setup.run());
    }
    match which {
        Some(Bench::Contracts(runs)) => contracts(checkout, &mut steps, runs),
        Some(Bench::Rules(runs)) => rules(&mut steps, runs),
        Some(Bench::Gas(options)) => gas(checkout, &mut steps, &options)?,
        Some(Bench::Votes) => votes(&mut steps),
        Some(Bench::Statistics(runs)) => statistics(checkout, &mut steps, &runs)?,
        Some(Bench::Evaluate(options)) => {
            steps.step("Python for models", || setup.models());
            steps.step("evaluate", || evaluate::evaluate(checkout, &options));
        }
        Some(Bench::Fuzz(options)) => steps.step("fuzz", || fuzz(checkout, &options)),
        None => {
            gas(checkout, &mut steps, &Gas::default())?;
            votes(&mut steps);
            statistics(checkout, &mut steps, &Statistics::default())?;
            contracts(checkout, &mut steps, Contracts::default());
            rules(&mut steps, Rules::default());
            steps.step("Python for models", || setup.models());
            steps.step("evaluate", || {
                evaluate::evaluate(checkout, &Evaluate::default())
            });
            steps.step("fuzz", || fuzz(checkout, &Fuzz::default()));
        }
    }
    Ok(steps.finish())
}

fn contracts(checkout: &Checkout, steps: &mut Steps<'_>, runs: Contracts) {
    let mut forge = forge(checkout, &["test"]);
    forge
        .env("FOUNDRY_FUZZ_RUNS", runs.fuzz_runs.to_string())
        .env("FOUNDRY_INVARIANT_RUNS", runs.invariant_runs.to_string());
    steps.tests("contracts", &mut forge);
}

fn rules(steps: &mut Steps<'_>, runs: Rules) {
    // Not nextest, which ends tests that take long.
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--locked", "--no-fail-fast", "--lib"]);
    for name in RULES {
        cargo.args(["--package", name]);
    }
    for name in RULES_TESTS {
        cargo.args(["--test", name]);
    }
    cargo.env("PROPTEST_CASES", runs.cases.to_string());
    steps.tests("rules", &mut cargo);
}

fn gas(checkout: &Checkout, steps: &mut Steps<'_>, options: &Gas) -> Result<()> {
    // Not `forge test`, which leaves out what no test uses.
    steps.command("fixtures", &mut forge(checkout, &["build"]));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--workspace", "--example", "gas"]);
    steps.command("build", &mut cargo);
    let mut program = Command::new(checkout.path("target/debug/examples/gas"));
    if let Some(file) = &options.json {
        program.arg("--json").arg(path::absolute(file)?);
    }
    steps.command("gas", &mut program);
    Ok(())
}

fn votes(steps: &mut Steps<'_>) {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--locked", "--release", "--package"]);
    cargo.args(["zarathustra-bls", "--example", "throughput"]);
    steps.command("votes", &mut cargo);
}

fn statistics(checkout: &Checkout, steps: &mut Steps<'_>, runs: &Statistics) -> Result<()> {
    // Not in release: the two crates that count are optimised in every profile. With all of the
    // workspace, so that what the tests build serves here too.
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--workspace",
        "--example",
        "statistics",
    ]);
    steps.command("build", &mut cargo);
    let mut program = Command::new(checkout.path("target/debug/examples/statistics"));
    program.args(["--trials", &runs.trials.to_string()]);
    program.args(["--seed", &runs.seed.to_string()]);
    if let Some(file) = &runs.json {
        program.arg("--json").arg(path::absolute(file)?);
    }
    steps.command("statistics", &mut program);
    Ok(())
}
