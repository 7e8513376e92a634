//! The workers of an operator, found by the environment of a task.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zarathustra_primitives::Digest;

use super::settings::find_worker;
use super::{Isolation, LocalFailure, WorkerSettings, check_sandbox, secret};
use crate::environment::{EnvironmentLock, LockError, MAX_LOCK_BYTES};
use crate::text::brief;
use crate::wire::Device;

/// The flag by which a worker program is asked for its lock.
pub const ENVIRONMENT_FLAG: &str = "--environment";
/// How long a program may take to state its lock; loading libtorch from a cold disk is most of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker program, and what it is asked to do otherwise than by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerProgram {
    /// Where it lies; as [`WorkerSettings::discover`] finds it when absent.
    pub path: Option<PathBuf>,
    /// Rows that it computes at a time.
    pub batch_rows: Option<u32>,
    /// Threads that it computes with.
    pub threads: Option<u32>,
    /// Where libtorch computes.
    pub device: Device,
}

impl WorkerProgram {
    /// The program's path and the lock under which it computes when asked so.
    async fn ask(&self) -> Result<(PathBuf, EnvironmentLock), LocalFailure> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => find_worker()?,
        };
        // It will be started in another folder.
        let path = std::path::absolute(&path)
            .map_err(LocalFailure::setup(format!("find {}", path.display())))?;
        let mut lock = stated_by(&path).await?;
        if let Some(rows) = self.batch_rows {
            lock = lock.with_batch_rows(rows);
        }
        if let Some(threads) = self.threads {
            lock = lock.with_threads(threads);
        }
        Ok((path, lock))
    }
}

/// The lock that a program states.
async fn stated_by(program: &Path) -> Result<EnvironmentLock, LocalFailure> {
    let failed = || LocalFailure::setup(format!("ask {} for its environment", program.display()));
    let mut command = Command::new(program);
    command
        .arg(ENVIRONMENT_FLAG)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", path);
    }
    let mut child = command.spawn().map_err(failed())?;
    let stdout = child.stdout.take().expect("piped");
    let mut text = String::new();
    let limit = MAX_LOCK_BYTES as u64 + 1;
    let exchange = async {
        stdout.take(limit).read_to_string(&mut text).await?;
        child.wait().await
    };
    let status = tokio::time::timeout(PATIENCE, exchange)
        .await
        .map_err(|_| failed()(io::ErrorKind::TimedOut.into()))?
        .map_err(failed())?;
    if !status.success() {
        return Err(failed()(io::Error::other(status.to_string())));
    }
    let text = text.trim_end_matches('\n');
    EnvironmentLock::from_json(text)
        .map_err(|error: LockError| failed()(io::Error::other(format!("{error}: {}", brief(text)))))
}

/// Workers by the digest of their environment lock: an operator can have several at once, as it
/// must while tasks of two environments are under way.
#[derive(Debug, Clone)]
pub struct Workers(BTreeMap<Digest, WorkerSettings>);

impl Workers {
    /// Asks each program for its lock. `base` says everything else; where two programs have one
    /// lock the first is taken. Each environment has a folder of compiled evaluators of its own
    /// below `cache_dir`: what one build of wasmtime compiled is nothing to another. One secret,
    /// beside `cache_dir`, vouches for all of them.
    ///
    /// # Errors
    /// When a program cannot be found or states no lock.
    pub async fn ask(
        programs: &[WorkerProgram],
        cache_dir: &Path,
        memory_bytes: u64,
        wall: Duration,
    ) -> Result<Self, LocalFailure> {
        let default = [WorkerProgram::default()];
        let programs = if programs.is_empty() {
            &default
        } else {
            programs
        };
        // Without a name there is no place beside it; then each evaluation says so.
        let cache_key = secret::path(cache_dir, None).ok();
        let mut workers = BTreeMap::new();
        for program in programs {
            let (worker, environment) = program.ask().await?;
            let digest = environment.digest();
            workers.entry(digest).or_insert_with(|| WorkerSettings {
                worker,
                environment,
                device: program.device,
                cache_dir: cache_dir.join(digest.to_string()),
                cache_key: cache_key.clone(),
                memory_bytes,
                wall,
                allow_unsandboxed: false,
                cgroups: true,
            });
        }
        Ok(Self(workers))
    }

