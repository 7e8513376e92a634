use std::path::PathBuf;
use std::time::Duration;

use super::LocalFailure;
use crate::environment::EnvironmentLock;
use crate::wire::Device;

/// File name of the worker program.
pub const WORKER_PROGRAM: &str = "zarathustra-worker";
/// Environment variable that names the worker program.
pub const WORKER_VARIABLE: &str = "ZARATHUSTRA_WORKER";

/// How an operator runs workers.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// The worker program.
    pub worker: PathBuf,
    /// What the worker computes under; one that it cannot have makes every evaluation local.
    pub environment: EnvironmentLock,
    /// Where libtorch computes.
    pub device: Device,
    /// Folder of compiled evaluators, shared by the programs of one user. Made when absent.
    pub cache_dir: PathBuf,
    /// File of the user's secret that vouches for them; outside of the folder, and made when
    /// absent. By default it lies beside the folder and has its name with `.key` after it.
    pub cache_key: Option<PathBuf>,
    /// Most memory that a worker may hold, in bytes.
    pub memory_bytes: u64,
    /// Most time that an evaluation may take; a request may ask for less.
    pub wall: Duration,
    /// Evaluate even where a part of the sandbox cannot be had.
    pub allow_unsandboxed: bool,
    /// Put workers into control groups where this program may make some.
    pub cgroups: bool,
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
            environment: EnvironmentLock::of_this_build(),
            device: Device::Cpu,
            cache_dir,
            cache_key: None,
            memory_bytes: Self::MEMORY_BYTES,
            wall: Self::WALL,
            allow_unsandboxed: false,
            cgroups: true,
        })
    }
}

pub(super) fn find_worker() -> Result<PathBuf, LocalFailure> {
    let named = std::env::var_os(WORKER_VARIABLE).map(PathBuf::from);
    named
        .filter(|path| path.is_file())
        .or_else(beside_this_program)
        .ok_or_else(|| LocalFailure::NoWorker {
            program: WORKER_PROGRAM.to_owned(),
        })
}

/// The worker in the folder of the running program, or in the one above it: tests and examples run
/// from folders below that of the programs.
fn beside_this_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folders = program.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join(WORKER_PROGRAM))
        .find(|path| path.is_file())
}
