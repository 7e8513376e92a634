//! Creation bytecode of EigenLayer's core, out of the source of `eigen-utils`.
//!
//! The crate is pinned in `Cargo.lock` like every other, and cargo fetches it and checks its
//! digest; but it is only read, never compiled: all that is needed of it are a few constants,
//! and it would bring a second alloy, an SDK of AWS and OpenSSL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use eyre::{Result, WrapErr as _, bail, eyre};
use serde_json::Value;

use super::{Part, Setup, replace, workshop};
use crate::process;

/// The crate.
const CRATE: &str = "eigen-utils";
/// The feature of `zarathustra-deploy` that depends on it. No build has it on.
const FEATURE: &str = "eigenlayer-bytecode";
/// The one platform that set-up serves; the crates of others need not be fetched.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// The contracts and the modules that hold them.
const CONTRACTS: [(&str, &str); 8] = [
    (
        "AllocationManager",
        "src/slashing/core/allocation_manager.rs",
    ),
    ("AVSDirectory", "src/slashing/core/avs_directory.rs"),
    (
        "DelegationManager",
        "src/slashing/core/delegation_manager.rs",
    ),
    ("EigenPod", "src/slashing/core/eigen_pod.rs"),
    ("EigenPodManager", "src/slashing/core/eigen_pod_manager.rs"),
    (
        "PermissionController",
        "src/slashing/core/permission_controller.rs",
    ),
    // The slashing release has no newer one in the crate.
    (
        "RewardsCoordinator",
        "src/rewardsv2/core/rewards_coordinator.rs",
    ),
    ("StrategyManager", "src/slashing/core/strategy_manager.rs"),
];

/// What comes before a contract's creation bytecode in its module.
const CONSTANT: &str = "pub static BYTECODE: ";

/// Writes the bytecode to `.tools/eigenlayer/<Contract>.bin`.
pub fn extract(setup: &Setup<'_>) -> Result<()> {
    let checkout = setup.checkout;
    let lock = checkout.path("Cargo.lock");
    let lock = fs::read_to_string(&lock).wrap_err_with(|| lock.display().to_string())?;
    let pin = pin(&lock)?;
    let target = checkout.tools("eigenlayer");
    let missing = CONTRACTS
        .iter()
        .map(|(contract, _)| file(&target, contract))
        .find(|file| !file.exists());
    let part = Part {
        name: "EigenLayer",
        doing: "fetching eigen-utils and reading the bytecode of the core out of its source",
        words: &[pin.version, pin.checksum],
        inputs: vec![checkout.path("xtask/src/setup/eigenlayer.rs")],
        result: missing.unwrap_or_else(|| target.clone()),
    };
    setup.part(&part, || {
        let source = fetch(setup, &pin)?;
        let folder = workshop(&target)?;
        for (contract, module) in CONTRACTS {
            let path = source.join(module);
            let text = fs::read_to_string(&path).wrap_err_with(|| path.display().to_string())?;
            let code = bytecode(&text).wrap_err_with(|| path.display().to_string())?;
            fs::write(file(&folder, contract), code)?;
        }
        replace(&target, &folder)
    })
}

fn file(folder: &Path, contract: &str) -> PathBuf {
    folder.join(contract).with_extension("bin")
}

/// What `Cargo.lock` says of the crate.
#[derive(Debug, PartialEq, Eq)]
struct Pin<'a> {
    version: &'a str,
    checksum: &'a str,
}

fn pin(lock: &str) -> Result<Pin<'_>> {
    let named = format!("\nname = \"{CRATE}\"\n");
    let mut entries = lock
        .split("[[package]]")
        .filter(|entry| entry.starts_with(&named));
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        bail!("Cargo.lock does not have exactly one {CRATE}");
    };
    let field = |name: &str| {
        entry
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or_else(|| eyre!("Cargo.lock has no {name} of {CRATE}"))
    };
    Ok(Pin {
        version: field("version")?,
        checksum: field("checksum")?,
    })
}

/// Lets cargo fetch the crate and check its digest, and returns the folder of its source.
fn fetch(setup: &Setup<'_>, pin: &Pin<'_>) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--features", FEATURE, "--filter-platform", PLATFORM])
        .arg("--manifest-path")
        .arg(setup.checkout.path("deploy/Cargo.toml"))
        .stderr(Stdio::inherit());
    let output = cargo.output().wrap_err_with(|| process::describe(&cargo))?;
    if !output.status.success() {
        bail!(
            "`{}` ended with {}",
            process::describe(&cargo),
            output.status
        );
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).wrap_err_with(|| process::describe(&cargo))?;
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == CRATE && package["version"] == pin.version)
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or_else(|| eyre!("cargo knows no {CRATE} {}", pin.version))?;
    let manifest = Path::new(manifest);
    let folder = manifest
        .parent()
        .ok_or_else(|| eyre!("{} has no folder", manifest.display()))?;
    Ok(folder.to_owned())
}

