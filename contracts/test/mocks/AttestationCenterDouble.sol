// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterTypes
} from "../../src/interfaces/IAttestationCenter.sol";
import { IMarketClock } from "../../src/interfaces/IMarketClock.sol";

/// @dev Test double of AttestationCenter: the life of a task as its source sees it (specification 2.2), where the
/// test says when the seed is fixed and what is certified. No operators, no signatures.
contract AttestationCenterDouble is IAttestationCenterTypes, IAttestationCenterErrors {
    uint64 internal constant REACH = 8191;

    IMarketClock private immutable _clock;
    mapping(uint16 kind => TaskDefinition) private _definitions;
    mapping(uint64 taskId => Task) private _tasks;
    mapping(uint64 taskId => bytes) private _results;
    mapping(address account => uint256) public credit;
    uint64 public taskCount;
    bool public epochUsable = true;

    constructor(IMarketClock clock_) {
        _clock = clock_;
    }

    /* WHAT THE TEST SAYS */

    function registerKind(uint16 kind, TaskDefinition calldata definition_) external {
        _definitions[kind] = definition_;
    }

    function setEpochUsable(bool usable) external {
        epochUsable = usable;
    }

    function fixSeed(uint64 taskId) external {
        Task storage task_ = _tasks[taskId];
        if (task_.state != TaskState.Fetching) revert WrongState(taskId, task_.state);
        task_.state = TaskState.Evaluating;
        task_.seed = keccak256(abi.encode(taskId));
        task_.seedFixedAt = _clock.clock();
        task_.deadline = task_.seedFixedAt + _definitions[task_.kind].taskLife;
    }

    /// @dev Certifies a result, which is delivered later.
    function certify(uint64 taskId, bytes calldata result) external {
        Task storage task_ = _tasks[taskId];
        if (task_.state != TaskState.Evaluating) revert WrongState(taskId, task_.state);
        task_.state = TaskState.Certified;
        task_.certifiedAt = _clock.clock();
        task_.deadline = task_.certifiedAt + _definitions[task_.kind].appealWindow;
        _results[taskId] = result;
    }

    /// @dev Tells the logic, once the appeal window is over, and lets its revert through.
    function deliver(uint64 taskId) external {
        Task storage task_ = _tasks[taskId];
        if (task_.state != TaskState.Certified) revert WrongState(taskId, task_.state);
        if (task_.delivered) revert AlreadyDelivered(taskId);
        uint64 present = _clock.clock();
        if (present < task_.deadline) revert AppealWindowOpen(taskId, task_.deadline, present);
        task_.delivered = true;
        _definitions[task_.kind].logic.onCertified(taskId, _results[taskId]);
    }

    /* WHAT THE SOURCE CALLS */

    function definition(uint16 kind) external view returns (TaskDefinition memory) {
        return _definitions[kind];
    }

    function task(uint64 taskId) external view returns (Task memory) {
        return _tasks[taskId];
    }

    function openTask(uint16 kind, bytes32 subjectHash) external payable returns (uint64 taskId) {
        TaskDefinition storage definition_ = _definitions[kind];
        if (msg.sender != definition_.source) revert NotSource(msg.sender);
        if (_clock.paused()) revert MarketPaused();
        if (!epochUsable) revert EpochNotUsable();
        if (msg.value < definition_.minFee) revert FeeTooLow(msg.value, definition_.minFee);
        taskId = ++taskCount;
        Task storage task_ = _tasks[taskId];
        task_.kind = kind;
        task_.state = TaskState.Fetching;
        task_.seedBlock = uint64(block.number) + definition_.fetchWindow;
        task_.deadline = task_.seedBlock + REACH + 1;
        task_.fee = uint96(msg.value);
        task_.subjectHash = subjectHash;
    }

    function expire(uint64 taskId) external returns (bool isFinal) {
        Task storage task_ = _tasks[taskId];
        if (msg.sender != _definitions[task_.kind].source) revert NotSource(msg.sender);
        if (task_.state == TaskState.Fetching) {
            if (block.number < task_.deadline) {
                revert DeadlineNotPassed(taskId, task_.deadline, uint64(block.number));
            }
            isFinal = true;
        } else if (task_.state == TaskState.Evaluating) {
            uint64 now_ = _clock.clock();
            if (now_ < task_.deadline) revert DeadlineNotPassed(taskId, task_.deadline, now_);
            isFinal = task_.retried;
        } else if (task_.state == TaskState.Expired && !task_.isFinal) {
            isFinal = true;
        } else {
            revert WrongState(taskId, task_.state);
        }
        task_.state = TaskState.Expired;
        task_.deadline = 0;
        if (isFinal) {
            task_.isFinal = true;
            credit[msg.sender] += task_.fee;
        }
    }

    function reopen(uint64 taskId) external {
        Task storage task_ = _tasks[taskId];
        if (msg.sender != _definitions[task_.kind].source) revert NotSource(msg.sender);
        if (task_.state != TaskState.Expired || task_.isFinal) {
            revert WrongState(taskId, task_.state);
        }
        if (!epochUsable) revert EpochNotUsable();
        task_.state = TaskState.Evaluating;
        task_.retried = true;
        task_.deadline = _clock.clock() + _definitions[task_.kind].taskLife;
    }

    function withdraw(address to) external returns (uint256 amount) {
        amount = credit[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        credit[msg.sender] = 0;
        (bool sent,) = to.call{ value: amount }("");
        if (!sent) revert TransferFailed(to, amount);
    }
}
