//! What the worker gives up before it looks at strangers' bytes.
//!
//! Four guards, each required: limits that the kernel keeps (memory, time, no files, no core
//! file), no new privileges, Landlock (files: read the job's, write none; no TCP, no signals or
//! abstract sockets beyond itself) and a seccomp filter that knows a list of system calls and
//! answers all others with "not implemented": no sockets, no programs, no processes, no tracing.
//!
//! Landlock's first version (Linux 5.13) is the least that is accepted. It decides which files can
//! be opened, which nothing else here does. What later versions add is refused by the filter on
//! every kernel: to write or cut off files, to move them, TCP, device controls, signals, sockets.
//! With a CUDA device the filter is wider, and Landlock's sixth version (Linux 6.12) is required.

mod calls;
mod device;
mod files;
mod inherited;
mod limits;

use std::fs::File;
use std::io::{self, Read};

use zarathustra_eval::wire::{Guard, Job, Protection};

/// Why the sandbox could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Threads run already, which restrictions would not reach.
    #[error("{threads} threads run before the sandbox is entered")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// Something about this process could not be found out.
    #[error("look at this process: {0}")]
    Process(#[from] io::Error),
    /// Parts cannot be had here, and the job does not allow to go on without.
    #[error("missing here: {}", list(.0))]
    Missing(Vec<(Guard, String)>),
}

fn list(missing: &[(Guard, String)]) -> String {
    let parts: Vec<_> = missing
        .iter()
        .map(|(guard, why)| format!("{guard} ({why})"))
        .collect();
    parts.join(", ")
}

/// Gives up what the job does not need. Irreversible, for this thread and all that it starts.
///
/// # Errors
/// When a guard cannot be had and the job does not allow that, or threads run already.
pub fn enter(job: &Job) -> Result<Protection, SandboxError> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(SandboxError::Threads { threads });
    }
    inherited::close()?;
    // The worker and not the operator is what the kernel ends when the machine runs out of
    // memory. Not required: limits hold without it.
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "1000") {
        eprintln!("zarathustra-worker: offer itself to the out-of-memory killer: {error}");
    }
    let status = File::open("/proc/self/status")?;

    let mut missing = Vec::new();
    if let Err(error) = limits::set(job) {
        missing.push((Guard::ResourceLimits, error.to_string()));
    }
    let landlock_abi = files::restrict(&job.task.files(), job.device).unwrap_or_else(|error| {
        missing.push((Guard::Landlock, error.to_string()));
        0
    });
    if let Err(error) = calls::filter(job.device) {
        missing.push((Guard::Seccomp, error.to_string()));
    }
    confirm(status, &mut missing)?;

    if missing.is_empty() || job.allow_unsandboxed {
        for (guard, why) in &missing {
            eprintln!("zarathustra-worker: going on without {guard}, as told: {why}");
        }
        Ok(Protection {
            landlock_abi,
            missing,
        })
    } else {
        Err(SandboxError::Missing(missing))
    }
}

/// What the kernel itself says is in force.
fn confirm(mut status: File, missing: &mut Vec<(Guard, String)>) -> io::Result<()> {
    let mut text = String::new();
    status.read_to_string(&mut text)?;
    for (guard, field, wanted) in [
        (Guard::NoNewPrivileges, "NoNewPrivs:", "1"),
        (Guard::Seccomp, "Seccomp:", "2"),
    ] {
        let found = text.lines().find_map(|line| line.strip_prefix(field));
        let named = missing.iter().any(|(missing, _)| *missing == guard);
        if found.map(str::trim) != Some(wanted) && !named {
            missing.push((guard, format!("the kernel says {found:?}")));
        }
    }
    Ok(())
}
