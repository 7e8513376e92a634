//! The rules of the protocol as pure functions and state machines.
//!
//! Nothing here reads a clock, opens a socket or touches a key: time comes in as the market
//! clock's reading, bytes come in decoded, and what is to be done comes out as a value. The same
//! inputs give the same outputs on every machine; there is no floating point.
//!
//! Section numbers are those of `docs/spec.md`.

#![warn(missing_docs)]

pub mod agreement;
mod figures;
mod late;
mod logarithm;
mod patience;
pub mod quorum;
pub mod round;
pub mod settlement;
mod table;
mod turns;
pub mod verdict;

pub use figures::{FiguresError, betting_order, figures, lower_reaches};
pub use late::{GAS_PER_SUPPLEMENT, LateConfig, LateRefusal, LateVotes, Supplements};
pub use patience::{GAS_PER_NON_SIGNER, Patience};
pub use table::{Member, StakeTable, TableError};
pub use turns::Schedule;
