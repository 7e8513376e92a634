use zarathustra_primitives::{Alpha, Bound, Score};

use super::*;

fn test(bound: Bound) -> Test {
    let [lo, hi] = [0, 1_000_000].map(Score::from_micros);
    Test {
        range: ScoreRange::new(lo, hi).expect("a range"),
        alpha: Alpha::from_ppb(1_000_000).expect("in range"),
        bound,
    }
}

/// Differences that are normal about 0 with a deviation of a tenth.
fn pool() -> Pool {
    let mut random = Random::new(3, 3);
    let draws: Vec<i64> = (0..20_000)
        .map(|_| (random.normal() * 1e5) as i64)
        .collect();
    Pool::of_differences(&draws).expect("enough")
}

const GOAL: Goal = Goal {
    improvement: 50_000,
    limit: 20_000,
    power: 0.8,
};

#[test]
fn a_plan_for_empirical_bernstein_is_that_of_its_formula() {
    // The variance hardly varies, so that a sample mean must exceed 0.02 + w, with a probability of
    // 0.8: w(n) + 0.8416 * 0.1 / sqrt(n) = 0.03. With L = ln 2000 = 7.6009,
    // w = sqrt(2 * 0.01 * L / n) + 7 * 2 * L / (3 (n - 1)): n = 1923 (by bisection).
    let test = test(Bound::EmpiricalBernstein);
    let found = plan(&test, &pool(), &GOAL, 1).expect("a plan");
    let n = f64::from(found.samples);
    let width = test.half_width(found.samples as usize, 1e10);
    assert!(
        (width + 0.8416 * 1e5 / n.sqrt() - 30_000.0).abs() < 300.0,
        "{found:?}"
    );
    assert!((found.power - 0.8).abs() < 0.015, "{found:?}");
    assert!((found.width as f64 - width).abs() < 3_000.0, "{found:?}");
}

#[test]
fn a_power_that_leaps_is_met_all_the_same() {
    // A deviation of 0.02 against a half-width of 0.03: a part in a hundred more samples is worth
    // several points of power.
    let draws: Vec<i64> = (0..20_000)
        .map(|i| if i % 2 == 0 { 20_000 } else { -20_000 })
        .collect();
    let pool = Pool::of_differences(&draws).expect("enough");
    for bound in [Bound::EmpiricalBernstein, Bound::Betting] {
        let found = plan(&test(bound), &pool, &GOAL, 1).expect("a plan");
        assert!((found.power - 0.8).abs() < 0.02, "{bound}: {found:?}");
    }
}

#[test]
fn betting_needs_fewer_samples() {
    let [bernstein, betting] = [Bound::EmpiricalBernstein, Bound::Betting].map(|bound| {
        plan(&test(bound), &pool(), &GOAL, 1)
            .expect("a plan")
            .samples
    });
    assert!(betting * 3 < bernstein * 2, "{betting} {bernstein}");
}

#[test]
fn scores_alone_stand_for_differences_of_a_correlation() {
    let mut random = Random::new(4, 4);
    let scores: Vec<i64> = (0..20_000)
        .map(|_| (random.normal() * 1e5) as i64)
        .collect();
    for (correlation, expected) in [(0.0, 2f64.sqrt()), (0.5, 1.0), (1.0, 0.0), (-1.0, 2.0)] {
        let pool = Pool::of_scores(&scores, correlation, 1).expect("a pool");
        // Within a few standard errors.
        assert!(
            (pool.deviation() / 1e5 - expected).abs() < 0.03,
            "{correlation}"
        );
    }
}

#[test]
fn clipping_does_not_lower_the_improvement() {
    // Most of these differences are at the end of the range when they are moved.
    let draws: Vec<i64> = (0..1000)
        .map(|i| if i % 2 == 0 { 900_000 } else { -900_000 })
        .collect();
    let pool = Pool::of_differences(&draws).expect("enough");
    let range = test(Bound::Betting).range;
    let moved = pool.with_mean(200_000, range).expect("room");
    assert_eq!(moved.iter().sum::<i64>() / 1000, 200_000);
    assert!(moved.iter().all(|d| d.abs() <= 1_000_000));
}

#[test]
fn what_cannot_be_planned_is_refused_by_name() {
    let refused = |goal: Goal, expected: &str| {
        for bound in [Bound::EmpiricalBernstein, Bound::Betting] {
            let error = plan(&test(bound), &pool(), &goal, 1).expect_err(expected);
            assert_eq!(error.code(), expected);
        }
    };
    refused(
        Goal {
            improvement: 20_000,
            ..GOAL
        },
        "improvement_too_small",
    );
    refused(
        Goal {
            improvement: 1_000_000,
            ..GOAL
        },
        "improvement_too_large",
    );
    refused(Goal { power: 1.0, ..GOAL }, "power");
    refused(Goal { power: 0.4, ..GOAL }, "power");
    refused(
        Goal {
            power: f64::NAN,
            ..GOAL
        },
        "power",
    );
    refused(
        Goal {
            improvement: 20_010,
            ..GOAL
        },
        "too_many_samples",
    );
    assert_eq!(
        Pool::of_differences(&[1]).expect_err("one").code(),
        "pilot_too_small"
    );
    let correlated = |rho| Pool::of_scores(&[1, 2], rho, 1).expect_err("none").code();
    assert_eq!(correlated(1.1), "correlation");
    assert_eq!(correlated(f64::NAN), "correlation");
}

#[test]
fn models_without_spread_need_samples_all_the_same() {
    let pool = Pool::of_differences(&[0; 100]).expect("enough");
    for bound in [Bound::EmpiricalBernstein, Bound::Betting] {
        let test = test(bound);
        let found = plan(&test, &pool, &GOAL, 1).expect("a plan");
        assert_eq!(found.power, 1.0, "{bound}");
        let before = found.samples * 19 / 20;
        let power = power_at(&test, &pool, &GOAL, before, 100, 1).expect("room");
        assert_eq!(power, 0.0, "{bound}: {found:?}");
    }
}
