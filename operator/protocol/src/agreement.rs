//! What a performer may claim, and what an attester thinks of a claimed result (5.7).
//!
//! A rejection puts the performer at fault, so it has to follow from what is the same everywhere:
//! from the claim alone, or from the reference engine, whose results are the same bits on every
//! machine. What libtorch finds is not: weights that amplify last bits, and evaluators that score
//! them, take honest machines arbitrarily far apart. So libtorch's figures are *right* where each
//! score is within the tolerance of the reference engine's. A performer makes sure of that before
//! it claims them; to an attester its own libtorch's scores are a cheap reason to approve, never
//! one to reject.
//!
//! The published scores are only as good as their Merkle root: a claim signs the root, not the
//! place where the scores are kept, so scores of another root say nothing about the performer.

mod reason;
mod scores;

use zarathustra_primitives::{
    Alpha, Bound, Digest, Engine, EvaluationResult, Purpose, SampleScores, ScoreRange,
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

/// Compares a claim with the own evaluation of the same task.
///
/// The own evaluation is one of the task's environment: figures of libtorch, or whatever the
/// reference engine found. `rules` are needed wherever both were scored; without them that is an
/// abstention. [`Abstention::ScoresMissing`] and [`Abstention::ReferenceMissing`] say what to
/// compare again with.
pub fn compare(own: Side<'_>, claimed: Side<'_>, rules: Option<&Rules>) -> Opinion {
    let environment = own.result.environment();
    if let Some(rejection) = check_alone(claimed.result, environment, rules.map(|r| &r.terms)) {
        return Opinion::Reject(rejection);
    }
    let [own_status, claimed_status] = [own, claimed].map(|side| side.result.status());
    if own_status != claimed_status
        && !(own_status.is_reproducible() && claimed_status.is_reproducible())
    {
        return Opinion::Abstain(Abstention::Availability);
    }
    // The reference engine's bits and statuses are compared with its own alone.
    let [own_engine, claimed_engine] = [own, claimed].map(|side| side.result.engine());
    if own_engine == Engine::Libtorch && claimed_engine != Engine::Libtorch {
        return Opinion::Abstain(Abstention::ReferenceMissing);
    }
    if own_status != claimed_status {
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

/// Whether what libtorch found can be claimed at all: figures that do not leave the verdict to the
/// margin. Where not, the claim to expect is what the reference engine finds, whatever that is, so
/// that a status other than Ok is always the reference engine's.
pub fn may_claim_libtorch(found: &EvaluationResult, terms: &Terms) -> bool {
    found.figures().is_some_and(|figures| {
        let due = engine_for(Purpose::Claim, terms.leave_to_margin(figures));
        due == Engine::Libtorch
    })
}

/// Whether libtorch's figures are right: the reference engine has scores too, and on every sample
/// those of both models are within the tolerance of them. A performer claims no others.
pub fn is_right(libtorch: Side<'_>, reference: Side<'_>, terms: &Terms) -> bool {
    match (libtorch.scores, reference.scores) {
        (Some(libtorch), Some(reference)) if libtorch.count() == reference.count() => {
            farthest(libtorch, reference).0 <= tolerance(terms)
        }
        _ => false,
    }
}

/// Largest difference of two honest machines' scores on one sample, in millionths.
const fn tolerance(terms: &Terms) -> u64 {
    terms.tolerance.micros().unsigned_abs()
}

#[cfg(test)]
mod tests;
