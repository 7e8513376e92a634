//! Keystores and the sign-once journal: the only road to a key.
//!
//! An operator is at fault when it signs two things that contradict each other, so every
//! signature is decided in the journal first:
//!
//! - one verdict per claim and purpose. Approving and rejecting the same claim is equivocation,
//!   provable by anyone who holds both votes;
//! - one result per task hash and turn. Claiming two results for one turn is at best a bug.
//!
//! A decision is on disk (with `fsync`) before the signature is made. A process that dies in
//! between signs the same thing again when it is asked again, and nothing else. The same request
//! gets the same signature however often it is repeated: both schemes are deterministic.
//!
//! The journal is locked by the process that has it open; a second process is refused.
//!
//! What this does **not** protect from: a journal that is deleted, restored from an old copy, or
//! not moved along when the keys are; the same keys used on two machines, each with its own
//! journal. Move the journal with the keys, and run one process per key.
//!
//! Keystores are Web3 Secret Storage files (version 3, scrypt), for both kinds of key: the 32
//! bytes of an ECDSA key, or the 32 bytes of a BLS key, big-endian. Keystores and password files
//! must be readable by their owner alone.

#![warn(missing_docs)]

mod journal;
mod keyring;
mod keystore;
mod password;
mod signer;

pub use journal::JournalError;
pub use keyring::Keyring;
pub use keystore::{
    KeystoreError, Registration, create_bls_key, create_wallet, import_bls_key, import_wallet,
    open_wallet, prove_registration,
};
pub use signer::{NotSafe, OpenError, Signer, UnboundSigner};
