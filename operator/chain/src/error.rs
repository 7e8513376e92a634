//! What can go wrong between a program and the chain.

use std::path::PathBuf;

use alloy::{
    primitives::{B256, TxHash},
    transports::TransportError,
};

use crate::revert::Revert;

/// An error of the chain crate; [`ChainError::is_transient`] says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The node did not answer, or answered with an error that is not a revert.
    #[error("call the node: {method}")]
    Transport {
        /// What was asked.
        method: &'static str,
        /// The transport's own error.
        #[source]
        source: TransportError,
    },
    /// The address of a node cannot be used.
    #[error("{url:?} is not the address of a node: {reason}")]
    UrlMalformed {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node is on another chain than the addresses file.
    #[error("the node is on chain {found}, the addresses file on chain {expected}")]
    WrongChain {
        /// Chain of the addresses file.
        expected: u64,
        /// Chain of the node.
        found: u64,
    },
    /// A contract refused.
    #[error("{action} was refused by the contract: {revert}")]
    Reverted {
        /// What was tried.
        action: String,
        /// The decoded reason.
        revert: Revert,
    },
    /// The answer of a contract could not be decoded.
    #[error("decode the answer to {method}: {detail}")]
    Decode {
        /// What was asked.
        method: &'static str,
        /// What is wrong with the answer.
        detail: String,
    },
    /// A value on the chain does not fit its type here.
    #[error("{what} on the chain is out of range: {value}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// The value as text.
        value: String,
    },
    /// The chain was reorganised deeper than the cursor remembers.
    #[error("the chain was reorganised below block {oldest}, the oldest that the cursor remembers")]
    ReorgTooDeep {
        /// Oldest block whose hash is stored.
        oldest: u64,
    },
    /// The block is not known to the node.
    #[error("block {number} is not known to the node")]
    UnknownBlock {
        /// The block's number.
        number: u64,
    },
    /// The header rebuilt from the node's answer does not have the block's hash.
    #[error("the header of block {number} hashes to {computed}, the node says {stated}")]
    HeaderMismatch {
        /// The block's number.
        number: u64,
        /// Hash of the encoded header.
        computed: B256,
        /// Hash that the node states.
        stated: B256,
    },
    /// The drand round of a task is still to come.
    #[error("drand round {round} is public at Unix time {public_at}, the chain is not there yet")]
    RoundNotPublic {
        /// The round.
        round: u64,
        /// Seconds since the epoch.
        public_at: u64,
    },
    /// No beacon gave a valid signature of a drand round.
    #[error("no beacon gives drand round {round}: {detail}")]
    Beacon {
        /// The round.
        round: u64,
        /// What each of them answered.
        detail: String,
    },
    /// The address of a beacon cannot be used.
    #[error("{url:?} is not the address of a beacon: {reason}")]
    BeaconUrlMalformed {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Seeds come from drand and the program knows no beacon.
    #[error("seeds come from drand, and no beacon of its network is named")]
    NoBeacon,
    /// A transaction needs a signer and the program has none.
    #[error("no key to send transactions with")]
    NoSigner,
    /// A transaction could not be mined within the fee cap.
    #[error("transaction {hash} ({action}) is stuck at the fee cap of {cap_wei} wei per gas")]
    Stuck {
        /// What was sent.
        action: String,
        /// The last replacement's hash.
        hash: TxHash,
        /// The configured cap.
        cap_wei: u128,
    },
    /// The local database failed.
    #[error("use the database {path}")]
    Store {
        /// Its file.
        path: PathBuf,
        /// The database's own error.
        #[source]
        source: Box<redb::Error>,
    },
    /// What is stored locally cannot be read.
    #[error("read {what} from the database {path}")]
    Corrupt {
        /// The database's file.
        path: PathBuf,
        /// Which record.
        what: &'static str,
        /// The decoder's own error.
        #[source]
        source: serde_json::Error,
    },
    /// The addresses file is missing or malformed.
    #[error("read the addresses file {path}: {detail}")]
    AddressesFile {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

impl ChainError {
    /// Names what was asked when the transport failed.
    pub fn transport(method: &'static str) -> impl Fn(TransportError) -> Self {
        move |source| Self::Transport { method, source }
    }

    /// Whether the same call may succeed later without anything else changing.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Transport { .. }
                | Self::UnknownBlock { .. }
                | Self::HeaderMismatch { .. }
                | Self::RoundNotPublic { .. }
                | Self::Beacon { .. }
        )
    }

    /// Stable name for logs, metrics and HTTP bodies.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Transport { .. } => "node_unreachable",
            Self::UrlMalformed { .. } => "rpc_url_malformed",
            Self::WrongChain { .. } => "wrong_chain",
            Self::Reverted { .. } => "reverted",
            Self::Decode { .. } => "node_answer_malformed",
            Self::OutOfRange { .. } => "chain_value_out_of_range",
            Self::ReorgTooDeep { .. } => "reorg_too_deep",
            Self::UnknownBlock { .. } => "unknown_block",
            Self::HeaderMismatch { .. } => "header_mismatch",
            Self::RoundNotPublic { .. } => "round_not_public",
            Self::Beacon { .. } => "beacon_failed",
            Self::BeaconUrlMalformed { .. } => "beacon_url_malformed",
            Self::NoBeacon => "no_beacon",
            Self::NoSigner => "no_signer",
            Self::Stuck { .. } => "transaction_stuck",
            Self::Store { .. } => "database_failed",
            Self::Corrupt { .. } => "database_corrupt",
            Self::AddressesFile { .. } => "addresses_file",
        }
    }

    /// Name of the contract's custom error, when a contract refused.
    pub fn revert_name(&self) -> Option<&str> {
        match self {
            Self::Reverted { revert, .. } => Some(&revert.name),
            _ => None,
        }
    }
}
