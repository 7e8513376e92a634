//! What the RPC API sends back, in Kubo's form.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::ContentError;

/// An error, as Kubo writes it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// The caller's arguments are wrong.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ContentError> for Refusal {
    fn from(error: ContentError) -> Self {
        let status = match &error {
            ContentError::CidMalformed { .. }
            | ContentError::CidUnsupported { .. }
            | ContentError::AddressMalformed { .. } => StatusCode::BAD_REQUEST,
            // As Kubo does for every command that fails.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, format!("{}: {error}", error.code()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Body {
            message: String,
            code: u8,
            #[serde(rename = "Type")]
            kind: &'static str,
        }
        let body = Body {
            message: self.message,
            code: u8::from(self.status.is_client_error()),
            kind: "error",
        };
        (self.status, Json(body)).into_response()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    pub version: &'static str,
    pub commit: &'static str,
    pub repo: &'static str,
    pub system: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Id {
    #[serde(rename = "ID")]
    pub id: String,
    pub public_key: String,
    pub addresses: Vec<String>,
    pub agent_version: String,
    pub protocol_version: &'static str,
    pub protocols: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RepoStat {
    pub num_objects: u64,
    pub repo_size: u64,
    pub storage_max: u64,
    pub repo_path: &'static str,
    pub version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Added {
    pub name: String,
    pub hash: String,
    pub size: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BlockStat {
    pub key: String,
    pub size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Pins {
    pub pins: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PinList {
    pub keys: BTreeMap<String, PinKind>,
}

#[derive(Serialize)]
pub(super) struct PinKind {
    #[serde(rename = "Type")]
    pub kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Strings {
    pub strings: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Peers {
    pub peers: Vec<Peer>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Peer {
    pub addr: String,
    pub peer: String,
    pub latency: &'static str,
    pub muxer: &'static str,
    pub streams: [(); 0],
}
