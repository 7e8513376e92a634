//! Sample scores: their Merkle root and the file in which they are published (5.3).

use alloy::primitives::{B256, keccak256};

use crate::Score;

/// Most samples of an evaluation. Keeps the scores file at 16 MiB and every sum in range.
pub const MAX_SAMPLES: u32 = 1 << 20;

const MAGIC: &[u8; 8] = b"ZSCORES1";
const HEADER: usize = MAGIC.len() + 4;
const ROW: usize = 16;
const LEAF_TAG: u8 = 0;
const NODE_TAG: u8 = 1;

/// Scores that cannot be published, or a file that holds none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScoresError {
    /// Fewer than two samples, or more than [`MAX_SAMPLES`].
    #[error("{found} samples are not from 2 to {MAX_SAMPLES}")]
    Samples {
        /// Samples found.
        found: u64,
    },
    /// The file does not begin with the format's mark.
    #[error("no scores file")]
    Magic,
    /// The file is shorter or longer than its count says.
    #[error("scores file has {found} bytes instead of {expected}")]
    Length {
        /// Bytes found.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
}

impl ScoresError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Samples { .. } => "scores_samples",
            Self::Magic => "scores_magic",
            Self::Length { .. } => "scores_length",
        }
    }
}

/// The two models' scores on one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleScore {
    /// The champion's.
    pub champion: Score,
    /// The challenger's.
    pub challenger: Score,
}

impl SampleScore {
    /// How much better the challenger is, in millionths. Fits for scores of a valid range.
    pub const fn difference(&self) -> i64 {
        self.challenger.micros() - self.champion.micros()
    }
}

/// The scores of all samples of an evaluation, in order; from 2 to [`MAX_SAMPLES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleScores(Vec<SampleScore>);

impl SampleScores {
    /// Most bytes that a scores file can have: what to cap a download at.
    pub const MAX_FILE_LEN: u64 = (HEADER + MAX_SAMPLES as usize * ROW) as u64;

    /// Checks the number of samples and wraps the scores.
    ///
    /// # Errors
    /// Outside 2 to [`MAX_SAMPLES`].
    pub fn new(scores: Vec<SampleScore>) -> Result<Self, ScoresError> {
        check_count(scores.len() as u64)?;
        Ok(Self(scores))
    }

    /// The scores in order.
    pub fn as_slice(&self) -> &[SampleScore] {
        &self.0
    }

    /// Number of samples.
    pub fn count(&self) -> u32 {
        self.0.len() as u32
    }

    /// Merkle root of the scores. Leaves and nodes are hashed under different tags, and an odd
    /// node is carried up unchanged, so that no two lists share a root.
    pub fn root(&self) -> B256 {
        let leaves = self.0.iter().enumerate();
        let mut level: Vec<B256> = leaves
            .map(|(index, score)| leaf(index as u32, score))
            .collect();
        while let [_, _, ..] = level.as_slice() {
            level = level.chunks(2).map(parent).collect();
        }
        // At least two leaves, so the loop ends with exactly one node.
        level[0]
    }

    /// The published file.
    pub fn to_file(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.0.len() * ROW);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.count().to_be_bytes());
        for score in &self.0 {
            bytes.extend_from_slice(&row(score));
        }
        bytes
    }

    /// Reads a published file.
    ///
    /// # Errors
    /// For anything but the file of 2 to [`MAX_SAMPLES`] scores.
    pub fn from_file(bytes: &[u8]) -> Result<Self, ScoresError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ScoresError::Magic)?;
        let found = bytes.len() as u64;
        let (count, rows) = rest.split_first_chunk::<4>().ok_or(ScoresError::Length {
            found,
            expected: HEADER as u64,
        })?;
        let count = u64::from(u32::from_be_bytes(*count));
        check_count(count)?;
        let expected = HEADER as u64 + count * ROW as u64;
        if found != expected {
            return Err(ScoresError::Length { found, expected });
        }
        let (rows, _) = rows.as_chunks::<ROW>();
        Ok(Self(rows.iter().map(read_row).collect()))
    }
}

fn check_count(found: u64) -> Result<(), ScoresError> {
    if 2 <= found && found <= u64::from(MAX_SAMPLES) {
        Ok(())
    } else {
        Err(ScoresError::Samples { found })
    }
}

