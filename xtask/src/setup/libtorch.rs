//! libtorch, the library that models run in.

use std::{fs, path::Path};

use eyre::{Result, bail};

use super::{Part, Setup, python};

/// The version that the pinned `tch` is made for.
const VERSION: &str = "2.11.0";

/// Installs libtorch, unless the user's `LIBTORCH` names one that fits.
pub fn install(setup: &Setup<'_>) -> Result<()> {
    let target = setup.checkout.tools("libtorch");
    // Where it is not set, .cargo/config.toml points it at the folder of our own.
    if let Some(chosen) = std::env::var_os("LIBTORCH").filter(|path| !path.is_empty())
        && Path::new(&chosen) != target.join("torch")
    {
        return check(Path::new(&chosen));
    }
    let lock = setup.checkout.path("deploy/lock/python/libtorch.txt");
    let part = Part {
        name: "libtorch",
        doing: "downloading (550 MB, 1.2 GB unpacked)",
        words: &[],
        inputs: vec![lock.clone()],
        result: target.join("torch/lib/libtorch_cpu.so"),
    };
    setup.part(&part, || python::install(&lock, &target))
}

fn check(chosen: &Path) -> Result<()> {
    let found = ["headeronly/version.h", "version.h"]
        .iter()
        .find_map(|header| {
            let text = fs::read_to_string(chosen.join("include/torch").join(header)).ok()?;
            let (_, rest) = text.split_once("#define TORCH_VERSION \"")?;
            rest.split_once('"').map(|(version, _)| version.to_owned())
        });
    match found {
        Some(version) if version.starts_with(VERSION) => Ok(()),
        found => bail!(
            "LIBTORCH is set to {}, which holds {}; this project needs libtorch {VERSION} \
             (unset LIBTORCH, and set-up installs it)",
            chosen.display(),
            found.map_or("no libtorch".to_owned(), |version| format!(
                "libtorch {version}"
            )),
        ),
    }
}
