//! Creation bytecode of compiled contracts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy::{json_abi::JsonAbi, primitives::Bytes, sol_types::SolValue};
use eyre::{Result, WrapErr as _, eyre};
use serde::Deserialize;

/// Two folders side by side, as set-up writes them: one with a `<Contract>.json` for each of our
/// contracts, and `eigenlayer` with a `<Contract>.bin` for each of EigenLayer's core.
#[derive(Clone, Debug)]
pub struct Artifacts {
    ours: PathBuf,
    eigenlayer: PathBuf,
}

/// The fields of an artifact that a deployment and its tests need.
#[derive(Deserialize)]
struct Artifact {
    abi: JsonAbi,
    bytecode: String,
}

impl Artifacts {
    /// The artifacts in a folder, and EigenLayer's in the folder `eigenlayer` beside it.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let ours = folder.into();
        Self {
            eigenlayer: ours.with_file_name("eigenlayer"),
            ours,
        }
    }

    /// Creation bytecode of a contract, without constructor arguments.
    ///
    /// # Errors
    /// When the artifact is missing or its code is not complete hexadecimal (unlinked libraries).
    pub fn code(&self, contract: &str) -> Result<Bytes> {
        let code: Bytes = self
            .artifact(contract)?
            .bytecode
            .parse()
            .map_err(|error| eyre!("{contract}: bytecode: {error}"))?;
        eyre::ensure!(!code.is_empty(), "{contract} is abstract",);
        Ok(code)
    }

    /// Functions, events and errors of a contract.
    ///
    /// # Errors
    /// When the artifact is missing or malformed.
    pub fn abi(&self, contract: &str) -> Result<JsonAbi> {
        Ok(self.artifact(contract)?.abi)
    }

    fn artifact(&self, contract: &str) -> Result<Artifact> {
        let path = self.ours.join(contract).with_extension("json");
        let text = read(&path)?;
        serde_json::from_slice(&text).wrap_err_with(|| path.display().to_string())
    }

    /// Creation bytecode of a contract of EigenLayer's core, without constructor arguments.
    ///
    /// # Errors
    /// When set-up has not written it.
    pub fn eigenlayer(&self, contract: &str) -> Result<Bytes> {
        let path = self.eigenlayer.join(contract).with_extension("bin");
        let code = read(&path)?;
        eyre::ensure!(!code.is_empty(), "{} is empty", path.display());
        Ok(code.into())
    }

    /// Creation bytecode followed by encoded constructor arguments.
    ///
    /// `arguments` is a tuple, also of one.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn creation<T>(&self, contract: &str, arguments: &T) -> Result<Bytes>
    where
        T: SolValue,
        for<'a> <T::SolType as alloy::sol_types::SolType>::Token<'a>:
            alloy::sol_types::abi::TokenSeq<'a>,
    {
        Ok(with_arguments(&self.code(contract)?, arguments))
    }
}

/// What set-up wrote.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).wrap_err_with(|| format!("{} (run `cargo xtask setup`)", path.display()))
}

/// Creation bytecode followed by encoded constructor arguments.
pub(crate) fn with_arguments<T>(code: &[u8], arguments: &T) -> Bytes
where
    T: SolValue,
    for<'a> <T::SolType as alloy::sol_types::SolType>::Token<'a>:
        alloy::sol_types::abi::TokenSeq<'a>,
{
    [code, &arguments.abi_encode_params()].concat().into()
}
