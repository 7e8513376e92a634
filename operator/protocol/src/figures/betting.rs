//! The betting bound (5.4): Waudby-Smith and Ramdas 2024, "Estimating means of bounded random
//! variables by betting", with their predictable plug-in bets.
//!
//! Somebody claims that the mean is at most `m`. A bettor who starts with 1 bets on each sample
//! that it lies higher, at odds that are fair when the claim is true. The capital is then a
//! supermartingale, and by Ville's inequality it ever reaches `1/alpha` with a probability of at
//! most `alpha`. So a claim at which it does is rejected, and the greatest rejected claim is a lower
//! bound of the mean. What is bet may depend on earlier samples in whatever way; the roundings of
//! the bets therefore cost nothing in validity, and those of the capital all go down.

use std::iter::successors;

use zarathustra_primitives::{Alpha, ScoreRange};

use crate::logarithm::{DECIMALS, ln_two_over};

/// Fraction bits of a gain as the variance is estimated from it.
const GAIN_BITS: u32 = 20;
/// Fraction bits of a bet on a gain between 0 and 1.
const BET_BITS: u32 = 28;
/// Fraction bits of `2 L` in the formula of the bet.
const LOG_BITS: u32 = 44;

/// Bets on samples that they lie above a claimed mean.
///
/// Samples are *gains*: differences of scores, moved (and for the upper bound mirrored) so that
/// they are at least 0. The largest possible one is `R`.
pub(super) struct Bettor {
    /// Gains and what is bet on them, in the order of betting.
    rounds: Vec<Round>,
    /// A factor of the capital is an integer in units of `2^-scale`.
    scale: u32,
    /// The capital at which a claim is rejected, rounded up.
    target: Capital,
    /// The mean of the gains, rounded down.
    mean: u64,
}

struct Round {
    gain: u64,
    /// The bet on a unit of gain, in units of `2^-scale`.
    bet: u64,
}

impl Bettor {
    /// Bets that the mean difference is more than claimed.
    pub(super) fn on_more(differences: &[i64], range: ScoreRange, alpha: Alpha) -> Self {
        Self::new(
            differences,
            |difference, width| width + difference,
            range,
            alpha,
        )
    }

    /// Bets that it is less.
    pub(super) fn on_less(differences: &[i64], range: ScoreRange, alpha: Alpha) -> Self {
        Self::new(
            differences,
            |difference, width| width - difference,
            range,
            alpha,
        )
    }

    /// `differences` are from 2 to 2^20, each at most the width of the range in magnitude.
    fn new(
        differences: &[i64],
        gain: impl Fn(i64, i64) -> i64,
        range: ScoreRange,
        alpha: Alpha,
    ) -> Self {
        // At most 2^54, so that a gain is at most 2^55.
        let width = range.width();
        let most = 2 * width;
        // 2^(scale - BET_BITS) is from 16 to 32 times the greatest gain: bets on a unit keep the
        // precision of bets on the whole.
        let scale = BET_BITS + 4 + u64::BITS - most.leading_zeros();
        let n = differences.len() as u128;
        let unit = 10u128.pow(DECIMALS);
        let log = ((2 * ln_two_over(alpha)) << LOG_BITS) / unit;

        let mut rounds = Vec::with_capacity(differences.len());
        let mut total = 0u128;
        // As if one gain of a half with a variance of a quarter had come before.
        let mut sum = 1u64 << (GAIN_BITS - 1);
        let mut squares = 1u64 << (2 * GAIN_BITS - 2);
        for (t, index) in (1u64..).zip(order(differences.len())) {
            let gain = gain(differences[index], width as i64).unsigned_abs();
            let shift = 2 * GAIN_BITS + 2 * BET_BITS - LOG_BITS;
            let square = ((log * u128::from(t)) << shift) / (n * u128::from(squares));
            let bet = (square.isqrt() << (scale - BET_BITS)) / u128::from(most);
            rounds.push(Round {
                gain,
                bet: bet as u64,
            });
            total += u128::from(gain);
            let part = ((u128::from(gain) << GAIN_BITS) / u128::from(most)) as u64;
            sum += part;
            squares += part.abs_diff(sum / (t + 1)).pow(2);
        }
        Self {
            rounds,
            scale,
            target: Capital::inverse(alpha),
            mean: (total / n) as u64,
        }
    }

