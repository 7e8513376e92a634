//! One node of a file's tree: a `dag-pb` block whose data is a UnixFS `File`.
//!
//! ```text
//! dag-pb:  Links [ { Hash: CID, Name: "", Tsize } … ]   Data: bytes
//! UnixFS:  Data = { Type: File, Data: bytes?, filesize, blocksizes [ … ] }
//! ```
//!
//! A node holds a part of the file itself (`Data`), or links to the parts, or both; the
//! n-th entry of `blocksizes` is the number of file bytes under the n-th link.

use bytes::Bytes;
use ipld_dagpb::{PbLink, PbNode};

use crate::{Codec, ContentError, ContentId};

/// UnixFS data types, from the UnixFS specification.
mod kind {
    pub const RAW: u64 = 0;
    pub const DIRECTORY: u64 = 1;
    pub const FILE: u64 = 2;
    pub const METADATA: u64 = 3;
    pub const SYMLINK: u64 = 4;
    pub const HAMT_SHARD: u64 = 5;
}

/// UnixFS field numbers, from the UnixFS specification.
mod field {
    pub const TYPE: u64 = 1;
    pub const DATA: u64 = 2;
    pub const FILESIZE: u64 = 3;
    pub const BLOCKSIZES: u64 = 4;
}

const WIRE_VARINT: u64 = 0;
const WIRE_BYTES: u64 = 2;

/// A link to a part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub id: ContentId,
    /// File bytes under this link.
    pub content_bytes: u64,
}

/// A decoded node, whose declared sizes add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileNode {
    /// File bytes kept in the node itself; they come before those of the children.
    pub inline: Vec<u8>,
    pub children: Vec<Child>,
    /// File bytes in the node and under it.
    pub content_bytes: u64,
}

impl FileNode {
    /// Reads a `dag-pb` block. The caller has checked that it hashes to `id`.
    ///
    /// # Errors
    /// `content_malformed`, `content_not_a_file`, or `cid_unsupported` for a link to a
    /// block of another kind.
    pub fn decode(id: ContentId, block: &Bytes) -> Result<Self, ContentError> {
        let malformed = |reason: String| ContentError::Malformed { block: id, reason };
        let node = PbNode::from_bytes(block.clone())
            .map_err(|error| malformed(format!("not dag-pb: {error}")))?;
        let data = node
            .data
            .ok_or_else(|| malformed("no UnixFS data".to_owned()))?;
        let data = UnixFs::decode(&data).map_err(|reason| malformed(reason.to_owned()))?;

        match data.kind {
            Some(kind::FILE | kind::RAW) => {}
            Some(kind::DIRECTORY) => return Err(not_a_file(id, "directory")),
            Some(kind::HAMT_SHARD) => return Err(not_a_file(id, "sharded directory")),
            Some(kind::SYMLINK) => return Err(not_a_file(id, "symlink")),
            Some(kind::METADATA) => return Err(not_a_file(id, "metadata node")),
            _ => return Err(malformed("unknown UnixFS type".to_owned())),
        }
        if node.links.len() != data.blocksizes.len() {
            return Err(malformed(format!(
                "{} links but {} block sizes",
                node.links.len(),
                data.blocksizes.len()
            )));
        }

        let mut content_bytes = data.inline.len() as u64;
        let mut children = Vec::with_capacity(node.links.len());
        for (link, size) in node.links.iter().zip(data.blocksizes) {
            // An empty part says nothing and lets a small file have endless blocks.
            if size == 0 {
                return Err(malformed("a part of zero bytes".to_owned()));
            }
            content_bytes = content_bytes
                .checked_add(size)
                .ok_or_else(|| malformed("the sizes overflow".to_owned()))?;
            children.push(Child {
                id: ContentId::try_from(&link.cid)?,
                content_bytes: size,
            });
        }
        match data.filesize {
            Some(declared) if declared != content_bytes => Err(malformed(format!(
                "declares {declared} bytes, its parts add up to {content_bytes}"
            ))),
            None if !children.is_empty() => Err(malformed("no file size".to_owned())),
            _ => Ok(Self {
                inline: data.inline,
                children,
                content_bytes,
            }),
        }
    }
}

