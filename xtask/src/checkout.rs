//! Where things lie in the checkout.

use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr as _, eyre};

/// The folder that holds the repository.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that this program was built from.
    pub fn find() -> Result<Self> {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = crate_folder
            .parent()
            .ok_or_else(|| eyre!("xtask lies in no checkout"))?;
        if !root.join("Cargo.toml").is_file() {
            return Err(eyre!(
                "the checkout at {} was moved: build xtask again",
                root.display()
            ));
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the repository.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path in `.tools`, the folder that set-up fills and git ignores.
    pub fn tools(&self, relative: &str) -> PathBuf {
        self.root.join(".tools").join(relative)
    }

    /// A program that set-up installed or linked.
    pub fn tool(&self, name: &str) -> PathBuf {
        self.tools("bin").join(name)
    }

    /// A program of the workspace, as cargo builds it beside this one.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let this = std::env::current_exe().wrap_err("where this program lies")?;
        let folder = this
            .parent()
            .ok_or_else(|| eyre!("{} has no folder", this.display()))?;
        Ok(folder.join(name))
    }
}
