//! The transactions that somebody must send so that nothing stands still: roll epochs, open tasks,
//! fix seeds, settle, pass deadlines, execute faults.
//!
//! Anybody may send each of them, so several housekeepers only race for who pays the gas. What to
//! do is read from the chain at every tick; nothing is remembered that a restart would miss.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use zarathustra_chain::{
    Chain, ChainError, Head, Task,
    abi::{
        attestation_center::IAttestationCenter,
        avs_governance::IAvsGovernance,
        model_submission::{IModelSubmission, IModelSubmissionTypes},
    },
    read,
};
use zarathustra_primitives::{RequestState, SubmissionState, TaskId, TaskState};

/// Places of a queue that are looked at in one tick; the rest waits for the next.
const QUEUE_LOOK: u32 = 64;

/// Sends housekeeping transactions with the chain's sender.
#[derive(Debug)]
pub struct Housekeeper {
    chain: Chain,
    /// Tasks up to this one are over for the housekeeper.
    tasks_done: u64,
    /// Faults up to this one are executed.
    faults_done: u64,
    /// Requests up to this one are closed.
    requests_done: u64,
}

impl Housekeeper {
    /// A housekeeper that pays with the chain's sender.
    pub const fn new(chain: Chain) -> Self {
        Self {
            chain,
            tasks_done: 0,
            faults_done: 0,
            requests_done: 0,
        }
    }

