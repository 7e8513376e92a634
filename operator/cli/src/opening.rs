//! Commitments and what opens them. Who loses the salt loses the evaluation fee, so it is on disk
//! before the commitment is sent.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use eyre::{Context, Result};
use serde::{Deserialize, Serialize};
use zarathustra_content::ContentId;
use zarathustra_primitives::{CommitmentPreimage, Digest, RequestId};

use crate::{context::read_file, errors::refusal};

/// An opening has about a kilobyte.
const MAX_BYTES: u64 = 1 << 16;

/// All that a reveal needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Chain of the commitment.
    pub chain_id: u64,
    /// The market's contract.
    pub model_submission: Address,
    /// Who commits and reveals.
    pub sender: Address,
    /// The request.
    pub request: u64,
    /// CID of the parameters.
    pub cid: ContentId,
    /// SHA-256 of the parameters.
    pub digest: B256,
    /// Bytes of the parameters.
    pub size: u64,
    /// Who is paid.
    pub payout: Address,
    /// The secret.
    pub salt: B256,
}

impl Opening {
    /// The commitment (specification 4.3).
    pub fn commitment(&self) -> B256 {
        CommitmentPreimage {
            chain_id: self.chain_id,
            model_submission: self.model_submission,
            sender: self.sender,
            request: RequestId::new(self.request),
            digest: Digest::new(self.digest.0),
            cid: &self.cid.to_bytes(),
            size: self.size,
            payout: self.payout,
            salt: self.salt,
        }
        .commitment()
    }

    /// Where the opening of a commitment is kept.
    pub fn path(home: &Path, commitment: B256) -> PathBuf {
        folder(home).join(format!("{commitment}.json"))
    }

    /// Writes the opening durably, for its owner's eyes only.
    pub fn save(&self, home: &Path) -> Result<PathBuf> {
        let folder = folder(home);
        let path = Self::path(home, self.commitment());
        let part = path.with_extension("part");
        let write = || -> std::io::Result<()> {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
            // The name is durable only with its folder.
            File::open(&folder)?.sync_all()
        };
        write().wrap_err_with(|| format!("write the opening {}", path.display()))?;
        Ok(path)
    }

    /// The opening of a commitment that was made with this home folder.
    pub fn find(home: &Path, commitment: B256) -> Result<Self> {
        let path = Self::path(home, commitment);
        if !path.exists() {
            return Err(refusal(
                "no_opening",
                format!(
                    "the salt of this commitment is not in {}",
                    folder(home).display()
                ),
                "it is kept where `submission commit` ran; name that folder with --home",
            ));
        }
        let damaged = |why: &str| {
            refusal(
                "opening_damaged",
                format!("{} is no opening of this commitment: {why}", path.display()),
                "restore the file from a copy; without it the commitment cannot be revealed",
            )
        };
        let bytes = read_file(&path, MAX_BYTES)?;
        let opening: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(&e.to_string()))?;
        if opening.commitment() == commitment {
            Ok(opening)
        } else {
            Err(damaged("it opens another"))
        }
    }
}

fn folder(home: &Path) -> PathBuf {
    home.join("openings")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn opening() -> Opening {
        Opening {
            chain_id: 31337,
            model_submission: Address::repeat_byte(1),
            sender: Address::repeat_byte(2),
            request: 3,
            cid: zarathustra_content::file_id(b"parameters"),
            digest: B256::repeat_byte(4),
            size: 10,
            payout: Address::repeat_byte(5),
            salt: B256::repeat_byte(6),
        }
    }

    #[test]
    fn an_opening_comes_back_and_only_its_owner_reads_it() {
        let home = tempfile::tempdir().expect("a folder");
        let path = opening().save(home.path()).expect("saved");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let found = Opening::find(home.path(), opening().commitment()).expect("found");
        assert_eq!(found, opening());
    }

    #[test]
    fn a_missing_or_altered_opening_is_told_apart() {
        let home = tempfile::tempdir().expect("a folder");
        let commitment = opening().commitment();
        let error = Opening::find(home.path(), commitment).expect_err("missing");
        assert!(
            error
                .to_string()
                .starts_with("the salt of this commitment is not in"),
            "{error}"
        );
        let path = opening().save(home.path()).expect("saved");
        let altered = Opening {
            salt: B256::ZERO,
            ..opening()
        };
        std::fs::write(&path, serde_json::to_string(&altered).expect("JSON")).expect("written");
        let error = Opening::find(home.path(), commitment).expect_err("altered");
        assert!(error.to_string().ends_with("it opens another"), "{error}");
    }
}
