use std::path::PathBuf;
use std::time::Duration;

use super::LocalFailure;

/// File name of the worker program.
pub const WORKER_PROGRAM: &str = "zarathustra-worker";
/// Environment variable that names the worker program.
pub const WORKER_VARIABLE: &str = "ZARATHUSTRA_WORKER";

/// How an operator runs workers.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The worker program.
    pub worker: PathBuf,
    /// Folder of compiled evaluators, shared by the programs of one user. Made when absent.
    pub cache_dir: PathBuf,
    /// Most memory that a worker may hold, in bytes.
    pub memory_bytes: u64,
    /// Most time that an evaluation may take; a request may ask for less.
    pub wall: Duration,
    /// Evaluate even where the kernel cannot enforce the sandbox.
    pub allow_unsandboxed: bool,
}

impl WorkerSettings {
    /// Default of [`memory_bytes`](Self::memory_bytes).
    pub const MEMORY_BYTES: u64 = 4 << 30;
    /// Default of [`wall`](Self::wall).
    pub const WALL: Duration = Duration::from_secs(600);

    /// Settings with the defaults and the worker that [`WORKER_VARIABLE`] names, else the one
    /// beside the running program.
    ///
    /// # Errors
    /// When there is no worker program.
    pub fn discover(cache_dir: PathBuf) -> Result<Self, LocalFailure> {
        Ok(Self {
            worker: find_worker()?,
            cache_dir,
            memory_bytes: Self::MEMORY_BYTES,
            wall: Self::WALL,
            allow_unsandboxed: false,
        })
    }
}

fn find_worker() -> Result<PathBuf, LocalFailure> {
    let named = std::env::var_os(WORKER_VARIABLE).map(PathBuf::from);
    // Tests and examples run from folders below that of the programs.
    let beside = || {
        let folder = super::beside_current_program()?;
        let folders = [Some(folder.as_path()), folder.parent()];
        folders
            .into_iter()
            .flatten()
            .map(|folder| folder.join(WORKER_PROGRAM))
            .find(is_file)
    };
    named
        .filter(is_file)
        .or_else(beside)
        .ok_or_else(|| LocalFailure::NoWorker {
            program: WORKER_PROGRAM.to_owned(),
        })
}

fn is_file(path: &PathBuf) -> bool {
    path.is_file()
}
