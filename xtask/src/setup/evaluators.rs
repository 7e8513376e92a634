//! Evaluation programs in Python, built into WebAssembly components.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Result, WrapErr as _};

use super::{Part, Setup, remove, workshop};
use crate::process;

/// Builds `examples/<name>/evaluator.py` into `.tools/evaluators/<name>.wasm`, for all of them.
pub fn build(setup: &Setup<'_>) -> Result<()> {
    let examples = setup.checkout.path("examples");
    for entry in examples
        .read_dir()
        .wrap_err_with(|| examples.display().to_string())?
    {
        let folder = entry?.path();
        if folder.join("evaluator.py").is_file() {
            build_one(setup, &folder)?;
        }
    }
    Ok(())
}

fn build_one(setup: &Setup<'_>, folder: &Path) -> Result<()> {
    let checkout = setup.checkout;
    let source = folder.join("evaluator.py");
    let interfaces = checkout.path("operator/eval/wit");
    let package = checkout.path("python/evaluator/zarathustra_evaluator");
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let component: PathBuf = checkout.tools("evaluators").join(format!("{name}.wasm"));
    let mut inputs = modules(folder)?;
    inputs.extend([
        interfaces.clone(),
        package.clone(),
        checkout.path("deploy/lock/python/componentize-py.txt"),
    ]);
    let part = Part {
        name: &format!("evaluator {name}"),
        doing: "building the component",
        words: &[],
        inputs,
        result: component.clone(),
    };
    setup.part(&part, || {
        let built = workshop(&component)?;
        let mut build = Command::new("python3");
        // The module that `zarathustra evaluator build` runs; the program itself is not built yet.
        build
            .args(["-m", "zarathustra_evaluator.build"])
            .arg(&source)
            .arg(built.join("component.wasm"))
            .arg("--wit")
            .arg(&interfaces)
            // Python leaves its compiled files beside the source otherwise.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(
                "PYTHONPATH",
                env::join_paths([checkout.path("python/evaluator"), checkout.tools("python")])?,
            );
        process::quietly(&mut build)?;
        fs::rename(built.join("component.wasm"), &component)?;
        remove(&built)
    })
}

/// The program and what it can import: the Python files in its folder, not those below it.
fn modules(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in folder
        .read_dir()
        .wrap_err_with(|| folder.display().to_string())?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            found.push(path);
        }
    }
    Ok(found)
}
