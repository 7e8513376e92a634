//! What runs the reference engine on an aarch64 processor, from Debian's packages.
//!
//! Only one test needs it, and names what it lacks where it is not there. So this tries, as root
//! on Debian 12, and never makes set-up fail.

use eyre::Result;

use super::say;
use crate::process;

/// A Rust compiler with the standard library of that processor, a linker with the C library, and
/// an emulator.
const PACKAGES: [&str; 5] = [
    "rustc-web",
    "libstd-rust-web-dev:arm64",
    "gcc-12-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-user-static",
];

/// Installs the packages if this is Debian 12, the user is root and one is missing.
pub fn try_to_install() {
    if !debian_12() || !root() || PACKAGES.iter().all(installed) {
        return;
    }
    say("aarch64: installing Debian's packages (300 MB, 1.5 GB unpacked)");
    if let Err(error) = install() {
        // The first line says which command failed, what follows is its output.
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        say(&format!("aarch64: that test will be skipped: {reason}"));
    }
}

/// Other systems have other packages, and archives without this processor.
fn debian_12() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    ["ID=debian", "VERSION_ID=\"12\""]
        .iter()
        .all(|wanted| release.lines().any(|line| line == *wanted))
}

fn root() -> bool {
    process::answer("id", &["-u"]).is_some_and(|user| user.trim() == "0")
}

fn installed(package: &&str) -> bool {
    process::answer("dpkg-query", &["--show", "--showformat=${Status}", package])
        .is_some_and(|status| status == "install ok installed")
}

fn install() -> Result<()> {
    run("dpkg", &["--add-architecture", "arm64"])?;
    run("apt-get", &["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-remove", "--no-install-recommends"];
    arguments.extend(PACKAGES);
    run("apt-get", &arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::quietly(&mut command)
}
