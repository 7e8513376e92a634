//! `zarathustra keys`: keystores.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use eyre::Result;
use serde_json::json;

use crate::{context::Globals, errors::refusal, output::Answer};

/// Make keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Make an account key and print its address.
    New {
        /// Where the encrypted keystore is written; an existing file is never replaced.
        keystore: PathBuf,
    },
    /// Make a BLS key for votes and print its public part.
    NewBls {
        /// Where the encrypted keystore is written; an existing file is never replaced.
        keystore: PathBuf,
    },
}

impl Keys {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        let password = globals.password_file.as_ref().ok_or_else(|| {
            refusal(
                "no_password",
                "no password was named",
                "write one to a file that only you can read and name it with --password-file",
            )
        })?;
        Ok(Some(match self {
            Self::New { keystore } => {
                let address = zarathustra_signer::create_wallet(&absolute(&keystore)?, password)?;
                Answer::new(
                    format!("{address}\n"),
                    json!({ "address": address, "keystore": keystore }),
                )
            }
            Self::NewBls { keystore } => {
                let key = zarathustra_signer::create_bls_key(&absolute(&keystore)?, password)?;
                let public = key.to_bytes();
                Answer::new(
                    format!("{public}\n"),
                    json!({ "public_key": public, "keystore": keystore }),
                )
            }
        }))
    }
}

/// A bare file name has no folder to write to.
fn absolute(path: &Path) -> Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
