//! The interface that roles and the command line see.

use std::time::Instant;

use async_trait::async_trait;

use crate::{ContentError, ContentId, Held, Usage};

/// A place that keeps files by their CID and finds them among peers.
///
/// Whatever the implementation talks to, the bytes that it returns were checked against
/// their CID by this process.
#[async_trait]
pub trait ContentStore: Send + Sync {
    /// Stores and pins a file, and serves it to peers from then on.
    ///
    /// # Errors
    /// `quota_exceeded` and failures of the node.
    async fn add(&self, file: &[u8]) -> Result<ContentId, ContentError>;

    /// Finds a file, here or among peers, checks it and keeps a copy, unpinned.
    ///
    /// A file longer than `max_bytes` is refused once its first block is here (at most
    /// [`MAX_BLOCK_BYTES`](crate::MAX_BLOCK_BYTES)), before the rest is asked for.
    /// Dropping the future stops the search; blocks already found are cleared away later.
    ///
    /// # Errors
    /// Those for which [`ContentError::is_content_fault`] holds are the same everywhere;
    /// `content_unavailable`, `content_mismatch`, `timeout`, `quota_exceeded` and failures
    /// of the node are not.
    async fn fetch(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, ContentError>;

    /// As [`ContentStore::fetch`], but without the file in memory: at most a few blocks of it are,
    /// for as long as they are on their way. Answers the file's length in bytes.
    ///
    /// # Errors
    /// Those of [`ContentStore::fetch`].
    async fn hold(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<u64, ContentError>;

    /// Keeps a file that was added, fetched or held before.
    ///
    /// # Errors
    /// `content_not_held` otherwise, and failures of the node.
    async fn pin(&self, id: ContentId) -> Result<(), ContentError>;

    /// Lets go of a file. It stays until its room is needed. Unpinning what is not pinned
    /// does nothing.
    ///
    /// # Errors
    /// Failures of the node.
    async fn unpin(&self, id: ContentId) -> Result<(), ContentError>;

    /// Puts a file into the protected set, or takes it out. A protected file, such as the
    /// champion of an open request, is never collected. The set survives restarts and may
    /// name files that are not here yet.
    ///
    /// # Errors
    /// Failures of the node.
    async fn set_protected(&self, id: ContentId, protected: bool) -> Result<(), ContentError>;

    /// The files held, pinned or not, the longest unused first.
    ///
    /// # Errors
    /// Failures of the node.
    async fn held(&self) -> Result<Vec<Held>, ContentError>;

    /// The space in use.
    ///
    /// # Errors
    /// Failures of the node.
    async fn usage(&self) -> Result<Usage, ContentError>;

    /// Connects to a peer, given as a multiaddress that ends in its identity
    /// (`/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo…`).
    ///
    /// # Errors
    /// `peer_address_malformed`, `peer_unreachable`, and failures of the node.
    async fn connect(&self, address: &str) -> Result<(), ContentError>;

    /// Who this node is and where it listens.
    ///
    /// # Errors
    /// Failures of the node.
    async fn identity(&self) -> Result<NodeIdentity, ContentError>;

    /// The connected peers.
    ///
    /// # Errors
    /// Failures of the node.
    async fn peers(&self) -> Result<Vec<ConnectedPeer>, ContentError>;
}

/// A node, as others reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// Its peer identity.
    pub peer_id: String,
    /// The multiaddresses on which it listens, each ending in the identity.
    pub addresses: Vec<String>,
    /// Name and version of the software.
    pub agent: String,
}

/// A peer that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedPeer {
    /// Its peer identity.
    pub peer_id: String,
    /// The multiaddress at the other end of the connection.
    pub address: String,
}
