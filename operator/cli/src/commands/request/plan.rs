//! Planning a request: what a wanted improvement takes, learned from a pilot run.

use std::path::PathBuf;

use alloy::primitives::{B256, U256};
use clap::Args;
use eyre::Result;
use serde_json::{Value, json};
use zarathustra_eval::cost::REFERENCE_MACS_PER_SECOND;
use zarathustra_eval::{
    Content, Evaluation, EvaluationJob, Submitted,
    manifest::{Limits, Manifest, bound_name},
    parameters::Expected,
};
use zarathustra_primitives::{Alpha, Bound, Engine, SampleScores, Seed, Status};
use zarathustra_statistics::{Goal, Plan as Found, PlanError, Pool, Test, plan};

use super::file::{Decimal, Judging, RequestFile};
use crate::{
    amount::ether,
    commands::worker::Worker,
    context::{Globals, read_file},
    errors::refusal,
    output::{Answer, fields, head, micros, progress, table},
};

/// What is to be found, and how a pilot is run.
#[derive(Debug, Args)]
pub struct Plan {
    /// The request file (TOML), such as `examples/x-squared/request.toml`.
    file: PathBuf,
    /// The improvement of the mean score that is to be found.
    #[arg(long, value_name = "SCORE")]
    improvement: Decimal,
    /// Probability with which an evaluation finds it.
    #[arg(long, value_name = "PROBABILITY", default_value_t = 0.8)]
    power: f64,
    /// Error probability in parts per billion; the file's when absent.
    #[arg(long, value_name = "NUMBER")]
    alpha_ppb: Option<u32>,
    /// Samples of the pilot; the file's when absent.
    #[arg(long, value_name = "NUMBER")]
    pilot: Option<u32>,
    /// Parameters of a better model (safetensors), to learn how differences are spread; without
    /// one that is taken from the baseline's scores and --correlation.
    #[arg(long, value_name = "FILE")]
    challenger: Option<PathBuf>,
    /// How the scores of two models on one sample are taken to be correlated. 0 is cautious:
    /// models that are right and wrong on the same samples need fewer.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0.0,
        allow_negative_numbers = true,
        conflicts_with = "challenger"
    )]
    correlation: f64,
    /// Seed of the pilot and of the simulation, 32 bytes of hex.
    #[arg(long, value_name = "SEED", default_value_t = B256::ZERO)]
    seed: B256,
    #[command(flatten)]
    worker: Worker,
    /// Replaces a value of the file, such as `terms.min_improvement=0.02`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

const BOUNDS: [Bound; 2] = [Bound::EmpiricalBernstein, Bound::Betting];

impl Plan {
    pub(super) async fn run(self, globals: &Globals) -> Result<Answer> {
        let mut set = self.set.clone();
        set.extend(self.alpha_ppb.map(|ppb| format!("terms.alpha_ppb={ppb}")));
        set.extend(self.pilot.map(|samples| format!("samples={samples}")));
        let request = RequestFile::read(&self.file, &set)?;
        let judging = request.judging()?;
        let goal = Goal {
            improvement: self.improvement.0.micros(),
            // Where the tolerance would decide, reference figures do, without it (5.6).
            limit: judging.min_improvement,
            power: self.power,
        };
        // Nothing is run for what cannot be planned.
        goal.check()?;
        if !(-1.0..=1.0).contains(&self.correlation) {
            let found = self.correlation;
            return Err(PlanError::Correlation { found }.into());
        }
        let sources = request.sources()?;
        let manifest = request.manifest(&sources, None).await?;
        let challenger = match &self.challenger {
            Some(file) => read_file(file, manifest.limits.parameter_bytes)?,
            None => sources.baseline.clone(),
        };
        let submitted = |bytes: Vec<u8>| Submitted {
            expected: Expected::of(&bytes),
            content: Content::from(bytes),
        };
        progress(&format!("evaluating {} samples", manifest.samples));
        let job = EvaluationJob {
            architecture: Content::from(sources.architecture),
            evaluator: Content::from(sources.evaluator),
            champion: submitted(sources.baseline),
            challenger: submitted(challenger),
            seed: Seed::new(self.seed),
            engine: Engine::Libtorch,
            manifest,
        };
        let evaluation =
            zarathustra_eval::evaluate(&job, &self.worker.settings(globals).await?).await?;
        let pilot = Pilot::of(&evaluation, &job.manifest)?;
        progress("simulating");
        let pool = self.pool(&pilot)?;
        let plans = plans(&job.manifest, &pool, &goal, self.draws())?;
        Ok(Outcome {
            plan: &self,
            manifest: &job.manifest,
            judging,
            pilot: &pilot,
            deviation: pool.deviation(),
            plans,
        }
        .answer())
    }

