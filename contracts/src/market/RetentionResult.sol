// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IRetentionDesk } from "../interfaces/IRetentionDesk.sol";

/// @title The result of a retention task, version 1 (specification 5.12)
/// @dev `abi.encode(uint16 version, uint8 status, bytes32 proof)`. Read word by word, as `abi.decode` reverts on what it
/// does not like and a delivery that reverts can never be made.
library RetentionResult {
    uint256 internal constant LENGTH = 3 * 32;
    uint256 private constant VERSION = 1;
    uint256 private constant KEPT = 1;
    uint256 private constant MISSING = 2;

    /// @notice What a result says; Malformed unless it is the canonical encoding of one. Never reverts.
    function decode(bytes calldata result) internal pure returns (IRetentionDesk.Outcome) {
        if (result.length != LENGTH) return IRetentionDesk.Outcome.Malformed;
        uint256 version = uint256(bytes32(result[0:32]));
        uint256 status = uint256(bytes32(result[32:64]));
        bool proved = bytes32(result[64:96]) != 0;
        if (version != VERSION) return IRetentionDesk.Outcome.Malformed;
        if (status == KEPT && proved) return IRetentionDesk.Outcome.Kept;
        if (status == MISSING && !proved) return IRetentionDesk.Outcome.Missing;
        return IRetentionDesk.Outcome.Malformed;
    }
}
