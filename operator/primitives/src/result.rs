//! The result of an evaluation as it is certified (5.2).

use alloy::primitives::B256;

use crate::{
    Bound, Digest, Engine, Fault, Score, Status, UnknownCode,
    words::{WORD, int, read_int, read_uint, uint},
};

/// The only version there is.
pub const RESULT_VERSION: u16 = 1;

/// Bytes of an encoded result: thirteen words.
pub const RESULT_LEN: usize = 13 * WORD;

/// Bytes that are not the encoding of a result, or values that make none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    /// Not exactly thirteen words.
    #[error("result has {found} bytes instead of {RESULT_LEN}")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// A version that this program does not know.
    #[error("result has version {found}, known is {RESULT_VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// A word is not the canonical encoding of a value of its type.
    #[error("word {index} of the result is out of range")]
    Word {
        /// Which word, from 0.
        index: usize,
    },
    /// A code outside its set.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// The fault is not that of the status.
    #[error("status {status} is not the fault of {fault}")]
    Fault {
        /// The status.
        status: Status,
        /// The fault found.
        fault: Fault,
    },
    /// A result without scores carries figures, bound or engine, or one with scores lacks them.
    #[error("figures, bound and engine do not belong to status {status}")]
    Figures {
        /// The status.
        status: Status,
    },
    /// Not `lower <= improvement <= upper`.
    #[error("the improvement is outside its bounds")]
    Bounds,
    /// Fewer than two samples.
    #[error("{found} samples are too few for a bound")]
    Samples {
        /// Samples found.
        found: u32,
    },
}

impl ResultError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "result_length",
            Self::Version { .. } => "result_version",
            Self::Word { .. } => "result_word",
            Self::Code(_) => "result_code",
            Self::Fault { .. } => "result_fault",
            Self::Figures { .. } => "result_figures",
            Self::Bounds => "result_bounds",
            Self::Samples { .. } => "result_samples",
        }
    }
}

/// The figures of a scored evaluation (5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Figures {
    /// Which bound `lower` and `upper` are.
    pub bound: Bound,
    /// Number of samples.
    pub samples: u32,
    /// Mean sample score of the champion.
    pub champion_score: Score,
    /// Mean sample score of the challenger.
    pub challenger_score: Score,
    /// Mean of the paired differences.
    pub improvement: Score,
    /// Lower bound of the improvement.
    pub lower: Score,
    /// Upper bound of the improvement.
    pub upper: Score,
}

impl Figures {
    const fn check(&self) -> Result<(), ResultError> {
        let [lower, mean, upper] = [
            self.lower.micros(),
            self.improvement.micros(),
            self.upper.micros(),
        ];
        if matches!(self.bound, Bound::None) {
            Err(ResultError::Figures { status: Status::Ok })
        } else if self.samples < 2 {
            Err(ResultError::Samples {
                found: self.samples,
            })
        } else if lower <= mean && mean <= upper {
            Ok(())
        } else {
            Err(ResultError::Bounds)
        }
    }
}

/// The result of an evaluation, version 1.
///
/// A value of this type holds together: figures exist exactly for [`Status::Ok`], enclose the
/// improvement and rest on at least two samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvaluationResult {
    environment: Digest,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Outcome {
    Scored {
        engine: Engine,
        figures: Figures,
        scores_root: B256,
    },
    /// Any status but Ok.
    Failed(Status),
}

impl EvaluationResult {
    /// The result of an evaluation in which both models were scored.
    ///
    /// # Errors
    /// When the figures do not hold together, or bound or engine are none.
    pub fn scored(
        environment: Digest,
        engine: Engine,
        figures: Figures,
        scores_root: B256,
    ) -> Result<Self, ResultError> {
        figures.check()?;
        if engine == Engine::None {
            return Err(ResultError::Figures { status: Status::Ok });
        }
        Ok(Self {
            environment,
            outcome: Outcome::Scored {
                engine,
                figures,
                scores_root,
            },
        })
    }

    /// The result of an evaluation that could not be scored.
    ///
    /// # Errors
    /// When the status is Ok.
    pub fn failed(environment: Digest, status: Status) -> Result<Self, ResultError> {
        match status {
            Status::Ok => Err(ResultError::Figures { status }),
            _ => Ok(Self {
                environment,
                outcome: Outcome::Failed(status),
            }),
        }
    }

    /// How the evaluation ended.
    pub const fn status(&self) -> Status {
        match self.outcome {
            Outcome::Scored { .. } => Status::Ok,
            Outcome::Failed(status) => status,
        }
    }

    /// Digest of the environment lock (5.8).
    pub const fn environment(&self) -> Digest {
        self.environment
    }