/// The creation bytecode in a module's source.
fn bytecode(source: &str) -> Result<Vec<u8>> {
    let mut after = source.split(CONSTANT).skip(1);
    let (Some(declaration), None) = (after.next(), after.next()) else {
        bail!("it does not have exactly one `{CONSTANT}`");
    };
    // The rest of the declaration, up to its end, holds nothing else in quotes.
    let (before, text) = declaration
        .split_once("b\"")
        .filter(|(before, _)| !before.contains(';'))
        .ok_or_else(|| eyre!("`{CONSTANT}` is no byte string"))?;
    let code = byte_string(text).wrap_err_with(|| format!("{CONSTANT}{}", before.trim_end()))?;
    if code.is_empty() {
        bail!("`{CONSTANT}` is empty: the contract is abstract");
    }
    Ok(code)
}

/// The bytes of a byte string literal whose opening quote was read.
fn byte_string(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        let (byte, after) = match rest {
            [b'"', ..] => return Ok(bytes),
            [b'\\', b'x', high, low, after @ ..] => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let byte = digit(*high)
                    .zip(digit(*low))
                    .and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                (byte, after)
            }
            [b'\\', escape, after @ ..] => {
                let byte = match escape {
                    b'0' => Some(0),
                    b'n' => Some(b'\n'),
                    b'r' => Some(b'\r'),
                    b't' => Some(b'\t'),
                    b'\\' | b'"' | b'\'' => Some(*escape),
                    _ => None,
                };
                (byte, after)
            }
            [byte, after @ ..] => (byte.is_ascii().then_some(*byte), after),
            [] => bail!("the byte string has no end"),
        };
        let byte = byte.ok_or_else(|| {
            let start = &rest[..rest.len().min(4)];
            eyre!(
                "cannot be read at byte {}: {}",
                bytes.len(),
                start.escape_ascii()
            )
        })?;
        bytes.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_read_as_the_compiler_reads_it() -> Result<()> {
        let text = r#"a`\x00\xfF\0\n\r\t\\\"\'"; more"#;
        assert_eq!(byte_string(text)?, b"a`\x00\xfF\0\n\r\t\\\"\'");
        let cut = text.strip_suffix("\"; more").expect("it ends so");
        assert!(byte_string(cut).is_err());
        for bad in [r#"\xg0""#, r#"\x1""#, r#"\u{61}""#, "\u{e9}\"", "\\\n\""] {
            assert!(byte_string(bad).is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn the_constant_is_found_or_missed_by_name() -> Result<()> {
        let whole = r#"
            pub static BYTECODE: Bytes = Bytes::from_static(
                b"`\x80",
            );
            pub static DEPLOYED_BYTECODE: Bytes = Bytes::from_static(b"R");
        "#;
        assert_eq!(bytecode(whole)?, [0x60, 0x80]);
        let other = &whole[whole.find("pub static DEPLOYED").expect("it is there")..];
        let twice = whole.repeat(2);
        let empty = whole.replace(r"`\x80", "");
        let computed = whole.replacen(r#"b"`\x80""#, "&CODE", 1);
        for bad in [other, &twice, &empty, &computed] {
            let error = bytecode(bad).expect_err(bad).to_string();
            assert!(error.contains("BYTECODE"), "{error}");
        }
        Ok(())
    }

    #[test]
    fn the_pin_is_the_one_of_the_crate() -> Result<()> {
        let entry = |name: &str, checksum: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"2.0.0\"\n\
                 source = \"registry\"\nchecksum = \"{checksum}\"\n\n"
            )
        };
        let lock = entry("eigen-utilsx", "aa") + &entry(CRATE, "bb") + &entry("either", "cc");
        let expected = Pin {
            version: "2.0.0",
            checksum: "bb",
        };
        assert_eq!(pin(&lock)?, expected);
        assert!(pin(&entry("either", "cc")).is_err());
        assert!(pin(&entry(CRATE, "bb").repeat(2)).is_err());
        Ok(())
    }
}
