//! The figures that follow from sample scores, in exact integers (5.4).
//!
//! Two machines that hold the same leaves derive the same figures, bit for bit: sums and means
//! are integers, the square root and the half-width are rounded upwards from exact fractions, and
//! the logarithm is a constant of the error probability. A published figure is therefore either
//! right or a lie.

use zarathustra_primitives::{
    Alpha, Bound, Figures, SampleScore, SampleScores, Score, ScoreRange, U512,
};

use crate::logarithm::{DECIMALS, ln_two_over};

/// Scores from which no figures follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// A score outside the request's range.
    #[error("score of sample {sample} is outside the request's range")]
    OutOfRange {
        /// Which sample, from 0.
        sample: u32,
    },
}

impl FiguresError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "score_out_of_range",
        }
    }
}

/// Derives the figures with their empirical Bernstein bound.
///
/// # Errors
/// When a score lies outside `range`.
pub fn figures(
    scores: &SampleScores,
    range: ScoreRange,
    alpha: Alpha,
) -> Result<Figures, FiguresError> {
    let outside =
        |score: &SampleScore| !range.contains(score.champion) || !range.contains(score.challenger);
    if let Some(sample) = scores.as_slice().iter().position(outside) {
        return Err(FiguresError::OutOfRange {
            sample: sample as u32,
        });
    }
    let sums = Sums::of(scores);
    let n = i128::from(scores.count());
    let width = half_width(&sums, scores.count(), range, alpha);
    Ok(Figures {
        bound: Bound::EmpiricalBernstein,
        samples: scores.count(),
        champion_score: score(round_half_to_even(sums.champion, n)),
        challenger_score: score(round_half_to_even(sums.challenger, n)),
        improvement: score(round_half_to_even(sums.difference, n)),
        lower: score(sums.difference.div_euclid(n) - width),
        upper: score(-(-sums.difference).div_euclid(n) + width),
    })
}

/// Scores within 2^53 millionths have differences within 2^54, means no larger, and half-widths
/// below 2^62 even for two samples, so every figure fits.
fn score(micros: i128) -> Score {
    Score::from_micros(i64::try_from(micros).expect("figures of scores in a valid range fit"))
}

struct Sums {
    champion: i128,
    challenger: i128,
    /// Of `challenger - champion`.
    difference: i128,
    /// Of the squares of `challenger - champion`, at most 2^20 of 2^108.
    squares: U512,
}

impl Sums {
    fn of(scores: &SampleScores) -> Self {
        let mut sums = Self {
            champion: 0,
            challenger: 0,
            difference: 0,
            squares: U512::ZERO,
        };
        for score in scores.as_slice() {
            let [champion, challenger] =
                [score.champion, score.challenger].map(|score| i128::from(score.micros()));
            let difference = challenger - champion;
            sums.champion += champion;
            sums.challenger += challenger;
            sums.difference += difference;
            let magnitude = U512::from(difference.unsigned_abs());
            sums.squares += magnitude * magnitude;
        }
        sums
    }
}

/// The smallest integer that is not below `sqrt(2 V L / n) + 7 R L / (3 (n - 1))`.
///
/// With `A = n Σd² - (Σd)²` the sample variance is `V = A / (n (n - 1))`, and with `L = l / 1e18`
/// the half-width is `(sqrt(X) + p) / q` for
/// `X = 18e18 A l (n - 1) / n²`, `p = 7 R l`, `q = 3e18 (n - 1)`.
/// Since `w q - p` is an integer, `w q - p >= sqrt(X)` exactly when it is at least
/// `ceil(sqrt(ceil(X)))`, which makes every rounding below exact.
fn half_width(sums: &Sums, samples: u32, range: ScoreRange, alpha: Alpha) -> i128 {
    let big = |value: u128| U512::from(value);
    let n = big(samples.into());
    let n_less_one = n - U512::ONE;
    let l = big(ln_two_over(alpha));
    let unit = U512::from(10).pow(U512::from(DECIMALS));
    let magnitude = big(sums.difference.unsigned_abs());

    let spread = n * sums.squares - magnitude * magnitude;
    let x = (U512::from(18) * unit * spread * l * n_less_one).div_ceil(n * n);
    let p = U512::from(7) * U512::from(2) * U512::from(range.width()) * l;
    let q = U512::from(3) * unit * n_less_one;
    let width = (p + ceil_sqrt(x)).div_ceil(q);
    i128::try_from(width).expect("a half-width in a valid range fits")
}

fn ceil_sqrt(value: U512) -> U512 {
    let root = value.root(2);
    if root * root < value {
        root + U512::ONE
    } else {
        root
    }
}

