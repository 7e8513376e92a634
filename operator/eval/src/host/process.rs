//! One worker process: started with a clean environment, watched, and always ended.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zarathustra_primitives::SampleScores;

use super::cgroup::Group;
use super::entry::Draft;
use super::{LocalFailure, WorkerSettings};
use crate::text::brief;
use crate::wire::{self, Job, LocalKind, Reply, Task};

/// How often the worker's memory is looked at.
const MEMORY_POLL: Duration = Duration::from_millis(10);
/// Most threads of a worker; a compiler has one for each processor.
const MAX_THREADS: u64 = 512;
/// Data memory that is mapped and not touched: stacks of threads, arenas of the allocator.
const DATA_SLACK_BYTES: u64 = 1 << 30;
/// Processor time to wall time at most: compiling uses several threads.
const CPU_PER_WALL: u64 = 16;
/// How much compiled code is received at a time.
const CODE_CHUNK_BYTES: usize = 1 << 20;
/// What is kept of a worker's error output.
const MAX_ERROR_BYTES: u64 = 16 << 10;
/// How long a worker that has replied may take to end by itself.
const EXIT_PATIENCE: Duration = Duration::from_secs(2);
const SIGXCPU: i32 = 24;
/// A variable of workers: freed memory stays with the process, up to the largest pieces that the
/// C library allows this for. Else it takes each large tensor from the kernel anew, whose zeros
/// cost more than many a layer computes.
pub const ALLOCATOR: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=1073741824",
);

/// By when a worker has to be done, and within which settings.
pub struct Watch<'a> {
    pub settings: &'a WorkerSettings,
    pub wall: Duration,
    pub deadline: Instant,
}

impl Watch<'_> {
    pub fn job(&self, task: Task) -> Job {
        let seconds = self.wall.as_secs().saturating_add(1);
        Job {
            allow_unsandboxed: self.settings.allow_unsandboxed,
            data_bytes: self.settings.memory_bytes.saturating_add(DATA_SLACK_BYTES),
            cpu_seconds: seconds.saturating_mul(CPU_PER_WALL),
            environment: self.settings.environment.to_json(),
            device: self.settings.device.of(&task),
            task,
        }
    }

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

impl Answer {
    /// Why the worker did not use the compiled evaluator that it was given, if so.
    pub fn unusable_code(&self) -> Option<(&'static str, String)> {
        match &self.reply {
            Reply::Local { kind, detail } => {
                let reason = match kind {
                    LocalKind::CodeChanged => "cache_changed",
                    LocalKind::CodeGone => "cache_gone",
                    LocalKind::CodeIncompatible => "cache_incompatible",
                    _ => return None,
                };
                Some((reason, brief(detail)))
            }
            _ => None,
        }
    }
}

/// Runs a worker on a job until it replied, died, or broke a limit. Compiled code goes into the
/// draft; a worker that sends some where there is none is lost.
pub async fn run(
    folder: &Path,
    job: &Job,
    watch: &Watch<'_>,
    code: Option<&mut Draft>,
) -> Result<Answer, LocalFailure> {
    let job = serde_json::to_vec(job)
        .map_err(std::io::Error::other)
        .map_err(LocalFailure::setup("describe the job to the worker"))?;
    let mut child = command(watch.settings, folder)
        .spawn()
        .map_err(LocalFailure::setup(format!(
            "start {}",
            watch.settings.worker.display()
        )))?;
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let errors = tokio::spawn(error_text(child.stderr.take().expect("piped")));
    let pid = child.id();
    // The worker waits for its job, so all that strangers' bytes do counts in the group.
    let group = watch
        .settings
        .cgroups
        .then(|| Group::admit(pid, watch.settings.memory_bytes))
        .flatten();

    let mut peak_memory_bytes = 0;
    let exchange = async {
        send(&mut stdin, &job).await?;
        receive(&mut stdout, code).await
    };
    let outcome = tokio::select! {
        said = exchange => Ok(said),
        () = tokio::time::sleep_until(watch.deadline.into()) => Err(watch.timed_out()),
        detail = watch_memory(pid, watch.settings.memory_bytes, &mut peak_memory_bytes) => {
            Err(LocalFailure::OutOfMemory { detail })
        }
    };
    // Closing the pipe tells the worker to end.
    drop(stdin);
    let status = end(&mut child, outcome.is_ok()).await;
    // Whoever else holds the pipe, nobody waits for them.
    let errors = tokio::time::timeout(EXIT_PATIENCE, errors).await;
    let errors = match errors {
        Ok(Ok(errors)) => errors,
        Ok(Err(error)) => format!("its errors were not read: {error}"),
        Err(_) => "its errors were not read: somebody holds the pipe".to_owned(),
    };
    match outcome? {
        Ok((reply, scores)) => Ok(Answer {
            reply,
            scores,
            peak_memory_bytes,
        }),
        Err(_) if group.as_ref().is_some_and(Group::ended_a_process) => {
            Err(LocalFailure::OutOfMemory {
                detail: "the worker's control group reached its limit".to_owned(),
            })
        }
        Err(error) => Err(died(status, &error, &errors, watch)),
    }
}

