//! Wheels from the Python package index, checked by hash.

use std::{path::Path, process::Command};

use eyre::Result;

use super::{Part, Setup, replace, workshop};
use crate::process;

/// Platform tags that the pinned wheels carry. With the version below they fix one file each,
/// whatever Python the user has.
const PLATFORMS: [&str; 5] = [
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_17_x86_64",
];

/// The wheels are for this version. Only their libraries are used, except for those of
/// componentize-py, which fit every later Python too.
const PYTHON: &str = "3.11";

/// Installs what turns evaluation programs in Python into components.
pub fn install_componentize(setup: &Setup<'_>) -> Result<()> {
    let lock = setup
        .checkout
        .path("deploy/lock/python/componentize-py.txt");
    let target = setup.checkout.tools("python");
    let part = Part {
        name: "componentize-py",
        doing: "downloading (17 MB)",
        words: &[],
        inputs: vec![lock.clone()],
        result: target.join("bin/componentize-py"),
    };
    setup.part(&part, || install(&lock, &target))
}

/// Installs a C compiler for wasm32-wasi, for evaluation programs in C.
pub fn install_zig(setup: &Setup<'_>) -> Result<()> {
    let lock = setup.checkout.path("deploy/lock/python/ziglang.txt");
    let target = setup.checkout.tools("zig");
    let part = Part {
        name: "zig",
        doing: "downloading (101 MB)",
        words: &[],
        inputs: vec![lock.clone()],
        result: target.join("ziglang/zig"),
    };
    setup.part(&part, || install(&lock, &target))
}

/// Puts the wheels that `lock` names into the folder `target`.
pub fn install(lock: &Path, target: &Path) -> Result<()> {
    let folder = workshop(target)?;
    let mut pip = pip(&[lock], &folder);
    pip.args(["--python-version", PYTHON, "--implementation", "cp"])
        .args(
            PLATFORMS
                .iter()
                .flat_map(|platform| ["--platform", platform]),
        );
    process::quietly(&mut pip)?;
    replace(target, &folder)
}

/// Puts the wheels that `locks` name, as they fit the Python that runs, into the folder `target`.
pub fn install_for_this_python(locks: &[&Path], target: &Path) -> Result<()> {
    process::quietly(&mut pip(locks, target))
}

/// pip, told to install exactly the wheels of `locks` in `folder`.
fn pip(locks: &[&Path], folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ])
    .args([
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--require-hashes",
    ])
    .arg("--target")
    .arg(folder);
    for lock in locks {
        pip.arg("--requirement").arg(lock);
    }
    // A user's settings for ordinary installations do not go with a folder of one's own.
    pip.env("PIP_USER", "0")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .env_remove("PIP_TARGET")
        .env_remove("PIP_PREFIX");
    pip
}
