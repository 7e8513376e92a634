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

/// What each engine came to, or is at, for a task.
pub(super) type FoundByEngine = HashMap<(Assignment, Engine), Arc<Cell>>;

/// What came of an evaluation.
type Cell = OnceCell<Result<Found, Abstain>>;

impl Improve {
    /// What an engine finds for a task; evaluated once, however often it is asked for.
    pub(super) async fn find(
        &self,
        assignment: Assignment,
        engine: Engine,
    ) -> Result<Found, Abstain> {
        let cell = Arc::clone(self.known().entry((assignment, engine)).or_default());
        once(&cell, || self.evaluate(assignment, engine)).await
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

/// What an evaluation came to, once. A failure that would come again is as good as a result, and
/// can have cost as much; after one that may pass, whoever asks next evaluates.
async fn once<F>(cell: &Cell, evaluate: impl FnOnce() -> F) -> Result<Found, Abstain>
where
    F: Future<Output = Result<Found, Abstain>>,
{
    let lasting = cell.get_or_try_init(|| async {
        match evaluate().await {
            Err(passing) if passing.retry => Err(passing),
            lasting => Ok(lasting),
        }
    });
    lasting.await?.clone()
}

/// The environment that is scheduled for a task.
pub(super) fn scheduled(assignment: &Assignment) -> Result<Digest, Abstain> {
    assignment.environment.ok_or_else(|| Abstain {
        code: "environment_not_scheduled",
        detail: "governance has scheduled no environment for the task's epoch".to_owned(),
        retry: false,
    })
}

#[cfg(test)]
mod tests {
    use zarathustra_primitives::Status;

    use super::*;

    /// What asking once for each answer comes to, by code, and how often was evaluated.
    async fn ask(answers: &[Result<Status, Abstain>]) -> (Vec<&'static str>, usize) {
        let cell = Cell::new();
        let (mut codes, mut evaluations) = (Vec::new(), 0);
        for answer in answers {
            let evaluate = || {
                evaluations += 1;
                let found = answer.clone().map(|status| Found {
                    result: failed(Digest::new([1; 32]), status),
                    scores: None,
                });
                async { found }
            };
            codes.push(match once(&cell, evaluate).await {
                Ok(found) => found.result.status().code(),
                Err(abstain) => abstain.code,
            });
        }
        (codes, evaluations)
    }

    fn failure(code: &'static str, retry: bool) -> Abstain {
        Abstain {
            code,
            detail: String::new(),
            retry,
        }
    }

    #[tokio::test]
    async fn a_result_and_a_failure_that_lasts_are_evaluated_once() {
        let (large, invalid) = (Status::TooLarge, Status::EvaluatorInvalid);
        let (codes, evaluations) = ask(&[Ok(large), Ok(invalid)]).await;
        assert_eq!(codes, [large.code(), large.code()]);
        assert_eq!(evaluations, 1);

        let timed_out = Err(failure("local_timed_out", false));
        let (codes, evaluations) = ask(&[timed_out, Ok(large), Ok(large)]).await;
        assert_eq!(codes, ["local_timed_out"; 3]);
        assert_eq!(evaluations, 1);
    }

    #[tokio::test]
    async fn a_failure_that_may_pass_is_tried_again() {
        let unreachable = Err(failure("rpc", true));
        let large = Status::TooLarge;
        let (codes, evaluations) =
            ask(&[unreachable.clone(), unreachable, Ok(large), Ok(large)]).await;
        assert_eq!(codes, ["rpc", "rpc", large.code(), large.code()]);
        assert_eq!(evaluations, 3);
    }
}
