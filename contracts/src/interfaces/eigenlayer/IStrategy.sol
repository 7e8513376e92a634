// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface IStrategyErrors {
    error OnlyStrategyManager();
    error OnlyUnderlyingToken();
    error NewSharesZero();
    error WithdrawalAmountExceedsTotalDeposits();
}

interface IStrategyEvents {
    /// @notice The strategy's token, once, at deployment.
    event StrategyTokenSet(IERC20 token, uint8 decimals);
}

/// @title A strategy of EigenLayer: one token, and shares in what is deposited of it
/// @notice Declared anew from the public ABI. Shares are accounted per staker by StrategyManager.
interface IStrategy is IStrategyErrors, IStrategyEvents {
    /// @notice Credits tokens that StrategyManager moved here just before. By StrategyManager only.
    /// @return newShares Shares that the tokens are worth.
    function deposit(IERC20 token, uint256 amount) external returns (uint256 newShares);

    /// @notice Pays out shares in the underlying token. By StrategyManager only.
    function withdraw(address recipient, IERC20 token, uint256 amountShares) external;

    /// @notice Tokens that shares are worth; may change state in strategies that accrue.
    function sharesToUnderlying(uint256 amountShares) external returns (uint256);

    /// @notice Shares that tokens are worth; may change state in strategies that accrue.
    function underlyingToShares(uint256 amountUnderlying) external returns (uint256);

    /// @notice Tokens that a staker's shares are worth; may change state in strategies that accrue.
    function userUnderlying(address user) external returns (uint256);

    function sharesToUnderlyingView(uint256 amountShares) external view returns (uint256);

    function underlyingToSharesView(uint256 amountUnderlying) external view returns (uint256);

    function userUnderlyingView(address user) external view returns (uint256);

    /// @notice Deposit shares of a staker, before any slash.
    function shares(address user) external view returns (uint256);

    function underlyingToken() external view returns (IERC20);

    /// @notice All shares that exist.
    function totalShares() external view returns (uint256);

    /// @notice What the strategy does, for people.
    function explanation() external view returns (string memory);

    function version() external view returns (string memory);
}
