//! What an attester thinks of a claimed result that it recomputed (5.7).
//!
//! A rejection puts the performer at fault, so it needs more than a difference: a result that
//! cannot follow from any honest evaluation. In between an attester abstains.
//!
//! The published scores are only as good as their Merkle root: a claim signs the root, not the
//! place where the scores are kept, so scores of another root say nothing about the performer.

use zarathustra_primitives::{
    Alpha, Bound, Digest, Engine, EvaluationResult, Figures, Purpose, SampleScores, Score,
    ScoreRange, Status,
};

use crate::{
    figures::figures,
    verdict::{Terms, engine_for},
};

/// How far beyond the tolerance a score must be for a rejection.
pub const REJECT_FACTOR: u64 = 10;

/// A result with the scores that it rests on, when they are at hand.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The result.
    pub result: &'a EvaluationResult,
    /// The sample scores.
    pub scores: Option<&'a SampleScores>,
}

/// What a request says about its evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Range of sample scores.
    pub range: ScoreRange,
    /// Error probability of the bound.
    pub alpha: Alpha,
    /// The bound.
    pub bound: Bound,
    /// Number of samples.
    pub samples: u32,
    /// The thresholds, and the largest difference of two honest machines' scores on one sample.
    pub terms: Terms,
}

impl Rules {
    /// Largest difference of two honest machines' scores on one sample, in millionths.
    const fn tolerance(&self) -> u64 {
        self.terms.tolerance.micros().unsigned_abs()
    }
}

/// What to do about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// Vote for it.
    Approve,
    /// Vote against it: the performer is at fault.
    Reject(Rejection),
    /// Do not vote.
    Abstain(Abstention),
}

impl Opinion {
    /// The stable name of the opinion or of its reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Approve => "agree",
            Self::Reject(reason) => reason.code(),
            Self::Abstain(reason) => reason.code(),
        }
    }
}

/// Why a claimed result cannot be honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another status than every machine derives.
    #[error("status is {claimed}, found {own}")]
    Status {
        /// The claimed status.
        claimed: Status,
        /// The own status.
        own: Status,
    },
    /// Another number of samples than the request's.
    #[error("result rests on {claimed} samples instead of {expected}")]
    Samples {
        /// The claimed number.
        claimed: u32,
        /// The request's.
        expected: u32,
    },
    /// Another bound or engine than the request's.
    #[error("result is of bound {bound} on engine {engine}")]
    Method {
        /// The claimed bound.
        bound: Bound,
        /// The claimed engine.
        engine: Engine,
    },
    /// Another environment than the task's.
    #[error("result is of environment {claimed}, the task's is {expected}")]
    Environment {
        /// The claimed one.
        claimed: Digest,
        /// The task's.
        expected: Digest,
    },
    /// Figures of libtorch that leave the verdict to the margin.
    #[error("the margin decides about figures of {engine}: they must be the reference engine's")]
    EngineMustBeReference {
        /// The claimed engine.
        engine: Engine,
    },
    /// Reference figures that are not those of the reference engine.
    #[error("the reference engine finds other scores")]
    Reference,
    /// A published score is too far from the own one.
    #[error("score of sample {sample} is off by {distance} millionths")]
    Score {
        /// Which sample, from 0.
        sample: u32,
        /// Distance of the farther of the two models' scores, in millionths.
        distance: u64,
    },
    /// The figures do not follow from the published scores.
    #[error("figures do not follow from the published scores")]
    Figures,
    /// A mean is so far from the own one that no scores within bounds could have it.
    #[error("mean score is off by {distance} millionths")]
    Mean {
        /// Distance of the farther of the two models' means, in millionths.
        distance: u64,
    },
}

impl Rejection {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status_differs",
            Self::Samples { .. } => "samples_differ",
            Self::Method { .. } => "method_differs",
            Self::Environment { .. } => "environment_differs",
            Self::EngineMustBeReference { .. } => "engine_must_be_reference",
            Self::Reference => "reference_differs",
            Self::Score { .. } => "score_differs",
            Self::Figures => "figures_do_not_follow",
            Self::Mean { .. } => "mean_differs",
        }
    }
}

/// Why an attester cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Abstention {
    /// One side could not fetch the content, the other could. That depends on where one stands
    /// in the network and accuses nobody.
    #[error("content was to be had for one side only")]
    Availability,
    /// The published scores are not at hand, or not those of the claim's root.
    #[error("the claim's scores are not to be had")]
    ScoresMissing,
    /// A score is beyond the tolerance, but not so far that it must be a lie.
    #[error(
        "score of sample {sample} is off by {distance} millionths, between agreement and rejection"
    )]
    Borderline {
        /// Which sample, from 0.
        sample: u32,
        /// Distance of the farther of the two models' scores, in millionths.
        distance: u64,
    },
    /// The own evaluation does not fit the request; a fault of this program.
    #[error("own evaluation does not fit the request")]
    OwnResult,
}

impl Abstention {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Availability => "availability_differs",
            Self::ScoresMissing => "scores_missing",
            Self::Borderline { .. } => "score_borderline",
            Self::OwnResult => "bug_own_result",
        }
    }
}

