// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernance, IAvsGovernanceAdmin } from "../interfaces/IAvsGovernance.sol";
import { IMarketClock } from "../interfaces/IMarketClock.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title The market's clock and its pause (specification 1.1)
abstract contract MarketClock is IAvsGovernance, AccessManaged {
    /// @dev One slot: what opening a task and every deadline read.
    /// @param pausedBlocks Blocks spent paused, the present pause not included.
    /// @param pausedAt Block in which the present pause began.
    struct Market {
        uint64 pausedBlocks;
        uint64 pausedAt;
        uint32 currentEpoch;
        bool paused;
        bool rollNeeded;
    }

    Market internal _market;

    /* CLOCK */

    /// @inheritdoc IMarketClock
    function clock() public view returns (uint64) {
        Market memory market = _market;
        uint64 present = market.paused ? market.pausedAt : uint64(block.number);
        return present - market.pausedBlocks;
    }

    /// @inheritdoc IMarketClock
    function paused() external view returns (bool) {
        return _market.paused;
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function pause() external restricted {
        if (_market.paused) revert AlreadyPaused();
        _market.paused = true;
        _market.pausedAt = uint64(block.number);
        emit Paused(clock());
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function unpause() external restricted {
        if (!_market.paused) revert NotPaused();
        _market.paused = false;
        _market.pausedBlocks += uint64(block.number) - _market.pausedAt;
        emit Unpaused(clock());
    }
}
