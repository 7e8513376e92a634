//! Evaluation programs in Python, built into WebAssembly components.

use std::{
    fs,
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
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let component: PathBuf = checkout.tools("evaluators").join(format!("{name}.wasm"));
    let lock = checkout.path("deploy/lock/python/componentize-py.txt");
    let part = Part {
        name: &format!("evaluator {name}"),
        doing: "building the component",
        words: &[],
        inputs: vec![source.clone(), interfaces.clone(), lock],
        result: component.clone(),
    };
    setup.part(&part, || {
        let built = workshop(&component)?;
        // Python leaves its compiled files beside the source: build from a copy.
        fs::copy(&source, built.join("evaluator.py"))?;
        let packages = checkout.tools("python");
        let mut componentize = Command::new("python3");
        componentize
            .arg(packages.join("bin/componentize-py"))
            .arg("--wit-path")
            .arg(&interfaces)
            // Without ambient imports: no files, clocks, network or randomness.
            .args([
                "--world",
                "evaluator",
                "componentize",
                "--stub-wasi",
                "evaluator",
            ])
            .arg("--python-path")
            .arg(&built)
            .arg("--output")
            .arg(built.join("component.wasm"))
            .env("PYTHONPATH", &packages);
        process::quietly(&mut componentize)?;
        fs::rename(built.join("component.wasm"), &component)?;
        remove(&built)
    })
}
