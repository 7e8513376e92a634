//! The daemon's own pages: metrics, health, and the node API of EigenLayer's AVS node
//! specification v0.0.1.

use std::{future::IntoFuture, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Health, Metrics, ServiceStatus};

/// How long open requests may take to be answered once the daemon stops.
const DRAIN: Duration = Duration::from_secs(2);

/// The specification's version that `/eigen` speaks.
const EIGEN_SPEC: &str = "v0.0.1";

#[derive(Clone, Debug)]
struct Pages {
    name: String,
    health: Health,
    metrics: Metrics,
}

/// Serves until `stop` is cancelled and open requests are answered.
///
/// # Errors
/// The listener's own error.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        ended = serving.into_future() => ended,
        // Streams of announcements never end by themselves.
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// `/metrics`, `/healthz`, `/readyz` and `/eigen/node…`.
pub fn pages(name: &str, health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/eigen/node", get(eigen_node))
        .route("/eigen/node/health", get(eigen_health))
        .route("/eigen/node/services", get(eigen_services))
        .route(
            "/eigen/node/services/{id}/health",
            get(eigen_service_health),
        )
        .with_state(Pages {
            name: name.to_owned(),
            health,
            metrics,
        })
}

async fn metrics_page(State(pages): State<Pages>) -> Response {
    match pages.metrics.render() {
        Ok(text) => text.into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be rendered");
            internal()
        }
    }
}

async fn readyz(State(pages): State<Pages>) -> Response {
    let waiting: Vec<_> = pages
        .health
        .services()
        .into_iter()
        .filter(|s| s.status != ServiceStatus::Up)
        .map(|s| {
            let code = s.reason.unwrap_or_else(|| "initializing".to_owned());
            json!({ "service": s.id, "code": code })
        })
        .collect();
    if waiting.is_empty() {
        Json(json!({ "ready": true })).into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "ready": false, "waiting_for": waiting })),
        )
            .into_response()
    }
}

#[derive(Debug, Deserialize)]
struct Version {
    version: Option<String>,
}

/// The specification's answer for a version that is not served.
fn unsupported(query: &Version) -> Option<Response> {
    query
        .version
        .as_deref()
        .filter(|v| *v != EIGEN_SPEC)
        .map(|_| {
            (
                StatusCode::NOT_FOUND,
                Json(json!({ "message": "API version not found" })),
            )
                .into_response()
        })
}

fn internal() -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        Json(json!({ "message": "Internal server error" })),
    )
        .into_response()
}

async fn eigen_node(State(pages): State<Pages>, Query(query): Query<Version>) -> Response {
    unsupported(&query).unwrap_or_else(|| {
        Json(json!({
            "node_name": pages.name,
            "spec_version": EIGEN_SPEC,
            "node_version": concat!("v", env!("CARGO_PKG_VERSION")),
        }))
        .into_response()
    })
}

async fn eigen_health(State(pages): State<Pages>, Query(query): Query<Version>) -> Response {
    unsupported(&query).unwrap_or_else(|| {
        let services = pages.health.services();
        let down = services
            .iter()
            .filter(|s| s.status == ServiceStatus::Down)
            .count();
        let code = match pages.health.overall() {
            ServiceStatus::Up => StatusCode::OK,
            ServiceStatus::Down if down == services.len() => StatusCode::SERVICE_UNAVAILABLE,
            ServiceStatus::Down | ServiceStatus::Initializing => StatusCode::PARTIAL_CONTENT,
        };
        code.into_response()
    })
}

async fn eigen_services(State(pages): State<Pages>, Query(query): Query<Version>) -> Response {
    unsupported(&query)
        .unwrap_or_else(|| Json(json!({ "services": pages.health.services() })).into_response())
}

async fn eigen_service_health(
    State(pages): State<Pages>,
    Path(id): Path<String>,
    Query(query): Query<Version>,
) -> Response {
    unsupported(&query).unwrap_or_else(|| {
        match pages.health.service(&id).map(|s| s.status) {
            Some(ServiceStatus::Up) => StatusCode::OK,
            Some(ServiceStatus::Initializing) => StatusCode::PARTIAL_CONTENT,
            Some(ServiceStatus::Down) => StatusCode::SERVICE_UNAVAILABLE,
            None => StatusCode::NOT_FOUND,
        }
        .into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start() -> (String, Health, CancellationToken) {
        let health = Health::default();
        let metrics = Metrics::new("test").expect("metrics");
        let router = pages("test-node", health.clone(), metrics);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, router, stop.clone()));
        (url, health, stop)
    }

    async fn status(url: &str, path: &str) -> u16 {
        reqwest::get(format!("{url}{path}"))
            .await
            .expect("an answer")
            .status()
            .as_u16()
    }

    #[tokio::test]
    async fn health_follows_the_services() {
        let (url, health, _stop) = start().await;
        health.declare("chain", "Chain", "Follows the chain");
        health.declare("content", "Content", "Keeps files");
        assert_eq!(status(&url, "/eigen/node/health").await, 206);
        assert_eq!(status(&url, "/readyz").await, 503);
        health.up("chain");
        health.up("content");
        assert_eq!(status(&url, "/eigen/node/health").await, 200);
        assert_eq!(status(&url, "/readyz").await, 200);
        health.down("content", "disk_full");
        assert_eq!(status(&url, "/eigen/node/health").await, 206);
        assert_eq!(
            status(&url, "/eigen/node/services/content/health").await,
            503
        );
        assert_eq!(status(&url, "/eigen/node/services/chain/health").await, 200);
        assert_eq!(status(&url, "/eigen/node/services/none/health").await, 404);
        health.down("chain", "node_unreachable");
        assert_eq!(status(&url, "/eigen/node/health").await, 503);
        assert_eq!(status(&url, "/healthz").await, 200);
    }

    #[tokio::test]
    async fn the_node_api_names_its_version_and_refuses_others() {
        let (url, _health, _stop) = start().await;
        let body: serde_json::Value = reqwest::get(format!("{url}/eigen/node?version=v0.0.1"))
            .await
            .expect("answer")
            .json()
            .await
            .expect("json");
        assert_eq!(body["spec_version"], "v0.0.1");
        assert_eq!(body["node_name"], "test-node");
        let other = reqwest::get(format!("{url}/eigen/node?version=v9"))
            .await
            .expect("answer");
        assert_eq!(other.status().as_u16(), 404);
        let body: serde_json::Value = other.json().await.expect("json");
        assert_eq!(body["message"], "API version not found");
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        let (url, ..) = start().await;
        let text = reqwest::get(format!("{url}/metrics"))
            .await
            .expect("answer")
            .text()
            .await
            .expect("text");
        assert!(text.contains("zarathustra_info{role=\"test\""), "{text}");
    }
}
