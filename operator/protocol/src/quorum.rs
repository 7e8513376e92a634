//! When votes make a certificate (3.1).
//!
//! All comparisons are cross-multiplied; products of 128-bit stakes and 16-bit shares are taken
//! in 256 bits, so nothing is rounded and nothing overflows.
//!
//! For disjoint votes (`approving + rejecting <= total`) at most one of the three rules holds.

use zarathustra_primitives::{Stake, Threshold, U256};

/// Whether the approving stake exceeds the threshold.
#[must_use]
pub fn approves(threshold: Threshold, approving: Stake, total: Stake) -> bool {
    reached(threshold, approving, total)
}

/// Whether the rejecting stake exceeds the threshold: the performer is at fault.
#[must_use]
pub fn rejects(threshold: Threshold, rejecting: Stake, total: Stake) -> bool {
    reached(threshold, rejecting, total)
}

/// Whether so much stake rejects that approval is impossible, but too little to reject.
/// That the turn and the voting window have passed is for the caller to check.
#[must_use]
pub fn blocks(threshold: Threshold, rejecting: Stake, total: Stake) -> bool {
    let left = threshold.denominator() - threshold.numerator();
    product(threshold.denominator(), rejecting) >= product(left, total)
        && !rejects(threshold, rejecting, total)
}

fn reached(threshold: Threshold, part: Stake, total: Stake) -> bool {
    product(threshold.denominator(), part) > product(threshold.numerator(), total)
}

fn product(share: u16, stake: Stake) -> U256 {
    U256::from(share) * U256::from(stake.get())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        thresholds: Vec<Pair>,
        small: Vec<Small>,
        large: Vec<Large>,
    }

    #[derive(Deserialize)]
    struct Pair {
        p: u16,
        q: u16,
        valid: bool,
    }

    #[derive(Deserialize)]
    struct Small {
        p: u16,
        q: u16,
        total: u128,
        reached: Vec<bool>,
        blocked: Vec<bool>,
    }

    #[derive(Deserialize)]
    struct Large {
        p: u16,
        q: u16,
        total: U256,
        part: U256,
        reached: bool,
        blocked: bool,
    }

    fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/quorum.json");
        serde_json::from_str(text).expect("vectors in the tree")
    }

    fn check(p: u16, q: u16, part: u128, total: u128, reached: bool, blocked: bool) {
        let threshold = Threshold::new(p, q).expect("valid");
        let (part, total) = (Stake::new(part), Stake::new(total));
        let case = format!("{part} of {total} at {p}/{q}");
        assert_eq!(
            approves(threshold, part, total),
            reached,
            "approves: {case}"
        );
        assert_eq!(rejects(threshold, part, total), reached, "rejects: {case}");
        assert_eq!(blocks(threshold, part, total), blocked, "blocks: {case}");
    }

    #[test]
    fn the_rule_is_that_of_the_shared_vectors() {
        let vectors = vectors();
        for row in &vectors.small {
            assert_eq!(row.reached.len() as u128, row.total + 1);
            for (part, (reached, blocked)) in row.reached.iter().zip(&row.blocked).enumerate() {
                check(row.p, row.q, part as u128, row.total, *reached, *blocked);
            }
        }
        for row in &vectors.large {
            let [part, total] = [row.part, row.total].map(|stake| stake.to::<u128>());
            check(row.p, row.q, part, total, row.reached, row.blocked);
        }
        assert!(!vectors.small.is_empty() && !vectors.large.is_empty());
    }

    #[test]
    fn valid_thresholds_are_those_of_the_shared_vectors() {
        for pair in vectors().thresholds {
            assert_eq!(
                Threshold::new(pair.p, pair.q).is_ok(),
                pair.valid,
                "{}/{}",
                pair.p,
                pair.q
            );
        }
    }

    /// A valid threshold and disjoint approving and rejecting stakes.
    fn disjoint() -> impl Strategy<Value = (Threshold, u128, u128, u128)> {
        let threshold = (3u16..=u16::MAX)
            .prop_flat_map(|q| {
                let least = (2 * u32::from(q)).div_ceil(3) as u16;
                (least..q, Just(q))
            })
            .prop_map(|(p, q)| Threshold::new(p, q).expect("in range"));
        (threshold, 1..=u128::MAX).prop_flat_map(|(threshold, total)| {
            (0..=total).prop_flat_map(move |approving| {
                (
                    Just(threshold),
                    Just(total),
                    Just(approving),
                    0..=total - approving,
                )
            })
        })
    }

    proptest! {
        #[test]
        fn at_most_one_rule_holds((threshold, total, approving, rejecting) in disjoint()) {
            let (total, rejecting) = (Stake::new(total), Stake::new(rejecting));
            let holds = [
                approves(threshold, Stake::new(approving), total),
                rejects(threshold, rejecting, total),
                blocks(threshold, rejecting, total),
            ];
            prop_assert!(holds.iter().filter(|holds| **holds).count() <= 1);
        }

        #[test]
        fn where_nobody_can_be_persuaded_something_holds((threshold, total, approving, _) in disjoint()) {
            // Everybody voted: one of the three certificates is possible.
            let rejecting = Stake::new(total - approving);
            let (total, approving) = (Stake::new(total), Stake::new(approving));
            prop_assert!(
                approves(threshold, approving, total)
                    || rejects(threshold, rejecting, total)
                    || blocks(threshold, rejecting, total)
            );
        }
    }
}
