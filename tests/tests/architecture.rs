//! Who may know whom. Absences cannot be seen in code, so they are asserted here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What each library crate may know of the others. `primitives <- protocol <- roles`; beside that
/// `bls`, `content`, `eval` and `node` know nothing of each other. A kind of task is known to the
/// crates that implement it and to the programs that run it: nothing below may name `improve` or
/// `retain`.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("primitives", &[]),
    ("protocol", &["primitives"]),
    ("statistics", &["primitives", "protocol"]),
    ("bls", &["primitives"]),
    ("signer", &["bls", "primitives"]),
    ("chain", &["abi", "bls", "primitives"]),
    ("content", &["primitives"]),
    ("model", &[]),
    ("reference", &["model"]),
    ("eval", &["model", "primitives", "protocol"]),
    ("worker", &["eval", "model", "primitives", "reference"]),
    ("fuzz", &["eval", "primitives"]),
    ("node", &["primitives"]),
    ("wire", &["chain", "primitives"]),
    (
        "improve",
        &["chain", "content", "eval", "node", "primitives", "protocol"],
    ),
    ("retain", &["chain", "content", "node", "primitives"]),
];

/// Programs, which nothing may build on.
const PROGRAMS: &[&str] = &["aggregator", "performer", "cli", "worker"];

/// Libraries that are the business of a few crates alone.
const CONFINED: &[(&str, &[&str])] = &[
    // The curve.
    ("blst", &["bls"]),
    // Keystores.
    ("eth-keystore", &["signer"]),
    // The engine runs in a child process; training is an example of what an optimizer does.
    ("tch", &["worker", "x-squared-train"]),
    ("wasmtime", &["worker"]),
    ("wasmtime-wasi", &["worker"]),
    ("wasmtime-wasi-nn", &["worker"]),
    ("rust-ipfs", &["content"]),
    ("ipfs-api-backend-hyper", &["content"]),
    // What the reference engine takes for exp, tanh and the like.
    ("libm", &["reference"]),
    // Its last release is old: local deployments of EigenLayer need its bytecode, nothing else.
    ("eigen-utils", &["deploy"]),
];

/// Crates without clock, socket or thread of their own.
const PURE: &[&str] = &["primitives", "protocol", "bls", "signer", "reference"];

/// What a pure crate may not lean on.
const IMPURE: &[&str] = &["tokio", "axum", "reqwest", "futures", "tracing"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A crate's folder, and the names of what it depends on outside tests and build scripts, all
/// without the common prefix.
struct Package {
    folder: PathBuf,
    dependencies: BTreeSet<String>,
}

fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(package).collect()
}

fn package(package: &Value) -> (String, Package) {
    let short = |value: &Value| {
        let name = value["name"].as_str().expect("a name");
        name.strip_prefix("zarathustra-").unwrap_or(name).to_owned()
    };
    let manifest = package["manifest_path"].as_str().expect("a path");
    let folder = Path::new(manifest).parent().expect("a folder").to_owned();
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let normal = dependencies
        .iter()
        .filter(|dependency| dependency["kind"].is_null());
    (
        short(package),
        Package {
            folder,
            dependencies: normal.map(short).collect(),
        },
    )
}

#[test]
fn library_crates_know_only_what_they_may() {
    let packages = packages();
    for (name, may_know) in MAY_KNOW {
        let package = packages
            .get(*name)
            .unwrap_or_else(|| panic!("no crate {name}"));
        let ours = package
            .dependencies
            .iter()
            .filter(|name| packages.contains_key(*name));
        let forbidden: Vec<_> = ours
            .filter(|name| !may_know.contains(&name.as_str()))
            .collect();
        assert!(
            forbidden.is_empty(),
            "{name} may not depend on {forbidden:?}"
        );
    }
}

#[test]
fn nothing_builds_on_a_program() {
    for (name, package) in packages() {
        let built_on: Vec<_> = PROGRAMS
            .iter()
            .filter(|program| package.dependencies.contains(**program))
            .collect();
        assert!(built_on.is_empty(), "{name} may not depend on {built_on:?}");
    }
}

#[test]
fn libraries_are_confined_to_the_crates_that_wrap_them() {
    let packages = packages();
    for (library, may) in CONFINED {
        let users = packages
            .iter()
            .filter(|(_, package)| package.dependencies.contains(*library));
        let others: Vec<_> = users
            .map(|(name, _)| name.as_str())
            .filter(|name| !may.contains(name))
            .collect();
        assert!(
            others.is_empty(),
            "{library} is for {may:?} alone, not for {others:?}"
        );
    }
}

/// What deploys is part of the command line; `eigen-utils` is a feature of it that only set-up turns
/// on, to fetch its source.
#[test]
fn no_crate_asks_for_eigenlayers_bytecode_as_a_library() {
    for (name, package) in packages() {
        let manifest = package.folder.join("Cargo.toml");
        let text = fs::read_to_string(manifest).expect("a manifest");
        let asks = text
            .lines()
            .filter(|line| line.contains("eigenlayer-bytecode"));
        let lines: Vec<_> = asks.collect();
        let expected: &[&str] = match name.as_str() {
            "deploy" => &["eigenlayer-bytecode = [\"dep:eigen-utils\"]"],
            _ => &[],
        };
        assert_eq!(lines, expected, "{name}");
    }
}

#[test]
fn pure_crates_have_no_clock_and_no_socket() {
    let packages = packages();
    for name in PURE {
        let package = &packages[*name];
        let found: Vec<_> = IMPURE
            .iter()
            .filter(|library| package.dependencies.contains(**library))
            .collect();
        assert!(found.is_empty(), "{name} may not depend on {found:?}");
        for name in ["Instant", "SystemTime", "std::net", "async fn"] {
            assert_absent(&package.folder.join("src"), name);
        }
    }
}

#[test]
fn consensus_values_are_integers() {
    let packages = packages();
    for name in ["primitives", "protocol"] {
        for float in ["f32", "f64"] {
            assert_absent(&packages[name].folder.join("src"), float);
        }
    }
}

/// Daemons reach the chain through `chain` alone. The command line reads tokens and logs as well.
#[test]
fn only_chain_and_the_command_line_know_providers() {
    let packages = packages();
    let operators = root()
        .join("operator")
        .canonicalize()
        .expect("the folder exists");
    let daemons = ["performer", "attester", "aggregator"];
    for (name, package) in &packages {
        let checked = package.folder.starts_with(&operators) || daemons.contains(&name.as_str());
        if checked && !["chain", "cli"].contains(&name.as_str()) {
            assert_absent(&package.folder.join("src"), "alloy::providers");
        }
    }
}

/// Fails when a word stands in a source file below a folder.
fn assert_absent(folder: &Path, word: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_absent(&path, word);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a file");
            let line = text.lines().position(|line| stands_in(line, word));
            assert!(
                line.is_none(),
                "{word} in {}, line {}",
                path.display(),
                line.unwrap_or(0) + 1
            );
        }
    }
}

/// Whether a word stands in a line of code, not as part of a longer one and not in a comment.
fn stands_in(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(in_word) && !code[at + word.len()..].starts_with(in_word)
    })
}

#[test]
fn words_are_found_as_words() {
    assert!(stands_in("let x: f64 = 1.0;", "f64"));
    assert!(!stands_in("let af64 = f64_bits; // f64", "f64"));
}
