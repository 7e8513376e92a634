//! Why a transaction or call was refused.

use alloy::{
    primitives::Bytes,
    transports::{RpcError, TransportError},
};
use thiserror::Error;
use zarathustra_chain::Revert;

/// A contract refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{action} was refused: {name}")]
pub struct Reverted {
    /// The function that was called, or what was deployed.
    pub action: String,
    /// The contract's own error, with its values where they are known.
    pub name: String,
    /// The revert data.
    pub data: Bytes,
}

impl Reverted {
    fn new(action: &str, data: Bytes) -> Self {
        Self {
            action: action.to_owned(),
            name: reason(&data),
            data,
        }
    }
}

/// The error that revert data holds, with its values where they are known.
pub(crate) fn reason(data: &Bytes) -> String {
    crate::eigenlayer::error_name(data).unwrap_or_else(|| Revert::decode(data).to_string())
}

/// Turns a node's answer into [`Reverted`] where it is one.
pub(crate) fn explain(action: &str, error: TransportError) -> eyre::Report {
    if let RpcError::ErrorResp(payload) = &error
        && let Some(data) = payload.as_revert_data()
    {
        return Reverted::new(action, data).into();
    }
    eyre::Report::from(error).wrap_err(action.to_owned())
}
