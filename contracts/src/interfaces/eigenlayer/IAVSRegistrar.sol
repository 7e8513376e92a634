// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What EigenLayer's AllocationManager calls on an AVS's registrar
/// @notice Declared anew from the public ABI. Implementations accept calls from AllocationManager only.
interface IAVSRegistrar {
    /// @notice An operator asks to join. A revert refuses it.
    /// @param data What the operator handed to `registerForOperatorSets`.
    function registerOperator(
        address operator,
        address avs,
        uint32[] calldata operatorSetIds,
        bytes calldata data
    ) external;

    /// @notice An operator left, or was expelled. A revert keeps it a member, so implementations
    /// must not revert.
    function deregisterOperator(address operator, address avs, uint32[] calldata operatorSetIds)
        external;

    /// @notice Whether this registrar serves the AVS.
    function supportsAVS(address avs) external view returns (bool);
}
