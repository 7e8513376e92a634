// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {
    IModelSubmissionErrors,
    IModelSubmissionEvents,
    IModelSubmissionTypes
} from "../interfaces/IModelSubmission.sol";

/// @title Money of the market: what is owed, to whom, and how it leaves
/// @dev `liabilities` changes only where money enters or leaves. Escrows, bonds, deposits and credits are
/// parts of it between which the market moves amounts, so the sum of the parts is `liabilities` at all times.
/// Nobody is paid on the way: amounts are credited and pulled, and a burn that failed would be a credit
/// of the burn address, which nobody can pull.
abstract contract Ledger is
    IModelSubmissionTypes,
    IModelSubmissionErrors,
    IModelSubmissionEvents,
    ReentrancyGuardTransient
{
    using SafeERC20 for IERC20;

    /// @dev Stands for the native token.
    address internal constant NATIVE = address(0);
    address internal constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant BURN_GAS = 30_000;

    mapping(address account => mapping(address token => uint256)) internal _credits;
    mapping(address token => uint256) internal _liabilities;

    /// @dev Pays out all that an account may withdraw in a token.
    function _withdraw(address account, address token, address to)
        internal
        returns (uint256 amount)
    {
        amount = _credits[account][token];
        require(amount != 0, NothingToWithdraw(account, token));
        _credits[account][token] = 0;
        _liabilities[token] -= amount;
        emit Withdrawn(account, token, to, amount);

        if (token == NATIVE) {
            bool sent;
            if (to != address(0)) (sent,) = to.call{ value: amount }("");
            require(sent, TransferFailed(token, to, amount));
        } else {
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransfer(to, amount);
            _requireMoved(before, IERC20(token).balanceOf(address(this)), amount);
        }
    }

    /// @dev Native value that came with this call is owed from now on.
    function _takeNative(uint256 amount) internal {
        _liabilities[NATIVE] += amount;
    }

    /// @dev Native value that left to AttestationCenter is owed no more.
    function _releaseNative(uint256 amount) internal {
        _liabilities[NATIVE] -= amount;
    }

    /// @dev Pulls an ERC-20 amount from the caller. It must arrive in full, and no more than it.
    function _pull(address token, uint256 amount) internal {
        if (amount == 0) return;
        _liabilities[token] += amount;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _requireMoved(IERC20(token).balanceOf(address(this)), before, amount);
    }

    /// @dev Makes an amount that is already owed the account's to withdraw.
    function _credit(address account, address token, uint256 amount) internal {
        if (amount == 0) return;
        _credits[account][token] += amount;
        emit Credited(account, token, amount);
    }

    /// @dev Destroys an amount that was owed. Cannot block the caller: on a chain where the address has code, that
    /// gets little gas, and what it refuses stays here as a credit that nobody can withdraw.
    function _burn(uint256 amount) internal {
        if (amount == 0) return;
        (bool sent,) = BURN_ADDRESS.call{ value: amount, gas: BURN_GAS }("");
        if (sent) _liabilities[NATIVE] -= amount;
        else _credits[BURN_ADDRESS][NATIVE] += amount;
    }

    /// @dev Balances come from a token that may lie, so their difference is not assumed to be positive.
    function _requireMoved(uint256 larger, uint256 smaller, uint256 amount) private pure {
        uint256 moved = larger > smaller ? larger - smaller : 0;
        require(moved == amount, TokenMovedWrongAmount(moved, amount));
    }
}
