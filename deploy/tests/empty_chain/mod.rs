//! An empty local chain, and deployments on it by description.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::path::{Path, PathBuf};

use alloy::primitives::U256;
use eyre::Result;
use tempfile::TempDir;
use zarathustra_chain::Addresses;
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Checkout, DEPLOYER, Description, ETHER, Prepared, Progress,
    devnet_key,
};

pub fn chains() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("chains")
}

/// The description of a local chain.
pub fn local() -> Result<Description> {
    Ok(Description::read(&chains().join("anvil.toml"))?)
}

/// An empty chain, the deployer, and a folder for journals.
pub struct EmptyChain {
    pub anvil: Anvil,
    pub deployer: Account,
    pub folder: TempDir,
}

impl EmptyChain {
    /// A chain on which the core of the local description can slash.
    pub async fn start() -> Result<Self> {
        Self::start_at(5001).await
    }

    /// A chain that begins with this block.
    pub async fn start_at(first_block: u64) -> Result<Self> {
        let checkout = Checkout::find()?;
        let anvil = Anvil::start(&AnvilOptions {
            first_block,
            ..AnvilOptions::new(checkout.tool("anvil"))
        })
        .await?;
        let deployer = anvil
            .account(devnet_key(DEPLOYER), U256::from(1000 * ETHER))
            .await?;
        Ok(Self {
            anvil,
            deployer,
            folder: tempfile::tempdir()?,
        })
    }

    pub async fn prepare(&self, description: &Description) -> Result<Prepared> {
        let artifacts = Checkout::find()?.artifacts();
        description
            .prepare(self.anvil.url(), &artifacts, self.deployer.address(), None)
            .await
    }

    /// All of it, with a journal of that name.
    pub async fn deploy(&self, journal: &str) -> Result<(Addresses, Vec<Progress>)> {
        self.deploy_as(&local()?, journal).await
    }

    /// What is described, with a journal of that name.
    pub async fn deploy_as(
        &self,
        description: &Description,
        journal: &str,
    ) -> Result<(Addresses, Vec<Progress>)> {
        let prepared = self.prepare(description).await?;
        let sender = self
            .deployer
            .sender(&self.folder.path().join(journal))
            .await?;
        let mut told = Vec::new();
        let mut tell = |progress| told.push(progress);
        prepared.run(&sender, &mut tell).await?;
        Ok((prepared.addresses, told))
    }

    pub async fn nonce(&self) -> Result<u64> {
        self.deployer.nonce().await
    }
}
