//! Evaluations, each of them once.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;
use zarathustra_eval::{Content, EvaluationJob, Submitted, WorkerSettings};
use zarathustra_node::{Abstain, Assignment};
use zarathustra_primitives::{Digest, Engine};

use super::{
    Improve,
    fetch::{ARCHITECTURE, CHALLENGER, CHAMPION, EVALUATOR, Ready, expected, not_kept},
    local,
    outcome::failed,
};
use crate::{decision::Found, subject::File};

/// What each engine found, or is at, for a task.
pub(super) type FoundByEngine = HashMap<(Assignment, Engine), Arc<OnceCell<Found>>>;

impl Improve {
    /// What an engine finds for a task; evaluated once, however often it is asked for.
    pub(super) async fn find(
        &self,
        assignment: Assignment,
        engine: Engine,
    ) -> Result<Found, Abstain> {
        let cell = Arc::clone(self.known().entry((assignment, engine)).or_default());
        cell.get_or_try_init(|| self.evaluate(assignment, engine))
            .await
            .cloned()
    }

    pub(super) fn known(&self) -> MutexGuard<'_, FoundByEngine> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn evaluate(&self, assignment: Assignment, engine: Engine) -> Result<Found, Abstain> {
        let (environment, worker) = self.worker(&assignment)?;
        let subject = self.assigned(&assignment).await?;
        // Before content is on disk, and before the evaluation's time begins.
        let _slot = self.slots.take().await;
        let folder = tempfile::Builder::new()
            .prefix("zarathustra-task-")
            .tempdir()
            .map_err(|error| not_kept("a folder", error))?;
        let manifest = match self.gather(&subject, Some(folder.path())).await? {
            Ready::Known(status) => {
                return Ok(Found {
                    result: failed(environment, status),
                    scores: None,
                });
            }
            Ready::Job(manifest) => *manifest,
        };
        let content = |name| Content::File(folder.path().join(name));
        let submitted = |name, file: &File| Submitted {
            content: content(name),
            expected: expected(file),
        };
        let job = EvaluationJob {
            manifest,
            architecture: content(ARCHITECTURE),
            evaluator: content(EVALUATOR),
            champion: submitted(CHAMPION, &subject.champion),
            challenger: submitted(CHALLENGER, &subject.challenger),
            seed: assignment.seed,
            engine,
        };
        let evaluation = zarathustra_eval::evaluate(&job, worker)
            .await
            .map_err(|failure| local(&failure))?;
        Ok(Found {
            result: evaluation.result,
            scores: evaluation.scores.map(Arc::new),
        })
    }

    /// The task's environment and the worker that has it. Without that worker nothing is said
    /// about the task, not even what could be told without evaluating.
    pub(super) fn worker(
        &self,
        assignment: &Assignment,
    ) -> Result<(Digest, &WorkerSettings), Abstain> {
        let environment = scheduled(assignment)?;
        match self.workers.of(environment) {
            Ok(worker) => Ok((environment, worker)),
            Err(failure) => Err(local(&failure)),
        }
    }
}

/// The environment that is scheduled for a task.
pub(super) fn scheduled(assignment: &Assignment) -> Result<Digest, Abstain> {
    assignment.environment.ok_or_else(|| Abstain {
        code: "environment_not_scheduled",
        detail: "governance has scheduled no environment for the task's epoch".to_owned(),
        retry: false,
    })
}
