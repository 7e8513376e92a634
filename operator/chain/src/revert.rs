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
    drand_seed_source::DrandSeedSource::DrandSeedSourceErrors,
    model_submission::IModelSubmission::IModelSubmissionErrors, plants::IPlants::IPlantsErrors,
    retention_desk::IRetentionDesk::IRetentionDeskErrors,
    seed_source::ISeedSource::ISeedSourceErrors,
    snapshot_evidence::ISnapshotEvidence::ISnapshotEvidenceErrors, spoke::ISpoke::ISpokeErrors,
};

use crate::ChainError;

alloy::sol! {
    /// What the contracts refuse with and their interfaces do not declare: errors of the libraries
    /// in `contracts/src/libraries` and of OpenZeppelin's parts.
    #[derive(Debug)]
    contract Libraries {
        error AccessManagedInvalidAuthority(address authority);
        error AccessManagedRequiredDelay(address caller, uint32 delay);
        error AccessManagedUnauthorized(address caller);
        error AddressEmptyCode(address target);
        error BadItem(uint256 offset);
        error BadMixHash(uint256 length);
        error BadTimestamp(uint256 length);
        error EmptyTable();
        error FailedCall();
        error HashToCurveFailed();
        error InvalidPoint();
        error InvalidPointLength(uint256 length, uint256 expected);
        error NoFunction();
        error NoStakeAt(uint256 position);
        error NotAList(uint256 length);
        error ReentrancyGuardReentrantCall();
        error RowOutOfRange(uint256 index, uint256 count);
        error SafeCastOverflowedUintDowncast(uint8 bits, uint256 value);
        error SafeERC20FailedOperation(address token);
        error TagTooLong(uint256 length);
        error TooFewFields(uint256 fields);
        error TooManyRows(uint256 rows, uint256 cap);
        error TooMuchStake(uint256 total, uint256 cap);
    }
}

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
        if let Ok(e) = IRetentionDeskErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = DrandSeedSourceErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = ISpokeErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = ISnapshotEvidenceErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = IPlantsErrors::abi_decode(data) {
            return named(format!("{e:?}"));
        }
        if let Ok(e) = Libraries::LibrariesErrors::abi_decode(data) {
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use alloy::{
        json_abi::JsonAbi,
        primitives::{U256, keccak256},
        sol_types::SolValue as _,
    };

    use super::*;

    #[test]
    fn errors_have_their_name_and_values() {
        let data = [
            &keccak256("BadItem(uint256)")[..4],
            &U256::from(7).abi_encode(),
        ]
        .concat();
        let revert = Revert::decode(&data.into());
        assert_eq!(revert.name, "BadItem");
        assert_eq!(revert.detail, "BadItem { offset: 7 }");
    }

    #[test]
    fn every_error_in_a_contracts_abi_is_known() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../abi");
        for contract in [
            "AttestationCenter",
            "AvsGovernance",
            "AvsLogic",
            "DrandSeedSource",
            "IRetentionDesk",
            "ModelSubmission",
            "RandaoSeedSource",
            "ISpoke",
            "ISnapshotEvidence",
            "IPlants",
        ] {
            let path = folder.join(contract).with_extension("json");
            let text = fs::read(&path).expect("a committed ABI");
            let abi: JsonAbi = serde_json::from_slice(&text).expect("an ABI");
            assert!(abi.errors().next().is_some(), "{contract} has errors");
            for error in abi.errors() {
                let selector = error.selector().0;
                let known = IModelSubmissionErrors::valid_selector(selector)
                    || IAttestationCenterErrors::valid_selector(selector)
                    || IAvsGovernanceErrors::valid_selector(selector)
                    || ISeedSourceErrors::valid_selector(selector)
                    || IRetentionDeskErrors::valid_selector(selector)
                    || DrandSeedSourceErrors::valid_selector(selector)
                    || ISpokeErrors::valid_selector(selector)
                    || ISnapshotEvidenceErrors::valid_selector(selector)
                    || IPlantsErrors::valid_selector(selector)
                    || Libraries::LibrariesErrors::valid_selector(selector);
                assert!(known, "{contract}: {}", error.signature());
            }
        }
    }
}
