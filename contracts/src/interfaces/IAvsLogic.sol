// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The hook of one kind of task
/// @notice AttestationCenter tells it of certified results; it decodes and judges them. It holds no money.
interface IAvsLogic {
    /// @notice A quorum approved a claim on the task, and the appeal window is over; by AttestationCenter only, once.
    /// @dev A call that reverts undoes the delivery, which anyone can repeat.
    /// @param taskId The task.
    /// @param result The result bytes whose hash the quorum signed.
    function onCertified(uint64 taskId, bytes calldata result) external;
}
