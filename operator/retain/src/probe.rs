//! Fetching a file from others alone.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use tracing::debug;
use zarathustra_content::{
    Collect, ContentError, ContentStore, EmbeddedConfig, EmbeddedNode, Quota,
};
use zarathustra_node::Abstain;
use zarathustra_primitives::Digest;

use crate::Subject;

/// Most peers that are asked.
const MAX_PEERS: usize = 64;

/// Peers that are dialled at a time.
const DIALS: usize = 16;

/// The code of what could not be had from anybody who answered.
pub(crate) const MISSING: &str = "retained_content_missing";

/// Finds files among the peers of a store, but not in the store: a node of its own, with an
/// identity of its own and nothing in it, is started for each try.
#[derive(Clone)]
pub struct Probe {
    store: Arc<dyn ContentStore>,
    peers: Vec<String>,
    folder: PathBuf,
    patience: Duration,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe")
            .field("peers", &self.peers)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// A probe that asks `peers` (multiaddresses that end in an identity) and whomever the store is
    /// connected with, keeps blocks below `folder` while it looks, and looks for a file for at most
    /// `patience`.
    pub fn new(
        store: Arc<dyn ContentStore>,
        peers: Vec<String>,
        folder: PathBuf,
        patience: Duration,
    ) -> Self {
        Self {
            store,
            peers,
            folder,
            patience,
        }
    }

    /// Fetches the file from others, and checks that it is the one.
    ///
    /// # Errors
    /// `retained_content_missing` when peers answered and none of them had it within the patience;
    /// what else keeps this operator from looking has other codes.
    pub async fn fetch(&self, subject: &Subject) -> Result<Vec<u8>, Abstain> {
        let peers = self.addresses().await.map_err(|e| local(&e))?;
        tokio::fs::create_dir_all(&self.folder)
            .await
            .map_err(|e| abstain("retain_folder", &e, true))?;
        let folder =
            tempfile::tempdir_in(&self.folder).map_err(|e| abstain("retain_folder", &e, true))?;
        let node = EmbeddedNode::start(EmbeddedConfig {
            repo: folder.path().to_owned(),
            listen: Vec::new(),
            peers: Vec::new(),
            // Blocks of a file have at most twice its bytes, and a few more for a small one.
            quota: Quota::with_limit(subject.size.saturating_mul(2).saturating_add(1 << 20)),
            collect: Collect::Unpinned,
        })
        .await
        .map_err(|e| local(&e))?;
        let found = self.ask(&node, peers, subject).await;
        node.shutdown().await;
        let file = found?;
        let (size, digest) = (file.len() as u64, Digest::of(&file));
        if (size, digest) == (subject.size, subject.digest) {
            return Ok(file);
        }
        // A CID fixes the bytes, and these won once: it does not happen.
        Err(Abstain {
            code: "retained_content_differs",
            detail: format!("{} names {size} bytes with digest {digest}", subject.id),
            retry: false,
        })
    }

    /// Where others can be reached, without this operator's own node.
    async fn addresses(&self) -> Result<BTreeSet<String>, ContentError> {
        let own = self.store.identity().await?.peer_id;
        let connected = self.store.peers().await?;
        let connected = connected
            .into_iter()
            .map(|peer| match peer.address.contains("/p2p/") {
                true => peer.address,
                false => format!("{}/p2p/{}", peer.address, peer.peer_id),
            });
        let known = self.peers.iter().cloned().chain(connected);
        Ok(known
            .filter(|address| !address.ends_with(&own))
            .take(MAX_PEERS)
            .collect())
    }

    async fn ask(
        &self,
        node: &EmbeddedNode,
        peers: BTreeSet<String>,
        subject: &Subject,
    ) -> Result<Vec<u8>, Abstain> {
        let reached = stream::iter(peers)
            .map(|peer| async move {
                node.connect(&peer)
                    .await
                    .inspect_err(|error| debug!(%error, "a peer cannot be asked"))
                    .is_ok()
            })
            .buffer_unordered(DIALS)
            .filter(|reached| std::future::ready(*reached))
            .count()
            .await;
        // Who reaches nobody knows nothing about what others have.
        if reached == 0 {
            return Err(Abstain {
                code: "no_peers_to_ask",
                detail: "no peer could be reached".to_owned(),
                retry: true,
            });
        }
        let deadline = Instant::now() + self.patience;
        match node.fetch(subject.id, subject.size, deadline).await {
            Ok(file) => Ok(file),
            Err(error @ (ContentError::Timeout { .. } | ContentError::Unavailable { .. })) => {
                Err(Abstain {
                    code: MISSING,
                    detail: format!("of {reached} peers none has it: {error}"),
                    retry: true,
                })
            }
            Err(error) => Err(local(&error)),
        }
    }
}

fn local(error: &ContentError) -> Abstain {
    abstain(error.code(), error, !error.is_content_fault())
}

pub(crate) fn abstain(code: &'static str, error: &dyn std::fmt::Display, retry: bool) -> Abstain {
    Abstain {
        code,
        detail: error.to_string(),
        retry,
    }
}
