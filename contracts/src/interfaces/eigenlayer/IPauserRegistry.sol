// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Who may pause EigenLayer's contracts
/// @notice Declared anew from the public ABI.
interface IPauserRegistry {
    /// @notice Whether an account may set pause bits.
    function isPauser(address account) external view returns (bool);

    /// @notice The only account that may clear pause bits.
    function unpauser() external view returns (address);
}
