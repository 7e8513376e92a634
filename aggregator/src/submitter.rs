//! Watches the rounds and submits certificates.

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
use zarathustra_bls::PublicKey;
use zarathustra_chain::{
    Chain, ChainError, Definition, EpochTable, Follower, Head, Store, Task,
    abi::attestation_center::IAttestationCenter::submitTaskCall,
};
use zarathustra_content::ContentId;
use zarathustra_improve::ContentHandle;
use zarathustra_node::{Health, Metrics};
use zarathustra_primitives::{
    CertificateKind, ClaimId, Epoch, KindId, SampleScores, TaskState, Threshold, Turn,
};
use zarathustra_protocol::quorum;

use crate::{
    Desk, PolicySettings, certificate,
    desk::{OpenTask, Round},
};

/// A table with its keys decoded.
type Keyed = (Arc<EpochTable>, Arc<Vec<PublicKey>>);

pub(crate) struct Submitter {
    chain: Chain,
    follower: Follower,
    desk: Arc<Desk>,
    content: ContentHandle,
    policy: PolicySettings,
    confirmations: u64,
    metrics: Metrics,
    health: Health,
    tables: HashMap<Epoch, Keyed>,
    definitions: HashMap<KindId, Arc<Definition>>,
    /// Clock at which a certificate first became possible.
    possible_since: HashMap<(ClaimId, CertificateKind), u64>,
    pinned: HashSet<ClaimId>,
    pinning: JoinSet<()>,
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
        content: ContentHandle,
        policy: PolicySettings,
        confirmations: u64,
        metrics: Metrics,
        health: Health,
    ) -> Result<Self, ChainError> {
        let follower = Follower::open(chain.clone(), store, "aggregator")?;
        Ok(Self {
            chain,
            follower,
            desk,
            content,
            policy,
            confirmations,
            metrics,
            health,
            tables: HashMap::new(),
            definitions: HashMap::new(),
            possible_since: HashMap::new(),
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
        let mut finished = Vec::new();
        for task in tick.tasks {
            match task.state {
                TaskState::Evaluating => open.extend(self.open_task(task).await?),
                // A certificate may yet be reorganised away.
                TaskState::Certified
                    if tick.head.clock >= task.certified_at + self.confirmations =>
                {
                    finished.push(task);
                }
                TaskState::Expired if task.is_final => finished.push(task),
                TaskState::None
                | TaskState::Fetching
                | TaskState::Certified
                | TaskState::Expired => {}
            }
        }
        self.desk.set_open(tick.head.number, open)?;
        for (open, round) in self.desk.rounds() {
            self.keep_evidence(&round);
            self.consider(&tick.head, &open, &round).await?;
        }
        let mut done = Vec::new();
        for task in &finished {
            self.close(task)?;
            done.push(task.id);
        }
        while self.pinning.try_join_next().is_some() {}
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
        let Some((table, keys)) = self.table(task.epoch).await? else {
            return Ok(None);
        };
        let definition = self.definition(task.kind).await?;
        Ok(Some(OpenTask {
            task,
            hash,
            table,
            keys,
            definition,
        }))
    }

    /// Submits the certificate that a round allows, now or once waiting does not pay.
    async fn consider(
        &mut self,
        head: &Head,
        open: &OpenTask,
        round: &Round,
    ) -> Result<(), ChainError> {
        let Some(kind) = possible(head.clock, open, round) else {
            return Ok(());
        };
        let since = *self
            .possible_since
            .entry((round.claim, kind))
            .or_insert(head.clock);
        let missing = round.votes.len() < open.table.rows.len();
        if missing && head.clock < since.saturating_add(self.policy.wait_blocks) {
            return Ok(());
        }
        let Some(certificate) = certificate::build(kind, open, round) else {
            return Ok(());
        };
        let call = submitTaskCall {
            taskId: open.task.id.get(),
            claim: certificate::claim(round),
            result: round.message.body.result.clone(),
            certificate,
        };
        let center = self.chain.addresses().attestation_center;
        let tally = round.tally(&open.table);
        match self.chain.transact(center, call, U256::ZERO).await {
            Ok(receipt) => {
                self.metrics
                    .transactions
                    .with_label_values(&["submit_task", "mined"])
                    .inc();
                info!(
                    task_id = %open.task.id,
                    claim_id = %round.claim,
                    certificate = kind.code(),
                    approving = %tally.approving.get(),
                    rejecting = %tally.rejecting.get(),
                    total = %open.table.total.get(),
                    missing = open.table.rows.len() - round.votes.len(),
                    gas = receipt.gas_used,
                    tx = %receipt.transaction_hash,
                    "certificate submitted"
                );
                self.desk.announce(
                    "certificate",
                    json!({
                        "taskId": open.task.id,
                        "claimId": round.claim,
                        "kind": kind.code(),
                        "tx": receipt.transaction_hash,
                    }),
                );
            }
            Err(ChainError::Reverted { action, revert }) => {
                self.metrics
                    .transactions
                    .with_label_values(&["submit_task", "refused"])
                    .inc();
                debug!(task_id = %open.task.id, claim_id = %round.claim, certificate = kind.code(), %action, %revert, "certificate refused");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Fetches and pins a claim's scores once, in the background.
    fn keep_evidence(&mut self, round: &Round) {
        let Ok(id) = round.message.proof.parse::<ContentId>() else {
            return;
        };
        if !self.pinned.insert(round.claim) {
            return;
        }
        let (content, claim) = (self.content.clone(), round.claim);
        self.pinning.spawn(async move {
            if let Err(error) = content.fetch(id, SampleScores::MAX_FILE_LEN).await {
                debug!(claim_id = %claim, cid = %id, code = error.code(), %error, "the evidence could not be pinned");
            }
        });
    }

    fn close(&mut self, task: &Task) -> Result<(), ChainError> {
        info!(task_id = %task.id, outcome = task.state.code(), "task over");
        self.metrics
            .tasks
            .with_label_values(&["aggregator", task.state.code(), "over"])
            .inc();
        self.desk.forget(task.id)
    }

    async fn table(&mut self, epoch: Epoch) -> Result<Option<Keyed>, ChainError> {
        if let Some(known) = self.tables.get(&epoch)
            && known.0.snapshot_block == self.chain.epoch_snapshot_block(epoch).await?
        {
            return Ok(Some(known.clone()));
        }
        let table = self.chain.epoch_table(epoch).await?;
        let keys: Result<Vec<_>, _> = table
            .rows
            .iter()
            .map(|r| PublicKey::decode(&r.key))
            .collect();
        let keys = match keys {
            Ok(keys) => Arc::new(keys),
            Err(error) => {
                // The registry checks keys with the curve's precompiles; this would be a bug in it.
                error!(%epoch, code = "bug_key_on_chain", %error, "a key on chain is no key");
                return Ok(None);
            }
        };
        let keyed = (Arc::new(table), keys);
        self.tables
            .retain(|known, _| known.get() + 2 >= epoch.get());
        self.tables.insert(epoch, keyed.clone());
        Ok(Some(keyed))
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

/// Which certificate the votes allow now (specification, 3.1).
fn possible(clock: u64, open: &OpenTask, round: &Round) -> Option<CertificateKind> {
    let d = &open.definition;
    let threshold = Threshold::new(d.threshold_numerator, d.threshold_denominator).ok()?;
    let tally = round.tally(&open.table);
    let total = open.table.total;
    if quorum::approves(threshold, tally.approving, total) {
        Some(CertificateKind::Approve)
    } else if quorum::rejects(threshold, tally.rejecting, total) {
        Some(CertificateKind::Reject)
    } else if quorum::blocks(threshold, tally.rejecting, total)
        && clock >= blocked_from(open, round.turn)
    {
        Some(CertificateKind::Blocked)
    } else {
        None
    }
}

/// Clock from which a claim may be blocked: its turn and the voting window are over.
fn blocked_from(open: &OpenTask, turn: Turn) -> u64 {
    let (task, d) = (&open.task, &open.definition);
    let turns = u64::from(turn.get().saturating_sub(task.turn_base.get()));
    task.turn_base_at
        .saturating_add(turns.saturating_mul(u64::from(d.turn_length)))
        .saturating_add(u64::from(d.turn_length))
        .saturating_add(u64::from(d.voting_window))
}
