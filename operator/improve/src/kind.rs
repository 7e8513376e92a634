//! [`TaskKind`] for `improve`.

mod evaluate;
mod fetch;
mod outcome;
mod start;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use zarathustra_chain::Chain;
use zarathustra_eval::{
    LocalFailure, Slots, Workers,
    manifest::{MAX_MANIFEST_BYTES, Manifest},
};
use zarathustra_node::{Abstain, Assignment, Opinion, Outcome, TaskKind};
use zarathustra_primitives::{EvaluationResult, KindId, Purpose, Status, TaskId};
use zarathustra_protocol::{agreement, verdict::engine_for};

use evaluate::{FoundByEngine, scheduled};
use outcome::{failed, found, opinion_of, outcome};
pub use start::{ImproveParts, StartError};

use crate::{
    ContentHandle, Subject, SubjectError,
    champions::Champions,
    decision::{self, Found},
};

/// Number of the kind's definition on chain.
pub const IMPROVE: KindId = KindId::new(1);

/// The kind; clones share everything.
#[derive(Clone, Debug)]
pub struct Improve {
    chain: Chain,
    content: ContentHandle,
    champions: Champions,
    workers: Arc<Workers>,
    memory_bytes: u64,
    wall: Duration,
    /// Room for evaluations; the others wait.
    slots: Slots,
    /// What was evaluated for tasks that are not over, so that a claim repeats nothing.
    found: Arc<Mutex<FoundByEngine>>,
    addresses: String,
}

impl Improve {
    /// The content store.
    pub const fn content(&self) -> &ContentHandle {
        &self.content
    }

    /// The environments that this operator can compute under.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Where peers reach the content store.
    pub fn addresses(&self) -> &str {
        &self.addresses
    }