fn row(score: &SampleScore) -> [u8; ROW] {
    let mut bytes = [0; ROW];
    let (champion, challenger) = bytes.split_at_mut(ROW / 2);
    champion.copy_from_slice(&score.champion.micros().to_be_bytes());
    challenger.copy_from_slice(&score.challenger.micros().to_be_bytes());
    bytes
}

fn read_row(bytes: &[u8; ROW]) -> SampleScore {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    SampleScore {
        champion: Score::from_micros(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
        challenger: Score::from_micros(i64::from_be_bytes([i, j, k, l, m, n, o, p])),
    }
}

fn leaf(index: u32, score: &SampleScore) -> B256 {
    let mut bytes = [LEAF_TAG; 1 + 4 + ROW];
    bytes[1..5].copy_from_slice(&index.to_be_bytes());
    bytes[5..].copy_from_slice(&row(score));
    keccak256(bytes)
}

fn parent(children: &[B256]) -> B256 {
    match children {
        [left, right] => {
            let mut bytes = [NODE_TAG; 1 + 64];
            bytes[1..33].copy_from_slice(left.as_slice());
            bytes[33..].copy_from_slice(right.as_slice());
            keccak256(bytes)
        }
        odd => odd[0],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(pairs: &[(i64, i64)]) -> SampleScores {
        let score = |(champion, challenger): &(i64, i64)| SampleScore {
            champion: Score::from_micros(*champion),
            challenger: Score::from_micros(*challenger),
        };
        SampleScores::new(pairs.iter().map(score).collect()).expect("a fitting number")
    }

    #[test]
    fn the_root_of_three_is_as_specified() {
        let leaf = |index: u8, champion: i64, challenger: i64| {
            let bytes = [
                &[0, 0, 0, 0, index][..],
                &champion.to_be_bytes(),
                &challenger.to_be_bytes(),
            ];
            keccak256(bytes.concat())
        };
        let node =
            |left: B256, right: B256| keccak256([&[1], left.as_slice(), right.as_slice()].concat());
        let pair = node(leaf(0, 1, -2), leaf(1, 3, 4));
        let expected = node(pair, leaf(2, i64::MIN, i64::MAX));
        assert_eq!(
            scores(&[(1, -2), (3, 4), (i64::MIN, i64::MAX)]).root(),
            expected
        );
    }

    #[test]
    fn the_file_is_as_specified() {
        let file = scores(&[(1, -1), (2, 3)]).to_file();
        let expected = "5a53434f52455331\
            00000002\
            0000000000000001ffffffffffffffff\
            00000000000000020000000000000003";
        assert_eq!(hex::encode(file), expected);
    }

    #[test]
    fn what_is_no_scores_file_is_refused() {
        let good = scores(&[(1, -1), (2, 3)]).to_file();
        let with_count = |count: u32| {
            let mut bytes = good.clone();
            bytes[8..12].copy_from_slice(&count.to_be_bytes());
            bytes
        };
        let cases = [
            (vec![], "scores_magic"),
            (b"ZSCORES2".to_vec(), "scores_magic"),
            (good[..11].to_vec(), "scores_length"),
            (good[..good.len() - 1].to_vec(), "scores_length"),
            ([good.as_slice(), &[0]].concat(), "scores_length"),
            (with_count(3), "scores_length"),
            (with_count(1), "scores_samples"),
            (with_count(0), "scores_samples"),
            (with_count(u32::MAX), "scores_samples"),
        ];
        for (bytes, code) in cases {
            assert_eq!(
                SampleScores::from_file(&bytes).expect_err(code).code(),
                code
            );
        }
    }

    proptest! {
        #[test]
        fn files_round_trip_and_roots_tell_lists_apart(
            pairs in proptest::collection::vec(any::<(i64, i64)>(), 2..40),
            other in any::<(i64, i64)>(),
            at in any::<prop::sample::Index>(),
        ) {
            let scores_a = scores(&pairs);
            prop_assert_eq!(SampleScores::from_file(&scores_a.to_file()), Ok(scores_a.clone()));

            let mut changed = pairs.clone();
            changed[at.index(pairs.len())] = other;
            prop_assert_eq!(scores(&changed).root() == scores_a.root(), changed == pairs);

            let longer: Vec<_> = pairs.iter().copied().chain([other]).collect();
            prop_assert_ne!(scores(&longer).root(), scores_a.root());
        }
    }
}
