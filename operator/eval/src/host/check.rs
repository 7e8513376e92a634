//! Whether evaluations can be isolated here, asked before any is done.

use std::fmt;
use std::time::{Duration, Instant};

use super::process::{self, Watch};
use super::{LocalFailure, WorkerSettings, cgroup};
use crate::text::brief;
use crate::wire::{Protection, Reply, Task};

/// How long a worker may take to enter the sandbox; loading libtorch is most of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps evaluations apart from this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The sandbox of a worker.
    pub protection: Protection,
    /// Version of the control groups that workers are put into, or why they are put into none.
    pub cgroups: Result<&'static str, &'static str>,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Protection {
            landlock_abi,
            missing,
        } = &self.protection;
        write!(f, "Landlock {landlock_abi}, seccomp, resource limits")?;
        match self.cgroups {
            Ok(version) => write!(f, ", cgroups {version}")?,
            Err(why) => write!(f, ", no cgroups ({why})")?,
        }
        for (guard, why) in missing {
            write!(f, "; MISSING {guard}: {}", brief(why))?;
        }
        Ok(())
    }
}

/// Has a worker enter the sandbox and tell what it consists of.
///
/// # Errors
/// [`LocalFailure::Sandbox`] when a part is missing and the settings do not allow that,
/// [`LocalFailure::Unsupported`] when there is not the device that the settings name; others when
/// the worker cannot be started.
pub async fn check_sandbox(settings: &WorkerSettings) -> Result<Isolation, LocalFailure> {
    let folder = tempfile::tempdir().map_err(LocalFailure::setup("make a folder for the job"))?;
    let watch = Watch {
        settings,
        wall: PATIENCE,
        deadline: Instant::now() + PATIENCE,
    };
    let answer = process::run(folder.path(), &watch.job(Task::Check), &watch, None).await?;
    match answer.reply {
        Reply::Checked(protection) => Ok(Isolation {
            protection,
            cgroups: match settings.cgroups {
                true => cgroup::version(),
                false => Err("the settings want none"),
            },
        }),
        Reply::Local { kind, detail } => Err(LocalFailure::of_worker(kind, &detail)),
        other => Err(LocalFailure::WorkerLost {
            detail: brief(&format!("it answered {other:?}")),
        }),
    }
}
