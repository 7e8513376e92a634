//! Makes every attempt twice and prints what came of it.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use zarathustra_eval::environment::EnvironmentLock;
use zarathustra_eval::wire::{self, Job, Reply, Task};
use zarathustra_eval::{Device, WorkerSettings, check_sandbox};

use crate::exhaust::LIMIT_BYTES;
use crate::{Attempt, ESCAPED, Open, attempts, check};

/// File with a secret.
pub const KEYSTORE: &str = "keystore.json";
/// Another file, which is not missed.
pub const SPARE: &str = "spare";
/// What the keystore holds.
pub const SECRET: &[u8] = b"a secret of the operator";
/// File with the answer that a program of a stranger's choice would give.
pub const ANSWER: &str = "answer";

/// What a driver needs, so that strangers' code can do it too where there is a device: controls of
/// what is open, and addresses beyond the limit on data, of which the host counts what is held.
const LEFT_TO_DRIVERS: [&str; 2] = [
    "kernel: device control",
    "memory: more than the kernel's limit",
];

/// Stops the victim when the suite ends, however it ends.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        for ended in [self.0.kill(), self.0.wait().map(|_| ())] {
            ended.unwrap_or_else(|error| eprintln!("end the victim: {error}"));
        }
    }
}

pub fn run() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(KEYSTORE), SECRET).expect("a file");
    fs::write(folder.path().join(SPARE), SECRET).expect("a file");
    let mut answer = Vec::new();
    crate::answer(&mut answer, ESCAPED);
    fs::write(folder.path().join(ANSWER), answer).expect("a file");
    let victim = Command::new("sleep")
        .arg("3600")
        .stdin(Stdio::null())
        .spawn();
    let victim = Victim(victim.expect("a process"));
    let _inheritable = leak(&folder.path().join(KEYSTORE));
    let name = folder.path().to_string_lossy().into_owned();
    let address = SocketAddr::from_abstract_name(name).expect("a name");
    let _listener = UnixListener::bind_addr(&address).expect("an abstract socket");

    println!(
        "{:<36} | {:<48} | {:<48} | without",
        "attempt", "sandboxed", "sandboxed, with a device"
    );
    let mut failed = Vec::new();
    for attempt in attempts() {
        let name = |mode| worker(folder.path(), attempt, mode, &victim);
        let place = folder.path();
        let shut = runtime.block_on(sandboxed(name("shut"), place, Device::Cpu));
        // The filter of a CUDA device is another; it takes no device to enter it.
        let wide = runtime.block_on(sandboxed(name("wide"), place, Device::Cuda));
        let open = without(name("open"), folder.path())
            .unwrap_or_else(|error| format!("no answer: {error}"));
        let shown = if open == ESCAPED {
            "succeeds".to_owned()
        } else {
            format!("not shown here ({open})")
        };
        println!("{:<36} | {shut:<48} | {wide:<48} | {shown}", attempt.name);
        if shut.starts_with(ESCAPED) {
            failed.push(format!("{}: not stopped", attempt.name));
        }
        if wide.starts_with(ESCAPED) && !LEFT_TO_DRIVERS.contains(&attempt.name) {
            failed.push(format!("{}: not stopped with a device", attempt.name));
        }
        if open != ESCAPED && attempt.open == Open::Always {
            failed.push(format!("{}: does not even try: {open}", attempt.name));
        }
    }
    for failure in &failed {
        eprintln!("{failure}");
    }
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The program under the name of an attempt.
fn worker(folder: &Path, attempt: &Attempt, mode: &str, victim: &Victim) -> PathBuf {
    let worker = folder.join(format!("{}@{mode}@{}", attempt.name, victim.0.id()));
    let program = std::env::current_exe().expect("a path");
    std::os::unix::fs::symlink(program, &worker).expect("a link");
    worker
}

/// Makes an attempt in the sandbox, as a worker of the real host.
async fn sandboxed(worker: PathBuf, folder: &Path, device: Device) -> String {
    let settings = WorkerSettings {
        worker,
        cache_dir: folder.join("cache"),
        cache_key: None,
        environment: EnvironmentLock::of_this_build(),
        memory_bytes: LIMIT_BYTES,
        wall: Duration::from_secs(60),
        device,
        allow_unsandboxed: false,
        // The limits have to hold without them.
        cgroups: false,
    };
    match check_sandbox(&settings).await {
        Ok(isolation) => isolation.protection.missing[0].1.clone(),
        Err(failure) => format!("stopped by the host: {}", failure.code()),
    }
}

/// Makes an attempt without the sandbox and without a host that watches.
fn without(worker: PathBuf, folder: &Path) -> io::Result<String> {
    let mut child = Command::new(worker)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let job = Job {
        allow_unsandboxed: true,
        data_bytes: u64::MAX,
        cpu_seconds: u64::MAX,
        environment: String::new(),
        device: Device::Cpu,
        task: Task::Check,
    };
    let mut stdin = child.stdin.take().expect("piped");
    wire::write_frame(&mut stdin, &serde_json::to_vec(&job)?)?;
    let mut stdout = child.stdout.take().expect("piped");
    let reply = wire::read_frame(&mut stdout, wire::MAX_REPLY_BYTES);
    drop(stdin);
    child.wait()?;
    match serde_json::from_slice(&reply?)? {
        Reply::Checked(protection) => Ok(protection.missing[0].1.clone()),
        other => Ok(format!("{other:?}")),
    }
}

/// Opens a file such that programs which are started inherit it.
fn leak(path: &Path) -> fs::File {
    let file = fs::File::open(path).expect("a file");
    // SAFETY: sets a flag of a descriptor that is open.
    let set = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) };
    check(set.into()).expect("inheritable");
    file
}
