// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernance, IAvsGovernanceTypes } from "../interfaces/IAvsGovernance.sol";
import {
    IRewardsCoordinator,
    IRewardsCoordinatorTypes
} from "../interfaces/eigenlayer/IRewardsCoordinator.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice The native token as an ERC-20.
interface IWrappedNative is IERC20 {
    /// @notice Makes as many tokens for the caller as it sends.
    function deposit() external payable;
}

/// @title Pays operators through EigenLayer's RewardsCoordinator
/// @notice By anyone: an operator that has withdrawn its fees and shares them with those who delegated to it, or
/// somebody who pays for many. What is sent is wrapped and goes to RewardsCoordinator in the name of the AVS, in the
/// same call. Token, strategies and text are fixed, so that nobody announces anything else in the AVS's name. It holds
/// no money between calls.
/// @dev RewardsCoordinator takes directed rewards from the AVS alone. So AvsGovernance submits them, for the one
/// contract that governance has named (`setRewardsPayer`).
contract EigenLayerRewards is IRewardsCoordinatorTypes {
    using SafeERC20 for IWrappedNative;

    error ZeroAddress();
    error NoRewards();
    error ZeroReward(address operator);
    error OperatorsNotAscending(address operator, address before);
    error ValueTooLow(address operator, uint256 amount, uint256 left);
    error ValueLeft(uint256 left);
    /// @notice Start and duration must be multiples of the interval, and the duration not 0.
    error NotOnInterval(uint32 start, uint32 duration, uint32 interval);
    error PeriodNotOver(uint256 end, uint256 present);

    event RewardsPaid(
        address indexed payer, uint32 start, uint32 duration, OperatorReward[] rewards
    );

    /// @notice The text that is announced with every payment.
    string public constant DESCRIPTION = "Zarathustra: operators' fees";

    IAvsGovernance public immutable governance;
    IRewardsCoordinator public immutable coordinator;
    /// @notice What is paid in: the wrapped native token.
    IWrappedNative public immutable token;

    constructor(
        IAvsGovernance governance_,
        IRewardsCoordinator coordinator_,
        IWrappedNative token_
    ) {
        if (
            address(governance_) == address(0) || address(coordinator_) == address(0)
                || address(token_) == address(0)
        ) revert ZeroAddress();
        governance = governance_;
        coordinator = coordinator_;
        token = token_;
    }

    /// @notice Pays operators for a period that is over, with exactly what is sent. RewardsCoordinator refuses what
    /// is too long or too long ago.
    /// @param start,duration Unix seconds; see `newestPeriod`.
    /// @param rewards Ascending by operator, in wei.
    function pay(uint32 start, uint32 duration, OperatorReward[] calldata rewards)
        external
        payable
    {
        _checkPeriod(start, duration);
        _checkRewards(rewards);

        OperatorDirectedRewardsSubmission[] memory submissions =
            new OperatorDirectedRewardsSubmission[](1);
        submissions[0] = OperatorDirectedRewardsSubmission({
            strategiesAndMultipliers: _strategies(),
            token: address(token),
            operatorRewards: rewards,
            startTimestamp: start,
            duration: duration,
            description: DESCRIPTION
        });
        emit RewardsPaid(msg.sender, start, duration, rewards);
        token.deposit{ value: msg.value }();
        token.safeTransfer(address(governance), msg.value);
        governance.submitRewards(coordinator, token, msg.value, submissions);
    }

    /// @notice The last whole interval that is over, for which `pay` works now.
    function newestPeriod() external view returns (uint32 start, uint32 duration) {
        duration = coordinator.CALCULATION_INTERVAL_SECONDS();
        uint256 end = (block.timestamp - 1) / duration * duration;
        // forge-lint: disable-next-line(unsafe-typecast) RewardsCoordinator's own width
        start = uint32(end) - duration;
    }

    function _checkPeriod(uint32 start, uint32 duration) private view {
        uint32 interval = coordinator.CALCULATION_INTERVAL_SECONDS();
        if (duration == 0 || duration % interval != 0 || start % interval != 0) {
            revert NotOnInterval(start, duration, interval);
        }
        uint256 end = uint256(start) + duration;
        // forge-lint: disable-next-line(block-timestamp) periods are of a day
        if (end >= block.timestamp) revert PeriodNotOver(end, block.timestamp);
    }

    function _checkRewards(OperatorReward[] calldata rewards) private view {
        if (rewards.length == 0) revert NoRewards();
        uint256 left = msg.value;
        address last;
        for (uint256 i; i < rewards.length; ++i) {
            OperatorReward calldata reward = rewards[i];
            if (reward.operator <= last) revert OperatorsNotAscending(reward.operator, last);
            if (reward.amount == 0) revert ZeroReward(reward.operator);
            if (reward.amount > left) revert ValueTooLow(reward.operator, reward.amount, left);
            left -= reward.amount;
            last = reward.operator;
        }
        if (left != 0) revert ValueLeft(left);
    }

    /// @dev Those by which stake is counted here.
    function _strategies() private view returns (StrategyAndMultiplier[] memory list) {
        IAvsGovernanceTypes.StrategyWeight[] memory weights = governance.strategyWeights();
        list = new StrategyAndMultiplier[](weights.length);
        for (uint256 i; i < weights.length; ++i) {
            list[i] = StrategyAndMultiplier(weights[i].strategy, weights[i].multiplier);
        }
    }
}
