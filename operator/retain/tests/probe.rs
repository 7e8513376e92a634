//! Files are found among others or not at all.

use std::{sync::Arc, time::Duration};

use zarathustra_content::{ContentStore, EmbeddedConfig, EmbeddedNode};
use zarathustra_primitives::{Digest, RequestId, RetainSubject, SubmissionId};
use zarathustra_retain::{Probe, Subject};

const FILE: &[u8] = &[7; 700_000];

async fn node(folder: &std::path::Path) -> EmbeddedNode {
    EmbeddedNode::start(EmbeddedConfig::loopback(folder))
        .await
        .expect("a node")
}

async fn address(node: &EmbeddedNode) -> String {
    let identity = node.identity().await.expect("an identity");
    identity.addresses.first().expect("an address").clone()
}

fn subject(id: zarathustra_content::ContentId) -> Subject {
    let digest = Digest::of(FILE);
    let named = RetainSubject {
        market: Default::default(),
        request: RequestId::new(1),
        submission: SubmissionId::new(1),
        digest,
        cid: b"",
        size: FILE.len() as u64,
    };
    Subject {
        hash: named.hash(),
        submission: named.submission,
        id,
        digest,
        size: named.size,
    }
}

/// The operator's own store has the file, and is not asked.
#[tokio::test]
async fn the_own_copy_does_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, other) = (
        node(&folder.path().join("own")).await,
        node(&folder.path().join("other")).await,
    );
    let id = own.add(FILE).await.expect("added");
    let subject = subject(id);
    let probe = |peers, seconds| {
        let found = folder.path().join("probe");
        let patience = Duration::from_secs(seconds);
        Probe::new(Arc::new(own.clone()), peers, found, patience)
    };

    let alone = probe(vec![address(&own).await], 3).fetch(&subject).await;
    assert_eq!(alone.expect_err("nobody to ask").code, "no_peers_to_ask");

    let asked = probe(vec![address(&other).await], 3).fetch(&subject).await;
    let lack = asked.expect_err("the other has nothing");
    assert_eq!(lack.code, "retained_content_missing");
    assert!(lack.retry);

    other.add(FILE).await.expect("added");
    let found = probe(vec![address(&other).await], 60).fetch(&subject).await;
    assert_eq!(found.expect("the other has it"), FILE);

    // Whom the own store is connected with is asked, too.
    own.connect(&address(&other).await)
        .await
        .expect("connected");
    let found = probe(Vec::new(), 60).fetch(&subject).await;
    assert_eq!(found.expect("the other has it"), FILE);

    // Gone from the other, it is missing again.
    other.shutdown().await;
    let lack = probe(vec![address_of(&other)], 3).fetch(&subject).await;
    assert_eq!(lack.expect_err("nobody answers").code, "no_peers_to_ask");
    // Nothing is left of the tries.
    let left = std::fs::read_dir(folder.path().join("probe")).expect("a folder");
    assert_eq!(left.count(), 0);
}

/// An address at which nobody listens any more.
fn address_of(node: &EmbeddedNode) -> String {
    format!("/ip4/127.0.0.1/tcp/1/p2p/{}", node.peer_id())
}