    /// Seed of the simulation.
    fn draws(&self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.seed.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn pool(&self, pilot: &Pilot) -> Result<Pool> {
        let scores = pilot.scores.as_slice();
        let pool = if self.challenger.is_some() {
            let differences: Vec<i64> = scores.iter().map(|s| s.difference()).collect();
            Pool::of_differences(&differences)?
        } else {
            let scores: Vec<i64> = scores.iter().map(|s| s.champion.micros()).collect();
            Pool::of_scores(&scores, self.correlation, self.draws())?
        };
        // Identical models with a correlation of 1 are the owner's word; equal scores are not.
        if pool.deviation() == 0.0 && self.correlation < 1.0 {
            return Err(refusal(
                "pilot_without_spread",
                "every sample of the pilot has the same score or difference, which tells nothing about other models",
                "name a better model with --challenger",
            ));
        }
        Ok(pool)
    }

    /// What the spread of the differences rests on.
    fn assumption(&self) -> String {
        match &self.challenger {
            Some(file) => format!("differences are spread as those of {}", file.display()),
            None => format!(
                "a better model's scores are spread as the baseline's, with a correlation of {}",
                self.correlation
            ),
        }
    }
}

/// A plan for each bound; an error only where there is none for either.
fn plans(
    manifest: &Manifest,
    pool: &Pool,
    goal: &Goal,
    seed: u64,
) -> Result<Vec<(Bound, Result<Found, PlanError>)>> {
    let plans = BOUNDS.map(|bound| {
        let test = Test {
            range: manifest.score_range,
            alpha: manifest.alpha,
            bound,
        };
        (bound, plan(&test, pool, goal, seed))
    });
    match plans {
        [(_, Err(_)), (_, Err(error))] => Err(error.into()),
        plans => Ok(plans.into()),
    }
}

/// What a pilot showed.
struct Pilot {
    scores: SampleScores,
    samples: u32,
    load_seconds: f64,
    /// Of both models.
    seconds: f64,
    /// Of the model that took more.
    fuel: u64,
    peak_memory_bytes: u64,
}

impl Pilot {
    fn of(evaluation: &Evaluation, manifest: &Manifest) -> Result<Self> {
        let status = evaluation.result.status();
        let Some(scores) = &evaluation.scores else {
            let detail = evaluation.detail.as_deref().unwrap_or("no detail");
            return Err(refusal(
                "pilot_failed",
                format!("the pilot ended with {status}: {detail}"),
                pilot_hint(status),
            ));
        };
        let spent = evaluation.timings.spent;
        let seconds = |micros: u64| micros as f64 * 1e-6;
        Ok(Self {
            scores: scores.clone(),
            samples: manifest.samples,
            load_seconds: seconds(spent.load_micros),
            seconds: seconds(spent.champion_micros + spent.challenger_micros),
            fuel: spent.champion_fuel.max(spent.challenger_fuel),
            peak_memory_bytes: evaluation.timings.peak_memory_bytes,
        })
    }

