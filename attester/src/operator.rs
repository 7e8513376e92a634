//! The operator's core: one tick after the other.

mod appeals;
mod evaluate;
mod late;
mod outcomes;
mod votes;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use tokio::task::JoinSet;
use tracing::{info, warn};
use zarathustra_chain::{Chain, ChainError, EpochTable, Follower, Store, Task, Tick};
use zarathustra_node::{Health, Metrics, Outcome, TaskKind};
use zarathustra_primitives::{Address, ClaimId, Epoch, KindId, TaskHash, TaskId, TaskState};
use zarathustra_signer::Keyring;
use zarathustra_wire::{AggregatorClient, ClaimView};

use crate::{
    job::{Done, Evaluation, Job, Prepared, Stand},
    scope::Ended,
};
pub(crate) use late::Approved;
use outcomes::Outcomes;

/// What an operator is made of.
pub struct OperatorParts {
    /// Name of the role in logs and metrics.
    pub role: &'static str,
    /// The operator's address in EigenLayer.
    pub address: Address,
    /// The chain.
    pub chain: Chain,
    /// Records that survive a crash.
    pub store: Store,
    /// Folder for outcomes.
    pub data_dir: PathBuf,
    /// Blocks on top of the seed block before anything is signed.
    pub confirmations: u64,
    /// The kinds of tasks it can do.
    pub kinds: Vec<Arc<dyn TaskKind>>,
    /// Its keys, behind the journal.
    pub keys: Arc<Keyring>,
    /// Every aggregator known.
    pub aggregators: Vec<AggregatorClient>,
    /// Metrics.
    pub metrics: Metrics,
    /// Health; the service `chain` is set by ticks.
    pub health: Health,
}

/// A task that this operator has evaluated and that is open for claims.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The task as it stands.
    pub task: Task,
    /// Its hash under the present seed and epoch.
    pub hash: TaskHash,
    /// Its table of operators.
    pub table: Arc<EpochTable>,
    /// What this operator would claim, once [`Operator::find_claim`] found it.
    pub claim: Option<Outcome>,
    /// The claims that each aggregator shows, in the order of the settings.
    pub shown: Vec<Vec<ClaimView>>,
}

/// The core; see the crate's description.
pub struct Operator {
    parts: OperatorParts,
    follower: Follower,
    kinds: HashMap<KindId, Arc<dyn TaskKind>>,
    jobs: BTreeMap<TaskId, Job>,
    tables: HashMap<Epoch, Arc<EpochTable>>,
    work: JoinSet<Ended<Done>>,
    outcomes: Outcomes,
    /// Blocks after a certificate in which late votes count, by kind.
    supplement_windows: HashMap<KindId, u64>,
    /// Whether the outcomes of tasks that ended while the process did were removed.
    swept: bool,
}

