// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The hook of one kind of task
/// @notice AttestationCenter tells it outcomes; it decodes and judges them. It holds no money.
/// @dev Both functions may be called by AttestationCenter only. A call that reverts is caught
/// there and can be repeated by anyone; so each call must be complete or without effect.
interface IAvsLogic {
    /// @notice A claim on the task was approved by a quorum.
    /// @param taskId The task.
    /// @param result The result bytes whose hash the quorum signed.
    function onCertified(uint64 taskId, bytes calldata result) external;
}
