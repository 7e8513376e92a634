//! Checks of the contracts beyond their tests: static analysis, proofs, and the BLS library
//! against blst.

use std::{env, fs, path::Path, process::Command};

use eyre::{Result, WrapErr as _};

use crate::{checkout::Checkout, process, test::forge};

/// Seconds that a solver has for one step of a proof. The slowest takes a few where nothing else
/// runs.
const PROOF_SECONDS: u32 = 300;

/// Compares what slither finds in the contracts with `contracts/analysis/accepted.toml`.
pub fn findings(checkout: &Checkout) -> Result<()> {
    let compiled = checkout.path("target/forge/slither");
    // Of an older compilation slither would read the left-overs too.
    if compiled.exists() {
        fs::remove_dir_all(&compiled).wrap_err_with(|| compiled.display().to_string())?;
    }
    let mut build = forge(checkout, &["build", "src", "--build-info", "--force"]);
    in_folder(&mut build, &compiled);
    process::openly(&mut build)?;
    let mut findings = python(checkout);
    findings
        .arg("analysis/findings.py")
        .arg(compiled.join("out"));
    process::openly(&mut findings)
}

/// The command that proves every `check_` function of `contracts/proofs`.
pub fn proofs(checkout: &Checkout) -> Command {
    let mut halmos = python(checkout);
    halmos
        .args(["-m", "halmos", "--forge-build-out"])
        .arg("../target/forge/proofs/out")
        .args(["--solver-command", "python3 proofs/solve.py"])
        .args([
            "--solver-timeout-assertion",
            &format!("{PROOF_SECONDS}s"),
            "--no-status",
        ])
        .env("FOUNDRY_PROFILE", "proofs");
    in_folder(&mut halmos, &checkout.path("target/forge/proofs"));
    halmos
}

/// Makes random cases for the BLS library, with what blst says of each. `BLS_SEED` repeats those
/// of the seed that was printed.
pub fn make_cases(checkout: &Checkout) -> Result<()> {
    let mut build = Command::new("cargo");
    build
        .args(["build", "--quiet", "--workspace", "--locked"])
        .args(["--example", "differential"])
        .current_dir(checkout.root());
    process::openly(&mut build)?;
    let mut make = Command::new(checkout.program("examples/differential")?);
    make.arg(checkout.path("target/differential"))
        .args(env::var_os("BLS_SEED"));
    process::openly(&mut make)
}

/// The command that puts these cases to the BLS library.
pub fn judge_cases(checkout: &Checkout) -> Command {
    let mut forge = forge(checkout, &["test"]);
    forge.env("FOUNDRY_PROFILE", "differential");
    in_folder(&mut forge, &checkout.path("target/forge/differential"));
    forge
}

/// Gives forge folders of its own: what is compiled differs from what the tests compile.
fn in_folder(forge: &mut Command, folder: &Path) {
    forge
        .env("FOUNDRY_OUT", folder.join("out"))
        .env("FOUNDRY_CACHE_PATH", folder.join("cache"));
}

/// Python with what set-up installed for it, in the contracts' folder, where our forge is found
/// first.
fn python(checkout: &Checkout) -> Command {
    let mut path = checkout.tools("bin").into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let mut python = Command::new("python3");
    python
        .arg("-sB")
        .current_dir(checkout.path("contracts"))
        .env("PYTHONPATH", checkout.tools("analysis"))
        .env("PATH", path);
    python
}
