//! [`TaskKind`] for `improve`.

use std::{
    collections::HashMap,
    convert::Infallible,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{sync::OnceCell, time::sleep};
use tokio_util::sync::CancellationToken;
use zarathustra_chain::{Chain, Store};
use zarathustra_content::{ContentError, ContentId};
use zarathustra_eval::{
    Content, EvaluationJob, LocalFailure, Slots, Submitted, WorkerProgram, WorkerSettings, Workers,
    architecture::MAX_ARCHITECTURE_BYTES,
    manifest::{MAX_MANIFEST_BYTES, Manifest},
    parameters::Expected,
};
use zarathustra_node::{Abstain, Assignment, Opinion, Outcome, TaskKind};
use zarathustra_primitives::{
    B256, Digest, Engine, EvaluationResult, KindId, SampleScores, Status, TaskId,
};
use zarathustra_protocol::agreement;

use crate::{
    ContentHandle, ContentSettings, Fetched, Subject, SubjectError,
    champions::Champions,
    decision::{self, Found},
    subject::File,
};

/// Number of the kind's definition on chain.
pub const IMPROVE: KindId = KindId::new(1);

/// What [`Improve`] is made of.
#[derive(Clone, Debug)]
pub struct ImproveParts {
    /// The chain.
    pub chain: Chain,
    /// Records that survive a crash.
    pub store: Store,
    /// Where content is kept.
    pub content: ContentSettings,
    /// Folder of the role; content goes below it.
    pub data_dir: PathBuf,
    /// The worker programs; the one beside the running program when there are none.
    pub workers: Vec<WorkerProgram>,
    /// Compile cache of evaluators.
    pub cache_dir: PathBuf,
    /// File of the secret that vouches for the cache; beside it when absent.
    pub cache_key: Option<PathBuf>,
    /// Most memory of a worker, bytes.
    pub memory_bytes: u64,
    /// Longest evaluation.
    pub wall: Duration,
    /// Most evaluations at once; as many as the machine has cores and memory for when absent.
    pub concurrent: Option<NonZeroUsize>,
    /// Evaluate even where a part of the sandbox cannot be had.
    pub allow_unsandboxed: bool,
}

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

/// What each engine found, or is at, for a task.
type FoundByEngine = HashMap<(Assignment, Engine), Arc<OnceCell<Found>>>;

/// The workers, each of which has entered the sandbox once.
async fn find_workers(parts: &ImproveParts) -> Result<Workers, LocalFailure> {
    let (cache, memory) = (&parts.cache_dir, parts.memory_bytes);
    let mut workers = Workers::ask(&parts.workers, cache, memory, parts.wall)
        .await?
        .allow_unsandboxed(parts.allow_unsandboxed);
    if let Some(key) = &parts.cache_key {
        workers = workers.with_cache_key(key);
    }
    for isolation in workers.check_sandboxes().await? {
        if isolation.protection.missing.is_empty() {
            tracing::info!(sandbox = %isolation, "evaluations are isolated");
        } else {
            tracing::warn!(sandbox = %isolation, "evaluations are not isolated, as told");
        }
    }
    Ok(workers)
}

/// What fetching found, before any seed.
enum Ready {
    /// Everything is here, and where asked for in the folder.
    Job(Box<Manifest>),
    /// The status is known already, and every operator finds the same.
    Known(Status),
}

/// Names of an evaluation's files.
const ARCHITECTURE: &str = "architecture.json";
const EVALUATOR: &str = "evaluator.wasm";
const CHAMPION: &str = "champion.safetensors";
const CHALLENGER: &str = "challenger.safetensors";

impl Improve {
    /// Starts the content store, asks the worker programs for their environments and has each
    /// enter the sandbox once.
    ///
    /// # Errors
    /// [`ContentError`], or [`LocalFailure`] for a worker program that cannot be used or lacks a
    /// part of the sandbox.
    pub async fn start(parts: ImproveParts) -> Result<Self, StartError> {
        let content_dir = parts.data_dir.join("ipfs");
        let (content, workers) = tokio::join!(
            ContentHandle::start(&parts.content, &content_dir),
            find_workers(&parts)
        );
        let (content, workers) = (content?.with_room(parts.memory_bytes), workers?);
        let addresses = content.store().identity().await?.addresses.join(",");
        let concurrent = parts
            .concurrent
            .unwrap_or_else(|| Slots::of_this_machine(workers.threads(), parts.memory_bytes));
        tracing::info!(concurrent, "evaluations at once");
        Ok(Self {
            champions: Champions::new(parts.chain.clone(), content.clone(), parts.store),
            chain: parts.chain,
            content,
            workers: Arc::new(workers),
            memory_bytes: parts.memory_bytes,
            wall: parts.wall,
            slots: Slots::new(concurrent),
            found: Arc::default(),
            addresses,
        })
    }

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

    /// Fetches all that the subject names. Faults of the content itself become results, since all
    /// operators find them alike; what could not be had becomes an abstention. No two files are in
    /// memory at a time: each is written to the folder, if there is one, before the next is fetched.
    async fn gather(&self, subject: &Subject, folder: Option<&Path>) -> Result<Ready, Abstain> {
        let invalid = || Ok(Ready::Known(Status::EvaluatorInvalid));
        let Some(bytes) = self
            .whole(&subject.manifest, MAX_MANIFEST_BYTES as u64)
            .await?
        else {
            return invalid();
        };
        let manifest = match Manifest::from_json(&bytes) {
            Ok(manifest)
                if manifest
                    .check_terms(subject.alpha, subject.terms.min_samples)
                    .is_ok() =>
            {
                manifest
            }
            _ => return invalid(),
        };
        drop(bytes);
        if let Some(status) =
            zarathustra_eval::judge_unfetched(&manifest.limits, &expected(&subject.challenger))
        {
            return Ok(Ready::Known(status));
        }
        if manifest.architecture.size > MAX_ARCHITECTURE_BYTES as u64 {
            return invalid();
        }
        self.check_room(&manifest, subject)?;
        let files = [
            (ARCHITECTURE, named(&manifest.architecture)),
            (EVALUATOR, named(&manifest.evaluator)),
            (CHAMPION, subject.champion.clone()),
        ];
        for (name, file) in files {
            let Some(bytes) = self.whole(&file, file.size).await? else {
                return invalid();
            };
            keep(bytes, folder, name).await?;
        }
        let file = &subject.challenger;
        match self.raw(file, file.size).await? {
            Ok(bytes) => keep(bytes, folder, CHALLENGER).await?,
            // The CID names no file of the committed size: the same for everybody.
            Err(_) => return Ok(Ready::Known(Status::DigestMismatch)),
        }
        Ok(Ready::Job(Box::new(manifest)))
    }

    /// Whether this operator has room for an evaluation, before its files are downloaded. The
    /// sizes are what strangers say; none of them is on disk yet.
    fn check_room(&self, manifest: &Manifest, subject: &Subject) -> Result<(), Abstain> {
        let allowed = self.memory_bytes;
        zarathustra_eval::check_memory(&manifest.limits, allowed).map_err(|e| local(&e))?;
        zarathustra_eval::check_time(&manifest.limits, self.wall).map_err(|e| local(&e))?;
        // A baseline may be larger than the request's own limits.
        let asked = subject.champion.size;
        if asked > allowed {
            return Err(local(&LocalFailure::BeyondSettings { asked, allowed }));
        }
        Ok(())
    }

    /// A file whose bytes must have the stated digest and size; `None` when they have not.
    async fn whole(&self, file: &File, max_bytes: u64) -> Result<Option<Fetched>, Abstain> {
        // Only the challenger's absence is the optimizer's; `unprepared` goes by the code.
        let bytes = self.raw(file, max_bytes).await.map_err(|abstain| Abstain {
            code: match abstain.code {
                "content_unavailable" | "timeout" => "request_content_unavailable",
                other => other,
            },
            ..abstain
        })?;
        Ok(bytes.ok().filter(|b| Expected::of(b) == expected(file)))
    }

    /// Fetches and pins. The inner error is a fault of the content, the outer one is local.
    async fn raw(
        &self,
        file: &File,
        max_bytes: u64,
    ) -> Result<Result<Fetched, ContentError>, Abstain> {
        let id = match &file.id {
            Ok(id) => *id,
            Err(fault) => return Ok(Err(fault.clone())),
        };
        match self.content.fetch(id, max_bytes).await {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(fault) if fault.is_content_fault() => Ok(Err(fault)),
            Err(error) => Err(abstain(&error)),
        }
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

    /// Evaluates with the engines that a claim calls for.
    async fn execute_task(&self, assignment: Assignment) -> Result<Outcome, Abstain> {
        let terms = self.assigned(&assignment).await?.terms;
        let find = |engine| self.find(assignment, engine);
        let found = decision::to_claim(find, &terms, assignment.contested).await?;
        Ok(outcome(&found))
    }

    /// What an engine finds for a task; evaluated once, however often it is asked for.
    async fn find(&self, assignment: Assignment, engine: Engine) -> Result<Found, Abstain> {
        // What is found is the same whether or not anybody disagreed.
        let assignment = Assignment {
            contested: false,
            ..assignment
        };
        let cell = Arc::clone(self.known().entry((assignment, engine)).or_default());
        cell.get_or_try_init(|| self.evaluate(assignment, engine))
            .await
            .cloned()
    }

    fn known(&self) -> MutexGuard<'_, FoundByEngine> {
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
            .map_err(|error| not_kept("make a folder for the task's files", error))?;
        let manifest = match self.gather(&subject, Some(folder.path())).await? {
            Ready::Known(status) => {
                return Ok(Found {
                    result: failed(environment, status),
                    scores: None,
                });
            }
            Ready::Job(manifest) => manifest,
        };
        let content = |name| Content::File(folder.path().join(name));
        let submitted = |name, file: &File| Submitted {
            content: content(name),
            expected: expected(file),
        };
        let job = EvaluationJob {
            manifest: *manifest,
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
    fn worker(&self, assignment: &Assignment) -> Result<(Digest, &WorkerSettings), Abstain> {
        let environment = scheduled(assignment)?;
        match self.workers.of(environment) {
            Ok(worker) => Ok((environment, worker)),
            Err(failure) => Err(local(&failure)),
        }
    }

    async fn publish_evidence(&self, own: &Outcome) -> Result<String, Abstain> {
        if own.evidence.is_empty() {
            return Ok(String::new());
        }
        let id = self
            .content
            .store()
            .add(&own.evidence)
            .await
            .map_err(|e| abstain(&e))?;
        Ok(id.to_string())
    }

    async fn compare(
        &self,
        assignment: Assignment,
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
        let own = own.ok_or_else(|| Abstain {
            code: "not_evaluated",
            detail: "nothing is wrong with the claim alone, and there is no own evaluation"
                .to_owned(),
            retry: false,
        })?;
        let own = found(own);
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

    /// The scores that a claim commits to.
    async fn scores(&self, proof: &str, root: B256) -> Result<SampleScores, Abstain> {
        let scores = self.evidence(proof).await?;
        if scores.root() == root {
            return Ok(scores);
        }
        // The proof is not signed: whoever passed the claim on could have put another one. Scores
        // of another root say nothing about the performer.
        Err(Abstain {
            code: "evidence_of_another_root",
            detail: format!("the scores file {proof} is not the one that the claim commits to"),
            retry: true,
        })
    }

    async fn evidence(&self, proof: &str) -> Result<SampleScores, Abstain> {
        let id: ContentId = proof.parse().map_err(|e: ContentError| Abstain {
            retry: true,
            ..abstain(&e)
        })?;
        let bytes = self
            .content
            .fetch(id, SampleScores::MAX_FILE_LEN)
            .await
            .map_err(|e| Abstain {
                retry: true,
                ..abstain(&e)
            })?;
        // Whoever passed the claim on chose the proof, so a malformed file accuses nobody, and
        // another aggregator may name the right one.
        SampleScores::from_file(&bytes).map_err(|e| Abstain {
            code: e.code(),
            detail: e.to_string(),
            retry: true,
        })
    }
}

/// Why the kind cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The content store cannot start.
    #[error("start the content store")]
    Content(#[from] ContentError),
    /// There is no worker program, or no sandbox for it.
    #[error("prepare evaluations")]
    Worker(#[from] LocalFailure),
}

impl StartError {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Content(e) => e.code(),
            Self::Worker(e) => e.code(),
        }
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
        own: Option<&'a Outcome>,
        claimed_result: &'a [u8],
        proof: &'a str,
    ) -> BoxFuture<'a, Opinion> {
        Box::pin(async move {
            self.compare(assignment, own, claimed_result, proof)
                .await
                .unwrap_or_else(Opinion::Abstain)
        })
    }

    fn finish(&self, task: TaskId) -> BoxFuture<'_, ()> {
        self.known().retain(|(known, _), _| known.task != task);
        Box::pin(self.champions.tend())
    }
}

/// A file that the manifest names.
fn named(named: &zarathustra_eval::manifest::ContentRef) -> File {
    File {
        id: named.cid.parse(),
        digest: named.sha256,
        size: named.size,
    }
}

/// Writes a file to the folder, if there is one, and lets go of it.
async fn keep(bytes: Fetched, folder: Option<&Path>, name: &'static str) -> Result<(), Abstain> {
    let Some(folder) = folder else {
        return Ok(());
    };
    let path = folder.join(name);
    let written = tokio::task::spawn_blocking(move || std::fs::write(path, &bytes)).await;
    written
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| not_kept(name, error))
}

