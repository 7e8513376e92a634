//! The operator's side of an evaluation: a worker process for each, watched and bounded.

mod cache;
mod cgroup;
mod check;
mod entry;
mod failure;
mod process;
mod programs;
mod run;
mod secret;
mod settings;
mod slots;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zarathustra_primitives::{Digest, Engine, EvaluationResult, SampleScores, Seed, Status};

use crate::manifest::{Limits, Manifest};
use crate::parameters::Expected;
use crate::text::brief;
use crate::wire::{CodeFile, Evaluate, Job, JobFile, MAX_CALL_BYTES, Reply, Spent, Task};
use cache::{CacheEntry, Compiled};
pub use check::{Isolation, check_sandbox};
use entry::Draft;
pub use failure::LocalFailure;
pub use process::ALLOCATOR;
use process::{Answer, Watch};
pub use programs::{ENVIRONMENT_FLAG, WorkerProgram, Workers};
pub use run::{ModelRun, RunError, run_model};
pub use settings::{WORKER_PROGRAM, WORKER_VARIABLE, WorkerSettings};
pub use slots::{Slot, Slots};

/// Memory of a worker besides what it evaluates: libraries, stacks, the compiler.
const WORKER_BASE_BYTES: u64 = 512 << 20;
/// Copies of a parameters file that are alive at once: the bytes, the model's tensors, and what an
/// engine makes of them for its kernels.
const PARAMETER_COPIES: u64 = 3;

/// Bytes that are evaluated, in memory or in a file that nobody changes meanwhile.
#[derive(Debug, Clone)]
pub enum Content {
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
    /// A file that holds exactly these bytes; an absolute path.
    File(PathBuf),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// Parameters and what was promised about them on chain.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// What was fetched.
    pub content: Content,
    /// Digest and size on chain.
    pub expected: Expected,
}

/// Everything that an evaluation depends on.
#[derive(Debug, Clone)]
pub struct EvaluationJob {
    /// The request manifest.
    pub manifest: Manifest,
    /// What the manifest's architecture CID holds.
    pub architecture: Content,
    /// What the manifest's evaluator CID holds.
    pub evaluator: Content,
    /// The champion's parameters.
    pub champion: Submitted,
    /// The challenger's parameters.
    pub challenger: Submitted,
    /// The task's seed.
    pub seed: Seed,
    /// What computes the models' outputs; not none.
    pub engine: Engine,
}

/// A finished evaluation.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// What a claim states.
    pub result: EvaluationResult,
    /// The sample scores, when the status is Ok.
    pub scores: Option<SampleScores>,
    /// Why the status is not Ok, for people; may repeat strangers' text.
    pub detail: Option<String>,
    /// What it took.
    pub timings: Timings,
}

/// What an evaluation took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// From call to result.
    pub total: Duration,
    /// Compiling the evaluator; zero when it was in the cache.
    pub compile: Duration,
    /// What the worker measured.
    pub spent: Spent,
    /// Most memory that the worker was seen to hold, in bytes.
    pub peak_memory_bytes: u64,
}

/// The status that is known from the committed size alone, before anything is fetched.
pub fn judge_unfetched(limits: &Limits, challenger: &Expected) -> Option<Status> {
    (challenger.size > limits.parameter_bytes).then_some(Status::TooLarge)
}

