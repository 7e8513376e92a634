//! Blocks of the embedded node: asking for them, and clearing away those that belong to
//! no file.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;

use super::Inner;
use crate::assemble::{BlockSource, check_block_length};
use crate::holdings::Reservation;
use crate::node::FileNode;
use crate::{Codec, ContentError, ContentId};

/// How long to wait for a block before asking all peers anew; doubled each time, so that a
/// slow transfer is not cut off again and again. Asking anew matters: a peer that did not
/// have the block may have it by now, and a message may have been lost (see
/// [`PeerTable::is_sequential`](super::swarm::PeerTable::is_sequential)).
const FIRST_PATIENCE: Duration = Duration::from_secs(5);
const MAX_PATIENCE: Duration = Duration::from_secs(80);

/// Pause between two attempts, in which the node forgets the first.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Blocks asked for at a time.
const WINDOW: usize = 16;

/// The blocks that somebody is using right now, with the number of users.
#[derive(Debug, Default)]
pub(super) struct Busy {
    users: Mutex<HashMap<ContentId, usize>>,
}

impl Busy {
    pub fn guard(&self, litter: Arc<AtomicBool>) -> BusyGuard<'_> {
        BusyGuard {
            busy: self,
            mine: Mutex::default(),
            litter,
            settled: AtomicBool::new(false),
        }
    }

    fn contains(&self, id: &ContentId) -> bool {
        self.users
            .lock()
            .expect("no panic while locked")
            .contains_key(id)
    }
}

/// One user's blocks; they are released when it is dropped.
#[derive(Debug)]
pub(super) struct BusyGuard<'a> {
    busy: &'a Busy,
    mine: Mutex<HashSet<ContentId>>,
    litter: Arc<AtomicBool>,
    settled: AtomicBool,
}

impl BusyGuard<'_> {
    /// Keeps these blocks from being swept. The caller holds the sweep gate.
    pub fn keep(&self, ids: impl IntoIterator<Item = ContentId>) {
        let mut mine = self.mine.lock().expect("no panic while locked");
        let mut users = self.busy.users.lock().expect("no panic while locked");
        for id in ids {
            if mine.insert(id) {
                *users.entry(id).or_default() += 1;
            }
        }
    }

    /// Says that the blocks now belong to a file in the ledger, so that there is nothing to
    /// clear away.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }
}

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        let mine = self.mine.lock().expect("no panic while locked");
        let mut users = self.busy.users.lock().expect("no panic while locked");
        for id in mine.iter() {
            if let Some(count) = users.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    users.remove(id);
                }
            }
        }
        if !mine.is_empty() && !self.settled.load(Ordering::Acquire) {
            self.litter.store(true, Ordering::Release);
        }
    }
}

/// Finds blocks here and among the connected peers.
pub(super) struct NodeSource<'a> {
    inner: &'a Inner,
    guard: &'a BusyGuard<'a>,
    root: ContentId,
    /// Disk space promised to the file; kept until the fetch ends.
    reservation: Mutex<Option<Reservation<'a>>>,
}

impl<'a> NodeSource<'a> {
    pub fn new(inner: &'a Inner, guard: &'a BusyGuard<'a>, root: ContentId) -> Self {
        Self {
            inner,
            guard,
            root,
            reservation: Mutex::new(None),
        }
    }

    /// One block by itself.
    pub async fn block_until(
        &self,
        id: ContentId,
        deadline: Instant,
    ) -> Result<Bytes, ContentError> {
        tokio::time::timeout_at(deadline.into(), self.block(id))
            .await
            .map_err(|_| ContentError::Timeout {
                during: format!("waiting for block {id}"),
            })?
    }
}

#[async_trait]
impl BlockSource for NodeSource<'_> {
    async fn block(&self, id: ContentId) -> Result<Bytes, ContentError> {
        {
            let _gate = self.inner.sweep_gate.read().await;
            self.guard.keep([id]);
        }
        let repo = self.inner.ipfs.repo();
        let mut patience = FIRST_PATIENCE;
        loop {
            match repo.get_block(id.to_cid()).timeout(patience).await {
                Ok(block) => {
                    let bytes = block.inner_data().clone();
                    check_block_length(id, bytes.len() as u64)?;
                    return Ok(bytes);
                }
                Err(error) if !repo.is_online() => {
                    return Err(ContentError::node("find a block", error));
                }
                Err(error) => tracing::debug!(block = %id, %error, "asking again for a block"),
            }
            tokio::time::sleep(RETRY_PAUSE).await;
            patience = (patience * 2).min(MAX_PATIENCE);
        }
    }

    async fn admit(&self, content_bytes: u64) -> Result<(), ContentError> {
        // A file that is held has its room already.
        if self.inner.holdings.touch(self.root).await {
            return Ok(());
        }
        let reservation = self.inner.reserve(content_bytes).await?;
        *self.reservation.lock().expect("no panic while locked") = Some(reservation);
        Ok(())
    }

    fn window(&self) -> usize {
        if self.inner.peers.is_sequential() {
            1
        } else {
            WINDOW
        }
    }
}

impl Inner {
    /// Deletes every block that belongs to no file in the ledger and that nobody uses.
    ///
    /// It reads the nodes of all files held and lists all blocks: milliseconds per
    /// gigabyte, and only when something was collected or abandoned.
    pub(super) async fn sweep(&self) -> Result<(), ContentError> {
        let _gate = self.sweep_gate.write().await;
        let held = self.holdings.held().await;
        let roots = held.iter().map(|held| held.id).collect();
        let keep = self.blocks_of(roots).await?;
        let repo = self.ipfs.repo();
        let mut removed = 0u64;
        let mut blocks = repo.list_blocks().await;
        while let Some(cid) = blocks.next().await {
            let wanted = ContentId::try_from(&cid)
                .is_ok_and(|id| keep.contains(&id) || self.busy.contains(&id));
            if wanted {
                continue;
            }
            repo.remove_block(cid, false)
                .await
                .map_err(|error| ContentError::node("remove a block", error))?;
            removed += 1;
        }
        tracing::debug!(removed, "swept blocks that belong to no file");
        Ok(())
    }

    /// All blocks of the files `roots`, as far as their nodes are here.
    async fn blocks_of(&self, roots: Vec<ContentId>) -> Result<HashSet<ContentId>, ContentError> {
        let mut found = HashSet::new();
        let mut stack = roots;
        while let Some(id) = stack.pop() {
            if !found.insert(id) || id.codec() == Codec::Raw {
                continue;
            }
            match self.ipfs.repo().get_block_now(id.to_cid()).await {
                Ok(Some(block)) => {
                    let node = FileNode::decode(id, block.inner_data())?;
                    stack.extend(node.children.iter().map(|child| child.id));
                }
                Ok(None) => tracing::warn!(block = %id, "a block of a file held is missing"),
                Err(error) => return Err(ContentError::node("read a block", error)),
            }
        }
        Ok(found)
    }
}
