//! Started by operators' programs and by `zarathustra evaluate`; by hand it only tells under which
//! environment it computes.

use std::io::Write;
use std::process::ExitCode;

use zarathustra_eval::{ENVIRONMENT_FLAG, environment::EnvironmentLock};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => match zarathustra_worker::run() {
            Ok(()) => end(),
            Err(error) => {
                eprintln!("zarathustra-worker: {error}");
                ExitCode::FAILURE
            }
        },
        Some(ENVIRONMENT_FLAG) => {
            let lock = EnvironmentLock::of_this_build().to_json();
            match writeln!(std::io::stdout(), "{lock}") {
                Ok(()) => end(),
                Err(_) => ExitCode::FAILURE,
            }
        }
        Some(_) => {
            eprintln!("usage: zarathustra-worker [{ENVIRONMENT_FLAG}]");
            ExitCode::from(2)
        }
    }
}

/// Ends the process without the destructors of libraries: those of libtorch take half as long as
/// loading it, and the reply is out.
#[allow(unsafe_code, reason = "the standard library's exit runs them")]
fn end() -> ! {
    // SAFETY: nothing is left to do; standard output ends lines at once, and frames are flushed.
    unsafe { libc::_exit(0) }
}
