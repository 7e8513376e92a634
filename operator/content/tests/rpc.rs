//! The client of the Kubo RPC API against our own service.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Node, bytes, connect, error_code, held_ids, soon, start, start_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zarathustra_content::{
    CHUNK_BYTES, Collect, ContentStore, KuboClient, KuboConfig, Quota, ServeConfig, file_id, serve,
};

/// A node with its service, which ends with the test.
struct Served {
    node: Node,
    address: SocketAddr,
}

async fn served(config: ServeConfig) -> Served {
    let node = start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    let service = serve(listener, (*node).clone(), config, std::future::pending());
    tokio::spawn(service);
    Served { node, address }
}

fn client(address: SocketAddr, folder: &Path) -> KuboClient {
    client_with_quota(address, folder, Quota::with_limit(1 << 30))
}

fn client_with_quota(address: SocketAddr, folder: &Path, quota: Quota) -> KuboClient {
    KuboClient::new(&KuboConfig {
        url: format!("http://{address}"),
        ledger: folder.join("ledger.json"),
        quota,
        collect: Collect::UnpinnedThenPins,
    })
    .expect("client")
}

#[tokio::test]
async fn a_client_adds_fetches_pins_and_unpins() {
    let served = served(ServeConfig::default()).await;
    let folder = tempfile::tempdir().expect("folder");
    let client = client(served.address, folder.path());
    assert_eq!(
        client.version().await.expect("version"),
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        client.identity().await.expect("identity"),
        served.node.identity().await.expect("identity")
    );

    for length in [0, 11, CHUNK_BYTES, 5 * CHUNK_BYTES + 3] {
        let file = bytes(length);
        let id = client.add(&file).await.expect("added");
        assert_eq!(id, file_id(&file));
        assert_eq!(client.fetch(id, length as u64, soon()).await, Ok(file));
    }
    assert!(
        served
            .node
            .held()
            .await
            .expect("held")
            .iter()
            .all(|held| held.pinned)
    );

    let id = file_id(&bytes(11));
    client.unpin(id).await.expect("unpinned");
    client.unpin(id).await.expect("twice is fine");
    let on_node = served.node.held().await.expect("held");
    assert!(on_node.iter().any(|held| held.id == id && !held.pinned));
    client.pin(id).await.expect("pinned again");
    let on_node = served.node.held().await.expect("held");
    assert!(on_node.iter().any(|held| held.id == id && held.pinned));
    assert_eq!(
        error_code(client.pin(file_id(b"never fetched")).await),
        "content_not_held"
    );
}

#[tokio::test]
async fn a_client_fetches_what_only_a_peer_of_the_node_has() {
    let served = served(ServeConfig::default()).await;
    let folder = tempfile::tempdir().expect("folder");
    let client = client(served.address, folder.path());
    let owner = start().await;
    let address = owner.identity().await.expect("identity").addresses[0].clone();
    client.connect(&address).await.expect("connected");
    let peers = client.peers().await.expect("peers");
    assert_eq!(peers.len(), 1);
    assert_eq!(peers[0].peer_id, owner.peer_id());

    let file = bytes(4 * CHUNK_BYTES);
    let id = owner.add(&file).await.expect("added");
    let short = client.fetch(id, file.len() as u64 - 1, soon()).await;
    assert_eq!(error_code(short), "content_too_large");
    assert_eq!(client.fetch(id, file.len() as u64, soon()).await, Ok(file));
    client.pin(id).await.expect("pinned");
    assert!(
        served
            .node
            .held()
            .await
            .expect("held")
            .iter()
            .any(|h| h.id == id && h.pinned)
    );

    assert_eq!(
        error_code(client.connect("/ip4/1.2.3.4").await),
        "peer_address_malformed"
    );
    owner.shutdown().await;
    let other = start().await;
    let (_, stranger) = other.identity().await.expect("identity").addresses[0]
        .split_once("/p2p/")
        .map(|(listen, peer)| (listen.to_owned(), peer.to_owned()))
        .expect("identity at the end");
    let closed = format!("/ip4/127.0.0.1/tcp/1/p2p/{stranger}");
    assert_eq!(
        error_code(client.connect(&closed).await),
        "peer_unreachable"
    );
}

