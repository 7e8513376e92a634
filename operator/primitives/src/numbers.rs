//! Quantities with a unit each, and only the arithmetic that has a meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A quantity outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// A threshold must satisfy `2/3 <= p/q < 1` (2.1).
    #[error("threshold {numerator}/{denominator} is not in [2/3, 1)")]
    Threshold {
        /// p.
        numerator: u16,
        /// q.
        denominator: u16,
    },
    /// A range of scores must satisfy `-2^53 <= lo < hi <= 2^53`.
    #[error("score range [{lo}, {hi}] is empty or reaches beyond 2^53 millionths")]
    ScoreRange {
        /// Lower end, in millionths.
        lo: i64,
        /// Upper end, in millionths.
        hi: i64,
    },
    /// The error probability must be from 1 to 1e8 parts per billion (4.2).
    #[error("error probability of {ppb} parts per billion is not in [1, 100000000]")]
    Alpha {
        /// Parts per billion.
        ppb: u32,
    },
}

/// Stake of an operator or of several, in the strategies' shares as EigenLayer counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stake(u128);

impl Stake {
    /// No stake.
    pub const ZERO: Self = Self(0);

    /// Wraps an amount of shares.
    pub const fn new(shares: u128) -> Self {
        Self(shares)
    }

    /// The amount of shares.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Sum; `None` when it does not fit.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Difference; `None` when `other` is more.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// Sum of many; `None` when it does not fit.
    pub fn checked_sum(stakes: impl IntoIterator<Item = Self>) -> Option<Self> {
        stakes.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Stake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A score or a difference of scores, in units of 1e-6.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Score(i64);

impl Score {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// Units in one.
    pub const SCALE: i64 = 1_000_000;

    /// Wraps a number of millionths.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The number of millionths.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Distance between two scores, in millionths. Always fits.
    pub const fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

impl fmt::Display for Score {
    /// As a decimal with six places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let scale = Self::SCALE.unsigned_abs();
        write!(f, "{sign}{}.{:06}", magnitude / scale, magnitude % scale)
    }
}

/// The range that a request's sample scores are clipped to (5.3, 5.9).
///
/// Ends lie within 2^53 millionths, so that they are exact in a 64-bit float and no sum or bound
/// of scores in the range overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScoreRange {
    lo: Score,
    hi: Score,
}

impl ScoreRange {
    /// Farthest from zero that an end may lie, in millionths.
    pub const MAX_MICROS: i64 = 1 << 53;

    /// Checks and wraps the ends.
    ///
    /// # Errors
    /// When the range is empty or too wide.
    pub const fn new(lo: Score, hi: Score) -> Result<Self, NumberError> {
        if -Self::MAX_MICROS <= lo.0 && lo.0 < hi.0 && hi.0 <= Self::MAX_MICROS {
            Ok(Self { lo, hi })
        } else {
            Err(NumberError::ScoreRange { lo: lo.0, hi: hi.0 })
        }
    }

    /// Lower end.
    pub const fn lo(self) -> Score {
        self.lo
    }

    /// Upper end.
    pub const fn hi(self) -> Score {
        self.hi
    }

    /// Whether a score lies in the range, ends included.
    pub const fn contains(self, score: Score) -> bool {
        self.lo.0 <= score.0 && score.0 <= self.hi.0
    }

    /// Distance of the ends, in millionths.
    pub const fn width(self) -> u64 {
        self.hi.distance(self.lo)
    }
}

/// Market clock: blocks less blocks spent paused (1.1). Not a block number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Clock(u64);

impl Clock {
    /// Wraps a reading of the contracts' `clock()`.
    pub const fn new(blocks: u64) -> Self {
        Self(blocks)
    }

