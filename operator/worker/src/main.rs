//! Started by operators' programs and by `zarathustra evaluate`; by hand it only tells under which
//! environment it computes.

use std::process::ExitCode;

use zarathustra_eval::{ENVIRONMENT_FLAG, environment::EnvironmentLock};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => match zarathustra_worker::run() {
            // Ends without running the destructors of libraries: the reply is out.
            Ok(()) => std::process::exit(0),
            Err(error) => {
                eprintln!("zarathustra-worker: {error}");
                ExitCode::FAILURE
            }
        },
        Some(ENVIRONMENT_FLAG) => {
            println!("{}", EnvironmentLock::of_this_build().to_json());
            ExitCode::SUCCESS
        }
        Some(_) => {
            eprintln!("usage: zarathustra-worker [{ENVIRONMENT_FLAG}]");
            ExitCode::from(2)
        }
    }
}
