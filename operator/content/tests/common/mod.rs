//! Nodes and bytes for tests.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::time::{Duration, Instant};

use zarathustra_content::{ContentError, ContentId, ContentStore, EmbeddedConfig, EmbeddedNode};

/// A deadline that only a test that hangs will meet.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Bytes in which no two chunks are alike.
pub fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    (0..length)
        .map(|_| {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

/// A node on loopback that owns its folder.
pub struct Node {
    node: EmbeddedNode,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Node {
    type Target = EmbeddedNode;

    fn deref(&self) -> &EmbeddedNode {
        &self.node
    }
}

pub async fn start() -> Node {
    start_with(|_| {}).await
}

pub async fn start_with(adjust: impl FnOnce(&mut EmbeddedConfig)) -> Node {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = EmbeddedConfig::loopback(folder.path());
    adjust(&mut config);
    Node {
        node: EmbeddedNode::start(config).await.expect("started"),
        _folder: folder,
    }
}

/// The files that a store holds, in its order.
pub async fn held_ids(store: &impl ContentStore) -> Vec<ContentId> {
    let held = store.held().await.expect("held");
    held.iter().map(|held| held.id).collect()
}

/// Starts a node whose folder or port a predecessor may still be letting go of.
pub async fn start_when_free(config: EmbeddedConfig) -> EmbeddedNode {
    let deadline = soon();
    loop {
        match EmbeddedNode::start(config.clone()).await {
            Ok(node) => return node,
            Err(error) if Instant::now() > deadline => panic!("never free: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

pub async fn connect(from: &EmbeddedNode, to: &EmbeddedNode) {
    let identity = to.identity().await.expect("identity");
    from.connect(&identity.addresses[0])
        .await
        .expect("connected");
}

pub fn error_code<T>(result: Result<T, ContentError>) -> &'static str {
    match result {
        Ok(_) => "no error",
        Err(error) => error.code(),
    }
}
