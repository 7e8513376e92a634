//! A short run of what `cargo xtask bench statistics` runs at length. The counts have the same 99%
//! limits, and the naive bound shows that they can be passed.

use zarathustra_primitives::{Alpha, Bound, SampleScores, Score, ScoreRange};
use zarathustra_protocol::lower_reaches;

use super::*;
use crate::{Test, binomial_limit};

const TRIALS: u64 = 20_000;
const SAMPLES: u32 = 256;
const BOUNDS: [Bound; 2] = [Bound::EmpiricalBernstein, Bound::Betting];

fn test(bound: Bound, ppb: u32) -> Test {
    let [lo, hi] = [0, Score::SCALE].map(Score::from_micros);
    Test {
        range: ScoreRange::new(lo, hi).expect("a range"),
        alpha: Alpha::from_ppb(ppb).expect("in range"),
        bound,
    }
}

#[test]
fn equal_models_win_no_more_often_than_alpha_allows() {
    for bound in BOUNDS {
        // The largest error probability there is, where wins are most frequent.
        for (ppb, alpha) in [(100_000_000, 0.1), (10_000_000, 0.01)] {
            let test = test(bound, ppb);
            for null in Null::ALL {
                let wins = false_wins(null, &test, SAMPLES, TRIALS, 1);
                let limit = binomial_limit(TRIALS, alpha);
                assert!(
                    wins <= limit,
                    "{bound} {}: {wins} above {limit}",
                    null.name()
                );
            }
        }
    }
}

#[test]
fn a_bound_that_is_too_short_is_seen() {
    // Betting at an error probability of 0.1, judged as if 0.01 had been promised.
    let wins = false_wins(
        Null::Normal,
        &test(Bound::Betting, 100_000_000),
        SAMPLES,
        TRIALS,
        1,
    );
    assert!(wins > binomial_limit(TRIALS, 0.01), "{wins}");
}

#[test]
fn a_ruinous_challenger_wins_no_more_often_than_alpha_allows() {
    let limit = binomial_limit(TRIALS, 0.1);
    for bound in BOUNDS {
        let wins = ruinous_wins(&test(bound, 100_000_000), SAMPLES, TRIALS, 2);
        assert!(wins <= limit, "{bound}: {wins} above {limit}");
    }
    // By the normal approximation it nearly always wins.
    let naive = naive_wins(SAMPLES, TRIALS, 2, 1.281_55, |random| {
        ruinous(random, SAMPLES)
    });
    assert!(naive > TRIALS * 8 / 10, "{naive}");
}

#[test]
fn the_honest_champion_has_learned_and_no_copier_beats_it() {
    let champion = Network::trained(1);
    let mut random = Random::new(9, 9);
    let fresh = points(&mut random, 4096);
    let mean = |model: &dyn Model| {
        let scores = fresh
            .iter()
            .map(|x| sample_score(model, model, *x).champion.micros());
        scores.sum::<i64>() / fresh.len() as i64
    };
    assert!(mean(&champion) > 990_000, "{}", mean(&champion));
    let table = Table::of_past_points(3, 10_000);
    // It answers the mean, which scores 0 but for what is clipped at -1.
    assert!(mean(&table) < 300_000, "{}", mean(&table));

    let permuted = champion.copied(Copier::Permuted, &mut random);
    assert_ne!(permuted, champion);
    for x in &fresh[..100] {
        // The sums have another order, the terms are the same.
        assert!((permuted.answer(*x) - champion.answer(*x)).abs() < 1e-5);
    }
    let range = ScoreRange::new(
        Score::from_micros(-Score::SCALE),
        Score::from_micros(Score::SCALE),
    );
    let range = range.expect("a range");
    let alpha = Alpha::from_ppb(1_000_000).expect("in range");
    let reaches = |challenger: &dyn Model, limit: i64, bound| {
        let scores = fresh
            .iter()
            .map(|x| sample_score(&champion, challenger, *x))
            .collect();
        let scores = SampleScores::new(scores).expect("enough");
        lower_reaches(&scores, range, alpha, bound, Score::from_micros(limit)).expect("in range")
    };
    for bound in BOUNDS {
        assert!(!reaches(&table, 0, bound));
        for copier in Copier::ALL {
            let copy = champion.copied(copier, &mut random);
            assert!(!reaches(&copy, 1000, bound), "{bound} {}", copier.name());
        }
    }
}

#[test]
fn counts_follow_from_the_seed_alone() {
    let odd = |seed| count(10_000, seed, |random, _| random.bits() & 1 == 1);
    assert_eq!(odd(7), odd(7));
    assert_ne!(odd(7), odd(8));
    assert!((4_700..5_300).contains(&odd(7)), "{}", odd(7));
    assert_eq!(count(1_000, 1, |_, _| true), 1_000);
}
