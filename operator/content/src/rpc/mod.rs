//! The embedded node as a service: the part of the Kubo RPC API that [`KuboClient`] (and
//! common tools) use, so that one client serves both.
//!
//! | Path under `/api/v0` | Arguments | Differs from Kubo |
//! |---|---|---|
//! | `version`, `id`, `repo/stat` | | fewer members |
//! | `add` | one file | always CIDv1, raw leaves, 256 KiB chunks, pinned; other options are refused; `Size` is the length of the file |
//! | `cat` | `arg`, `offline` | the whole file is checked before the first byte is sent |
//! | `block/get`, `block/stat` | `arg`, `offline` | |
//! | `pin/add`, `pin/rm` | `arg` | recursive only |
//! | `pin/ls` | `arg`, `type` | direct and indirect pins do not occur |
//! | `swarm/connect`, `swarm/peers` | `arg` | TCP addresses with an identity only |
//!
//! Every call is a POST, as with Kubo. Like Kubo's, the API has no password and gives full
//! control, so it is served on loopback only unless the settings insist, and requests that
//! a browser sends on behalf of a web page are refused.
//!
//! Errors are Kubo's JSON, `{"Message": …, "Code": 0, "Type": "error"}`, where the message
//! begins with the stable code of a [`ContentError`] and a colon.
//!
//! [`KuboClient`]: crate::KuboClient
//! [`ContentError`]: crate::ContentError

mod answer;
mod handlers;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::answer::Refusal;
use crate::{ContentError, EmbeddedNode};

/// Room for the multipart framing around a file.
const MULTIPART_OVERHEAD_BYTES: u64 = 64 * 1024;

/// Files held in memory at a time, on their way in or out.
const MAX_FILES_IN_MEMORY: usize = 4;

/// How much longer than its patience a call may take, so that whoever waits inside it can
/// say what for.
const GRACE: Duration = Duration::from_secs(2);

/// How to serve the RPC API.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Longest file that can be added, pinned or read whole, in bytes. Up to four such
    /// files are in memory at a time.
    pub max_file_bytes: u64,
    /// How long a call may take, the transfer of an added file included.
    pub patience: Duration,
    /// Serve on an address that other machines reach. They get full control of the node.
    pub allow_remote: bool,
}

impl Default for ServeConfig {
    /// Files of up to 256 MiB, two minutes for a call, loopback only.
    fn default() -> Self {
        Self {
            max_file_bytes: 256 * 1024 * 1024,
            patience: Duration::from_secs(120),
            allow_remote: false,
        }
    }
}

struct Service {
    node: EmbeddedNode,
    config: ServeConfig,
    files_in_memory: Semaphore,
}

/// Serves the RPC API of `node` on `listener` until `shutdown` is ready, then lets calls
/// under way finish. The node itself keeps running.
///
/// # Errors
/// `rpc_failed` when the listener is not on loopback and the settings do not allow that,
/// or when it breaks.
pub fn serve(
    listener: TcpListener,
    node: EmbeddedNode,
    config: ServeConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, Result<(), ContentError>> {
    serve_until(listener, node, config, Box::pin(shutdown))
}

/// The service behind [`serve`]: neither generic nor an `async fn`, so that it is compiled
/// here and not in every caller.
#[inline(never)]
fn serve_until(
    listener: TcpListener,
    node: EmbeddedNode,
    config: ServeConfig,
    shutdown: BoxFuture<'static, ()>,
) -> BoxFuture<'static, Result<(), ContentError>> {
    let failed = |reason: String| ContentError::Rpc {
        during: "serve its RPC API",
        reason,
    };
    Box::pin(async move {
        let address = listener
            .local_addr()
            .map_err(|error| failed(error.to_string()))?;
        if !address.ip().is_loopback() && !config.allow_remote {
            return Err(failed(format!(
                "{address} is not a loopback address, and whoever reaches it controls the node"
            )));
        }
        tracing::info!(%address, "serving the IPFS RPC API");
        axum::serve(listener, router(node, config))
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(|error| failed(error.to_string()))
    })
}

fn router(node: EmbeddedNode, config: ServeConfig) -> Router {
    let body_limit = config
        .max_file_bytes
        .saturating_add(MULTIPART_OVERHEAD_BYTES);
    let body_limit = usize::try_from(body_limit).unwrap_or(usize::MAX);
    let service = Arc::new(Service {
        node,
        config,
        files_in_memory: Semaphore::new(MAX_FILES_IN_MEMORY),
    });
    let add = post(handlers::add).layer(DefaultBodyLimit::max(body_limit));
    let api = Router::new()
        .route("/version", only(post(handlers::version)))
        .route("/id", only(post(handlers::id)))
        .route("/repo/stat", only(post(handlers::repo_stat)))
        .route("/add", only(add))
        .route("/cat", only(post(handlers::cat)))
        .route("/block/get", only(post(handlers::block_get)))
        .route("/block/stat", only(post(handlers::block_stat)))
        .route("/pin/add", only(post(handlers::pin_add)))
        .route("/pin/rm", only(post(handlers::pin_rm)))
        .route("/pin/ls", only(post(handlers::pin_ls)))
        .route("/swarm/connect", only(post(handlers::swarm_connect)))
        .route("/swarm/peers", only(post(handlers::swarm_peers)));
    Router::new()
        .nest("/api/v0", api)
        .fallback(|| async { Refusal::new(StatusCode::NOT_FOUND, "no such command") })
        .layer(middleware::from_fn_with_state(Arc::clone(&service), guard))
        .with_state(service)
}

fn only(method: MethodRouter<Arc<Service>>) -> MethodRouter<Arc<Service>> {
    method.fallback(|| async {
        Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "commands are called with POST",
        )
    })
}

/// Turns away browsers and limits the time of every call.
async fn guard(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    if is_from_a_web_page(request.headers()) {
        return Refusal::new(StatusCode::FORBIDDEN, "not for web pages").into_response();
    }
    let limit = service.config.patience + GRACE;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refusal::from(ContentError::Timeout {
            during: "answering the call".to_owned(),
        })
        .into_response(),
    }
}

/// A page that a browser shows can send requests to loopback, from its own origin or, with
/// a name that it points at loopback, under that name.
fn is_from_a_web_page(headers: &HeaderMap) -> bool {
    const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let marked = [header::ORIGIN, header::REFERER, FETCH_SITE]
        .iter()
        .any(|name| headers.contains_key(name));
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    marked || !is_plain_host(host)
}

/// `localhost` or an IP address, with or without a port.
fn is_plain_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(name, _)| name),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_a_page_could_forge_are_refused() {
        for good in [
            "127.0.0.1:5001",
            "localhost:5001",
            "LOCALHOST",
            "[::1]:5001",
            "10.0.0.1",
        ] {
            assert!(is_plain_host(good), "{good}");
        }
        for bad in [
            "",
            "evil.example:5001",
            "localhost.evil.example",
            "[::1",
            "127.0.0.1.nip.io",
        ] {
            assert!(!is_plain_host(bad), "{bad}");
        }
    }
}