#[tokio::test]
async fn the_deadline_of_a_fetch_holds_through_the_rpc() {
    let served = served(ServeConfig::default()).await;
    let folder = tempfile::tempdir().expect("folder");
    let client = client(served.address, folder.path());
    let deadline = Instant::now() + Duration::from_millis(300);
    let missing = client
        .fetch(file_id(b"nobody has this"), 100, deadline)
        .await;
    assert_eq!(error_code(missing), "timeout");
    assert!(Instant::now() < deadline + Duration::from_secs(5));
}

#[tokio::test]
async fn the_clients_quota_unpins_on_the_node() {
    let served = served(ServeConfig::default()).await;
    let folder = tempfile::tempdir().expect("folder");
    let chunk = CHUNK_BYTES as u64;
    let client = client_with_quota(served.address, folder.path(), Quota::with_limit(2 * chunk));
    let champion = client.add(&vec![1; CHUNK_BYTES]).await.expect("added");
    client
        .set_protected(champion, true)
        .await
        .expect("protected");
    let second = client.add(&vec![2; CHUNK_BYTES]).await.expect("added");
    let third = client
        .add(&vec![3; CHUNK_BYTES])
        .await
        .expect("room was made");

    assert_eq!(held_ids(&client).await, [champion, third]);
    let on_node = served.node.held().await.expect("held");
    assert!(on_node.iter().any(|held| held.id == second && !held.pinned));
    assert_eq!(
        error_code(client.add(&vec![4; 2 * CHUNK_BYTES]).await),
        "quota_exceeded"
    );
}

#[tokio::test]
async fn the_service_caps_what_is_added_read_and_pinned() {
    let limit = CHUNK_BYTES as u64;
    let served = served(ServeConfig {
        max_file_bytes: limit,
        ..ServeConfig::default()
    })
    .await;
    let folder = tempfile::tempdir().expect("folder");
    let client = client(served.address, folder.path());
    assert_eq!(
        error_code(client.add(&bytes(CHUNK_BYTES + 1)).await),
        "rpc_failed"
    );
    client
        .add(&bytes(CHUNK_BYTES))
        .await
        .expect("the limit itself is allowed");

    let owner = start().await;
    connect(&served.node, &owner).await;
    let long = owner.add(&bytes(2 * CHUNK_BYTES)).await.expect("added");
    for command in ["cat", "pin/add"] {
        let answer = post(served.address, &format!("/api/v0/{command}?arg={long}"), "").await;
        assert!(answer.contains("content_too_large"), "{answer}");
    }
}

