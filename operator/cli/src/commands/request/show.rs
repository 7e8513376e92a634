//! Requests in words and tables.

use eyre::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use zarathustra_chain::{
    Chain, Head,
    abi::model_submission::IModelSubmissionTypes::{Champion, Request, Terms},
    read,
};
use zarathustra_primitives::RequestState;

use crate::{
    amount::ether,
    output::{Answer, fields, head, micros, table},
    reads::{self, cid_text},
    token::Token,
};

/// Requests read at a time.
const CONCURRENT: usize = 8;

/// All that is shown of a request.
struct View {
    id: u64,
    state: RequestState,
    request: Request,
    terms: Terms,
    manifest: String,
    champion: Champion,
    champions: u32,
    /// What is asked for now, with recent rejections and the champion's age.
    deposit: u128,
    min_improvement: i64,
    token: Token,
    head: Head,
}

pub(super) async fn show(chain: &Chain, id: u64) -> Result<Answer> {
    let request = reads::request(chain, id).await?;
    let terms = reads::terms(chain, id).await?;
    let manifest = reads::manifest(chain, id).await?;
    let view = View {
        id,
        state: RequestState::from_u8(request.state)?,
        manifest: manifest
            .id
            .map_or_else(|e| e.to_string(), |id| id.to_string()),
        champion: reads::champion(chain, id).await?,
        champions: read("championCount", chain.market().championCount(id)).await?,
        deposit: read("depositOf", chain.market().depositOf(id)).await?.to(),
        min_improvement: read("minImprovementOf", chain.market().minImprovementOf(id)).await?,
        token: Token::of(chain, terms.rewardToken).await?,
        head: chain.head().await?,
        request,
        terms,
    };
    Ok(Answer::new(view.text(), view.json()))
}

impl View {
    fn text(&self) -> String {
        let (request, terms, token) = (&self.request, &self.terms, &self.token);
        let champion = &self.champion;
        let place = format!(
            "number {} of {}",
            request.championIndex,
            self.champions.saturating_sub(1)
        );
        let (standing, score) = match champion.submissionId {
            0 => ("the baseline".to_owned(), "not evaluated".to_owned()),
            id => (
                format!("{place}, by submission {id}"),
                micros(champion.score),
            ),
        };
        let currency = match token.is_native() {
            true => "native".to_owned(),
            false => format!("{} at {}", token.symbol, token.address),
        };
        fields(&[
            ("request", self.id.to_string()),
            ("state", self.state.code().to_owned()),
            ("deadline", self.deadline()),
            ("owner", request.owner.to_string()),
            ("manifest", self.manifest.clone()),
            ("champion", cid_text(&champion.content)),
            ("champion is", standing),
            ("champion's score", score),
            (
                "queue",
                format!("{} pending of at most {}", request.pending, terms.queueCap),
            ),
            ("reward", token.show(terms.reward)),
            ("held back", self.retention_in_words()),
            ("reward token", currency),
            ("reward escrow", token.show(request.rewardEscrow)),
            ("fee escrow", ether(request.feeEscrow)),
            ("evaluator bond", ether(request.evaluatorBond)),
            ("deposit", self.deposit_in_words()),
            ("evaluation fee", ether(terms.evaluationFee.to::<u128>())),
            (
                "unavailable penalty",
                ether(terms.unavailablePenalty.to::<u128>()),
            ),
            ("compensation", ether(terms.compensation.to::<u128>())),
            ("minimum improvement", self.improvement_in_words()),
            ("tolerance", micros(terms.tolerance)),
            ("slash margin", micros(terms.slashMargin)),
            ("samples", format!("at least {}", terms.minSamples)),
            (
                "error probability",
                format!("{} in 1000000000", terms.alphaPpb),
            ),
            (
                "parameters",
                format!("at most {} bytes", terms.maxParameterBytes),
            ),
            ("reveal window", format!("{} blocks", terms.revealWindow)),
            ("queue window", format!("{} blocks", terms.queueWindow)),
        ])
    }

    fn retention_in_words(&self) -> String {
        let terms = &self.terms;
        match terms.retention.bps {
            0 => "nothing".to_owned(),
            share => format!(
                "{share} of 10000 of the reward, until the parameters are shown to be kept, in the {} blocks from {} after a win on",
                terms.retention.window, terms.retention.time
            ),
        }
    }

    fn deposit_in_words(&self) -> String {
        let terms = &self.terms;
        let base = ether(terms.deposit.to::<u128>());
        match terms.depositGrowthBps {
            0 => base,
            growth => format!(
                "{} now: {base}, and {growth} of 10000 of it for each rejection in about {} blocks",
                ether(self.deposit),
                terms.depositDecay
            ),
        }
    }

