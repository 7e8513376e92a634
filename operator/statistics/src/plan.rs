//! The number of samples that a wanted improvement takes.

use zarathustra_primitives::{MAX_SAMPLES, ScoreRange};

use crate::{Random, Test, simulate::count, test::moments};

/// Differences that a plan draws at most from.
const POOL: usize = 1 << 16;
/// Samples drawn to find the neighbourhood of a plan, and to fix it there, for each number of
/// samples that is tried.
const COARSE: u64 = 10_000_000;
const FINE: u64 = 100_000_000;
/// Trials at least and at most for each.
const COARSE_TRIALS: (u64, u64) = (50, 2_000);
const FINE_TRIALS: (u64, u64) = (1_000, 20_000);

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Fewer than two scores to learn from.
    #[error("a pilot of {found} samples tells nothing about their spread")]
    PilotTooSmall {
        /// Samples of the pilot.
        found: usize,
    },
    /// The correlation is not from -1 to 1.
    #[error("{found} is no correlation")]
    Correlation {
        /// What was given.
        found: f64,
    },
    /// The power is not between a half and one.
    #[error("a power of {found} is not between 0.5 and 1")]
    Power {
        /// What was given.
        found: f64,
    },
    /// A challenger that is just so much better could never be accepted.
    #[error(
        "an improvement of {improvement} millionths is not above the {limit} that the lower bound must reach"
    )]
    TooSmall {
        /// The wanted improvement.
        improvement: i64,
        /// What the lower bound must reach.
        limit: i64,
    },
    /// No scores of the range have such an improvement over what the pilot saw.
    #[error("scores in range leave no room for an improvement of {improvement} millionths")]
    NoRoom {
        /// The wanted improvement.
        improvement: i64,
    },
    /// The most samples that an evaluation can have are too few.
    #[error("{MAX_SAMPLES} samples, the most there can be, find it with a power of {power:.3}")]
    TooMany {
        /// The power that they have.
        power: f64,
    },
}

impl PlanError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PilotTooSmall { .. } => "pilot_too_small",
            Self::Correlation { .. } => "correlation",
            Self::Power { .. } => "power",
            Self::TooSmall { .. } => "improvement_too_small",
            Self::NoRoom { .. } => "improvement_too_large",
            Self::TooMany { .. } => "too_many_samples",
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// The improvement to be found, in millionths.
    pub improvement: i64,
    /// What the lower bound must reach: the minimum improvement, in millionths.
    pub limit: i64,
    /// Probability with which it is to be found.
    pub power: f64,
}

/// A number of samples with which an improvement is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Samples.
    pub samples: u32,
    /// Probability with which they find the improvement, as simulated.
    pub power: f64,
    /// Trials of that simulation.
    pub trials: u64,
    /// How far the lower bound lies below the improvement, in millionths; the mean of a few
    /// evaluations.
    pub width: i64,
}

impl Goal {
    /// Checks what can be checked without a pilot.
    ///
    /// # Errors
    /// When the power is none, or the improvement is not above the limit.
    pub const fn check(&self) -> Result<(), PlanError> {
        if !(self.power >= 0.5 && self.power < 1.0) {
            return Err(PlanError::Power { found: self.power });
        }
        if self.improvement <= self.limit {
            return Err(PlanError::TooSmall {
                improvement: self.improvement,
                limit: self.limit,
            });
        }
        Ok(())
    }
}

/// Differences that stand for those of a future evaluation, about a mean of 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool(Vec<f64>);

impl Pool {
    /// From the differences of a pilot with a challenger: their spread is taken as it is.
    ///
    /// # Errors
    /// When there are fewer than two.
    pub fn of_differences(differences: &[i64]) -> Result<Self, PlanError> {
        let found = differences.len();
        if found < 2 {
            return Err(PlanError::PilotTooSmall { found });
        }
        let (mean, _) = moments(differences);
        Ok(Self(differences.iter().map(|d| *d as f64 - mean).collect()))
    }

    /// From the scores of one model: another one's are taken to be spread alike and to have a
    /// `correlation` with them, so that differences have a variance of `2 (1 - correlation)` times
    /// that of the scores.
    ///
    /// # Errors
    /// When there are fewer than two scores, or the correlation is none.
    pub fn of_scores(scores: &[i64], correlation: f64, seed: u64) -> Result<Self, PlanError> {
        let found = scores.len();
        if found < 2 {
            return Err(PlanError::PilotTooSmall { found });
        }
        if !(-1.0..=1.0).contains(&correlation) {
            return Err(PlanError::Correlation { found: correlation });
        }
        let mut random = Random::new(seed, u64::MAX);
        let scale = (1.0 - correlation).sqrt();
        let mut draw = || scores[random.below(found)] as f64;
        let pairs = (0..POOL / 2).map(|_| scale * (draw() - draw()));
        // Each pair in both orders: neither model is better.
        Ok(Self(pairs.flat_map(|d| [d, -d]).collect()))
    }

    /// Standard deviation of the differences, in millionths.
    pub fn deviation(&self) -> f64 {
        let squares: f64 = self.0.iter().map(|d| d * d).sum();
        (squares / (self.0.len() - 1) as f64).sqrt()
    }

