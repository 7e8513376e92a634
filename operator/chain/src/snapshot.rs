//! Snapshots of epochs for other chains, as home published them (7.1).

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
    providers::Provider as _,
    rpc::types::Filter,
    sol_types::SolEvent as _,
};
use zarathustra_abi::{snapshot_evidence::ISnapshotEvidence, spoke::ISnapshotTypes::Snapshot};
use zarathustra_primitives::Epoch;

use crate::{Chain, ChainError, client::read};

/// As of which block something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The newest.
    Newest,
    /// The newest that no reorganisation can take back, by the chain's own rules.
    Final,
}

impl From<AsOf> for BlockId {
    fn from(as_of: AsOf) -> Self {
        match as_of {
            AsOf::Newest => Self::latest(),
            AsOf::Final => Self::finalized(),
        }
    }
}

impl Chain {
    /// The contract that publishes snapshots; `None` where governance has named none.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn snapshot_evidence(&self) -> Result<Option<Address>, ChainError> {
        let address = read("snapshotEvidence", self.governance().snapshotEvidence()).await?;
        Ok((!address.is_zero()).then_some(address))
    }

    /// The newest epoch that `evidence` had published in a block: 0 before the first.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn published(&self, evidence: Address, at: AsOf) -> Result<Epoch, ChainError> {
        if self.is_empty(evidence, at).await? {
            return Ok(Epoch::new(0));
        }
        let contract = ISnapshotEvidence::new(evidence, self.provider().clone());
        read("published", contract.published().block(at.into()))
            .await
            .map(Epoch::new)
    }

    /// The digest of an epoch's snapshot as `evidence` had published it in a block; `None` when it
    /// had not.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn snapshot_digest(
        &self,
        evidence: Address,
        epoch: Epoch,
        at: AsOf,
    ) -> Result<Option<B256>, ChainError> {
        if self.is_empty(evidence, at).await? {
            return Ok(None);
        }
        let contract = ISnapshotEvidence::new(evidence, self.provider().clone());
        let digest = read("digestOf", contract.digestOf(epoch.get()).block(at.into())).await?;
        Ok((!digest.is_zero()).then_some(digest))
    }

    /// The snapshot of a published epoch; `None` when the node lacks its event.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn snapshot(
        &self,
        evidence: Address,
        epoch: Epoch,
    ) -> Result<Option<Snapshot>, ChainError> {
        let filter = Filter::new()
            .address(evidence)
            .event_signature(ISnapshotEvidence::SnapshotPublished::SIGNATURE_HASH)
            .topic1(U256::from(epoch.get()));
        let log = self.newest_log(&filter, 0).await?;
        let event =
            log.and_then(|log| ISnapshotEvidence::SnapshotPublished::decode_log(&log.inner).ok());
        Ok(event.map(|event| Snapshot {
            epoch: event.epoch,
            snapshotBlock: event.snapshotBlock,
            previous: event.previous,
            content: event.content,
            expiry: event.expiry,
        }))
    }

    /// The rows of an epoch's chunks as another chain takes them: empty where the chunk is that of
    /// the epoch before.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::Reverted`] for an unknown epoch.
    pub async fn new_chunks(&self, epoch: Epoch) -> Result<Vec<Bytes>, ChainError> {
        let governance = self.governance();
        let head = read("epochHead", governance.epochHead(epoch.get())).await?;
        let before = match epoch.get() {
            0 | 1 => Vec::new(),
            number => {
                let before = read("epochHead", governance.epochHead(number - 1)).await?;
                before.chunks
            }
        };
        let mut chunks = Vec::with_capacity(head.chunks.len());
        for (index, chunk) in head.chunks.iter().enumerate() {
            if before.get(index) == Some(chunk) {
                chunks.push(Bytes::new());
                continue;
            }
            let code = self
                .provider()
                .get_code_at(*chunk)
                .await
                .map_err(ChainError::transport("eth_getCode"))?;
            // Without the byte that keeps it from being called.
            chunks.push(code.get(1..).map(|_| code.slice(1..)).unwrap_or_default());
        }
        Ok(chunks)
    }

    /// Whether there was no contract in a block: on a young chain the final blocks lack it.
    async fn is_empty(&self, address: Address, at: AsOf) -> Result<bool, ChainError> {
        let code = self
            .provider()
            .get_code_at(address)
            .block_id(at.into())
            .await;
        Ok(code
            .map_err(ChainError::transport("eth_getCode"))?
            .is_empty())
    }
}
