//! `cargo xtask test` and `cargo xtask check`: what has to hold before a change is merged.

use std::{
    io::IsTerminal as _,
    process::{Command, ExitCode},
};

use eyre::Result;

use crate::{
    checkout::Checkout,
    contracts, process,
    setup::{Setup, contracts::Abi, models},
    steps::Steps,
};

/// Version of the program that finds unused dependencies.
const MACHETE: &str = "0.9.2";

/// Every check and every test.
pub fn test(checkout: &Checkout, setup: &Setup<'_>) -> Result<ExitCode> {
    let mut steps = Steps::new(checkout);
    // Needed at the end, told at the start.
    steps.step("Python's version", || models::check_python().map(|_| ()));
    steps.step("set-up", || setup.run_for_tests());
    checks(checkout, &mut steps);
    steps.command(
        "Solidity warnings and sizes",
        &mut forge(checkout, &["build", "--sizes"]),
    );
    steps.tests("Solidity tests", &mut forge(checkout, &["test"]));
    steps.step("tools that examine contracts", || setup.analysis());
    steps.step("slither", || contracts::findings(checkout));
    steps.tests("proofs", &mut contracts::proofs(checkout));
    steps.step("generated files", || setup.contracts(Abi::Check));
    // Programs too: scenarios start them.
    steps.command(
        "build",
        Command::new("cargo").args(["build", "--workspace", "--locked", "--bins", "--tests"]),
    );
    steps.step("cases for the BLS library", || {
        contracts::make_cases(checkout)
    });
    steps.tests(
        "BLS library against blst",
        &mut contracts::judge_cases(checkout),
    );
    if process::answer("cargo", &["nextest", "--version"]).is_some() {
        let mut nextest = |name, filter| {
            let mut cargo = Command::new("cargo");
            cargo.args([
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ]);
            steps.tests(name, cargo.args(["-E", filter]));
        };
        nextest("Rust tests", "not package(zarathustra-tests)");
        nextest("end-to-end scenarios", "package(zarathustra-tests)");
    } else {
        let mut cargo = Command::new("cargo");
        cargo.args([
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--bins",
            "--lib",
        ]);
        steps.tests(
            "Rust tests and end-to-end scenarios",
            cargo.args(["--tests"]),
        );
    }
    steps.step("Python for models", || setup.models());
    steps.tests("Python tests", &mut pytest(checkout));
    steps.command(
        "examples in the documentation",
        Command::new("cargo").args(["test", "--workspace", "--locked", "--doc"]),
    );
    Ok(steps.finish())
}

/// The checks that need no test to be built.
pub fn check(checkout: &Checkout, setup: &Setup<'_>) -> Result<ExitCode> {
    let mut steps = Steps::new(checkout);
    steps.step("set-up", || setup.run());
    checks(checkout, &mut steps);
    Ok(steps.finish())
}

fn checks(checkout: &Checkout, steps: &mut Steps<'_>) {
    steps.command(
        "Rust format",
        Command::new("cargo").args(["fmt", "--all", "--check"]),
    );
    steps.command("Solidity format", &mut forge(checkout, &["fmt", "--check"]));
    let mut clippy = Command::new("cargo");
    clippy.args([
        "clippy",
        "--workspace",
        "--locked",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    steps.command("clippy", &mut clippy);
    steps.step("unused dependencies", || unused_dependencies(checkout));
}

/// Forge, in the contracts' folder.
pub fn forge(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut forge = Command::new(checkout.tool("forge"));
    forge
        .args(arguments)
        .current_dir(checkout.path("contracts"));
    // Output folders of its own: `forge lint` leaves artefacts without code in the usual
    // ones, and `forge test` passes over tests whose artefacts have none.
    forge
        .env("FOUNDRY_OUT", checkout.tools("forge/out"))
        .env("FOUNDRY_CACHE_PATH", checkout.tools("forge/cache"));
    if std::io::stdout().is_terminal() {
        forge.args(["--color", "always"]);
    }
    forge
}

/// The tests of `python/` and of the worked requests, which run the `zarathustra` that was built.
fn pytest(checkout: &Checkout) -> Command {
    let mut pytest = Command::new("python3");
    pytest
        // Without the user's own packages, and without compiled files beside the sources.
        .args(["-sB", "-m", "pytest", "--config-file=pyproject.toml"])
        .args(["tests", "../examples/tests"])
        .current_dir(checkout.path("python"))
        .env("PYTHONPATH", checkout.tools("python-models"))
        .env("KERAS_BACKEND", "torch");
    pytest
}

fn unused_dependencies(checkout: &Checkout) -> Result<()> {
    let fits = |program: &str| {
        process::answer(program, &["--version"]).is_some_and(|said| said.trim() == MACHETE)
    };
    let ours = checkout
        .tools("cargo/bin/cargo-machete")
        .display()
        .to_string();
    let program = if fits("cargo-machete") {
        "cargo-machete"
    } else {
        &ours
    };
    if !fits(program) {
        // It reads a few manifests: a quick build serves better than quick code.
        let mut install = Command::new("cargo");
        install
            .args(["install", "--quiet", "--locked", "--debug", "--root"])
            .arg(checkout.tools("cargo"))
            .arg(format!("cargo-machete@{MACHETE}"));
        process::openly(&mut install)?;
    }
    process::openly(Command::new(program).current_dir(checkout.root()))
}
