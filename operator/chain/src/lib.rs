//! The road to the chain: contract reads, a reorg-aware log cursor that resumes from disk, and a
//! transaction sender with a nonce and fee journal.
//!
//! Of the operator's crates this is the only one that knows alloy's providers. It knows the
//! contracts' interfaces and nothing of models, votes or HTTP.

mod addresses;
mod appeal;
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
mod snapshot;
mod spoke;
mod store;
mod task;

pub use addresses::{Addresses, ExtensionAddresses};
pub use appeal::Overturned;
pub use client::{Chain, Head, connect, read};
pub use cursor::{Batch, Cursor};
pub use epoch::{EpochTable, Row};
pub use error::ChainError;
pub use follower::{Follower, Tick};
pub use header::rlp_header;
pub use revert::Revert;
pub use sender::{Call, FeePolicy, Sender};
pub use settings::ChainSettings;
pub use snapshot::AsOf;
pub use spoke::{Advance, OtherChain, Spoke};
pub use store::Store;
pub use task::{Activation, Definition, Task, commitment};
pub use zarathustra_abi as abi;
