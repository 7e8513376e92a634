//! What was found, for people and for programs.

use std::{path::Path, process::ExitCode, time::Instant};

use serde_json::{Value, json};
use zarathustra_primitives::{Alpha, Bound, Score, ScoreRange};
use zarathustra_statistics::Test;

/// Both bounds.
pub const BOUNDS: [Bound; 2] = [Bound::EmpiricalBernstein, Bound::Betting];

/// A bound for scores from `lo` to 1.
pub fn test(bound: Bound, ppb: u32, lo: i64) -> Test {
    let range = ScoreRange::new(Score::from_micros(lo), Score::from_micros(Score::SCALE));
    Test {
        range: range.expect("a range"),
        alpha: Alpha::from_ppb(ppb).expect("in range"),
        bound,
    }
}

/// Collects checks and prints each as it comes.
pub struct Report {
    /// Trials of each simulation of equal models.
    pub trials: u64,
    /// Seed of everything.
    pub seed: u64,
    checks: Vec<Value>,
    failed: usize,
    started: Instant,
}

impl Report {
    pub fn new(trials: u64, seed: u64) -> Self {
        println!("seed {seed}, {trials} trials of equal models");
        Self {
            trials,
            seed,
            checks: Vec::new(),
            failed: 0,
            started: Instant::now(),
        }
    }

    /// A seed of its own for the next simulation.
    pub fn next_seed(&self) -> u64 {
        // Streams of one seed are numbered from 0; seeds this far apart share none.
        self.seed.wrapping_add((self.checks.len() as u64 + 1) << 32)
    }

    /// Notes whether a limit was kept. `figures` is an object of what was found.
    pub fn check(&mut self, what: &str, line: &str, holds: bool, mut figures: Value) {
        let verdict = if holds { "ok" } else { "FAILED" };
        println!("{verdict:6}  {what}: {line}");
        self.failed += usize::from(!holds);
        figures["what"] = what.into();
        figures["ok"] = holds.into();
        self.checks.push(figures);
    }

    /// Ends the run.
    pub fn finish(self, file: Option<&Path>) -> ExitCode {
        let seconds = self.started.elapsed().as_secs_f64();
        let (count, failed) = (self.checks.len(), self.failed);
        println!("{count} checks, {failed} failed, {seconds:.0} s");
        let all = json!({
            "seed": self.seed,
            "trials": self.trials,
            "seconds": seconds,
            "failed": failed,
            "checks": self.checks,
        });
        if let Some(file) = file
            && let Err(error) = std::fs::write(file, format!("{all:#}\n"))
        {
            eprintln!("error: write {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