fn not_a_file(id: ContentId, kind: &'static str) -> ContentError {
    ContentError::NotAFile { id, kind }
}

/// A built part of a tree, as its parent needs to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub id: ContentId,
    /// File bytes in it.
    pub content_bytes: u64,
    /// Bytes of all blocks in it (`Tsize` of the link to it).
    pub tree_bytes: u64,
}

/// Encodes the node over `parts`, byte for byte as Kubo does.
pub(crate) fn encode_parent(parts: &[Part]) -> (Part, Vec<u8>) {
    let content_bytes = parts.iter().map(|part| part.content_bytes).sum();
    let mut unixfs = Vec::with_capacity(16 + parts.len() * 4);
    put_varint_field(&mut unixfs, field::TYPE, kind::FILE);
    put_varint_field(&mut unixfs, field::FILESIZE, content_bytes);
    for part in parts {
        put_varint_field(&mut unixfs, field::BLOCKSIZES, part.content_bytes);
    }
    let block = PbNode {
        links: parts
            .iter()
            .map(|part| PbLink {
                cid: part.id.to_cid(),
                // Present and empty, not absent: it is part of the hash.
                name: Some(String::new()),
                size: Some(part.tree_bytes),
            })
            .collect(),
        data: Some(unixfs.into()),
    }
    .into_bytes();
    let part = Part {
        id: ContentId::of_block(Codec::DagPb, &block),
        content_bytes,
        tree_bytes: block.len() as u64 + parts.iter().map(|part| part.tree_bytes).sum::<u64>(),
    };
    (part, block)
}

#[derive(Debug, Default)]
struct UnixFs {
    kind: Option<u64>,
    inline: Vec<u8>,
    filesize: Option<u64>,
    blocksizes: Vec<u64>,
}

impl UnixFs {
    /// Work and memory are linear in `data`, which is part of one block.
    fn decode(mut data: &[u8]) -> Result<Self, &'static str> {
        const CUT: &str = "the UnixFS data is cut short";
        let mut unixfs = Self::default();
        while !data.is_empty() {
            let tag = take_varint(&mut data).ok_or(CUT)?;
            match (tag >> 3, tag & 7) {
                (field::TYPE, WIRE_VARINT) => {
                    unixfs.kind = Some(take_varint(&mut data).ok_or(CUT)?);
                }
                (field::DATA, WIRE_BYTES) => {
                    unixfs.inline = take_bytes(&mut data).ok_or(CUT)?.to_vec();
                }
                (field::FILESIZE, WIRE_VARINT) => {
                    unixfs.filesize = Some(take_varint(&mut data).ok_or(CUT)?);
                }
                (field::BLOCKSIZES, WIRE_VARINT) => {
                    unixfs.blocksizes.push(take_varint(&mut data).ok_or(CUT)?);
                }
                (field::TYPE..=field::BLOCKSIZES, _) => {
                    return Err("a UnixFS field has the wrong wire type");
                }
                // Hash type, fanout, mode, time: nothing about the bytes of a file.
                (_, WIRE_VARINT) => {
                    take_varint(&mut data).ok_or(CUT)?;
                }
                (_, WIRE_BYTES) => {
                    take_bytes(&mut data).ok_or(CUT)?;
                }
                _ => return Err("the UnixFS data is not protobuf"),
            }
        }
        Ok(unixfs)
    }
}

