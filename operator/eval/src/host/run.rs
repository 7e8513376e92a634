//! A model that runs by itself, in the same worker and under the same lock as in an evaluation.

use std::path::PathBuf;
use std::time::Instant;

use zarathustra_primitives::Engine;

use super::process::Answer;
use super::{LocalFailure, Session, WorkerSettings};
use crate::text::brief;
use crate::wire::{Reply, Run, Task};

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
    let job = session.job(Task::Run(Box::new(task)));
    let Answer { reply, scores, .. } = session.run(&job, None).await?;
    match reply {
        Reply::Computed => Ok(scores),
        Reply::Refused { code, detail } => Err(RunError::Refused {
            code: brief(&code),
            detail: brief(&detail),
        }),
        Reply::Local { kind, detail } => Err(LocalFailure::of_worker(kind, &detail).into()),
        Reply::Checked(_) | Reply::Compiled | Reply::Scored(_) | Reply::Failed { .. } => {
            Err(RunError::Local(LocalFailure::WorkerLost {
                detail: "it did something else than to run the model".to_owned(),
            }))
        }
    }
}
