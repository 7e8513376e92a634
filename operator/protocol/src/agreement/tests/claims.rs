//! What needs no scores: the terms, the engines, the statuses.

use super::*;

#[test]
fn figures_that_leave_the_verdict_to_the_margin_must_be_the_reference_engines() {
    let own = scores(0, 0);
    let figures = figures_of(&own);
    let code = |engine, min_improvement| {
        let claimed = scored(engine, figures, own.root());
        let terms = Terms {
            min_improvement: Score::from_micros(min_improvement),
            ..rules().terms
        };
        check_alone(&claimed, ENVIRONMENT, Some(&terms)).map(|rejection| rejection.code())
    };
    let lower = figures.lower.micros();
    let must = Some("engine_must_be_reference");
    for (from_lower, expected) in [
        (-101, None),
        (-100, None),
        (-99, must),
        (100, must),
        (101, None),
    ] {
        assert_eq!(
            code(Engine::Libtorch, lower + from_lower),
            expected,
            "{from_lower}"
        );
        assert_eq!(
            code(Engine::Reference, lower + from_lower),
            None,
            "{from_lower}"
        );
    }
    let claimed = found(Engine::Libtorch, &own);
    let rules = Rules {
        terms: Terms {
            min_improvement: figures.lower,
            ..rules().terms
        },
        ..rules()
    };
    let side = side(&claimed, Some(&own));
    let engine = Engine::Libtorch;
    let expected = Opinion::Reject(Rejection::EngineMustBeReference { engine });
    assert_eq!(compare(side, side, Some(&rules)), expected);
}

#[test]
fn another_environment_is_rejected_whatever_the_status() {
    let other = Digest::new([2; 32]);
    let own = scores(0, 0);
    let claimed = EvaluationResult::scored(other, Engine::Libtorch, figures_of(&own), own.root());
    let failure = EvaluationResult::failed(other, Status::Unavailable);
    for claimed in [claimed.expect("holds"), failure.expect("a failure")] {
        let expected = Opinion::Reject(Rejection::Environment {
            claimed: other,
            expected: ENVIRONMENT,
        });
        assert_eq!(opinion(Engine::Libtorch, &claimed, Some(&own)), expected);
    }
}

#[test]
fn statuses_are_compared_with_what_the_reference_engine_finds() {
    let own_scores = scores(0, 0);
    let libtorch = found(Engine::Libtorch, &own_scores);
    let reference = found(Engine::Reference, &own_scores);
    for status in Status::ALL.iter().copied() {
        if status == Status::Ok {
            continue;
        }
        let failure = failed(status);
        let compared = |own: &EvaluationResult, claimed: &EvaluationResult| {
            let with_scores = |result: &EvaluationResult| result.scores_root().map(|_| &own_scores);
            compare(
                side(own, with_scores(own)),
                side(claimed, with_scores(claimed)),
                Some(&rules()),
            )
        };
        assert_eq!(compared(&failure, &failure), Opinion::Approve, "{status}");
        // Nobody can tell from one side whether content was to be had on the other.
        let available = status != Status::Unavailable;
        let rejected = |claimed, own| match available {
            true => Opinion::Reject(Rejection::Status { claimed, own }),
            false => Opinion::Abstain(Abstention::Availability),
        };
        let expected = rejected(Status::Ok, status);
        assert_eq!(compared(&failure, &reference), expected, "{status}");
        assert_eq!(compared(&failure, &libtorch), expected, "{status}");
        let expected = rejected(status, Status::Ok);
        assert_eq!(compared(&reference, &failure), expected, "{status}");
        // What libtorch finds says nothing about a status.
        let expected = match available {
            true => Opinion::Abstain(Abstention::ReferenceMissing),
            false => Opinion::Abstain(Abstention::Availability),
        };
        assert_eq!(compared(&libtorch, &failure), expected, "{status}");
    }
    let (own, claimed) = (Status::NonFinite, Status::ShapeMismatch);
    let [own_result, claimed_result] = [own, claimed].map(failed);
    assert_eq!(
        compare(side(&own_result, None), side(&claimed_result, None), None),
        Opinion::Reject(Rejection::Status { claimed, own })
    );
}

#[test]
fn libtorch_may_be_claimed_where_it_scored_and_the_margin_does_not_decide() {
    let found = found(Engine::Libtorch, &scores(0, 0));
    let lower = found.figures().expect("scored").lower;
    let terms = |min_improvement| Terms {
        min_improvement,
        ..rules().terms
    };
    assert!(!may_claim_libtorch(&found, &terms(lower)));
    let above = Score::from_micros(lower.micros() + 101);
    assert!(may_claim_libtorch(&found, &terms(above)));
    for status in Status::ALL
        .iter()
        .copied()
        .filter(|status| *status != Status::Ok)
    {
        assert!(
            !may_claim_libtorch(&failed(status), &terms(above)),
            "{status}"
        );
    }
}

#[test]
fn libtorch_is_right_within_the_tolerance_of_the_reference_engine() {
    let exact = scores(0, 0);
    let right = |libtorch: &SampleScores| {
        let [one, other] = [
            found(Engine::Libtorch, libtorch),
            found(Engine::Reference, &exact),
        ];
        is_right(
            side(&one, Some(libtorch)),
            side(&other, Some(&exact)),
            &rules().terms,
        )
    };
    for sample in [0, 7] {
        for (moved, expected) in [
            (0, true),
            (100, true),
            (-100, true),
            (101, false),
            (-101, false),
        ] {
            assert_eq!(right(&scores(sample, moved)), expected, "{moved}");
        }
    }
    let mut champion = exact.as_slice().to_vec();
    champion[6].champion = Score::from_micros(6000 - 101);
    assert!(!right(&SampleScores::new(champion).expect("eight")));
    let few = SampleScores::new(exact.as_slice()[..7].to_vec()).expect("seven");
    assert!(!right(&few));
    // Without scores of the reference engine nothing is right.
    let libtorch = found(Engine::Libtorch, &exact);
    let failure = failed(Status::NonFinite);
    assert!(!is_right(
        side(&libtorch, Some(&exact)),
        side(&failure, None),
        &rules().terms
    ));
}

#[test]
fn an_own_result_that_does_not_fit_accuses_nobody() {
    let own_scores = SampleScores::new(scores(0, 0).as_slice()[..7].to_vec()).expect("seven");
    let claimed_scores = scores(0, 0);
    for engine in [Engine::Libtorch, Engine::Reference] {
        let own = found(engine, &own_scores);
        let claimed = found(engine, &claimed_scores);
        let claimed = side(&claimed, Some(&claimed_scores));
        let own_side = side(&own, Some(&own_scores));
        let expected = Opinion::Abstain(Abstention::OwnResult);
        assert_eq!(compare(own_side, claimed, Some(&rules())), expected);
        assert_eq!(compare(own_side, claimed, None), expected);
        assert_eq!(compare(side(&own, None), claimed, Some(&rules())), expected);
    }
}
