use proptest::prelude::*;

use super::*;

proptest! {
    /// Two honest machines whose scores differ within the tolerance agree, whoever claims.
    #[test]
    fn honest_machines_never_reject_each_other(
        moves in proptest::collection::vec((-100i64..=100, -100i64..=100), 8),
    ) {
        let moved: Vec<_> = scores(0, 0)
            .as_slice()
            .iter()
            .zip(moves)
            .map(|(score, (champion, challenger))| SampleScore {
                champion: Score::from_micros(score.champion.micros() + champion),
                challenger: Score::from_micros(score.challenger.micros() + challenger),
            })
            .collect();
        let published = SampleScores::new(moved).expect("eight");
        let claimed = result(&published);
        prop_assert_eq!(opinion(&claimed, Some(&published)), Opinion::Approve);
        prop_assert!(!matches!(opinion(&claimed, None), Opinion::Reject(_)));
    }

    /// Whatever is claimed: two attesters vote oppositely only where the one that approves is
    /// more than eight tolerances from the reference engine on some sample.
    #[test]
    fn opposite_votes_need_a_machine_far_from_the_reference(
        one in proptest::collection::vec(-1500i64..=1500, 8),
        other in proptest::collection::vec(-110i64..=110, 8),
        claim in proptest::collection::vec(-110i64..=110, 8),
    ) {
        let plus = |base: &[i64], moves: &[i64]| {
            let mut moved = [0; 8];
            for (sum, (base, by)) in moved.iter_mut().zip(base.iter().zip(moves)) {
                *sum = base + by;
            }
            challenger(moved)
        };
        let exact = challenger([0; 8]);
        // The claim is near the first attester's scores, the second is near the reference.
        let (first, second) = (plus(&one, &[0; 8]), plus(&[0; 8], &other));
        let claimed = plus(&one, &claim);
        let votes = [&first, &second].map(|own| settled(own, &exact, &claimed));
        if votes[0] == Opinion::Approve && matches!(votes[1], Opinion::Reject(_)) {
            prop_assert!(farthest(&first, &exact).0 > 8 * TOLERANCE);
        }
        prop_assert!(!matches!(votes, [Opinion::Reject(_), Opinion::Approve]));
    }

    /// What is rejected without the scores would be rejected with them.
    #[test]
    fn withheld_scores_never_make_a_rejection_unjust(
        sample in 0usize..8, moved in -400_000i64..400_000,
    ) {
        let published = scores(sample, moved);
        let claimed = result(&published);
        if matches!(opinion(&claimed, None), Opinion::Reject(_)) {
            prop_assert!(matches!(opinion(&claimed, Some(&published)), Opinion::Reject(_)));
        }
    }
}
