//! The form of a compiled evaluator in the cache: a header with a tag, then the code.
//!
//! Header: `"ZCODE\0\0\x01" ‖ BLAKE3 of the code ‖ u64 size of the code, little-endian ‖ tag`.
//! Tag: BLAKE3, keyed by the user's secret, of
//! `"ZCODE\0\0\x01" ‖ evaluator's SHA-256 ‖ BLAKE3 of the engine's settings ‖ BLAKE3 of the code ‖
//! size`. All fields have fixed lengths, so no two entries have the same text.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use zarathustra_primitives::Digest;

use super::secret::SECRET_BYTES;
use crate::engine::EngineSettings;

const MAGIC: &[u8; 8] = b"ZCODE\0\0\x01";
const DIGEST_BYTES: usize = 32;
const SIZE_BYTES: usize = 8;
/// Bytes before the code.
pub const HEADER_BYTES: usize = MAGIC.len() + DIGEST_BYTES + SIZE_BYTES + DIGEST_BYTES;

/// What an entry says about its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// BLAKE3 of the code.
    pub blake3: blake3::Hash,
    /// Bytes of the code.
    pub size: u64,
}

/// Why an entry is not used.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// It cannot be read.
    #[error("read the entry: {0}")]
    Read(#[from] io::Error),
    /// It does not begin as an entry does.
    #[error("the entry has no header")]
    Malformed,
    /// It was altered, made for another evaluator or tagged with another secret.
    #[error("the entry's tag does not fit")]
    Tag,
    /// It does not have the size that it was written with.
    #[error("the entry has {found} bytes, {expected} were written")]
    CutOff {
        /// Bytes of the file.
        found: u64,
        /// Bytes by the header.
        expected: u64,
    },
}

impl Rejected {
    /// Stable name of the reason, for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "cache_unreadable",
            Self::Malformed => "cache_malformed",
            Self::Tag => "cache_tag_mismatch",
            Self::CutOff { .. } => "cache_cut_off",
        }
    }
}

/// What the tags of one evaluator's entries speak for.
pub struct Label {
    secret: [u8; SECRET_BYTES],
    evaluator: Digest,
    engine: blake3::Hash,
}

impl Label {
    /// The label of an evaluator compiled by an engine.
    pub fn new(secret: [u8; SECRET_BYTES], evaluator: Digest, engine: &EngineSettings) -> Self {
        Self {
            secret,
            evaluator,
            engine: engine.digest(),
        }
    }

    fn tag(&self, entry: &Entry) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.secret)
            .update(MAGIC)
            .update(&self.evaluator.get())
            .update(self.engine.as_bytes())
            .update(entry.blake3.as_bytes())
            .update(&entry.size.to_le_bytes())
            .finalize()
    }

    fn header(&self, entry: &Entry) -> Vec<u8> {
        let tag = self.tag(entry);
        [
            MAGIC.as_slice(),
            entry.blake3.as_bytes(),
            &entry.size.to_le_bytes(),
            tag.as_bytes(),
        ]
        .concat()
    }

    /// What a header says, if its tag vouches for it.
    pub fn open(&self, header: &[u8]) -> Result<Entry, Rejected> {
        let fields = || {
            let (magic, rest) = header.split_first_chunk()?;
            let (digest, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
            let (size, rest) = rest.split_first_chunk()?;
            let tag: [u8; DIGEST_BYTES] = rest.try_into().ok()?;
            let entry = Entry {
                blake3: (*digest).into(),
                size: u64::from_le_bytes(*size),
            };
            (magic == MAGIC).then_some((entry, blake3::Hash::from(tag)))
        };
        let (entry, tag) = fields().ok_or(Rejected::Malformed)?;
        // `Hash` compares in constant time.
        if self.tag(&entry) == tag {
            Ok(entry)
        } else {
            Err(Rejected::Tag)
        }
    }
}

/// Code that is being received; removed when dropped.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    hasher: blake3::Hasher,
    size: u64,
}

impl Draft {
    /// Leaves room for the header.
    pub fn new(mut file: NamedTempFile) -> io::Result<Self> {
        file.write_all(&[0; HEADER_BYTES])?;
        Ok(Self {
            file,
            hasher: blake3::Hasher::new(),
            size: 0,
        })
    }

    /// Adds code.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// The file, as a program that is killed meanwhile leaves it.
    #[cfg(test)]
    pub fn into_unfinished(self) -> NamedTempFile {
        self.file
    }

    /// Writes the header and gives the file its name.
    pub fn finish(mut self, label: &Label, path: &Path) -> io::Result<Entry> {
        let entry = Entry {
            blake3: self.hasher.finalize(),
            size: self.size,
        };
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&label.header(&entry))?;
        // Not synchronised: what a crash leaves of it does not fit its tag or its digest.
        self.file.persist(path).map_err(|error| error.error)?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ENGINE;

    const CODE: Entry = Entry {
        blake3: blake3::Hash::from_bytes([7; DIGEST_BYTES]),
        size: 9,
    };

    fn label(secret: u8, evaluator: &[u8], engine: &EngineSettings) -> Label {
        Label::new([secret; SECRET_BYTES], Digest::of(evaluator), engine)
    }

    #[test]
    fn a_tag_speaks_for_every_field() {
        let ours = label(1, b"evaluator", &ENGINE);
        let header = ours.header(&CODE);
        assert_eq!(header.len(), HEADER_BYTES);
        assert_eq!(ours.open(&header).expect("fits"), CODE);

        let slower = EngineSettings {
            fuel: !ENGINE.fuel,
            ..ENGINE
        };
        for other in [
            label(2, b"evaluator", &ENGINE),
            label(1, b"other", &ENGINE),
            label(1, b"evaluator", &slower),
        ] {
            assert_eq!(
                other.open(&header).expect_err("no fit").code(),
                "cache_tag_mismatch"
            );
        }
        for index in 0..header.len() {
            let mut altered = header.clone();
            altered[index] ^= 1;
            let code = ours.open(&altered).expect_err("altered").code();
            let expected = match index < MAGIC.len() {
                true => "cache_malformed",
                false => "cache_tag_mismatch",
            };
            assert_eq!(code, expected, "byte {index}");
            assert!(ours.open(&header[..index]).is_err());
        }
    }
}