    /// Differences in range with a mean of `improvement`: the pool moved as far as that takes, and
    /// clipped.
    fn with_mean(&self, improvement: i64, range: ScoreRange) -> Result<Vec<i64>, PlanError> {
        let most = range.width() as f64;
        let moved = |by: f64| self.0.iter().map(move |d| (d + by).clamp(-most, most));
        let mean = |by: f64| moved(by).sum::<f64>() / self.0.len() as f64;
        let wanted = improvement as f64;
        let (mut low, mut high) = (-3.0 * most, 3.0 * most);
        if wanted.abs() >= most || mean(low) > wanted || mean(high) < wanted {
            return Err(PlanError::NoRoom { improvement });
        }
        while high - low > 0.01 {
            let middle = f64::midpoint(low, high);
            if mean(middle) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(moved(high).map(|d| d.round() as i64).collect())
    }
}

/// Simulates evaluations of `samples` with an improvement of the goal's, and tells which part of
/// them finds it.
///
/// # Errors
/// When the pool has no room for the improvement.
pub fn power_at(
    test: &Test,
    pool: &Pool,
    goal: &Goal,
    samples: u32,
    trials: u64,
    seed: u64,
) -> Result<f64, PlanError> {
    let pool = pool.with_mean(goal.improvement, test.range)?;
    Ok(power_in(test, &pool, goal.limit, samples, trials, seed))
}

fn power_in(test: &Test, pool: &[i64], limit: i64, samples: u32, trials: u64, seed: u64) -> f64 {
    let found = count(trials, seed, |random, differences| {
        differences.clear();
        differences.extend((0..samples).map(|_| pool[random.below(pool.len())]));
        test.reaches(differences, limit)
    });
    found as f64 / trials as f64
}

/// The least number of samples that finds an improvement with the wanted power, to about one part
/// in a hundred.
///
/// # Errors
/// When the goal makes no sense or cannot be reached.
pub fn plan(test: &Test, pool: &Pool, goal: &Goal, seed: u64) -> Result<Plan, PlanError> {
    goal.check()?;
    let differences = pool.with_mean(goal.improvement, test.range)?;
    let trials =
        |effort: u64, (least, most): (u64, u64), n: u32| (effort / u64::from(n)).clamp(least, most);
    let power = |effort, range, n: u32, seed| {
        let trials = trials(effort, range, n);
        power_in(test, &differences, goal.limit, n, trials, seed)
    };
    let coarse = |n| power(COARSE, COARSE_TRIALS, n, seed);

    let (mut enough, mut too_few) = (guess(test, &differences, goal), 1);
    loop {
        let power = coarse(enough);
        if power >= goal.power {
            break;
        }
        if enough == MAX_SAMPLES {
            return Err(PlanError::TooMany { power });
        }
        too_few = enough;
        enough = (2 * enough).min(MAX_SAMPLES);
    }
    while enough - too_few > (enough / 50).max(1) {
        let middle = too_few + (enough - too_few) / 2;
        if coarse(middle) < goal.power {
            too_few = middle;
        } else {
            enough = middle;
        }
    }
    let fine = |n, stream| power(FINE, FINE_TRIALS, n, seed.wrapping_add(stream));
    let samples = refine(enough, goal.power, |n| fine(n, 1));
    Ok(Plan {
        samples,
        power: fine(samples, 2),
        trials: trials(FINE, FINE_TRIALS, samples),
        width: width(test, &differences, samples, seed),
    })
}

/// Mean distance of the lower bound from the pool's mean over a few evaluations.
fn width(test: &Test, pool: &[i64], samples: u32, seed: u64) -> i64 {
    const EVALUATIONS: u64 = 5;
    let lower = |stream| {
        let mut random = Random::new(!seed, stream);
        let draws: Vec<i64> = (0..samples)
            .map(|_| pool[random.below(pool.len())])
            .collect();
        test.lower(&draws)
    };
    let (mean, _) = moments(pool);
    mean as i64 - (0..EVALUATIONS).map(lower).sum::<i64>() / EVALUATIONS as i64
}

/// Where to begin: where the half-width of empirical Bernstein leaves half of the room between
/// improvement and limit, as if all were normal.
fn guess(test: &Test, differences: &[i64], goal: &Goal) -> u32 {
    let (_, variance) = moments(differences);
    let room = (goal.improvement - goal.limit) as f64;
    let mut n = 2;
    while n < MAX_SAMPLES && test.half_width(n as usize, variance) > room {
        n *= 2;
    }
    n
}

/// Samples near `n` whose power is `wanted`: a line through the log-odds of the power at a few
/// numbers of samples, over their logarithms. Where the half-width outweighs the spread of the
/// mean, the power leaps within a part in a hundred, so they are taken ever closer to `n`.
fn refine(n: u32, wanted: f64, power: impl Fn(u32) -> f64) -> u32 {
    let odds = |p: f64| (p / (1.0 - p)).ln();
    for spread in [0.15, 0.05, 0.015, 0.005] {
        let mut places = [-1.0, -0.3, 0.3, 1.0]
            .map(|part| ((f64::from(n) * (1.0 + part * spread)) as u32).clamp(2, MAX_SAMPLES))
            .to_vec();
        places.dedup();
        let points: Vec<(f64, f64)> = places
            .iter()
            .map(|n| (f64::from(*n).ln(), power(*n)))
            .filter(|(_, power)| (0.05..0.95).contains(power))
            .map(|(place, power)| (place, odds(power)))
            .collect();
        if points.len() < 3 {
            continue;
        }
        let count = points.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
        let slope = mean(&|p| (p.0 - x) * (p.1 - y)) / mean(&|p| (p.0 - x).powi(2));
        if slope > 0.0 {
            let fitted = (x + (odds(wanted) - y) / slope).exp().ceil();
            let near = fitted.clamp(0.9 * f64::from(n), 1.1 * f64::from(n));
            return (near as u32).clamp(2, MAX_SAMPLES);
        }
    }
    // The power leaps from nothing to all between one number of samples and the next.
    n
}

#[cfg(test)]
mod tests;
