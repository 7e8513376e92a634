//! Evaluations that amplify last bits.

use super::*;

const ONE: i64 = 1_000_000;

/// What three arithmetics find where last bits decide: libtorch on one machine, libtorch on
/// another, and the reference engine.
fn disagreements() -> [[SampleScores; 3]; 3] {
    // The parity of a mantissa's last bit.
    let parity = [
        [0, ONE, 0, ONE, ONE, 0, 0, ONE],
        [ONE, ONE, 0, 0, ONE, ONE, 0, ONE],
        [0, 0, ONE, ONE, 0, 0, ONE, 0],
    ];
    // 3e38 + 3e38 − 3e38 − 3e38 in another order: an infinite score is clipped to the range.
    let overflow = [[0; 8], [ONE; 8], [-ONE; 8]];
    // The larger of two equal logits, which each sees differently on one sample.
    let mut tie = [[ONE; 8]; 3];
    tie[0][2] = 0;
    tie[1][6] = 0;
    [parity, overflow, tie].map(|scored| scored.map(challenger))
}

#[test]
fn last_bits_accuse_nobody() {
    for [one, other, exact] in disagreements() {
        // Unstable everywhere; on the first machine alone; on the second alone.
        for [first, second] in [[&one, &other], [&one, &exact], [&exact, &other]] {
            let machines = [first, second].map(|libtorch| Machine::new(libtorch, &exact));
            for performer in &machines {
                for attester in &machines {
                    let opinion = attester.thinks_of(performer.claims());
                    assert_eq!(opinion, Opinion::Approve);
                }
            }
        }
    }
}

#[test]
fn a_performer_whose_libtorch_is_unstable_claims_the_reference_engines_figures() {
    for [one, _, exact] in disagreements() {
        let performer = Machine::new(&one, &exact);
        assert_eq!(*performer.claims().result, found(Engine::Reference, &exact));
        let stable = Machine::new(&exact, &exact);
        let expected = found(Engine::Libtorch, &exact);
        assert_eq!(*stable.claims().result, expected);
    }
}

#[test]
fn figures_of_libtorch_are_judged_by_their_distance_from_the_reference_engine() {
    let exact = scores(0, 0);
    let [stable, unstable] =
        [scores(0, 40), scores(0, -300_000)].map(|libtorch| Machine::new(&libtorch, &exact));
    for (moved, expected) in [
        (100, "agree"),
        (-101, "score_borderline"),
        (1000, "score_borderline"),
        (-1100, "score_differs"),
        (1100, "score_differs"),
        (-200_000, "mean_differs"),
    ] {
        let lie = scores(7, moved);
        let claimed = found(Engine::Libtorch, &lie);
        for attester in [&stable, &unstable] {
            let opinion = attester.thinks_of(side(&claimed, Some(&lie)));
            assert_eq!(opinion.code(), expected, "{moved}");
        }
    }
}

#[test]
fn what_libtorch_scored_is_a_lie_where_the_reference_engine_finds_a_status() {
    for status in [
        Status::NonFinite,
        Status::FuelExhausted,
        Status::EvaluatorTrapped,
        Status::EvaluatorInvalid,
    ] {
        let (near, far) = (scores(0, 0), scores(0, 101));
        let [same, other] = [&near, &far].map(|own| Machine::without_reference(own, status));
        // An honest performer claims the status, and everybody agrees with it.
        assert_eq!(*same.claims().result, failed(status));
        assert_eq!(same.thinks_of(other.claims()), Opinion::Approve);
        let lie = found(Engine::Libtorch, &near);
        let expected = Opinion::Reject(Rejection::Status {
            claimed: Status::Ok,
            own: status,
        });
        assert_eq!(other.thinks_of(side(&lie, Some(&near))), expected);
        // What is not excluded: libtorch here scores as the lie does.
        assert_eq!(same.thinks_of(side(&lie, Some(&near))), Opinion::Approve);
    }
}

#[test]
fn figures_that_do_not_follow_are_a_lie_however_unstable_the_evaluation() {
    let exact = scores(1, 0);
    let published = scores(1, -1000);
    let honest = figures_of(&published);
    let figures = Figures {
        improvement: Score::from_micros(honest.improvement.micros() + 1),
        ..honest
    };
    let claimed = scored(Engine::Libtorch, figures, published.root());
    let attester = Machine::new(&scores(1, 400_000), &exact);
    let opinion = attester.thinks_of(side(&claimed, Some(&published)));
    assert_eq!(opinion, Opinion::Reject(Rejection::Figures));
    let truthful = found(Engine::Libtorch, &published);
    let opinion = attester.thinks_of(side(&truthful, Some(&published)));
    assert_eq!(opinion.code(), "score_borderline");
}
