//! JSON-RPC and announcements over HTTP. Every refusal has a stable reason code.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_stream::wrappers::BroadcastStream;
use tracing::debug;
use zarathustra_primitives::{Purpose, TaskId};
use zarathustra_wire::{
    ClaimMessage, RpcError, RpcRequest, RpcResponse, SnapshotMessage, VoteMessage, codes,
};

use crate::{Appeals, Desk, SnapshotDesk};

/// A claim's body is a few hundred bytes and its result a few thousand at most.
const MAX_BODY_BYTES: usize = 64 << 10;

/// What requests are answered from.
#[derive(Clone)]
struct Desks {
    tasks: Arc<Desk>,
    appeals: Arc<Appeals>,
    snapshots: Arc<SnapshotDesk>,
}

/// The aggregator's routes.
pub fn routes(tasks: Arc<Desk>, appeals: Arc<Appeals>, snapshots: Arc<SnapshotDesk>) -> Router {
    Router::new()
        .route("/", post(rpc))
        .route("/events", get(events))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Desks {
            tasks,
            appeals,
            snapshots,
        })
}

async fn rpc(State(desks): State<Desks>, body: Bytes) -> Response {
    let request: RpcRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let number = if error.is_data() {
                codes::INVALID_REQUEST
            } else {
                codes::PARSE
            };
            let refusal = RpcError::new(number, "malformed_request", error.to_string());
            return answer(Value::Null, Err(refusal));
        }
    };
    let outcome = if request.jsonrpc == "2.0" {
        dispatch(&desks, &request).await
    } else {
        Err(RpcError::new(
            codes::INVALID_REQUEST,
            "malformed_request",
            "jsonrpc must be \"2.0\"",
        ))
    };
    if let Err(error) = &outcome {
        debug!(method = %request.method.chars().take(64).collect::<String>(), code = error.reason(), detail = %error.message, "request refused");
    }
    answer(request.id, outcome)
}

/// JSON-RPC reports errors in the body; the status says only that the body is an answer.
fn answer(id: Value, outcome: Result<Value, RpcError>) -> Response {
    (StatusCode::OK, Json(RpcResponse::new(id, outcome))).into_response()
}

async fn dispatch(desks: &Desks, request: &RpcRequest) -> Result<Value, RpcError> {
    let desk = &desks.tasks;
    match request.method.as_str() {
        "sendTask" => {
            let message = ClaimMessage::from_params(&request.params)
                .map_err(|e| RpcError::new(codes::INVALID_PARAMS, e.code(), e.to_string()))?;
            Ok(json!(desk.take_claim(message).await?))
        }
        "zarathustra_claims" => Ok(json!(desk.claims(only::<TaskId>(&request.params)?))),
        "zarathustra_appeals" => Ok(json!(
            desks.appeals.claims(only::<TaskId>(&request.params)?)
        )),
        "zarathustra_sendVote" => {
            let vote = only::<VoteMessage>(&request.params)?;
            match vote.purpose {
                Purpose::Claim => desk.take_vote(&vote)?,
                Purpose::Appeal => desks.appeals.take_vote(&vote)?,
            }
            Ok(json!(true))
        }
        "zarathustra_sendSnapshotSignature" => {
            desks
                .snapshots
                .take(&only::<SnapshotMessage>(&request.params)?)?;
            Ok(json!(true))
        }
        "zarathustra_status" => Ok(json!(desk.status())),
        _ => Err(RpcError::new(
            codes::METHOD_NOT_FOUND,
            "unknown_method",
            "there is no such method",
        )),
    }
}

/// The single parameter of a method.
fn only<T: DeserializeOwned>(params: &Value) -> Result<T, RpcError> {
    let invalid =
        |detail: String| RpcError::new(codes::INVALID_PARAMS, "malformed_message", detail);
    match params.as_array().map(Vec::as_slice) {
        Some([one]) => T::deserialize(one).map_err(|e| invalid(e.to_string())),
        _ => Err(invalid("expected a list of one parameter".to_owned())),
    }
}

async fn events(State(desks): State<Desks>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // A listener that is too slow loses announcements, not claims: it asks for those.
    let stream = BroadcastStream::new(desks.tasks.announcements())
        .filter_map(|item| std::future::ready(item.ok()))
        .map(|a| Ok(Event::default().event(a.event).data(a.data.to_string())));
    Sse::new(stream).keep_alive(KeepAlive::default())
}
