// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IStrategy } from "./IStrategy.sol";

interface IDelegationManagerTypes {
    /// @notice An operator's approval of a delegation; empty when the operator needs none.
    /// @param expiry Unix time in seconds after which the signature is refused.
    struct SignatureWithExpiry {
        bytes signature;
        uint256 expiry;
    }

    /// @notice A wish to withdraw shares.
    /// @param deprecatedWithdrawer Ignored by EigenLayer.
    struct QueuedWithdrawalParams {
        IStrategy[] strategies;
        uint256[] depositShares;
        address deprecatedWithdrawer;
    }
}

/// @title The part of EigenLayer's DelegationManager that this project uses
/// @notice Declared anew from the public ABI.
interface IDelegationManager is IDelegationManagerTypes {
    /// @notice Makes the caller an operator, delegated to itself. Cannot be undone.
    /// @param initDelegationApprover Who must sign delegations; zero when anybody may delegate.
    /// @param allocationDelay Blocks between an allocation and its effect.
    /// @param metadataURI Emitted, not stored.
    function registerAsOperator(
        address initDelegationApprover,
        uint32 allocationDelay,
        string calldata metadataURI
    ) external;

    /// @notice Delegates all shares of the caller, now and later, to an operator.
    function delegateTo(
        address operator,
        SignatureWithExpiry calldata approverSignatureAndExpiry,
        bytes32 approverSalt
    ) external;

    /// @notice Queues withdrawals of the caller's shares. They stay slashable until the delay is over.
    function queueWithdrawals(QueuedWithdrawalParams[] calldata params)
        external
        returns (bytes32[] memory withdrawalRoots);

    /// @notice Ends a staker's delegation and queues a withdrawal of all its shares.
    function undelegate(address staker) external returns (bytes32[] memory withdrawalRoots);

    function isOperator(address operator) external view returns (bool);

    /// @notice The operator that a staker delegated to; zero for none.
    function delegatedTo(address staker) external view returns (address operator);

    /// @notice Shares delegated to an operator, in the order of `strategies`.
    function getOperatorShares(address operator, IStrategy[] calldata strategies)
        external
        view
        returns (uint256[] memory);

    /// @notice What a staker could withdraw, slashes taken off, beside what it deposited.
    function getWithdrawableShares(address staker, IStrategy[] calldata strategies)
        external
        view
        returns (uint256[] memory withdrawableShares, uint256[] memory depositShares);

    function minWithdrawalDelayBlocks() external view returns (uint32);
}
