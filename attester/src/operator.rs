//! The operator's core: one tick after the other.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::Write,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use futures::future::join_all;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};
use zarathustra_chain::{Chain, ChainError, EpochTable, Follower, Store, Task, Tick};
use zarathustra_node::{Abstain, Assignment, Health, Metrics, Opinion, Outcome, TaskKind};
use zarathustra_primitives::{
    Address, B256, Epoch, KindId, Purpose, Seed, TaskHash, TaskId, TaskState, Verdict, Vote,
    keccak256,
};
use zarathustra_signer::Signer;
use zarathustra_wire::{
    AggregatorClient, CheckedClaim, ClaimFault, ClaimMessage, ClaimView, VoteMessage, check_claim,
};

use crate::job::{Done, Evaluation, Job, Prepared, Stand};

/// Claims of a task that are looked at, per aggregator: more than turns that pass in practice.
const MAX_CLAIMS: usize = 64;
/// Messages that are no claims, remembered for a task; beyond that they are looked at again.
const MAX_NONSENSE: usize = 1024;

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
    pub signer: Arc<Signer>,
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
    work: JoinSet<Done>,
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

    /// Looks at the chain and at the aggregators once, starts and collects work, votes. Answers
    /// the tasks that this operator has evaluated and that are open for claims.
    ///
    /// # Errors
    /// [`ChainError`]; a transient one is followed by the next tick.
    pub async fn tick(&mut self) -> Result<Vec<Evaluated>, ChainError> {
        let tick = self.follower.tick().await?;
        self.observe(&tick);
        while let Some(done) = self.work.try_join_next() {
            match done {
                Ok(done) => self.collect(done, tick.head.number).await,
                Err(error) => {
                    warn!(%error, "work for a task ended abnormally; it is begun again");
                    self.begin_anew();
                }
            }
        }
        let mut evaluated = Vec::new();
        let mut finished = Vec::new();
        for task in tick.tasks {
            match task.state {
                TaskState::None => {
                    self.jobs.remove(&task.id);
                    self.parts.store.remove_all(&task_prefix(task.id))?;
                    // A task that is gone has no kind any more.
                    for kind in self.kinds.values() {
                        kind.finish(task.id).await;
                    }
                }
                TaskState::Fetching => {
                    self.prepare(&task)?;
                    self.evaluate_early(&task, tick.head.number).await?;
                }
                TaskState::Evaluating => {
                    evaluated.extend(self.evaluate(task, tick.head.number).await?);
                }
                TaskState::Certified => {
                    // A certificate may yet be reorganised away.
                    if tick.head.clock >= task.certified_at + self.parts.confirmations {
                        self.close(&task).await;
                        finished.push(task.id);
                    }
                }
                TaskState::Expired => {
                    // One that may be reopened with the same seed keeps what was found.
                    if task.is_final {
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

    /// Starts fetching, again after a failure that may pass.
    fn prepare(&mut self, task: &Task) -> Result<(), ChainError> {
        let Some(kind) = self.kinds.get(&task.kind).cloned() else {
            debug!(task_id = %task.id, kind = %task.kind, "a kind that this operator does not do");
            return Ok(());
        };
        let done = self.prepared_before_seed(task)?;
        let job = self.jobs.entry(task.id).or_default();
        let start = match &job.prepared {
            Prepared::Not => true,
            Prepared::Failed(abstain) => abstain.retry,
            Prepared::Running | Prepared::Ready => false,
        };
        if start && done {
            job.prepared = Prepared::Ready;
        } else if start {
            job.prepared = Prepared::Running;
            let task = Box::new(task.clone());
            self.work.spawn(async move {
                let result = kind.prepare(task.id).await;
                Done::Prepared { task, result }
            });
        }
        Ok(())
    }

    /// Evaluates once the seed block is confirmed, and looks at claims once it has.
    async fn evaluate(&mut self, task: Task, head: u64) -> Result<Option<Evaluated>, ChainError> {
        let Some(kind) = self.kinds.get(&task.kind).cloned() else {
            return Ok(None);
        };
        let Some(seed) = task.seed else {
            return Ok(None);
        };
        if head < task.seed_block.saturating_add(self.parts.confirmations) {
            return Ok(None);
        }
        let hash = self.begin(&task, seed, kind)?;
        let job = self.job(task.id);
        let outcome = match job.evaluated(hash) {
            None => return Ok(None),
            // What is wrong with a claim alone can be told all the same.
            Some(Err(_)) => None,
            Some(Ok(outcome)) => Some(outcome.clone()),
        };
        let claim = job.claimable().cloned();
        let table = self.table(task.epoch).await?;
        let shown = self.attest(&task, hash, &table, outcome.as_ref()).await?;
        Ok(outcome.is_some().then_some(Evaluated {
            task,
            hash,
            table,
            claim,
            shown,
        }))
    }

    /// Begins to find what to claim of a task, unless that was begun before.
    pub fn find_claim(&mut self, open: &Evaluated) {
        let (task, hash) = (&open.task, open.hash);
        let (Some(kind), Some(seed)) = (self.kinds.get(&task.kind).cloned(), task.seed) else {
            return;
        };
        let present = matches!(&self.job(task.id).evaluation, Some((under, _)) if *under == hash);
        if present && self.job(task.id).to_claim.is_none() {
            let evaluation = self.start(hash, assignment(task, seed), true, kind);
            self.job(task.id).to_claim = Some(evaluation);
        }
    }

    /// Evaluates when the seed block is confirmed, though nobody has told the contract yet.
    async fn evaluate_early(&mut self, task: &Task, head: u64) -> Result<(), ChainError> {
        let ready = self.job(task.id).evaluation.is_none()
            && head >= task.seed_block.saturating_add(self.parts.confirmations)
            && self.prepared_before_seed(task)?;
        let Some(kind) = self.kinds.get(&task.kind).cloned().filter(|_| ready) else {
            return Ok(());
        };
        if let Some(seed) = self.parts.chain.coming_seed(task).await? {
            self.begin(task, seed, kind)?;
        }
        Ok(())
    }

    /// Sees to it that a task is evaluated under a seed; answers the task's hash under it.
    fn begin(
        &mut self,
        task: &Task,
        seed: Seed,
        kind: Arc<dyn TaskKind>,
    ) -> Result<TaskHash, ChainError> {
        let hash =
            self.parts
                .chain
                .domain()
                .task_hash(task.id, task.kind, task.epoch, seed, task.subject);
        let fetched = self.prepared_before_seed(task)?;
        let assignment = assignment(task, seed);
        let job = self.jobs.entry(task.id).or_default();
        job.forget_others(hash);
        if !fetched {
            // Whoever serves content only once the seed is known could choose by it, so a late
            // fetch does not count. Some kinds can state the lack itself.
            let abstain = match (&job.lack, &job.prepared) {
                (Some(lack), _) | (None, Prepared::Failed(lack)) => lack.clone(),
                _ => Abstain {
                    code: "not_fetched_before_seed",
                    detail: "the content was not here when the seed became known".to_owned(),
                    retry: false,
                },
            };
            let lack = kind.unprepared(&assignment, &abstain);
            if job.evaluation.is_none() {
                let done = Evaluation::Done(lack.ok_or_else(|| abstain.clone()));
                // There is nothing more to find for a claim.
                job.to_claim = Some(done.clone());
                job.evaluation = Some((hash, done));
            }
            job.silence.get_or_insert(abstain);
        }
        if job.evaluation.is_none() {
            let evaluation = self.start(hash, assignment, false, kind);
            self.job(task.id).evaluation = Some((hash, evaluation));
        }
        Ok(hash)
    }

    /// What was found before a restart, or an evaluation in the background.
    fn start(
        &mut self,
        hash: TaskHash,
        assignment: Assignment,
        to_claim: bool,
        kind: Arc<dyn TaskKind>,
    ) -> Evaluation {
        let task = assignment.task;
        if let Some(outcome) = self.load_outcome(task, hash, to_claim) {
            return Evaluation::Done(Ok(outcome));
        }
        self.work.spawn(async move {
            let started = Instant::now();
            // After a restart the content is pinned, but not in this process yet.
            let result = match kind.prepare(task).await {
                Ok(()) if to_claim => kind.claim(assignment).await,
                Ok(()) => kind.execute(assignment).await,
                Err(abstain) => Err(abstain),
            };
            Done::Evaluated {
                task,
                hash,
                to_claim,
                result,
                seconds: started.elapsed().as_secs_f64(),
            }
        });
        Evaluation::Running
    }

    /// Asks the aggregators for claims, judges new ones, sends votes that are not there yet.
    async fn attest(
        &mut self,
        task: &Task,
        hash: TaskHash,
        table: &EpochTable,
        outcome: Option<&Outcome>,
    ) -> Result<Vec<Vec<ClaimView>>, ChainError> {
        let answers = join_all(self.parts.aggregators.iter().map(|a| a.claims(task.id))).await;
        let mut shown: Vec<Vec<ClaimView>> = Vec::new();
        for (aggregator, answer) in self.parts.aggregators.iter().zip(answers) {
            shown.push(match answer {
                Ok(views) => views.into_iter().take(MAX_CLAIMS).collect(),
                Err(error) => {
                    debug!(aggregator = aggregator.url(), code = error.code(), %error, "no claims from an aggregator");
                    Vec::new()
                }
            });
        }
        for view in shown.iter().flatten() {
            self.consider(task, hash, table, outcome, view).await?;
        }
        self.try_again(task.id, &shown);
        for (aggregator, views) in self.parts.aggregators.iter().zip(&shown) {
            let mut sent = HashSet::new();
            for view in views {
                let stands = self.jobs.get(&task.id).map(|job| &job.stands);
                let Some(Stand::Voted(vote)) = stands.and_then(|s| s.get(&view.claim_id)) else {
                    continue;
                };
                if !view.voters.contains(&self.parts.address)
                    && sent.insert(view.claim_id)
                    && let Err(error) = aggregator.send_vote(vote).await
                {
                    warn!(task_id = %task.id, aggregator = aggregator.url(), code = error.code(), %error, "an aggregator did not take the vote");
                }
            }
        }
        Ok(shown)
    }

    /// Lets the evidence of a claim be tried again when every message about it was tried.
    fn try_again(&mut self, task: TaskId, shown: &[Vec<ClaimView>]) {
        let job = self.job(task);
        job.unusable.retain(|claim, tried| {
            let views = shown.iter().flatten().filter(|v| v.claim_id == *claim);
            let mut names = views.map(message_name);
            names.any(|name| !tried.contains(&name))
        });
    }

    /// Starts judging a claim that was not looked at yet.
    async fn consider(
        &mut self,
        task: &Task,
        hash: TaskHash,
        table: &EpochTable,
        outcome: Option<&Outcome>,
        view: &ClaimView,
    ) -> Result<(), ChainError> {
        if table.row_of(self.parts.address).is_none()
            || self.job(task.id).stands.contains_key(&view.claim_id)
        {
            return Ok(());
        }
        let name = message_name(view);
        let job = self.job(task.id);
        let tried = job.unusable.get(&view.claim_id);
        if job.nonsense.contains(&name) || tried.is_some_and(|tried| tried.contains(&name)) {
            return Ok(());
        }
        let checked = match ClaimMessage::from_params(&view.params) {
            Ok(message) => check_claim(&self.parts.chain, task, hash, table, message).await,
            Err(malformed) => Err(ClaimFault::from(malformed)),
        };
        let fault = match checked {
            Ok(claim) if claim.id == view.claim_id => {
                return self.judge(task, outcome, claim, name);
            }
            Ok(_) => ClaimFault::Misnamed,
            // The task was decided between two reads.
            Err(ClaimFault::Chain(ChainError::Reverted { .. })) => return Ok(()),
            Err(ClaimFault::Chain(error)) => return Err(error),
            Err(fault) => fault,
        };
        if !fault.may_pass() {
            info!(task_id = %task.id, claim_id = %view.claim_id, code = fault.code(), reason = %fault, "claim ignored");
            let claims = &self.parts.metrics.claims;
            claims.with_label_values(&["ignored"]).inc();
            let nonsense = &mut self.job(task.id).nonsense;
            if nonsense.len() >= MAX_NONSENSE {
                nonsense.clear();
            }
            nonsense.insert(name);
        }
        Ok(())
    }

    /// Compares a claim with what was found here, in the background.
    fn judge(
        &mut self,
        task: &Task,
        outcome: Option<&Outcome>,
        checked: CheckedClaim,
        name: B256,
    ) -> Result<(), ChainError> {
        let (Some(kind), Some(seed)) = (self.kinds.get(&task.kind).cloned(), task.seed) else {
            return Ok(());
        };
        let assignment = assignment(task, seed);
        self.job(task.id).stands.insert(checked.id, Stand::Judging);
        let (task, own) = (Box::new(task.clone()), outcome.cloned());
        self.work.spawn(async move {
            let message = &checked.message;
            let opinion = kind
                .judge(
                    assignment,
                    own.as_ref(),
                    &message.body.result,
                    &message.proof,
                )
                .await;
            Done::Judged {
                task,
                claim: Box::new(checked),
                message: name,
                opinion,
            }
        });
        Ok(())
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
        }
    }

    fn fetched(&mut self, task: &Task, head: u64, result: Result<(), Abstain>) {
        // From the seed block on, whoever serves content can choose by the seed.
        let in_time = result.and_then(|()| {
            if head <= task.seed_block {
                return Ok(());
            }
            Err(Abstain {
                code: "fetched_after_seed",
                detail: "the content came when the seed was known".to_owned(),
                retry: false,
            })
        });
        let recorded = in_time.and_then(|()| {
            self.parts
                .store
                .put(
                    "a prepared task",
                    &prepared_key(task.id),
                    &task.subject.get(),
                )
                .map_err(|e| Abstain {
                    code: e.code(),
                    detail: e.to_string(),
                    retry: true,
                })
        });
        let job = self.job(task.id);
        match recorded {
            Ok(()) => {
                debug!(task_id = %task.id, "content fetched and pinned");
                job.prepared = Prepared::Ready;
            }
            Err(abstain) => {
                warn!(task_id = %task.id, code = abstain.code, reason = %abstain, "content could not be fetched");
                if abstain.retry {
                    job.lack = Some(abstain.clone());
                }
                job.prepared = Prepared::Failed(abstain);
            }
        }
    }

    fn evaluated(
        &mut self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
        result: Result<Outcome, Abstain>,
        seconds: f64,
    ) {
        let label = if result.is_ok() { "done" } else { "abstained" };
        self.parts
            .metrics
            .evaluation_seconds
            .with_label_values(&[label])
            .observe(seconds);
        match &result {
            Ok(outcome) => {
                info!(task_id = %task, seconds, result = %outcome.summary, "evaluated");
                if let Err(error) = self.save_outcome(task, hash, to_claim, outcome) {
                    warn!(task_id = %task, %error, "the outcome could not be kept; a restart evaluates again");
                }
            }
            Err(abstain) => {
                warn!(task_id = %task, code = abstain.code, reason = %abstain, "not evaluated");
            }
        }
        let job = self.job(task);
        let present = matches!(&job.evaluation, Some((under, _)) if *under == hash);
        if !present {
            return;
        }
        if let Err(abstain) = &result
            && !abstain.retry
        {
            job.silence = Some(abstain.clone());
        }
        let evaluation = match result {
            Err(abstain) if abstain.retry => None,
            done => Some(Evaluation::Done(done)),
        };
        if to_claim {
            job.to_claim = evaluation;
        } else {
            job.evaluation = evaluation.map(|evaluation| (hash, evaluation));
        }
    }

    /// Votes as the opinion says: the journal decides whether that may be signed.
    async fn vote(&mut self, task: &Task, claim: &CheckedClaim, message: B256, opinion: Opinion) {
        let (verdict, why) = match &opinion {
            Opinion::Approve => (Verdict::Approve, "agrees".to_owned()),
            Opinion::Reject { code, detail } => (Verdict::Reject, format!("{code}: {detail}")),
            Opinion::Abstain(abstain) => {
                info!(task_id = %task.id, claim_id = %claim.id, code = abstain.code, reason = %abstain, "no vote on a claim");
                let job = self.job(task.id);
                // Where nothing was found here, that says more.
                if job.found_nothing() {
                    job.silence.get_or_insert_with(|| abstain.clone());
                } else {
                    job.silence = Some(abstain.clone());
                }
                if abstain.retry {
                    job.stands.remove(&claim.id);
                    job.unusable.entry(claim.id).or_default().insert(message);
                } else {
                    job.stands.insert(claim.id, Stand::Silent);
                }
                return;
            }
        };
        // A reorganisation may have changed the task while the claim was judged.
        let hash = claim.claim.task;
        if self
            .job(task.id)
            .evaluation
            .as_ref()
            .is_none_or(|(under, _)| *under != hash)
        {
            return;
        }
        let vote = Vote {
            task: hash,
            claim: claim.id,
            purpose: Purpose::Claim,
            verdict,
        };
        let signature = match self.parts.signer.sign_vote(&vote) {
            Ok(signature) => signature,
            Err(error) => {
                warn!(task_id = %task.id, claim_id = %claim.id, code = error.code(), %error, "the journal refuses the vote");
                self.job(task.id).stands.insert(claim.id, Stand::Silent);
                return;
            }
        };
        info!(task_id = %task.id, claim_id = %claim.id, verdict = verdict.code(), reason = %why, "voted");
        self.parts
            .metrics
            .votes
            .with_label_values(&[verdict.code()])
            .inc();
        let message = VoteMessage {
            task_id: task.id,
            claim_id: claim.id,
            verdict,
            operator: self.parts.address,
            signature,
        };
        for (aggregator, sent) in self
            .parts
            .aggregators
            .iter()
            .zip(join_all(self.parts.aggregators.iter().map(|a| a.send_vote(&message))).await)
        {
            if let Err(error) = sent {
                debug!(task_id = %task.id, aggregator = aggregator.url(), code = error.code(), %error, "vote not taken yet; it is sent again");
            }
        }
        let job = self.job(task.id);
        job.verdict = Some(verdict);
        job.stands.insert(claim.id, Stand::Voted(Box::new(message)));
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
        if let Some(kind) = self.kinds.get(&task.kind) {
            kind.finish(task.id).await;
        }
        if let Err(error) = self.parts.store.remove_all(&task_prefix(task.id)) {
            warn!(task_id = %task.id, %error, "the task's records could not be removed");
        }
        let outcomes = self.outcomes(task.id);
        if let Err(error) = std::fs::remove_dir_all(&outcomes)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!(path = %outcomes.display(), %error, "outcomes could not be removed");
        }
    }

    fn job(&mut self, task: TaskId) -> &mut Job {
        self.jobs.entry(task).or_default()
    }

    /// Whether the content of a task was here before its seed was known. The record names the
    /// subject, since a reorganisation may give a task's number to another one.
    fn prepared_before_seed(&self, task: &Task) -> Result<bool, ChainError> {
        let key = prepared_key(task.id);
        let subject: Option<B256> = self.parts.store.get("a prepared task", &key)?;
        Ok(subject == Some(task.subject.get()))
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

    /// Folder of what was found for a task, under whichever seed.
    fn outcomes(&self, task: TaskId) -> PathBuf {
        self.parts.data_dir.join("outcomes").join(task.to_string())
    }

    fn outcome_paths(&self, task: TaskId, hash: TaskHash, to_claim: bool) -> [PathBuf; 2] {
        let folder = self.outcomes(task);
        let mut name = hex::encode(hash.get());
        if to_claim {
            name.push_str("-claim");
        }
        [
            folder.join(format!("{name}.evidence")),
            folder.join(format!("{name}.result")),
        ]
    }

    /// The result is written last: where it is, the evidence is whole.
    fn save_outcome(
        &self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
        outcome: &Outcome,
    ) -> std::io::Result<()> {
        let folder = self.outcomes(task);
        let [evidence, result] = self.outcome_paths(task, hash, to_claim);
        std::fs::create_dir_all(&folder)?;
        for (path, bytes) in [(evidence, &outcome.evidence), (result, &outcome.result)] {
            let part = path.with_extension("part");
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
        }
        File::open(folder)?.sync_all()
    }

    fn load_outcome(&self, task: TaskId, hash: TaskHash, to_claim: bool) -> Option<Outcome> {
        let [evidence, result] = self.outcome_paths(task, hash, to_claim);
        let result = std::fs::read(result).ok()?;
        let evidence = std::fs::read(evidence).ok()?;
        if result.is_empty() {
            return None;
        }
        Some(Outcome {
            result,
            evidence,
            summary: "found before the restart".to_owned(),
        })
    }
}

/// A task as its epoch's operators do it under a seed.
const fn assignment(task: &Task, seed: Seed) -> Assignment {
    Assignment {
        task: task.id,
        subject: task.subject,
        seed,
        environment: task.environment,
    }
}

/// Tells messages about claims apart.
fn message_name(view: &ClaimView) -> B256 {
    keccak256(format!("{}{}", view.claim_id, view.params))
}

/// What begins the names of a task's records, which are removed when it is over.
pub fn task_prefix(task: TaskId) -> String {
    format!("task/{task}/")
}

fn prepared_key(task: TaskId) -> String {
    format!("{}prepared", task_prefix(task))
}
