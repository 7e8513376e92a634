//! The reference engine answers the same bits on an aarch64 processor, which QEMU plays.
//!
//! Needs a Rust compiler with the standard library of that processor, a linker and QEMU: what is
//! missing is named, and the test skipped. On Debian, as root, `cargo xtask setup` installs them.

#[path = "common/compute.rs"]
mod compute;
#[path = "common/digest.rs"]
mod digests;
#[path = "common/functions.rs"]
mod functions;
#[path = "common/operation.rs"]
mod operation;
#[path = "../../../tests/vectors/operators.rs"]
mod vectors;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use sha2::{Digest as _, Sha256};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Compilers that may have the target: the one in use, then that of Debian's `rustc-web`.
const COMPILERS: &[&str] = &["rustc", "/usr/bin/rustc"];
const LINKERS: &[&str] = &["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc-12"];
const EMULATORS: &[&str] = &["qemu-aarch64-static", "qemu-aarch64"];

#[test]
fn the_bits_are_those_of_this_processor() {
    let found = [
        (
            compiler(),
            "a Rust compiler with the standard library of aarch64-unknown-linux-gnu (\
            `rustup target add aarch64-unknown-linux-gnu`, or Debian's rustc-web and \
            libstd-rust-web-dev:arm64)",
        ),
        (
            first(LINKERS),
            "a linker (gcc-aarch64-linux-gnu or gcc-12-aarch64-linux-gnu)",
        ),
        (first(EMULATORS), "QEMU (qemu-user-static)"),
    ];
    let missing: Vec<_> = found
        .iter()
        .filter(|(program, _)| program.is_none())
        .collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(_, name)| *name).collect();
        println!("skipped: not on this machine: {}", names.join("; "));
        return;
    }
    let [compiler, linker, emulator] = found.map(|(program, _)| program.expect("none is missing"));

    let program = build(compiler, linker);
    let output = output(Command::new(emulator).arg(&program));
    let there: Vec<_> = output.lines().collect();
    let here = digests::lines();
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len());
    let [here, there] = [here.join("\n"), there.join("\n")].map(|lines| digest(&lines));
    println!("{} {here}\naarch64 {there}", env::consts::ARCH);
    assert_eq!(here, there);
}

/// Builds the example for the other processor, in a folder of its own: its compiler may be another
/// version than the one in use.
fn build(compiler: &str, linker: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("aarch64");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "--offline",
            "--locked",
            "--example",
            "digest",
        ])
        .args(["--package", "zarathustra-reference", "--target", TARGET])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    for of_this_build in [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_RESOLVER_FEATURE_UNIFICATION",
        "CARGO_UNSTABLE_FEATURE_UNIFICATION",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        command.env_remove(of_this_build);
    }
    command
        .env("RUSTC", compiler)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", linker)
        // One file, so that QEMU needs no system of the other processor.
        .env("RUSTFLAGS", "-C target-feature=+crt-static");
    output(&mut command);
    folder.join(TARGET).join("debug/examples/digest")
}

fn compiler() -> Option<&'static str> {
    COMPILERS.iter().copied().find(|compiler| {
        let mut command = Command::new(compiler);
        command.args(["--print", "target-libdir", "--target", TARGET]);
        let Ok(output) = command.output() else {
            return false;
        };
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let files = Path::new(&folder)
            .read_dir()
            .into_iter()
            .flatten()
            .flatten();
        let mut names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.any(|name| name.starts_with("libstd-"))
    })
}

/// The first of these programs that runs.
fn first(programs: &[&'static str]) -> Option<&'static str> {
    programs.iter().copied().find(|program| {
        let mut command = Command::new(program);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// What a command prints. It has to succeed.
fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    String::from_utf8(output.stdout).expect("text")
}

fn digest(text: impl AsRef<str>) -> String {
    let digest = Sha256::digest(text.as_ref());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
