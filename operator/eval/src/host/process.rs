//! One worker process: started with a clean environment, watched, and always ended.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zarathustra_primitives::SampleScores;

use super::{LocalFailure, WorkerSettings};
use crate::environment::EnvironmentLock;
use crate::text::brief;
use crate::wire::{self, Job, Reply};

/// How often the worker's memory is looked at.
const MEMORY_POLL: Duration = Duration::from_millis(20);
/// What is kept of a worker's error output.
const MAX_ERROR_BYTES: u64 = 16 << 10;
/// How long a worker that has replied may take to end by itself.
const EXIT_PATIENCE: Duration = Duration::from_secs(2);
const SIGXCPU: i32 = 24;

/// By when a worker has to be done, and within which settings.
pub struct Watch<'a> {
    pub settings: &'a WorkerSettings,
    pub wall: Duration,
    pub deadline: Instant,
}

impl Watch<'_> {
    pub fn timed_out(&self) -> LocalFailure {
        LocalFailure::TimedOut {
            seconds: self.wall.as_secs(),
        }
    }
}

/// What a worker said.
pub struct Answer {
    pub reply: Reply,
    /// The scores file, or the model's answers; empty unless the reply says that there are some.
    pub scores: Vec<u8>,
    pub peak_memory_bytes: u64,
}

/// Runs a worker on a job until it replied, died, or broke a limit.
pub async fn run(folder: &Path, job: &Job, watch: &Watch<'_>) -> Result<Answer, LocalFailure> {
    let job = serde_json::to_vec(job)
        .map_err(std::io::Error::other)
        .map_err(LocalFailure::setup("describe the job to the worker"))?;
    let mut child = command(&watch.settings.worker, &watch.settings.environment, folder)
        .spawn()
        .map_err(LocalFailure::setup(format!(
            "start {}",
            watch.settings.worker.display()
        )))?;
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let errors = tokio::spawn(error_text(child.stderr.take().expect("piped")));
    let pid = child.id();

    let mut peak_memory_bytes = 0;
    let exchange = async {
        send(&mut stdin, &job).await?;
        receive(&mut stdout).await
    };
    let outcome = tokio::select! {
        said = exchange => Ok(said),
        () = tokio::time::sleep_until(watch.deadline.into()) => Err(watch.timed_out()),
        used = watch_memory(pid, watch.settings.memory_bytes, &mut peak_memory_bytes) => {
            let detail = format!(
                "the worker holds {used} bytes, this operator allows {}",
                watch.settings.memory_bytes
            );
            Err(LocalFailure::OutOfMemory { detail })
        }
    };
    // Closing the pipe tells the worker to end.
    drop(stdin);
    let status = end(&mut child, outcome.is_ok()).await;
    // Whoever else holds the pipe, nobody waits for them.
    let errors = tokio::time::timeout(EXIT_PATIENCE, errors).await;
    let errors = errors.map_or_else(|_| String::new(), Result::unwrap_or_default);
    match outcome? {
        Ok((reply, scores)) => Ok(Answer {
            reply,
            scores,
            peak_memory_bytes,
        }),
        Err(error) => Err(died(status, &error, &errors, watch)),
    }
}

fn command(worker: &Path, environment: &EnvironmentLock, folder: &Path) -> Command {
    let mut command = Command::new(worker);
    command
        .current_dir(folder)
        // Nothing of the operator's environment reaches code that handles strangers' bytes.
        .env_clear()
        .envs(environment.variables())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Where the user says that shared libraries are.
    if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", path);
    }
    command
}

async fn send(stdin: &mut (impl AsyncWriteExt + Unpin), job: &[u8]) -> std::io::Result<()> {
    let mut frame = Vec::with_capacity(job.len() + 4);
    wire::write_frame(&mut frame, job)?;
    stdin.write_all(&frame).await?;
    stdin.flush().await
}

async fn receive(stdout: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Reply, Vec<u8>)> {
    let reply = read_frame(stdout, wire::MAX_REPLY_BYTES).await?;
    let reply: Reply = serde_json::from_slice(&reply)?;
    let scores = match reply {
        Reply::Scored(_) => read_frame(stdout, SampleScores::MAX_FILE_LEN as u32).await?,
        Reply::Computed => read_frame(stdout, wire::MAX_OUTPUT_BYTES).await?,
        Reply::Compiled | Reply::Refused { .. } | Reply::Failed { .. } | Reply::Local { .. } => {
            Vec::new()
        }
    };
    Ok((reply, scores))
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin), limit: u32) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    reader.read_exact(&mut prefix).await?;
    let mut bytes = vec![0; wire::check_length(prefix, limit)?];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Returns the memory in use when it exceeds the limit; never otherwise.
async fn watch_memory(pid: Option<u32>, limit: u64, peak: &mut u64) -> u64 {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let path = format!("/proc/{pid}/status");
    loop {
        // A process that is gone has no such file; the exchange notices its end.
        if let Ok(status) = std::fs::read_to_string(&path) {
            let (now, most) = (
                field_bytes(&status, "VmRSS:"),
                field_bytes(&status, "VmHWM:"),
            );
            *peak = most.unwrap_or_default().max(*peak);
            if let Some(used) = now.filter(|used| *used > limit) {
                return used;
            }
        }
        tokio::time::sleep(MEMORY_POLL).await;
    }
}

fn field_bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Waits for a worker that has replied, and kills one that has not or does not end.
async fn end(child: &mut Child, replied: bool) -> Option<ExitStatus> {
    if replied && let Ok(status) = tokio::time::timeout(EXIT_PATIENCE, child.wait()).await {
        return status.ok();
    }
    if let Err(error) = child.kill().await {
        tracing::warn!(%error, "kill a worker");
    }
    child.wait().await.ok()
}

/// The first part of what the worker writes to its standard error; the rest is read and dropped,
/// so that the worker never waits. Ends when the worker does.
async fn error_text(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let read = async {
        (&mut stderr)
            .take(MAX_ERROR_BYTES)
            .read_to_end(&mut bytes)
            .await?;
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await
    };
    if let Err(error) = read.await {
        tracing::debug!(%error, "read a worker's errors");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn died(
    status: Option<ExitStatus>,
    error: &std::io::Error,
    errors: &str,
    watch: &Watch<'_>,
) -> LocalFailure {
    use std::os::unix::process::ExitStatusExt;

    if status.and_then(|status| status.signal()) == Some(SIGXCPU) {
        return watch.timed_out();
    }
    // What the allocators of Rust and C++ say before they give up.
    if ["memory allocation of", "bad_alloc"]
        .iter()
        .any(|phrase| errors.contains(phrase))
    {
        return LocalFailure::OutOfMemory {
            detail: brief(errors.trim()),
        };
    }
    let how = status.map_or_else(|| "unknown end".to_owned(), |status| status.to_string());
    LocalFailure::WorkerLost {
        detail: format!("{how}; {error}; {}", brief(errors.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernels_form() {
        let status = "Name:\tx\nVmHWM:\t   5120 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(field_bytes(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(field_bytes(status, "VmHWM:"), Some(5 << 20));
        assert_eq!(field_bytes(status, "VmSwap:"), None);
        assert_eq!(field_bytes("VmRSS: many kB", "VmRSS:"), None);
    }
}
