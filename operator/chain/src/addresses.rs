//! The addresses file: which contracts make up one deployment.

use std::path::Path;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::ChainError;

/// Every contract of one deployment, as written by the deployment and read by all programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// Chain the contracts live on.
    pub chain_id: u64,
    /// First block that can hold an event of these contracts.
    pub deployed_block: u64,
    /// EigenLayer's AllocationManager.
    pub allocation_manager: Address,
    /// EigenLayer's DelegationManager.
    pub delegation_manager: Address,
    /// EigenLayer's StrategyManager.
    pub strategy_manager: Address,
    /// EigenLayer's AVSDirectory.
    pub avs_directory: Address,
    /// EigenLayer's PermissionController.
    pub permission_controller: Address,
    /// EigenLayer's RewardsCoordinator.
    pub rewards_coordinator: Address,
    /// The strategy whose shares operators allocate.
    pub strategy: Address,
    /// The token of that strategy.
    pub stake_token: Address,
    /// OpenZeppelin's AccessManager, which holds the roles.
    pub access_manager: Address,
    /// AvsGovernance: the AVS.
    pub avs_governance: Address,
    /// AttestationCenter.
    pub attestation_center: Address,
    /// ModelSubmission.
    pub model_submission: Address,
    /// AvsLogic of the kind `improve`.
    pub avs_logic: Address,
    /// RandaoSeedSource, or DrandSeedSource.
    pub seed_source: Address,
    /// An ERC-20 for rewards; only on development chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward_token: Option<Address>,
    /// Contracts beside the market, where there are any.
    #[serde(default, skip_serializing_if = "ExtensionAddresses::is_empty")]
    pub extensions: ExtensionAddresses,
}

/// Contracts beside the market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExtensionAddresses {
    /// SnapshotEvidence, which publishes epochs for other chains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_evidence: Option<Address>,
    /// Plants, which keeps claims that are wrong on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plants: Option<Address>,
    /// EigenLayerRewards, which pays rewards through EigenLayer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eigenlayer_rewards: Option<Address>,
    /// OthenticAdapter, which tells a logic of Othentic's form of results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub othentic_adapter: Option<Address>,
}

impl ExtensionAddresses {
    /// Whether there is none of them.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Addresses {
    /// Reads an addresses file.
    ///
    /// # Errors
    /// [`ChainError::AddressesFile`] when it cannot be read or is not of this form.
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let fail = |detail: String| ChainError::AddressesFile {
            path: path.to_owned(),
            detail,
        };
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| fail(e.to_string()))
    }

    /// Writes the file, replacing an older one in one step.
    ///
    /// # Errors
    /// [`ChainError::AddressesFile`] when the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ChainError> {
        let fail = |detail: String| ChainError::AddressesFile {
            path: path.to_owned(),
            detail,
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| fail(e.to_string()))?;
        let part = path.with_extension("part");
        std::fs::write(&part, text + "\n").map_err(|e| fail(e.to_string()))?;
        std::fs::rename(&part, path).map_err(|e| fail(e.to_string()))
    }
}
