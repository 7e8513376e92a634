//! Whether a lower bound reaches a limit, for many sets of differences.

use zarathustra_primitives::{Alpha, Bound, SampleScore, SampleScores, Score, ScoreRange};
use zarathustra_protocol::{betting_order, figures, lower_reaches};

/// How far, in natural logarithms of the capital, quick arithmetic has to be from the target to
/// decide. Its bets differ from the exact ones by their rounding, a millionth part or so.
const CAPITAL_MARGIN: f64 = 1e-3;
/// How far, in millionths of a score, a quick half-width has to be from deciding otherwise: the
/// exact bound rounds the mean and the half-width by less than one each.
const WIDTH_MARGIN: f64 = 2.5;

/// A bound of the mean difference, as a request asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// Range of sample scores.
    pub range: ScoreRange,
    /// Error probability of either side.
    pub alpha: Alpha,
    /// The bound; not none.
    pub bound: Bound,
}

impl Test {
    /// Whether the lower bound of the mean of `differences` is at least `limit`, both in
    /// millionths. The same answer as that of [`lower_reaches`], which is asked wherever the quick
    /// one is not clear.
    ///
    /// # Panics
    /// When there are fewer than two differences or more than 2^20, one is larger than the range,
    /// or the bound is none.
    pub fn reaches(&self, differences: &[i64], limit: i64) -> bool {
        let quick = match self.bound {
            Bound::Betting => self.betting(differences, limit),
            Bound::EmpiricalBernstein => self.bernstein(differences, limit),
            Bound::None => None,
        };
        quick.unwrap_or_else(|| self.exactly(differences, limit))
    }

    /// The answer of the protocol's integers.
    fn exactly(&self, differences: &[i64], limit: i64) -> bool {
        let limit = Score::from_micros(limit);
        lower_reaches(
            &self.scores(differences),
            self.range,
            self.alpha,
            self.bound,
            limit,
        )
        .expect("a bound, and differences in range")
    }

    /// The lower bound of the mean of `differences`, in millionths.
    ///
    /// # Panics
    /// As [`Self::reaches`] does.
    pub fn lower(&self, differences: &[i64]) -> i64 {
        figures(
            &self.scores(differences),
            self.range,
            self.alpha,
            self.bound,
        )
        .expect("a bound, and differences in range")
        .lower
        .micros()
    }

    /// Scores with these differences.
    fn scores(&self, differences: &[i64]) -> SampleScores {
        let lo = self.range.lo().micros();
        let score = |difference: &i64| SampleScore {
            champion: Score::from_micros(lo + (-difference).max(0)),
            challenger: Score::from_micros(lo + (*difference).max(0)),
        };
        let scores = differences.iter().map(score).collect();
        SampleScores::new(scores).expect("a number of samples in range")
    }

    /// `ln(2/alpha)`.
    fn log(&self) -> f64 {
        (2e9 / f64::from(self.alpha.ppb())).ln()
    }

    /// What the lower bound of empirical Bernstein says, where roundings do not matter.
    fn bernstein(&self, differences: &[i64], limit: i64) -> Option<bool> {
        let (mean, variance) = moments(differences);
        let lower = mean - self.half_width(differences.len(), variance);
        let distance = lower - limit as f64;
        (distance.abs() > WIDTH_MARGIN + 1e-9 * self.range.width() as f64).then_some(distance > 0.0)
    }

    /// Half-width of empirical Bernstein for a variance, in millionths (5.4).
    pub(crate) fn half_width(&self, n: usize, variance: f64) -> f64 {
        let (n, log) = (n as f64, self.log());
        let most = 2.0 * self.range.width() as f64;
        (2.0 * variance * log / n).sqrt() + 7.0 * most * log / (3.0 * (n - 1.0))
    }