    /// The reading.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The moment that lies `blocks` later; the last one there is when that overflows, so that
    /// an absurd window never comes due.
    pub const fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// Blocks from `earlier` to this moment; 0 when it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The share of stake that a certificate must exceed: `p/q` with `2/3 <= p/q < 1` (2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Threshold {
    numerator: u16,
    denominator: u16,
}

impl Threshold {
    /// Two thirds, the least that is allowed.
    pub const TWO_THIRDS: Self = Self {
        numerator: 2,
        denominator: 3,
    };

    /// Checks and wraps `p/q`.
    ///
    /// # Errors
    /// Outside `[2/3, 1)`.
    pub const fn new(numerator: u16, denominator: u16) -> Result<Self, NumberError> {
        let (p, q) = (numerator as u32, denominator as u32);
        if 2 * q <= 3 * p && p < q {
            Ok(Self {
                numerator,
                denominator,
            })
        } else {
            Err(NumberError::Threshold {
                numerator,
                denominator,
            })
        }
    }

    /// p.
    pub const fn numerator(self) -> u16 {
        self.numerator
    }

    /// q.
    pub const fn denominator(self) -> u16 {
        self.denominator
    }
}

/// One-sided error probability of a bound, in parts per billion, from 1 to 1e8 (4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Alpha(u32);

impl Alpha {
    /// The largest allowed.
    pub const MAX_PPB: u32 = 100_000_000;

    /// Checks and wraps parts per billion.
    ///
    /// # Errors
    /// Outside 1 to 1e8.
    pub const fn from_ppb(ppb: u32) -> Result<Self, NumberError> {
        if 1 <= ppb && ppb <= Self::MAX_PPB {
            Ok(Self(ppb))
        } else {
            Err(NumberError::Alpha { ppb })
        }
    }

    /// Parts per billion.
    pub const fn ppb(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_print_as_decimals() {
        let cases = [
            (0, "0.000000"),
            (1, "0.000001"),
            (-1, "-0.000001"),
            (-1_500_000, "-1.500000"),
            (i64::MIN, "-9223372036854.775808"),
        ];
        for (micros, text) in cases {
            assert_eq!(Score::from_micros(micros).to_string(), text);
        }
    }

    #[test]
    fn thresholds_outside_two_thirds_to_one_are_refused() {
        for (p, q) in [(2, 3), (3, 4), (67, 100), (65534, 65535), (4, 6)] {
            assert!(Threshold::new(p, q).is_ok(), "{p}/{q}");
        }
        for (p, q) in [
            (0, 0),
            (1, 2),
            (66, 100),
            (1, 1),
            (3, 2),
            (65535, 65535),
            (1, 0),
        ] {
            assert!(Threshold::new(p, q).is_err(), "{p}/{q}");
        }
    }

    #[test]
    fn stakes_never_wrap() {
        let most = Stake::new(u128::MAX);
        assert_eq!(most.checked_add(Stake::new(1)), None);
        assert_eq!(Stake::ZERO.checked_sub(Stake::new(1)), None);
        assert_eq!(Stake::checked_sum([most, Stake::ZERO]), Some(most));
    }

    #[test]
    fn score_ranges_are_not_empty_and_not_too_wide() {
        let range = |lo, hi| ScoreRange::new(Score::from_micros(lo), Score::from_micros(hi));
        let far = ScoreRange::MAX_MICROS;
        assert_eq!(range(-far, far).expect("the widest").width(), 1 << 54);
        for (lo, hi) in [
            (0, 0),
            (1, 0),
            (-far - 1, 0),
            (0, far + 1),
            (i64::MIN, i64::MAX),
        ] {
            assert!(range(lo, hi).is_err(), "{lo} {hi}");
        }
        let unit = range(0, 1).expect("two scores");
        assert!(unit.contains(Score::ZERO) && !unit.contains(Score::from_micros(2)));
    }

    #[test]
    fn alpha_has_its_range() {
        assert!(Alpha::from_ppb(0).is_err());
        assert!(Alpha::from_ppb(1).is_ok());
        assert!(Alpha::from_ppb(100_000_000).is_ok());
        assert!(Alpha::from_ppb(100_000_001).is_err());
    }
}
