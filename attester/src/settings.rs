//! Settings of an operator's daemon: attester and performer read the same.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
};

use serde::Deserialize;
use zarathustra_chain::ChainSettings;
use zarathustra_improve::{ContentSettings, Device, WorkerProgram};
use zarathustra_node::logs::LogSettings;
use zarathustra_primitives::Address;

/// All settings. A file with every key and its meaning stands in `deploy/operator.example.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name of this node, for people.
    pub name: String,
    /// The operator's address in EigenLayer.
    pub operator: Address,
    /// Folder for everything that must survive a restart.
    pub data_dir: PathBuf,
    /// Aggregators to send claims and votes to.
    pub aggregators: Vec<String>,
    /// Whether to send housekeeping transactions too.
    #[serde(default)]
    pub housekeeping: bool,
    /// The chain.
    pub chain: ChainSettings,
    /// Keys.
    pub keys: KeySettings,
    /// Metrics and health pages.
    #[serde(default)]
    pub http: HttpSettings,
    /// IPFS.
    pub content: ContentSettings,
    /// Evaluation.
    pub evaluation: EvaluationSettings,
    /// Logs.
    #[serde(default)]
    pub log: LogSettings,
}

/// Where keys are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Keystore of the key that signs claims and sends transactions.
    pub ecdsa: PathBuf,
    /// Keystore of the BLS key that signs votes.
    pub bls: PathBuf,
    /// File with the password of both.
    pub password_file: PathBuf,
    /// The keys before a rotation, for tasks on epochs that were written with them.
    #[serde(default)]
    pub previous: Option<PreviousKeys>,
}

/// Keys that were replaced.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousKeys {
    /// Keystore of the key that signed claims.
    pub ecdsa: PathBuf,
    /// Keystore of the BLS key that signed votes.
    pub bls: PathBuf,
    /// File with the password of both.
    pub password_file: PathBuf,
}

/// Where metrics and health are served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Address to listen on; port 0 lets the system choose one, which the log tells.
    pub listen: SocketAddr,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// How evaluations run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationSettings {
    /// The programs that evaluate, each under an environment; the one beside the daemon's own when
    /// there are none.
    #[serde(default)]
    pub workers: Vec<WorkerEntry>,
    /// Compile cache, shared by the programs of one machine.
    pub cache_dir: PathBuf,
    /// File of the secret that vouches for the cache, shared as the cache is; beside it when
    /// absent.
    #[serde(default)]
    pub cache_key: Option<PathBuf>,
    /// Most memory of one evaluation, bytes; the request's limit holds when it is lower.
    #[serde(default = "default_memory_bytes")]
    pub memory_bytes: u64,
    /// Longest evaluation, seconds; the request's limit holds when it is lower.
    #[serde(default = "default_wall_seconds")]
    pub wall_seconds: u64,
    /// Most evaluations at once; as many as there are cores and memory for when absent.
    #[serde(default)]
    pub concurrent: Option<NonZeroUsize>,
    /// Evaluate even where a part of the sandbox cannot be had; for development only.
    #[serde(default)]
    pub allow_unsandboxed: bool,
}

/// A program that evaluates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerEntry {
    /// Where it lies; beside the daemon's own when absent.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Rows that it computes at a time; as the program does by default when absent.
    #[serde(default)]
    pub batch_rows: Option<NonZeroU32>,
    /// Threads that it computes with; as the program does by default when absent.
    #[serde(default)]
    pub threads: Option<NonZeroU32>,
    /// Where libtorch computes: `cpu` or `cuda`.
    #[serde(default)]
    pub device: Device,
}

impl From<WorkerEntry> for WorkerProgram {
    fn from(entry: WorkerEntry) -> Self {
        Self {
            path: entry.path,
            batch_rows: entry.batch_rows.map(NonZeroU32::get),
            threads: entry.threads.map(NonZeroU32::get),
            device: entry.device,
        }
    }
}

const fn default_memory_bytes() -> u64 {
    4 << 30
}

const fn default_wall_seconds() -> u64 {
    600
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_example_file_holds_and_so_does_every_default_in_it() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/operator.example.toml");
        let [plain, full]: [Settings; 2] =
            zarathustra_node::settings::load_example(&file).expect("the example");
        assert_eq!(plain.chain.poll_ms, full.chain.poll_ms);
        assert_eq!(plain.chain.confirmations, full.chain.confirmations);
        assert_eq!(plain.content.quota_bytes, full.content.quota_bytes);
        assert_eq!(plain.housekeeping, full.housekeeping);
        assert!(plain.evaluation.workers.is_empty() && full.evaluation.workers.len() > 1);
    }
}
