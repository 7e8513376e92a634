// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import { IAttestationCenter, IAttestationCenterTypes } from "../interfaces/IAttestationCenter.sol";
import { IMarketClock } from "../interfaces/IMarketClock.sol";
import { IRequestDesk } from "../interfaces/IModelSubmission.sol";
import { MarketState } from "./MarketState.sol";
import { RequestTerms } from "./RequestTerms.sol";

/// @title Requests, and the views of the market
/// @notice Code that `ModelSubmission` runs on its own storage; this contract's own storage stays empty.
/// @dev Called directly it can do nothing: a kind's source is `ModelSubmission`, so no request is ever created.
contract RequestDesk is MarketState, IRequestDesk {
    constructor(IAttestationCenter attestationCenter_, IMarketClock marketClock_)
        MarketState(attestationCenter_, marketClock_)
    { }

    /// @inheritdoc IRequestDesk
    function createRequest(
        Terms calldata terms_,
        Content calldata manifest_,
        Content calldata baseline,
        uint128 rewardEscrow,
        uint128 feeEscrow,
        uint128 evaluatorBond
    ) external payable nonReentrant whenNotPaused returns (uint64 requestId) {
        IAttestationCenterTypes.TaskDefinition memory definition =
            _attestationCenter.definition(terms_.kind);
        require(definition.source == address(this), InvalidTerm("kind"));
        RequestTerms.check(terms_, definition.minFee);
        if (terms_.retention.bps != 0) {
            RequestTerms.checkRetention(
                terms_, _attestationCenter.definition(terms_.retention.kind)
            );
        }
        RequestTerms.checkFunds(terms_, rewardEscrow, feeEscrow, evaluatorBond);
        RequestTerms.checkContents(terms_, manifest_, baseline);

        requestId = ++_requestCount;
        Request storage request_ = _requests[requestId];
        request_.owner = msg.sender;
        request_.state = RequestState.Open;
        _terms[requestId] = terms_;
        _logics[requestId] = address(definition.logic);
        _manifests[requestId] = manifest_;
        _baselines[requestId] = baseline;
        _champions[requestId].push(
            ChampionRecord({ submissionId: 0, since: _marketClock.clock(), score: 0 })
        );
        emit RequestCreated(requestId, msg.sender, terms_, manifest_, baseline);
        _fund(request_, terms_.rewardToken, rewardEscrow, feeEscrow, evaluatorBond);
    }

    /// @inheritdoc IRequestDesk
    function topUp(uint64 requestId, uint128 reward, uint128 fee, uint128 bond)
        external
        payable
        nonReentrant
    {
        Request storage request_ = _existing(requestId);
        require(request_.state != RequestState.Closed, WrongRequestState(requestId, request_.state));
        emit RequestToppedUp(requestId, reward, fee, bond);
        _fund(request_, _terms[requestId].rewardToken, reward, fee, bond);
    }

    /// @inheritdoc IRequestDesk
    function close(uint64 requestId) external nonReentrant {
        Request storage request_ = _existing(requestId);
        require(msg.sender == request_.owner, NotOwner(msg.sender));
        require(request_.state == RequestState.Open, WrongRequestState(requestId, request_.state));
        uint64 closesAt = _marketClock.clock() + _terms[requestId].closeNotice;
        request_.state = RequestState.Closing;
        request_.closesAt = closesAt;
        emit RequestClosing(requestId, closesAt);
    }

    /// @inheritdoc IRequestDesk
    function reclaim(uint64 requestId) external nonReentrant {
        Request storage request_ = _existing(requestId);
        require(
            request_.state == RequestState.Closing, WrongRequestState(requestId, request_.state)
        );
        _requireDue(request_.closesAt);
        require(request_.pending == 0, StillPending(requestId, request_.pending));

        uint256 reward = request_.rewardEscrow;
        uint256 native = uint256(request_.feeEscrow) + request_.evaluatorBond;
        request_.state = RequestState.Closed;
        request_.rewardEscrow = 0;
        request_.feeEscrow = 0;
        request_.evaluatorBond = 0;
        emit RequestReclaimed(requestId, reward, native);
        _credit(request_.owner, _terms[requestId].rewardToken, reward);
        _credit(request_.owner, NATIVE, native);
    }

    /* VIEWS */

    /// @inheritdoc IRequestDesk
    function request(uint64 requestId) external view returns (Request memory) {
        return _existing(requestId);
    }

    /// @inheritdoc IRequestDesk
    function terms(uint64 requestId) external view returns (Terms memory) {
        _existing(requestId);
        return _terms[requestId];
    }

    /// @inheritdoc IRequestDesk
    function manifest(uint64 requestId) external view returns (Content memory) {
        _existing(requestId);
        return _manifests[requestId];
    }

    /// @inheritdoc IRequestDesk
    function requestCount() external view returns (uint64) {
        return _requestCount;
    }

    /// @inheritdoc IRequestDesk
    function submission(uint64 submissionId) external view returns (Submission memory submission_) {
        submission_ = _existingSubmission(submissionId);
        if (_isTaskOpen(submission_.state)) {
            // Seeds are fixed and claims certified without telling this contract.
            IAttestationCenterTypes.Task memory task = _attestationCenter.task(submission_.taskId);
            if (task.state == IAttestationCenterTypes.TaskState.Certified) {
                submission_.state = SubmissionState.Certified;
            } else if (task.state != IAttestationCenterTypes.TaskState.Fetching) {
                submission_.state = SubmissionState.Evaluating;
            }
            if (submission_.deadline == 0) submission_.deadline = task.deadline;
        }
    }

    /// @inheritdoc IRequestDesk
    function queueAt(uint64 requestId, uint32 index) external view returns (uint64) {
        _existing(requestId);
        return _queue[requestId][index];
    }

    /// @inheritdoc IRequestDesk
    function champion(uint64 requestId) external view returns (Champion memory) {
        return _championAt(requestId, _existing(requestId).championIndex);
    }

    /// @inheritdoc IRequestDesk
    function championAt(uint64 requestId, uint32 index) external view returns (Champion memory) {
        _existing(requestId);
        require(index < _champions[requestId].length, UnknownChampion(requestId, index));
        return _championAt(requestId, index);
    }

    /// @inheritdoc IRequestDesk
    function championCount(uint64 requestId) external view returns (uint32) {
        return _existing(requestId).championIndex + 1;
    }

    /// @inheritdoc IRequestDesk
    function depositOf(uint64 requestId) external view returns (uint96) {
        _existing(requestId);
        return _depositNow(requestId);
    }

    /// @inheritdoc IRequestDesk
    function minImprovementOf(uint64 requestId) external view returns (int64) {
        _existing(requestId);
        return _terms[requestId].minImprovement + _advantageNow(requestId);
    }

    /// @inheritdoc IRequestDesk
    function retention(uint64 submissionId) external view returns (Retention memory) {
        _existingSubmission(submissionId);
        return _retentions[submissionId];
    }

    /// @inheritdoc IRequestDesk
    function subjectHash(uint64 submissionId) external view returns (bytes32) {
        Submission storage submission_ = _existingSubmission(submissionId);
        require(submission_.taskId != 0, WrongSubmissionState(submissionId, submission_.state));
        return _subjectHash(submissionId, submission_);
    }

    function _championAt(uint64 requestId, uint32 index) private view returns (Champion memory) {
        ChampionRecord storage record = _champions[requestId][index];
        return Champion({
            content: _contentOf(requestId, index),
            submissionId: record.submissionId,
            since: record.since,
            score: record.score
        });
    }

    /// @dev Books and takes what comes into a request.
    function _fund(
        Request storage request_,
        address rewardToken,
        uint128 reward,
        uint128 fee,
        uint128 bond
    ) private {
        bool nativeReward = rewardToken == NATIVE;
        uint256 expected = uint256(fee) + bond + (nativeReward ? reward : 0);
        require(msg.value == expected, WrongValue(msg.value, expected));
        request_.rewardEscrow += reward;
        request_.feeEscrow += fee;
        request_.evaluatorBond += bond;
        _takeNative(expected);
        if (!nativeReward) _pull(rewardToken, reward);
    }
}
