//! JSON-RPC 2.0 envelopes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Error numbers of JSON-RPC 2.0, and the one that we use for our own refusals.
pub mod codes {
    /// The body is not JSON.
    pub const PARSE: i64 = -32700;
    /// The body is no request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The server failed.
    pub const INTERNAL: i64 = -32603;
    /// The request was understood and refused; `data.code` says why.
    pub const REFUSED: i64 = -32000;
}

/// A request. Batches are not served.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RpcRequest {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// Chosen by the client, repeated in the answer.
    #[serde(default)]
    pub id: Value,
    /// Name of the method.
    pub method: String,
    /// Positional or named parameters.
    #[serde(default)]
    pub params: Value,
}

impl RpcRequest {
    /// A request with id 1.
    pub fn new(method: &str, params: Value) -> Self {
        Self {
            jsonrpc: "2.0".to_owned(),
            id: json!(1),
            method: method.to_owned(),
            params,
        }
    }
}

/// An error as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpcError {
    /// Number; see [`codes`].
    pub code: i64,
    /// One sentence.
    pub message: String,
    /// `{"code": stable_code, "detail": text}`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl RpcError {
    /// An error with a stable reason code.
    pub fn new(number: i64, code: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            code: number,
            message: detail.clone(),
            data: json!({ "code": code, "detail": detail }),
        }
    }

    /// A refusal with a stable reason code.
    pub fn refused(code: &str, detail: impl Into<String>) -> Self {
        Self::new(codes::REFUSED, code, detail)
    }

    /// The stable reason code, when there is one.
    pub fn reason(&self) -> Option<&str> {
        self.data.get("code").and_then(Value::as_str)
    }
}

/// A response: a result or an error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RpcResponse {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// The request's id.
    #[serde(default)]
    pub id: Value,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

impl RpcResponse {
    /// Wraps an outcome for the request with that id.
    pub fn new(id: Value, outcome: Result<Value, RpcError>) -> Self {
        let (result, error) = match outcome {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            jsonrpc: "2.0".to_owned(),
            id,
            result,
            error,
        }
    }
}
