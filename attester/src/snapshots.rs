//! Signing the snapshots of epochs for other chains (7.1).
//!
//! What is signed is what home's contract says in a final block, read from the operator's own node:
//! a reorganisation can no longer change it. The journal signs one digest for an epoch, whatever
//! the node says later.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use zarathustra_chain::{AsOf, Chain, ChainError};
use zarathustra_primitives::{Address, Epoch};
use zarathustra_signer::Keyring;
use zarathustra_wire::{AggregatorClient, SnapshotMessage};

/// Newest epochs that are looked at: other chains take one after the other, and an aggregator may
/// have lost what it was sent.
const NEWEST: u32 = 8;

/// Signs snapshots and sends the signatures to every aggregator.
#[derive(Debug)]
pub struct SnapshotSigner {
    chain: Chain,
    keys: Arc<Keyring>,
    operator: Address,
    aggregators: Vec<AggregatorClient>,
    /// Epochs with which this process is done.
    done: BTreeSet<Epoch>,
}

impl SnapshotSigner {
    /// Has signed nothing yet.
    pub const fn new(
        chain: Chain,
        keys: Arc<Keyring>,
        operator: Address,
        aggregators: Vec<AggregatorClient>,
    ) -> Self {
        Self {
            chain,
            keys,
            operator,
            aggregators,
            done: BTreeSet::new(),
        }
    }

    /// Looks every so often, until it is told to stop. That the chain cannot be read stops nothing:
    /// the operator's core says so.
    ///
    /// # Errors
    /// None.
    pub async fn run(mut self, every: Duration, stop: CancellationToken) -> Result<(), Infallible> {
        loop {
            if let Err(error) = self.look().await {
                debug!(code = error.code(), %error, "snapshots cannot be read; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(every) => {}
            }
        }
    }

    /// Signs what was published and is final, and sends it to aggregators that do not have it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn look(&mut self) -> Result<(), ChainError> {
        let Some(evidence) = self.chain.snapshot_evidence().await? else {
            return Ok(());
        };
        let newest = self.chain.published(evidence, AsOf::Final).await?;
        // Nobody certifies the first epoch.
        let oldest = newest.get().saturating_sub(NEWEST - 1).max(2);
        for epoch in (oldest..=newest.get()).map(Epoch::new) {
            if !self.done.contains(&epoch) && self.sign(evidence, epoch).await? {
                self.done.insert(epoch);
            }
        }
        self.done.retain(|epoch| epoch.get() >= oldest);
        Ok(())
    }

    /// Answers whether there is nothing left to do for an epoch.
    async fn sign(&self, evidence: Address, epoch: Epoch) -> Result<bool, ChainError> {
        let at = AsOf::Final;
        let Some(digest) = self.chain.snapshot_digest(evidence, epoch, at).await? else {
            return Ok(true);
        };
        let certifiers = self.chain.epoch_table(Epoch::new(epoch.get() - 1)).await?;
        let row = certifiers.row_of(self.operator);
        let Some(signer) = row.and_then(|row| self.keys.with_key(&row.key)) else {
            return Ok(true);
        };
        let registry = self.chain.addresses().avs_governance;
        let signature = match signer.sign_snapshot(registry, epoch, digest) {
            Ok(signature) => signature,
            Err(error) => {
                warn!(%epoch, %digest, code = error.code(), %error, "the journal refuses the snapshot");
                return Ok(true);
            }
        };
        let message = SnapshotMessage {
            epoch,
            digest,
            operator: self.operator,
            signature,
        };
        let sent = self
            .aggregators
            .iter()
            .map(|aggregator| aggregator.send_snapshot_signature(&message));
        let mut everywhere = true;
        for (aggregator, sent) in self.aggregators.iter().zip(join_all(sent).await) {
            if let Err(error) = sent {
                everywhere = false;
                debug!(%epoch, aggregator = aggregator.url(), code = error.code(), %error, "signature of a snapshot not taken yet; it is sent again");
            }
        }
        if everywhere {
            info!(%epoch, %digest, "snapshot signed");
        }
        Ok(everywhere)
    }
}