    /// What an operator spends on another number of samples, as if all but loading grew with them.
    fn scaled(&self, samples: u32) -> Cost {
        let part = f64::from(samples) / f64::from(self.samples);
        let fuel = (part * self.fuel as f64).ceil() as u64;
        Cost {
            seconds: self.load_seconds + part * self.seconds,
            fuel,
            reference_seconds: fuel.saturating_mul(2).div_ceil(REFERENCE_MACS_PER_SECOND),
            // 12 bytes and 16 for each sample (5.3).
            scores_bytes: 12 + 16 * u64::from(samples),
        }
    }
}

const fn pilot_hint(status: Status) -> &'static str {
    match status {
        Status::FuelExhausted => "raise limits.fuel, or lower --pilot",
        Status::EvaluatorTrapped => "raise limits.memory_bytes, or lower --pilot",
        Status::EvaluatorInvalid => "the evaluator does not do what operators expect of it",
        _ => "check baseline and challenger with `zarathustra model inspect`",
    }
}

/// What an operator spends on an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    /// Time of both models and of loading.
    seconds: f64,
    /// Fuel of one model.
    fuel: u64,
    /// Most time of both models with the reference engine, which a performer runs as well before it
    /// claims.
    reference_seconds: u64,
    /// Size of the scores file.
    scores_bytes: u64,
}

impl Cost {
    /// Most time until a performer can claim: it evaluates with one engine after the other.
    const fn claim_seconds(self) -> f64 {
        self.seconds + self.reference_seconds as f64
    }

    /// The limit of the request that this exceeds.
    fn beyond(&self, limits: &Limits) -> Option<&'static str> {
        if self.fuel > limits.fuel {
            Some("limits.fuel")
        } else if self.reference_seconds > limits.wall_seconds
            || self.seconds > limits.wall_seconds as f64
        {
            Some("limits.wall_seconds")
        } else {
            None
        }
    }
}

/// The least fee at which trying for luck does not pay (4.2), in wei.
fn least_fee(alpha: Alpha, reward_value: u128) -> U256 {
    (U256::from(2) * U256::from(alpha.ppb()) * U256::from(reward_value))
        .div_ceil(U256::from(1_000_000_000))
}

/// All that is told.
struct Outcome<'a> {
    plan: &'a Plan,
    manifest: &'a Manifest,
    judging: Judging,
    pilot: &'a Pilot,
    deviation: f64,
    plans: Vec<(Bound, Result<Found, PlanError>)>,
}

