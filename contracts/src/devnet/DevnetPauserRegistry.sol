// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IPauserRegistry } from "../interfaces/eigenlayer/IPauserRegistry.sol";

/// @title A pauser registry of our own, for local chains
/// @notice Not EigenLayer's contract: a minimal one against its public interface, in which one fixed
/// account pauses and unpauses.
contract DevnetPauserRegistry is IPauserRegistry {
    /// @inheritdoc IPauserRegistry
    address public immutable unpauser;

    error ZeroAddress();

    constructor(address guardian) {
        require(guardian != address(0), ZeroAddress());
        unpauser = guardian;
    }

    /// @inheritdoc IPauserRegistry
    function isPauser(address account) external view returns (bool) {
        return account == unpauser;
    }
}
