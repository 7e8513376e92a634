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
    bound: String,
    range: [i64; 2],
    alpha_ppb: u32,
    scores: Vec<[i64; 2]>,
    champion: i64,
    challenger: i64,
    improvement: i64,
    lower: i64,
    upper: i64,
}

const BOUNDS: [Bound; 2] = [Bound::EmpiricalBernstein, Bound::Betting];

pub(crate) fn vectors() -> Vectors {
    let text = include_str!("../../../../tests/vectors/figures.json");
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
fn figures_are_those_of_exact_fractions() {
    let cases = vectors().cases;
    assert!(!cases.is_empty());
    for case in cases {
        let alpha = Alpha::from_ppb(case.alpha_ppb).expect("in range");
        let known = Bound::ALL.iter().find(|bound| bound.code() == case.bound);
        let bound = *known.expect("a bound");
        let expected = Figures {
            bound,
            samples: case.scores.len() as u32,
            champion_score: Score::from_micros(case.champion),
            challenger_score: Score::from_micros(case.challenger),
            improvement: Score::from_micros(case.improvement),
            lower: Score::from_micros(case.lower),
            upper: Score::from_micros(case.upper),
        };
        let found = figures(&scores(&case.scores), range(case.range), alpha, bound);
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
        for bound in BOUNDS {
            let scores = scores(&[[0, 10], [10, 0], bad]);
            let found = figures(&scores, range([0, 10]), alpha, bound);
            assert_eq!(found, Err(FiguresError::OutOfRange { sample: 2 }));
            let found = lower_reaches(&scores, range([0, 10]), alpha, bound, Score::ZERO);
            assert_eq!(found, Err(FiguresError::OutOfRange { sample: 2 }));
        }
    }
    let found = figures(&scores(&[[0, 0]; 2]), range([0, 1]), alpha, Bound::None);
    assert_eq!(found, Err(FiguresError::NoBound));
}

#[test]
fn the_widest_scores_fit() {
    let far = ScoreRange::MAX_MICROS;
    let alpha = Alpha::from_ppb(1).expect("in range");
    for bound in BOUNDS {
        let found = |pairs: &[[i64; 2]]| {
            let found = figures(&scores(pairs), range([-far, far]), alpha, bound);
            found.expect("in range").improvement
        };
        assert_eq!(found(&[[-far, far], [far, -far]]), Score::ZERO);
        assert_eq!(found(&[[-far, far]; 2]), Score::from_micros(2 * far));
    }
}

proptest! {
    #[test]
    fn the_bounds_enclose_the_improvement_and_mirror(
        pairs in proptest::collection::vec([-1000i64..=1000, -1000i64..=1000], 2..50),
        alpha_ppb in 1u32..=100_000_000,
        bound in prop::sample::select(BOUNDS.as_slice()),
    ) {
        let alpha = Alpha::from_ppb(alpha_ppb).expect("in range");
        let range = range([-1000, 1000]);
        let straight = figures(&scores(&pairs), range, alpha, bound).expect("in range");
        prop_assert!(straight.lower <= straight.improvement);
        prop_assert!(straight.improvement <= straight.upper);

        // Exchanging the models negates what is said about their difference.
        let swapped: Vec<_> = pairs.iter().map(|[a, b]| [*b, *a]).collect();
        let swapped = figures(&scores(&swapped), range, alpha, bound).expect("in range");
        prop_assert_eq!(swapped.champion_score, straight.challenger_score);
        prop_assert_eq!(swapped.improvement.micros(), -straight.improvement.micros());
        prop_assert_eq!(swapped.lower.micros(), -straight.upper.micros());
        prop_assert_eq!(swapped.upper.micros(), -straight.lower.micros());
    }

    #[test]
    fn whether_the_lower_bound_reaches_a_limit_needs_no_search(
        pairs in proptest::collection::vec([0i64..=1000, 0i64..=1000], 2..50),
        gain in 0i64..=900,
        alpha_ppb in 1u32..=100_000_000,
        bound in prop::sample::select(BOUNDS.as_slice()),
        near in -2i64..=2,
        far in -3000i64..=3000,
    ) {
        let alpha = Alpha::from_ppb(alpha_ppb).expect("in range");
        let range = range([0, 2000]);
        let pairs: Vec<_> = pairs.iter().map(|[a, b]| [*a, *b + gain]).collect();
        let scores = scores(&pairs);
        let lower = figures(&scores, range, alpha, bound).expect("in range").lower;
        for limit in [lower.micros() + near, far] {
            let limit = Score::from_micros(limit);
            let found = lower_reaches(&scores, range, alpha, bound, limit);
            prop_assert_eq!(found, Ok(lower >= limit), "{} {}", lower, limit);
        }
    }
}
