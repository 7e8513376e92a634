//! The transactions that somebody must send so that nothing stands still: roll epochs, open tasks,
//! fix seeds, deliver certified results, pass deadlines, end appeals that nobody decided, accuse those
//! who stand by what was overturned, execute faults.
//!
//! Anybody may send each of them, so several housekeepers only race for who pays the gas. What to
//! do is read from the chain at every tick; nothing is remembered that a restart would miss.

use std::{collections::BTreeMap, time::Duration};

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
use zarathustra_primitives::{ClaimId, RequestState, SubmissionState, TaskId, TaskState};

/// Places of a queue that are looked at in one tick; the rest waits for the next.
const QUEUE_LOOK: u32 = 64;

/// Rows of work in one call of `rollEpoch`, which a block of 2^24 gas has room for: about 60,000 gas
/// for each row of a chunk, and about as much for a stake with what EigenLayer's answer costs.
const ROLL_ROWS: u32 = 100;

/// How far back a housekeeper that has just started looks for claims that were overturned, and how
/// far back it looks again at each tick, blocks: later than this evidence is taken by no chain's
/// windows that are known, and no reorganisation is longer than that.
const LOOK_BACK: u64 = 50_000;
const REORGANISED: u64 = 64;

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
    /// Overturned claims of which not all that is due is done.
    overturned: BTreeMap<ClaimId, TaskId>,
    /// Block up to which overturned claims were looked for.
    overturned_until: Option<u64>,
}