fn put_varint_field(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3 | WIRE_VARINT);
    put_varint(out, value);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_bytes<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(data)?).ok()?;
    let (taken, rest) = data.split_at_checked(length)?;
    *data = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(block: Vec<u8>) -> Result<FileNode, ContentError> {
        let id = ContentId::of_block(Codec::DagPb, &block);
        FileNode::decode(id, &block.into())
    }

    /// A block with the given links and UnixFS data.
    fn block(links: &[ContentId], unixfs: &[u8]) -> Vec<u8> {
        PbNode {
            links: links
                .iter()
                .map(|id| PbLink {
                    cid: id.to_cid(),
                    name: Some(String::new()),
                    size: Some(1),
                })
                .collect(),
            data: Some(unixfs.to_vec().into()),
        }
        .into_bytes()
    }

    fn leaf() -> ContentId {
        ContentId::of_block(Codec::Raw, b"leaf")
    }

    fn refusal(links: &[ContentId], unixfs: &[u8]) -> &'static str {
        decode(block(links, unixfs)).expect_err("refused").code()
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let parts = [1u64, 300, 70_000].map(|content_bytes| Part {
            id: leaf(),
            content_bytes,
            tree_bytes: content_bytes,
        });
        let (parent, block) = encode_parent(&parts);
        let node = decode(block).expect("a file node");
        assert_eq!(node.content_bytes, 70_301);
        assert_eq!(parent.content_bytes, 70_301);
        assert_eq!(
            node.children
                .iter()
                .map(|c| c.content_bytes)
                .collect::<Vec<_>>(),
            [1, 300, 70_000]
        );
    }

    #[test]
    fn inline_bytes_count() {
        // Type File, Data "abc", filesize 3: a leaf as Kubo writes it without raw leaves.
        let node = decode(block(&[], b"\x08\x02\x12\x03abc\x18\x03")).expect("a leaf");
        assert_eq!(
            (node.inline.as_slice(), node.content_bytes),
            (&b"abc"[..], 3)
        );
        // Inline bytes before linked ones, as in a trickle tree.
        let node = decode(block(&[leaf()], b"\x08\x02\x12\x03abc\x18\x07\x20\x04")).expect("mixed");
        assert_eq!((node.inline.len(), node.content_bytes), (3, 7));
    }

    #[test]
    fn what_is_not_a_file_is_named() {
        for (kind, name) in [
            (1, "directory"),
            (3, "metadata node"),
            (4, "symlink"),
            (5, "sharded directory"),
        ] {
            let error = decode(block(&[], &[0x08, kind])).expect_err("refused");
            assert_eq!(error.code(), "content_not_a_file");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert_eq!(refusal(&[], b"\x08\x06"), "content_malformed");
        assert_eq!(refusal(&[], b""), "content_malformed");
    }

    #[test]
    fn sizes_that_do_not_add_up_are_refused() {
        let link = [leaf()];
        // filesize 5 over one part of 4 bytes
        assert_eq!(
            refusal(&link, b"\x08\x02\x18\x05\x20\x04"),
            "content_malformed"
        );
        // no filesize
        assert_eq!(refusal(&link, b"\x08\x02\x20\x04"), "content_malformed");
        // one link, no block size; no link, one block size
        assert_eq!(refusal(&link, b"\x08\x02\x18\x00"), "content_malformed");
        assert_eq!(
            refusal(&[], b"\x08\x02\x18\x04\x20\x04"),
            "content_malformed"
        );
        // a part of zero bytes
        assert_eq!(
            refusal(&link, b"\x08\x02\x18\x00\x20\x00"),
            "content_malformed"
        );
        // two parts of 2^64 - 1 bytes
        let mut overflow = b"\x08\x02".to_vec();
        for _ in 0..2 {
            put_varint_field(&mut overflow, field::BLOCKSIZES, u64::MAX);
        }
        assert_eq!(refusal(&[leaf(), leaf()], &overflow), "content_malformed");
    }

    #[test]
    fn links_to_other_kinds_of_blocks_are_refused() {
        let dag_cbor = cid::Cid::new_v1(0x71, *leaf().to_cid().hash());
        let block = PbNode {
            links: vec![PbLink {
                cid: dag_cbor,
                name: None,
                size: None,
            }],
            data: Some(b"\x08\x02\x18\x04\x20\x04".to_vec().into()),
        }
        .into_bytes();
        assert_eq!(
            decode(block).expect_err("refused").code(),
            "cid_unsupported"
        );
    }

    proptest! {
        #[test]
        fn varints_round_trip(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            if let Err(error) = decode(bytes.clone()) {
                prop_assert!(error.is_content_fault());
            }
            if let Err(error) = decode(block(&[leaf()], &bytes)) {
                prop_assert!(error.is_content_fault());
            }
        }
    }
}
