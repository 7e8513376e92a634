// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import { IMarketClock } from "../../src/interfaces/IMarketClock.sol";

/// @dev Test double of the market clock: the block number less the blocks spent paused.
contract MarketClockDouble is IMarketClock {
    bool public paused;
    uint256 private _pausedAt;
    uint256 private _skipped;

    function clock() external view returns (uint64) {
        return SafeCast.toUint64((paused ? _pausedAt : block.number) - _skipped);
    }

    function pause() external {
        paused = true;
        _pausedAt = block.number;
    }

    function unpause() external {
        paused = false;
        _skipped += block.number - _pausedAt;
    }
}