    /// Evaluates even where a part of the sandbox cannot be had, if so told.
    #[must_use]
    pub fn allow_unsandboxed(mut self, allow: bool) -> Self {
        for settings in self.0.values_mut() {
            settings.allow_unsandboxed = allow;
        }
        self
    }

    /// Takes the secret that vouches for compiled evaluators from another file.
    #[must_use]
    pub fn with_cache_key(mut self, key: &Path) -> Self {
        for settings in self.0.values_mut() {
            settings.cache_key = Some(key.to_owned());
        }
        self
    }

    /// Has each worker enter the sandbox and tell what it consists of.
    ///
    /// # Errors
    /// As [`check_sandbox`], for the first that cannot.
    pub async fn check_sandboxes(&self) -> Result<Vec<Isolation>, LocalFailure> {
        let mut found = Vec::new();
        for settings in self.0.values() {
            found.push(check_sandbox(settings).await?);
        }
        Ok(found)
    }

    /// The worker that computes under an environment.
    ///
    /// # Errors
    /// [`LocalFailure::Environment`] when there is none.
    pub fn of(&self, environment: Digest) -> Result<&WorkerSettings, LocalFailure> {
        self.0
            .get(&environment)
            .ok_or_else(|| LocalFailure::Environment {
                missing: environment,
                present: self.to_string(),
            })
    }

    /// Threads that the worker with most of them computes with.
    pub fn threads(&self) -> u32 {
        let threads = self
            .0
            .values()
            .map(|settings| settings.environment.threads());
        threads.max().unwrap_or(1)
    }

    /// The environments that there are workers for.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.0.keys().copied()
    }
}

impl fmt::Display for Workers {
    /// The digests of their environments, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digests: Vec<_> = self.digests().map(|digest| digest.to_string()).collect();
        f.write_str(&digests.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that prints a text whatever it is asked.
    fn program(folder: &Path, name: &str, text: &str, exit: i32) -> WorkerProgram {
        let path = folder.join(name);
        let script = format!("#!/bin/sh\n/bin/cat <<'END'\n{text}\nEND\nexit {exit}\n");
        std::fs::write(&path, script).expect("a program");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).expect("permissions");
        WorkerProgram {
            path: Some(path),
            ..WorkerProgram::default()
        }
    }

    async fn ask(programs: &[WorkerProgram]) -> Result<Workers, LocalFailure> {
        Workers::ask(programs, Path::new("/cache"), 1, Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn the_worker_of_a_task_is_the_one_with_its_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = EnvironmentLock::of_this_build();
        let one = program(folder.path(), "one", &lock.to_json(), 0);
        let half = WorkerProgram {
            batch_rows: Some(512),
            threads: Some(2),
            ..one.clone()
        };
        let workers = ask(&[one.clone(), half, one]).await.expect("workers");
        assert_eq!(workers.digests().count(), 2);
        let first = workers.of(lock.digest()).expect("a worker");
        assert_eq!(first.environment, lock);
        let other = lock.with_batch_rows(512).with_threads(2);
        let second = workers.of(other.digest()).expect("a worker");
        assert_eq!(second.environment, other);
        assert_ne!(first.cache_dir, second.cache_dir);

        let missing = Digest::of(b"another lock");
        let failure = workers.of(missing).expect_err("none");
        assert_eq!(failure.code(), "local_environment");
        assert!(failure.to_string().contains(&missing.to_string()));
    }

    #[tokio::test]
    async fn a_program_that_states_no_lock_is_found_out_at_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = EnvironmentLock::of_this_build().to_json();
        let long = "x".repeat(MAX_LOCK_BYTES + 10);
        for (name, text, exit) in [
            ("says", "hello", 0),
            ("fails", good.as_str(), 1),
            ("talks", long.as_str(), 0),
        ] {
            let failure = ask(&[program(folder.path(), name, text, exit)])
                .await
                .expect_err(name);
            assert_eq!(failure.code(), "local_setup", "{name}");
        }
        let absent = WorkerProgram {
            path: Some(folder.path().join("absent")),
            ..WorkerProgram::default()
        };
        assert_eq!(
            ask(&[absent]).await.expect_err("absent").code(),
            "local_setup"
        );
    }
}
