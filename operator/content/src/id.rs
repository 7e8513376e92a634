//! The names of content.

use std::fmt;
use std::str::FromStr;

use cid::multihash::Multihash;
use cid::{Cid, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ContentError;
use crate::error::excerpt;

/// Multicodec of an opaque block.
const RAW: u64 = 0x55;
/// Multicodec of a block with links (Merkle DAG, protobuf).
const DAG_PB: u64 = 0x70;
/// Multihash code of SHA2-256.
const SHA2_256: u64 = 0x12;
/// Length of a SHA2-256 digest.
const DIGEST_BYTES: usize = 32;

/// What the bytes of a block mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// The block is a piece of the file, nothing else.
    Raw,
    /// The block is a node of the file's tree: links to other blocks.
    DagPb,
}

impl Codec {
    fn multicodec(self) -> u64 {
        match self {
            Self::Raw => RAW,
            Self::DagPb => DAG_PB,
        }
    }
}

/// The name of a file or of one of its blocks: a CIDv1 with SHA2-256 and codec `raw` or
/// `dag-pb`.
///
/// Other CIDs are refused when they are parsed, so that whoever holds a `ContentId` knows
/// that its content can be checked. Two identifiers are equal exactly when their
/// [bytes](ContentId::to_bytes) are.
///
/// ```
/// use zarathustra_content::ContentId;
/// let id: ContentId = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse()?;
/// assert_eq!(id, zarathustra_content::file_id(b"hello world"));
/// assert_eq!(ContentId::from_bytes(&id.to_bytes())?, id);
/// # Ok::<(), zarathustra_content::ContentError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId {
    codec: Codec,
    digest: [u8; DIGEST_BYTES],
}

impl ContentId {
    /// Length of the binary form: version, codec, hash function and digest length, one
    /// byte each, then the digest.
    pub const BYTES: usize = 4 + DIGEST_BYTES;

    /// Longest text that [`ContentId::from_str`] looks at, in bytes. The longest textual
    /// base in use (binary digits excepted) needs fewer.
    pub const MAX_TEXT_BYTES: usize = 128;

    /// The name of `block` when it is read with `codec`.
    pub fn of_block(codec: Codec, block: &[u8]) -> Self {
        Self {
            codec,
            digest: Sha256::digest(block).into(),
        }
    }

    /// Whether `block` is the block of this name.
    pub fn matches(&self, block: &[u8]) -> bool {
        Self::of_block(self.codec, block) == *self
    }

    /// What the bytes of the block mean.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The SHA2-256 digest of the block.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The binary form, as contracts store it.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        // Every one of these values is below 128 and thus its own varint.
        bytes[..4].copy_from_slice(&[
            1,
            self.codec.multicodec() as u8,
            SHA2_256 as u8,
            DIGEST_BYTES as u8,
        ]);
        bytes[4..].copy_from_slice(&self.digest);
        bytes
    }

    /// Reads the binary form that [`ContentId::to_bytes`] writes, and no other.
    ///
    /// # Errors
    /// `cid_malformed`, or `cid_unsupported` for another version, codec or hash function.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        // No CID that could be accepted is longer; do not let a stranger make us parse more.
        if bytes.len() > Self::BYTES {
            return Err(ContentError::CidMalformed {
                reason: format!("{} bytes instead of {}", bytes.len(), Self::BYTES),
            });
        }
        let cid = Cid::try_from(bytes).map_err(|error| ContentError::CidMalformed {
            reason: excerpt(&error.to_string()),
        })?;
        if cid.version() == Version::V0 {
            return Err(ContentError::CidUnsupported {
                reason: "version 0; the binary form of version 1 is required".to_owned(),
            });
        }
        let id = Self::try_from(&cid)?;
        // `cid` reads some varints that it would not write.
        if id.to_bytes() != bytes {
            return Err(ContentError::CidMalformed {
                reason: "not in its shortest form".to_owned(),
            });
        }
        Ok(id)
    }

    /// The same name in the type that IPFS libraries use.
    pub fn to_cid(&self) -> Cid {
        let hash = Multihash::wrap(SHA2_256, &self.digest)
            .expect("a 32-byte digest fits a 64-byte multihash");
        Cid::new_v1(self.codec.multicodec(), hash)
    }
}

impl TryFrom<&Cid> for ContentId {
    type Error = ContentError;