impl Outcome<'_> {
    fn answer(&self) -> Answer {
        Answer::new(self.text(), self.json())
    }

    fn text(&self) -> String {
        let (pilot, judging) = (self.pilot, &self.judging);
        let mut rows = head([
            "bound",
            "samples",
            "power",
            "width",
            "seconds",
            "to claim",
            "fuel of limit",
            "scores file",
            "",
        ]);
        for (bound, found) in &self.plans {
            let name = bound_name(*bound).to_owned();
            rows.push(match found {
                Ok(found) => {
                    let cost = pilot.scaled(found.samples);
                    let limits = &self.manifest.limits;
                    let note = match cost.beyond(limits) {
                        Some(limit) => format!("exceeds {limit}"),
                        None => "within the limits".to_owned(),
                    };
                    vec![
                        name,
                        found.samples.to_string(),
                        format!("{:.3}", found.power),
                        micros(found.width),
                        format!("{:.2}", cost.seconds),
                        format!("at most {:.2}", cost.claim_seconds()),
                        format!("{:.1}%", 100.0 * cost.fuel as f64 / limits.fuel as f64),
                        format!("{} bytes", cost.scores_bytes),
                        note,
                    ]
                }
                Err(error) => vec![name, "-".to_owned(), error.to_string()],
            });
        }
        let alpha = self.manifest.alpha;
        let lines = fields(&[
            ("improvement", micros(self.plan.improvement.0.micros())),
            (
                "found when",
                format!(
                    "the lower bound reaches {}",
                    micros(judging.min_improvement)
                ),
            ),
            (
                "error probability",
                format!("{} in 1000000000", alpha.ppb()),
            ),
            (
                "pilot",
                format!(
                    "{} samples in {:.2} seconds, and {:.2} to load",
                    pilot.samples, pilot.seconds, pilot.load_seconds
                ),
            ),
            (
                "memory of the pilot",
                format!("{} bytes", pilot.peak_memory_bytes),
            ),
            (
                "deviation of differences",
                micros(self.deviation.round() as i64),
            ),
            ("assumed", self.plan.assumption()),
            ("evaluation fee", ether(judging.evaluation_fee)),
            (
                "at least, so that luck does not pay",
                ether(least_fee(alpha, judging.reward_value)),
            ),
        ]);
        format!("{lines}\n{}", table(&rows))
    }

    fn json(&self) -> Value {
        let (pilot, judging) = (self.pilot, &self.judging);
        let limits = &self.manifest.limits;
        let plans: Vec<Value> = self
            .plans
            .iter()
            .map(|(bound, found)| match found {
                Ok(found) => {
                    let cost = pilot.scaled(found.samples);
                    json!({
                        "bound": bound_name(*bound),
                        "samples": found.samples,
                        "power": found.power,
                        "trials": found.trials,
                        "width": found.width,
                        "seconds": cost.seconds,
                        "claim_seconds": cost.claim_seconds(),
                        "fuel": cost.fuel,
                        "scores_bytes": cost.scores_bytes,
                        "exceeds": cost.beyond(limits),
                    })
                }
                Err(error) => json!({
                    "bound": bound_name(*bound),
                    "error": { "code": error.code(), "message": error.to_string() },
                }),
            })
            .collect();
        let least = least_fee(self.manifest.alpha, judging.reward_value);
        json!({
            "improvement": self.plan.improvement.0.micros(),
            "limit": judging.min_improvement,
            "power": self.plan.power,
            "alpha_ppb": self.manifest.alpha.ppb(),
            "seed": self.plan.seed,
            "assumption": self.plan.assumption(),
            "deviation": self.deviation,
            "pilot": {
                "samples": pilot.samples,
                "load_seconds": pilot.load_seconds,
                "seconds": pilot.seconds,
                "fuel": pilot.fuel,
                "peak_memory_bytes": pilot.peak_memory_bytes,
            },
            "limits": { "fuel": limits.fuel, "wall_seconds": limits.wall_seconds },
            "evaluation_fee": judging.evaluation_fee.to_string(),
            "least_evaluation_fee": least.to_string(),
            "plans": plans,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_grow_with_samples_and_loading_does_not() {
        let sample = zarathustra_primitives::SampleScore {
            champion: zarathustra_primitives::Score::ZERO,
            challenger: zarathustra_primitives::Score::ZERO,
        };
        let mut pilot = Pilot {
            scores: SampleScores::new(vec![sample; 2]).expect("two"),
            samples: 1000,
            load_seconds: 0.5,
            seconds: 2.0,
            fuel: 3_000_001,
            peak_memory_bytes: 0,
        };
        let cost = pilot.scaled(2500);
        assert!((cost.seconds - 5.5).abs() < 1e-9);
        assert_eq!((cost.fuel, cost.scores_bytes), (7_500_003, 40_012));
        let limits = Limits {
            parameter_bytes: 1,
            parameters: 1,
            macs_per_sample: 1,
            activation_bytes: 1,
            fuel: 7_500_003,
            memory_bytes: 1,
            wall_seconds: 6,
        };
        assert_eq!(cost.beyond(&limits), None);
        let tight = |fuel, wall_seconds| {
            cost.beyond(&Limits {
                fuel,
                wall_seconds,
                ..limits
            })
        };
        assert_eq!(tight(7_500_002, 6), Some("limits.fuel"));
        assert_eq!(tight(7_500_003, 5), Some("limits.wall_seconds"));

        // Both models in 250,000,000 multiply-adds a second: 6 s of the reference engine, whatever
        // libtorch took.
        let mut slow = |fuel| {
            pilot.fuel = fuel;
            pilot.scaled(1000).beyond(&Limits {
                fuel: u64::MAX,
                ..limits
            })
        };
        assert_eq!(slow(750_000_000), None);
        assert_eq!(slow(750_000_001), Some("limits.wall_seconds"));
    }

    #[test]
    fn the_least_fee_is_twice_alpha_of_the_reward_rounded_up() {
        let alpha = Alpha::from_ppb(1_000_000).expect("in range");
        assert_eq!(least_fee(alpha, 1_000_000), U256::from(2_000));
        assert_eq!(least_fee(alpha, 1_000_001), U256::from(2_001));
    }
}