    /// The greatest rejected mean, not above that of the gains; 0 where none is rejected, which no
    /// mean of gains falls below.
    pub(super) fn limit(&self) -> u64 {
        let (mut rejected, mut beyond) = (0, self.mean + 1);
        while beyond - rejected > 1 {
            let middle = rejected + (beyond - rejected) / 2;
            if self.rejects(middle) {
                rejected = middle;
            } else {
                beyond = middle;
            }
        }
        rejected
    }

    /// Whether [`Self::limit`] is at least a positive `mean`.
    pub(super) fn reaches(&self, mean: u64) -> bool {
        mean <= self.mean && self.rejects(mean)
    }

    /// Whether the capital ever reaches the target when the mean is claimed to be `mean`, which is
    /// positive.
    ///
    /// A mean below a rejected one is rejected as well: each factor falls when `mean` grows, within
    /// both of its forms and from the one to the other, and cutting digits off keeps the order.
    fn rejects(&self, mean: u64) -> bool {
        let one = 1u128 << self.scale;
        // Never more than three quarters of the capital are at stake.
        let stake = 3 * (one / 4);
        let most = stake / u128::from(mean);
        let mut capital = Capital::ONE;
        for round in &self.rounds {
            let (gain, bet) = (u128::from(round.gain), u128::from(round.bet));
            let factor = if bet <= most {
                // 1 + bet (gain - mean); what is taken away is at most the stake.
                one - bet * u128::from(mean) + bet * gain
            } else {
                // 1/4 + 3/4 gain / mean.
                (one / 4).saturating_add(most.saturating_mul(gain))
            };
            capital = capital.times(factor, self.scale);
            if capital >= self.target {
                return true;
            }
        }
        false
    }
}

/// The order of betting on `n` samples (5.4): every `step`-th, round and round, with a step near the
/// golden section of `n` that meets each sample once.
///
/// Bets assume that what comes resembles what came. An evaluator that draws its samples class by
/// class would break that in the order of the leaves: a model better at the first class and worse
/// at all others would win before the others come. In this order every stretch has its share of
/// each class.
pub fn order(n: usize) -> impl Iterator<Item = usize> {
    // 2^64 divided by the golden ratio, the nearest integer.
    const SECTION: u128 = 11_400_714_819_323_198_485;
    let near = ((n as u128 * SECTION) >> 64) as usize;
    let step = (near.max(1)..)
        .find(|step| gcd(*step, n) == 1)
        .expect("n + 1 has no divisor in common with n");
    successors(Some(0), move |index| Some((index + step) % n)).take(n)
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A positive number `mantissa * 2^exponent` with 64 digits, the first of which is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Capital {
    // In this order, so that the derived comparison is that of the numbers.
    exponent: i64,
    mantissa: u64,
}

impl Capital {
    const ONE: Self = Self {
        exponent: -63,
        mantissa: 1 << 63,
    };

    /// `1 / alpha`, rounded up.
    fn inverse(alpha: Alpha) -> Self {
        const BILLION: u64 = 1_000_000_000;
        let ppb = u64::from(alpha.ppb());
        let digits = (BILLION / ppb).ilog2();
        let mantissa = (u128::from(BILLION) << (63 - digits)).div_ceil(ppb.into());
        Self {
            exponent: i64::from(digits) - 63,
            // Below 2^64: the quotient misses the next power of two by at least 1e-8, if at all.
            mantissa: mantissa as u64,
        }
    }

    /// The product with the positive `factor * 2^-scale`, cut off after 64 digits.
    const fn times(self, factor: u128, scale: u32) -> Self {
        let lead = factor.leading_zeros();
        let top = (factor << lead) >> 64;
        let product = self.mantissa as u128 * top;
        let carry = product.leading_zeros();
        Self {
            exponent: self.exponent + 128 - (lead + carry + scale) as i64,
            mantissa: ((product << carry) >> 64) as u64,
        }
    }
}

#[cfg(test)]
mod tests;
