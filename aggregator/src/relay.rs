//! Brings epochs to other chains (7): publishes them at home, and takes to each Spoke the next one
//! that a quorum has signed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use alloy::primitives::U256;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use zarathustra_chain::{
    Advance, AsOf, Chain, ChainError, Spoke, abi::snapshot_evidence::ISnapshotEvidence::publishCall,
};
use zarathustra_node::Metrics;
use zarathustra_primitives::{Address, Epoch};

use crate::{SnapshotDesk, desk::Electorate};

/// Newest epochs whose signatures are taken. A Spoke that is further behind has expired, or can
/// wait for nobody but governance.
const NEWEST: u32 = 8;

/// Publishes and relays.
pub(crate) struct Relay {
    chain: Chain,
    desk: Arc<SnapshotDesk>,
    /// Whether to publish epochs at home.
    publish: bool,
    spokes: Vec<Spoke>,
    metrics: Metrics,
}

impl Relay {
    pub(crate) const fn new(
        chain: Chain,
        desk: Arc<SnapshotDesk>,
        publish: bool,
        spokes: Vec<Spoke>,
        metrics: Metrics,
    ) -> Self {
        Self {
            chain,
            desk,
            publish,
            spokes,
            metrics,
        }
    }

    /// Looks every so often, until it is told to stop.
    ///
    /// # Errors
    /// None: what fails is tried again, on each chain by itself.
    pub(crate) async fn run(
        self,
        every: Duration,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        loop {
            if let Err(error) = self.tick().await {
                warn!(code = error.code(), %error, "snapshots cannot be followed; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(every) => {}
            }
        }
    }

    /// Publishes what is to be published, opens what is final for signatures, and brings each
    /// Spoke on by one epoch where that is possible.
    pub(crate) async fn tick(&self) -> Result<(), ChainError> {
        let Some(evidence) = self.chain.snapshot_evidence().await? else {
            return Ok(());
        };
        if self.publish {
            self.publish(evidence).await?;
        }
        let newest = self.chain.published(evidence, AsOf::Final).await?;
        let oldest = newest.get().saturating_sub(NEWEST - 1).max(2);
        for epoch in (oldest..=newest.get()).map(Epoch::new) {
            self.open(evidence, epoch).await?;
        }
        self.desk.forget_before(Epoch::new(oldest))?;
        for spoke in &self.spokes {
            if let Err(error) = self.bring(evidence, spoke, newest).await {
                let chain = spoke.chain().chain_id();
                warn!(chain, spoke = %spoke.address(), code = error.code(), %error, "a Spoke cannot be brought on; trying again");
            }
        }
        Ok(())
    }

    async fn publish(&self, evidence: Address) -> Result<(), ChainError> {
        let published = self.chain.published(evidence, AsOf::Newest).await?;
        if self.chain.current_epoch().await? <= published {
            return Ok(());
        }
        match self
            .chain
            .transact(evidence, publishCall {}, U256::ZERO)
            .await
        {
            Ok(receipt) => {
                self.count("publish", "mined");
                info!(after = %published, gas = receipt.gas_used, "epoch published");
                Ok(())
            }
            // Somebody else was first.
            Err(ChainError::Reverted { revert, .. }) => {
                self.count("publish", "refused");
                debug!(%revert, "epoch not published");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes signatures of an epoch that was published in a final block.
    async fn open(&self, evidence: Address, epoch: Epoch) -> Result<(), ChainError> {
        let digest = self.chain.snapshot_digest(evidence, epoch, AsOf::Final);
        let Some(digest) = digest.await? else {
            return Ok(());
        };
        if self.desk.is_open(epoch, digest) {
            return Ok(());
        }
        let table = self.chain.epoch_table(Epoch::new(epoch.get() - 1)).await?;
        match Electorate::new(table) {
            Some(certifiers) => self.desk.open(epoch, digest, certifiers),
            None => Ok(()),
        }
    }

    /// Takes the next epoch to a Spoke.
    async fn bring(
        &self,
        evidence: Address,
        spoke: &Spoke,
        newest: Epoch,
    ) -> Result<(), ChainError> {
        let next = Epoch::new(spoke.current_epoch().await?.get() + 1);
        // Before the first there is nobody to certify: governance seeds a Spoke.
        if next.get() < 2 || next > newest {
            return Ok(());
        }
        let chain = spoke.chain().chain_id();
        if spoke.is_frozen().await? {
            warn!(chain, spoke = %spoke.address(), epoch = %next, "a Spoke is frozen; only its governance can seed it anew");
            return Ok(());
        }
        let Some(quorum) = self.desk.quorum(next, spoke.threshold().await?) else {
            debug!(chain, epoch = %next, "the signatures of a snapshot are no quorum's yet");
            return Ok(());
        };
        let Some(snapshot) = self.chain.snapshot(evidence, next).await? else {
            warn!(epoch = %next, "the node does not have the event of an epoch's publishing");
            return Ok(());
        };
        let table = self.chain.epoch_table(next).await?;
        let advance = Advance {
            snapshot,
            non_signers: quorum.non_signers,
            signature: quorum.signature,
            stakes: table.rows.iter().map(|row| row.stake.get()).collect(),
            chunks: self.chain.new_chunks(next).await?,
        };
        match spoke.advance(advance).await {
            Ok(receipt) => {
                self.count("advance", "mined");
                info!(chain, spoke = %spoke.address(), epoch = %next, gas = receipt.gas_used, "epoch brought to a Spoke");
                Ok(())
            }
            Err(error @ ChainError::Reverted { .. }) => {
                self.count("advance", "refused");
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn count(&self, action: &str, outcome: &str) {
        let transactions = &self.metrics.transactions;
        transactions.with_label_values(&[action, outcome]).inc();
    }
}

#[cfg(test)]
mod tests;
