//! What imports models in Python, and what the importers are tested against: PyTorch, Keras and
//! TensorFlow.js. The programs need none of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eyre::{OptionExt as _, Result, WrapErr as _, bail};

use super::{Part, Setup, npm, python, replace, workshop};
use crate::process;

/// The Python that the PyTorch in `.tools/libtorch` is made for.
const TORCH_PYTHON: &str = "3.11";
/// Versions of Python that the locks have wheels for.
const PYTHONS: [&str; 3] = [TORCH_PYTHON, "3.12", "3.13"];

/// Installs Python packages in `.tools/python-models` and TensorFlow.js in `.tools/npm-models`.
pub fn install(setup: &Setup<'_>) -> Result<()> {
    install_packages(setup)?;
    let lock = setup.checkout.path("deploy/lock/npm-models");
    let target = setup.checkout.tools("npm-models");
    let part = Part {
        name: "TensorFlow.js",
        doing: "downloading (70 MB, 300 MB unpacked)",
        words: &[],
        inputs: vec![lock.clone()],
        result: target.join("node_modules/@tensorflow/tfjs"),
    };
    setup.part(&part, || npm::packages(&lock, &target))
}

/// The version of the running Python, if packages are pinned for it.
pub fn check_python() -> Result<String> {
    let version = "import sys; print('%d.%d' % sys.version_info[:2])";
    let running = process::answer("python3", &["-c", version]);
    let running = running.ok_or_eyre("python3 does not run")?;
    let running = running.trim();
    if !PYTHONS.contains(&running) {
        bail!("python3 is {running}; packages are pinned for Python 3.11 to 3.13");
    }
    Ok(running.to_owned())
}

fn install_packages(setup: &Setup<'_>) -> Result<()> {
    let running = check_python()?;
    let running = running.as_str();
    let locks = setup.checkout.path("deploy/lock/python");
    let (models, torch) = (locks.join("models.txt"), locks.join("models-torch.txt"));
    let target = setup.checkout.tools("python-models");
    let libtorch = setup.checkout.tools("libtorch");
    let shared = running == TORCH_PYTHON && libtorch.join("torch/__init__.py").exists();
    let part = Part {
        name: "Python for models",
        doing: "downloading PyTorch's libraries and Keras (2 GB, 3.6 GB unpacked)",
        words: &[running, if shared { "shared" } else { "own" }],
        inputs: vec![models.clone(), torch.clone()],
        result: target.join("keras/__init__.py"),
    };
    setup.part(&part, || {
        let folder = workshop(&target)?;
        if shared {
            python::install_for_this_python(&[&models], &folder)?;
            // The same files a second time, without the room for them.
            link_all(&libtorch, &folder)?;
        } else {
            python::install_for_this_python(&[&models, &torch], &folder)?;
        }
        replace(&target, &folder)
    })
}

/// Makes every file below `from` a file of `to` too, beside what is there.
fn link_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).wrap_err_with(|| to.display().to_string())?;
    for entry in from
        .read_dir()
        .wrap_err_with(|| from.display().to_string())?
    {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_all(&entry.path(), &target)?;
        } else if !target.exists() {
            fs::hard_link(entry.path(), &target).wrap_err_with(|| target.display().to_string())?;
        }
    }
    Ok(())
}
