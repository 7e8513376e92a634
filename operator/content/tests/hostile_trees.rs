//! Trees built to deceive, against the assembler.

use std::collections::HashMap;

use bytes::Bytes;
use ipld_dagpb::{PbLink, PbNode};
use proptest::prelude::*;
use zarathustra_content::{
    Codec, ContentError, ContentId, FREE_BLOCKS, FileAssembler, MAX_DEPTH, MIN_MEAN_BLOCK_BYTES,
};

/// Blocks by name, and the means to build more.
#[derive(Default)]
struct Blocks {
    blocks: HashMap<ContentId, Bytes>,
}

impl Blocks {
    fn leaf(&mut self, bytes: &[u8]) -> ContentId {
        self.insert(Codec::Raw, bytes.to_vec())
    }

    /// A node that declares the given size for each link, and their sum for itself.
    fn parent(&mut self, parts: &[(ContentId, u64)]) -> ContentId {
        let mut data = vec![0x08, 2, 0x18];
        put_varint(&mut data, parts.iter().map(|(_, size)| size).sum());
        for (_, size) in parts {
            data.push(0x20);
            put_varint(&mut data, *size);
        }
        let links = parts
            .iter()
            .map(|(id, size)| PbLink {
                cid: id.to_cid(),
                name: Some(String::new()),
                size: Some(*size),
            })
            .collect();
        let node = PbNode {
            links,
            data: Some(data.into()),
        };
        self.insert(Codec::DagPb, node.into_bytes())
    }

    fn insert(&mut self, codec: Codec, block: Vec<u8>) -> ContentId {
        let id = ContentId::of_block(codec, &block);
        self.blocks.insert(id, block.into());
        id
    }

