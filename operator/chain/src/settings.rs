//! The part of a program's settings that says how to reach the chain.

use std::{path::PathBuf, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use serde::Deserialize;

use crate::{Addresses, Chain, ChainError, FeePolicy, Store};

/// How to reach the chain and how to pay there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSettings {
    /// JSON-RPC address of a node.
    pub rpc_url: String,
    /// The addresses file that the deployment wrote.
    pub addresses: PathBuf,
    /// Blocks on top of the seed block before anything is signed that depends on it.
    #[serde(default = "defaults::confirmations")]
    pub confirmations: u64,
    /// Beacons of the drand network from which seeds come, where they do: addresses that end with
    /// the hash of the network's chain. They are asked in this order.
    #[serde(default)]
    pub drand: Vec<String>,
    /// Milliseconds between two looks at the chain.
    #[serde(default = "defaults::poll_ms")]
    pub poll_ms: u64,
    /// Most that is paid for a unit of gas, gwei.
    #[serde(default = "defaults::max_fee_gwei")]
    pub max_fee_gwei: u64,
    /// Tip offered at first, gwei.
    #[serde(default = "defaults::tip_gwei")]
    pub tip_gwei: u64,
    /// Seconds after which the fee of a stuck transaction is raised.
    #[serde(default = "defaults::bump_after_seconds")]
    pub bump_after_seconds: u64,
    /// Balance of the sending account below which a warning is logged, gwei.
    #[serde(default = "defaults::low_balance_gwei")]
    pub low_balance_gwei: u64,
}

mod defaults {
    pub(super) const fn confirmations() -> u64 {
        2
    }
    pub(super) const fn poll_ms() -> u64 {
        1000
    }
    pub(super) const fn max_fee_gwei() -> u64 {
        200
    }
    pub(super) const fn tip_gwei() -> u64 {
        1
    }
    pub(super) const fn bump_after_seconds() -> u64 {
        30
    }
    pub(super) const fn low_balance_gwei() -> u64 {
        50_000_000
    }
}

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

impl ChainSettings {
    /// Time between two looks at the chain.
    pub const fn poll_every(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    /// How transactions are paid.
    pub fn fee_policy(&self) -> FeePolicy {
        FeePolicy {
            max_fee_wei: u128::from(self.max_fee_gwei) * GWEI,
            tip_wei: u128::from(self.tip_gwei) * GWEI,
            bump_after: Duration::from_secs(self.bump_after_seconds),
            poll_every: self.poll_every().min(FeePolicy::default().poll_every),
            ..FeePolicy::default()
        }
    }

    /// Connects for reading.
    ///
    /// # Errors
    /// As for [`Addresses::read`], [`Chain::connect`] and [`Chain::with_beacons`].
    pub async fn connect(&self) -> Result<Chain, ChainError> {
        Chain::connect(&self.rpc_url, Addresses::read(&self.addresses)?)
            .await?
            .with_beacons(&self.drand)
    }

    /// Connects with a key to send transactions with; the journal is kept in `store`.
    ///
    /// # Errors
    /// As for [`ChainSettings::connect`].
    pub async fn connect_with(
        &self,
        signer: PrivateKeySigner,
        store: Store,
    ) -> Result<Chain, ChainError> {
        Ok(self
            .connect()
            .await?
            .with_sender(signer, store, self.fee_policy()))
    }
}
