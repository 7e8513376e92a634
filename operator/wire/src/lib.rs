//! What roles say to each other over HTTP (specification, 6): JSON-RPC 2.0 messages, a client, and
//! the check of a claim against the chain.
//!
//! Wire types are for transport. Both ends turn them into domain types at once, and check them
//! against the chain before they mean anything.

mod claims;
mod client;
mod messages;
mod rpc;

pub use claims::{CheckedClaim, ClaimFault, check_claim};
pub use client::{AggregatorClient, ClientError};
pub use messages::{
    ClaimMessage, ClaimView, RoundView, SnapshotMessage, StatusView, VoteMessage, WireError,
};
pub use rpc::{RpcError, RpcRequest, RpcResponse, codes};