    /// Reads a file; on failure also tells how many blocks it took to see it.
    fn read(&self, root: ContentId, max_bytes: u64) -> Result<Vec<u8>, (ContentError, usize)> {
        let mut assembler = FileAssembler::new(root, max_bytes);
        let mut supplied = 0;
        while let Some(id) = assembler.next_wanted() {
            supplied += 1;
            assembler
                .supply(&self.blocks[&id])
                .map_err(|error| (error, supplied))?;
        }
        Ok(assembler.finish().expect("nothing more is wanted"))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn refusal(result: Result<Vec<u8>, (ContentError, usize)>) -> (&'static str, usize) {
    let (error, supplied) = result.expect_err("refused");
    (error.code(), supplied)
}

#[test]
fn an_honest_tree_is_read_in_order() {
    let mut blocks = Blocks::default();
    let (a, b, c) = (
        blocks.leaf(b"one "),
        blocks.leaf(b"two "),
        blocks.leaf(b"three"),
    );
    let left = blocks.parent(&[(a, 4), (b, 4)]);
    // The same block twice is no offence.
    let root = blocks.parent(&[(left, 8), (c, 5), (left, 8)]);
    assert_eq!(
        blocks.read(root, 21).expect("read"),
        b"one two threeone two "
    );
}

#[test]
fn a_bomb_is_refused_at_its_root() {
    // Ten levels of ten links to the same block: 10^10 kilobytes from twelve blocks.
    let mut blocks = Blocks::default();
    let (mut id, mut size) = (blocks.leaf(&[0; 1000]), 1000);
    for _ in 0..10 {
        id = blocks.parent(&vec![(id, size); 10]);
        size *= 10;
    }
    assert_eq!(refusal(blocks.read(id, 1 << 30)), ("content_too_large", 1));
}

#[test]
fn a_root_that_understates_is_caught_at_the_first_lie() {
    let mut blocks = Blocks::default();
    let leaf = blocks.leaf(&[0; 5000]);
    let root = blocks.parent(&[(leaf, 10)]);
    assert_eq!(refusal(blocks.read(root, 100)), ("content_malformed", 2));
    let node = blocks.parent(&[(leaf, 5000)]);
    let root = blocks.parent(&[(node, 10)]);
    assert_eq!(refusal(blocks.read(root, 100)), ("content_malformed", 2));
    // Overstating is a lie too.
    let root = blocks.parent(&[(leaf, 5001)]);
    assert_eq!(refusal(blocks.read(root, 10_000)), ("content_malformed", 2));
}

#[test]
fn a_raw_file_has_the_length_it_has() {
    let mut blocks = Blocks::default();
    let leaf = blocks.leaf(&[0; 5000]);
    assert_eq!(refusal(blocks.read(leaf, 4999)), ("content_too_large", 1));
    assert_eq!(blocks.read(leaf, 5000).expect("read").len(), 5000);
}

#[test]
fn depth_is_limited() {
    let mut blocks = Blocks::default();
    let mut id = blocks.leaf(b"deep");
    for _ in 0..MAX_DEPTH {
        id = blocks.parent(&[(id, 4)]);
    }
    assert_eq!(blocks.read(id, 4).expect("at the limit"), b"deep");
    id = blocks.parent(&[(id, 4)]);
    assert_eq!(refusal(blocks.read(id, 4)).0, "content_malformed");
}

#[test]
fn crumbs_are_limited() {
    let mut blocks = Blocks::default();
    let crumb = blocks.leaf(b"x");
    let mut crumbs = |count: u64| {
        let root = blocks.parent(&vec![(crumb, 1); count as usize]);
        blocks.read(root, u64::MAX)
    };
    // The root counts as well.
    assert_eq!(
        crumbs(FREE_BLOCKS - 1).expect("few").len() as u64,
        FREE_BLOCKS - 1
    );
    assert_eq!(refusal(crumbs(FREE_BLOCKS)), ("content_malformed", 1));
    assert_eq!(refusal(crumbs(40_000)), ("content_malformed", 1));

    let mut blocks = Blocks::default();
    let small = blocks.leaf(&vec![7; MIN_MEAN_BLOCK_BYTES as usize]);
    let root = blocks.parent(&vec![(small, MIN_MEAN_BLOCK_BYTES); 1000]);
    let length = blocks.read(root, u64::MAX).expect("small but honest").len() as u64;
    assert_eq!(length, 1000 * MIN_MEAN_BLOCK_BYTES);
}

#[test]
fn other_bytes_are_a_mismatch_wherever_they_are() {
    let mut blocks = Blocks::default();
    let (a, b) = (blocks.leaf(b"aaaa"), blocks.leaf(b"bbbb"));
    let root = blocks.parent(&[(a, 4), (b, 4)]);
    for swapped in [root, a, b] {
        let mut lying = Blocks {
            blocks: blocks.blocks.clone(),
        };
        let mut wrong = lying.blocks[&swapped].to_vec();
        wrong[0] ^= 1;
        lying.blocks.insert(swapped, wrong.into());
        assert_eq!(refusal(lying.read(root, 8)).0, "content_mismatch");
    }
}

#[test]
fn a_block_read_with_the_other_codec_is_another_block() {
    let mut blocks = Blocks::default();
    let leaf = blocks.leaf(b"aaaa");
    let root = blocks.parent(&[(leaf, 4)]);
    let node = blocks.blocks[&root].clone();
    // The bytes of a node under a raw name are just bytes.
    let raw = blocks.leaf(&node);
    assert_eq!(blocks.read(raw, 1000).expect("bytes"), node);
    // The bytes of a leaf under a node's name are no node.
    let dag = blocks.insert(Codec::DagPb, b"aaaa".to_vec());
    assert_eq!(refusal(blocks.read(dag, 1000)), ("content_malformed", 1));
}

proptest! {
    /// Whatever sizes a tree claims, what is read is at most what was allowed, or an error
    /// that convicts the content.
    #[test]
    fn no_claim_exceeds_the_limit(
        claims in prop::collection::vec(prop::collection::vec((0usize..6, 1u64..3000), 1..5), 1..5),
        max_bytes in 0u64..4000,
    ) {
        let mut blocks = Blocks::default();
        let mut known = vec![(blocks.leaf(&[1; 700]), 700), (blocks.leaf(&[2; 1300]), 1300)];
        for claim in claims {
            let parts: Vec<_> = claim
                .iter()
                .map(|(pick, claimed)| {
                    let (id, size) = known[pick % known.len()];
                    // Half of the claims are true.
                    (id, if claimed % 2 == 0 { size } else { *claimed })
                })
                .collect();
            let size = parts.iter().map(|(_, size)| size).sum();
            known.push((blocks.parent(&parts), size));
        }
        let (root, _) = *known.last().expect("at least one");
        match blocks.read(root, max_bytes) {
            Ok(file) => prop_assert!(file.len() as u64 <= max_bytes),
            Err((error, _)) => prop_assert!(error.is_content_fault()),
        }
    }
}