fn command(settings: &WorkerSettings, folder: &Path) -> Command {
    let mut command = Command::new(&settings.worker);
    command
        .current_dir(folder)
        // Nothing of the operator's environment reaches code that handles strangers' bytes.
        .env_clear()
        .envs(settings.environment.variables())
        .envs(settings.device.variables().iter().copied())
        .envs([ALLOCATOR])
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

async fn receive(
    stdout: &mut (impl AsyncRead + Unpin),
    code: Option<&mut Draft>,
) -> std::io::Result<(Reply, Vec<u8>)> {
    let reply = read_frame(stdout, wire::MAX_REPLY_BYTES).await?;
    let reply: Reply = serde_json::from_slice(&reply)?;
    let mut rest = Vec::new();
    match (&reply, code) {
        (Reply::Scored(_), _) => {
            rest = read_frame(stdout, SampleScores::MAX_FILE_LEN as u32).await?;
        }
        (Reply::Computed, _) => rest = read_frame(stdout, wire::MAX_OUTPUT_BYTES).await?,
        (Reply::Compiled, Some(draft)) => receive_code(stdout, draft).await?,
        (Reply::Compiled, None) => {
            return Err(std::io::Error::other("it compiled where it should not"));
        }
        (
            Reply::Checked(_) | Reply::Refused { .. } | Reply::Failed { .. } | Reply::Local { .. },
            _,
        ) => {}
    }
    Ok((reply, rest))
}

/// Writes the frame to the draft as it comes, so that it is never in memory as a whole.
async fn receive_code(
    stdout: &mut (impl AsyncRead + Unpin),
    draft: &mut Draft,
) -> std::io::Result<()> {
    let mut prefix = [0; 4];
    stdout.read_exact(&mut prefix).await?;
    let mut left = wire::check_length(prefix, wire::MAX_CODE_BYTES)?;
    let mut chunk = vec![0; CODE_CHUNK_BYTES];
    while left > 0 {
        let part = &mut chunk[..left.min(CODE_CHUNK_BYTES)];
        stdout.read_exact(part).await?;
        draft.write(part)?;
        left -= part.len();
    }
    Ok(())
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin), limit: u32) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    reader.read_exact(&mut prefix).await?;
    let mut bytes = vec![0; wire::check_length(prefix, limit)?];
    reader.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Returns what is too much when something is; never otherwise.
async fn watch_memory(pid: Option<u32>, limit: u64, peak: &mut u64) -> String {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let path = format!("/proc/{pid}/status");
    loop {
        // A process that is gone has no such file; the exchange notices its end.
        if let Ok(status) = std::fs::read_to_string(&path) {
            let held = held_bytes(&status);
            *peak = held.max(*peak);
            // Left out, as all that is said of memory, once the process has ended.
            if let Some(most) = field_bytes(&status, "VmHWM:") {
                *peak = most.max(*peak);
            }
            if held > limit {
                return format!("the worker holds {held} bytes, this operator allows {limit}");
            }
            match field(&status, "Threads:") {
                Some(threads) if threads > MAX_THREADS => {
                    return format!("the worker has {threads} threads, {MAX_THREADS} are allowed");
                }
                Some(_) => {}
                None => {
                    return "the kernel does not tell how many threads the worker has".to_owned();
                }
            }
        }
        tokio::time::sleep(MEMORY_POLL).await;
    }
}

/// Memory that a process holds: resident, swapped out, and the tables of its pages, which alone
/// can be large (pages that are only read are all the same page, but each has a place in a table).
fn held_bytes(status: &str) -> u64 {
    ["VmRSS:", "VmSwap:", "VmPTE:"]
        .iter()
        .filter_map(|name| field_bytes(status, name))
        .fold(0, u64::saturating_add)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

pub fn field_bytes(status: &str, field: &str) -> Option<u64> {
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
        let held = format!("{status}VmPTE:\t 1 kB\nVmSwap:\t 2 kB\nThreads:\t3\n");
        assert_eq!(held_bytes(&held), (1 << 20) + 3 * 1024);
        assert_eq!(field(&held, "Threads:"), Some(3));
        assert_eq!(field_bytes(status, "VmHWM:"), Some(5 << 20));
        assert_eq!(field_bytes(status, "VmSwap:"), None);
        assert_eq!(field_bytes("VmRSS: many kB", "VmRSS:"), None);
    }
}
