//! What holds for whatever machines find and performers claim.

use proptest::{collection::vec, prelude::*};

use super::*;

const LIMIT: i64 = TOLERANCE as i64;

/// Distances from the reference engine's scores, sample by sample: of honest machines, of machines
/// about the tolerance away, and of unstable ones.
fn distances() -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![
        vec(-LIMIT..=LIMIT, 8),
        vec(-LIMIT - 3..=LIMIT + 3, 8),
        vec(-15 * LIMIT..=15 * LIMIT, 8),
        vec(-400_000i64..=400_000, 8),
    ]
}

/// Scores of the challenger at these distances from zero, which the reference engine finds.
fn at(distances: &[i64]) -> SampleScores {
    let mut scored = [0; 8];
    scored.copy_from_slice(distances);
    challenger(scored)
}

fn apart(one: &[i64], other: &[i64]) -> i64 {
    let distances = one
        .iter()
        .zip(other)
        .map(|(one, other)| (one - other).abs());
    distances.max().unwrap_or(0)
}

fn machine(distances: &[i64]) -> Machine {
    Machine::new(&at(distances), &at(&[0; 8]))
}

proptest! {
    /// However unstable the evaluation is on whichever machine, honest claims find honest votes.
    #[test]
    fn every_honest_attester_approves_every_honest_claim(
        performer in distances(), attester in distances(),
    ) {
        let performer = machine(&performer);
        let opinion = machine(&attester).thinks_of(performer.claims());
        prop_assert_eq!(opinion, Opinion::Approve);
    }

    /// The rule, in terms of distances alone. Claims are anywhere, or near the attester's libtorch.
    #[test]
    fn a_claim_is_judged_by_its_distances_from_libtorch_and_the_reference_engine(
        own in distances(), moves in distances(), follows in any::<bool>(),
    ) {
        let claim: Vec<_> = if follows {
            own.iter().zip(&moves).map(|(own, by)| own + by).collect()
        } else {
            moves
        };
        let from_reference = apart(&claim, &[0; 8]);
        let expected: &[&str] = if apart(&claim, &own) <= LIMIT || from_reference <= LIMIT {
            &["agree"]
        } else if from_reference > 10 * LIMIT {
            &["mean_differs", "score_differs"]
        } else {
            &["score_borderline"]
        };
        let published = at(&claim);
        let claimed = found(Engine::Libtorch, &published);
        let code = machine(&own).thinks_of(side(&claimed, Some(&published))).code();
        prop_assert!(expected.contains(&code), "{code}, not {expected:?}");
    }

    /// Honest votes are opposite only about a claim that no honest performer makes, and where the
    /// machine that approves it is itself more than nine tolerances from the reference engine.
    #[test]
    fn opposite_votes_need_a_lie_and_a_machine_far_from_the_reference(
        one in distances(), other in distances(), moves in vec(-LIMIT..=LIMIT, 8),
    ) {
        let claim: Vec<_> = one.iter().zip(&moves).map(|(one, by)| one + by).collect();
        let published = at(&claim);
        let claimed = found(Engine::Libtorch, &published);
        let votes = [&one, &other].map(|own| machine(own).thinks_of(side(&claimed, Some(&published))));
        prop_assert_eq!(votes[0], Opinion::Approve);
        if matches!(votes[1], Opinion::Reject(_)) {
            prop_assert!(apart(&one, &[0; 8]) > 9 * LIMIT);
            prop_assert!(apart(&claim, &[0; 8]) > LIMIT);
        }
    }

    /// What is decided without the scores is not decided otherwise with them.
    #[test]
    fn withheld_scores_never_make_a_rejection_unjust(
        sample in 0usize..8, moved in -400_000i64..400_000,
    ) {
        let published = scores(sample, moved);
        let claimed = found(Engine::Libtorch, &published);
        let of = |own, at_hand| opinion(own, &claimed, at_hand);
        if matches!(of(Engine::Reference, None), Opinion::Reject(_)) {
            let with = of(Engine::Reference, Some(&published));
            prop_assert!(matches!(with, Opinion::Reject(_)));
        }
        let undecided = Opinion::Abstain(Abstention::ReferenceMissing);
        if of(Engine::Libtorch, None) == undecided {
            prop_assert_eq!(of(Engine::Libtorch, Some(&published)), undecided);
        }
    }
}