/// Evaluates champion and challenger on the samples of a seed.
///
/// Cancel safe: dropping the future kills the worker and removes its files.
///
/// # Errors
/// When the evaluation could not be done here. What is wrong with the content is no error but a
/// status of the result.
pub async fn evaluate(
    job: &EvaluationJob,
    settings: &WorkerSettings,
) -> Result<Evaluation, LocalFailure> {
    let started = Instant::now();
    let manifest = &job.manifest;
    check_memory(&manifest.limits, settings.memory_bytes)?;
    check_time(&manifest.limits, settings.wall)?;
    let wall = Duration::from_secs(manifest.limits.wall_seconds);
    let session = Session::open(wall, settings, started)?;
    let evaluator = session
        .stage(
            "evaluator.wasm",
            &job.evaluator,
            manifest.evaluator.expected(),
        )
        .await?;
    let champion = &job.champion;
    let challenger = &job.challenger;
    let mut evaluate = Evaluate {
        manifest: manifest.to_json(),
        code: CodeFile::default(),
        architecture: session
            .stage(
                "architecture.json",
                &job.architecture,
                manifest.architecture.expected(),
            )
            .await?,
        champion: session
            .stage("champion.safetensors", &champion.content, champion.expected)
            .await?,
        challenger: session
            .stage(
                "challenger.safetensors",
                &challenger.content,
                challenger.expected,
            )
            .await?,
        seed: job.seed.to_string(),
        engine: job.engine,
        evaluator,
    };

    let stated = Stated {
        manifest,
        environment: settings.environment.digest(),
        engine: job.engine,
    };
    let entry = CacheEntry::new(settings, manifest.evaluator.sha256)?;
    let mut timings = Timings::default();
    let mut answer = None;
    // Again at most once: what this program compiled and kept fits its own worker.
    for _ in 0..2 {
        match compiled(&entry, &session, &evaluate.evaluator, &mut timings).await? {
            Ok(code) => evaluate.code = code,
            Err(ended) => return finish(ended, &stated, timings, started),
        }
        let task = Task::Evaluate(Box::new(evaluate.clone()));
        let said = session.run(&session.job(task), None).await?;
        let unusable = said.unusable_code();
        if let Some((reason, detail)) = &unusable {
            entry.distrust(&evaluate.code, reason, detail);
        }
        answer = Some(said);
        if unusable.is_none() {
            break;
        }
    }
    let answer = answer.expect("two rounds at most, and one at least");
    finish(answer, &stated, timings, started)
}

/// The compiled evaluator from the cache, or from a worker; or the answer of a worker that could
/// not compile it.
async fn compiled(
    entry: &CacheEntry,
    session: &Session<'_>,
    evaluator: &JobFile,
    timings: &mut Timings,
) -> Result<Result<CodeFile, Answer>, LocalFailure> {
    match entry.look(session.watch.deadline).await? {
        Compiled::Ready(code) => Ok(Ok(code)),
        Compiled::Late => Err(session.watch.timed_out()),
        Compiled::Missing(lock) => {
            let compiling = Instant::now();
            let mut draft = lock.draft()?;
            let job = session.job(Task::Compile(evaluator.clone()));
            let answer = session.run(&job, Some(&mut draft)).await?;
            timings.compile += compiling.elapsed();
            match answer.reply {
                Reply::Compiled => lock.keep(draft).map(Ok),
                _ => Ok(Err(answer)),
            }
        }
    }
}

/// Refuses a request that this operator's settings do not leave room for; worth asking before
/// anything is downloaded for it.
///
/// # Errors
/// [`LocalFailure::BeyondSettings`].
pub fn check_memory(limits: &Limits, allowed: u64) -> Result<(), LocalFailure> {
    let asked = limits
        .parameter_bytes
        .saturating_mul(PARAMETER_COPIES)
        .saturating_add(limits.memory_bytes)
        // What one call passes is copied before it is counted.
        .saturating_add(limits.memory_bytes.min(MAX_CALL_BYTES))
        // At least one row is computed at a time.
        .saturating_add(limits.activation_bytes)
        .saturating_add(WORKER_BASE_BYTES);
    if asked > allowed {
        Err(LocalFailure::BeyondSettings { asked, allowed })
    } else {
        Ok(())
    }
}

/// Refuses a request that allows itself more time than this operator does: what it would be
/// stopped in is at nobody's cost but the operator's.
///
/// # Errors
/// [`LocalFailure::BeyondTime`].
pub const fn check_time(limits: &Limits, allowed: Duration) -> Result<(), LocalFailure> {
    let (asked, allowed) = (limits.wall_seconds, allowed.as_secs());
    if asked > allowed {
        Err(LocalFailure::BeyondTime { asked, allowed })
    } else {
        Ok(())
    }
}

/// A job's private folder and how its workers are watched.
struct Session<'a> {
    folder: TempDir,
    watch: Watch<'a>,
}