    /// The figures, when the status is Ok.
    pub const fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Scored { figures, .. } => Some(figures),
            Outcome::Failed(_) => None,
        }
    }

    /// Merkle root of the sample scores, when the status is Ok.
    pub const fn scores_root(&self) -> Option<B256> {
        match self.outcome {
            Outcome::Scored { scores_root, .. } => Some(scores_root),
            Outcome::Failed(_) => None,
        }
    }

    /// What computed the models' outputs; none unless the status is Ok.
    pub const fn engine(&self) -> Engine {
        match self.outcome {
            Outcome::Scored { engine, .. } => engine,
            Outcome::Failed(_) => Engine::None,
        }
    }

    /// Encodes the result.
    pub fn encode(&self) -> [u8; RESULT_LEN] {
        let status = self.status();
        let [bound, samples, root] = match &self.outcome {
            Outcome::Scored {
                figures,
                scores_root,
                ..
            } => [
                uint(figures.bound.to_u8()),
                uint(figures.samples),
                *scores_root,
            ],
            Outcome::Failed(_) => [B256::ZERO; 3],
        };
        let scores = match self.figures() {
            Some(f) => [
                f.champion_score,
                f.challenger_score,
                f.improvement,
                f.lower,
                f.upper,
            ],
            None => [Score::ZERO; 5],
        };
        let head = [
            uint(RESULT_VERSION),
            uint(status.to_u8()),
            uint(status.fault().to_u8()),
            bound,
            uint(self.engine().to_u8()),
            self.environment.word(),
            samples,
        ];
        let words = head
            .into_iter()
            .chain(scores.map(|score| int(score.micros())))
            .chain([root]);
        let mut bytes = [0; RESULT_LEN];
        for (place, word) in bytes.chunks_exact_mut(WORD).zip(words) {
            place.copy_from_slice(word.as_slice());
        }
        bytes
    }

    /// Decodes the one canonical encoding of a result.
    ///
    /// # Errors
    /// For anything else, and for values that do not hold together.
    pub fn decode(bytes: &[u8]) -> Result<Self, ResultError> {
        let (words, []) = bytes.as_chunks::<WORD>() else {
            return Err(ResultError::Length { found: bytes.len() });
        };
        let words: &[[u8; WORD]; RESULT_LEN / WORD] = words
            .try_into()
            .map_err(|_| ResultError::Length { found: bytes.len() })?;
        let reader = Reader(words);

        let version = reader.uint(0, u16::MAX.into())? as u16;
        if version != RESULT_VERSION {
            return Err(ResultError::Version { found: version });
        }
        let status = Status::from_u8(reader.code(1)?)?;
        let fault = Fault::from_u8(reader.code(2)?)?;
        if fault != status.fault() {
            return Err(ResultError::Fault { status, fault });
        }
        let bound = Bound::from_u8(reader.code(3)?)?;
        let engine = Engine::from_u8(reader.code(4)?)?;
        let environment = Digest::new(reader.word(5).0);
        let figures = Figures {
            bound,
            samples: reader.uint(6, u32::MAX.into())? as u32,
            champion_score: reader.score(7)?,
            challenger_score: reader.score(8)?,
            improvement: reader.score(9)?,
            lower: reader.score(10)?,
            upper: reader.score(11)?,
        };
        let scores_root = reader.word(12);

        if status == Status::Ok {
            return Self::scored(environment, engine, figures, scores_root);
        }
        let result = Self::failed(environment, status)?;
        // Whatever a failure carries beyond its status and environment shows in its encoding.
        if result.encode() == *bytes {
            Ok(result)
        } else {
            Err(ResultError::Figures { status })
        }
    }
}

/// Reads words of a result by index; the index goes into the error.
struct Reader<'a>(&'a [[u8; WORD]; RESULT_LEN / WORD]);

