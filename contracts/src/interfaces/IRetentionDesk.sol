// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenter } from "./IAttestationCenter.sol";
import { IModelSubmission } from "./IModelSubmission.sol";

/// @title What is held back of rewards, until operators have fetched the parameters (specification 4.10)
/// @notice Source and logic of a kind of task. The held-back money itself lies with the market; what lies here is fees
/// that came back. Unless said otherwise anyone may call, and calls work while the market is paused.
interface IRetentionDesk {
    /// @notice How a retention ended, or did not.
    /// @dev `Malformed` is a certified result that says neither; another task can be opened.
    enum Outcome {
        Malformed,
        Kept,
        Missing,
        Lapsed
    }

    error NotAttestationCenter(address caller);
    error ZeroAddress();
    /// @notice Nothing is held back of the submission's reward, or no longer.
    error NothingRetained(uint64 submissionId);
    error TaskOpen(uint64 submissionId, uint64 taskId);
    error NoTaskOpen(uint64 submissionId);
    error UnknownTask(uint64 taskId);
    error NotDue(uint64 from, uint64 clock);
    error WindowOver(uint64 until, uint64 clock);
    error NothingToWithdraw(address account);
    error TransferFailed(address to, uint256 amount);

    event RetentionTaskOpened(
        uint64 indexed submissionId, uint64 indexed taskId, address indexed opener, uint256 fee
    );
    /// @param fee What went back to the opener.
    event RetentionTaskExpired(uint64 indexed submissionId, uint64 indexed taskId, uint256 fee);
    /// @param taskId 0 when it lapsed.
    event RetentionDecided(uint64 indexed submissionId, uint64 indexed taskId, Outcome outcome);
    event Credited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, address to, uint256 amount);

    /// @notice Opens a retention task, whose fee is the value that comes with the call. Emits RetentionTaskOpened.
    /// @dev Reverts with NothingRetained, TaskOpen, NotDue, WindowOver, as `ModelSubmission.submission` does, or as
    /// `AttestationCenter.openTask` does (MarketPaused, FeeTooLow, FeeTooHigh, EpochNotUsable, NotSource).
    function open(uint64 submissionId) external payable returns (uint64 taskId);

    /// @notice Ends a task that nobody could certify; its fee goes back to who opened it. Another can be opened while
    /// the window lasts. Emits RetentionTaskExpired.
    /// @dev Reverts with NoTaskOpen, or as `AttestationCenter.expire` does before the deadline or when the task is
    /// certified.
    function expire(uint64 submissionId) external;

    /// @notice Gives back to the request what nobody earned within the window. Emits RetentionDecided.
    /// @dev Reverts with NothingRetained, NotDue, or TaskOpen: what was opened in time is finished first.
    function lapse(uint64 submissionId) external;

    /// @notice Sends the fees that came back to the caller to `to`. Emits Withdrawn.
    /// @dev Reverts with NothingToWithdraw or TransferFailed.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice The task that is open for a submission; 0 for none.
    function taskOf(uint64 submissionId) external view returns (uint64);

    /// @notice The submission that a task of this source is or was for. Reverts with UnknownTask.
    function submissionOf(uint64 taskId) external view returns (uint64);

    /// @notice Subject of a submission's retention tasks (specification 5.12).
    function subjectHash(uint64 submissionId) external view returns (bytes32);

    /// @notice What an account can withdraw, wei.
    function credit(address account) external view returns (uint256);

    function market() external view returns (IModelSubmission);

    function attestationCenter() external view returns (IAttestationCenter);
}
