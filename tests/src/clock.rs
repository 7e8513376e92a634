//! Who makes blocks, and waiting for what is to happen.

use std::time::{Duration, Instant};

use eyre::{Result, bail};
use tokio::time::sleep;
use zarathustra_deploy::{Anvil, Mining};
use zarathustra_devnet::Devnet;

/// Time between blocks in scenarios: quick, and long enough for two cores to keep up.
pub(crate) const BLOCK_TIME: Duration = Duration::from_secs(1);
/// Between two looks at something awaited.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lets the chain stand still.
///
/// # Errors
/// The chain's.
pub async fn hold(network: &mut Devnet) -> Result<()> {
    network.anvil_mut().set_mining(Mining::Manual).await
}

/// Lets the chain make a block every second.
///
/// # Errors
/// The chain's.
pub async fn flow(network: &mut Devnet) -> Result<()> {
    network
        .anvil_mut()
        .set_mining(Mining::Every(BLOCK_TIME))
        .await
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

/// Makes blocks on a chain that is held until `done` gives something, and leaves it there: `done`
/// looks at every block before the next one is made.
///
/// # Errors
/// Those of `done`, the chain's, and when it takes too long.
pub async fn mine_until<T>(
    anvil: &Anvil,
    what: &str,
    mut done: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut last = Instant::now();
    wait_for(what, async || {
        if let Some(found) = done().await? {
            return Ok(Some(found));
        }
        if last.elapsed() < BLOCK_TIME {
            return Ok(None);
        }
        anvil.mine(1).await?;
        last = Instant::now();
        done().await
    })
    .await
}
