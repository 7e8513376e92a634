//! Writes what Rust needs of the contracts: ABI files, which are committed, and artefacts
//! with code, which are not.
//!
//! Run it by `cargo xtask abi` or, for the artefacts alone, `cargo xtask setup`.

mod compile;
mod settings;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use eyre::{Result, WrapErr as _, bail};
use serde::Serialize;

use compile::Compiled;

/// What to do with the ABI files in the tree; artefacts are written in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Abi {
    Leave,
    Write,
    Check,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let abi = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Abi::Leave,
        (Some("--write"), None) => Abi::Write,
        (Some("--check"), None) => Abi::Check,
        _ => bail!("usage: zarathustra-abi-generate [--write | --check]"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate lies two folders below the root");
    let target = root.join(".tools/contracts");
    let compiled = compile::compile(&root.join("contracts"), &target.join("cache"))?;

    write_all(&target, &artefacts(&compiled)?)?;
    let committed = root.join("abi");
    match abi {
        Abi::Leave => Ok(()),
        Abi::Write => write_all(&committed, &abi_files(&compiled)?),
        Abi::Check => check(&committed, &abi_files(&compiled)?),
    }
}

/// What a deployment reads. The fields are written in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artefact<'a, T> {
    abi: T,
    bytecode: &'a str,
    deployed_bytecode: &'a str,
}

/// `<Name>.json` with ABI and code, for every contract that can be deployed.
fn artefacts(compiled: &BTreeMap<String, Compiled>) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (name, contract) in compiled {
        if let Some(code) = &contract.code {
            let artefact = Artefact {
                abi: contract.abi(),
                bytecode: &code.creation,
                deployed_bytecode: &code.deployed,
            };
            files.insert(file_name(name), text(&artefact)?);
        }
    }
    Ok(files)
}

/// `<Name>.json` with the ABI alone, for the project's interfaces and deployable contracts.
fn abi_files(compiled: &BTreeMap<String, Compiled>) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (name, contract) in compiled {
        if contract.published {
            files.insert(file_name(name), text(&contract.abi())?);
        }
    }
    Ok(files)
}

fn file_name(contract: &str) -> String {
    format!("{contract}.json")
}

fn text(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes `files` into `folder` and removes every other JSON file there.
///
/// A file that already has its text keeps its time stamp, so that nothing is built again.
fn write_all(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    std::fs::create_dir_all(folder).wrap_err_with(|| folder.display().to_string())?;
    for path in stray(folder, files)? {
        std::fs::remove_file(&path).wrap_err_with(|| path.display().to_string())?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            std::fs::write(&path, text).wrap_err_with(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn check(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    let mut stale: Vec<PathBuf> = stray(folder, files)?;
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).ok().as_ref() != Some(text) {
            stale.push(path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    stale.sort();
    let names: Vec<String> = stale
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    bail!(
        "not what the contracts compile to (run `cargo xtask abi`):\n  {}",
        names.join("\n  ")
    )
}

/// JSON files in `folder` that `files` does not name.
fn stray(folder: &Path, files: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder
        .read_dir()
        .wrap_err_with(|| folder.display().to_string())?
    {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.extension().is_some_and(|kind| kind == "json") && !files.contains_key(name) {
            found.push(path);
        }
    }
    Ok(found)
}
