//! The program `zarathustra`; everything is in the library, where tests reach it.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    zarathustra_cli::main().await
}
