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

mod reason;
mod scores;

use zarathustra_primitives::{
    Alpha, Bound, Digest, Engine, EvaluationResult, Purpose, SampleScores, ScoreRange, Status,
};

pub use reason::{Abstention, Opinion, Rejection};
pub use scores::REJECT_FACTOR;
use scores::{compare_scored, farthest};

use crate::verdict::{Terms, engine_for};

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

#[cfg(test)]
mod tests;
