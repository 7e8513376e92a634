//! From blocks to bytes: checking a file while it is put together.
//!
//! [`FileAssembler`] decides which blocks to ask for and whether what came back is right;
//! it performs no IO. [`complete`] drives it over a [`BlockSource`].
//!
//! What a hostile tree cannot do, and why:
//! - *swap bytes*: every block is hashed against the CID by which its parent links it;
//! - *be longer than allowed*: the root declares the length of the file, which is compared
//!   with the limit before any other block is asked for; below, every node must declare
//!   exactly what its parent declared for it, so the sum cannot grow;
//! - *be endless with few bytes*: parts of zero bytes, more than [`MAX_DEPTH`] levels, and
//!   blocks smaller than [`MIN_MEAN_BLOCK_BYTES`] on average are refused;
//! - *contain itself*: a block that links to itself would need a collision of SHA2-256,
//!   and the limits above would end the walk all the same.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};

use crate::node::FileNode;
use crate::{Codec, ContentError, ContentId};

/// Largest block that peers exchange; bitswap messages hold no more.
pub const MAX_BLOCK_BYTES: usize = 2 * 1024 * 1024;

/// Most levels of nodes above the bytes of a file. Three levels of Kubo's default layout
/// already hold more than a terabyte.
pub const MAX_DEPTH: u8 = 8;

/// Smallest mean size of a file's blocks, in file bytes per block, beyond the first
/// [`FREE_BLOCKS`] blocks.
pub const MIN_MEAN_BLOCK_BYTES: u64 = 1024;

/// Blocks that any file may have, however short it is.
pub const FREE_BLOCKS: u64 = 16;

/// Checks the blocks of one file and joins their bytes.
///
/// Ask [`FileAssembler::next_wanted`], find that block, [`FileAssembler::supply`] it,
/// repeat until [`FileAssembler::finish`] has something to return.
#[derive(Debug)]
pub struct FileAssembler {
    root: ContentId,
    max_bytes: u64,
    /// Blocks still needed; the last one comes first in the file.
    stack: Vec<Wanted>,
    /// The bytes so far; `None` when they are only checked.
    file: Option<Vec<u8>>,
    assembled: u64,
    /// Blocks supplied so far.
    supplied: u64,
    /// Length of the file, known once the root was supplied.
    content_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: ContentId,
    /// File bytes under this block as its parent declares; `None` for the root.
    content_bytes: Option<u64>,
    depth: u8,
}

impl FileAssembler {
    /// Starts on the file `root`, which may hold at most `max_bytes` bytes.
    pub fn new(root: ContentId, max_bytes: u64) -> Self {
        Self {
            root,
            max_bytes,
            stack: vec![Wanted {
                id: root,
                content_bytes: None,
                depth: 0,
            }],
            file: Some(Vec::new()),
            assembled: 0,
            supplied: 0,
            content_bytes: None,
        }
    }

    /// The same, but only checks the file: its bytes are forgotten block by block.
    #[must_use]
    pub fn without_bytes(mut self) -> Self {
        self.file = None;
        self
    }

    /// The block to supply next; `None` when the file is complete.
    pub fn next_wanted(&self) -> Option<ContentId> {
        self.stack.last().map(|wanted| wanted.id)
    }

