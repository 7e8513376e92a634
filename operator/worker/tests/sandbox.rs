//! What a worker can and cannot do once it has entered the sandbox.
//!
//! The program starts itself: restrictions hold for a whole process, and have to be entered before
//! threads run, so they cannot be tried within a test harness.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use zarathustra_eval::wire::{Evaluate, Job, JobFile, Task};
use zarathustra_primitives::{Digest, Engine};
use zarathustra_worker::sandbox;

const COMPILE: &str = "compile";
const EVALUATE: &str = "evaluate";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, task, folder, outside] if [COMPILE, EVALUATE].contains(&task.as_str()) => {
            inside(task, Path::new(folder), Path::new(outside));
            ExitCode::SUCCESS
        }
        // A test runner asks what there is to run: one test, and none that is ignored.
        [_, rest @ ..] if rest.iter().any(|argument| argument == "--list") => {
            if !rest.iter().any(|argument| argument == "--ignored") {
                println!("the_sandbox_holds: test");
            }
            ExitCode::SUCCESS
        }
        _ => outside(),
    }
}

/// Starts one restricted process for each task; each ends with success if nothing surprised it.
fn outside() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("cache")).expect("a folder");
    for file in [
        "evaluator",
        "architecture",
        "champion",
        "challenger",
        "not-of-the-job",
    ] {
        fs::write(folder.path().join(file), file).expect("a file");
    }
    for task in [COMPILE, EVALUATE] {
        let status = Command::new(std::env::current_exe().expect("a path"))
            .arg(task)
            .args([folder.path(), elsewhere.path()])
            .status()
            .expect("started");
        if !status.success() {
            eprintln!("the sandbox of `{task}` does not hold: {status}");
            return ExitCode::FAILURE;
        }
        println!("the sandbox of `{task}` holds");
    }
    ExitCode::SUCCESS
}

fn job(task: &str, folder: &Path) -> Job {
    let file = |name: &str| JobFile {
        path: folder.join(name),
        sha256: Digest::of(name.as_bytes()),
        size: name.len() as u64,
    };
    let evaluate = || Evaluate {
        manifest: String::new(),
        architecture: file("architecture"),
        champion: file("champion"),
        challenger: file("challenger"),
        seed: String::new(),
        engine: Engine::Libtorch,
    };
    Job {
        allow_unsandboxed: false,
        data_bytes: 1 << 30,
        cpu_seconds: 60,
        memory_bytes: 0,
        environment: String::new(),
        cache: folder.join("cache"),
        evaluator: file("evaluator"),
        task: if task == COMPILE {
            Task::Compile
        } else {
            Task::Evaluate(Box::new(evaluate()))
        },
    }
}

fn inside(task: &str, folder: &Path, elsewhere: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    sandbox::enter(&job(task, folder)).expect("the sandbox");

    // Sockets of every kind.
    refused("connect", TcpStream::connect(address));
    refused("listen", TcpListener::bind("127.0.0.1:0"));
    refused("datagrams", UdpSocket::bind("127.0.0.1:0"));
    refused("local sockets", UnixStream::pair());

    // Programs and processes, also its own program, which it may have open.
    refused("run a program", Command::new("/bin/true").status());
    refused("run itself", Command::new("/proc/self/exe").status());

    // Files.
    for path in ["/etc/passwd", "/proc/self/environ", "/proc/1/status"] {
        refused(path, fs::read(path));
    }
    refused(
        "another file of the folder",
        fs::read(folder.join("not-of-the-job")),
    );
    refused("list the folder", fs::read_dir(folder));
    refused("write elsewhere", fs::write(elsewhere.join("x"), b"x"));
    refused("change the job", fs::write(folder.join("evaluator"), b"x"));
    refused("remove the job", fs::remove_file(folder.join("evaluator")));
    refused(
        "link",
        fs::hard_link(folder.join("evaluator"), elsewhere.join("x")),
    );
    refused("permissions", fs::set_permissions(folder, permissions()));
    allowed("read the evaluator", fs::read(folder.join("evaluator")));
    let in_cache: PathBuf = folder.join("cache/entry");
    if task == COMPILE {
        allowed("write to the cache", fs::write(&in_cache, b"code"));
        allowed(
            "rename in the cache",
            fs::rename(&in_cache, folder.join("cache/final")),
        );
        refused(
            "read parameters while compiling",
            fs::read(folder.join("challenger")),
        );
    } else {
        refused("write to the cache", fs::write(&in_cache, b"code"));
        refused(
            "remove from the cache",
            fs::remove_file(folder.join("cache/final")),
        );
        allowed("read the cache", fs::read(folder.join("cache/final")));
        allowed("read parameters", fs::read(folder.join("challenger")));
    }

    // What it needs to go on.
    allowed(
        "threads",
        std::thread::Builder::new()
            .spawn(|| ())
            .map(|thread| thread.join()),
    );

    // Limits cannot be widened again, and hold.
    refused(
        "widen a limit",
        rlimit::Resource::NOFILE.set(1 << 20, 1 << 20),
    );
    let mut much = Vec::<u8>::new();
    let reserved = much.try_reserve_exact(2 << 30).map_err(io::Error::other);
    refused("more memory than allowed", reserved);
}

fn permissions() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o777)
}

#[track_caller]
fn refused<T>(what: &str, result: io::Result<T>) {
    assert!(result.is_err(), "{what}: it can");
}

#[track_caller]
fn allowed<T: Debug>(what: &str, result: io::Result<T>) {
    result.unwrap_or_else(|error| panic!("{what}: {error}"));
}
