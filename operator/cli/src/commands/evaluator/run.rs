//! `zarathustra evaluator run`: what a program makes of one model.

use std::path::PathBuf;

use alloy::primitives::B256;
use clap::Args;
use eyre::{Context as _, Result};
use serde_json::json;
use zarathustra_primitives::{Score, ScoreRange, Seed};

use super::trial::{Trial, TrialOptions};
use crate::{
    commands::worker::Worker,
    context::Globals,
    errors::refusal,
    output::{Answer, fields, micros, progress},
};

/// Error probability of the interval that is shown, both sides together.
const ALPHA: f64 = 0.05;

/// Score a model in the sandboxed worker, as operators do.
#[derive(Debug, Args)]
pub struct Run {
    /// The component.
    evaluator: PathBuf,
    #[command(flatten)]
    trial: TrialOptions,
    /// Seed, 32 bytes of hex; random when absent.
    #[arg(long)]
    seed: Option<B256>,
    /// File for the scores, a decimal number per line in the order of the samples.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    #[command(flatten)]
    worker: Worker,
}

impl Run {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Answer> {
        let trial = Trial::of_program(&self.evaluator, &self.trial)?;
        let settings = self.worker.settings(globals).await?;
        let seed = self.seed.unwrap_or_else(B256::random);
        progress(&format!("scoring {} samples", trial.manifest.samples));
        // A champion without parameters is not run.
        let job = trial.job(&[], &trial.parameters, Seed::new(seed));
        let evaluation = zarathustra_eval::evaluate(&job, &settings).await?;
        let Some(scores) = evaluation.scores else {
            let status = evaluation.result.status();
            let detail = evaluation.detail.unwrap_or_default();
            return Err(refusal(
                "not_scored",
                format!("{status}, by the fault of the {}: {detail}", status.fault()),
                "`zarathustra evaluator check` looks for more of this kind",
            ));
        };
        let scores: Vec<Score> = scores.as_slice().iter().map(|s| s.challenger).collect();
        if let Some(path) = &self.scores {
            let text: String = scores
                .iter()
                .map(|s| format!("{}\n", micros(s.micros())))
                .collect();
            std::fs::write(path, text).wrap_err_with(|| format!("write {}", path.display()))?;
        }
        let (mean, half_width) = interval(&scores, trial.manifest.score_range);
        let spent = evaluation.timings.spent;
        let seen = spent.challenger_seen;
        let limits = &trial.manifest.limits;
        let total = evaluation.timings.total.as_secs_f64();
        let compile = evaluation.timings.compile.as_secs_f64();
        let score = spent.challenger_micros as f64 / 1e6;
        let share = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
        let text = fields(&[
            ("seed", seed.to_string()),
            ("samples", scores.len().to_string()),
            ("mean score", format!("{mean:.6}")),
            (
                "95% interval",
                format!("{:.6} to {:.6}", mean - half_width, mean + half_width),
            ),
            ("clipped", format!("{} scores", seen.clipped)),
            (
                "fuel",
                format!(
                    "{} ({:.1}% of the limit)",
                    spent.challenger_fuel,
                    share(spent.challenger_fuel, limits.fuel)
                ),
            ),
            (
                "memory",
                format!(
                    "{} bytes ({:.1}% of the limit)",
                    seen.memory_bytes,
                    share(seen.memory_bytes, limits.memory_bytes)
                ),
            ),
            ("rows asked", seen.rows.to_string()),
            (
                "time",
                format!(
                    "{total:.3} s in all, {compile:.3} s of it compiling, {score:.3} s scoring"
                ),
            ),
        ]);
        let json = json!({
            "seed": seed,
            "samples": scores.len(),
            "mean": mean,
            "half_width": half_width,
            "alpha": ALPHA,
            "clipped": seen.clipped,
            "fuel": spent.challenger_fuel,
            "memory_bytes": seen.memory_bytes,
            "rows": seen.rows,
            "seconds": total,
            "compile_seconds": compile,
            "score_seconds": score,
        });
        Ok(Answer::new(text, json))
    }
}

/// Mean, and the half-width of its interval: the empirical Bernstein bound (Maurer and Pontil
/// 2009, theorem 4) with half of the error probability on each side. At least two scores.
fn interval(scores: &[Score], range: ScoreRange) -> (f64, f64) {
    let unit = |score: Score| score.micros() as f64 / Score::SCALE as f64;
    let n = scores.len() as f64;
    let mean = scores.iter().map(|score| unit(*score)).sum::<f64>() / n;
    let squares = scores.iter().map(|score| (unit(*score) - mean).powi(2));
    let variance = squares.sum::<f64>() / (n - 1.0);
    let log = (4.0 / ALPHA).ln();
    let width = unit(range.hi()) - unit(range.lo());
    let half = (2.0 * variance * log / n).sqrt() + 7.0 * width * log / (3.0 * (n - 1.0));
    (mean, half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_fair_coin_by_hand() {
        let score = |micros| Score::from_micros(micros);
        let scores: Vec<_> = (0..100).map(|i| score(i % 2 * 1_000_000)).collect();
        let range = ScoreRange::new(score(0), score(1_000_000)).expect("a range");
        let (mean, half) = interval(&scores, range);
        assert_eq!(mean, 0.5);
        // Variance 25/99 and ln 80 = 4.3820266: sqrt(2 · 0.2525253 · 4.3820266 / 100) = 0.1487670,
        // and 7 · 4.3820266 / (3 · 99) = 0.1032801.
        assert!((half - 0.2520471).abs() < 1e-6, "{half}");
    }
}
