//! Which engines a task is evaluated with, and what follows from what they find (5.7).
//!
//! Evaluations and downloads are passed in, so that the rules can be tested without either.

use std::sync::Arc;

use zarathustra_node::Abstain;
use zarathustra_primitives::{B256, Engine, EvaluationResult, SampleScores};
use zarathustra_protocol::{
    agreement::{self, Abstention, Opinion, Rules, Side},
    verdict::Terms,
};

/// What an evaluation found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The result.
    pub(crate) result: EvaluationResult,
    /// The sample scores; none for a status other than Ok.
    pub(crate) scores: Option<Arc<SampleScores>>,
}

impl Found {
    fn side(&self) -> Side<'_> {
        Side {
            result: &self.result,
            scores: self.scores.as_deref(),
        }
    }
}

/// What a performer claims: libtorch's figures where they may be claimed, else what the reference
/// engine finds. Where operators may have failed to agree before, libtorch is not asked.
pub(crate) async fn to_claim<F>(
    find: impl Fn(Engine) -> F,
    terms: &Terms,
    contested: bool,
) -> Result<Found, Abstain>
where
    F: Future<Output = Result<Found, Abstain>>,
{
    if !contested {
        let found = find(Engine::Libtorch).await?;
        if agreement::may_claim_libtorch(&found.result, terms) {
            return Ok(found);
        }
    }
    find(Engine::Reference).await
}

/// What an attester thinks of a claim with which nothing is wrong by itself.
pub(crate) async fn judge<F, S>(
    find: impl Fn(Engine) -> F,
    scores: impl Fn(B256) -> S,
    own: &Found,
    claimed: &EvaluationResult,
    rules: Option<&Rules>,
) -> Result<Opinion, Abstain>
where
    F: Future<Output = Result<Found, Abstain>>,
    S: Future<Output = Result<SampleScores, Abstain>>,
{
    let own = match agreement::engine_wanted(&own.result, claimed) {
        Some(engine) => &find(engine).await?,
        None => own,
    };
    let compare = |scores: Option<&SampleScores>| {
        let theirs = Side {
            result: claimed,
            scores,
        };
        agreement::compare(own.side(), theirs, rules)
    };
    // What is wrong without a look at the scores needs no scores: a performer that withholds them
    // saves nothing by it.
    let opinion = match (compare(None), claimed.scores_root()) {
        (Opinion::Abstain(Abstention::ScoresMissing), Some(root)) => {
            compare(Some(&scores(root).await?))
        }
        (opinion, _) => opinion,
    };
    match rules {
        Some(rules) if agreement::rests_on_libtorch(&opinion, claimed) => {
            let reference = find(Engine::Reference).await?;
            Ok(agreement::confirm(
                opinion,
                own.side(),
                reference.side(),
                rules,
            ))
        }
        _ => Ok(opinion),
    }
}

#[cfg(test)]
mod tests;
