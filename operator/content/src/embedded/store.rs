//! [`ContentStore`] for the embedded node.

use std::time::Instant;

use async_trait::async_trait;
use rust_ipfs::Block;

use super::blocks::NodeSource;
use super::{AGENT, EmbeddedNode, swarm};
use crate::assemble::{FileAssembler, complete};
use crate::file::{file_blocks, file_id};
use crate::peer::PeerAddress;
use crate::{ConnectedPeer, ContentError, ContentId, ContentStore, Held, NodeIdentity, Usage};

/// Blocks written to disk at a time.
const WRITE_BATCH: usize = 16;

#[async_trait]
impl ContentStore for EmbeddedNode {
    async fn add(&self, file: &[u8]) -> Result<ContentId, ContentError> {
        let inner = &*self.inner;
        let bytes = file.len() as u64;
        let root = file_id(file);
        if inner.holdings.get(root).await.is_some() {
            inner.holdings.record(root, bytes, true).await?;
            return Ok(root);
        }
        let _reservation = inner.reserve(bytes).await?;
        let guard = inner.guard();
        let mut blocks = file_blocks(file);
        loop {
            let batch: Vec<_> = blocks.by_ref().take(WRITE_BATCH).collect();
            if batch.is_empty() {
                break;
            }
            {
                let _gate = inner.sweep_gate.read().await;
                guard.keep(batch.iter().map(|(id, _)| *id));
            }
            let batch = batch
                .into_iter()
                .map(|(id, block)| Block::new_unchecked(id.to_cid(), block))
                .collect();
            inner
                .ipfs
                .repo()
                .put_blocks(batch)
                .await
                .map_err(|error| ContentError::node("store a file", error))?;
        }
        inner.holdings.record(root, bytes, true).await?;
        guard.settle();
        Ok(root)
    }

    async fn fetch(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, ContentError> {
        let assembler = FileAssembler::new(id, max_bytes);
        self.find(id, assembler, deadline).await?.into_file()
    }

    async fn hold(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<u64, ContentError> {
        if let Some(bytes) = self.inner.holdings.use_held(id, max_bytes).await? {
            return Ok(bytes);
        }
        let assembler = FileAssembler::new(id, max_bytes).without_bytes();
        let checked = self.find(id, assembler, deadline).await?;
        Ok(checked.assembled_bytes())
    }

    async fn pin(&self, id: ContentId) -> Result<(), ContentError> {
        match self.inner.holdings.get(id).await {
            Some(held) => self.inner.holdings.record(id, held.bytes, true).await,
            None => Err(ContentError::NotHeld { id }),
        }
    }

    async fn unpin(&self, id: ContentId) -> Result<(), ContentError> {
        self.inner.holdings.unpin(id).await
    }

    async fn set_protected(&self, id: ContentId, protected: bool) -> Result<(), ContentError> {
        self.inner.holdings.set_protected(id, protected).await
    }

    async fn held(&self) -> Result<Vec<Held>, ContentError> {
        Ok(self.inner.holdings.held().await)
    }

    async fn usage(&self) -> Result<Usage, ContentError> {
        Ok(self.inner.holdings.usage().await)
    }

    async fn connect(&self, address: &str) -> Result<(), ContentError> {
        let address: PeerAddress = address.parse()?;
        swarm::dial(&self.inner.ipfs, &address).await
    }

    async fn identity(&self) -> Result<NodeIdentity, ContentError> {
        let peer_id = self.peer_id();
        let addresses = self
            .inner
            .ipfs
            .listening_addresses()
            .await
            .map_err(|error| ContentError::node("name its addresses", error))?;
        Ok(NodeIdentity {
            addresses: addresses
                .into_iter()
                .map(|address| format!("{address}/p2p/{peer_id}"))
                .collect(),
            peer_id,
            agent: AGENT.to_owned(),
        })
    }

    async fn peers(&self) -> Result<Vec<ConnectedPeer>, ContentError> {
        Ok(self.inner.peers.connected())
    }
}

impl EmbeddedNode {
    /// Finds all blocks of a file and takes it into the ledger.
    async fn find(
        &self,
        id: ContentId,
        assembler: FileAssembler,
        deadline: Instant,
    ) -> Result<FileAssembler, ContentError> {
        let inner = &*self.inner;
        let guard = inner.guard();
        let source = NodeSource::new(inner, &guard, id);
        match complete(&source, assembler, deadline).await {
            Ok(file) => {
                inner
                    .holdings
                    .record(id, file.assembled_bytes(), false)
                    .await?;
                guard.settle();
                Ok(file)
            }
            Err(error) => {
                // Nobody else may pay for the blocks of a file that was refused.
                drop(source);
                drop(guard);
                inner.sweep_if_littered().await?;
                Err(error)
            }
        }
    }
}
