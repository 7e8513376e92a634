// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceAdmin, IAvsGovernanceCore } from "../interfaces/IAvsGovernance.sol";
import { IMarketClock } from "../interfaces/IMarketClock.sol";
import { GovernanceState } from "./GovernanceState.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title The market's clock and its pause (specification 1.1)
abstract contract MarketClock is GovernanceState, IAvsGovernanceCore, AccessManaged {
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
