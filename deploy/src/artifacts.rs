//! Creation bytecode of compiled contracts.

use std::path::PathBuf;

use alloy::{primitives::Bytes, sol_types::SolValue};
use eyre::{Result, WrapErr as _, eyre};
use serde::Deserialize;

/// A folder with one `<Contract>.json` each, as set-up writes them.
#[derive(Clone, Debug)]
pub struct Artifacts {
    folder: PathBuf,
}

/// The field of an artifact that a deployment needs.
#[derive(Deserialize)]
struct Artifact {
    bytecode: String,
}

impl Artifacts {
    /// The artifacts in a folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Creation bytecode of a contract, without constructor arguments.
    ///
    /// # Errors
    /// When the artifact is missing or its code is not complete hexadecimal (unlinked libraries).
    pub fn code(&self, contract: &str) -> Result<Bytes> {
        let path = self.folder.join(contract).with_extension("json");
        let text = std::fs::read(&path)
            .wrap_err_with(|| format!("{} (run `cargo xtask setup`)", path.display()))?;
        let artifact: Artifact =
            serde_json::from_slice(&text).wrap_err_with(|| path.display().to_string())?;
        let code: Bytes = artifact
            .bytecode
            .parse()
            .map_err(|error| eyre!("{}: bytecode: {error}", path.display()))?;
        eyre::ensure!(!code.is_empty(), "{contract} is abstract",);
        Ok(code)
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

/// Creation bytecode followed by encoded constructor arguments.
pub(crate) fn with_arguments<T>(code: &[u8], arguments: &T) -> Bytes
where
    T: SolValue,
    for<'a> <T::SolType as alloy::sol_types::SolType>::Token<'a>:
        alloy::sol_types::abi::TokenSeq<'a>,
{
    [code, &arguments.abi_encode_params()].concat().into()
}
