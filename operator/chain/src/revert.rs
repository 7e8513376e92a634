//! Turns the bytes of a revert into the contract's own error.

use std::fmt;

use alloy::{
    contract::Error as ContractError,
    primitives::Bytes,
    sol_types::{Revert as RevertString, SolError, SolInterface},
    transports::{RpcError, TransportErrorKind},
};
use zarathustra_abi::{
    attestation_center::IAttestationCenter::IAttestationCenterErrors,
    avs_governance::IAvsGovernance::IAvsGovernanceErrors,
    model_submission::IModelSubmission::IModelSubmissionErrors,
    seed_source::ISeedSource::ISeedSourceErrors,
};

use crate::ChainError;

/// Why a contract refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Name of the custom error; `Error` for a string, `unknown` for anything else.
    pub name: String,
    /// The error with its values.
    pub detail: String,
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Revert {
    /// Decodes revert data against every error that our contracts declare.
    pub fn decode(data: &Bytes) -> Self {
        let named = |debug: String| {
            // Debug of the generated enum reads `Variant(Variant { .. })`.
            let inner = debug
                .split_once('(')
                .map_or(debug.as_str(), |(_, rest)| rest.trim_end_matches(')'));
            let name = inner
                .split([' ', '{', '('])
                .next()
                .unwrap_or(inner)
                .to_owned();
            Self {
                name,
                detail: inner.to_owned(),
            }
        };
        if let Ok(e) = IModelSubmissionErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = IAttestationCenterErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = IAvsGovernanceErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = ISeedSourceErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = RevertString::abi_decode(data) {
            return Self {
                name: "Error".to_owned(),
                detail: e.reason,
            };
        }
        Self {
            name: "unknown".to_owned(),
            detail: format!("unknown error {data}"),
        }
    }
}

/// Sorts an error of a contract call into revert, decoding and transport.
pub(crate) fn from_contract(method: &'static str, error: ContractError) -> ChainError {
    if let Some(data) = error.as_revert_data() {
        return ChainError::Reverted {
            action: method.to_owned(),
            revert: Revert::decode(&data),
        };
    }
    match error {
        ContractError::TransportError(source) => from_transport(method, method.to_owned(), source),
        other => ChainError::Decode {
            method,
            detail: other.to_string(),
        },
    }
}

/// Sorts an error of a plain call or gas estimate.
pub(crate) fn from_transport(
    method: &'static str,
    action: String,
    source: RpcError<TransportErrorKind>,
) -> ChainError {
    if let Some(payload) = source.as_error_resp() {
        if let Some(data) = payload.as_revert_data() {
            return ChainError::Reverted {
                action,
                revert: Revert::decode(&data),
            };
        }
        if payload.message.contains("revert") {
            let detail = payload.message.to_string();
            return ChainError::Reverted {
                action,
                revert: Revert {
                    name: "unknown".to_owned(),
                    detail,
                },
            };
        }
    }
    ChainError::Transport { method, source }
}
