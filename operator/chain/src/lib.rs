//! The road to the chain: contract reads, a reorg-aware log cursor that resumes from disk, and a
//! transaction sender with a nonce and fee journal.
//!
//! Of the operator's crates this is the only one that knows alloy's providers. It knows the
//! contracts' interfaces and nothing of models, votes or HTTP.

mod addresses;
mod beacon;
mod client;
mod cursor;
mod epoch;
mod error;
mod follower;
mod header;
mod logs;
mod revert;
mod seed;
mod sender;
mod settings;
mod store;
mod task;

pub use addresses::Addresses;
pub use client::{Chain, Head, read};
pub use cursor::{Batch, Cursor};
pub use epoch::{EpochTable, Row};
pub use error::ChainError;
pub use follower::{Follower, Tick};
pub use header::rlp_header;
pub use revert::Revert;
pub use sender::{Call, FeePolicy, Sender};
pub use settings::ChainSettings;
pub use store::Store;
pub use task::{Activation, Definition, Task, commitment};
pub use zarathustra_abi as abi;