fn not_kept(what: &str, source: std::io::Error) -> Abstain {
    local(&LocalFailure::Setup {
        action: format!("{what}: {source}"),
        source,
    })
}

/// The environment that is scheduled for a task.
fn scheduled(assignment: &Assignment) -> Result<Digest, Abstain> {
    assignment.environment.ok_or_else(|| Abstain {
        code: "environment_not_scheduled",
        detail: "governance has scheduled no environment for the task's epoch".to_owned(),
        retry: false,
    })
}

/// What an outcome was made of.
fn found(outcome: &Outcome) -> Found {
    let result = EvaluationResult::decode(&outcome.result)
        .expect("an outcome holds the encoding of a result");
    let scores = (!outcome.evidence.is_empty()).then(|| {
        let scores = SampleScores::from_file(&outcome.evidence)
            .expect("an outcome's evidence is a scores file");
        Arc::new(scores)
    });
    Found { result, scores }
}

fn opinion_of(opinion: agreement::Opinion) -> Opinion {
    match opinion {
        agreement::Opinion::Approve => Opinion::Approve,
        agreement::Opinion::Reject(reason) => Opinion::Reject {
            code: reason.code(),
            detail: reason.to_string(),
        },
        agreement::Opinion::Abstain(reason) => Opinion::Abstain(Abstain {
            code: reason.code(),
            detail: reason.to_string(),
            retry: false,
        }),
    }
}

