//! What needs no scores: the terms, the engines, the statuses.

use super::*;

#[test]
fn figures_that_leave_the_verdict_to_the_margin_must_be_the_reference_engines() {
    let own = scores(0, 0);
    let figures = *result(&own).figures().expect("scored");
    let code = |engine, min_improvement| {
        let claimed = scored_by(engine, figures, own.root());
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
    let claimed = result(&own);
    let rules = Rules {
        terms: Terms {
            min_improvement: figures.lower,
            ..rules().terms
        },
        ..rules()
    };
    let side = Side {
        result: &claimed,
        scores: Some(&own),
    };
    let engine = Engine::Libtorch;
    let expected = Opinion::Reject(Rejection::EngineMustBeReference { engine });
    assert_eq!(compare(side, side, Some(&rules)), expected);
}

#[test]
fn a_claim_is_compared_with_what_its_own_engine_finds() {
    let own = scores(0, 0);
    let figures = *result(&own).figures().expect("scored");
    let by = |engine| scored_by(engine, figures, own.root());
    let (libtorch, reference) = (by(Engine::Libtorch), by(Engine::Reference));
    let cases = [
        (libtorch, libtorch, None),
        (reference, reference, None),
        (libtorch, reference, Some(Engine::Reference)),
        (reference, libtorch, Some(Engine::Libtorch)),
        (libtorch, failed(Status::NonFinite), Some(Engine::Reference)),
        (reference, failed(Status::NonFinite), None),
        (libtorch, failed(Status::Unavailable), None),
        (failed(Status::NonFinite), reference, None),
        (failed(Status::NonFinite), libtorch, Some(Engine::Libtorch)),
        (failed(Status::Unavailable), reference, None),
        (failed(Status::TooLarge), failed(Status::TooLarge), None),
    ];
    for (own, claimed, expected) in cases {
        assert_eq!(
            engine_wanted(&own, &claimed),
            expected,
            "{own:?} {claimed:?}"
        );
    }
}

#[test]
fn another_environment_is_rejected_whatever_the_status() {
    let other = Digest::new([2; 32]);
    let own = scores(0, 0);
    let figures = *result(&own).figures().expect("scored");
    let claimed = EvaluationResult::scored(other, Engine::Libtorch, figures, own.root());
    let failure = EvaluationResult::failed(other, Status::Unavailable);
    for claimed in [claimed.expect("holds"), failure.expect("a failure")] {
        let expected = Opinion::Reject(Rejection::Environment {
            claimed: other,
            expected: ENVIRONMENT,
        });
        assert_eq!(opinion(&claimed, Some(&own)), expected);
    }
}

#[test]
fn statuses_are_compared_where_every_machine_derives_them_alike() {
    let of = |own: Status, claimed: Status| {
        let [own, claimed] = [own, claimed].map(failed);
        let side = |result| Side {
            result,
            scores: None,
        };
        compare(side(&own), side(&claimed), None)
    };
    assert_eq!(of(Status::NonFinite, Status::NonFinite), Opinion::Approve);
    assert_eq!(
        of(Status::Unavailable, Status::Unavailable),
        Opinion::Approve
    );
    let (own, claimed) = (Status::NonFinite, Status::ShapeMismatch);
    let expected = Opinion::Reject(Rejection::Status { claimed, own });
    assert_eq!(of(own, claimed), expected);
    let expected = Opinion::Abstain(Abstention::Availability);
    assert_eq!(of(Status::Unavailable, Status::NonFinite), expected);
    assert_eq!(of(Status::NonFinite, Status::Unavailable), expected);
    assert_eq!(opinion(&failed(Status::Unavailable), None), expected);
    // What libtorch finds says nothing about a status, which is the reference engine's.
    let (own, claimed) = (Status::Ok, Status::EvaluatorTrapped);
    let expected = Opinion::Abstain(Abstention::OwnResult);
    assert_eq!(opinion(&failed(claimed), None), expected);
    let expected = Opinion::Reject(Rejection::Status { claimed, own });
    assert_eq!(of_reference(&failed(claimed), None), expected);
}

#[test]
fn a_run_that_libtorch_did_not_get_through_accuses_no_figures_of_libtorch() {
    let published = scores(0, 0);
    let of = |engine, status| {
        let figures = *result(&published).figures().expect("scored");
        let claimed = scored_by(engine, figures, published.root());
        let own = failed(status);
        let side = |result, scores| Side { result, scores };
        compare(
            side(&own, None),
            side(&claimed, Some(&published)),
            Some(&rules()),
        )
        .code()
    };
    for status in Status::ALL.iter().copied() {
        let (libtorch, reference) = match status {
            Status::Ok => continue,
            Status::Unavailable => ("availability_differs", "availability_differs"),
            Status::BadFormat
            | Status::ShapeMismatch
            | Status::TooLarge
            | Status::DigestMismatch => ("status_differs", "status_differs"),
            Status::NonFinite
            | Status::FuelExhausted
            | Status::EvaluatorTrapped
            | Status::EvaluatorInvalid => ("ill_conditioned", "status_differs"),
        };
        assert_eq!(of(Engine::Libtorch, status), libtorch, "{status}");
        assert_eq!(of(Engine::Reference, status), reference, "{status}");
    }
}

#[test]
fn libtorch_may_be_claimed_where_it_scored_and_the_margin_does_not_decide() {
    let found = result(&scores(0, 0));
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
fn an_own_result_that_does_not_fit_accuses_nobody() {
    let own_scores = SampleScores::new(scores(0, 0).as_slice()[..7].to_vec()).expect("seven");
    let own = result(&own_scores);
    let claimed_scores = scores(0, 0);
    let claimed = result(&claimed_scores);
    let claimed = Side {
        result: &claimed,
        scores: Some(&claimed_scores),
    };
    let own_side = Side {
        result: &own,
        scores: Some(&own_scores),
    };
    let expected = Opinion::Abstain(Abstention::OwnResult);
    assert_eq!(compare(own_side, claimed, Some(&rules())), expected);
    assert_eq!(compare(own_side, claimed, None), expected);
    assert_eq!(
        compare(
            Side {
                scores: None,
                ..own_side
            },
            claimed,
            Some(&rules())
        ),
        expected
    );
}
