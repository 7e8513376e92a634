//! What is found, in the terms of every kind of task.

use std::sync::Arc;

use zarathustra_node::{Abstain, Opinion, Outcome};
use zarathustra_primitives::{Digest, EvaluationResult, SampleScores, Status};
use zarathustra_protocol::agreement;

use crate::decision::Found;

/// What an outcome was made of.
pub(super) fn found(outcome: &Outcome) -> Found {
    let result = EvaluationResult::decode(&outcome.result)
        .expect("an outcome holds the encoding of a result");
    let scores = (!outcome.evidence.is_empty()).then(|| {
        let scores = SampleScores::from_file(&outcome.evidence)
            .expect("an outcome's evidence is a scores file");
        Arc::new(scores)
    });
    Found { result, scores }
}

pub(super) fn opinion_of(opinion: agreement::Opinion) -> Opinion {
    match opinion {
        agreement::Opinion::Approve => Opinion::Approve,
        agreement::Opinion::Reject(reason) => Opinion::Reject {
            code: reason.code(),
            detail: reason.to_string(),
        },
        agreement::Opinion::Abstain(reason) => Opinion::Abstain(Abstain {
            code: reason.code(),
            detail: reason.to_string(),
            retry: false,
        }),
    }
}

pub(super) fn failed(environment: Digest, status: Status) -> EvaluationResult {
    EvaluationResult::failed(environment, status)
        .expect("every status but Ok makes a result without figures")
}

pub(super) fn outcome(found: &Found) -> Outcome {
    let result = &found.result;
    let summary = result.figures().map_or_else(
        || result.status().code().to_owned(),
        |f| {
            format!(
                "champion {} challenger {} improvement {} in [{}, {}] of {} samples by {}",
                f.champion_score.micros(),
                f.challenger_score.micros(),
                f.improvement.micros(),
                f.lower.micros(),
                f.upper.micros(),
                f.samples,
                result.engine()
            )
        },
    );
    Outcome {
        result: result.encode().to_vec(),
        evidence: found
            .scores
            .as_ref()
            .map(|scores| scores.to_file().into())
            .unwrap_or_default(),
        summary,
    }
}