/// `numerator / denominator` rounded to the nearest integer, to the even one of two.
/// The denominator is positive.
fn round_half_to_even(numerator: i128, denominator: i128) -> i128 {
    let floor = numerator.div_euclid(denominator);
    let twice = 2 * numerator.rem_euclid(denominator);
    if twice > denominator || (twice == denominator && floor % 2 != 0) {
        floor + 1
    } else {
        floor
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    pub(crate) struct Vectors {
        pub(crate) logarithms: Vec<Logarithm>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    pub(crate) struct Logarithm {
        pub(crate) alpha_ppb: u32,
        pub(crate) ceil_1e18: String,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        range: [i64; 2],
        alpha_ppb: u32,
        scores: Vec<[i64; 2]>,
        champion: i64,
        challenger: i64,
        improvement: i64,
        lower: i64,
        upper: i64,
    }

    pub(crate) fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/figures.json");
        serde_json::from_str(text).expect("vectors in the tree")
    }

    fn range([lo, hi]: [i64; 2]) -> ScoreRange {
        ScoreRange::new(Score::from_micros(lo), Score::from_micros(hi)).expect("a range")
    }

    fn scores(pairs: &[[i64; 2]]) -> SampleScores {
        let score = |[champion, challenger]: &[i64; 2]| SampleScore {
            champion: Score::from_micros(*champion),
            challenger: Score::from_micros(*challenger),
        };
        SampleScores::new(pairs.iter().map(score).collect()).expect("a fitting number")
    }

    #[test]
    fn figures_are_those_of_mpmath() {
        let cases = vectors().cases;
        assert!(!cases.is_empty());
        for case in cases {
            let alpha = Alpha::from_ppb(case.alpha_ppb).expect("in range");
            let expected = Figures {
                bound: Bound::EmpiricalBernstein,
                samples: case.scores.len() as u32,
                champion_score: Score::from_micros(case.champion),
                challenger_score: Score::from_micros(case.challenger),
                improvement: Score::from_micros(case.improvement),
                lower: Score::from_micros(case.lower),
                upper: Score::from_micros(case.upper),
            };
            let found = figures(&scores(&case.scores), range(case.range), alpha);
            assert_eq!(found, Ok(expected), "{}", case.name);
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let cases = [
            (1, 0),
            (3, 2),
            (5, 2),
            (7, 4),
            (-1, 0),
            (-3, -2),
            (-5, -2),
            (-7, -4),
        ];
        for (halves, expected) in cases {
            assert_eq!(round_half_to_even(halves, 2), expected, "{halves}/2");
        }
        assert_eq!(round_half_to_even(-2, 3), -1);
        assert_eq!(round_half_to_even(-1, 3), 0);
        assert_eq!(round_half_to_even(2, 3), 1);
    }

    #[test]
    fn scores_outside_the_range_make_no_figures() {
        let alpha = Alpha::from_ppb(1_000_000).expect("in range");
        for bad in [[-1, 0], [0, 11]] {
            let found = figures(&scores(&[[0, 10], [10, 0], bad]), range([0, 10]), alpha);
            assert_eq!(found, Err(FiguresError::OutOfRange { sample: 2 }));
        }
    }

    #[test]
    fn the_widest_scores_fit() {
        let far = ScoreRange::MAX_MICROS;
        let alpha = Alpha::from_ppb(1).expect("in range");
        let most = figures(
            &scores(&[[-far, far], [far, -far]]),
            range([-far, far]),
            alpha,
        );
        assert_eq!(most.expect("in range").improvement, Score::ZERO);
        let most = figures(&scores(&[[-far, far]; 2]), range([-far, far]), alpha);
        assert_eq!(
            most.expect("in range").improvement,
            Score::from_micros(2 * far)
        );
    }

    proptest! {
        #[test]
        fn the_bounds_enclose_the_improvement_and_mirror(
            pairs in proptest::collection::vec([-1000i64..=1000, -1000i64..=1000], 2..50),
            alpha_ppb in 1u32..=100_000_000,
        ) {
            let alpha = Alpha::from_ppb(alpha_ppb).expect("in range");
            let range = range([-1000, 1000]);
            let straight = figures(&scores(&pairs), range, alpha).expect("in range");
            prop_assert!(straight.lower <= straight.improvement);
            prop_assert!(straight.improvement <= straight.upper);

            // Exchanging the models negates what is said about their difference.
            let swapped: Vec<_> = pairs.iter().map(|[a, b]| [*b, *a]).collect();
            let swapped = figures(&scores(&swapped), range, alpha).expect("in range");
            prop_assert_eq!(swapped.champion_score, straight.challenger_score);
            prop_assert_eq!(swapped.improvement.micros(), -straight.improvement.micros());
            prop_assert_eq!(swapped.lower.micros(), -straight.upper.micros());
            prop_assert_eq!(swapped.upper.micros(), -straight.lower.micros());
        }

        #[test]
        fn the_root_is_the_smallest_that_covers(value: u128) {
            let value = U512::from(value);
            let root = ceil_sqrt(value);
            prop_assert!(root * root >= value);
            if !root.is_zero() {
                let below = root - U512::ONE;
                prop_assert!(below * below < value);
            }
        }
    }
}
