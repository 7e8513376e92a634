//! Everything that can go wrong with content, each with a stable code.

use crate::ContentId;

/// Why content could not be named, stored, fetched or kept.
///
/// [`ContentError::code`] is stable: it appears in logs, metrics, HTTP bodies and
/// documents. [`ContentError::is_content_fault`] separates what every machine finds
/// alike from what only this machine met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The text or bytes are not a CID at all.
    #[error("not a CID: {reason}")]
    CidMalformed {
        /// What is wrong with them.
        reason: String,
    },
    /// A well-formed CID of a kind that the market does not use.
    #[error("unsupported CID: {reason}")]
    CidUnsupported {
        /// Which of version, codec and hash function is not accepted, and what is.
        reason: String,
    },
    /// The file is longer than the caller allows.
    #[error("{id} holds {bytes} bytes, more than the {max_bytes} allowed")]
    TooLarge {
        /// The file.
        id: ContentId,
        /// Its length in bytes, as its root declares it (at least this many).
        bytes: u64,
        /// The caller's limit in bytes.
        max_bytes: u64,
    },
    /// Somebody sent bytes whose hash is not that of the block asked for.
    #[error("the bytes received for block {block} do not hash to it")]
    Mismatch {
        /// The block asked for.
        block: ContentId,
    },
    /// The blocks hash as they should but do not add up to a file.
    #[error("block {block} is not part of a well-formed file: {reason}")]
    Malformed {
        /// The offending block.
        block: ContentId,
        /// The rule that it breaks.
        reason: String,
    },
    /// The CID names a directory, a symlink or something else that is not a file.
    #[error("{id} is a {kind}, not a file")]
    NotAFile {
        /// The offending block.
        id: ContentId,
        /// What it is instead.
        kind: &'static str,
    },
    /// Nobody who was asked has the block.
    #[error("block {block} is not available: {reason}")]
    Unavailable {
        /// The missing block.
        block: ContentId,
        /// What the node or its peers said.
        reason: String,
    },
    /// The caller's deadline passed.
    #[error("the deadline passed while {during}")]
    Timeout {
        /// What was being done.
        during: String,
    },
    /// The content does not fit the disk quota, even after collecting what may go.
    #[error(
        "{needed} bytes do not fit: {used} of {limit} bytes are used and only {collectable} may be collected"
    )]
    QuotaExceeded {
        /// Bytes that the caller wants to store.
        needed: u64,
        /// Bytes stored now.
        used: u64,
        /// The quota in bytes.
        limit: u64,
        /// Bytes that the collection rules allow to be removed.
        collectable: u64,
    },
    /// A pin was asked for content that has not been fetched or added first.
    #[error("{id} is not held here; fetch it before pinning it")]
    NotHeld {
        /// The file.
        id: ContentId,
    },
    /// A peer's address cannot be read, or lacks the peer's identity.
    #[error("{address:?} is not a peer's address: {reason}")]
    AddressMalformed {
        /// The address as given, cut to a bounded length.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A peer did not answer.
    #[error("peer {address} cannot be reached: {reason}")]
    PeerUnreachable {
        /// The address dialled.
        address: String,
        /// What the transport said.
        reason: String,
    },
    /// The RPC address of a node cannot be used.
    #[error("{url:?} is not a node's RPC address: {reason}")]
    UrlMalformed {
        /// The address as given, cut to a bounded length.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node behind the RPC API cannot be reached or answered with an error.
    #[error("the IPFS node failed to {during}: {reason}")]
    Rpc {
        /// The call.
        during: &'static str,
        /// The node's answer or the transport's error.
        reason: String,
    },
    /// The embedded node failed.
    #[error("the embedded IPFS node failed to {during}: {reason}")]
    Node {
        /// What it was asked to do.
        during: &'static str,
        /// Its error.
        reason: String,
    },
    /// A file of the node's own folder cannot be read or written.
    #[error("{during} {path}: {reason}")]
    Io {
        /// What was being done.
        during: &'static str,
        /// The file or folder.
        path: String,
        /// The system's error.
        reason: String,
    },
}

impl ContentError {
    /// The stable machine-readable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CidMalformed { .. } => "cid_malformed",
            Self::CidUnsupported { .. } => "cid_unsupported",
            Self::TooLarge { .. } => "content_too_large",
            Self::Mismatch { .. } => "content_mismatch",
            Self::Malformed { .. } => "content_malformed",
            Self::NotAFile { .. } => "content_not_a_file",
            Self::Unavailable { .. } => "content_unavailable",
            Self::Timeout { .. } => "timeout",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::NotHeld { .. } => "content_not_held",
            Self::AddressMalformed { .. } => "peer_address_malformed",
            Self::PeerUnreachable { .. } => "peer_unreachable",
            Self::UrlMalformed { .. } => "rpc_url_malformed",
            Self::Rpc { .. } => "rpc_failed",
            Self::Node { .. } => "ipfs_node_failed",
            Self::Io { .. } => "io_failed",
        }
    }

    /// Whether the CID itself proves the fault, so that every machine that can reach the
    /// content finds the same. Such a result may be claimed; any other is local to this
    /// machine (an unreachable peer, a full disk), and an operator abstains.
    ///
    /// [`ContentError::Mismatch`] is *not* the content's fault: it convicts whoever sent
    /// the bytes, not whoever published the CID.
    pub fn is_content_fault(&self) -> bool {
        match self {
            Self::CidMalformed { .. }
            | Self::CidUnsupported { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::NotAFile { .. } => true,
            Self::Mismatch { .. }
            | Self::Unavailable { .. }
            | Self::Timeout { .. }
            | Self::QuotaExceeded { .. }
            | Self::NotHeld { .. }
            | Self::AddressMalformed { .. }
            | Self::PeerUnreachable { .. }
            | Self::UrlMalformed { .. }
            | Self::Rpc { .. }
            | Self::Node { .. }
            | Self::Io { .. } => false,
        }
    }

    pub(crate) fn io(during: &'static str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io {
            during,
            path: path.display().to_string(),
            reason: error.to_string(),
        }
    }

    pub(crate) fn node(during: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Node {
            during,
            reason: excerpt(&error.to_string()),
        }
    }
}

/// A stranger's text, cut so that it can be repeated in a message.
pub(crate) fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
