use proptest::prelude::*;
use zarathustra_primitives::Score;

use super::*;

fn range(lo: i64, hi: i64) -> ScoreRange {
    ScoreRange::new(Score::from_micros(lo), Score::from_micros(hi)).expect("a range")
}

fn alpha(ppb: u32) -> Alpha {
    Alpha::from_ppb(ppb).expect("in range")
}

/// The lower bound of the mean difference.
fn lower(differences: &[i64], range: ScoreRange, alpha: Alpha) -> i64 {
    let limit = Bettor::on_more(differences, range, alpha).limit();
    limit as i64 - range.width() as i64
}

#[test]
fn every_sample_is_bet_on_once() {
    for n in (2..200).chain([1000, 1 << 12, 65_535]) {
        let mut met: Vec<usize> = order(n).collect();
        met.sort_unstable();
        assert!(met.into_iter().eq(0..n), "{n}");
    }
}

#[test]
fn targets_are_never_below_one_over_alpha() {
    for ppb in [
        1,
        2,
        3,
        7,
        999,
        1_000_000,
        33_333_333,
        99_999_999,
        100_000_000,
    ] {
        let Capital { exponent, mantissa } = Capital::inverse(alpha(ppb));
        assert_eq!(mantissa.leading_zeros(), 0, "{ppb}");
        // mantissa * 2^exponent * ppb against 1e9, in units of 2^exponent.
        let shift = u32::try_from(-exponent).expect("below 2^63");
        let exact = 1_000_000_000u128 << shift;
        let found = u128::from(mantissa) * u128::from(ppb);
        assert!(exact <= found && found < exact + u128::from(ppb), "{ppb}");
    }
}

#[test]
fn a_factor_of_one_and_a_half_squared_is_nine_quarters() {
    let capital = Capital::ONE.times(3, 1).times(3, 1);
    // 9/4 = 1.125 * 2^1.
    let expected = Capital {
        exponent: 1 - 63,
        mantissa: 9 << 60,
    };
    assert_eq!(capital, expected);
    assert_eq!(capital.times(1, 0), expected);
    assert!(capital.times(u128::MAX, 128) < capital);
}

/// Classes one after the other: what is gained in the first is more than lost in the second, and
/// the mean is far below 0 all the same, since the second has more samples.
#[test]
fn a_first_class_of_samples_does_not_decide_before_the_others_come() {
    let mut differences = vec![200_000; 1000];
    differences.extend([-400_000; 1000]);
    let range = range(0, 1_000_000);
    assert!(lower(&differences, range, alpha(1_000_000)) < -100_000);
    // On the first class alone the bettor would have won.
    assert!(lower(&differences[..1000], range, alpha(1_000_000)) > 100_000);
}

#[test]
fn the_widest_range_and_the_most_samples_fit() {
    let far = ScoreRange::MAX_MICROS;
    let widest = range(-far, far);
    for alpha in [alpha(1), alpha(100_000_000)] {
        for d in [-2 * far, 0, 2 * far] {
            let bound = lower(&[d; 300], widest, alpha);
            assert!(-2 * far <= bound && bound <= d, "{bound} of {d}");
        }
        assert_eq!(lower(&[2 * far, -2 * far], widest, alpha), -2 * far);
    }
    // Uniform with a mean of 0.01 and a deviation of 0.29 in a range of 2: the half-width is near
    // 0.29 sqrt(2 ln(1000) / 2^20) = 0.00105.
    let most: Vec<i64> = (0..1 << 20)
        .map(|i: i64| i * 7919 % 1001 * 1000 - 490_000)
        .collect();
    let bound = lower(&most, range(0, 1_000_000), alpha(1_000_000));
    assert!((8_700..9_100).contains(&bound), "{bound}");
}

proptest! {
    /// The search for the limit leans on this: what is rejected above is rejected below.
    #[test]
    fn lower_means_are_rejected_where_higher_ones_are(
        differences in proptest::collection::vec(-1000i64..=1000, 2..60),
        ppb in prop_oneof![1u32..=100_000_000, 10_000_000u32..=100_000_000],
        shift in 0u32..40,
        means in proptest::collection::vec(1u64..=2000, 2..20),
    ) {
        // The same with a coarse and a fine grid, up to one far finer than that of the bets.
        let scaled: Vec<i64> = differences.iter().map(|d| d << shift).collect();
        let bettor = Bettor::on_more(&scaled, range(0, 1000 << shift), alpha(ppb));
        let mut found: Vec<(u64, bool)> = means
            .into_iter()
            .flat_map(|m| [m << shift, (m << shift) + 1, (m << shift) - 1])
            .filter(|m| *m > 0)
            .map(|m| (m, bettor.rejects(m)))
            .collect();
        found.sort_unstable();
        prop_assert!(found.is_sorted_by(|(_, below), (_, above)| below >= above), "{:?}", found);

        let limit = bettor.limit();
        prop_assert!(limit <= bettor.mean);
        prop_assert!(limit == 0 || bettor.reaches(limit));
        prop_assert!(!bettor.reaches(limit + 1));
    }
}
