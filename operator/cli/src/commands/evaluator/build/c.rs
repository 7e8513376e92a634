//! Programs in C, by clang or zig for wasm32-wasi.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Context as _, Result, eyre};
use wit_bindgen_core::Files;
use wit_parser::Resolve;

use super::{EVALUATOR_WIT, NN_WIT, WORLD, built, tool};
use crate::errors::refusal;

/// Understood by clang and by zig.
const TARGET: &str = "--target=wasm32-wasi";

/// Builds a core module from a program and the bindings, which are written beside it.
pub fn build(cc: Option<&Path>, python: &Path, source: &Path) -> Result<Vec<u8>> {
    let compiler = find(cc, python)?;
    let bindings = source.parent().unwrap_or(Path::new("")).join("bindings");
    write_bindings(&bindings)?;
    let folder = tempfile::tempdir().wrap_err("make a folder")?;
    let output = folder.path().join("core.wasm");
    let mut command = Command::new(&compiler[0]);
    command
        .args(&compiler[1..])
        .arg(TARGET)
        .args(["-mexec-model=reactor", "-O2", "-g0", "-Wl,--strip-debug"])
        // Nothing is fused or reassociated: the component computes what is written.
        .args(["-ffp-contract=off", "-o"])
        .arg(&output)
        .arg(source)
        .args(["evaluator.c", "evaluator_component_type.o"].map(|name| bindings.join(name)));
    tool::compile("the C compiler", &mut command)?;
    built(&output)
}

/// A C compiler, in the words that start it.
fn find(cc: Option<&Path>, python: &Path) -> Result<Vec<PathBuf>> {
    let answers = |words: &[&Path], argument: &str| {
        tool::works(Command::new(words[0]).args(&words[1..]).arg(argument))
    };
    let compiler =
        |words: &[&Path]| -> Vec<PathBuf> { words.iter().map(|word| (*word).to_owned()).collect() };
    if let Some(cc) = cc {
        return Ok(compiler(&[cc]));
    }
    let [zig, module, ziglang] = ["zig", "-m", "ziglang"].map(Path::new);
    if answers(&[zig], "version") {
        return Ok(compiler(&[zig, Path::new("cc")]));
    }
    if answers(&[python, module, ziglang], "version") {
        return Ok(compiler(&[python, module, ziglang, Path::new("cc")]));
    }
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|sdk| Path::new(&sdk).join("bin/clang"));
    if let Some(clang) = sdk.filter(|clang| clang.is_file()) {
        return Ok(compiler(&[clang.as_path()]));
    }
    Err(refusal(
        "no_c_compiler",
        "there is no C compiler for wasm32-wasi",
        "run `python3 -m pip install ziglang==0.17.1`, set WASI_SDK_PATH, or name a compiler with --cc",
    ))
}

/// Writes what a program includes and is linked with.
fn write_bindings(folder: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let parsed = resolve
        .push_source("wasi-nn.wit", NN_WIT)
        .and_then(|_| resolve.push_source("evaluator.wit", EVALUATOR_WIT))
        .and_then(|package| resolve.select_world(&[package], Some(WORLD)));
    let world = parsed.map_err(|error| eyre!("read the contract of evaluators: {error:#}"))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| eyre!("make bindings for C: {error:#}"))?;
    std::fs::create_dir_all(folder).wrap_err_with(|| format!("create {}", folder.display()))?;
    for (name, bytes) in files.iter() {
        let path = folder.join(name);
        std::fs::write(&path, bytes).wrap_err_with(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
