//! The client of the Kubo RPC API against nodes that lie, stall or answer in other ways.

mod common;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use common::{bytes, error_code, soon, start};
use tokio::net::TcpListener;
use zarathustra_content::{Collect, ContentStore, KuboClient, KuboConfig, Quota, file_id};

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

#[tokio::test]
async fn answers_of_old_and_new_kubo_are_understood() {
    let peer = "12D3KooWJsRffbcT3PvGmfWUUrzc4zRVmNN5HpBJAM36rhUaFDBo";
    let address = "/ip4/127.0.0.1/tcp/4001";
    // Members came and went over the years; lists that are empty come as null.
    let answers = [
        (
            format!(
                r#"{{"ID":"{peer}","PublicKey":"x","Addresses":["{address}"],"AgentVersion":"go-ipfs/0.4.11/","ProtocolVersion":"ipfs/0.1.0"}}"#
            ),
            format!(
                r#"{{"Peers":[{{"Addr":"{address}","Peer":"{peer}","Latency":"1ms","Muxer":"","Streams":null}}]}}"#
            ),
            1,
        ),
        (
            format!(
                r#"{{"ID":"{peer}","PublicKey":"x","Addresses":null,"AgentVersion":"kubo/0.39.0/","Protocols":null}}"#
            ),
            format!(
                r#"{{"Peers":[{{"Addr":"{address}","Peer":"{peer}","Identify":{{"ID":"","PublicKey":"","Addresses":null,"AgentVersion":"","Protocols":null}}}}]}}"#
            ),
            1,
        ),
        (
            format!(r#"{{"ID":"{peer}"}}"#),
            r#"{"Peers":null}"#.to_owned(),
            0,
        ),
    ];
    for (id, peers, count) in answers {
        let router = Router::new()
            .route("/api/v0/id", post(move || async move { id }))
            .route("/api/v0/swarm/peers", post(move || async move { peers }));
        let (client, _folder) = client_of(router).await;
        assert_eq!(client.identity().await.expect("identity").peer_id, peer);
        let peers = client.peers().await.expect("peers");
        assert_eq!(peers.len(), count);
        assert!(
            peers
                .iter()
                .all(|p| p.peer_id == peer && p.address == address)
        );
    }
}
