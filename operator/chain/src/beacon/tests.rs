use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use zarathustra_primitives::BlsKey;

use super::*;

/// Published rounds; see `tests/vectors/README.md` at the top of the repository.
fn vectors() -> Value {
    let text = include_str!("../../../../tests/vectors/drand.json");
    serde_json::from_str(text).expect("vectors in the tree")
}

fn quicknet() -> PublicKey {
    let vectors = vectors();
    let text = vectors["rounds"][0]["public_key"].as_str().expect("a key");
    let key: BlsKey = text.parse().expect("192 bytes");
    PublicKey::decode(&key).expect("a key")
}

/// What quicknet's beacons answer for round 1000.
fn published() -> Value {
    let quicknet = &vectors()["quicknet"];
    let bare = |field: &str| quicknet[field].as_str().expect("hex")[2..].to_owned();
    json!({
        "round": 1000,
        "randomness": bare("randomness"),
        "signature": bare("signature_compressed"),
    })
}

struct Answer {
    status: StatusCode,
    body: String,
    asked: AtomicU64,
}

/// Starts a beacon that answers the one thing to whatever round it is asked for.
async fn beacon(status: StatusCode, body: String) -> (String, Arc<Answer>) {
    let answer = Arc::new(Answer {
        status,
        body,
        asked: AtomicU64::new(0),
    });
    let app = Router::new()
        .route("/chain/public/{round}", get(serve))
        .with_state(answer.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!(
        "http://{}/chain",
        listener.local_addr().expect("an address")
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, answer)
}

async fn serve(Path(_): Path<u64>, State(answer): State<Arc<Answer>>) -> Response {
    answer.asked.fetch_add(1, Ordering::SeqCst);
    Response::builder()
        .status(answer.status)
        .header("location", "/elsewhere")
        .body(Body::from(answer.body.clone()))
        .expect("a response")
}

async fn refusal(body: String) -> String {
    let (url, _) = beacon(StatusCode::OK, body).await;
    let beacons = Beacons::new(&[url]).expect("beacons");
    let answer = beacons.signature(1000, &quicknet()).await;
    answer.expect_err("refused").to_string()
}

#[tokio::test]
async fn a_published_round_is_taken() {
    let (url, _) = beacon(StatusCode::OK, published().to_string()).await;
    // With a slash at the end it is the same address.
    let beacons = Beacons::new(&[format!("{url}/")]).expect("beacons");
    let signature = beacons.signature(1000, &quicknet()).await.expect("a round");
    let expected = vectors()["quicknet"]["signature"].clone();
    assert_eq!(json!(signature.encode().to_string()), expected);
}

#[tokio::test]
async fn what_is_not_the_rounds_signature_is_refused() {
    let with = |field: &str, value: Value| {
        let mut answer = published();
        answer[field] = value;
        answer.to_string()
    };
    let signature = published()["signature"].as_str().expect("hex").to_owned();
    let of_another = vectors()["rounds"][1]["signature_compressed"].clone();
    let cases = [
        (with("round", json!(999)), "answers with round 999"),
        (with("signature", of_another), "is not the network's"),
        (with("signature", json!(signature[2..])), "is not 48 bytes"),
        (with("signature", json!("zz")), "is not 48 bytes"),
        (
            with("signature", json!(format!("c0{}", "00".repeat(47)))),
            "point is at infinity",
        ),
        (with("signature", json!(7)), "invalid type"),
        ("<html>".to_owned(), "expected value"),
        (" ".repeat(MAX_ANSWER + 1), "more than 4096 bytes"),
    ];
    for (body, expected) in cases {
        let refusal = refusal(body).await;
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[tokio::test]
async fn a_status_that_is_no_success_is_refused_and_no_redirect_followed() {
    for status in [StatusCode::NOT_FOUND, StatusCode::FOUND] {
        let (url, _) = beacon(status, published().to_string()).await;
        let beacons = Beacons::new(&[url]).expect("beacons");
        let error = beacons.signature(1000, &quicknet()).await;
        let error = error.expect_err("no round");
        assert_eq!(error.code(), "beacon_failed");
        assert!(error.to_string().contains(status.as_str()), "{error}");
    }
}

#[tokio::test]
async fn the_next_beacon_is_asked_when_one_fails() {
    let (lies, lying) = beacon(StatusCode::OK, "{}".to_owned()).await;
    let (tells, telling) = beacon(StatusCode::OK, published().to_string()).await;
    // Nobody listens where a socket was closed.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let nobody = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let beacons = Beacons::new(&[nobody, lies, tells]).expect("beacons");
    beacons.signature(1000, &quicknet()).await.expect("a round");
    let asked = [&lying, &telling].map(|answer| answer.asked.load(Ordering::SeqCst));
    assert_eq!(asked, [1, 1]);
}

#[tokio::test]
async fn beacons_that_failed_are_left_alone_for_a_while() {
    let (url, answer) = beacon(StatusCode::NOT_FOUND, String::new()).await;
    let beacons = Beacons::new(&[url]).expect("beacons");
    for _ in 0..3 {
        let error = beacons.signature(1000, &quicknet()).await;
        assert!(error.expect_err("no round").is_transient());
    }
    assert_eq!(answer.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_beacons_and_with_bad_addresses() {
    let none = Beacons::new(&[]).expect("none");
    let error = none.signature(1, &quicknet()).await.expect_err("nobody");
    assert_eq!(error.code(), "no_beacon");
    assert!(!error.is_transient());
    for url in ["", "drand.example", "ftp://drand.example/chain"] {
        let error = Beacons::new(&[url.to_owned()]).expect_err("malformed");
        assert_eq!(error.code(), "beacon_url_malformed");
    }
}
