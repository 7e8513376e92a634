//! Started by operators' programs and by `zarathustra evaluate`; of no use by hand.

fn main() -> std::process::ExitCode {
    match zarathustra_worker::run() {
        // Ends without running the destructors of libraries: the reply is out.
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("zarathustra-worker: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
