// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IStrategy } from "./IStrategy.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The part of EigenLayer's StrategyManager that this project uses
/// @notice Declared anew from the public ABI.
interface IStrategyManager {
    /// @notice Moves tokens of the caller, who approved them, into a whitelisted strategy.
    /// @return depositShares Shares that the caller gained.
    function depositIntoStrategy(IStrategy strategy, IERC20 token, uint256 amount)
        external
        returns (uint256 depositShares);

    /// @notice Allows deposits into strategies. By the strategy whitelister only.
    function addStrategiesToDepositWhitelist(IStrategy[] calldata strategies) external;

    /// @notice Sends shares that were slashed to the burn address. By anyone.
    function burnShares(IStrategy strategy) external;

    function strategyIsWhitelistedForDeposit(IStrategy strategy) external view returns (bool);

    /// @notice Deposit shares of a staker, before any slash.
    function stakerDepositShares(address staker, IStrategy strategy)
        external
        view
        returns (uint256 shares);

    /// @notice Shares that were slashed and not yet burned.
    function getBurnableShares(IStrategy strategy) external view returns (uint256);
}
