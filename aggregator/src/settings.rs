//! Settings of the aggregator.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use zarathustra_chain::{ChainSettings, FeePolicy};
use zarathustra_improve::ContentSettings;
use zarathustra_node::logs::LogSettings;
use zarathustra_primitives::Address;
use zarathustra_protocol::{Patience, Supplements};

use crate::submitter::MissPolicy;

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// All settings. A file with every key and its meaning stands in `deploy/aggregator.example.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of this node, for people.
    pub name: String,
    /// Folder for everything that must survive a restart.
    pub data_dir: PathBuf,
    /// Whether to send housekeeping transactions.
    #[serde(default = "yes")]
    pub housekeeping: bool,
    /// The chain.
    pub chain: ChainSettings,
    /// The key that sends transactions.
    pub keys: KeySettings,
    /// JSON-RPC, announcements, metrics and health.
    pub http: HttpSettings,
    /// IPFS: the evidence of claims is pinned, so that it outlives its performer's node.
    pub content: ContentSettings,
    /// When to submit.
    #[serde(default)]
    pub policy: PolicySettings,
    /// Epochs on their way to other chains.
    #[serde(default)]
    pub snapshots: SnapshotSettings,
    /// Logs.
    #[serde(default)]
    pub log: LogSettings,
}

/// Where the key is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Keystore of the key that sends transactions.
    pub ecdsa: PathBuf,
    /// File with its password.
    pub password_file: PathBuf,
}

/// Where the aggregator listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Address for claims and votes; port 0 lets the system choose one, which the log tells.
    pub listen: SocketAddr,
}

/// Epochs on their way to other chains (specification 7).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotSettings {
    /// Whether to publish epochs on the market's chain.
    pub publish: bool,
    /// Spokes to which epochs are brought.
    pub spokes: Vec<SpokeSettings>,
}

/// A Spoke.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpokeSettings {
    /// JSON-RPC address of a node of its chain.
    pub rpc_url: String,
    /// The contract.
    pub address: Address,
    /// Most that is paid there for a unit of gas, gwei.
    #[serde(default = "spoke_max_fee_gwei")]
    pub max_fee_gwei: u64,
    /// Tip offered there at first, gwei.
    #[serde(default = "spoke_tip_gwei")]
    pub tip_gwei: u64,
}

impl SpokeSettings {
    /// The same as the sender takes it.
    pub fn fee_policy(&self) -> FeePolicy {
        FeePolicy {
            max_fee_wei: u128::from(self.max_fee_gwei) * GWEI,
            tip_wei: u128::from(self.tip_gwei) * GWEI,
            ..FeePolicy::default()
        }
    }
}

const fn spoke_max_fee_gwei() -> u64 {
    200
}

const fn spoke_tip_gwei() -> u64 {
    1
}

/// When a certificate is submitted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Most blocks to wait for late votes once a certificate is possible and votes are missing.
    pub wait_blocks: u64,
    /// What a block of delay is taken to cost, gwei: it waits only while the gas that the missing
    /// votes would save, at the chain's base fee, is worth more.
    pub delay_cost_gwei: u64,
    /// For which late votes a supplementary certificate is sent.
    pub supplements: SupplementSettings,
    /// Whether to record votes that are missing in certificates, and to take operators with too
    /// many out of the set.
    pub record_misses: bool,
    /// Most blocks that a missing vote waits for others of its operator, to share a transaction.
    pub misses_wait_blocks: u64,
}

/// For which late votes a supplementary certificate is sent. The aggregator pays its gas.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SupplementSettings {
    /// For none.
    Never,
    /// For those whose shares of the fee are worth more than the gas at the chain's base fee.
    Worthwhile,
    /// For one as for many.
    Always,
}

impl From<SupplementSettings> for Supplements {
    fn from(settings: SupplementSettings) -> Self {
        match settings {
            SupplementSettings::Never => Self::Never,
            SupplementSettings::Worthwhile => Self::Worthwhile,
            SupplementSettings::Always => Self::Always,
        }
    }
}

impl PolicySettings {
    /// The same as the rules take it.
    pub const fn patience(&self) -> Patience {
        Patience {
            max_blocks: self.wait_blocks,
            cost_per_block: self.delay_cost_gwei as u128 * GWEI,
        }
    }

    /// When misses are recorded.
    pub(crate) const fn misses(&self) -> MissPolicy {
        MissPolicy {
            record: self.record_misses,
            wait_blocks: self.misses_wait_blocks,
        }
    }
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            wait_blocks: 1,
            delay_cost_gwei: 0,
            supplements: SupplementSettings::Worthwhile,
            record_misses: false,
            misses_wait_blocks: 7200,
        }
    }
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_example_file_holds_and_so_does_every_default_in_it() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/aggregator.example.toml");
        let [plain, full]: [Settings; 2] =
            zarathustra_node::settings::load_example(&file).expect("the example");
        assert_eq!(plain.chain.poll_ms, full.chain.poll_ms);
        assert_eq!(plain.chain.confirmations, full.chain.confirmations);
        assert_eq!(plain.content.quota_bytes, full.content.quota_bytes);
        assert_eq!(plain.housekeeping, full.housekeeping);
        assert_eq!(plain.policy.patience(), full.policy.patience());
        assert_eq!(plain.snapshots.publish, full.snapshots.publish);
        assert!(plain.snapshots.spokes.is_empty() && full.snapshots.spokes.is_empty());
        assert_eq!(plain.policy.misses(), full.policy.misses());
        let supplements =
            [plain, full].map(|settings| Supplements::from(settings.policy.supplements));
        assert_eq!(supplements, [Supplements::Worthwhile; 2]);
    }
}
