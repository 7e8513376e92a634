//! Fetching and evaluating, in the background.

use std::{sync::Arc, time::Instant};

use tracing::{debug, info, warn};
use zarathustra_chain::{ChainError, Task};
use zarathustra_node::{Abstain, Assignment, Outcome, TaskKind};
use zarathustra_primitives::{B256, Seed, TaskHash, TaskId};

use super::{Evaluated, Operator, task_prefix};
use crate::job::{Done, Evaluation, Prepared};

impl Operator {
    /// Starts fetching, again after a failure that may pass.
    pub(super) fn prepare(&mut self, task: &Task) -> Result<(), ChainError> {
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
            self.work.spawn(job.preparing.of(async move {
                let result = kind.prepare(task.id).await;
                Done::Prepared { task, result }
            }));
        }
        Ok(())
    }

    /// Evaluates once the seed block is confirmed, and looks at claims once it has.
    pub(super) async fn evaluate(
        &mut self,
        task: Task,
        head: u64,
    ) -> Result<Option<Evaluated>, ChainError> {
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
        let shown = self
            .attest(&task, hash, &table, outcome.as_ref(), None)
            .await?;
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
        let job = self.job(task.id);
        if job.is_under(hash) && job.to_claim.is_none() {
            let evaluation = self.start(hash, assignment(task, seed), true, kind);
            self.job(task.id).to_claim = Some(evaluation);
        }
    }

    /// Evaluates when the seed block is confirmed, though nobody has told the contract yet.
    pub(super) async fn evaluate_early(
        &mut self,
        task: &Task,
        head: u64,
    ) -> Result<(), ChainError> {
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
    pub(super) fn begin(
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
    pub(super) fn start(
        &mut self,
        hash: TaskHash,
        assignment: Assignment,
        to_claim: bool,
        kind: Arc<dyn TaskKind>,
    ) -> Evaluation {
        let task = assignment.task;
        if let Some(outcome) = self.outcomes.load(task, hash, to_claim) {
            return Evaluation::Done(Ok(outcome));
        }
        let work = async move {
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
        };
        let work = self.job(task).evaluating.of(work);
        self.work.spawn(work);
        Evaluation::Running
    }

    pub(super) fn fetched(&mut self, task: &Task, head: u64, result: Result<(), Abstain>) {
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

    pub(super) fn evaluated(
        &mut self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
        result: Result<Outcome, Abstain>,
        seconds: f64,
    ) {
        // Before anything is kept: nobody would remove it.
        let Some(job) = self.jobs.get_mut(&task).filter(|job| job.is_under(hash)) else {
            return;
        };
        // What to claim was mostly evaluated before, to attest.
        if !to_claim {
            let label = if result.is_ok() { "done" } else { "abstained" };
            self.parts
                .metrics
                .evaluation_seconds
                .with_label_values(&[label])
                .observe(seconds);
        }
        match &result {
            Ok(outcome) => {
                info!(task_id = %task, to_claim, seconds, result = %outcome.summary, "evaluated");
                if let Err(error) = self.outcomes.save(task, hash, to_claim, outcome) {
                    warn!(task_id = %task, %error, "the outcome could not be kept; a restart evaluates again");
                }
            }
            Err(abstain) => {
                warn!(task_id = %task, to_claim, code = abstain.code, reason = %abstain, "not evaluated");
            }
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

    /// Whether the content of a task was here before its seed was known. The record names the
    /// subject, since a reorganisation may give a task's number to another one.
    pub(super) fn prepared_before_seed(&self, task: &Task) -> Result<bool, ChainError> {
        let key = prepared_key(task.id);
        let subject: Option<B256> = self.parts.store.get("a prepared task", &key)?;
        Ok(subject == Some(task.subject.get()))
    }
}

/// A task as its epoch's operators do it under a seed.
pub(super) const fn assignment(task: &Task, seed: Seed) -> Assignment {
    Assignment {
        task: task.id,
        subject: task.subject,
        seed,
        environment: task.environment,
    }
}

fn prepared_key(task: TaskId) -> String {
    format!("{}prepared", task_prefix(task))
}
