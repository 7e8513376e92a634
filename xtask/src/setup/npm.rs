//! Foundry's programs, the Solidity compiler and the contract libraries, from npm.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Result, WrapErr as _};

use super::{Part, Setup, link, remove, replace, workshop};
use crate::process;

/// Foundry's version: what formats and tests the contracts must be the same for everybody.
const FOUNDRY: &str = "1.7.1";
/// The Solidity compiler's version.
const SOLC: &str = "0.8.37";
/// The compiler from npm as a program, see the file.
const SOLC_PROGRAM: &str = include_str!("../../assets/solc.cjs");

/// Installs the packages and makes the programs in `.tools/bin`.
pub fn install(setup: &Setup<'_>) -> Result<()> {
    let checkout = setup.checkout;
    let lock = checkout.path("deploy/lock/npm");
    let target = checkout.tools("npm");
    let part = Part {
        name: "npm packages",
        doing: "downloading Foundry, solc and contract libraries (100 MB)",
        words: &[],
        inputs: vec![lock.clone()],
        result: target.join("node_modules/solc"),
    };
    setup.part(&part, || packages(&lock, &target))?;
    link(
        Path::new("../.tools/npm/node_modules"),
        &checkout.path("contracts/node_modules"),
    )?;
    programs(setup)
}

/// Puts the packages that the folder `lock` names into the folder `target`.
pub fn packages(lock: &Path, target: &Path) -> Result<()> {
    let folder = workshop(target)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(lock.join(file), folder.join(file)).wrap_err(file)?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(&folder);
    process::quietly(&mut npm)?;
    replace(target, &folder)
}

/// Makes `anvil`, `forge`, `cast` and `solc`: the user's own of the same version, or ours.
fn programs(setup: &Setup<'_>) -> Result<()> {
    let bin = setup.checkout.tools("bin");
    let names = ["anvil", "forge", "cast", "solc"];
    let part = Part {
        name: "programs",
        doing: "linking anvil, forge, cast and solc",
        words: &[FOUNDRY, SOLC, SOLC_PROGRAM],
        inputs: Vec::new(),
        // A link to a program that the user has since removed counts as missing.
        result: names
            .iter()
            .map(|name| bin.join(name))
            .find(|program| !program.exists())
            .unwrap_or_else(|| bin.clone()),
    };
    setup.part(&part, || {
        fs::create_dir_all(&bin)?;
        for name in ["anvil", "forge", "cast"] {
            let ours = format!("../npm/node_modules/@foundry-rs/{name}-linux-amd64/bin/{name}");
            let program = of_the_user(setup, name, FOUNDRY).unwrap_or_else(|| ours.into());
            link(&program, &bin.join(name))?;
        }
        let solc = bin.join("solc");
        match of_the_user(setup, "solc", SOLC) {
            Some(native) => link(&native, &solc),
            None => {
                remove(&solc)?;
                fs::write(&solc, SOLC_PROGRAM)?;
                Ok(fs::set_permissions(
                    &solc,
                    fs::Permissions::from_mode(0o755),
                )?)
            }
        }
    })
}

/// The program `name` on the user's path, if it has exactly this version.
fn of_the_user(setup: &Setup<'_>, name: &str, version: &str) -> Option<PathBuf> {
    let own = setup.checkout.tools("").canonicalize().ok()?;
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .filter(|program| {
            program
                .canonicalize()
                .is_ok_and(|path| !path.starts_with(&own))
        })
        .find(|program| {
            // forge prints `forge Version: 1.7.1`, solc `Version: 0.8.37+commit.…`.
            process::answer(program, &["--version"]).is_some_and(|said| {
                said.split_whitespace()
                    .any(|word| word.split(['+', '-']).next() == Some(version))
            })
        })
}
