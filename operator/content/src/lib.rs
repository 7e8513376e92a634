//! Content on IPFS: named by CID, fetched from peers, checked byte for byte, kept within a
//! disk quota.
//!
//! ```text
//!              roles, command line
//!                      │  ContentStore
//!          ┌───────────┴────────────┐
//!     EmbeddedNode              KuboClient ──RPC──► Kubo, or `serve(EmbeddedNode)`
//!      (rust-ipfs)                  │
//!          └──── FileAssembler ─────┘   every block against its CID, every size
//!                                       against its limit
//! ```
//!
//! The nouns: a *block* is a string of bytes named by its hash; a *file* is one block, or a
//! tree of blocks whose leaves are its bytes; a [`ContentId`] names either. Directories,
//! symlinks and other uses of IPFS do not occur here and are refused.
//!
//! What is trusted: nobody who sends bytes, neither a peer nor the node behind the RPC API.
//! A store that lies can withhold content, not alter it.

mod assemble;
mod embedded;
mod error;
mod file;
mod holdings;
mod id;
mod kubo;
mod ledger;
mod node;
mod peer;
mod rpc;
mod store;

pub use assemble::{FREE_BLOCKS, FileAssembler, MAX_BLOCK_BYTES, MAX_DEPTH, MIN_MEAN_BLOCK_BYTES};
pub use embedded::{EmbeddedConfig, EmbeddedNode};
pub use error::ContentError;
pub use file::{CHUNK_BYTES, file_id};
pub use id::{Codec, ContentId};
pub use kubo::{KuboClient, KuboConfig};
pub use ledger::{Collect, Held, Quota, Usage};
pub use peer::PeerAddress;
pub use rpc::{ServeConfig, serve};
pub use store::{ConnectedPeer, ContentStore, NodeIdentity};