/// Compares a claim with the own evaluation of the same task.
///
/// The own evaluation is one of the task's environment and, where the claim was scored, of the
/// claim's engine. `rules` are needed wherever both were scored; without them that is an abstention.
pub fn compare(own: Side<'_>, claimed: Side<'_>, rules: Option<&Rules>) -> Opinion {
    let environment = own.result.environment();
    if let Some(rejection) = check_alone(claimed.result, environment, rules.map(|r| &r.terms)) {
        return Opinion::Reject(rejection);
    }
    let [own_status, claimed_status] = [own, claimed].map(|side| side.result.status());
    if own_status != claimed_status {
        let reproducible = own_status.is_reproducible() && claimed_status.is_reproducible();
        return if reproducible {
            Opinion::Reject(Rejection::Status {
                claimed: claimed_status,
                own: own_status,
            })
        } else {
            Opinion::Abstain(Abstention::Availability)
        };
    }
    match (own.result.figures(), claimed.result.figures()) {
        (Some(own_figures), Some(claimed_figures)) => {
            compare_scored(own, own_figures, claimed, claimed_figures, rules)
        }
        _ => Opinion::Approve,
    }
}

/// What is wrong with a claimed result whatever an evaluation finds: it follows from the result, the
/// task's environment and the request's terms alone, so that no two attesters differ about it.
pub fn check_alone(
    claimed: &EvaluationResult,
    environment: Digest,
    terms: Option<&Terms>,
) -> Option<Rejection> {
    if claimed.environment() != environment {
        return Some(Rejection::Environment {
            claimed: claimed.environment(),
            expected: environment,
        });
    }
    let due = engine_for(Purpose::Claim, terms?.leave_to_margin(claimed.figures()?));
    // Nobody is kept from more exact figures than are due.
    let engine = claimed.engine();
    (engine != due && due == Engine::Reference)
        .then_some(Rejection::EngineMustBeReference { engine })
}

/// The engine with which an attester has to evaluate before it can compare a claim with what it
/// found; `None` when what it found will do. Who found the challenger unavailable has nothing to
/// evaluate.
pub fn engine_wanted(own: &EvaluationResult, claimed: &EvaluationResult) -> Option<Engine> {
    let wanted = claimed.engine();
    let fits = wanted == Engine::None || wanted == own.engine();
    (!fits && own.status() != Status::Unavailable).then_some(wanted)
}

fn compare_scored(
    own: Side<'_>,
    own_figures: &Figures,
    claimed: Side<'_>,
    claimed_figures: &Figures,
    rules: Option<&Rules>,
) -> Opinion {
    let (Some(rules), Some(own_scores)) = (rules, own.scores) else {
        return Opinion::Abstain(Abstention::OwnResult);
    };
    if own_scores.count() != rules.samples
        || own_figures.bound != rules.bound
        || own.result.scores_root() != Some(own_scores.root())
    {
        return Opinion::Abstain(Abstention::OwnResult);
    }
    if let Some(rejection) = check_fields(own, own_figures, claimed, claimed_figures, rules) {
        return Opinion::Reject(rejection);
    }
    let root = claimed.result.scores_root();
    if claimed.result.engine() == Engine::Reference && root != own.result.scores_root() {
        // The same bits everywhere: no score may differ, so none needs to be seen.
        return Opinion::Reject(Rejection::Reference);
    }
    if root == own.result.scores_root() {
        // The same scores: nothing needs to be fetched.
        return match follow(claimed_figures, own_scores, rules) {
            Ok(()) => Opinion::Approve,
            Err(rejection) => Opinion::Reject(rejection),
        };
    }
    match claimed.scores.filter(|scores| root == Some(scores.root())) {
        Some(scores) => compare_scores(own_scores, scores, claimed_figures, rules),
        None => Opinion::Abstain(Abstention::ScoresMissing),
    }
}

/// What can be told without the claim's scores.
fn check_fields(
    own: Side<'_>,
    own_figures: &Figures,
    claimed: Side<'_>,
    claimed_figures: &Figures,
    rules: &Rules,
) -> Option<Rejection> {
    if claimed_figures.samples != rules.samples {
        let claimed = claimed_figures.samples;
        return Some(Rejection::Samples {
            claimed,
            expected: rules.samples,
        });
    }
    let (bound, engine) = (claimed_figures.bound, claimed.result.engine());
    if bound != rules.bound || engine != own.result.engine() {
        return Some(Rejection::Method { bound, engine });
    }
    // Means of scores that all differ by at most x differ by at most x, and by one more when both
    // were rounded. Beyond that, some score is too far off or the mean is not theirs.
    let distance = own_figures
        .champion_score
        .distance(claimed_figures.champion_score)
        .max(
            own_figures
                .challenger_score
                .distance(claimed_figures.challenger_score),
        );
    (distance > reject_beyond(rules).saturating_add(1)).then_some(Rejection::Mean { distance })
}

