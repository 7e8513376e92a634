//! EigenLayer's errors by name.

use alloy::sol_types::SolInterface;
use eigen_utils::slashing::core::{
    allocation_manager::AllocationManager::AllocationManagerErrors,
    delegation_manager::DelegationManager::DelegationManagerErrors,
    permission_controller::PermissionController::PermissionControllerErrors,
    strategy_manager::StrategyManager::StrategyManagerErrors,
};

/// The error of EigenLayer's core that revert data holds.
pub(crate) fn error_name(data: &[u8]) -> Option<String> {
    named::<AllocationManagerErrors>(data)
        .or_else(|| named::<DelegationManagerErrors>(data))
        .or_else(|| named::<StrategyManagerErrors>(data))
        .or_else(|| named::<PermissionControllerErrors>(data))
}

/// Debug of a generated enum reads `Variant(Variant { .. })`; the outer name is enough.
fn named<E: SolInterface + std::fmt::Debug>(data: &[u8]) -> Option<String> {
    let text = format!("{:?}", E::abi_decode(data).ok()?);
    text.split('(').next().map(str::to_owned)
}