#[tokio::test]
async fn a_node_that_is_full_says_so() {
    let node = start_with(|config| {
        config.quota = Quota::with_limit(10);
        config.collect = Collect::Unpinned;
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    tokio::spawn(serve(
        listener,
        (*node).clone(),
        ServeConfig::default(),
        std::future::pending(),
    ));
    let folder = tempfile::tempdir().expect("folder");
    let client = client(address, folder.path());
    client.add(b"0123456789").await.expect("fits");
    let error = client.add(b"more").await.expect_err("full");
    assert_eq!(error.code(), "rpc_failed");
    assert!(error.to_string().contains("quota_exceeded"), "{error}");
}

/// One HTTP request by hand; the whole answer as text.
async fn post(address: SocketAddr, path: &str, headers: &str) -> String {
    request(address, "POST", path, headers).await
}

async fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let host = if headers.contains("host:") {
        String::new()
    } else {
        format!("host: {address}\r\n")
    };
    let text = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn strangers_requests_get_a_status_and_a_reason() {
    let served = served(ServeConfig::default()).await;
    let id = served.node.add(b"hello").await.expect("added");
    let missing = file_id(b"missing");
    let cases = [
        ("POST", "/api/v0/version".to_owned(), "", "200", "Version"),
        ("POST", format!("/api/v0/cat?arg={id}"), "", "200", "hello"),
        (
            "POST",
            format!("/api/v0/cat?arg=/ipfs/{id}"),
            "",
            "200",
            "hello",
        ),
        (
            "POST",
            format!("/api/v0/block/stat?arg={id}"),
            "",
            "200",
            "\"Size\":5",
        ),
        (
            "POST",
            format!("/api/v0/pin/ls?arg={id}"),
            "",
            "200",
            "recursive",
        ),
        (
            "POST",
            "/api/v0/pin/ls?type=direct".to_owned(),
            "",
            "200",
            "{\"Keys\":{}}",
        ),
        (
            "POST",
            format!("/api/v0/pin/ls?arg={missing}"),
            "",
            "500",
            "is not pinned",
        ),
        (
            "POST",
            format!("/api/v0/pin/rm?arg={missing}"),
            "",
            "500",
            "not pinned",
        ),
        (
            "POST",
            format!("/api/v0/pin/add?arg={id}&recursive=false"),
            "",
            "400",
            "recursive",
        ),
        ("POST", "/api/v0/cat".to_owned(), "", "400", "arg"),
        (
            "POST",
            "/api/v0/cat?arg=nonsense".to_owned(),
            "",
            "400",
            "cid_malformed",
        ),
        (
            "POST",
            format!("/api/v0/cat?arg={missing}&offline=true"),
            "",
            "500",
            "content_not_held",
        ),
        (
            "POST",
            format!("/api/v0/block/get?arg={missing}&offline=true"),
            "",
            "500",
            "content_unavailable",
        ),
        (
            "POST",
            "/api/v0/swarm/connect?arg=/ip4/1.2.3.4".to_owned(),
            "",
            "400",
            "peer_address_malformed",
        ),
        (
            "POST",
            "/api/v0/add?cid-version=0".to_owned(),
            "",
            "400",
            "cid-version",
        ),
        ("POST", "/api/v0/add".to_owned(), "", "400", "multipart"),
        (
            "POST",
            "/api/v0/repo/gc".to_owned(),
            "",
            "404",
            "no such command",
        ),
        ("POST", "/".to_owned(), "", "404", "no such command"),
        ("GET", "/api/v0/id".to_owned(), "", "405", "POST"),
        (
            "POST",
            "/api/v0/id".to_owned(),
            "origin: http://evil.example\r\n",
            "403",
            "web pages",
        ),
        (
            "POST",
            "/api/v0/id".to_owned(),
            "host: evil.example\r\n",
            "403",
            "web pages",
        ),
    ];
    for (method, path, headers, status, part) in cases {
        let answer = request(served.address, method, &path, headers).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{method} {path} {headers}: {answer}"
        );
        assert!(
            answer.to_lowercase().contains(&part.to_lowercase()),
            "{method} {path} {headers}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_service_stays_on_loopback_and_stops_when_told() {
    let node = start().await;
    let everywhere = TcpListener::bind("0.0.0.0:0").await.expect("bound");
    let refused = serve(
        everywhere,
        (*node).clone(),
        ServeConfig::default(),
        std::future::pending(),
    );
    assert_eq!(error_code(refused.await), "rpc_failed");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = tokio::spawn(serve(
        listener,
        (*node).clone(),
        ServeConfig::default(),
        async {
            // Dropping the sender counts too.
            drop(stopped.await);
        },
    ));
    drop(stop);
    let ended = tokio::time::timeout_at(soon().into(), service).await;
    assert!(matches!(ended, Ok(Ok(Ok(())))), "{ended:?}");
}
