//! The ways out that anybody may take.

use alloy::{primitives::U256, rpc::types::TransactionReceipt};
use eyre::Result;
use zarathustra_chain::{
    Chain, Head, Task,
    abi::{attestation_center::IAttestationCenter, model_submission::IModelSubmission},
};
use zarathustra_primitives::{SubmissionState, TaskId};

use super::show;
use crate::{
    context::{Globals, to_market},
    errors::refusal,
    output::{Answer, progress},
    reads,
};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Forfeit,
    Release,
    Open,
    FixSeed,
    Expire,
    Deliver,
}

pub(super) async fn advance(globals: &Globals, id: u64) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let submission = reads::submission(&chain, id).await?;
    let state = SubmissionState::from_u8(submission.state)?;
    let head = chain.head().await?;
    let Some(step) = due(state, submission.deadline, &head) else {
        return Err(refusal(
            "nothing_due",
            format!("nothing is due: submission {id} is {state}"),
            format!("`zarathustra submission show {id}` tells the deadline"),
        ));
    };
    let none = U256::ZERO;
    match step {
        Step::Forfeit => {
            to_market(
                &chain,
                IModelSubmission::forfeitCall { submissionId: id },
                none,
            )
            .await?
        }
        Step::Release => {
            to_market(
                &chain,
                IModelSubmission::releaseCall { submissionId: id },
                none,
            )
            .await?
        }
        Step::Open => {
            let call = IModelSubmission::openCall {
                requestId: submission.requestId,
            };
            to_market(&chain, call, none).await?
        }
        Step::FixSeed => {
            progress("sending fixSeed");
            let task = chain.task(TaskId::new(submission.taskId)).await?;
            chain.fix_seed(&task).await?
        }
        Step::Expire => {
            to_market(
                &chain,
                IModelSubmission::expireCall { submissionId: id },
                none,
            )
            .await?
        }
        Step::Deliver => {
            let task = chain.task(TaskId::new(submission.taskId)).await?;
            deliver(&chain, &task).await?
        }
    };
    show::show(&chain, id).await
}

/// Has the market told of a certified result, which settles the submission.
pub(super) async fn deliver(chain: &Chain, task: &Task) -> Result<TransactionReceipt> {
    let Some(certified) = chain.certified(task).await? else {
        return Err(refusal(
            "certificate_not_found",
            format!("the node does not have the certificate of task {}", task.id),
            "name another node with --rpc-url: this one may lag behind or keep no old events",
        ));
    };
    let call = IAttestationCenter::deliverCall {
        taskId: task.id.get(),
        turn: certified.turn,
        performer: certified.performer,
        committed: certified.committed,
        result: certified.result,
    };
    progress("sending deliver");
    let center = chain.addresses().attestation_center;
    Ok(chain.transact(center, call, U256::ZERO).await?)
}

/// What can be done for a submission now; the contract has the last word.
const fn due(state: SubmissionState, deadline: u64, head: &Head) -> Option<Step> {
    let overdue = match state {
        SubmissionState::Fetching => head.number >= deadline,
        _ => head.clock >= deadline,
    };
    match (state, overdue) {
        (SubmissionState::Committed, true) => Some(Step::Forfeit),
        (SubmissionState::Queued, true) => Some(Step::Release),
        (SubmissionState::Queued, false) => Some(Step::Open),
        (SubmissionState::Fetching, false) => Some(Step::FixSeed),
        (SubmissionState::Fetching | SubmissionState::Evaluating, true) => Some(Step::Expire),
        (SubmissionState::Certified, true) => Some(Step::Deliver),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    #[test]
    fn each_state_has_its_way_out() {
        let head = Head {
            number: 20,
            hash: B256::ZERO,
            timestamp: 0,
            clock: 10,
            paused: false,
            base_fee: 0,
        };
        let cases = [
            (SubmissionState::Committed, 11, None),
            (SubmissionState::Committed, 10, Some(Step::Forfeit)),
            (SubmissionState::Queued, 11, Some(Step::Open)),
            (SubmissionState::Queued, 10, Some(Step::Release)),
            (SubmissionState::Fetching, 21, Some(Step::FixSeed)),
            (SubmissionState::Fetching, 20, Some(Step::Expire)),
            (SubmissionState::Evaluating, 11, None),
            (SubmissionState::Evaluating, 10, Some(Step::Expire)),
            (SubmissionState::Certified, 11, None),
            (SubmissionState::Certified, 10, Some(Step::Deliver)),
            (SubmissionState::Accepted, 0, None),
        ];
        for (state, deadline, expected) in cases {
            assert_eq!(
                due(state, deadline, &head),
                expected,
                "{state} at {deadline}"
            );
        }
    }
}
