//! Figures and the scores that they rest on.

use super::*;

#[test]
fn an_equal_result_is_approved_without_its_scores() {
    assert_eq!(opinion(&result(&scores(0, 0)), None), Opinion::Approve);
}

#[test]
fn the_distance_of_a_score_decides() {
    let of = |moved| {
        let published = scores(3, moved);
        opinion(&result(&published), Some(&published))
    };
    for moved in [1, -1, 100, -100] {
        assert_eq!(of(moved), Opinion::Approve, "{moved}");
    }
    for moved in [101_i64, -101, 1000, -1000] {
        let distance = moved.unsigned_abs();
        let expected = Opinion::Abstain(Abstention::Borderline {
            sample: 3,
            distance,
        });
        assert_eq!(of(moved), expected, "{moved}");
    }
    for moved in [1001, -1001, 400_000] {
        let code = of(moved).code();
        assert!(
            matches!(code, "score_differs" | "mean_differs"),
            "{moved}: {code}"
        );
    }
}

#[test]
fn reference_figures_are_compared_exactly() {
    let of = |moved| {
        let published = scores(3, moved);
        let honest = *result(&published).figures().expect("scored");
        let claimed = scored_by(Engine::Reference, honest, published.root());
        let withheld = of_reference(&claimed, None);
        assert_eq!(of_reference(&claimed, Some(&published)), withheld);
        withheld
    };
    assert_eq!(of(0), Opinion::Approve);
    for moved in [1, -1, 100, 500] {
        assert_eq!(of(moved), Opinion::Reject(Rejection::Reference), "{moved}");
    }
    let own = scores(0, 0);
    let mut figures = *result(&own).figures().expect("scored");
    figures.lower = Score::from_micros(figures.lower.micros() - 1);
    let claimed = scored_by(Engine::Reference, figures, own.root());
    let expected = Opinion::Reject(Rejection::Figures);
    assert_eq!(of_reference(&claimed, None), expected);
}

#[test]
fn the_champions_scores_count_as_well() {
    let mut published = scores(0, 0).as_slice().to_vec();
    published[5].champion = Score::from_micros(5000 + 1001);
    let published = SampleScores::new(published).expect("eight");
    let expected = Opinion::Reject(Rejection::Score {
        sample: 5,
        distance: 1001,
    });
    assert_eq!(opinion(&result(&published), Some(&published)), expected);
}

#[test]
fn figures_that_do_not_follow_are_rejected_however_close() {
    let published = scores(2, 7);
    let honest = *result(&published).figures().expect("scored");
    let one = |score: Score| Score::from_micros(score.micros() + 1);
    let lies = [
        Figures {
            champion_score: one(honest.champion_score),
            ..honest
        },
        Figures {
            challenger_score: one(honest.challenger_score),
            ..honest
        },
        Figures {
            improvement: one(honest.improvement),
            ..honest
        },
        Figures {
            lower: one(honest.lower),
            ..honest
        },
        Figures {
            upper: one(honest.upper),
            ..honest
        },
    ];
    for lie in lies {
        let claimed = scored(lie, published.root());
        assert_eq!(
            opinion(&claimed, Some(&published)),
            Opinion::Reject(Rejection::Figures)
        );
    }
}

#[test]
fn a_far_mean_is_rejected_even_when_the_scores_are_withheld() {
    let honest = *result(&scores(0, 0)).figures().expect("scored");
    let moved = |by: i64| {
        let challenger_score = Score::from_micros(honest.challenger_score.micros() + by);
        scored(
            Figures {
                challenger_score,
                ..honest
            },
            B256::repeat_byte(9),
        )
    };
    assert_eq!(
        opinion(&moved(1001), None),
        Opinion::Abstain(Abstention::ScoresMissing)
    );
    let expected = Opinion::Reject(Rejection::Mean { distance: 1002 });
    assert_eq!(opinion(&moved(1002), None), expected);
}

#[test]
fn scores_of_another_root_accuse_nobody() {
    // Whoever passes a claim on can name any file as its scores.
    let claimed = result(&scores(1, 5));
    let foreign = scores(1, 900_000 - 500_000);
    let expected = Opinion::Abstain(Abstention::ScoresMissing);
    assert_eq!(opinion(&claimed, Some(&foreign)), expected);
    assert_eq!(opinion(&claimed, None), expected);
}

#[test]
fn another_number_of_samples_is_rejected() {
    let few = SampleScores::new(scores(0, 0).as_slice()[..7].to_vec()).expect("seven");
    let expected = Opinion::Reject(Rejection::Samples {
        claimed: 7,
        expected: 8,
    });
    assert_eq!(opinion(&result(&few), Some(&few)), expected);
    // The count in the result says eight, the tree holds seven.
    let honest = *result(&scores(0, 0)).figures().expect("scored");
    assert_eq!(opinion(&scored(honest, few.root()), Some(&few)), expected);
}

#[test]
fn another_bound_than_the_requests_is_rejected() {
    // Its figures follow from the scores, but by the other rule.
    let own = scores(0, 0);
    let claimed = bounded(&own, Bound::EmpiricalBernstein);
    let expected = Opinion::Reject(Rejection::Method {
        bound: Bound::EmpiricalBernstein,
        engine: Engine::Libtorch,
    });
    assert_eq!(opinion(&claimed, None), expected);

    // One that evaluated by the wrong bound itself accuses nobody.
    let side = |result| Side {
        result,
        scores: Some(&own),
    };
    let honest = result(&own);
    let expected = Opinion::Abstain(Abstention::OwnResult);
    let found = compare(side(&claimed), side(&honest), Some(&rules()));
    assert_eq!(found, expected);
}
