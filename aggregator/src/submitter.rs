//! Watches the rounds and submits certificates.

mod late;
mod misses;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::U256;
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use zarathustra_chain::{
    Chain, ChainError, Definition, Follower, Store, Task,
    abi::attestation_center::{
        IAttestationCenter::{submitAppealCall, submitCorrectionsCall},
        IAttestationCenterTypes::{FeeCommitment, Votes},
    },
};
use zarathustra_content::ContentId;
use zarathustra_improve::ContentHandle;
use zarathustra_node::{Health, Metrics};
use zarathustra_primitives::{
    ClaimId, ClaimOutcome, Epoch, KindId, SampleScores, TaskId, TaskState, Threshold, Verdict,
};
use zarathustra_protocol::{Supplements, round::Input};

use crate::{
    Appeals, Desk,
    appeals::{Appealed, Decision, Stage},
    certificate,
    desk::{Electorate, HeldClaim, OpenTask, Ready},
};

pub(crate) use misses::MissPolicy;

pub(crate) struct Submitter {
    chain: Chain,
    store: Store,
    follower: Follower,
    desk: Arc<Desk>,
    appeals: Arc<Appeals>,
    content: ContentHandle,
    confirmations: u64,
    supplements: Supplements,
    misses: MissPolicy,
    metrics: Metrics,
    health: Health,
    /// What certified tasks commit to, as it was read last.
    committed: HashMap<TaskId, FeeCommitment>,
    electorates: HashMap<Epoch, Electorate>,
    definitions: HashMap<KindId, Arc<Definition>>,
    /// Claims whose evidence is pinned or on its way.
    pinned: HashSet<(ClaimId, ContentId)>,
    pinning: JoinSet<(ClaimId, ContentId, bool)>,
}