    /// Accepts version 0 too: it is `dag-pb` with SHA2-256 by definition, and trees built
    /// with Kubo's defaults link their blocks so.
    fn try_from(cid: &Cid) -> Result<Self, ContentError> {
        let codec = match cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            other => {
                return Err(ContentError::CidUnsupported {
                    reason: format!("codec {other:#x}; only raw (0x55) and dag-pb (0x70) are used"),
                });
            }
        };
        if cid.hash().code() != SHA2_256 {
            return Err(ContentError::CidUnsupported {
                reason: format!(
                    "hash function {:#x}; only sha2-256 (0x12) is used",
                    cid.hash().code()
                ),
            });
        }
        let digest = cid.hash().digest();
        Ok(Self {
            codec,
            digest: digest
                .try_into()
                .map_err(|_| ContentError::CidUnsupported {
                    reason: format!("digest of {} bytes instead of {DIGEST_BYTES}", digest.len()),
                })?,
        })
    }
}

impl FromStr for ContentId {
    type Err = ContentError;

    /// Reads a CID in any textual base, and version 0 (`Qm…`), which names the same block
    /// as its version 1. Paths and URLs are refused.
    fn from_str(text: &str) -> Result<Self, ContentError> {
        if text.len() > Self::MAX_TEXT_BYTES {
            return Err(ContentError::CidMalformed {
                reason: format!(
                    "text of {} bytes; at most {} are read",
                    text.len(),
                    Self::MAX_TEXT_BYTES
                ),
            });
        }
        // `cid` would silently drop everything before "/ipfs/".
        if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '/') {
            return Err(ContentError::CidMalformed {
                reason: format!("unexpected character {bad:?}"),
            });
        }
        let cid = Cid::try_from(text).map_err(|error| ContentError::CidMalformed {
            reason: excerpt(&error.to_string()),
        })?;
        Self::try_from(&cid)
    }
}

impl fmt::Display for ContentId {
    /// The textual form in base32, as `ipfs` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_cid().fmt(f)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentId({self})")
    }
}

impl Serialize for ContentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

    fn code(text: &str) -> &'static str {
        text.parse::<ContentId>().expect_err("refused").code()
    }

    #[test]
    fn text_and_bytes_round_trip() {
        let id: ContentId = HELLO.parse().expect("a CID");
        assert_eq!(id.to_string(), HELLO);
        assert_eq!(id.codec(), Codec::Raw);
        assert_eq!(id.to_bytes().to_vec(), id.to_cid().to_bytes());
        assert_eq!(ContentId::from_bytes(&id.to_bytes()), Ok(id));
        let json = serde_json::to_string(&id).expect("json");
        assert_eq!(json, format!("\"{HELLO}\""));
        assert_eq!(serde_json::from_str::<ContentId>(&json).expect("json"), id);
    }

    #[test]
    fn other_textual_forms_name_the_same_block() {
        // From the CID inspector's example: one digest as version 0 and as version 1.
        let v0: ContentId = "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"
            .parse()
            .expect("version 0");
        let v1: ContentId = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
            .parse()
            .expect("version 1");
        assert_eq!(v0, v1);
        let id: ContentId = HELLO.parse().expect("a CID");
        let base58 = id
            .to_cid()
            .to_string_of_base(cid::multibase::Base::Base58Btc)
            .expect("base58");
        assert_eq!(base58.parse(), Ok(id));
    }

    #[test]
    fn strangers_text_is_refused_with_a_code() {
        assert_eq!(code(""), "cid_malformed");
        assert_eq!(code("bafk"), "cid_malformed");
        assert_eq!(code(&format!("/ipfs/{HELLO}")), "cid_malformed");
        assert_eq!(code(&format!("{HELLO} ")), "cid_malformed");
        assert_eq!(code(&"b".repeat(129)), "cid_malformed");
        assert_eq!(code("Qm§"), "cid_malformed");
        // dag-cbor of the same digest.
        let digest = *ContentId::of_block(Codec::Raw, b"x").to_cid().hash();
        assert_eq!(
            code(&Cid::new_v1(0x71, digest).to_string()),
            "cid_unsupported"
        );
        // identity and sha2-512 hashes.
        for hash in [
            Multihash::wrap(0x00, b"inline").expect("multihash"),
            Multihash::wrap(0x13, &[7; 64]).expect("multihash"),
            Multihash::wrap(SHA2_256, &[7; 20]).expect("multihash"),
        ] {
            assert_eq!(code(&Cid::new_v1(RAW, hash).to_string()), "cid_unsupported");
        }
    }

    #[test]
    fn only_the_shortest_binary_form_is_read() {
        let id: ContentId = HELLO.parse().expect("a CID");
        let bytes = id.to_bytes();
        for cut in 0..bytes.len() {
            assert!(
                ContentId::from_bytes(&bytes[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(
            ContentId::from_bytes(&longer).expect_err("refused").code(),
            "cid_malformed"
        );
        // The bare multihash is the binary form of version 0.
        assert_eq!(
            ContentId::from_bytes(&bytes[2..])
                .expect_err("refused")
                .code(),
            "cid_unsupported"
        );
    }
}
