//! What an attester thinks of a claimed result that it recomputed (5.7).
//!
//! A rejection puts the performer at fault, so it needs more than a difference. It follows from the
//! claim alone; or from the reference engine, whose results are the same bits everywhere; or from
//! libtorch's figures where the reference engine shows that this evaluation is stable: weights that
//! amplify last bits, and evaluators that score them, take honest machines arbitrarily far apart. In
//! between an attester abstains.
//!
//! The published scores are only as good as their Merkle root: a claim signs the root, not the
//! place where the scores are kept, so scores of another root say nothing about the performer.

use zarathustra_primitives::{
    Alpha, Bound, Digest, Engine, EvaluationResult, Figures, Purpose, SampleScores, ScoreRange,
    Status,
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
    /// libtorch finds something else than claimed, and something else than the reference engine
    /// does: other machines may find the claim honestly.
    #[error("what libtorch finds is not stable here, so it accuses nobody")]
    IllConditioned,
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
            Self::IllConditioned => "ill_conditioned",
            Self::OwnResult => "bug_own_result",
        }
    }
}

/// Compares a claim with the own evaluation of the same task.
///
/// The own evaluation is one of the task's environment and of the engine that [`engine_wanted`]
/// names. `rules` are needed wherever both were scored; without them that is an abstention. An
/// opinion that [`rests_on_libtorch`] is none before it went through [`confirm`].
pub fn compare(own: Side<'_>, claimed: Side<'_>, rules: Option<&Rules>) -> Opinion {
    let environment = own.result.environment();
    if let Some(rejection) = check_alone(claimed.result, environment, rules.map(|r| &r.terms)) {
        return Opinion::Reject(rejection);
    }
    let [own_status, claimed_status] = [own, claimed].map(|side| side.result.status());
    if own_status != claimed_status {
        if !own_status.is_reproducible() || !claimed_status.is_reproducible() {
            return Opinion::Abstain(Abstention::Availability);
        }
        // Figures of libtorch against a run that libtorch did not get through.
        if claimed.result.engine() == Engine::Libtorch && !precedes_the_run(own_status) {
            return Opinion::Abstain(Abstention::IllConditioned);
        }
        if own.result.engine() == Engine::Libtorch {
            return Opinion::Abstain(Abstention::OwnResult);
        }
        return Opinion::Reject(Rejection::Status {
            claimed: claimed_status,
            own: own_status,
        });
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

/// Whether a performer may claim what libtorch found: figures that do not leave the verdict to the
/// margin. In every other case it claims what the reference engine finds, whatever that is, so that
/// a status other than Ok is always the reference engine's.
pub fn may_claim_libtorch(found: &EvaluationResult, terms: &Terms) -> bool {
    found.figures().is_some_and(|figures| {
        let due = engine_for(Purpose::Claim, terms.leave_to_margin(figures));
        due == Engine::Libtorch
    })
}

/// The engine with which an attester has to evaluate before it can compare a claim with what it
/// found; `None` when what it found will do. A status other than Ok is the reference engine's, the
/// own one as well as the claimed one. Whether content was to be had is for no engine to tell.
pub fn engine_wanted(own: &EvaluationResult, claimed: &EvaluationResult) -> Option<Engine> {
    if [own, claimed]
        .map(EvaluationResult::status)
        .contains(&Status::Unavailable)
    {
        return None;
    }
    let engine = |result: &EvaluationResult| match result.engine() {
        Engine::Libtorch => Engine::Libtorch,
        Engine::Reference | Engine::None => Engine::Reference,
    };
    (engine(own) != engine(claimed)).then(|| engine(claimed))
}

/// Whether a status is found before any model runs (5.10, steps 1 to 6, where no later step has the
/// same status), so that no floating-point arithmetic has a part in it.
const fn precedes_the_run(status: Status) -> bool {
    matches!(
        status,
        Status::BadFormat | Status::ShapeMismatch | Status::TooLarge | Status::DigestMismatch
    )
}

/// Whether an opinion about a claim accuses the performer of what libtorch found here, so that it
/// needs [`confirm`].
pub const fn rests_on_libtorch(opinion: &Opinion, claimed: &EvaluationResult) -> bool {
    matches!(claimed.engine(), Engine::Libtorch)
        && matches!(
            opinion,
            Opinion::Reject(Rejection::Mean { .. } | Rejection::Score { .. })
        )
}

/// What is left of an opinion that [`rests_on_libtorch`], given what both engines find here: it
/// stands where each sample's scores by libtorch are within the tolerance of the reference engine's.
pub fn confirm(opinion: Opinion, own: Side<'_>, reference: Side<'_>, rules: &Rules) -> Opinion {
    let stable = match (own.scores, reference.scores) {
        (Some(own), Some(reference)) if own.count() == reference.count() => {
            farthest(own, reference).0 <= rules.tolerance()
        }
        _ => false,
    };
    if stable {
        opinion
    } else {
        Opinion::Abstain(Abstention::IllConditioned)
    }
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
    // First what needs no own evaluation.
    if let Err(rejection) = follow(claimed_figures, claimed, rules) {
        return Opinion::Reject(rejection);
    }
    let (distance, sample) = farthest(own, claimed);
    if distance > reject_beyond(rules) {
        return Opinion::Reject(Rejection::Score { sample, distance });
    }
    if distance > rules.tolerance() {
        return Opinion::Abstain(Abstention::Borderline { sample, distance });
    }
    Opinion::Approve
}

/// The largest distance of two evaluations' scores on one sample, of the farther of the two models,
/// and the first sample that has it.
fn farthest(one: &SampleScores, other: &SampleScores) -> (u64, u32) {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    pairs
        .map(|(one, other)| {
            let champions = one.champion.distance(other.champion);
            champions.max(one.challenger.distance(other.challenger))
        })
        .zip(0u32..)
        .max_by_key(|(distance, sample)| (*distance, std::cmp::Reverse(*sample)))
        .unwrap_or((0, 0))
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
    use zarathustra_primitives::{B256, Digest, SampleScore, Score};

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

    /// The opinion of an attester whose engines find these scores about figures of libtorch.
    fn settled(
        libtorch: &SampleScores,
        reference: &SampleScores,
        published: &SampleScores,
    ) -> Opinion {
        let claimed = result(published);
        let own = result(libtorch);
        let figures = *result(reference).figures().expect("scored");
        let exact = scored_by(Engine::Reference, figures, reference.root());
        let own = Side {
            result: &own,
            scores: Some(libtorch),
        };
        let theirs = Side {
            result: &claimed,
            scores: Some(published),
        };
        let opinion = compare(own, theirs, Some(&rules()));
        if !rests_on_libtorch(&opinion, &claimed) {
            return opinion;
        }
        let reference = Side {
            result: &exact,
            scores: Some(reference),
        };
        confirm(opinion, own, reference, &rules())
    }

    /// Eight samples, of which the challenger's scores are these.
    fn challenger(scored: [i64; 8]) -> SampleScores {
        let score = |challenger| SampleScore {
            champion: Score::ZERO,
            challenger: Score::from_micros(challenger),
        };
        SampleScores::new(scored.map(score).to_vec()).expect("eight")
    }

    #[test]
    fn a_liar_is_rejected_where_the_evaluation_is_stable() {
        let (own, exact) = (scores(0, 40), scores(0, 0));
        for sample in [0, 7] {
            let code = settled(&own, &exact, &scores(sample, -1500)).code();
            assert!(matches!(code, "score_differs" | "mean_differs"), "{code}");
        }
        assert_eq!(settled(&own, &exact, &scores(0, 140)), Opinion::Approve);
        // The edge of what counts as stable.
        let liar = scores(4, -400_000);
        assert_eq!(
            settled(&scores(4, 100), &exact, &liar).code(),
            "mean_differs"
        );
        assert_eq!(
            settled(&scores(4, 101), &exact, &liar).code(),
            "ill_conditioned"
        );
    }

    #[test]
    fn last_bits_accuse_nobody() {
        const ONE: i64 = 1_000_000;
        // The parity of a mantissa's last bit, which three arithmetics find in three ways.
        let parity = [
            [0, ONE, 0, ONE, ONE, 0, 0, ONE],
            [ONE, ONE, 0, 0, ONE, ONE, 0, ONE],
            [0, 0, ONE, ONE, 0, 0, ONE, 0],
        ];
        // 3e38 + 3e38 − 3e38 − 3e38 in another order: an infinite score is clipped to the range.
        let overflow = [[0; 8], [ONE; 8], [-ONE; 8]];
        // The larger of two equal logits, which the own libtorch and the reference engine see
        // differently on one sample.
        let mut tie = [[ONE; 8]; 3];
        tie[0][2] = 0;
        tie[1][6] = 0;
        for [claimed, own, exact] in [parity, overflow, tie] {
            let [claimed, own, exact] = [claimed, own, exact].map(challenger);
            let opinion = settled(&own, &exact, &claimed);
            assert_eq!(opinion, Opinion::Abstain(Abstention::IllConditioned));
        }
    }

    #[test]
    fn figures_that_do_not_follow_are_a_lie_however_unstable_the_evaluation() {
        let (own, exact, published) = (scores(1, 2000), scores(1, 0), scores(1, -1000));
        let honest = *result(&published).figures().expect("scored");
        let figures = Figures {
            improvement: Score::from_micros(honest.improvement.micros() + 1),
            ..honest
        };
        assert_eq!(settled(&own, &exact, &published).code(), "ill_conditioned");
        let claimed = scored(figures, published.root());
        let own_result = result(&own);
        let opinion = compare(
            Side {
                result: &own_result,
                scores: Some(&own),
            },
            Side {
                result: &claimed,
                scores: Some(&published),
            },
            Some(&rules()),
        );
        assert_eq!(opinion, Opinion::Reject(Rejection::Figures));
        assert!(!rests_on_libtorch(&opinion, &claimed));
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
}
