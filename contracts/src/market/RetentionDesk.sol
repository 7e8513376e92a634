// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { IAttestationCenter } from "../interfaces/IAttestationCenter.sol";
import { IAvsLogic } from "../interfaces/IAvsLogic.sol";
import { IMarketClock } from "../interfaces/IMarketClock.sol";
import { IModelSubmission, IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";
import { IRetentionDesk } from "../interfaces/IRetentionDesk.sol";
import { RetentionResult } from "./RetentionResult.sol";

/// @title Retention tasks (specification 4.10)
/// @notice Opens them, hears of their results, and tells the market where the held-back part of a reward goes.
/// @dev AttestationCenter, the market and its clock are trusted code; openers are not.
contract RetentionDesk is IRetentionDesk, IAvsLogic, ReentrancyGuardTransient {
    struct Check {
        uint64 submissionId;
        address opener;
    }

    bytes32 private constant SUBJECT_TYPEHASH = keccak256(
        "ZarathustraRetain(address market,uint64 requestId,uint64 submissionId,bytes32 digest,bytes32 cidHash,uint64 size)"
    );

    IAttestationCenter public immutable attestationCenter;
    IModelSubmission public immutable market;
    IMarketClock private immutable _clock;

    /// @inheritdoc IRetentionDesk
    mapping(uint64 submissionId => uint64 taskId) public taskOf;
    /// @inheritdoc IRetentionDesk
    mapping(address account => uint256) public credit;
    mapping(uint64 taskId => Check) private _checks;

    constructor(IAttestationCenter attestationCenter_, IModelSubmission market_) {
        require(
            address(attestationCenter_) != address(0) && address(market_) != address(0),
            ZeroAddress()
        );
        attestationCenter = attestationCenter_;
        market = market_;
        _clock = market_.marketClock();
    }

    /// @dev Takes back the fee of a task that expired for good.
    receive() external payable {
        require(msg.sender == address(attestationCenter), NotAttestationCenter(msg.sender));
    }

    /// @inheritdoc IRetentionDesk
    function open(uint64 submissionId) external payable nonReentrant returns (uint64 taskId) {
        IModelSubmissionTypes.Retention memory retention = _retention(submissionId);
        _requireNoTask(submissionId);
        uint64 now_ = _clock.clock();
        require(now_ >= retention.from, NotDue(retention.from, now_));
        uint64 until = retention.from + retention.window;
        require(now_ < until, WindowOver(until, now_));

        taskId = attestationCenter.openTask{ value: msg.value }(
            retention.kind, subjectHash(submissionId)
        );
        taskOf[submissionId] = taskId;
        _checks[taskId] = Check({ submissionId: submissionId, opener: msg.sender });
        emit RetentionTaskOpened(submissionId, taskId, msg.sender, msg.value);
    }

    /// @inheritdoc IAvsLogic
    /// @dev No content of `result` makes this revert.
    function onCertified(uint64 taskId, bytes calldata result) external nonReentrant {
        require(msg.sender == address(attestationCenter), NotAttestationCenter(msg.sender));
        uint64 submissionId = submissionOf(taskId);
        Outcome outcome = RetentionResult.decode(result);
        taskOf[submissionId] = 0;
        emit RetentionDecided(submissionId, taskId, outcome);
        if (outcome != Outcome.Malformed) {
            market.endRetention(submissionId, outcome == Outcome.Kept);
        }
    }

    /// @inheritdoc IRetentionDesk
    /// @dev What AttestationCenter gave back is measured, so that no more is credited than came.
    function expire(uint64 submissionId) external nonReentrant {
        uint64 taskId = taskOf[submissionId];
        require(taskId != 0, NoTaskOpen(submissionId));
        taskOf[submissionId] = 0;
        // The second try with the same seed is given up: content that comes back is for a new task, at a fee.
        if (!attestationCenter.expire(taskId)) attestationCenter.expire(taskId);
        uint256 before = address(this).balance;
        if (attestationCenter.credit(address(this)) != 0) {
            attestationCenter.withdraw(address(this));
        }
        uint256 fee = address(this).balance - before;
        address opener = _checks[taskId].opener;
        credit[opener] += fee;
        emit RetentionTaskExpired(submissionId, taskId, fee);
        emit Credited(opener, fee);
    }

    /// @inheritdoc IRetentionDesk
    function lapse(uint64 submissionId) external nonReentrant {
        IModelSubmissionTypes.Retention memory retention = _retention(submissionId);
        _requireNoTask(submissionId);
        uint64 until = retention.from + retention.window;
        uint64 now_ = _clock.clock();
        require(now_ >= until, NotDue(until, now_));
        emit RetentionDecided(submissionId, 0, Outcome.Lapsed);
        market.endRetention(submissionId, false);
    }

    /// @inheritdoc IRetentionDesk
    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        amount = credit[msg.sender];
        require(amount != 0, NothingToWithdraw(msg.sender));
        credit[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        bool sent;
        if (to != address(0)) (sent,) = to.call{ value: amount }("");
        require(sent, TransferFailed(to, amount));
    }

    /// @inheritdoc IRetentionDesk
    function submissionOf(uint64 taskId) public view returns (uint64 submissionId) {
        submissionId = _checks[taskId].submissionId;
        require(submissionId != 0, UnknownTask(taskId));
    }

    /// @inheritdoc IRetentionDesk
    function subjectHash(uint64 submissionId) public view returns (bytes32) {
        IModelSubmissionTypes.Submission memory submission = market.submission(submissionId);
        return keccak256(
            abi.encode(
                SUBJECT_TYPEHASH,
                address(market),
                submission.requestId,
                submissionId,
                submission.content.digest,
                keccak256(submission.content.cid),
                submission.content.size
            )
        );
    }

    function _retention(uint64 submissionId)
        private
        view
        returns (IModelSubmissionTypes.Retention memory retention)
    {
        retention = market.retention(submissionId);
        require(retention.amount != 0, NothingRetained(submissionId));
    }

    function _requireNoTask(uint64 submissionId) private view {
        uint64 taskId = taskOf[submissionId];
        require(taskId == 0, TaskOpen(submissionId, taskId));
    }
}
