//! Somebody who uses the command line: an owner or an optimizer.

use std::path::{Path, PathBuf};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use eyre::{Result, WrapErr, bail};
use serde_json::Value;
use tokio::process::Command;
use zarathustra_signer::import_wallet;

/// A user with a key, a home folder and the address of an IPFS node.
#[derive(Clone, Debug)]
pub struct User {
    program: PathBuf,
    home: PathBuf,
    signer: PrivateKeySigner,
    environment: Vec<(String, String)>,
}

impl User {
    /// Makes the user's home folder with a keystore.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(
        program: &Path,
        home: &Path,
        signer: PrivateKeySigner,
        rpc_url: &str,
        addresses: &Path,
        ipfs: &str,
        beacons: &[String],
    ) -> Result<Self> {
        let (keystore, password) = keystore(home, &signer)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut environment = vec![
            ("ZARATHUSTRA_RPC_URL", rpc_url.to_owned()),
            ("ZARATHUSTRA_ADDRESSES", text(addresses)),
            ("ZARATHUSTRA_KEYSTORE", text(&keystore)),
            ("ZARATHUSTRA_PASSWORD_FILE", text(&password)),
            ("ZARATHUSTRA_IPFS", ipfs.to_owned()),
            ("ZARATHUSTRA_HOME", text(home)),
        ];
        if !beacons.is_empty() {
            environment.push(("ZARATHUSTRA_DRAND", beacons.join(",")));
        }
        Ok(Self {
            program: program.to_owned(),
            home: home.to_owned(),
            signer,
            environment: environment
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect(),
        })
    }

    /// The user's account.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The user's key.
    pub const fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// The user's folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The variables with which `zarathustra` acts as this user.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Runs `zarathustra --json …` and reads its answer.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(&self.program)
            .arg("--json")
            .args(arguments)
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .kill_on_drop(true)
            .output()
            .await
            .wrap_err_with(|| format!("run {}", self.program.display()))?;
        if !output.status.success() {
            bail!(
                "zarathustra {} failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        serde_json::from_slice(&output.stdout)
            .wrap_err_with(|| format!("read the answer of zarathustra {}", arguments.join(" ")))
    }
}

/// Writes a keystore and its password file into a folder, unless they are there.
pub(crate) fn keystore(folder: &Path, signer: &PrivateKeySigner) -> Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(folder).wrap_err_with(|| format!("create {}", folder.display()))?;
    let (keystore, password) = (folder.join("ecdsa.json"), password_file(folder)?);
    if !keystore.exists() {
        import_wallet(&keystore, &password, &signer.to_bytes())?;
    }
    Ok((keystore, password))
}

/// Writes a password file that only its owner can read, unless it is there.
pub(crate) fn password_file(folder: &Path) -> Result<PathBuf> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let path = folder.join("password");
    if !path.exists() {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .wrap_err_with(|| format!("write {}", path.display()))?;
        file.write_all(b"development only\n")?;
    }
    Ok(path)
}
