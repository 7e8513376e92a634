//! What strangers' code would try if it broke out of WebAssembly: a worker that does, in the real
//! sandbox and under the real host, one attempt for each process.
//!
//! Each attempt is made twice. In the sandbox it has to be stopped. Without the sandbox it has to
//! succeed, so that the suite is known to try; where a machine does not allow it to anybody, or
//! only to root, the table says so and the attempt does not count as shown.
//!
//! The program starts itself as the worker. Which attempt a process is for, it reads from the name
//! that it was started by: a worker gets no arguments and no environment.

#![allow(
    unsafe_code,
    reason = "attempts are system calls that no safe library makes"
)]

mod exhaust;
mod files;
mod kernel;
mod processes;
// The worker's own source. Through its library, each of these processes would load libtorch.
#[path = "../../src"]
mod worker {
    pub mod sandbox;
}
mod signals;
mod sockets;
mod suite;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use worker::sandbox;
use zarathustra_eval::wire::{self, Guard, Job, Protection, Reply};

/// What an attempt finds where it runs.
struct Place {
    /// A folder that is none of the worker's business; a keystore lies in it.
    outside: PathBuf,
    /// Another process of the same user.
    victim: i32,
    /// The operator.
    parent: i32,
}

/// Whether an attempt succeeds on every machine as long as there is no sandbox.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Always,
    /// Depends on rights, on the kernel's settings or on hardware.
    Depends,
}

struct Attempt {
    name: &'static str,
    open: Open,
    /// Succeeds if it could do what it must not.
    make: fn(&Place) -> io::Result<()>,
}

const fn always(name: &'static str, make: fn(&Place) -> io::Result<()>) -> Attempt {
    let open = Open::Always;
    Attempt { name, open, make }
}

const fn depends(name: &'static str, make: fn(&Place) -> io::Result<()>) -> Attempt {
    let open = Open::Depends;
    Attempt { name, open, make }
}

fn attempts() -> impl Iterator<Item = &'static Attempt> {
    [
        sockets::ATTEMPTS,
        files::ATTEMPTS,
        processes::ATTEMPTS,
        signals::ATTEMPTS,
        kernel::ATTEMPTS,
        exhaust::ATTEMPTS,
    ]
    .into_iter()
    .flatten()
}

/// What the answers of an attempt begin with.
const ESCAPED: &str = "escaped";
const STOPPED: &str = "stopped: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let started_as = Path::new(&arguments[0]);
    if let Some(name) = started_as.file_name().and_then(|name| name.to_str())
        && let Some((attempt, rest)) = name.split_once('@')
    {
        return inside(started_as, attempt, rest);
    }
    // A test runner asks what there is to run: one test, and none that is ignored.
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            println!("every_attempt_is_stopped: test");
        }
        return ExitCode::SUCCESS;
    }
    suite::run()
}

/// The worker: makes the attempt `name`, sandboxed or not, as `<attempt>@<shut|wide|open>@<victim>` says.
fn inside(started_as: &Path, name: &str, rest: &str) -> ExitCode {
    let (mode, victim) = rest.split_once('@').expect("a name that the suite made");
    let attempt = attempts()
        .find(|attempt| attempt.name == name)
        .expect("an attempt of the suite");
    let place = Place {
        outside: started_as.parent().expect("a folder").to_owned(),
        victim: victim.parse().expect("a process"),
        parent: std::os::unix::process::parent_id() as i32,
    };
    let job = wire::read_frame(&mut io::stdin(), wire::MAX_JOB_BYTES).expect("a job");
    let job: Job = serde_json::from_slice(&job).expect("a job");
    if mode != "open" {
        sandbox::enter(&job).expect("the sandbox");
    }
    let text = match (attempt.make)(&place) {
        Ok(()) => ESCAPED.to_owned(),
        Err(error) => format!("{STOPPED}{error}"),
    };
    answer(&mut io::stdout(), &text);
    ExitCode::SUCCESS
}

/// Tells the host how it went, in the form of an answer that the host knows.
fn answer(writer: &mut impl io::Write, text: &str) {
    let reply = Reply::Checked(Protection {
        landlock_abi: 0,
        missing: vec![(Guard::Seccomp, text.to_owned())],
    });
    let reply = serde_json::to_vec(&reply).expect("JSON");
    wire::write_frame(writer, &reply).expect("the pipe is open");
}

/// The result of a system call.
fn check(result: i64) -> io::Result<i64> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
