//! The contracts, compiled for Rust: artefacts with code in `.tools/contracts`, ABI in `abi`.

use std::process::Command;

use eyre::Result;

use super::{Part, Setup};
use crate::process;

/// What to do with the committed ABI files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    /// Nothing.
    Leave,
    /// Write them.
    Write,
    /// Fail when one differs.
    Check,
}

/// The program that compiles.
const GENERATOR: &str = "zarathustra-abi-generate";

/// Compiles the contracts when something has changed, or the ABI files matter.
pub fn build(setup: &Setup<'_>, abi: Abi) -> Result<()> {
    let option = match abi {
        Abi::Leave => None,
        Abi::Write => Some("--write"),
        Abi::Check => Some("--check"),
    };
    if let Some(option) = option {
        return generate(setup, Some(option));
    }
    let checkout = setup.checkout;
    let part = Part {
        name: "contracts",
        doing: "compiling (the first time, the program that compiles them is built too)",
        words: &[],
        inputs: vec![
            checkout.path("abi/generate/src"),
            checkout.path("contracts/foundry.toml"),
            checkout.path("contracts/src"),
            checkout.path("deploy/lock/npm"),
        ],
        result: checkout.tools("contracts/ModelSubmission.json"),
    };
    setup.part(&part, || generate(setup, None))
}

fn generate(setup: &Setup<'_>, option: Option<&str>) -> Result<()> {
    let mut build = Command::new("cargo");
    // With --workspace its dependencies get the features that the rest of the workspace
    // gives them, and are not built a second time.
    build
        .args(["build", "--quiet", "--workspace", "--bin", GENERATOR])
        .current_dir(setup.checkout.root());
    process::openly(&mut build)?;
    process::openly(Command::new(setup.checkout.program(GENERATOR)?).args(option))
}
