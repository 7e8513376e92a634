//! Figures and the scores that they rest on.

use super::*;

const ENGINES: [Engine; 2] = [Engine::Libtorch, Engine::Reference];
const UNDECIDED: Opinion = Opinion::Abstain(Abstention::ReferenceMissing);

/// An opinion about figures of libtorch.
fn of_libtorch(own: Engine, published: &SampleScores, at_hand: Option<&SampleScores>) -> Opinion {
    opinion(own, &found(Engine::Libtorch, published), at_hand)
}

#[test]
fn an_equal_result_is_approved_without_its_scores() {
    for own in ENGINES {
        assert_eq!(of_libtorch(own, &scores(0, 0), None), Opinion::Approve);
    }
}

#[test]
fn the_distance_of_a_score_decides() {
    let of = |own, moved| {
        let published = scores(3, moved);
        of_libtorch(own, &published, Some(&published))
    };
    for moved in [1, -1, 100, -100] {
        for own in ENGINES {
            assert_eq!(of(own, moved), Opinion::Approve, "{moved}");
        }
    }
    for moved in [101_i64, -101, 1000, -1000] {
        let distance = moved.unsigned_abs();
        let expected = Opinion::Abstain(Abstention::Borderline {
            sample: 3,
            distance,
        });
        assert_eq!(of(Engine::Reference, moved), expected, "{moved}");
    }
    for moved in [1001_i64, -1001] {
        let expected = Opinion::Reject(Rejection::Score {
            sample: 3,
            distance: 1001,
        });
        assert_eq!(of(Engine::Reference, moved), expected, "{moved}");
    }
    // An eighth of it is the distance of the means.
    let expected = Opinion::Reject(Rejection::Mean { distance: 50_000 });
    assert_eq!(of(Engine::Reference, 400_000), expected);
    for moved in [101, -101, 1000, 1001, -1001, 400_000] {
        assert_eq!(of(Engine::Libtorch, moved), UNDECIDED, "{moved}");
    }
}

#[test]
fn reference_figures_are_compared_exactly() {
    let of = |moved| {
        let published = scores(3, moved);
        let claimed = found(Engine::Reference, &published);
        let withheld = opinion(Engine::Reference, &claimed, None);
        assert_eq!(
            opinion(Engine::Reference, &claimed, Some(&published)),
            withheld
        );
        assert_eq!(
            opinion(Engine::Libtorch, &claimed, Some(&published)),
            UNDECIDED
        );
        withheld
    };
    assert_eq!(of(0), Opinion::Approve);
    for moved in [1, -1, 100, 500, 400_000] {
        assert_eq!(of(moved), Opinion::Reject(Rejection::Reference), "{moved}");
    }
    let own = scores(0, 0);
    let honest = figures_of(&own);
    let figures = Figures {
        lower: Score::from_micros(honest.lower.micros() - 1),
        ..honest
    };
    let claimed = scored(Engine::Reference, figures, own.root());
    let expected = Opinion::Reject(Rejection::Figures);
    assert_eq!(opinion(Engine::Reference, &claimed, None), expected);
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
    let of = |own| of_libtorch(own, &published, Some(&published));
    assert_eq!(of(Engine::Reference), expected);
    assert_eq!(of(Engine::Libtorch), UNDECIDED);
}

#[test]
fn figures_that_do_not_follow_are_rejected_however_close() {
    let published = scores(2, 7);
    let honest = figures_of(&published);
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
        let claimed = scored(Engine::Libtorch, lie, published.root());
        for own in ENGINES {
            assert_eq!(
                opinion(own, &claimed, Some(&published)),
                Opinion::Reject(Rejection::Figures)
            );
        }
    }
}

#[test]
fn a_far_mean_is_rejected_even_when_the_scores_are_withheld() {
    let honest = figures_of(&scores(0, 0));
    let of = |own, by: i64| {
        let figures = Figures {
            challenger_score: Score::from_micros(honest.challenger_score.micros() + by),
            ..honest
        };
        let claimed = scored(Engine::Libtorch, figures, B256::repeat_byte(9));
        opinion(own, &claimed, None)
    };
    let missing = Opinion::Abstain(Abstention::ScoresMissing);
    assert_eq!(of(Engine::Reference, 1001), missing);
    let expected = Opinion::Reject(Rejection::Mean { distance: 1002 });
    assert_eq!(of(Engine::Reference, 1002), expected);
    // Nor can scores within the tolerance of libtorch's have a mean so far from its mean.
    assert_eq!(of(Engine::Libtorch, 101), missing);
    assert_eq!(of(Engine::Libtorch, 102), UNDECIDED);
}

#[test]
fn scores_of_another_root_accuse_nobody() {
    // Whoever passes a claim on can name any file as its scores.
    let claimed = scores(1, 5);
    let foreign = scores(1, 900_000 - 500_000);
    let expected = Opinion::Abstain(Abstention::ScoresMissing);
    for own in ENGINES {
        assert_eq!(of_libtorch(own, &claimed, Some(&foreign)), expected);
        assert_eq!(of_libtorch(own, &claimed, None), expected);
    }
}

#[test]
fn another_number_of_samples_is_rejected() {
    let few = SampleScores::new(scores(0, 0).as_slice()[..7].to_vec()).expect("seven");
    let expected = Opinion::Reject(Rejection::Samples {
        claimed: 7,
        expected: 8,
    });
    // The count in the result says eight, the tree holds seven.
    let pretended = scored(Engine::Libtorch, figures_of(&scores(0, 0)), few.root());
    for own in ENGINES {
        assert_eq!(of_libtorch(own, &few, Some(&few)), expected);
        assert_eq!(opinion(own, &pretended, Some(&few)), expected);
    }
}

#[test]
fn another_bound_than_the_requests_is_rejected() {
    // Its figures follow from the scores, but by the other rule.
    let own = scores(0, 0);
    let bound = Bound::EmpiricalBernstein;
    let expected = Opinion::Reject(Rejection::Bound { bound });
    for engine in ENGINES {
        let claimed = bounded(engine, &own, bound);
        assert_eq!(opinion(engine, &claimed, None), expected);

        // One that evaluated by the wrong bound itself accuses nobody.
        let honest = found(engine, &own);
        let expected = Opinion::Abstain(Abstention::OwnResult);
        let [claimed, honest] = [&claimed, &honest].map(|result| side(result, Some(&own)));
        assert_eq!(compare(claimed, honest, Some(&rules())), expected);
    }
}