impl Reader<'_> {
    fn word(&self, index: usize) -> B256 {
        B256::new(self.0[index])
    }

    fn uint(&self, index: usize, max: u64) -> Result<u64, ResultError> {
        read_uint(&self.0[index], max).ok_or(ResultError::Word { index })
    }

    fn code(&self, index: usize) -> Result<u8, ResultError> {
        Ok(self.uint(index, u8::MAX.into())? as u8)
    }

    fn score(&self, index: usize) -> Result<Score, ResultError> {
        read_int(&self.0[index])
            .map(Score::from_micros)
            .ok_or(ResultError::Word { index })
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{I256, U256};
    use alloy::sol_types::SolValue;
    use proptest::prelude::*;

    use super::*;

    const ENVIRONMENT: Digest = Digest::new([0xee; 32]);
    const ROOT: B256 = B256::repeat_byte(0x77);

    fn figures() -> Figures {
        Figures {
            bound: Bound::EmpiricalBernstein,
            samples: 4096,
            champion_score: Score::from_micros(-250_000),
            challenger_score: Score::from_micros(910_000),
            improvement: Score::from_micros(1_160_000),
            lower: Score::from_micros(1_100_000),
            upper: Score::from_micros(1_220_000),
        }
    }

    fn scored() -> EvaluationResult {
        EvaluationResult::scored(ENVIRONMENT, Engine::Libtorch, figures(), ROOT).expect("holds")
    }

    #[test]
    fn the_encoding_is_what_solidity_encodes() {
        let u = |value: u64| U256::from(value);
        let i = |value: i64| I256::try_from(value).expect("fits");
        let expected = (
            (u(1), u(0), u(0), u(1), u(1), ENVIRONMENT.word(), u(4096)),
            (
                i(-250_000),
                i(910_000),
                i(1_160_000),
                i(1_100_000),
                i(1_220_000),
                ROOT,
            ),
        )
            .abi_encode();
        assert_eq!(hex::encode(scored().encode()), hex::encode(expected));
    }

    #[test]
    fn results_round_trip() {
        let failed = Status::ALL
            .iter()
            .filter_map(|status| EvaluationResult::failed(ENVIRONMENT, *status).ok());
        let mut count = 0;
        for result in failed.chain([scored()]) {
            assert_eq!(EvaluationResult::decode(&result.encode()), Ok(result));
            count += 1;
        }
        assert_eq!(count, Status::ALL.len());
    }

    /// Replaces one word of a good result.
    fn with_word(result: EvaluationResult, index: usize, word: B256) -> Vec<u8> {
        let mut bytes = result.encode().to_vec();
        bytes[index * WORD..(index + 1) * WORD].copy_from_slice(word.as_slice());
        bytes
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        let failed = EvaluationResult::failed(ENVIRONMENT, Status::NonFinite).expect("a failure");
        let cases = [
            (with_word(scored(), 0, uint(2u8)), "result_version"),
            (with_word(scored(), 0, uint(0x1_0001u32)), "result_word"),
            (with_word(scored(), 1, uint(10u8)), "result_code"),
            (with_word(scored(), 1, uint(256u16)), "result_word"),
            (with_word(scored(), 2, uint(1u8)), "result_fault"),
            (with_word(failed, 2, uint(0u8)), "result_fault"),
            (with_word(failed, 2, uint(2u8)), "result_fault"),
            (with_word(scored(), 3, uint(3u8)), "result_code"),
            (with_word(scored(), 4, uint(3u8)), "result_code"),
            (with_word(scored(), 3, uint(0u8)), "result_figures"),
            (with_word(scored(), 4, uint(0u8)), "result_figures"),
            (with_word(scored(), 6, uint(1u8)), "result_samples"),
            (with_word(scored(), 6, uint(1u64 << 32)), "result_word"),
            (with_word(scored(), 7, uint(1u128 << 63)), "result_word"),
            (with_word(scored(), 10, int(1_160_001)), "result_bounds"),
            (with_word(scored(), 11, int(1_159_999)), "result_bounds"),
            (with_word(failed, 3, uint(1u8)), "result_figures"),
            (with_word(failed, 4, uint(1u8)), "result_figures"),
            (with_word(failed, 6, uint(2u8)), "result_figures"),
            (with_word(failed, 9, int(-1)), "result_figures"),
            (with_word(failed, 12, ROOT), "result_figures"),
            (
                scored().encode()[..RESULT_LEN - 1].to_vec(),
                "result_length",
            ),
            (
                scored().encode()[..RESULT_LEN - WORD].to_vec(),
                "result_length",
            ),
            (
                [scored().encode().as_slice(), &[0; WORD]].concat(),
                "result_length",
            ),
            (vec![], "result_length"),
        ];
        for (index, (bytes, code)) in cases.into_iter().enumerate() {
            let error = EvaluationResult::decode(&bytes).expect_err("refused");
            assert_eq!(error.code(), code, "case {index}");
        }
    }

    #[test]
    fn a_failure_cannot_be_ok() {
        assert!(EvaluationResult::failed(ENVIRONMENT, Status::Ok).is_err());
    }

    proptest! {
        #[test]
        fn decoding_is_one_to_one(
            index in 0usize..13, byte in 0usize..32, value: u8, failure in any::<bool>(),
        ) {
            let result = if failure {
                EvaluationResult::failed(ENVIRONMENT, Status::TooLarge).expect("a failure")
            } else {
                scored()
            };
            let mut bytes = result.encode();
            bytes[index * WORD + byte] = value;
            if let Ok(decoded) = EvaluationResult::decode(&bytes) {
                prop_assert_eq!(decoded.encode(), bytes);
            }
        }
    }
}
