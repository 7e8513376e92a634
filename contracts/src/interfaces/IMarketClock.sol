// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The market's clock
/// @notice Counts blocks and stands still while the market is paused (specification 1.1).
interface IMarketClock {
    /// @notice Blocks since genesis less the blocks spent paused. Never decreases.
    function clock() external view returns (uint64);

    /// @notice Whether new requests, commitments and tasks are refused right now (specification 1.2).
    function paused() external view returns (bool);
}