impl Housekeeper {
    /// A housekeeper that pays with the chain's sender.
    pub const fn new(chain: Chain) -> Self {
        Self {
            chain,
            tasks_done: 0,
            faults_done: 0,
            requests_done: 0,
            overturned: BTreeMap::new(),
            overturned_until: None,
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
        let accused = self.accuse(&head).await;
        rolled.and(tasks).and(requests).and(faults).and(accused)
    }

    async fn roll(&self, head: &Head) -> Result<(), ChainError> {
        let governance = self.chain.governance();
        if head.paused || read("epochUsable", governance.epochUsable()).await? {
            return Ok(());
        }
        let to = self.chain.addresses().avs_governance;
        // A large set takes more than one tick.
        let call = IAvsGovernance::rollEpochCall { maxRows: ROLL_ROWS };
        self.send(to, call, "epoch rolled, or a page of it", 0)
            .await
    }

    async fn tasks(&mut self, head: &Head) -> Result<(), ChainError> {
        let count = self.chain.task_count().await?;
        let mut each = Each::default();
        for number in self.tasks_done + 1..=count {
            if each.add(self.task(TaskId::new(number), head).await) {
                self.tasks_done = number;
            }
        }
        each.outcome
    }

    /// Does what is due for a task, and answers whether it is over.
    async fn task(&self, id: TaskId, head: &Head) -> Result<bool, ChainError> {
        let task = self.chain.task(id).await?;
        match task.state {
            TaskState::Fetching if head.number > task.seed_block => self.fix_seed(&task).await?,
            TaskState::Certified if !task.delivered && head.clock >= task.deadline => {
                if task.appealed {
                    self.close_appeal(&task).await?;
                }
                self.deliver(&task).await?;
            }
            _ => {}
        }
        Ok(task.state == TaskState::Certified && task.delivered
            || task.state == TaskState::Expired && task.is_final)
    }

    async fn fix_seed(&self, task: &Task) -> Result<(), ChainError> {
        let sent = self.chain.fix_seed(task).await;
        report(sent.map(drop), "seed fixed", task.id.get())
    }

    /// Tells the logic of a certified result, which settles what the task was for.
    async fn deliver(&self, task: &Task) -> Result<(), ChainError> {
        let center = self.chain.addresses().attestation_center;
        let certified = self.chain.certified(task).await?;
        let Some(certified) = certified else {
            return Ok(());
        };
        let call = IAttestationCenter::deliverCall {
            taskId: task.id.get(),
            turn: certified.turn,
            performer: certified.performer,
            committed: certified.committed,
            result: certified.result,
        };
        self.send(center, call, "certified result delivered", task.id.get())
            .await
    }

    /// Ends an appeal that no quorum decided.
    async fn close_appeal(&self, task: &Task) -> Result<(), ChainError> {
        let Some(certified) = self.chain.certified(task).await? else {
            return Ok(());
        };
        let attestation = self.chain.attestation();
        let appeal = read("appealOf", attestation.appealOf(certified.claimId)).await?;
        if appeal.decidedAt != 0 {
            return Ok(());
        }
        let center = self.chain.addresses().attestation_center;
        let call = IAttestationCenter::closeAppealCall {
            taskId: task.id.get(),
            committed: certified.committed,
        };
        self.send(center, call, "undecided appeal closed", task.id.get())
            .await
    }

    /// Shows who approved a claim that was overturned and has not corrected itself in time.
    async fn accuse(&mut self, head: &Head) -> Result<(), ChainError> {
        let from = match self.overturned_until {
            Some(until) => until.saturating_sub(REORGANISED),
            None => head.number.saturating_sub(LOOK_BACK),
        };
        for found in self.chain.overturned(None, from).await? {
            self.overturned.insert(found.claim, found.task);
        }
        self.overturned_until = Some(head.number);
        let center = self.chain.addresses().attestation_center;
        let start = head.number.saturating_sub(LOOK_BACK);
        for (claim, task) in self.overturned.clone() {
            let mut found = self.chain.overturned(Some(task), start).await?.into_iter();
            let Some(found) = found.find(|found| found.claim == claim) else {
                // A reorganisation took it back.
                self.overturned.remove(&claim);
                continue;
            };
            if head.clock <= found.corrected_until {
                continue;
            }
            let accused = found.silent();
            if accused.is_zero() {
                self.overturned.remove(&claim);
                continue;
            }
            let call = IAttestationCenter::proveOverturnedApprovalCall {
                taskId: task.get(),
                committed: found.committed,
                nonSigners: found.non_signers,
                accused,
            };
            match self.chain.transact(center, call, U256::ZERO).await {
                Ok(_) => {
                    info!(id = task.get(), claim_id = %claim, "approvals of an overturned claim shown");
                    self.overturned.remove(&claim);
                }
                Err(ChainError::Reverted { revert, .. })
                    if ["NobodyNew", "EvidenceTooLate"].contains(&revert.name.as_str()) =>
                {
                    self.overturned.remove(&claim);
                }
                sent => report(
                    sent.map(drop),
                    "approvals of an overturned claim shown",
                    task.get(),
                )?,
            }
        }
        Ok(())
    }

    async fn requests(&mut self, head: &Head) -> Result<(), ChainError> {
        let market = self.chain.market();
        let count = read("requestCount", market.requestCount()).await?;
        let mut each = Each::default();
        for id in self.requests_done + 1..=count {
            if each.add(self.request(id, head).await) {
                self.requests_done = id;
            }
        }
        each.outcome
    }

    /// Does what is due for a request, and answers whether it is closed.
    async fn request(&self, id: u64, head: &Head) -> Result<bool, ChainError> {
        let request = read("request", self.chain.market().request(id)).await?;
        let state = request_state(request.state)?;
        if !matches!(state, RequestState::None | RequestState::Closed) {
            self.open_request(id, &request, state, head).await?;
        }
        Ok(state == RequestState::Closed)
    }

    async fn open_request(
        &self,
        id: u64,
        request: &IModelSubmissionTypes::Request,
        state: RequestState,
        head: &Head,
    ) -> Result<(), ChainError> {
        let to = self.chain.addresses().model_submission;
        let busy = request.active != 0;
        let mut outcome = Ok(());
        if busy {
            outcome = self.active(request.active, head).await;
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
        let last = request
            .queueLength
            .min(request.head.saturating_add(QUEUE_LOOK));
        let mut may_open = !busy && !head.paused;
        for index in request.head..last {
            match self.place(id, index, may_open, head).await {
                Ok(over) => may_open &= over,
                // What is not known to be over may be the queue's head.
                Err(error) => {
                    may_open = false;
                    outcome = outcome.and(Err(error));
                }
            }
        }
        if may_open && last < request.queueLength {
            // Nothing but what is over: opening steps over it.
            let call = IModelSubmission::openCall { requestId: id };
            outcome = outcome.and(self.send(to, call, "queue advanced", id).await);
        }
        outcome
    }

    /// Does what is due for a place of a request's queue, and answers whether its submission is
    /// over. `may_open` says that the request has no task and every place before is over.
    async fn place(
        &self,
        request: u64,
        index: u32,
        may_open: bool,
        head: &Head,
    ) -> Result<bool, ChainError> {
        let market = self.chain.market();
        let id = read("queueAt", market.queueAt(request, index)).await?;
        let submission = read("submission", market.submission(id)).await?;
        let state = submission_state(submission.state)?;
        let overdue = head.clock >= submission.deadline;
        let to = self.chain.addresses().model_submission;
        match state {
            SubmissionState::Committed if overdue => {
                let call = IModelSubmission::forfeitCall { submissionId: id };
                self.send(to, call, "missed reveal forfeited", id).await?;
            }
            SubmissionState::Queued if overdue => {
                let call = IModelSubmission::releaseCall { submissionId: id };
                self.send(to, call, "submission released from the queue", id)
                    .await?;
            }
            SubmissionState::Queued if may_open => {
                let call = IModelSubmission::openCall { requestId: request };
                self.send(to, call, "task opened", id).await?;
            }
            _ => {}
        }
        Ok(state.is_final())
    }

    /// Passes the deadline of the submission that holds a request. One that is certified is settled
    /// when its task's result is delivered.
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
        let mut each = Each::default();
        for id in self.faults_done + 1..=count {
            if each.add(self.fault(id, head).await) {
                self.faults_done = id;
            }
        }
        each.outcome
    }

    /// Executes a fault when that is due, and answers whether it was executed or vetoed before.
    async fn fault(&self, id: u64, head: &Head) -> Result<bool, ChainError> {
        let number = U256::from(id);
        let fault = read("fault", self.chain.governance().fault(number)).await?;
        let over = fault.executed || fault.vetoed;
        if !over && head.number >= fault.executableAt {
            let to = self.chain.addresses().avs_governance;
            let call = IAvsGovernance::executeFaultCall { faultId: number };
            self.send(to, call, "fault executed", id).await?;
        }
        Ok(over)
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

/// What came of going through things by their numbers: one that fails keeps none after it from
/// being done.
#[derive(Debug)]
struct Each {
    /// Whether all up to here are over.
    all_over: bool,
    /// The first error.
    outcome: Result<(), ChainError>,
}

impl Default for Each {
    fn default() -> Self {
        Self {
            all_over: true,
            outcome: Ok(()),
        }
    }
}

impl Each {
    /// Adds whether the next one is over, or its error, and answers whether all up to it are over.
    fn add(&mut self, next: Result<bool, ChainError>) -> bool {
        match next {
            Ok(over) => self.all_over &= over,
            Err(error) => {
                self.all_over = false;
                if self.outcome.is_ok() {
                    self.outcome = Err(error);
                }
            }
        }
        self.all_over
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
        Err(error @ (ChainError::RoundNotPublic { .. } | ChainError::Beacon { .. })) => {
            debug!(id, code = error.code(), %error, "waits");
            Ok(())
        }
        // Somebody else may know one.
        Err(error @ ChainError::NoBeacon) => {
            warn!(id, code = error.code(), %error, "left to others");
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

#[cfg(test)]
pub(crate) mod tests;
