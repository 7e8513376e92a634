// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IRewardsCoordinatorTypes {
    /// @notice A strategy and the weight of a share of it, in 1e18ths.
    struct StrategyAndMultiplier {
        address strategy;
        uint96 multiplier;
    }

    struct OperatorReward {
        address operator;
        uint256 amount;
    }

    /// @notice Rewards of operators, and of those who delegated to them, for a period that is over.
    /// @param strategiesAndMultipliers Ascending by strategy: what a staker's part is measured by.
    /// @param token ERC-20 in which it is paid.
    /// @param operatorRewards Ascending by operator.
    /// @param startTimestamp,duration Unix seconds, multiples of `CALCULATION_INTERVAL_SECONDS`.
    /// @param description Emitted, not stored.
    struct OperatorDirectedRewardsSubmission {
        StrategyAndMultiplier[] strategiesAndMultipliers;
        address token;
        OperatorReward[] operatorRewards;
        uint32 startTimestamp;
        uint32 duration;
        string description;
    }
}

/// @title The part of EigenLayer's RewardsCoordinator that this project uses
/// @notice Declared anew from the public ABI of the release with directed rewards. Later ones have the same function,
/// and a form of it for operator sets, which is not used.
interface IRewardsCoordinator is IRewardsCoordinatorTypes {
    /// @notice Takes the tokens from the caller and announces them; by the AVS.
    function createOperatorDirectedAVSRewardsSubmission(
        address avs,
        OperatorDirectedRewardsSubmission[] calldata submissions
    ) external;

    /// @notice Seconds of which starts and durations are multiples.
    function CALCULATION_INTERVAL_SECONDS() external view returns (uint32);
}
