//! `cargo xtask deploy`: set-up, build, then `zarathustra deploy`.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use eyre::{Report, Result, WrapErr as _};

use crate::{
    checkout::Checkout,
    process,
    setup::{Setup, contracts::Abi},
};

/// The command line.
const PROGRAM: &str = "zarathustra";

/// Compiles the contracts, builds the command line and becomes its deployment; returns only when
/// that fails.
pub fn run(checkout: &Checkout, setup: &Setup<'_>, arguments: &[OsString]) -> Result<()> {
    setup.tools()?;
    setup.contracts(Abi::Leave)?;
    let mut build = Command::new("cargo");
    // With --workspace its dependencies get the features that the rest of the workspace gives
    // them, and are not built a second time.
    build
        .args(["build", "--quiet", "--workspace", "--bin", PROGRAM])
        .current_dir(checkout.root());
    process::openly(&mut build)?;

    let mut deploy = Command::new(checkout.program(PROGRAM)?);
    deploy
        .arg("deploy")
        .arg("--artifacts")
        .arg(checkout.tools("contracts"))
        .args(arguments);
    Err(Report::from(deploy.exec())).wrap_err_with(|| process::describe(&deploy))
}
