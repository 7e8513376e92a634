//! BLS signatures on BLS12-381 with keys in G2 and signatures in G1: the only crate that knows
//! the curve.
//!
//! Keys and signatures are checked when they are decoded (canonical, on the curve, in the prime
//! order subgroup, not the point at infinity), so that every value of [`PublicKey`] and
//! [`Signature`] may be added and verified without further checks.
//!
//! Two messages are signed, each under a domain of its own: the digest of a vote and the digest
//! that proves possession of a key (sections 2.7 and 2.8 of `docs/spec.md`). A third domain is that
//! of drand's rounds, which this checks and only local beacons sign (2.3). Votes over the same
//! digest are added up, which is safe only among keys whose possession was proved; the registry
//! does that on chain before a key enters a table.

#![warn(missing_docs)]

mod aggregate;
mod drand;
mod error;
mod key;
mod point;
mod signature;

pub use aggregate::{SignedBy, aggregate, find_invalid, verify_aggregate};
pub use drand::{COMPRESSED_LEN, chain_hash};
pub use error::{DecodeError, KeyError};
pub use key::{PublicKey, SECRET_KEY_LEN, SecretKey};
pub use signature::Signature;

/// Domain under which votes are hashed to the curve (2.7).
pub const VOTE_DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// Domain under which proofs of possession are hashed to the curve (2.8).
pub const POSSESSION_DST: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// Domain under which drand's rounds are hashed to the curve (2.3).
pub const BEACON_DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
