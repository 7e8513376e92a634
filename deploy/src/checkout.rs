//! Where things lie in the checkout.

use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr as _, eyre};

use crate::Artifacts;

/// The folder that holds the repository.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
    snapshots: PathBuf,
}

impl Checkout {
    /// The checkout with this root.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            snapshots: root.join("target/chain-states"),
            root,
        }
    }

    /// The same checkout with deployed chain states kept in another folder.
    #[must_use]
    pub fn with_snapshots(mut self, folder: impl Into<PathBuf>) -> Self {
        self.snapshots = folder.into();
        self
    }

    /// The checkout around the current folder.
    ///
    /// # Errors
    /// When no folder above has `contracts/foundry.toml`.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().wrap_err("the current folder")?;
        here.ancestors()
            .find(|folder| folder.join("contracts/foundry.toml").is_file())
            .map(Self::at)
            .ok_or_else(|| eyre!("{} lies in no checkout of the project", here.display()))
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A program that set-up installed or linked; the one on the path where it did not.
    pub fn tool(&self, name: &str) -> PathBuf {
        let installed = self.root.join(".tools/bin").join(name);
        if installed.is_file() {
            installed
        } else {
            PathBuf::from(name)
        }
    }

    /// The compiled contracts, EigenLayer's among them.
    pub fn artifacts(&self) -> Artifacts {
        Artifacts::at(self.root.join(".tools/contracts"))
    }

    /// Where deployed chain states are kept; under `target`, so that `cargo clean` clears it.
    pub fn snapshots(&self) -> &Path {
        &self.snapshots
    }
}