impl Operator {
    /// Takes up where the store says that the last process stopped.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn open(parts: OperatorParts) -> Result<Self, ChainError> {
        let follower = Follower::open(parts.chain.clone(), parts.store.clone(), parts.role)?;
        let kinds = parts
            .kinds
            .iter()
            .map(|k| (k.kind(), Arc::clone(k)))
            .collect();
        Ok(Self {
            outcomes: Outcomes::new(parts.data_dir.join("outcomes")),
            supplement_windows: HashMap::new(),
            swept: false,
            parts,
            follower,
            kinds,
            jobs: BTreeMap::new(),
            tables: HashMap::new(),
            work: JoinSet::new(),
        })
    }

    /// What the operator is made of.
    pub fn parts(&self) -> &OperatorParts {
        &self.parts
    }

    /// The implementation of a kind, when this operator has one.
    pub fn kind(&self, kind: KindId) -> Option<&Arc<dyn TaskKind>> {
        self.kinds.get(&kind)
    }

    /// The claims of a task that this operator has approved.
    pub fn approved(&self, task: TaskId) -> impl Iterator<Item = ClaimId> {
        self.jobs.get(&task).into_iter().flat_map(Job::approved)
    }

    /// Looks at the chain and at the aggregators once, starts and collects work, votes. Answers
    /// the tasks that this operator has evaluated and that are open for claims.
    ///
    /// # Errors
    /// [`ChainError`]; a transient one is followed by the next tick.
    pub async fn tick(&mut self) -> Result<Vec<Evaluated>, ChainError> {
        let tick = self.follower.tick().await?;
        self.observe(&tick);
        self.sweep(&tick);
        while let Some(ended) = self.work.try_join_next() {
            match ended.map(Ended::wanted) {
                Ok(Some(done)) => self.collect(done, tick.head.number).await,
                Ok(None) => {}
                Err(error) => {
                    warn!(%error, "work for a task ended abnormally; it is begun again");
                    self.begin_anew();
                }
            }
        }
        let mut evaluated = Vec::new();
        let mut finished = Vec::new();
        for task in tick.tasks {
            let heard = self.hear(&task, tick.head.clock).await?;
            match task.state {
                TaskState::None => {
                    let job = self.jobs.remove(&task.id).unwrap_or_default();
                    self.forget(task.id, job).await;
                }
                TaskState::Fetching => {
                    self.prepare(&task)?;
                    self.evaluate_early(&task, tick.head.number).await?;
                }
                TaskState::Evaluating => {
                    evaluated.extend(self.evaluate(task, tick.head.number).await?);
                }
                TaskState::Certified => {
                    let more = self.attest_late(&task, tick.head.clock).await?;
                    // A certificate may yet be appealed, or reorganised away.
                    let confirmed = task.certified_at + self.parts.confirmations;
                    if !more && !heard && tick.head.clock >= task.deadline.max(confirmed) {
                        self.close(&task).await;
                        finished.push(task.id);
                    }
                }
                TaskState::Expired => {
                    // One that may be reopened with the same seed keeps what was found.
                    if task.is_final && !heard {
                        self.close(&task).await;
                        finished.push(task.id);
                    }
                }
            }
        }
        self.follower.acknowledge(&finished)?;
        Ok(evaluated)
    }

    /// Which work ended is unknown: whatever seems under way is begun anew.
    fn begin_anew(&mut self) {
        for job in self.jobs.values_mut() {
            if matches!(job.prepared, Prepared::Running) {
                job.prepared = Prepared::Not;
            }
            if matches!(job.evaluation, Some((_, Evaluation::Running))) {
                job.evaluation = None;
            }
            if matches!(job.to_claim, Some(Evaluation::Running)) {
                job.to_claim = None;
            }
            job.stands
                .retain(|_, stand| !matches!(stand, Stand::Judging));
            job.appeals
                .retain(|_, stand| !matches!(stand, Stand::Judging));
        }
    }

    fn observe(&self, tick: &Tick) {
        let metrics = &self.parts.metrics;
        let gauge = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
        metrics.chain_head.set(gauge(tick.head.number));
        metrics.cursor.set(gauge(self.follower.next_block()));
        metrics.live_tasks.set(gauge(self.follower.live() as u64));
        self.parts.health.up("chain");
        if let Some(block) = tick.reorged_from {
            warn!(
                from_block = block,
                "the chain was reorganised; tasks are read again"
            );
        }
    }

    async fn collect(&mut self, done: Done, head: u64) {
        match done {
            Done::Prepared { task, result } => self.fetched(&task, head, result),
            Done::Evaluated {
                task,
                hash,
                to_claim,
                result,
                seconds,
            } => self.evaluated(task, hash, to_claim, result, seconds),
            Done::Judged {
                task,
                claim,
                message,
                opinion,
            } => self.vote(&task, &claim, message, opinion).await,
            Done::Heard {
                task,
                epoch,
                hash,
                claim,
                message,
                opinion,
            } => {
                let about = (task, epoch, hash, claim);
                self.heard(about, message, opinion).await;
            }
        }
    }

    /// One line per task outcome.
    async fn close(&mut self, task: &Task) {
        let job = self.jobs.remove(&task.id).unwrap_or_default();
        let (vote, reason) = match (job.verdict, &job.silence) {
            (Some(verdict), _) => (verdict.code(), "voted"),
            (None, Some(abstain)) => ("none", abstain.code),
            (None, None) => ("none", "nothing_to_vote_on"),
        };
        info!(task_id = %task.id, outcome = task.state.code(), vote, reason, "task over");
        self.parts
            .metrics
            .tasks
            .with_label_values(&[self.parts.role, task.state.code(), reason])
            .inc();
        self.forget(task.id, job).await;
    }

    /// Stops the work for a task and removes what was kept for it.
    async fn forget(&self, task: TaskId, job: Job) {
        // First: work that went on would have the kinds remember the task again.
        job.end().await;
        // A task that is gone has no kind any more.
        for kind in self.kinds.values() {
            kind.finish(task).await;
        }
        if let Err(error) = self.parts.store.remove_all(&task_prefix(task)) {
            warn!(task_id = %task, %error, "the task's records could not be removed");
        }
        if let Err(error) = self.outcomes.remove(task) {
            warn!(task_id = %task, %error, "the task's outcomes could not be removed");
        }
    }

    /// Once, removes the outcomes of tasks that are not alive, which a crash may have left.
    fn sweep(&mut self, tick: &Tick) {
        if self.swept {
            return;
        }
        self.swept = true;
        if let Err(error) = self.outcomes.retain(tick.tasks.iter().map(|task| task.id)) {
            warn!(%error, "outcomes of former tasks could not be removed");
        }
    }

    fn job(&mut self, task: TaskId) -> &mut Job {
        self.jobs.entry(task).or_default()
    }

    async fn table(&mut self, epoch: Epoch) -> Result<Arc<EpochTable>, ChainError> {
        if let Some(table) = self.tables.get(&epoch) {
            // An epoch's number can name another table after a reorganisation.
            let head = self.parts.chain.epoch_snapshot_block(epoch).await?;
            if head == table.snapshot_block {
                return Ok(Arc::clone(table));
            }
        }
        let table = Arc::new(self.parts.chain.epoch_table(epoch).await?);
        self.tables
            .retain(|known, _| known.get() + 2 >= epoch.get());
        self.tables.insert(epoch, Arc::clone(&table));
        Ok(table)
    }
}

/// What begins the names of a task's records, which are removed when it is over.
pub fn task_prefix(task: TaskId) -> String {
    format!("task/{task}/")
}
