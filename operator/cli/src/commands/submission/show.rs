//! Reads a submission and all that belongs to it.

use alloy::providers::Provider;
use eyre::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use zarathustra_chain::{Chain, ChainError, abi::model_submission::IModelSubmissionTypes, read};
use zarathustra_primitives::{Reason, SubmissionState, TaskId};
use zarathustra_retain::Held;

use super::{
    history::History,
    view::{TaskView, View},
};
use crate::{
    output::{Answer, head, table},
    reads,
    token::Token,
    verdict::Thresholds,
};

/// Submissions read at a time.
const CONCURRENT: usize = 8;

pub(super) async fn show(chain: &Chain, id: u64) -> Result<Answer> {
    let submission = reads::submission(chain, id).await?;
    let terms = reads::terms(chain, submission.requestId).await?;
    let thresholds = match submission.taskId {
        0 => None,
        task => Some(read("thresholds", chain.market().thresholds(task)).await?),
    };
    let task = match submission.taskId {
        0 => None,
        task => {
            let task = chain.task(TaskId::new(task)).await?;
            Some(TaskView {
                id: task.id.get(),
                state: task.state,
                seed_block: chain.seed_block(&task).await?,
                seed: task.seed,
                epoch: task.epoch.get(),
            })
        }
    };
    let history = History::read(chain, id, submission.taskId, submission.committedAt).await?;
    let certificate_gas = match &history.certificate {
        None => None,
        Some(certificate) => chain
            .provider()
            .get_transaction_receipt(certificate.tx)
            .await
            .map_err(ChainError::transport("eth_getTransactionReceipt"))?
            .map(|receipt| receipt.gas_used),
    };
    let retention = Held::read(chain, id).await?;
    let view = View {
        id,
        state: SubmissionState::from_u8(submission.state)?,
        reason: Reason::from_u8(submission.reason)?,
        token: Token::of(chain, terms.rewardToken).await?,
        head: chain.head().await?,
        submission,
        thresholds: thresholds.as_ref().map(Thresholds::from),
        task,
        history,
        certificate_gas,
        retention,
    };
    Ok(Answer::new(view.text(), view.json()))
}

pub(super) async fn list(chain: &Chain, request: Option<u64>, limit: u64) -> Result<Answer> {
    let ids = match request {
        None => {
            let count = read("submissionCount", chain.market().submissionCount()).await?;
            (count.saturating_sub(limit) + 1..=count).collect()
        }
        Some(request) => of_request(chain, request, limit).await?,
    };
    let found: Vec<(u64, IModelSubmissionTypes::Submission)> = stream::iter(ids)
        .map(|id| async move { eyre::Ok((id, reads::submission(chain, id).await?)) })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    let mut rows = head(["id", "request", "state", "reason", "optimizer"]);
    let mut all = Vec::with_capacity(found.len());
    for (id, submission) in found {
        let state = SubmissionState::from_u8(submission.state)?;
        let reason = Reason::from_u8(submission.reason)?;
        rows.push(vec![
            id.to_string(),
            submission.requestId.to_string(),
            state.to_string(),
            reason.to_string(),
            submission.optimizer.to_string(),
        ]);
        all.push(json!({
            "submission": id,
            "request": submission.requestId,
            "state": state.code(),
            "reason": reason.code(),
            "optimizer": submission.optimizer,
        }));
    }
    Ok(Answer::new(table(&rows), json!(all)))
}

/// The newest submissions to a request.
async fn of_request(chain: &Chain, request: u64, limit: u64) -> Result<Vec<u64>> {
    let length = reads::request(chain, request).await?.queueLength;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    stream::iter(length.saturating_sub(limit)..length)
        .map(|index| async move {
            eyre::Ok(read("queueAt", chain.market().queueAt(request, index)).await?)
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await
}