    /// What the capital of the betting bound says, where roundings do not matter (5.4).
    fn betting(&self, differences: &[i64], limit: i64) -> Option<bool> {
        let width = self.range.width() as i64;
        let n = differences.len();
        let total: i128 = differences.iter().map(|d| i128::from(*d)).sum();
        if i128::from(limit) * n as i128 > total {
            return Some(false);
        }
        if limit <= -width {
            return Some(true);
        }
        let most = 2.0 * width as f64;
        let claimed = (limit + width) as f64 / most;
        let cap = 0.75 / claimed;
        let target = -(f64::from(self.alpha.ppb()) * 1e-9).ln();
        let (double_log, count) = (2.0 * self.log(), n as f64);
        let (mut sum, mut squares) = (0.5, 0.25);
        // The capital is `product * e^settled`; its logarithm was `highest` at most when it was last
        // settled, and `product` `peak` at most since then. Logarithms are slow.
        let (mut product, mut settled, mut highest, mut peak) = (1.0f64, 0.0f64, 0.0f64, 1.0f64);
        let mut clear = (target + CAPITAL_MARGIN).exp();
        for (t, index) in (1..=n).zip(betting_order(n)) {
            let gain = (differences[index] + width) as f64 / most;
            let bet = (double_log * t as f64 / (count * squares)).sqrt().min(cap);
            product *= 1.0 + bet * (gain - claimed);
            peak = peak.max(product);
            if peak >= clear {
                return Some(true);
            }
            if product < 1e-100 {
                highest = highest.max(settled + peak.ln());
                settled += product.ln();
                (product, peak) = (1.0, 1.0);
                clear = (target + CAPITAL_MARGIN - settled).exp();
            }
            sum += gain;
            let off = gain - sum / (t + 1) as f64;
            squares += off * off;
        }
        highest = highest.max(settled + peak.ln());
        (highest < target - CAPITAL_MARGIN).then_some(false)
    }
}

/// Mean and unbiased variance.
pub(crate) fn moments(differences: &[i64]) -> (f64, f64) {
    let n = differences.len() as f64;
    let sum: f64 = differences.iter().map(|d| *d as f64).sum();
    let mean = sum / n;
    let squares: f64 = differences.iter().map(|d| (*d as f64 - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Differences with a mean, a spread and sometimes a great loss, in a range of one.
    fn differences() -> impl Strategy<Value = Vec<i64>> {
        (
            2usize..400,
            -100_000i64..300_000,
            0i64..500_000,
            0u32..40,
            any::<u64>(),
        )
            .prop_map(|(n, mean, spread, losses, seed)| {
                let mut random = crate::Random::new(seed, 0);
                let draw = |_| {
                    if random.below(1000) < losses as usize {
                        return -1_000_000;
                    }
                    let off = (spread as f64 * (2.0 * random.unit() - 1.0)) as i64;
                    (mean + off).clamp(-1_000_000, 1_000_000)
                };
                (0..n).map(draw).collect()
            })
    }

    fn test(bound: Bound, ppb: u32) -> Test {
        let [lo, hi] = [0, 1_000_000].map(Score::from_micros);
        Test {
            range: ScoreRange::new(lo, hi).expect("a range"),
            alpha: Alpha::from_ppb(ppb).expect("in range"),
            bound,
        }
    }

    proptest! {
        /// Far from the bound, and within a few millionths of it, where the quick way passes on.
        #[test]
        fn the_quick_answer_is_the_exact_one(
            differences in differences(),
            betting: bool,
            ppb in prop_oneof![1u32..=100_000_000, Just(1_000_000), Just(10_000_000)],
            limits in proptest::collection::vec(-1_100_000i64..=1_100_000, 8),
        ) {
            let bound = if betting { Bound::Betting } else { Bound::EmpiricalBernstein };
            let test = test(bound, ppb);
            // The greatest limit that is reached exactly, by bisection.
            let (mut reached, mut beyond) = (-40_000_000, 2_000_000);
            while beyond - reached > 1 {
                let middle = (reached + beyond) / 2;
                if test.exactly(&differences, middle) { reached = middle } else { beyond = middle }
            }
            let near = [-1000, -100, -30, -10, -3, -2, -1, 0, 1, 2, 3, 10, 30, 100, 1000];
            for limit in near.map(|off| reached + off).into_iter().chain(limits) {
                prop_assert_eq!(
                    test.reaches(&differences, limit), limit <= reached, "{} of {}", limit, reached
                );
            }
        }
    }

    #[test]
    fn quick_answers_are_the_rule() {
        let mut random = crate::Random::new(5, 5);
        for bound in [Bound::Betting, Bound::EmpiricalBernstein] {
            let test = test(bound, 1_000_000);
            let passed_on = (0..1000)
                .filter(|_| {
                    let draws: Vec<i64> = (0..300)
                        .map(|_| (random.normal() * 1e5) as i64 + 25_000)
                        .collect();
                    match bound {
                        Bound::Betting => test.betting(&draws, 0).is_none(),
                        _ => test.bernstein(&draws, 0).is_none(),
                    }
                })
                .count();
            assert!(passed_on < 10, "{bound}: {passed_on} of 1000");
        }
    }
}
