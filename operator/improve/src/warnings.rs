//! Saying so before something runs out: money to send transactions with, room for content.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use zarathustra_chain::{Chain, ChainError};
use zarathustra_node::Metrics;
use zarathustra_primitives::U256;

use crate::ContentHandle;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(30);
/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;

/// Watches what a role may run out of, and keeps its gauges.
#[derive(Debug)]
pub struct Watch {
    /// The chain, with the account that sends.
    pub chain: Chain,
    /// The content store.
    pub content: ContentHandle,
    /// Balance below which to warn, gwei.
    pub low_balance_gwei: u64,
    /// The role's metrics.
    pub metrics: Metrics,
}

impl Watch {
    /// Looks every so often until told to stop.
    ///
    /// # Errors
    /// [`ChainError`] when the chain has no account to send with.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ChainError> {
        loop {
            self.balance().await?;
            self.room().await;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn balance(&self) -> Result<(), ChainError> {
        let sender = self.chain.sender()?;
        match sender.balance().await {
            Ok(wei) => {
                let gwei = u64::try_from(wei / U256::from(GWEI)).unwrap_or(u64::MAX);
                self.metrics.balance_gwei.set(gauge(gwei));
                if gwei < self.low_balance_gwei {
                    warn!(
                        account = %sender.address(),
                        gwei,
                        wanted_gwei = self.low_balance_gwei,
                        "balance is low; transactions will fail when it is spent"
                    );
                }
            }
            Err(error) => warn!(code = error.code(), %error, "balance cannot be read"),
        }
        Ok(())
    }

    async fn room(&self) {
        let usage = match self.content.store().usage().await {
            Ok(usage) => usage,
            Err(error) => {
                warn!(code = error.code(), %error, "content usage cannot be read");
                return;
            }
        };
        for (kind, bytes) in [
            ("used", usage.used_bytes),
            ("pinned", usage.pinned_bytes),
            ("quota", usage.quota.limit_bytes),
        ] {
            let bytes_of = self.metrics.content_bytes.with_label_values(&[kind]);
            bytes_of.set(gauge(bytes));
        }
        if usage.is_warning() {
            warn!(
                used_bytes = usage.used_bytes,
                limit_bytes = usage.quota.limit_bytes,
                "the content quota is nearly used up; the oldest pins will be collected"
            );
        }
    }
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
