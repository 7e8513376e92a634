//! What a retention task is about, and its result (5.12).

use alloy::primitives::{Address, B256, Keccak256, U256, keccak256};

use crate::{
    Digest, RequestId, Seed, SubjectHash, SubmissionId, UnknownCode,
    codes::coded,
    words::{WORD, address, hash, read_uint, uint},
};

const SUBJECT_TYPE: &str = "ZarathustraRetain(address market,uint64 requestId,uint64 submissionId,bytes32 digest,bytes32 cidHash,uint64 size)";
const RANGES_TYPE: &str = "ZarathustraRanges(bytes32 seed,uint64 size)";

/// The only version there is.
const VERSION: u16 = 1;

/// Bytes of an encoded result: three words.
pub const RETENTION_RESULT_LEN: usize = 3 * WORD;

/// How many ranges of a file a seed draws.
pub const RANGES: u64 = 64;

/// Bytes of a range, where the file has as many.
pub const RANGE_LEN: u64 = 1024;

/// The file that somebody was paid to keep (5.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetainSubject<'a> {
    /// The market that holds the money.
    pub market: Address,
    /// The request.
    pub request: RequestId,
    /// The submission that won.
    pub submission: SubmissionId,
    /// SHA-256 of the parameters.
    pub digest: Digest,
    /// Their binary CID.
    pub cid: &'a [u8],
    /// Their length in bytes.
    pub size: u64,
}

impl RetainSubject<'_> {
    /// The subject hash (5.12).
    pub fn hash(&self) -> SubjectHash {
        SubjectHash::new(hash(&[
            keccak256(SUBJECT_TYPE),
            address(self.market),
            uint(self.request.get()),
            uint(self.submission.get()),
            self.digest.word(),
            keccak256(self.cid),
            uint(self.size),
        ]))
    }
}

coded! {
    /// What a retention task found (5.12).
    RetentionStatus {
        /// The parameters could be fetched from others.
        Kept = 1 "kept",
        /// They could not be had from anybody.
        Missing = 2 "missing",
    }
}

/// Bytes that are not the encoding of a retention result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetentionResultError {
    /// Not exactly three words.
    #[error("the result has {found} bytes instead of {RETENTION_RESULT_LEN}")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// A version that this program does not know.
    #[error("the result has another version than {VERSION}")]
    Version,
    /// A word is not the canonical encoding of a value of its type.
    #[error("word {index} of the result is out of range")]
    Word {
        /// Which word, from 0.
        index: usize,
    },
    /// No status of that number.
    #[error(transparent)]
    Status(#[from] UnknownCode),
    /// A proof where there can be none, or none where there must be one.
    #[error("a proof does not belong to status {status}, or is missing")]
    Proof {
        /// The status.
        status: RetentionStatus,
    },
}

impl RetentionResultError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "result_length",
            Self::Version => "result_version",
            Self::Word { .. } => "result_word",
            Self::Status(_) => "result_code",
            Self::Proof { .. } => "result_proof",
        }
    }
}

/// The result of a retention task, version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetentionResult {
    /// The file was fetched; the hash of what the seed draws of it, see [`RangesProof`].
    Kept(B256),
    /// The file could not be fetched from anybody.
    Missing,
}

impl RetentionResult {
    /// What was found.
    pub const fn status(&self) -> RetentionStatus {
        match self {
            Self::Kept(_) => RetentionStatus::Kept,
            Self::Missing => RetentionStatus::Missing,
        }
    }

    /// Encodes the result.
    pub fn encode(&self) -> [u8; RETENTION_RESULT_LEN] {
        let proof = match self {
            Self::Kept(proof) => *proof,
            Self::Missing => B256::ZERO,
        };
        let mut bytes = [0; RETENTION_RESULT_LEN];
        let words = [uint(VERSION), uint(self.status().to_u8()), proof];
        for (place, word) in bytes.chunks_exact_mut(WORD).zip(words) {
            place.copy_from_slice(word.as_slice());
        }
        bytes
    }

    /// Decodes the one canonical encoding of a result.
    ///
    /// # Errors
    /// For anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, RetentionResultError> {
        let (&[ref version, ref status, proof], []) = bytes.as_chunks::<WORD>() else {
            return Err(RetentionResultError::Length { found: bytes.len() });
        };
        let version = read_uint(version, u16::MAX.into());
        if version.ok_or(RetentionResultError::Word { index: 0 })? != u64::from(VERSION) {
            return Err(RetentionResultError::Version);
        }
        let status = read_uint(status, u8::MAX.into());
        let status = status.ok_or(RetentionResultError::Word { index: 1 })? as u8;
        let status = RetentionStatus::from_u8(status)?;
        let proof = B256::new(proof);
        match (status, proof.is_zero()) {
            (RetentionStatus::Kept, false) => Ok(Self::Kept(proof)),
            (RetentionStatus::Missing, true) => Ok(Self::Missing),
            _ => Err(RetentionResultError::Proof { status }),
        }
    }
}

/// Where the ranges lie that a seed draws of a file of `size` bytes, in order, each as offset and
/// length in bytes. They may overlap; an empty file has empty ones.
pub fn ranges(seed: Seed, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let length = size.min(RANGE_LEN);
    // One more than the last place where a range can begin.
    let places = U256::from(size - length) + U256::ONE;
    (0..RANGES).map(move |index| {
        let drawn = U256::from_be_bytes(hash(&[seed.get(), uint(index)]).0);
        ((drawn % places).to::<u64>(), length)
    })
}

