//! Programs in Rust, by cargo for wasm32-unknown-unknown.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{ContextCompat as _, Result};

use super::{built, tool};
use crate::errors::refusal;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds a project into a core module.
pub fn build(folder: &Path) -> Result<Vec<u8>> {
    require_target()?;
    // Kept from build to build, unless the user keeps it elsewhere.
    let kept = std::env::var_os("CARGO_TARGET_DIR").map_or(folder.join("target"), PathBuf::from);
    let mut command = Command::new("cargo");
    command
        .args(["build", "--release", "--target", TARGET, "--lib"])
        .arg("--target-dir")
        .arg(std::path::absolute(&kept)?)
        .current_dir(folder)
        // Flags for programs of this machine do not go with another target.
        .env_remove("RUSTFLAGS");
    tool::compile("cargo", &mut command)?;
    built(&newest_module(&kept.join(TARGET).join("release"))?)
}

fn require_target() -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let there = library.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&folder).is_dir()
    });
    // Whoever builds the standard library along does not need it installed.
    if there || std::env::var_os("CARGO_UNSTABLE_BUILD_STD").is_some() {
        return Ok(());
    }
    Err(refusal(
        "no_wasm_target",
        format!("the Rust toolchain has no target {TARGET}"),
        format!("run `rustup target add {TARGET}`"),
    ))
}

/// The one module that the project's library became.
fn newest_module(folder: &Path) -> Result<PathBuf> {
    let modules = folder.read_dir()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let changed = path.metadata().ok()?.modified().ok()?;
        (path.extension()? == "wasm").then_some((changed, path))
    });
    modules
        .max()
        .map(|(_, path)| path)
        .wrap_err("cargo made no WebAssembly module; is the library's crate-type cdylib?")
}