const fn expected(file: &File) -> Expected {
    Expected {
        sha256: file.digest,
        size: file.size,
    }
}

fn failed(environment: Digest, status: Status) -> EvaluationResult {
    EvaluationResult::failed(environment, status)
        .expect("every status but Ok makes a result without figures")
}

fn outcome(found: &Found) -> Outcome {
    let result = &found.result;
    let summary = result.figures().map_or_else(
        || result.status().code().to_owned(),
        |f| {
            format!(
                "champion {} challenger {} improvement {} in [{}, {}] of {} samples by {}",
                f.champion_score.micros(),
                f.challenger_score.micros(),
                f.improvement.micros(),
                f.lower.micros(),
                f.upper.micros(),
                f.samples,
                result.engine()
            )
        },
    );
    Outcome {
        result: result.encode().to_vec(),
        evidence: found
            .scores
            .as_ref()
            .map(|scores| scores.to_file())
            .unwrap_or_default(),
        summary,
    }
}

fn abstain(error: &ContentError) -> Abstain {
    Abstain {
        code: error.code(),
        detail: error.to_string(),
        retry: !error.is_content_fault(),
    }
}

fn local(failure: &LocalFailure) -> Abstain {
    Abstain {
        code: failure.code(),
        detail: failure.to_string(),
        retry: false,
    }
}