    /// Does what is due every so often until told to stop.
    ///
    /// # Errors
    /// A [`ChainError`] that trying again cannot mend.
    pub async fn run(mut self, every: Duration, stop: CancellationToken) -> Result<(), ChainError> {
        loop {
            match self.tick().await {
                Ok(()) => {}
                // A read that reverts met a state that another read did not.
                Err(error) if error.is_transient() || error.revert_name().is_some() => {
                    warn!(code = error.code(), %error, "housekeeping waits for the chain");
                }
                Err(error @ ChainError::Stuck { .. }) => {
                    warn!(code = error.code(), %error, "housekeeping waits for its transaction");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(every) => {}
            }
        }
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// [`ChainError`], except that a call which the contract refuses is only logged: somebody
    /// else was faster, or the reason passes.
    pub async fn tick(&mut self) -> Result<(), ChainError> {
        let head = self.chain.head().await?;
        // What one step meets must not keep the others from being done.
        let rolled = self.roll(&head).await;
        let tasks = self.tasks(&head).await;
        let requests = self.requests(&head).await;
        let faults = self.faults(&head).await;
        rolled.and(tasks).and(requests).and(faults)
    }

    async fn roll(&self, head: &Head) -> Result<(), ChainError> {
        let governance = self.chain.governance();
        if head.paused || read("epochUsable", governance.epochUsable()).await? {
            return Ok(());
        }
        let to = self.chain.addresses().avs_governance;
        self.send(to, IAvsGovernance::rollEpochCall {}, "epoch rolled", 0)
            .await
    }

    async fn tasks(&mut self, head: &Head) -> Result<(), ChainError> {
        let count = self.chain.task_count().await?;
        let mut all_done = true;
        for number in self.tasks_done + 1..=count {
            let task = self.chain.task(TaskId::new(number)).await?;
            match task.state {
                TaskState::Fetching if head.number > task.seed_block => {
                    self.fix_seed(&task).await?
                }
                TaskState::Certified if !task.delivered => self.deliver(&task).await?,
                _ => {}
            }
            let over = task.state == TaskState::Certified && task.delivered
                || task.state == TaskState::Expired && task.is_final;
            all_done &= over;
            if all_done {
                self.tasks_done = number;
            }
        }
        Ok(())
    }

    async fn fix_seed(&self, task: &Task) -> Result<(), ChainError> {
        let sent = self.chain.fix_seed(task.id, task.seed_block).await;
        report(sent.map(drop), "seed fixed", task.id.get())
    }

    /// Tells the logic again about a certificate that it did not take when it came.
    async fn deliver(&self, task: &Task) -> Result<(), ChainError> {
        let center = self.chain.addresses().attestation_center;
        let result = self.chain.certified_result(task.id).await?;
        let Some(result) = result else { return Ok(()) };
        let call = IAttestationCenter::deliverCall {
            taskId: task.id.get(),
            result,
        };
        self.send(center, call, "certificate delivered", task.id.get())
            .await
    }

    async fn requests(&mut self, head: &Head) -> Result<(), ChainError> {
        let market = self.chain.market();
        let count = read("requestCount", market.requestCount()).await?;
        let mut all_done = true;
        for id in self.requests_done + 1..=count {
            let request = read("request", market.request(id)).await?;
            let state = request_state(request.state)?;
            all_done &= state == RequestState::Closed;
            if all_done {
                self.requests_done = id;
            }
            if matches!(state, RequestState::None | RequestState::Closed) {
                continue;
            }
            self.request(id, &request, state, head).await?;
        }
        Ok(())
    }

    async fn request(
        &self,
        id: u64,
        request: &IModelSubmissionTypes::Request,
        state: RequestState,
        head: &Head,
    ) -> Result<(), ChainError> {
        let to = self.chain.addresses().model_submission;
        let busy = request.active != 0;
        if busy {
            self.active(request.active, head).await?;
        } else if request.pending == 0 {
            if state == RequestState::Closing && head.clock >= request.closesAt {
                return self
                    .send(
                        to,
                        IModelSubmission::reclaimCall { requestId: id },
                        "request reclaimed",
                        id,
                    )
                    .await;
            }
            return Ok(());
        }
        let market = self.chain.market();
        let last = request
            .queueLength
            .min(request.head.saturating_add(QUEUE_LOOK));
        let mut is_head = true;
        for index in request.head..last {
            let number = read("queueAt", market.queueAt(id, index)).await?;
            let submission = read("submission", market.submission(number)).await?;
            let state = submission_state(submission.state)?;
            let overdue = head.clock >= submission.deadline;
            match state {
                SubmissionState::Committed if overdue => {
                    let call = IModelSubmission::forfeitCall {
                        submissionId: number,
                    };
                    self.send(to, call, "missed reveal forfeited", number)
                        .await?;
                }
                SubmissionState::Queued if overdue => {
                    let call = IModelSubmission::releaseCall {
                        submissionId: number,
                    };
                    self.send(to, call, "submission released from the queue", number)
                        .await?;
                }
                SubmissionState::Queued if is_head && !busy && !head.paused => {
                    let call = IModelSubmission::openCall { requestId: id };
                    return self.send(to, call, "task opened", number).await;
                }
                _ => {}
            }
            is_head &= state.is_final();
        }
        if is_head && !busy && !head.paused && last < request.queueLength {
            // Nothing but what is over: opening steps over it.
            let call = IModelSubmission::openCall { requestId: id };
            return self.send(to, call, "queue advanced", id).await;
        }
        Ok(())
    }

    /// Settles or passes the deadline of the submission that holds a request.
    async fn active(&self, id: u64, head: &Head) -> Result<(), ChainError> {
        let submission = read("submission", self.chain.market().submission(id)).await?;
        let state = submission_state(submission.state)?;
        // A seed can be fixed until a block, whatever the market clock says.
        let now = if state == SubmissionState::Fetching {
            head.number
        } else {
            head.clock
        };
        let waits = state == SubmissionState::Evaluating
            && !head.paused
            && self.waits_for_epoch(TaskId::new(submission.taskId)).await?;
        if now < submission.deadline && !waits {
            return Ok(());
        }
        let to = self.chain.addresses().model_submission;
        match state {
            SubmissionState::Certified => {
                self.send(
                    to,
                    IModelSubmission::settleCall { submissionId: id },
                    "submission settled",
                    id,
                )
                .await
            }
            SubmissionState::Fetching | SubmissionState::Evaluating => {
                self.send(
                    to,
                    IModelSubmission::expireCall { submissionId: id },
                    "deadline passed",
                    id,
                )
                .await
            }
            _ => Ok(()),
        }
    }

    /// Whether a task that expired once waits to be tried again and could be by now.
    async fn waits_for_epoch(&self, task: TaskId) -> Result<bool, ChainError> {
        let task = self.chain.task(task).await?;
        if task.state != TaskState::Expired || task.is_final {
            return Ok(false);
        }
        read("epochUsable", self.chain.governance().epochUsable()).await
    }

    async fn faults(&mut self, head: &Head) -> Result<(), ChainError> {
        let governance = self.chain.governance();
        let count: u64 = read("faultCount", governance.faultCount())
            .await?
            .saturating_to();
        let mut all_done = true;
        for id in self.faults_done + 1..=count {
            let fault = read("fault", governance.fault(U256::from(id))).await?;
            all_done &= fault.executed || fault.vetoed;
            if all_done {
                self.faults_done = id;
            }
            if !fault.executed && !fault.vetoed && head.number >= fault.executableAt {
                let call = IAvsGovernance::executeFaultCall {
                    faultId: U256::from(id),
                };
                self.send(
                    self.chain.addresses().avs_governance,
                    call,
                    "fault executed",
                    id,
                )
                .await?;
            }
        }
        Ok(())
    }

    async fn send<C: SolCall>(
        &self,
        to: Address,
        call: C,
        done: &'static str,
        id: u64,
    ) -> Result<(), ChainError> {
        report(
            self.chain.transact(to, call, U256::ZERO).await.map(drop),
            done,
            id,
        )
    }
}

fn report(sent: Result<(), ChainError>, done: &'static str, id: u64) -> Result<(), ChainError> {
    match sent {
        Ok(()) => {
            info!(id, "{done}");
            Ok(())
        }
        Err(ChainError::Reverted { action, revert }) => {
            debug!(id, %action, %revert, "not needed, or not possible yet");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn request_state(raw: u8) -> Result<RequestState, ChainError> {
    RequestState::from_u8(raw).map_err(|e| ChainError::OutOfRange {
        what: "request state",
        value: e.to_string(),
    })
}

fn submission_state(raw: u8) -> Result<SubmissionState, ChainError> {
    SubmissionState::from_u8(raw).map_err(|e| ChainError::OutOfRange {
        what: "submission state",
        value: e.to_string(),
    })
}
