//! The nouns of the protocol and their one canonical encoding.
//!
//! Everything that is hashed, signed, put on chain or published as a file is encoded here and
//! nowhere else, so that contracts, daemons and tools can only agree or fail a test.
//! Section numbers in comments are those of `docs/spec.md`.
//!
//! No IO, no async, no clock. Constructors check; there are no conversions that could lose or
//! mix units. Types here carry `serde` for identifiers and numbers only: messages on the wire are
//! defined by the crates that speak them.

#![warn(missing_docs)]

mod claim;
mod codes;
mod digests;
mod ids;
mod market;
mod numbers;
mod result;
mod retention;
mod scores;
mod vote;
mod words;

pub use alloy::primitives::{Address, B256, Bytes, U256, U512, keccak256};

pub use claim::{CLAIM_SIGNATURE_LEN, Claim, ClaimBody, ClaimSignature, MAX_RESULT_LEN};
pub use codes::{Bound, Engine, Fault, Purpose, Status, UnknownCode, Verdict};
pub use digests::{
    Commitment, CommitmentPreimage, Domain, ImproveSubject, possession_digest, turn_randomness,
};
pub use ids::{
    ClaimId, Digest, Epoch, KindId, ParseIdError, Position, RequestId, ResultHash, Seed,
    SubjectHash, SubmissionId, TaskHash, TaskId, Turn,
};
pub use market::{CertificateKind, ClaimOutcome, Reason, RequestState, SubmissionState, TaskState};
pub use numbers::{Alpha, Clock, NumberError, Score, ScoreRange, Stake, Threshold};
pub use result::{EvaluationResult, Figures, RESULT_LEN, RESULT_VERSION, ResultError};
pub use retention::{
    RANGE_LEN, RANGES, RETENTION_RESULT_LEN, RangesProof, RetainSubject, RetentionResult,
    RetentionResultError, RetentionStatus, ranges,
};
pub use scores::{MAX_SAMPLES, SampleScore, SampleScores, ScoresError};
pub use vote::{BLS_KEY_LEN, BLS_SIGNATURE_LEN, BlsKey, BlsSignature, Vote};
