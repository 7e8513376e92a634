//! Finding false votes among many.

use proptest::prelude::*;
use zarathustra_bls::{SecretKey, SignedBy, aggregate, find_invalid, verify_aggregate};
use zarathustra_primitives::B256;

const DIGEST: B256 = B256::repeat_byte(0x5a);

fn secrets(count: u8) -> Vec<SecretKey> {
    (0..count)
        .map(|seed| SecretKey::from_seed(&[seed; 32]).expect("long enough"))
        .collect()
}

fn votes(secrets: &[SecretKey]) -> Vec<SignedBy> {
    let vote = |secret: &SecretKey| SignedBy {
        key: secret.public_key(),
        signature: secret.sign(&DIGEST),
    };
    secrets.iter().map(vote).collect()
}

#[test]
fn true_votes_pass_whatever_their_number() {
    let all = votes(&secrets(40));
    for count in [0, 1, 2, 3, 31, 32, 33, 40] {
        assert_eq!(
            find_invalid(&DIGEST, &all[..count]).expect("randomness"),
            Vec::<usize>::new()
        );
    }
}

#[test]
fn false_votes_that_cancel_each_other_out_are_found() {
    let mut votes = votes(&secrets(4));
    // Exchanged signatures leave the sum as it was.
    let (first, last) = (votes[0].signature, votes[3].signature);
    (votes[0].signature, votes[3].signature) = (last, first);
    let sum = aggregate(votes.iter().map(|vote| &vote.signature)).expect("a sum");
    assert!(verify_aggregate(
        &DIGEST,
        votes.iter().map(|vote| &vote.key),
        &sum
    ));
    assert_eq!(find_invalid(&DIGEST, &votes).expect("randomness"), [0, 3]);
}

#[test]
fn sums_of_nothing_do_not_exist() {
    assert!(aggregate([]).is_none());
    let vote = &votes(&secrets(1))[0];
    assert!(!verify_aggregate(&DIGEST, [], &vote.signature));
}

/// Few, since each takes dozens of signatures, unless more are asked for.
fn cases() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(24),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn exactly_the_false_votes_are_found(falsified in proptest::collection::vec(any::<bool>(), 0..40)) {
        let secrets = secrets(falsified.len() as u8);
        let mut votes = votes(&secrets);
        for (place, secret) in secrets.iter().enumerate().filter(|(place, _)| falsified[*place]) {
            votes[place].signature = secret.sign(&B256::ZERO);
        }
        let expected: Vec<_> = (0..falsified.len()).filter(|place| falsified[*place]).collect();
        prop_assert_eq!(find_invalid(&DIGEST, &votes).expect("randomness"), expected);
    }
}
