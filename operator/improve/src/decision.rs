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

/// What to attest with: libtorch's figures where they can be claimed, else what the reference engine
/// finds, since that is the claim to expect. That libtorch comes to nothing here, for lack of memory
/// or time, says nothing about the reference engine.
pub(crate) async fn to_attest<F>(
    find: impl Fn(Engine) -> F,
    terms: &Terms,
) -> Result<Found, Abstain>
where
    F: Future<Output = Result<Found, Abstain>>,
{
    let libtorch = find(Engine::Libtorch).await;
    match &libtorch {
        Ok(found) if agreement::may_claim_libtorch(&found.result, terms) => return libtorch,
        Err(abstain) if abstain.retry => return libtorch,
        Ok(_) | Err(_) => {}
    }
    let reference = find(Engine::Reference).await?;
    if let Err(abstain) = libtorch {
        tracing::warn!(code = abstain.code, reason = %abstain, "libtorch came to nothing, the reference engine serves");
    }
    Ok(reference)
}

/// What a performer claims: libtorch's figures where they can be claimed and the reference engine
/// shows that they are right, else what that finds.
pub(crate) async fn to_claim<F>(find: impl Fn(Engine) -> F, terms: &Terms) -> Result<Found, Abstain>
where
    F: Future<Output = Result<Found, Abstain>>,
{
    let found = to_attest(&find, terms).await?;
    if found.result.engine() != Engine::Libtorch {
        return Ok(found);
    }
    let reference = find(Engine::Reference).await?;
    if agreement::is_right(found.side(), reference.side(), terms) {
        return Ok(found);
    }
    tracing::info!("libtorch is too far from the reference engine, whose result is claimed");
    Ok(reference)
}

/// What an attester thinks of a claim with which nothing is wrong by itself. The reference engine
/// is asked, and the claim's scores are fetched, only where the opinion depends on them.
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
    let mut reference = None;
    let mut published = None;
    loop {
        let own = reference.as_ref().unwrap_or(own);
        let theirs = Side {
            result: claimed,
            scores: published.as_ref(),
        };
        let opinion = agreement::compare(own.side(), theirs, rules);
        match (opinion, claimed.scores_root()) {
            (Opinion::Abstain(Abstention::ReferenceMissing), _) if reference.is_none() => {
                reference = Some(find(Engine::Reference).await?);
            }
            (Opinion::Abstain(Abstention::ScoresMissing), Some(root)) if published.is_none() => {
                published = Some(scores(root).await?);
            }
            _ => return Ok(opinion),
        }
    }
}

#[cfg(test)]
mod tests;