    fn improvement_in_words(&self) -> String {
        let terms = &self.terms;
        let least = micros(terms.minImprovement);
        match terms.advantage {
            0 => least,
            advantage => format!(
                "{} now: {least}, and up to {} within {} blocks of a win",
                micros(self.min_improvement),
                micros(advantage),
                terms.advantagePeriod
            ),
        }
    }

    fn deadline(&self) -> String {
        let left = self.request.closesAt.saturating_sub(self.head.clock);
        match self.state {
            RequestState::Closing if left == 0 => {
                "the closing notice has passed; close again to get back what is left".to_owned()
            }
            RequestState::Closing => {
                format!(
                    "commits end at clock {}, {left} blocks from now",
                    self.request.closesAt
                )
            }
            _ => "none".to_owned(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let (request, terms, champion) = (&self.request, &self.terms, &self.champion);
        json!({
            "request": self.id,
            "state": self.state.code(),
            "closes_at": (self.state == RequestState::Closing).then_some(request.closesAt),
            "clock": self.head.clock,
            "owner": request.owner,
            "manifest": self.manifest,
            "champion": {
                "cid": cid_text(&champion.content),
                "digest": champion.content.digest,
                "submission": champion.submissionId,
                "score": champion.score,
                "since": champion.since,
                "index": request.championIndex,
                "history": self.champions,
            },
            "pending": request.pending,
            "queue_length": request.queueLength,
            "active_submission": (request.active != 0).then_some(request.active),
            "reward_token": terms.rewardToken,
            "reward": terms.reward.to_string(),
            "reward_value": terms.rewardValue.to_string(),
            "reward_escrow": request.rewardEscrow.to_string(),
            "fee_escrow": request.feeEscrow.to_string(),
            "evaluator_bond": request.evaluatorBond.to_string(),
            "deposit": terms.deposit.to_string(),
            "deposit_now": self.deposit.to_string(),
            "deposit_growth_bps": terms.depositGrowthBps,
            "deposit_decay": terms.depositDecay,
            "evaluation_fee": terms.evaluationFee.to_string(),
            "unavailable_penalty": terms.unavailablePenalty.to_string(),
            "compensation": terms.compensation.to_string(),
            "min_improvement": terms.minImprovement,
            "min_improvement_now": self.min_improvement,
            "advantage": terms.advantage,
            "advantage_period": terms.advantagePeriod,
            "retention_bps": terms.retention.bps,
            "retention_time": terms.retention.time,
            "retention_window": terms.retention.window,
            "retention_kind": terms.retention.kind,
            "tolerance": terms.tolerance,
            "slash_margin": terms.slashMargin,
            "min_samples": terms.minSamples,
            "alpha_ppb": terms.alphaPpb,
            "max_parameter_bytes": terms.maxParameterBytes,
            "queue_cap": terms.queueCap,
            "reveal_window": terms.revealWindow,
            "queue_window": terms.queueWindow,
            "close_notice": terms.closeNotice,
        })
    }
}

pub(super) async fn list(chain: &Chain, limit: u64) -> Result<Answer> {
    let count = read("requestCount", chain.market().requestCount()).await?;
    let first = count.saturating_sub(limit) + 1;
    let found: Vec<(u64, Request, Terms, Token)> = stream::iter(first..=count)
        .map(|id| async move {
            let terms = reads::terms(chain, id).await?;
            let token = Token::of(chain, terms.rewardToken).await?;
            eyre::Ok((id, reads::request(chain, id).await?, terms, token))
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    let mut rows = head([
        "id",
        "state",
        "reward",
        "escrow",
        "deposit",
        "pending",
        "improvements",
    ]);
    let mut all = Vec::with_capacity(found.len());
    for (id, request, terms, token) in found {
        let state = RequestState::from_u8(request.state)?;
        rows.push(vec![
            id.to_string(),
            state.code().to_owned(),
            token.show(terms.reward),
            token.show(request.rewardEscrow),
            ether(terms.deposit.to::<u128>()),
            request.pending.to_string(),
            request.championIndex.to_string(),
        ]);
        all.push(json!({
            "request": id,
            "state": state.code(),
            "owner": request.owner,
            "reward": terms.reward.to_string(),
            "reward_token": terms.rewardToken,
            "reward_escrow": request.rewardEscrow.to_string(),
            "deposit": terms.deposit.to_string(),
            "pending": request.pending,
            "improvements": request.championIndex,
        }));
    }
    Ok(Answer::new(table(&rows), json!(all)))
}
