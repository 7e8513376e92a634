// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IStrategy } from "../interfaces/eigenlayer/IStrategy.sol";
import { IStrategyManager } from "../interfaces/eigenlayer/IStrategyManager.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title A strategy of our own, for local chains
/// @notice Not EigenLayer's contract: a minimal one against its public interface. One share is one
/// unit of the token, always: nothing accrues, tokens sent here directly belong to nobody, and tokens
/// that take a fee on transfer or change balances by themselves do not fit.
contract DevnetStrategy is IStrategy {
    using SafeERC20 for IERC20;

    /// @notice The only caller that may deposit and withdraw.
    IStrategyManager public immutable strategyManager;

    /// @inheritdoc IStrategy
    IERC20 public immutable underlyingToken;

    /// @inheritdoc IStrategy
    uint256 public totalShares;

    /// @notice The tokens of a deposit did not arrive in full.
    error TokensMissing();

    modifier onlyStrategyManager() {
        require(msg.sender == address(strategyManager), OnlyStrategyManager());
        _;
    }

    constructor(IStrategyManager strategyManager_, IERC20Metadata token) {
        strategyManager = strategyManager_;
        underlyingToken = token;
        emit StrategyTokenSet(token, token.decimals());
    }

    /* DEPOSITS AND WITHDRAWALS */

    /// @inheritdoc IStrategy
    /// @dev Counts what is here rather than what the caller says, so that shares never exceed tokens.
    function deposit(IERC20 token, uint256 amount)
        external
        onlyStrategyManager
        returns (uint256 newShares)
    {
        require(address(token) == address(underlyingToken), OnlyUnderlyingToken());
        require(amount != 0, NewSharesZero());
        uint256 total = totalShares + amount;
        require(token.balanceOf(address(this)) >= total, TokensMissing());
        totalShares = total;
        return amount;
    }

    /// @inheritdoc IStrategy
    function withdraw(address recipient, IERC20 token, uint256 amountShares)
        external
        onlyStrategyManager
    {
        require(address(token) == address(underlyingToken), OnlyUnderlyingToken());
        uint256 total = totalShares;
        require(amountShares <= total, WithdrawalAmountExceedsTotalDeposits());
        totalShares = total - amountShares;
        token.safeTransfer(recipient, amountShares);
    }

    /* CONVERSION */

    /// @inheritdoc IStrategy
    function sharesToUnderlying(uint256 amountShares) external pure returns (uint256) {
        return amountShares;
    }

    /// @inheritdoc IStrategy
    function underlyingToShares(uint256 amountUnderlying) external pure returns (uint256) {
        return amountUnderlying;
    }

    /// @inheritdoc IStrategy
    function userUnderlying(address user) external view returns (uint256) {
        return shares(user);
    }

    /// @inheritdoc IStrategy
    function sharesToUnderlyingView(uint256 amountShares) external pure returns (uint256) {
        return amountShares;
    }

    /// @inheritdoc IStrategy
    function underlyingToSharesView(uint256 amountUnderlying) external pure returns (uint256) {
        return amountUnderlying;
    }

    /// @inheritdoc IStrategy
    function userUnderlyingView(address user) external view returns (uint256) {
        return shares(user);
    }

    /* VIEWS */

    /// @inheritdoc IStrategy
    function shares(address user) public view returns (uint256) {
        return strategyManager.stakerDepositShares(user, IStrategy(address(this)));
    }

    /// @inheritdoc IStrategy
    function explanation() external pure returns (string memory) {
        return "One share is one unit of the token. For local chains only.";
    }

    /// @inheritdoc IStrategy
    function version() external pure returns (string memory) {
        return "1.0.0";
    }
}