    /// Lets the protection from collection follow the champions of requests, until told to stop.
    ///
    /// # Errors
    /// None: what fails is tried again.
    pub async fn tend_champions(self, stop: CancellationToken) -> Result<(), Infallible> {
        const EVERY: Duration = Duration::from_secs(30);
        loop {
            self.champions.tend().await;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn subject(&self, task: TaskId) -> Result<Subject, Abstain> {
        Subject::of(&self.chain, task)
            .await
            .map_err(|error| match error {
                SubjectError::Chain(e) => Abstain {
                    code: e.code(),
                    detail: e.to_string(),
                    retry: e.is_transient(),
                },
                other => Abstain {
                    code: "subject_unreadable",
                    detail: other.to_string(),
                    retry: false,
                },
            })
    }

    /// The subject of an assignment, and of no other task that a reorganisation gave its number.
    async fn assigned(&self, assignment: &Assignment) -> Result<Subject, Abstain> {
        let subject = self.subject(assignment.task).await?;
        if subject.hash == assignment.subject {
            return Ok(subject);
        }
        Err(Abstain {
            code: "subject_reorganised",
            detail: "the chain has another submission under the task's number than before"
                .to_owned(),
            retry: true,
        })
    }

    async fn prepare_task(&self, task: TaskId) -> Result<(), Abstain> {
        let subject = self.subject(task).await?;
        if let Ok(champion) = subject.champion.id {
            self.champions
                .protect(subject.request, champion, subject.champion.size)
                .await
                .map_err(|e| Abstain {
                    code: e.code(),
                    detail: e.to_string(),
                    retry: true,
                })?;
        }
        self.gather(&subject, None).await.map(drop)
    }

    async fn execute_task(&self, assignment: Assignment) -> Result<Outcome, Abstain> {
        let terms = self.assigned(&assignment).await?.terms;
        let found = decision::to_attest(|engine| self.find(assignment, engine), &terms).await?;
        Ok(outcome(&found))
    }

    async fn claim_task(&self, assignment: Assignment) -> Result<Outcome, Abstain> {
        let terms = self.assigned(&assignment).await?.terms;
        let found = decision::to_claim(|engine| self.find(assignment, engine), &terms).await?;
        Ok(outcome(&found))
    }

    async fn compare(
        &self,
        assignment: Assignment,
        purpose: Purpose,
        own: Option<&Outcome>,
        claimed: &[u8],
        proof: &str,
    ) -> Result<Opinion, Abstain> {
        let claimed = match EvaluationResult::decode(claimed) {
            Ok(result) => result,
            Err(error) => {
                return Ok(Opinion::Reject {
                    code: error.code(),
                    detail: error.to_string(),
                });
            }
        };
        let environment = scheduled(&assignment)?;
        let subject = self.assigned(&assignment).await?;
        if let Some(reason) = agreement::check_alone(&claimed, environment, Some(&subject.terms)) {
            return Ok(opinion_of(agreement::Opinion::Reject(reason)));
        }
        let own = match (own.map(found), purpose) {
            (Some(own), Purpose::Claim) => own,
            // What could not be had before the seed cannot be had in time any more.
            (Some(own), Purpose::Appeal) if own.result.status() == Status::Unavailable => own,
            (_, Purpose::Appeal) => self.find(assignment, engine_for(purpose, false)).await?,
            (None, Purpose::Claim) => {
                return Err(Abstain {
                    code: "not_evaluated",
                    detail: "nothing is wrong with the claim alone, and there is no own evaluation"
                        .to_owned(),
                    retry: false,
                });
            }
        };
        if own.result.environment() != environment {
            return Err(Abstain {
                code: "own_environment_differs",
                detail: "the schedule of environments was reorganised after the own evaluation"
                    .to_owned(),
                retry: false,
            });
        }
        let manifest = self
            .whole(&subject.manifest, MAX_MANIFEST_BYTES as u64)
            .await?
            .and_then(|bytes| Manifest::from_json(&bytes).ok());
        let rules = manifest.map(|m| agreement::Rules {
            range: m.score_range,
            alpha: subject.alpha,
            bound: m.bound,
            samples: m.samples,
            terms: subject.terms,
        });
        let find = |engine| self.find(assignment, engine);
        let scores = |root| self.scores(proof, root);
        decision::judge(find, scores, &own, &claimed, rules.as_ref())
            .await
            .map(opinion_of)
    }
}

impl TaskKind for Improve {
    fn kind(&self) -> KindId {
        IMPROVE
    }

    fn prepare(&self, task: TaskId) -> BoxFuture<'_, Result<(), Abstain>> {
        Box::pin(self.prepare_task(task))
    }

    fn unprepared(&self, assignment: &Assignment, abstain: &Abstain) -> Option<Outcome> {
        let (environment, _) = self.worker(assignment).ok()?;
        // Only what could not be found among peers is the optimizer's business.
        matches!(abstain.code, "content_unavailable" | "timeout").then(|| {
            outcome(&Found {
                result: failed(environment, Status::Unavailable),
                scores: None,
            })
        })
    }

    fn execute(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        Box::pin(self.execute_task(assignment))
    }

    fn claim(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        Box::pin(self.claim_task(assignment))
    }

    fn publish<'a>(
        &'a self,
        _task: TaskId,
        own: &'a Outcome,
    ) -> BoxFuture<'a, Result<String, Abstain>> {
        Box::pin(self.publish_evidence(own))
    }

    fn judge<'a>(
        &'a self,
        assignment: Assignment,
        purpose: Purpose,
        own: Option<&'a Outcome>,
        claimed_result: &'a [u8],
        proof: &'a str,
    ) -> BoxFuture<'a, Opinion> {
        Box::pin(async move {
            self.compare(assignment, purpose, own, claimed_result, proof)
                .await
                .unwrap_or_else(Opinion::Abstain)
        })
    }

    fn finish(&self, task: TaskId) -> BoxFuture<'_, ()> {
        self.known().retain(|(known, _), _| known.task != task);
        Box::pin(self.champions.tend())
    }
}

fn local(failure: &LocalFailure) -> Abstain {
    Abstain {
        code: failure.code(),
        detail: failure.to_string(),
        retry: false,
    }
}
