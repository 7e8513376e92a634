//! Nodes and peers that send something else than what was asked for.

mod common;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use common::{bytes, error_code, soon, start};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use rust_ipfs::StreamProtocol;
use rust_ipfs::builder::DefaultIpfsBuilder;
use tokio::net::TcpListener;
use zarathustra_content::{
    Collect, ContentStore, KuboClient, KuboConfig, MAX_BLOCK_BYTES, Quota, file_id,
};

#[derive(serde::Deserialize)]
struct Arg {
    arg: String,
}

/// A client of an RPC service that answers `block/get` and `add` with this router.
async fn client_of(router: Router) -> (KuboClient, tempfile::TempDir) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().expect("folder");
    let client = KuboClient::new(&KuboConfig {
        url: format!("http://{address}"),
        ledger: folder.path().join("ledger.json"),
        quota: Quota::with_limit(1 << 30),
        collect: Collect::Unpinned,
    })
    .expect("client");
    (client, folder)
}

async fn client_of_blocks<F>(answer: F) -> (KuboClient, tempfile::TempDir)
where
    F: Fn(String) -> Response + Clone + Send + Sync + 'static,
{
    let block_get = post(move |Query(Arg { arg }): Query<Arg>| async move { answer(arg) });
    client_of(Router::new().route("/api/v0/block/get", block_get)).await
}

#[tokio::test]
async fn other_bytes_from_the_rpc_are_refused() {
    let (client, _folder) = client_of_blocks(|_| "other bytes".into_response()).await;
    let fetched = client.fetch(file_id(b"the bytes"), 100, soon()).await;
    assert_eq!(error_code(fetched), "content_mismatch");
    assert!(client.held().await.expect("held").is_empty());
}

#[tokio::test]
async fn an_endless_answer_from_the_rpc_is_cut_off() {
    let (client, _folder) = client_of_blocks(|_| {
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0u8; 65_536]));
        Body::from_stream(endless).into_response()
    })
    .await;
    let fetched = client.fetch(file_id(b"the bytes"), u64::MAX, soon()).await;
    assert_eq!(error_code(fetched), "content_unavailable");
}

#[tokio::test]
async fn a_silent_rpc_is_left_at_the_deadline() {
    let (client, _folder) = client_of_blocks(|_| {
        Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())
            .into_response()
    })
    .await;
    let deadline = Instant::now() + Duration::from_millis(200);
    let fetched = client.fetch(file_id(b"the bytes"), 100, deadline).await;
    assert_eq!(error_code(fetched), "timeout");
}

#[tokio::test]
async fn what_is_too_long_is_refused_at_the_root() {
    // Only the root is served: a request for any other block would fail otherwise.
    let file = bytes(3_000_000);
    let owner = start().await;
    let id = owner.add(&file).await.expect("added");
    let root = owner.local_block(id).await.expect("root");
    let name = id.to_string();
    let (client, _folder) = client_of_blocks(move |arg| {
        if arg == name {
            root.clone().into_response()
        } else {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    })
    .await;
    let fetched = client.fetch(id, 2_999_999, soon()).await;
    assert_eq!(error_code(fetched), "content_too_large");
}

#[tokio::test]
async fn errors_of_the_rpc_are_told_apart() {
    let (client, _folder) = client_of_blocks(|_| {
        let body = r#"{"Message":"block not found locally","Code":0,"Type":"error"}"#;
        (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
    })
    .await;
    let fetched = client.fetch(file_id(b"the bytes"), 100, soon()).await;
    assert_eq!(error_code(fetched), "content_unavailable");

    let (client, _folder) = client_of_blocks(|_| StatusCode::BAD_GATEWAY.into_response()).await;
    let fetched = client.fetch(file_id(b"the bytes"), 100, soon()).await;
    assert_eq!(error_code(fetched), "rpc_failed");
}

#[tokio::test]
async fn a_node_that_names_an_added_file_otherwise_is_not_believed() {
    let add = post(|| async {
        format!(
            r#"{{"Name":"x","Hash":"{}","Size":"5"}}"#,
            file_id(b"something else")
        )
    });
    let (client, _folder) = client_of(Router::new().route("/api/v0/add", add)).await;
    assert_eq!(error_code(client.add(b"bytes").await), "rpc_failed");
    assert!(client.held().await.expect("held").is_empty());
}

const BITSWAP: StreamProtocol = StreamProtocol::new("/ipfs/bitswap/1.2.0");

/// A bitswap message that carries one block of raw bytes, claimed to be a raw SHA2-256 one.
fn message_with_block(data: &[u8]) -> Vec<u8> {
    // Block { 1: prefix, 2: data } in field 3 of Message; the prefix is a CID without digest.
    let mut block = vec![0x0a, 4, 1, 0x55, 0x12, 0x20, 0x12];
    block.extend(length_prefixed(data));
    let mut message = vec![0x1a];
    message.extend(length_prefixed(&block));
    length_prefixed(&message)
}

fn length_prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

#[tokio::test]
async fn other_bytes_from_a_peer_are_neither_believed_nor_kept() {
    let liar = DefaultIpfsBuilder::new()
        .enable_tcp()
        .with_streams()
        .start()
        .await
        .expect("started");
    let mut incoming = liar.new_stream(BITSWAP).await.expect("protocol");
    let victim = start().await;
    let address = victim.identity().await.expect("identity").addresses[0].clone();
    let (listen, peer) = address.split_once("/p2p/").expect("identity at the end");
    let victim_id = peer.parse().expect("peer");
    let dial = rust_ipfs::DialOpts::peer_id(victim_id)
        .addresses(vec![listen.parse().expect("address")])
        .build();
    liar.connect(dial).await.expect("connected");

    let wanted = file_id(b"the bytes");
    let lies = [b"other bytes".to_vec(), bytes(MAX_BLOCK_BYTES / 2)];
    let answering = async {
        // Wait until the victim asks.
        let (_, mut asked) = incoming.next().await.expect("the victim asks");
        let mut question = [0; 256];
        let length = asked.read(&mut question).await.expect("question");
        let digest = wanted.digest();
        assert!(
            question[..length]
                .windows(32)
                .any(|window| window == digest)
        );
        // One stream keeps the order: what ends the fetch comes after the lies.
        let mut answer = liar.open_stream(victim_id, BITSWAP).await.expect("stream");
        for bytes in lies
            .iter()
            .map(Vec::as_slice)
            .chain([b"the bytes".as_slice()])
        {
            answer
                .write_all(&message_with_block(bytes))
                .await
                .expect("sent");
        }
        answer.flush().await.expect("sent");
        (asked, answer)
    };
    let (fetched, _streams) = tokio::join!(victim.fetch(wanted, 100, soon()), answering);
    assert_eq!(fetched, Ok(b"the bytes".to_vec()));
    for lie in lies {
        let kept = victim.local_block(file_id(&lie)).await;
        assert_eq!(error_code(kept), "content_unavailable");
    }
}
