//! Programs in Python, by componentize-py.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{Context as _, Result};

use super::{built, tool};
use crate::errors::refusal;

/// The package that programs in Python import, and the module that builds them.
const PACKAGE: &str = "zarathustra_evaluator";
const MODULES: &[(&str, &str)] = &[
    (
        "__init__.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/__init__.py"),
    ),
    (
        "build.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/build.py"),
    ),
    (
        "evaluator.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/evaluator.py"),
    ),
    (
        "model.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/model.py"),
    ),
    (
        "randomness.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/randomness.py"),
    ),
    (
        "tensors.py",
        include_str!("../../../../../../python/evaluator/zarathustra_evaluator/tensors.py"),
    ),
];

/// Builds a program with the Python `python`.
pub fn build(python: &Path, source: &Path, interfaces: &Path) -> Result<Vec<u8>> {
    let has = "import componentize_py, importlib.metadata as m; \
        raise SystemExit(not m.version('componentize-py').startswith('0.25.'))";
    if !tool::works(Command::new(python).args(["-c", has])) {
        return Err(refusal(
            "no_componentize_py",
            format!("{} has no componentize-py 0.25", python.display()),
            "run `python3 -m pip install componentize-py==0.25.1`, or name a Python that has it with --python",
        ));
    }
    let folder = tempfile::tempdir().wrap_err("make a folder")?;
    let package = folder.path().join(PACKAGE);
    std::fs::create_dir(&package).wrap_err("write the package for evaluators")?;
    for (name, text) in MODULES {
        std::fs::write(package.join(name), text).wrap_err("write the package for evaluators")?;
    }
    let output = folder.path().join("component.wasm");
    let mut command = Command::new(python);
    command
        .args(["-m", "zarathustra_evaluator.build"])
        .args([source, output.as_path()])
        .arg("--wit")
        .arg(interfaces)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", search_path(folder.path())?);
    tool::compile("componentize-py", &mut command)?;
    built(&output)
}

/// Our package, then where the user says that packages are.
fn search_path(ours: &Path) -> Result<std::ffi::OsString> {
    let theirs = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let paths: Vec<PathBuf> = std::iter::once(ours.to_owned())
        .chain(std::env::split_paths(&theirs).filter(|path| !path.as_os_str().is_empty()))
        .collect();
    std::env::join_paths(paths).wrap_err("read PYTHONPATH")
}
