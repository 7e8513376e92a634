//! The simulations of `cargo xtask bench statistics`: what the bounds promise, how well a plan
//! holds, and what attackers get.
//!
//! Every line states what was counted and the limit that it must keep; the program fails where one
//! does not. Everything follows from the seed.

mod attackers;
mod planning;
mod promises;
mod report;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use report::Report;

#[derive(Parser)]
struct Arguments {
    /// Trials of each simulation of equal models; the others scale with it.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    trials: u64,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut report = Report::new(arguments.trials, arguments.seed);
    promises::equal_models(&mut report);
    promises::ruinous_challengers(&mut report);
    planning::plans(&mut report);
    attackers::luck(&mut report);
    attackers::copiers(&mut report);
    report.finish(arguments.json.as_deref())
}
