// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import { IAttestationCenter } from "../interfaces/IAttestationCenter.sol";
import { IMarketClock } from "../interfaces/IMarketClock.sol";
import { ChampionAdvantage } from "./ChampionAdvantage.sol";
import { Ledger } from "./Ledger.sol";
import { RisingDeposit } from "./RisingDeposit.sol";
import { SubjectHash } from "./SubjectHash.sol";

/// @title Storage of the market and what both of its parts read from it
/// @dev `ModelSubmission` and `RequestDesk` inherit this first and add no storage of their own, so that the code
/// of either can work on the storage of the former.
abstract contract MarketState is Ledger {
    /// @dev An entry of the champion history; the content is the submission's, or the request's baseline.
    struct ChampionRecord {
        uint64 submissionId;
        uint64 since;
        int64 score;
    }

    IAttestationCenter internal immutable _attestationCenter;
    IMarketClock internal immutable _marketClock;

    uint64 internal _requestCount;
    uint64 internal _submissionCount;
    mapping(uint64 requestId => Request) internal _requests;
    mapping(uint64 requestId => Terms) internal _terms;
    /// @dev The logic of a request's kind, which never changes.
    mapping(uint64 requestId => address) internal _logics;
    mapping(uint64 requestId => Content) internal _manifests;
    mapping(uint64 requestId => Content) internal _baselines;
    mapping(uint64 requestId => ChampionRecord[]) internal _champions;
    mapping(uint64 requestId => mapping(uint32 index => uint64 submissionId)) internal _queue;
    /// @dev Digests that were evaluated against a champion.
    mapping(
        uint64 requestId => mapping(uint32 championIndex => mapping(bytes32 digest => bool))
    ) internal _evaluated;

    mapping(uint64 submissionId => Submission) internal _submissions;
    mapping(uint64 taskId => uint64 submissionId) internal _submissionOfTask;
    /// @dev By sender, so that nobody can use up a commitment seen in the mempool.
    mapping(address sender => mapping(bytes32 commitment => bool)) internal _commitmentUsed;

    /// @dev When a request's rejections are forgotten (`RisingDeposit`).
    mapping(uint64 requestId => uint64) internal _rejectionsUntil;
    /// @dev The champion's advantage when a task was opened.
    mapping(uint64 taskId => int64) internal _advantages;
    /// @dev What is held back of rewards.
    mapping(uint64 submissionId => Retention) internal _retentions;

    modifier whenNotPaused() {
        require(!_marketClock.paused(), MarketPaused());
        _;
    }

    constructor(IAttestationCenter attestationCenter_, IMarketClock marketClock_) {
        require(address(attestationCenter_) != address(0), InvalidTerm("attestationCenter"));
        require(address(marketClock_) != address(0), InvalidTerm("marketClock"));
        _attestationCenter = attestationCenter_;
        _marketClock = marketClock_;
    }

    function _existing(uint64 requestId) internal view returns (Request storage request_) {
        request_ = _requests[requestId];
        require(request_.state != RequestState.None, UnknownRequest(requestId));
    }

    function _existingSubmission(uint64 submissionId)
        internal
        view
        returns (Submission storage submission_)
    {
        submission_ = _submissions[submissionId];
        require(submission_.state != SubmissionState.None, UnknownSubmission(submissionId));
    }

    function _requireDue(uint64 deadline) internal view {
        uint64 now_ = _marketClock.clock();
        require(now_ >= deadline, NotDue(deadline, now_));
    }

    function _isTaskOpen(SubmissionState state) internal pure returns (bool) {
        return state == SubmissionState.Fetching || state == SubmissionState.Evaluating;
    }

    function _isFinal(SubmissionState state) internal pure returns (bool) {
        return state >= SubmissionState.Accepted;
    }

    function _depositNow(uint64 requestId) internal view returns (uint96) {
        Terms storage terms_ = _terms[requestId];
        uint32 growthBps = terms_.depositGrowthBps;
        if (growthBps == 0) return terms_.deposit;
        return RisingDeposit.inForce(
            terms_.deposit,
            growthBps,
            terms_.depositDecay,
            _rejectionsUntil[requestId],
            _marketClock.clock()
        );
    }

    /// @dev The baseline has none: nobody was paid for it.
    function _advantageNow(uint64 requestId) internal view returns (int64) {
        Terms storage terms_ = _terms[requestId];
        int64 full = terms_.advantage;
        uint32 index = _requests[requestId].championIndex;
        if (full == 0 || index == 0) return 0;
        uint64 age = _marketClock.clock() - _champions[requestId][index].since;
        return ChampionAdvantage.remaining(full, terms_.advantagePeriod, age);
    }

    function _contentOf(uint64 requestId, uint32 championIndex)
        internal
        view
        returns (Content storage)
    {
        uint64 submissionId = _champions[requestId][championIndex].submissionId;
        return submissionId == 0 ? _baselines[requestId] : _submissions[submissionId].content;
    }

    function _subjectHash(uint64 submissionId, Submission storage submission_)
        internal
        view
        returns (bytes32)
    {
        uint64 requestId = submission_.requestId;
        Content storage champion_ = _contentOf(requestId, submission_.championAtOpen);
        Content storage challenger = submission_.content;
        return SubjectHash.compute(
            requestId,
            submissionId,
            _manifests[requestId].digest,
            champion_.digest,
            keccak256(champion_.cid),
            challenger.digest,
            keccak256(challenger.cid),
            challenger.size
        );
    }
}