/// Hashes what a seed draws of a file: only who has the bytes when the seed is known can.
#[derive(Debug, Clone)]
pub struct RangesProof(Keccak256);

impl RangesProof {
    /// Of a file of `size` bytes.
    pub fn new(seed: Seed, size: u64) -> Self {
        let mut hasher = Keccak256::new();
        for word in [keccak256(RANGES_TYPE), seed.get(), uint(size)] {
            hasher.update(word);
        }
        Self(hasher)
    }

    /// Adds the bytes of the next of [`ranges`].
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The proof, when every range was added.
    pub fn finish(self) -> B256 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Bytes;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        subjects: Vec<SubjectCase>,
        proofs: Vec<ProofCase>,
        results: Vec<ResultCase>,
    }

    #[derive(Deserialize)]
    struct SubjectCase {
        market: Address,
        request: u64,
        submission: u64,
        digest: B256,
        cid: Bytes,
        size: u64,
        hash: B256,
    }

    #[derive(Deserialize)]
    struct ProofCase {
        seed: B256,
        size: u64,
        proof: B256,
    }

    #[derive(Deserialize)]
    struct ResultCase {
        says: String,
        bytes: Bytes,
    }

    fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/retention.json");
        serde_json::from_str(text).expect("vectors")
    }

    #[test]
    fn subjects_hash_as_the_vectors_say() {
        for case in vectors().subjects {
            let subject = RetainSubject {
                market: case.market,
                request: RequestId::new(case.request),
                submission: SubmissionId::new(case.submission),
                digest: Digest::new(case.digest.0),
                cid: &case.cid,
                size: case.size,
            };
            assert_eq!(subject.hash().get(), case.hash);
        }
    }

    /// The same bytes as the vectors': keccak256 of 0, 1, 2, …
    fn content(size: u64) -> Vec<u8> {
        let words = (0..=size / 32).flat_map(|i| keccak256(uint(i)).0);
        words.take(size as usize).collect()
    }

    fn proof(seed: Seed, content: &[u8]) -> B256 {
        let mut proof = RangesProof::new(seed, content.len() as u64);
        for (offset, length) in ranges(seed, content.len() as u64) {
            proof.add(&content[offset as usize..][..length as usize]);
        }
        proof.finish()
    }

    #[test]
    fn proofs_are_as_the_vectors_say() {
        for case in vectors().proofs {
            let found = proof(Seed::new(case.seed), &content(case.size));
            assert_eq!(found, case.proof, "{} bytes", case.size);
        }
    }

    #[test]
    fn another_seed_or_another_byte_makes_another_proof() {
        let mut file = content(2000);
        let seed = Seed::new(B256::repeat_byte(1));
        let first = proof(seed, &file);
        assert_ne!(proof(Seed::new(B256::repeat_byte(2)), &file), first);
        // 64 ranges of 1,024 bytes leave none of 2,000 out: each begins at one of 977 places.
        let (offset, _) = ranges(seed, 2000).next().expect("one");
        file[offset as usize] ^= 1;
        assert_ne!(proof(seed, &file), first);
    }

    #[test]
    fn results_are_read_as_the_contract_reads_them() {
        let mut seen = [0; 3];
        for case in vectors().results {
            let decoded = RetentionResult::decode(&case.bytes);
            let index = match (case.says.as_str(), &decoded) {
                ("kept", Ok(RetentionResult::Kept(_))) => 0,
                ("missing", Ok(RetentionResult::Missing)) => 1,
                ("malformed", Err(_)) => 2,
                other => panic!("{other:?}"),
            };
            seen[index] += 1;
            if let Ok(result) = decoded {
                assert_eq!(result.encode(), case.bytes[..]);
            }
        }
        assert_eq!(seen, [1, 1, 12]);
    }

    #[test]
    fn each_refusal_has_its_code() {
        let kept = RetentionResult::Kept(B256::repeat_byte(9)).encode();
        let with = |index: usize, word: B256| {
            let mut bytes = kept;
            bytes[index * WORD..][..WORD].copy_from_slice(word.as_slice());
            RetentionResult::decode(&bytes).expect_err("refused").code()
        };
        assert_eq!(with(0, uint(2u8)), "result_version");
        assert_eq!(with(0, uint(0x1_0001u32)), "result_word");
        assert_eq!(with(1, uint(0u8)), "result_code");
        assert_eq!(with(1, uint(257u16)), "result_word");
        assert_eq!(with(1, uint(2u8)), "result_proof");
        assert_eq!(with(2, B256::ZERO), "result_proof");
        let short = RetentionResult::decode(&kept[1..]).expect_err("refused");
        assert_eq!(short.code(), "result_length");
    }

    proptest! {
        #[test]
        fn ranges_lie_within_the_file(seed: [u8; 32], size: u64) {
            let mut count = 0;
            for (offset, length) in ranges(Seed::new(seed.into()), size) {
                prop_assert_eq!(length, size.min(RANGE_LEN));
                prop_assert!(offset <= size - length);
                count += 1;
            }
            prop_assert_eq!(count, RANGES);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(result) = RetentionResult::decode(&bytes) {
                prop_assert_eq!(result.encode().to_vec(), bytes);
            }
        }
    }
}
