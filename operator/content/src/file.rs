//! From bytes to blocks: cutting a file up and naming it.
//!
//! The layout is the one of `ipfs add --cid-version=1 --raw-leaves
//! --chunker=size-262144`: the file is cut into blocks of 256 KiB; a file of one block is
//! named by that block; longer ones get a balanced tree of nodes with up to 174 links.

use crate::node::{Part, encode_parent};
use crate::{Codec, ContentId};

/// File bytes in every block but the last.
pub const CHUNK_BYTES: usize = 262_144;

/// Largest number of links in a node.
const MAX_LINKS: usize = 174;

/// The name under which IPFS knows a file with these bytes. Needs no node.
pub fn file_id(bytes: &[u8]) -> ContentId {
    let mut tree = TreeBuilder::default();
    for chunk in chunks(bytes) {
        tree.push(leaf(chunk));
    }
    tree.finish()
}

/// The blocks of a file, leaves first in the file's order, then the nodes above them; the
/// last one is the root.
pub(crate) fn file_blocks(bytes: &[u8]) -> impl Iterator<Item = (ContentId, Vec<u8>)> {
    let mut chunks = chunks(bytes);
    let mut tree = TreeBuilder::default();
    let mut nodes = None;
    std::iter::from_fn(move || {
        if let Some(chunk) = chunks.next() {
            let part = leaf(chunk);
            tree.push(part);
            return Some((part.id, chunk.to_vec()));
        }
        nodes
            .get_or_insert_with(|| std::mem::take(&mut tree).into_nodes().into_iter())
            .next()
    })
}

fn leaf(chunk: &[u8]) -> Part {
    Part {
        id: ContentId::of_block(Codec::Raw, chunk),
        content_bytes: chunk.len() as u64,
        tree_bytes: chunk.len() as u64,
    }
}

/// The pieces of a file; one empty piece for an empty file.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = bytes.is_empty().then_some(bytes);
    empty.into_iter().chain(bytes.chunks(CHUNK_BYTES))
}

/// Collects leaves and builds the balanced tree above them.
#[derive(Debug, Default)]
struct TreeBuilder {
    leaves: Vec<Part>,
}

impl TreeBuilder {
    fn push(&mut self, leaf: Part) {
        self.leaves.push(leaf);
    }

    fn finish(self) -> ContentId {
        let only = self.leaves.first().map(|leaf| leaf.id);
        self.into_nodes()
            .pop()
            .map(|(id, _)| id)
            .or(only)
            .expect("a file has at least one leaf")
    }

    /// The nodes above the leaves, level by level, the root last; none over a single leaf.
    fn into_nodes(self) -> Vec<(ContentId, Vec<u8>)> {
        let mut nodes = Vec::new();
        let mut level = self.leaves;
        while level.len() > 1 {
            level = level
                .chunks(MAX_LINKS)
                .map(|parts| {
                    let (part, block) = encode_parent(parts);
                    nodes.push((part.id, block));
                    part
                })
                .collect();
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the vectors: `(7 i + 3) mod 251` at position i.
    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| ((i * 7 + 3) % 251) as u8).collect()
    }

    #[derive(serde::Deserialize)]
    struct Vectors {
        published: Vec<Published>,
        pattern: Vec<Pattern>,
    }

    #[derive(serde::Deserialize)]
    struct Published {
        text: String,
        cid: ContentId,
    }

    #[derive(serde::Deserialize)]
    struct Pattern {
        bytes: usize,
        cid: ContentId,
    }

    #[test]
    fn names_agree_with_other_implementations() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../tests/vectors/file_ids.json")).expect("vectors");
        for Published { text, cid } in vectors.published {
            assert_eq!(file_id(text.as_bytes()), cid, "{text:?}");
        }
        for Pattern { bytes, cid } in vectors.pattern {
            assert_eq!(file_id(&pattern(bytes)), cid, "{bytes} bytes");
        }
    }

    #[test]
    fn every_block_has_its_name_and_the_root_comes_last() {
        for length in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let bytes = pattern(length);
            let blocks: Vec<_> = file_blocks(&bytes).collect();
            assert!(blocks.iter().all(|(id, block)| id.matches(block)));
            assert_eq!(blocks.last().map(|(id, _)| *id), Some(file_id(&bytes)));
            let leaves = length.div_ceil(CHUNK_BYTES).max(1);
            assert_eq!(blocks.len(), if leaves == 1 { 1 } else { leaves + 1 });
        }
    }
}
