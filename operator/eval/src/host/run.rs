//! A model that runs by itself, in the same worker and under the same lock as in an evaluation.

use std::path::PathBuf;
use std::time::Instant;

use zarathustra_primitives::Engine;

use super::process::Answer;
use super::{CPU_PER_WALL, DATA_SLACK_BYTES, LocalFailure, Session, WorkerSettings};
use crate::parameters::Expected;
use crate::text::brief;
use crate::wire::{Job, JobFile, Reply, Run, Task};

/// A model and what it is fed; files of the user's own.
#[derive(Debug, Clone)]
pub struct ModelRun {
    /// The architecture (JSON).
    pub architecture: PathBuf,
    /// The parameters (safetensors).
    pub parameters: PathBuf,
    /// What it is fed, as [`inputs`](crate::inputs) describes it.
    pub inputs: PathBuf,
    /// What computes; not none.
    pub engine: Engine,
}

/// Why a model has no answers.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file is not as it has to be.
    #[error("{detail}")]
    Refused {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// It could not be done here.
    #[error(transparent)]
    Local(#[from] LocalFailure),
}

impl RunError {
    /// Stable name of the reason.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Local(failure) => failure.code(),
        }
    }
}

/// Runs a model and returns its rows of 32-bit floats, little-endian, in row-major order.
///
/// Cancel safe: dropping the future kills the worker.
///
/// # Errors
/// When a file is not as it has to be, or it could not be done here.
pub async fn run_model(run: &ModelRun, settings: &WorkerSettings) -> Result<Vec<u8>, RunError> {
    let session = Session::open(settings.wall, settings, Instant::now())?;
    // The worker starts in a folder of its own.
    let absolute = |path: &PathBuf| {
        let action = format!("find {}", path.display());
        path.canonicalize().map_err(LocalFailure::setup(action))
    };
    let task = Run {
        architecture: absolute(&run.architecture)?,
        parameters: absolute(&run.parameters)?,
        inputs: absolute(&run.inputs)?,
        engine: run.engine,
    };
    let seconds = settings.wall.as_secs().saturating_add(1);
    let none = Expected::of(&[]);
    let job = Job {
        allow_unsandboxed: settings.allow_unsandboxed,
        data_bytes: settings.memory_bytes.saturating_add(DATA_SLACK_BYTES),
        cpu_seconds: seconds.saturating_mul(CPU_PER_WALL),
        // There is no evaluator.
        memory_bytes: 0,
        environment: settings.environment.to_json(),
        cache: session.folder.path().to_owned(),
        evaluator: JobFile {
            path: task.architecture.clone(),
            sha256: none.sha256,
            size: none.size,
        },
        task: Task::Run(Box::new(task)),
    };
    let Answer { reply, scores, .. } = session.run(&job).await?;
    match reply {
        Reply::Computed => Ok(scores),
        Reply::Refused { code, detail } => Err(RunError::Refused {
            code: brief(&code),
            detail: brief(&detail),
        }),
        Reply::Local { kind, detail } => Err(LocalFailure::of_worker(kind, &detail).into()),
        Reply::Compiled | Reply::Scored(_) | Reply::Failed { .. } => {
            Err(RunError::Local(LocalFailure::WorkerLost {
                detail: "it did something else than to run the model".to_owned(),
            }))
        }
    }
}