    /// The first `count` blocks that are known to be needed, in order.
    pub fn wanted(&self, count: usize) -> impl Iterator<Item = ContentId> + '_ {
        self.stack.iter().rev().take(count).map(|wanted| wanted.id)
    }

    /// Length of the file in bytes, once its root was supplied.
    pub fn content_bytes(&self) -> Option<u64> {
        self.content_bytes
    }

    /// File bytes put together, or checked, so far.
    pub fn assembled_bytes(&self) -> u64 {
        self.assembled
    }

    /// Takes the bytes of [`FileAssembler::next_wanted`].
    ///
    /// # Errors
    /// `content_mismatch`, `content_too_large`, `content_malformed`,
    /// `content_not_a_file`, `cid_unsupported`, or `content_unavailable` for a block too
    /// large to be exchanged. After an error the assembler is of no further use.
    pub fn supply(&mut self, block: &Bytes) -> Result<(), ContentError> {
        let Some(wanted) = self.stack.pop() else {
            return Err(ContentError::Malformed {
                block: self.root,
                reason: "a block after the end of the file".to_owned(),
            });
        };
        check_block_length(wanted.id, block.len() as u64)?;
        if !wanted.id.matches(block) {
            return Err(ContentError::Mismatch { block: wanted.id });
        }
        self.supplied += 1;

        let node = match wanted.id.codec() {
            Codec::Raw => None,
            Codec::DagPb => Some(FileNode::decode(wanted.id, block)?),
        };
        let content_bytes = node
            .as_ref()
            .map_or(block.len() as u64, |node| node.content_bytes);
        self.check_length(wanted, content_bytes)?;
        match node {
            None => self.take(block),
            Some(node) => self.descend(wanted, node)?,
        }
        Ok(())
    }

    fn check_length(&mut self, wanted: Wanted, content_bytes: u64) -> Result<(), ContentError> {
        match wanted.content_bytes {
            None if content_bytes > self.max_bytes => {
                return Err(ContentError::TooLarge {
                    id: self.root,
                    bytes: content_bytes,
                    max_bytes: self.max_bytes,
                });
            }
            None => self.content_bytes = Some(content_bytes),
            Some(declared) if declared != content_bytes => {
                return Err(ContentError::Malformed {
                    block: wanted.id,
                    reason: format!("holds {content_bytes} bytes, its parent says {declared}"),
                });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn descend(&mut self, wanted: Wanted, node: FileNode) -> Result<(), ContentError> {
        let malformed = |reason: String| ContentError::Malformed {
            block: wanted.id,
            reason,
        };
        if wanted.depth >= MAX_DEPTH && !node.children.is_empty() {
            return Err(malformed(format!("more than {MAX_DEPTH} levels deep")));
        }
        let blocks = self.supplied + (self.stack.len() + node.children.len()) as u64;
        let file_bytes = self.content_bytes.unwrap_or_default();
        let max_blocks = FREE_BLOCKS + file_bytes / MIN_MEAN_BLOCK_BYTES;
        if blocks > max_blocks {
            return Err(malformed(format!(
                "at least {blocks} blocks for a file of {file_bytes} bytes"
            )));
        }
        self.take(&node.inline);
        self.stack
            .extend(node.children.into_iter().rev().map(|child| Wanted {
                id: child.id,
                content_bytes: Some(child.content_bytes),
                depth: wanted.depth + 1,
            }));
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        self.assembled += bytes.len() as u64;
        if let Some(file) = &mut self.file {
            file.extend_from_slice(bytes);
        }
    }

    /// The file, when every block was supplied and its bytes were kept.
    pub fn finish(self) -> Option<Vec<u8>> {
        self.file.filter(|_| self.stack.is_empty())
    }

    /// The same, where anything else is an error.
    pub(crate) fn into_file(self) -> Result<Vec<u8>, ContentError> {
        let block = self.root;
        self.finish().ok_or_else(|| ContentError::Malformed {
            block,
            reason: "incomplete".to_owned(),
        })
    }
}

/// Refuses a block that is too long to be exchanged.
pub(crate) fn check_block_length(block: ContentId, bytes: u64) -> Result<(), ContentError> {
    if bytes <= MAX_BLOCK_BYTES as u64 {
        return Ok(());
    }
    Err(ContentError::Unavailable {
        block,
        reason: format!("a block of more than {MAX_BLOCK_BYTES} bytes cannot be exchanged"),
    })
}

/// Where blocks come from. Their bytes need not be trusted.
#[async_trait]
pub(crate) trait BlockSource: Sync {
    /// Finds one block, however long it takes; the caller keeps the deadline.
    async fn block(&self, id: ContentId) -> Result<Bytes, ContentError>;

    /// Told once, after the root and before anything else is asked for: may a file of this
    /// many bytes be stored?
    async fn admit(&self, content_bytes: u64) -> Result<(), ContentError>;

    /// How many blocks may be asked for at a time.
    fn window(&self) -> usize;
}

/// Supplies the assembler with all blocks that it wants.
///
/// Blocks that are asked for ahead of their turn are kept in memory, at most a window of
/// them.
pub(crate) async fn complete(
    source: &impl BlockSource,
    mut assembler: FileAssembler,
    deadline: Instant,
) -> Result<FileAssembler, ContentError> {
    let root = assembler.root;
    let mut admitted = false;
    let mut arrived: HashMap<ContentId, Bytes> = HashMap::new();
    let mut requested: HashSet<ContentId> = HashSet::new();
    let mut pending = FuturesUnordered::new();
    while let Some(next) = assembler.next_wanted() {
        if let Some(block) = arrived.remove(&next) {
            requested.remove(&next);
            assembler.supply(&block)?;
            if let (false, Some(content_bytes)) = (admitted, assembler.content_bytes()) {
                source.admit(content_bytes).await?;
                admitted = true;
            }
            continue;
        }
        for id in assembler.wanted(source.window().max(1)) {
            if requested.insert(id) {
                pending.push(async move { (id, source.block(id).await) });
            }
        }
        let Ok(found) = tokio::time::timeout_at(deadline.into(), pending.next()).await else {
            return Err(ContentError::Timeout {
                during: format!(
                    "waiting for block {next} of {root} ({} of {} bytes are here)",
                    assembler.assembled_bytes(),
                    assembler
                        .content_bytes()
                        .map_or("an unknown number of".to_owned(), |bytes| bytes.to_string())
                ),
            });
        };
        let (id, block) = found.expect("the wanted block is either here or being asked for");
        arrived.insert(id, block?);
    }
    Ok(assembler)
}
