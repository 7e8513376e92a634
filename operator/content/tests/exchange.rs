//! Embedded nodes that exchange files over bitswap on loopback.

mod common;

use std::time::{Duration, Instant};

use common::{bytes, connect, error_code, held_ids, soon, start, start_with};
use zarathustra_content::{
    CHUNK_BYTES, Collect, ContentStore, EmbeddedConfig, EmbeddedNode, Quota, file_id,
};

#[tokio::test]
async fn a_file_travels_and_is_served_on() {
    let (first, second, third) = (start().await, start().await, start().await);
    connect(&second, &first).await;
    let file = bytes(20 * CHUNK_BYTES + 17);
    let id = first.add(&file).await.expect("added");
    assert_eq!(id, file_id(&file));

    let size = file.len() as u64;
    assert_eq!(second.fetch(id, size, soon()).await, Ok(file.clone()));
    second.pin(id).await.expect("pinned");

    // Who fetched serves: the third node knows only the second.
    first.shutdown().await;
    connect(&third, &second).await;
    assert_eq!(third.fetch(id, size, soon()).await, Ok(file));
}

#[tokio::test]
async fn two_files_travel_at_once_in_both_directions() {
    let (left, right) = (start().await, start().await);
    connect(&left, &right).await;
    let (a, b) = (bytes(7 * CHUNK_BYTES), bytes(9 * CHUNK_BYTES + 1));
    let (a_id, b_id) = (
        left.add(&a).await.expect("added"),
        right.add(&b).await.expect("added"),
    );
    let (got_a, got_b) = tokio::join!(
        right.fetch(a_id, u64::MAX, soon()),
        left.fetch(b_id, u64::MAX, soon())
    );
    assert_eq!(got_a, Ok(a));
    assert_eq!(got_b, Ok(b));
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused_after_its_first_block() {
    let (owner, reader) = (start().await, start().await);
    connect(&reader, &owner).await;
    let file = bytes(8 * CHUNK_BYTES);
    let id = owner.add(&file).await.expect("added");
    let refused = reader.fetch(id, file.len() as u64 - 1, soon()).await;
    assert_eq!(error_code(refused), "content_too_large");
    // Nothing of it was kept: neither the root, which came, nor a leaf, which did not.
    assert_eq!(
        error_code(reader.local_block(id).await),
        "content_unavailable"
    );
    let leaf = file_id(&file[..CHUNK_BYTES]);
    assert_eq!(
        error_code(reader.local_block(leaf).await),
        "content_unavailable"
    );
    assert_eq!(reader.usage().await.expect("usage").files, 0);
    // The exact length is allowed.
    assert_eq!(reader.fetch(id, file.len() as u64, soon()).await, Ok(file));
}

#[tokio::test]
async fn a_file_is_held_without_being_read() {
    let (owner, reader) = (start().await, start().await);
    connect(&reader, &owner).await;
    let file = bytes(3 * CHUNK_BYTES + 5);
    let (id, size) = (owner.add(&file).await.expect("added"), file.len() as u64);
    let refused = reader.hold(id, size - 1, soon()).await;
    assert_eq!(error_code(refused), "content_too_large");
    assert_eq!(reader.usage().await.expect("usage").files, 0);

    assert_eq!(reader.hold(id, size, soon()).await, Ok(size));
    // All of it is here.
    owner.shutdown().await;
    assert_eq!(reader.fetch(id, size, soon()).await, Ok(file));
    assert_eq!(reader.hold(id, size, Instant::now()).await, Ok(size));
    let refused = reader.hold(id, size - 1, soon()).await;
    assert_eq!(error_code(refused), "content_too_large");
}

#[tokio::test]
async fn the_deadline_ends_a_search_that_nobody_can_answer() {
    let (owner, reader) = (start().await, start().await);
    connect(&reader, &owner).await;
    let missing = file_id(b"nobody has this");
    let deadline = Instant::now() + Duration::from_millis(300);
    assert_eq!(
        error_code(reader.fetch(missing, 100, deadline).await),
        "timeout"
    );
    assert!(Instant::now() < deadline + Duration::from_secs(5));
}

#[tokio::test]
async fn a_file_is_found_once_a_peer_that_has_it_appears() {
    let (owner, reader) = (start().await, start().await);
    let file = bytes(3 * CHUNK_BYTES);
    let id = owner.add(&file).await.expect("added");
    let (found, ()) = tokio::join!(reader.fetch(id, u64::MAX, soon()), connect(&reader, &owner));
    assert_eq!(found, Ok(file));
}

#[tokio::test]
async fn peers_named_in_the_settings_are_dialled_until_they_answer() {
    // The peer's identity and port must be known before it runs: take them from a first
    // run of the same node.
    let folder = tempfile::tempdir().expect("folder");
    let first = EmbeddedNode::start(EmbeddedConfig::loopback(folder.path()))
        .await
        .expect("started");
    let address = first.identity().await.expect("identity").addresses[0].clone();
    let file = bytes(2 * CHUNK_BYTES);
    let id = first.add(&file).await.expect("added");
    first.shutdown().await;
    drop(first);

    let reader = start_with(|config| config.peers = vec![address.parse().expect("address")]).await;
    let (listen, _) = address.split_once("/p2p/").expect("identity at the end");
    let mut config = EmbeddedConfig::loopback(folder.path());
    config.listen = vec![listen.to_owned()];
    let (found, _again) = tokio::join!(
        reader.fetch(id, u64::MAX, soon()),
        common::start_when_free(config)
    );
    assert_eq!(found, Ok(file));
}

#[tokio::test]
async fn a_restarted_node_is_the_same_peer_and_still_holds_its_files() {
    let folder = tempfile::tempdir().expect("folder");
    let config = EmbeddedConfig::loopback(folder.path());
    let node = EmbeddedNode::start(config.clone()).await.expect("started");
    let file = bytes(2 * CHUNK_BYTES + 5);
    let id = node.add(&file).await.expect("added");
    node.set_protected(id, true).await.expect("protected");
    let (peer_id, held) = (node.peer_id(), node.held().await.expect("held"));

    // A second process may not use the folder meanwhile.
    let second = EmbeddedNode::start(config.clone()).await;
    assert_eq!(error_code(second), "ipfs_node_failed");

    node.shutdown().await;
    drop(node);
    let node = common::start_when_free(config).await;
    assert_eq!(node.peer_id(), peer_id);
    assert_eq!(node.held().await.expect("held"), held);
    assert_eq!(node.fetch(id, u64::MAX, soon()).await, Ok(file));
}

#[tokio::test]
async fn the_quota_collects_the_oldest_and_spares_the_protected() {
    let chunk = CHUNK_BYTES as u64;
    let node = start_with(|config| {
        config.quota = Quota::with_limit(3 * chunk);
        config.collect = Collect::UnpinnedThenPins;
    })
    .await;
    let files: Vec<_> = (0..4)
        .map(|i| [vec![i], bytes(CHUNK_BYTES - 1)].concat())
        .collect();
    let champion = node.add(&files[0]).await.expect("added");
    node.set_protected(champion, true).await.expect("protected");
    let second = node.add(&files[1]).await.expect("added");
    let third = node.add(&files[2]).await.expect("added");
    assert!(node.usage().await.expect("usage").is_warning());

    let fourth = node.add(&files[3]).await.expect("room was made");
    assert_eq!(held_ids(&*node).await, [champion, third, fourth]);
    assert_eq!(
        error_code(node.local_block(second).await),
        "content_unavailable"
    );

    let too_much = node.add(&bytes(3 * CHUNK_BYTES)).await;
    assert_eq!(error_code(too_much), "quota_exceeded");
    assert_eq!(
        node.held().await.expect("held").len(),
        3,
        "nothing was lost in vain"
    );
}

#[tokio::test]
async fn a_fetch_beyond_the_quota_is_refused_before_the_download() {
    let owner = start().await;
    let reader = start_with(|config| config.quota = Quota::with_limit(CHUNK_BYTES as u64)).await;
    connect(&reader, &owner).await;
    let file = bytes(2 * CHUNK_BYTES);
    let id = owner.add(&file).await.expect("added");
    assert_eq!(
        error_code(reader.fetch(id, u64::MAX, soon()).await),
        "quota_exceeded"
    );
    let leaf = file_id(&file[..CHUNK_BYTES]);
    assert_eq!(
        error_code(reader.local_block(leaf).await),
        "content_unavailable"
    );
}

#[tokio::test]
async fn blocks_shared_by_two_files_survive_the_collection_of_one() {
    let chunk = CHUNK_BYTES as u64;
    let node = start_with(|config| config.quota = Quota::with_limit(4 * chunk)).await;
    let shared = bytes(CHUNK_BYTES);
    let one = [shared.clone(), vec![1; CHUNK_BYTES]].concat();
    let two = [shared, vec![2; CHUNK_BYTES]].concat();
    let one_id = node.add(&one).await.expect("added");
    let two_id = node.add(&two).await.expect("added");
    node.unpin(one_id).await.expect("unpinned");
    node.add(&vec![3; CHUNK_BYTES])
        .await
        .expect("room was made");
    assert_eq!(
        error_code(node.local_block(one_id).await),
        "content_unavailable"
    );
    assert_eq!(node.fetch(two_id, u64::MAX, soon()).await, Ok(two));
}

#[tokio::test]
async fn a_pin_needs_the_content_and_an_address_needs_a_peer() {
    let node = start().await;
    assert_eq!(
        error_code(node.pin(file_id(b"not here")).await),
        "content_not_held"
    );
    node.unpin(file_id(b"not here"))
        .await
        .expect("nothing to do");
    assert_eq!(
        error_code(node.connect("nonsense").await),
        "peer_address_malformed"
    );

    let gone = start().await;
    let address = gone.identity().await.expect("identity").addresses[0].clone();
    gone.shutdown().await;
    drop(gone);
    assert_eq!(error_code(node.connect(&address).await), "peer_unreachable");
    // The right address with somebody else's identity.
    let other = start().await;
    let (listen, _) = other.identity().await.expect("identity").addresses[0]
        .split_once("/p2p/")
        .map(|(listen, peer)| (listen.to_owned(), peer.to_owned()))
        .expect("identity at the end");
    let (_, wrong) = address.split_once("/p2p/").expect("identity at the end");
    let refused = node.connect(&format!("{listen}/p2p/{wrong}")).await;
    assert_eq!(error_code(refused), "peer_unreachable");
}

/// Nodes keep their identity over restarts, and peers must not hold that against them.
#[tokio::test]
async fn a_node_that_comes_back_is_served_and_serves() {
    let (left, right) = (start().await, start().await);
    connect(&left, &right).await;
    let folder = tempfile::tempdir().expect("folder");
    let mut config = EmbeddedConfig::loopback(folder.path());
    for round in 0..3 {
        let address = right.identity().await.expect("identity").addresses[0].clone();
        config.peers = vec![address.parse().expect("address")];
        let node = EmbeddedNode::start(config.clone()).await.expect("started");
        let theirs = bytes(CHUNK_BYTES + round);
        let id = right.add(&theirs).await.expect("added");
        assert_eq!(node.fetch(id, u64::MAX, soon()).await, Ok(theirs));
        let ours = bytes(2 * CHUNK_BYTES + round);
        let id = node.add(&ours).await.expect("added");
        assert_eq!(right.fetch(id, u64::MAX, soon()).await, Ok(ours));
        node.shutdown().await;
    }
}