fn compare_scores(
    own: &SampleScores,
    claimed: &SampleScores,
    claimed_figures: &Figures,
    rules: &Rules,
) -> Opinion {
    if claimed.count() != rules.samples {
        let claimed = claimed.count();
        return Opinion::Reject(Rejection::Samples {
            claimed,
            expected: rules.samples,
        });
    }
    let pairs = own.as_slice().iter().zip(claimed.as_slice());
    let farthest = pairs
        .map(|(own, claimed)| {
            let distance = |own: Score, claimed: Score| own.distance(claimed);
            distance(own.champion, claimed.champion)
                .max(distance(own.challenger, claimed.challenger))
        })
        .zip(0u32..)
        .max_by_key(|(distance, sample)| (*distance, std::cmp::Reverse(*sample)));
    let (distance, sample) = farthest.unwrap_or((0, 0));
    if distance > reject_beyond(rules) {
        return Opinion::Reject(Rejection::Score { sample, distance });
    }
    if let Err(rejection) = follow(claimed_figures, claimed, rules) {
        return Opinion::Reject(rejection);
    }
    if distance > rules.tolerance() {
        return Opinion::Abstain(Abstention::Borderline { sample, distance });
    }
    Opinion::Approve
}

/// Whether figures follow from scores, exactly.
fn follow(claimed: &Figures, scores: &SampleScores, rules: &Rules) -> Result<(), Rejection> {
    match figures(scores, rules.range, rules.alpha, rules.bound) {
        Ok(figures) if figures == *claimed => Ok(()),
        _ => Err(Rejection::Figures),
    }
}

const fn reject_beyond(rules: &Rules) -> u64 {
    rules.tolerance().saturating_mul(REJECT_FACTOR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zarathustra_primitives::{B256, Digest, SampleScore};

    use super::*;

    const TOLERANCE: u64 = 100;
    const ENVIRONMENT: Digest = Digest::new([1; 32]);

    fn rules() -> Rules {
        let range = ScoreRange::new(
            Score::from_micros(-1_000_000),
            Score::from_micros(1_000_000),
        );
        Rules {
            range: range.expect("a range"),
            alpha: Alpha::from_ppb(1_000_000).expect("in range"),
            bound: Bound::Betting,
            samples: 8,
            terms: Terms {
                min_improvement: Score::from_micros(1000),
                tolerance: Score::from_micros(TOLERANCE as i64),
                slash_margin: Score::from_micros(5000),
                min_samples: 2,
            },
        }
    }

    /// An evaluation with one of the challenger's scores moved.
    fn scores(sample: usize, moved: i64) -> SampleScores {
        let score = |i: i64| SampleScore {
            champion: Score::from_micros(1000 * i),
            challenger: Score::from_micros(500_000 - i),
        };
        let mut scores: Vec<_> = (0..8).map(score).collect();
        let micros = scores[sample].challenger.micros() + moved;
        scores[sample].challenger = Score::from_micros(micros);
        SampleScores::new(scores).expect("eight")
    }

    fn result(scores: &SampleScores) -> EvaluationResult {
        bounded(scores, rules().bound)
    }

    fn bounded(scores: &SampleScores, bound: Bound) -> EvaluationResult {
        let figures = figures(scores, rules().range, rules().alpha, bound).expect("in range");
        scored(figures, scores.root())
    }

    fn scored(figures: Figures, root: B256) -> EvaluationResult {
        scored_by(Engine::Libtorch, figures, root)
    }

    fn scored_by(engine: Engine, figures: Figures, root: B256) -> EvaluationResult {
        EvaluationResult::scored(ENVIRONMENT, engine, figures, root).expect("holds")
    }

    /// The opinion of an honest attester about a claim of reference figures.
    fn of_reference(claimed: &EvaluationResult, published: Option<&SampleScores>) -> Opinion {
        let own_scores = scores(0, 0);
        let honest = *result(&own_scores).figures().expect("scored");
        let own = scored_by(Engine::Reference, honest, own_scores.root());
        let own = Side {
            result: &own,
            scores: Some(&own_scores),
        };
        let claimed = Side {
            result: claimed,
            scores: published,
        };
        compare(own, claimed, Some(&rules()))
    }

    fn failed(status: Status) -> EvaluationResult {
        EvaluationResult::failed(ENVIRONMENT, status).expect("a failure")
    }

    /// The opinion of an honest attester about a claim.
    fn opinion(claimed: &EvaluationResult, published: Option<&SampleScores>) -> Opinion {
        let own_scores = scores(0, 0);
        let own = result(&own_scores);
        compare(
            Side {
                result: &own,
                scores: Some(&own_scores),
            },
            Side {
                result: claimed,
                scores: published,
            },
            Some(&rules()),
        )
    }

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
            (libtorch, failed(Status::NonFinite), None),
            (reference, failed(Status::Unavailable), None),
            (
                failed(Status::NonFinite),
                reference,
                Some(Engine::Reference),
            ),
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
        let (own, claimed) = (Status::Ok, Status::EvaluatorTrapped);
        let expected = Opinion::Reject(Rejection::Status { claimed, own });
        assert_eq!(opinion(&failed(claimed), None), expected);
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
}
