//! `cargo xtask demo`: set-up, build, then the program that plays the story.

use std::{os::unix::process::CommandExt as _, path::PathBuf, process::Command, time::Instant};

use eyre::{Report, Result, WrapErr as _};

use crate::{checkout::Checkout, process, setup::Setup};

/// The program that plays the story.
const DEMO: &str = "zarathustra-demo";

/// Sets up, builds every program and becomes the demo; returns only when that fails.
pub fn run(
    checkout: &Checkout,
    setup: &Setup<'_>,
    once: bool,
    json: Option<PathBuf>,
    seed: Option<&str>,
) -> Result<()> {
    let start = Instant::now();
    setup.run()?;
    let setup_seconds = start.elapsed().as_secs_f64();

    eprintln!("build: the programs (some minutes the first time)");
    let start = Instant::now();
    let mut build = Command::new("cargo");
    build
        .args(["build", "--workspace", "--bins"])
        .current_dir(checkout.root());
    process::openly(&mut build)?;
    let build_seconds = start.elapsed().as_secs_f64();

    let mut demo = Command::new(checkout.program(DEMO)?);
    demo.args(once.then_some("--once"))
        .arg(format!("--setup-seconds={setup_seconds:.1}"))
        .arg(format!("--build-seconds={build_seconds:.1}"));
    if let Some(file) = json {
        demo.arg("--json").arg(file);
    }
    if let Some(seed) = seed {
        demo.args(["--seed", seed]);
    }
    // The demo takes this process's place, so that Ctrl-C and its exit code are its own.
    Err(Report::from(demo.exec())).wrap_err_with(|| process::describe(&demo))
}
