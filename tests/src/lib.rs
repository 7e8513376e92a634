//! End-to-end scenarios: real programs on a real local chain. Each scenario owns its network.

use std::time::{Duration, Instant};

use eyre::{Result, bail};
use tempfile::TempDir;
use tokio::time::sleep;
use zarathustra_chain::read;
use zarathustra_devnet::{Devnet, DevnetOptions};
use zarathustra_primitives::SubmissionState;

/// Time between blocks in scenarios: quick, and long enough for two cores to keep up.
const BLOCK_TIME: Duration = Duration::from_millis(1000);
/// Between two looks at something awaited.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A network, and the folder that ends with it.
pub struct Scenario {
    /// The network.
    pub network: Devnet,
    _folder: TempDir,
}

impl Scenario {
    /// Starts a small network.
    ///
    /// # Errors
    /// When something does not start; with the end of its log.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = DevnetOptions::small(folder.path(), BLOCK_TIME);
        let network = Devnet::start(options, &mut |_| {}).await?;
        Ok(Self {
            network,
            _folder: folder,
        })
    }

    /// The state of a submission now.
    ///
    /// # Errors
    /// The chain's.
    pub async fn state(&self, submission: u64) -> Result<SubmissionState> {
        let found = read(
            "submission",
            self.network.chain().market().submission(submission),
        )
        .await?;
        Ok(SubmissionState::from_u8(found.state)?)
    }
}

/// Waits until `done` gives something.
///
/// # Errors
/// Those of `done`, and when it takes too long.
pub async fn wait_for<T>(
    what: &str,
    mut done: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = done().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("{what} did not happen within {PATIENCE:?}");
        }
        sleep(LOOK_EVERY).await;
    }
}
