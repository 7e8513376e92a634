//! What a network is made of, asked of its parts.

use eyre::{ContextCompat, Result, WrapErr};
use serde_json::Value;

use crate::Devnet;

impl Devnet {
    /// Version of the libtorch that the worker loads.
    ///
    /// # Errors
    /// When set-up has not put it where it belongs.
    pub fn libtorch_version(&self) -> Result<String> {
        let file = self
            .checkout()
            .root()
            .join(".tools/libtorch/torch/version.py");
        let text =
            std::fs::read_to_string(&file).wrap_err_with(|| format!("read {}", file.display()))?;
        text.lines()
            .find_map(|line| line.strip_prefix("__version__ = "))
            .map(|version| version.trim_matches(['\'', '"']).to_owned())
            .wrap_err_with(|| format!("{} names no version", file.display()))
    }

    /// Name and version of the software of the IPFS node that owners and optimizers use.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ipfs_agent(&self) -> Result<String> {
        let url = format!("{}/api/v0/id", self.gateway_rpc());
        let answer: Value = reqwest::Client::new()
            .post(&url)
            .send()
            .await?
            .json()
            .await?;
        Ok(answer["AgentVersion"]
            .as_str()
            .wrap_err("the IPFS node names no software")?
            .to_owned())
    }

    /// SHA-256 of the evaluator that a request pins, as fetched from IPFS.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub async fn evaluator_digest(&self, request: u64) -> Result<String> {
        let folder = self.folder().join("fetched");
        let user = self.user("reader").await?;
        let answer = user
            .run(&[
                "request",
                "fetch",
                &request.to_string(),
                "--output",
                &folder.to_string_lossy(),
            ])
            .await?;
        answer["files"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|file| {
                file["path"]
                    .as_str()
                    .is_some_and(|p| p.ends_with("evaluator.wasm"))
            })
            .and_then(|file| file["sha256"].as_str())
            .map(str::to_owned)
            .wrap_err("the request has no evaluator")
    }
}
