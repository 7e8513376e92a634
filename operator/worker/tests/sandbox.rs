//! What a worker can and cannot do once it has entered the sandbox.
//!
//! What it may do, and that each guard is required. What strangers' code would try is tried by
//! the test `escape`. The program starts itself: restrictions hold for a whole process, and have to be entered before
//! threads run, so they cannot be tried within a test harness.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use zarathustra_eval::wire::{CodeFile, Evaluate, Guard, Job, JobFile, Task};
use zarathustra_primitives::{Digest, Engine};
use zarathustra_worker::sandbox::{self, SandboxError};

const EVALUATE: &str = "evaluate";
/// After the name of a case: the job allows to go on.
const AS_TOLD: &str = "-as-told";
/// Calls of the kernel that a process is refused before it enters the sandbox, and the guard that
/// is missing then.
const WITHOUT: [(&str, &[i64], Guard); 3] = [
    (
        "limits",
        &[libc::SYS_prlimit64, libc::SYS_setrlimit],
        Guard::ResourceLimits,
    ),
    (
        "landlock",
        &[libc::SYS_landlock_create_ruleset],
        Guard::Landlock,
    ),
    ("seccomp", &[libc::SYS_seccomp], Guard::Seccomp),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, task, folder, outside] if task == EVALUATE => {
            inside(Path::new(folder), Path::new(outside));
            ExitCode::SUCCESS
        }
        [_, case, ..] if WITHOUT.iter().any(|(name, ..)| case.starts_with(name)) => {
            without(case);
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

/// Starts one restricted process for each case; each ends with success if nothing surprised it.
fn outside() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    for file in [
        "evaluator",
        "code",
        "architecture",
        "champion",
        "challenger",
        "not-of-the-job",
    ] {
        fs::write(folder.path().join(file), file).expect("a file");
    }
    let mut cases = vec![EVALUATE.to_owned()];
    for (name, ..) in WITHOUT {
        cases.extend([name.to_owned(), format!("{name}{AS_TOLD}")]);
    }
    for case in cases {
        let status = Command::new(std::env::current_exe().expect("a path"))
            .arg(&case)
            .args([folder.path(), elsewhere.path()])
            .status()
            .expect("started");
        if !status.success() {
            eprintln!("`{case}` does not hold: {status}");
            return ExitCode::FAILURE;
        }
        println!("`{case}` holds");
    }
    ExitCode::SUCCESS
}

fn job(task: Task) -> Job {
    Job {
        allow_unsandboxed: false,
        data_bytes: 1 << 30,
        cpu_seconds: 60,
        environment: String::new(),
        device: zarathustra_eval::Device::Cpu,
        task,
    }
}

fn evaluate(folder: &Path) -> Task {
    let file = |name: &str| JobFile {
        path: folder.join(name),
        sha256: Digest::of(name.as_bytes()),
        size: name.len() as u64,
    };
    Task::Evaluate(Box::new(Evaluate {
        manifest: String::new(),
        evaluator: file("evaluator"),
        code: CodeFile {
            path: folder.join("code"),
            ..CodeFile::default()
        },
        architecture: file("architecture"),
        champion: file("champion"),
        challenger: file("challenger"),
        seed: String::new(),
        engine: Engine::Libtorch,
    }))
}

/// On a kernel that refuses some calls, the guard is named and nothing is done without it, unless
/// the job says so.
fn without(case: &str) {
    let (_, calls, guard) = WITHOUT
        .iter()
        .find(|(name, ..)| case.starts_with(name))
        .expect("known");
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.iter().map(|call| (*call, vec![])).collect();
    // Limits can still be read.
    rules.entry(libc::SYS_prlimit64).and_modify(|rules| {
        let set = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0);
        *rules = vec![SeccompRule::new(vec![set.expect("valid")]).expect("valid")];
    });
    let refuse = SeccompAction::Errno(libc::ENOSYS as u32);
    let architecture = std::env::consts::ARCH.try_into().expect("known");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture);
    let program: BpfProgram = filter.expect("valid").try_into().expect("valid");
    seccompiler::apply_filter(&program).expect("the kernel's part");

    let mut job = job(Task::Check);
    job.allow_unsandboxed = case.ends_with(AS_TOLD);
    let missing = match sandbox::enter(&job) {
        Ok(protection) if job.allow_unsandboxed => protection.missing,
        Err(SandboxError::Missing(missing)) if !job.allow_unsandboxed => {
            let text = SandboxError::Missing(missing.clone()).to_string();
            assert!(text.contains(&guard.to_string()), "{text}");
            missing
        }
        other => panic!("{other:?}"),
    };
    let named: Vec<Guard> = missing.iter().map(|(guard, _)| *guard).collect();
    assert_eq!(named, [*guard], "{missing:?}");
}

fn inside(folder: &Path, elsewhere: &Path) {
    let protection = sandbox::enter(&job(evaluate(folder))).expect("the sandbox");
    assert!(protection.landlock_abi >= 1);
    assert!(protection.missing.is_empty());

    // Sockets of every kind.
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
    refused("list the processes", fs::read_dir("/proc"));
    for file in [
        "evaluator",
        "code",
        "architecture",
        "champion",
        "challenger",
    ] {
        allowed(file, fs::read(folder.join(file)));
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
