// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceAdmin, IAvsGovernanceCore } from "../interfaces/IAvsGovernance.sol";
import { IAllocationManager } from "../interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "../interfaces/eigenlayer/IDelegationManager.sol";
import { GovernanceState } from "./GovernanceState.sol";
import { MarketClock } from "./MarketClock.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Parameters: their bounds, their setters, and the timing that keeps stake slashable (specification 1.5)
abstract contract MarketParameters is MarketClock {
    /// @notice Longest value of any window: so long that no sum of them can overflow.
    uint32 public constant MAX_WINDOW = 10_000_000;

    /// @notice Most operators that `operatorCap` may allow: every set of positions is one word. A roll of any
    /// number fits any block, since it is done in pages.
    uint32 public constant MAX_OPERATORS = 256;

    /// @notice Highest value of `missLimit`.
    uint32 public constant MAX_MISSES = 1_000_000;

    /// @param authority An AccessManager.
    /// @param allocationManager_ EigenLayer's AllocationManager.
    /// @param delegationManager_ EigenLayer's DelegationManager.
    constructor(
        address authority,
        IAllocationManager allocationManager_,
        IDelegationManager delegationManager_,
        Parameters memory initial
    ) GovernanceState(allocationManager_, delegationManager_) AccessManaged(authority) {
        if (
            authority == address(0) || address(allocationManager_) == address(0)
                || address(delegationManager_) == address(0)
        ) revert ZeroAddress();
        _parameters = initial;
        _checkParameters();
        _checkTiming();
        emit ParameterSet("maxSnapshotAge", initial.maxSnapshotAge);
        emit ParameterSet("minEpochAge", initial.minEpochAge);
        emit ParameterSet("maxTaskLife", initial.maxTaskLife);
        emit ParameterSet("maxAppealWindow", initial.maxAppealWindow);
        emit ParameterSet("evidenceWindow", initial.evidenceWindow);
        emit ParameterSet("vetoWindow", initial.vetoWindow);
        emit ParameterSet("operatorCap", initial.operatorCap);
        emit ParameterSet("missLimit", initial.missLimit);
        emit ParameterSet("missDecay", initial.missDecay);
        emit ParameterSet("wadsToSlash", initial.wadsToSlash);
        emit ParameterSet("allowListMode", initial.allowListMode ? 1 : 0);
    }

    /* SETTERS */

    /// @inheritdoc IAvsGovernanceAdmin
    function setMaxSnapshotAge(uint32 blocks) external restricted {
        bool grows = blocks > _parameters.maxSnapshotAge;
        _parameters.maxSnapshotAge = blocks;
        _windowSet("maxSnapshotAge", blocks, grows);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMinEpochAge(uint32 blocks) external restricted {
        _parameters.minEpochAge = blocks;
        _parameterSet("minEpochAge", blocks);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMaxTaskLife(uint32 blocks) external restricted {
        bool grows = blocks > _parameters.maxTaskLife;
        _parameters.maxTaskLife = blocks;
        _windowSet("maxTaskLife", blocks, grows);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMaxAppealWindow(uint32 blocks) external restricted {
        bool grows = blocks > _parameters.maxAppealWindow;
        _parameters.maxAppealWindow = blocks;
        _windowSet("maxAppealWindow", blocks, grows);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setEvidenceWindow(uint32 blocks) external restricted {
        bool grows = blocks > _parameters.evidenceWindow;
        _parameters.evidenceWindow = blocks;
        _windowSet("evidenceWindow", blocks, grows);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setVetoWindow(uint32 blocks) external restricted {
        bool grows = blocks > _parameters.vetoWindow;
        uint32 inForce = _vetoWindowInForce();
        _veto.before = inForce;
        // A shorter one is in force at once.
        _veto.from = blocks > inForce ? _veto.horizonBlock + 1 : 0;
        _parameters.vetoWindow = blocks;
        _windowSet("vetoWindow", blocks, grows);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setOperatorCap(uint32 cap) external restricted {
        _parameters.operatorCap = cap;
        _parameterSet("operatorCap", cap);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMissLimit(uint32 limit) external restricted {
        _parameters.missLimit = limit;
        _parameterSet("missLimit", limit);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMissDecay(uint32 blocks) external restricted {
        _parameters.missDecay = blocks;
        _parameterSet("missDecay", blocks);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setAllowListMode(bool enabled) external restricted {
        _parameters.allowListMode = enabled;
        emit ParameterSet("allowListMode", enabled ? 1 : 0);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setWadsToSlash(uint64 wads) external restricted {
        _parameters.wadsToSlash = wads;
        _parameterSet("wadsToSlash", wads);
    }

    /* GETTERS */

    /// @inheritdoc IAvsGovernanceCore
    function maxSnapshotAge() external view returns (uint32) {
        return _parameters.maxSnapshotAge;
    }

    /// @inheritdoc IAvsGovernanceCore
    function minEpochAge() external view returns (uint32) {
        return _parameters.minEpochAge;
    }

    /// @inheritdoc IAvsGovernanceCore
    function maxTaskLife() external view returns (uint32) {
        return _parameters.maxTaskLife;
    }

    /// @inheritdoc IAvsGovernanceCore
    function maxAppealWindow() external view returns (uint32) {
        return _parameters.maxAppealWindow;
    }

    /// @inheritdoc IAvsGovernanceCore
    function evidenceWindow() external view returns (uint32) {
        return _parameters.evidenceWindow;
    }

    /// @inheritdoc IAvsGovernanceCore
    function vetoWindow() external view returns (uint32) {
        return _parameters.vetoWindow;
    }

    /// @inheritdoc IAvsGovernanceCore
    function vetoWindowInForce() external view returns (uint32) {
        return _vetoWindowInForce();
    }

    /// @inheritdoc IAvsGovernanceCore
    function missLimit() external view returns (uint32) {
        return _parameters.missLimit;
    }

    /// @inheritdoc IAvsGovernanceCore
    function missDecay() external view returns (uint32) {
        return _parameters.missDecay;
    }

    /// @inheritdoc IAvsGovernanceCore
    function operatorCap() external view returns (uint32) {
        return _parameters.operatorCap;
    }

    /// @inheritdoc IAvsGovernanceCore
    function wadsToSlash() external view returns (uint64) {
        return _parameters.wadsToSlash;
    }

    /// @inheritdoc IAvsGovernanceCore
    function allowListMode() external view returns (bool) {
        return _parameters.allowListMode;
    }

    /* TIMING */

    /// @inheritdoc IAvsGovernanceCore
    function slashingHorizon() external view returns (uint64) {
        return _slashingHorizon();
    }

    /// @inheritdoc IAvsGovernanceCore
    function checkTiming() external view {
        _checkTiming();
    }

    /// @dev When a window grows, the stakes of the newest epoch were read for too short a horizon. One that shrinks
    /// is taken even where the inequality does not hold, so that governance can restore it step by step.
    function _windowSet(bytes32 parameter, uint256 value, bool grows) private {
        if (grows) {
            _checkTiming();
            if (_market.currentEpoch != 0) _market.rollNeeded = true;
        }
        _parameterSet(parameter, value);
    }

    function _parameterSet(bytes32 parameter, uint256 value) private {
        _checkParameters();
        emit ParameterSet(parameter, value);
    }

    function _checkParameters() private view {
        Parameters memory p = _parameters;
        _checkBounds("maxSnapshotAge", p.maxSnapshotAge, 1, MAX_WINDOW);
        // Otherwise there would be blocks in which no epoch is usable and none can be rolled.
        _checkBounds("minEpochAge", p.minEpochAge, 0, p.maxSnapshotAge);
        _checkBounds("maxTaskLife", p.maxTaskLife, 1, MAX_WINDOW);
        _checkBounds("maxAppealWindow", p.maxAppealWindow, 0, MAX_WINDOW);
        _checkBounds("evidenceWindow", p.evidenceWindow, 0, MAX_WINDOW);
        _checkBounds("vetoWindow", p.vetoWindow, 0, MAX_WINDOW);
        _checkBounds("operatorCap", p.operatorCap, 1, MAX_OPERATORS);
        _checkBounds("missLimit", p.missLimit, 1, MAX_MISSES);
        _checkBounds("missDecay", p.missDecay, 1, MAX_WINDOW);
        _checkBounds("wadsToSlash", p.wadsToSlash, 1, WAD);
    }

    function _checkBounds(bytes32 parameter, uint256 value, uint256 low, uint256 high)
        private
        pure
    {
        if (value < low || value > high) {
            revert ParameterOutOfBounds(parameter, value, low, high);
        }
    }
}
