//! The figures that follow from sample scores, in exact integers (5.4).
//!
//! Two machines that hold the same leaves derive the same figures, bit for bit: sums and means
//! are integers, and every rounding in a bound goes the way that makes it wider. A published figure
//! is therefore either right or a lie.

mod bernstein;
mod betting;

use zarathustra_primitives::{
    Alpha, Bound, Figures, SampleScore, SampleScores, Score, ScoreRange, U512,
};

use betting::Bettor;
pub use betting::order as betting_order;

/// Scores from which no figures follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// A score outside the request's range.
    #[error("score of sample {sample} is outside the request's range")]
    OutOfRange {
        /// Which sample, from 0.
        sample: u32,
    },
    /// [`Bound::None`] was asked for, which is the bound of results without figures.
    #[error("figures need a bound")]
    NoBound,
}

impl FiguresError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange { .. } => "score_out_of_range",
            Self::NoBound => "no_bound",
        }
    }
}

/// Derives the figures with the bound that the request asks for. Each of `lower` and `upper` alone
/// is wrong with a probability of at most `alpha`.
///
/// # Errors
/// When a score lies outside `range`, or the bound is none.
pub fn figures(
    scores: &SampleScores,
    range: ScoreRange,
    alpha: Alpha,
    bound: Bound,
) -> Result<Figures, FiguresError> {
    check_range(scores, range)?;
    let sums = Sums::of(scores);
    let n = i128::from(scores.count());
    let mean_below = sums.difference.div_euclid(n);
    let mean_above = -(-sums.difference).div_euclid(n);
    let (lower, upper) = match bound {
        Bound::None => return Err(FiguresError::NoBound),
        Bound::EmpiricalBernstein => {
            let width = bernstein::half_width(&sums, scores.count(), range, alpha);
            (mean_below - width, mean_above + width)
        }
        Bound::Betting => {
            let differences = scores.as_slice().iter().map(SampleScore::difference);
            let differences: Vec<i64> = differences.collect();
            let width = i128::from(range.width());
            let lower = Bettor::on_more(&differences, range, alpha).limit();
            let upper = Bettor::on_less(&differences, range, alpha).limit();
            (i128::from(lower) - width, width - i128::from(upper))
        }
    };
    Ok(Figures {
        bound,
        samples: scores.count(),
        champion_score: score(round_half_to_even(sums.champion, n)),
        challenger_score: score(round_half_to_even(sums.challenger, n)),
        improvement: score(round_half_to_even(sums.difference, n)),
        lower: score(lower),
        upper: score(upper),
    })
}

/// Whether the lower bound of [`figures`] is at least `limit`: the same answer, at the price of one
/// look at the samples where finding the bound takes twenty and more.
///
/// # Errors
/// Those of [`figures`].
pub fn lower_reaches(
    scores: &SampleScores,
    range: ScoreRange,
    alpha: Alpha,
    bound: Bound,
    limit: Score,
) -> Result<bool, FiguresError> {
    if bound != Bound::Betting {
        return figures(scores, range, alpha, bound).map(|figures| figures.lower >= limit);
    }
    check_range(scores, range)?;
    let differences = scores.as_slice().iter().map(SampleScore::difference);
    let differences: Vec<i64> = differences.collect();
    let wanted = i128::from(limit.micros()) + i128::from(range.width());
    Ok(match u64::try_from(wanted) {
        // No difference lies lower, and a lower bound is never above the mean.
        Err(_) => wanted <= 0,
        Ok(0) => true,
        Ok(wanted) => Bettor::on_more(&differences, range, alpha).reaches(wanted),
    })
}

fn check_range(scores: &SampleScores, range: ScoreRange) -> Result<(), FiguresError> {
    let outside =
        |score: &SampleScore| !range.contains(score.champion) || !range.contains(score.challenger);
    match scores.as_slice().iter().position(outside) {
        Some(sample) => Err(FiguresError::OutOfRange {
            sample: sample as u32,
        }),
        None => Ok(()),
    }
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
pub(crate) mod tests;
