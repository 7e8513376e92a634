//! From an evaluator's scores to the integers of a result.

use zarathustra_primitives::{Score, ScoreRange};

/// Clips a score to the request's range and rounds it to millionths, half to even (5.3). None
/// for what is not a number.
pub fn quantise(score: f64, range: ScoreRange) -> Option<Score> {
    if score.is_nan() {
        return None;
    }
    // The range's ends are integers that a double holds exactly, so clipping after scaling is
    // clipping before.
    let (lo, hi) = (range.lo().micros() as f64, range.hi().micros() as f64);
    let micros = (score * Score::SCALE as f64)
        .round_ties_even()
        .clamp(lo, hi);
    Some(Score::from_micros(micros as i64))
}

/// Whether clipping changes a score. What is not a number lies nowhere.
pub fn is_beyond(score: f64, range: ScoreRange) -> bool {
    let (lo, hi) = (range.lo().micros() as f64, range.hi().micros() as f64);
    let micros = (score * Score::SCALE as f64).round_ties_even();
    micros < lo || micros > hi
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_clipped_and_rounded_half_to_even() {
        let range = ScoreRange::new(
            Score::from_micros(-2_000_000),
            Score::from_micros(1_000_000),
        )
        .expect("a range");
        let cases = [
            (0.0, 0),
            (-0.0, 0),
            (0.5, 500_000),
            // Halves that a double holds exactly once scaled.
            (2.5e-6, 2),
            (3.5e-6, 4),
            (-2.5e-6, -2),
            (0.9999994, 999_999),
            (1.0000001, 1_000_000),
            (7.0, 1_000_000),
            (-7.0, -2_000_000),
            (f64::INFINITY, 1_000_000),
            (f64::NEG_INFINITY, -2_000_000),
            (f64::MAX, 1_000_000),
            (f64::MIN_POSITIVE, 0),
        ];
        for (score, micros) in cases {
            assert_eq!(
                quantise(score, range),
                Some(Score::from_micros(micros)),
                "{score}"
            );
        }
        let beyond = |score| is_beyond(score, range);
        assert!(
            [7.0, -7.0, f64::INFINITY, f64::NEG_INFINITY]
                .map(beyond)
                .iter()
                .all(|b| *b)
        );
        // Rounding comes first: 1.0000001 is 1.
        assert!(
            ![1.0, -2.0, 0.0, 1.0000001, f64::NAN]
                .map(beyond)
                .iter()
                .any(|b| *b)
        );
        assert_eq!(quantise(f64::NAN, range), None);
    }
}