impl Submitter {
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one object, each of its own type"
    )]
    pub(crate) fn open(
        chain: Chain,
        store: Store,
        desk: Arc<Desk>,
        appeals: Arc<Appeals>,
        content: ContentHandle,
        confirmations: u64,
        supplements: Supplements,
        misses: MissPolicy,
        metrics: Metrics,
        health: Health,
    ) -> Result<Self, ChainError> {
        let follower = Follower::open(chain.clone(), store.clone(), "aggregator")?;
        Ok(Self {
            chain,
            store,
            follower,
            desk,
            appeals,
            content,
            confirmations,
            supplements,
            misses,
            metrics,
            health,
            committed: HashMap::new(),
            electorates: HashMap::new(),
            definitions: HashMap::new(),
            pinned: HashSet::new(),
            pinning: JoinSet::new(),
        })
    }

    pub(crate) async fn run(
        mut self,
        every: Duration,
        stop: CancellationToken,
    ) -> Result<(), ChainError> {
        loop {
            match self.tick().await {
                Ok(()) => self.health.up("chain"),
                // A read that reverts met a state that another read did not.
                Err(error) if error.is_transient() || error.revert_name().is_some() => {
                    self.health.down("chain", error.code());
                    warn!(code = error.code(), %error, "the chain cannot be read; trying again");
                }
                Err(error @ ChainError::Stuck { .. }) => {
                    warn!(code = error.code(), %error, "certificates wait for a stuck transaction");
                }
                Err(error) => {
                    error!(code = error.code(), %error, "the chain cannot be followed");
                    return Err(error);
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(every) => {}
            }
        }
    }

    async fn tick(&mut self) -> Result<(), ChainError> {
        let tick = self.follower.tick().await?;
        let gauge = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
        self.metrics.chain_head.set(gauge(tick.head.number));
        self.metrics.cursor.set(gauge(self.follower.next_block()));
        self.metrics
            .live_tasks
            .set(gauge(self.follower.live() as u64));
        if let Some(block) = tick.reorged_from {
            warn!(
                from_block = block,
                "the chain was reorganised; tasks are read again"
            );
        }
        let mut open = Vec::new();
        let mut appeals = Vec::new();
        let mut certified = Vec::new();
        let mut finished = Vec::new();
        for task in tick.tasks {
            let appealed = self.appealed(&task, tick.head.clock).await?;
            let heard = !appealed.is_empty();
            appeals.extend(appealed);
            match task.state {
                TaskState::Evaluating => open.extend(self.open_task(task).await?),
                TaskState::Certified => {
                    let passed = tick.head.clock.saturating_sub(task.certified_at);
                    let late = passed <= self.late_window(&task).await?;
                    // Before, the certificate may yet be appealed, or reorganised away.
                    let over = tick.head.clock >= task.deadline && passed >= self.confirmations;
                    if late && self.supplements != Supplements::Never {
                        certified.extend(self.certified_task(task).await?);
                    } else if !late && over && !heard {
                        finished.push(task);
                    }
                }
                TaskState::Expired if task.is_final && !heard => finished.push(task),
                TaskState::None | TaskState::Fetching | TaskState::Expired => {}
            }
        }
        self.appeals.set(appeals)?;
        self.desk
            .set_open(&tick.head, open, tick.reorged_from.is_some())?;
        self.desk.set_certified(&tick.head, certified)?;
        let held = self.desk.held();
        self.pinned
            .retain(|(claim, _)| held.iter().any(|h| h.claim == *claim));
        for claim in &held {
            self.follow_up(claim).await?;
            self.keep_evidence(claim);
        }
        // One at a time: what stops one leaves the others to be asked for at the next tick.
        while let Some(ready) = self.desk.next_ready() {
            self.submit(&ready).await?;
        }
        for (appealed, decision) in self.appeals.decisions() {
            self.decide(&appealed, decision).await?;
        }
        for supplement in self.desk.supplements(self.supplements, tick.head.base_fee) {
            self.supplement(&supplement).await?;
        }
        let mut done = Vec::new();
        for task in &finished {
            if self.misses.record && task.state == TaskState::Certified {
                match self.certified_task(task.clone()).await? {
                    Some(certified) => self.note_misses(&certified)?,
                    None => {
                        warn!(task_id = %task.id, "the node does not tell whose votes are missing")
                    }
                }
            }
            self.close(task)?;
            done.push(task.id);
        }
        self.record_misses(tick.head.clock).await?;
        self.see_to_evidence();
        self.follower.acknowledge(&done)
    }

    async fn open_task(&mut self, task: Task) -> Result<Option<OpenTask>, ChainError> {
        let Some(seed) = task.seed else {
            return Ok(None);
        };
        let hash =
            self.chain
                .domain()
                .task_hash(task.id, task.kind, task.epoch, seed, task.subject);
        let Some(electorate) = self.electorate(task.epoch).await? else {
            return Ok(None);
        };
        let definition = self.definition(task.kind).await?;
        Ok(Some(OpenTask {
            task,
            seed,
            hash,
            electorate,
            definition,
        }))
    }

    /// Looks whether a certificate decided a claim, ours or another aggregator's, or whether the
    /// chain took back one that did.
    async fn follow_up(&self, held: &HeldClaim) -> Result<(), ChainError> {
        let claim = held.claim;
        let outcome = self.chain.claim_outcome(held.task, claim).await?;
        if outcome == held.outcome {
            return Ok(());
        }
        if held.outcome == ClaimOutcome::None {
            self.desk.tell(held.task, Input::Decided { claim, outcome });
        } else {
            warn!(task_id = %held.task, claim_id = %claim, was = %held.outcome, %outcome, "a decision was taken back");
            self.desk.rebuild(held.task);
        }
        Ok(())
    }

    /// Submits a certificate, and tells the round what came of it.
    async fn submit(&mut self, ready: &Ready) -> Result<(), ChainError> {
        let (task, claim) = (ready.open.task.id, ready.certificate.claim);
        let kind = ready.certificate.kind;
        let not_taken = Input::NotTaken { claim };
        let Some(call) = certificate::call(ready) else {
            error!(task_id = %task, claim_id = %claim, code = "signatures_cancel_out", "votes that hold one by one do not add up");
            self.desk.tell(task, not_taken);
            return Ok(());
        };
        let center = self.chain.addresses().attestation_center;
        match self.chain.transact(center, call, U256::ZERO).await {
            Ok(receipt) => {
                self.metrics
                    .transactions
                    .with_label_values(&["submit_task", "mined"])
                    .inc();
                let members = ready.open.electorate.stakes.voters();
                info!(
                    task_id = %task,
                    claim_id = %claim,
                    certificate = kind.code(),
                    approving = %ready.tally.approving.get(),
                    rejecting = %ready.tally.rejecting.get(),
                    total = %ready.tally.total.get(),
                    missing = members - ready.certificate.signers.len(),
                    gas = receipt.gas_used,
                    tx = %receipt.transaction_hash,
                    "certificate submitted"
                );
                self.desk.announce(
                    "certificate",
                    json!({
                        "taskId": task,
                        "claimId": claim,
                        "kind": kind.code(),
                        "tx": receipt.transaction_hash,
                    }),
                );
                let outcome = self.chain.claim_outcome(task, claim).await?;
                self.desk.tell(task, Input::Decided { claim, outcome });
                Ok(())
            }
            Err(ChainError::Reverted { action, revert }) => {
                self.metrics
                    .transactions
                    .with_label_values(&["submit_task", "refused"])
                    .inc();
                debug!(task_id = %task, claim_id = %claim, certificate = kind.code(), %action, %revert, "certificate refused");
                self.desk.tell(task, not_taken);
                Ok(())
            }
            Err(error) => {
                self.desk.tell(task, not_taken);
                Err(error)
            }
        }
    }

    /// The appeals against a task's claims, as long as votes can do something in them.
    async fn appealed(&mut self, task: &Task, clock: u64) -> Result<Vec<Appealed>, ChainError> {
        let mut found = Vec::new();
        if task.state == TaskState::Certified && task.appealed && clock < task.deadline {
            found.extend(self.chain.certified(task).await?.map(|certified| {
                let claim = ClaimId::new(certified.claimId);
                (claim, certified.committed, Stage::Voting)
            }));
        }
        // Only a certificate takes the seed block from a task. While those who approved what was
        // overturned can correct themselves, they may.
        if task.seed.is_some()
            && task.seed_block == 0
            && (task.retried || task.state != TaskState::Certified)
        {
            let window = self.definition(task.kind).await?.supplement_window;
            // The market clock is never ahead of the block's number.
            let from = clock.saturating_sub(u64::from(window));
            for overturned in self.chain.overturned(Some(task.id), from).await? {
                if clock <= overturned.corrected_until {
                    let stage = Stage::Correcting {
                        non_signers: overturned.non_signers,
                    };
                    found.push((overturned.claim, overturned.committed, stage));
                }
            }
        }
        let mut appeals = Vec::new();
        for (claim, committed, stage) in found {
            appeals.extend(self.appeal(task, claim, committed, stage).await?);
        }
        Ok(appeals)
    }

    async fn appeal(
        &mut self,
        task: &Task,
        claim: ClaimId,
        committed: FeeCommitment,
        stage: Stage,
    ) -> Result<Option<Appealed>, ChainError> {
        let epoch = Epoch::new(committed.epoch);
        let domain = self.chain.domain();
        let (Some(seed), Some(electorate)) = (task.seed, self.electorate(epoch).await?) else {
            return Ok(None);
        };
        let d = self.definition(task.kind).await?;
        let Ok(threshold) = Threshold::new(d.threshold_numerator, d.threshold_denominator) else {
            error!(kind = %task.kind, code = "bug_threshold_on_chain", "a threshold on chain is none");
            return Ok(None);
        };
        Ok(Some(Appealed {
            task: task.id,
            hash: domain.task_hash(task.id, task.kind, epoch, seed, task.subject),
            claim,
            committed,
            electorate,
            threshold,
            stage,
        }))
    }

    /// Submits what votes in an appeal came to. What the contract refuses is tried again at the
    /// next tick, unless the chain shows by then that somebody else was faster.
    async fn decide(&self, appealed: &Appealed, decision: Decision) -> Result<(), ChainError> {
        let center = self.chain.addresses().attestation_center;
        let (task, claim) = (appealed.task, appealed.claim);
        let (what, sent) = match decision {
            Decision::Decide {
                verdict,
                non_signers,
                signature,
            } => {
                let call = submitAppealCall {
                    taskId: task.get(),
                    committed: appealed.committed.clone(),
                    verdict: verdict.to_u8(),
                    votes: Votes {
                        nonSigners: non_signers,
                        signature: signature.to_words(),
                    },
                };
                let what = match verdict {
                    Verdict::Approve => "appeal decided: upheld",
                    Verdict::Reject => "appeal decided: overturned",
                };
                (what, self.chain.transact(center, call, U256::ZERO).await)
            }
            Decision::Correct {
                non_signers,
                late,
                signature,
            } => {
                let call = submitCorrectionsCall {
                    taskId: task.get(),
                    committed: appealed.committed.clone(),
                    nonSigners: non_signers,
                    late,
                    signature: signature.to_words(),
                };
                let sent = self.chain.transact(center, call, U256::ZERO).await;
                ("corrections submitted", sent)
            }
        };
        match sent {
            Ok(receipt) => {
                info!(task_id = %task, claim_id = %claim, gas = receipt.gas_used, tx = %receipt.transaction_hash, "{what}");
                Ok(())
            }
            Err(ChainError::Reverted { action, revert }) => {
                debug!(task_id = %task, claim_id = %claim, %action, %revert, "{what}: refused");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches and pins a claim's scores in the background.
    fn keep_evidence(&mut self, held: &HeldClaim) {
        let claim = held.claim;
        for id in held
            .proofs
            .iter()
            .filter_map(|p| p.parse::<ContentId>().ok())
        {
            if !self.pinned.insert((claim, id)) {
                continue;
            }
            let content = self.content.clone();
            self.pinning.spawn(async move {
                let fetched = content.fetch(id, SampleScores::MAX_FILE_LEN).await;
                let again = fetched.as_ref().is_err_and(|e| !e.is_content_fault());
                if let Err(error) = fetched {
                    debug!(claim_id = %claim, cid = %id, code = error.code(), %error, "the evidence could not be pinned");
                }
                (claim, id, again)
            });
        }
    }

    /// Lets what could not be fetched be tried again while its task is open.
    fn see_to_evidence(&mut self) {
        while let Some(ended) = self.pinning.try_join_next() {
            match ended {
                Ok((claim, id, true)) => {
                    self.pinned.remove(&(claim, id));
                }
                Ok((_, _, false)) => {}
                Err(error) => {
                    error!(code = "bug_task_ended", %error, "fetching evidence ended abnormally");
                }
            }
        }
    }

    fn close(&mut self, task: &Task) -> Result<(), ChainError> {
        info!(task_id = %task.id, outcome = task.state.code(), "task over");
        self.metrics
            .tasks
            .with_label_values(&["aggregator", task.state.code(), "over"])
            .inc();
        self.committed.remove(&task.id);
        self.desk.forget(task.id)?;
        self.appeals.forget(task.id)
    }

    async fn electorate(&mut self, epoch: Epoch) -> Result<Option<Electorate>, ChainError> {
        if let Some(known) = self.electorates.get(&epoch)
            && known.table.snapshot_block == self.chain.epoch_snapshot_block(epoch).await?
        {
            return Ok(Some(known.clone()));
        }
        let table = self.chain.epoch_table(epoch).await?;
        let Some(electorate) = Electorate::new(table) else {
            return Ok(None);
        };
        self.electorates
            .retain(|known, _| known.get() + 2 >= epoch.get());
        self.electorates.insert(epoch, electorate.clone());
        Ok(Some(electorate))
    }

    async fn definition(&mut self, kind: KindId) -> Result<Arc<Definition>, ChainError> {
        if let Some(known) = self.definitions.get(&kind) {
            return Ok(Arc::clone(known));
        }
        let definition = Arc::new(self.chain.definition(kind).await?);
        self.definitions.insert(kind, Arc::clone(&definition));
        Ok(definition)
    }
}