impl<'a> Session<'a> {
    fn open(
        wall: Duration,
        settings: &'a WorkerSettings,
        started: Instant,
    ) -> Result<Self, LocalFailure> {
        let folder = tempfile::Builder::new()
            .prefix("zarathustra-job-")
            .tempdir()
            .map_err(LocalFailure::setup("make a folder for the job"))?;
        Ok(Self {
            folder,
            watch: Watch {
                settings,
                wall,
                deadline: started + wall,
            },
        })
    }

    /// Puts content where the worker can read it.
    async fn stage(
        &self,
        name: &str,
        content: &Content,
        expected: Expected,
    ) -> Result<JobFile, LocalFailure> {
        let path = match content {
            Content::File(path) => path.clone(),
            Content::Bytes(bytes) => {
                let path = self.folder.path().join(name);
                tokio::fs::write(&path, bytes)
                    .await
                    .map_err(LocalFailure::setup(format!("write {name} for the worker")))?;
                path
            }
        };
        Ok(JobFile {
            path,
            sha256: expected.sha256,
            size: expected.size,
        })
    }

    fn job(&self, task: Task) -> Job {
        self.watch.job(task)
    }

    async fn run(&self, job: &Job, code: Option<&mut Draft>) -> Result<Answer, LocalFailure> {
        process::run(self.folder.path(), job, &self.watch, code).await
    }
}

/// What a result states beside what the worker found.
struct Stated<'a> {
    manifest: &'a Manifest,
    environment: Digest,
    engine: Engine,
}

/// Turns a worker's answer into a result, after checking what can be checked.
fn finish(
    answer: Answer,
    stated: &Stated<'_>,
    mut timings: Timings,
    started: Instant,
) -> Result<Evaluation, LocalFailure> {
    timings.peak_memory_bytes = answer.peak_memory_bytes;
    let lost = |detail: &str| LocalFailure::WorkerLost {
        detail: detail.to_owned(),
    };
    match answer.reply {
        Reply::Scored(spent) => {
            timings.spent = spent;
            let scores = SampleScores::from_file(&answer.scores)
                .map_err(|error| lost(&format!("its scores are malformed: {error}")))?;
            if scores.count() != stated.manifest.samples {
                return Err(lost("its scores are more or fewer than the samples"));
            }
            let result = scored(&scores, stated)?;
            timings.total = started.elapsed();
            Ok(Evaluation {
                result,
                scores: Some(scores),
                detail: None,
                timings,
            })
        }
        Reply::Failed { status, detail } => {
            let status = Status::from_u8(status)
                .ok()
                .filter(|status| *status != Status::Ok && status.is_reproducible())
                .ok_or_else(|| lost("it replied an unknown status"))?;
            timings.total = started.elapsed();
            let detail = Some(brief(&detail));
            Ok(Evaluation {
                result: failed(stated.environment, status),
                scores: None,
                detail,
                timings,
            })
        }
        Reply::Local { kind, detail } => Err(LocalFailure::of_worker(kind, &detail)),
        Reply::Checked(_) | Reply::Compiled | Reply::Computed | Reply::Refused { .. } => {
            Err(lost("it did something else than to evaluate"))
        }
    }
}

/// The result that follows from scores, in integers (5.4). Scores out of the request's range are
/// refused.
fn scored(scores: &SampleScores, stated: &Stated<'_>) -> Result<EvaluationResult, LocalFailure> {
    let lost = |error: &dyn std::error::Error| LocalFailure::WorkerLost {
        detail: format!("no figures follow from its scores: {error}"),
    };
    let Manifest {
        score_range,
        alpha,
        bound,
        ..
    } = *stated.manifest;
    let figures = zarathustra_protocol::figures(scores, score_range, alpha, bound)
        .map_err(|error| lost(&error))?;
    EvaluationResult::scored(stated.environment, stated.engine, figures, scores.root())
        .map_err(|error| lost(&error))
}

fn failed(environment: Digest, status: Status) -> EvaluationResult {
    EvaluationResult::failed(environment, status).expect("only called for statuses other than Ok")
}

#[cfg(test)]
mod tests;
