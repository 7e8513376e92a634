//! The attester: follows the chain, evaluates every task itself, compares claims with what it
//! found, and votes once.
//!
//! ```text
//!  chain ──tick──▶ Operator ──prepare/execute──▶ TaskKind (fetch, evaluate)
//!                    │  ▲
//!            claims  │  │ outcome, opinion
//!  aggregators ◀─────┴──┴─── journal ─▶ vote
//! ```
//!
//! [`Operator`] is also the core of the performer, which adds one duty: to claim when its turn
//! comes. What a tick decides depends on the chain and on the journal alone, so a process that is
//! killed at any point goes on where it stopped.

mod daemon;
mod job;
mod operator;
mod scope;
mod settings;
mod snapshots;

pub use daemon::{CODES, Daemon, Duty, NoDuty, run};
pub use operator::{Evaluated, Operator, OperatorParts, task_prefix};
pub use settings::{EvaluationSettings, HttpSettings, KeySettings, PreviousKeys, Settings};
pub use snapshots::SnapshotSigner;
