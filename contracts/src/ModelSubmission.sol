// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import { IAttestationCenter, IAttestationCenterTypes } from "./interfaces/IAttestationCenter.sol";
import { IMarketClock } from "./interfaces/IMarketClock.sol";
import { ISubmissionDesk } from "./interfaces/IModelSubmission.sol";
import { MarketState } from "./market/MarketState.sol";
import { RequestDesk } from "./market/RequestDesk.sol";
import { RequestTerms } from "./market/RequestTerms.sol";
import { RisingDeposit } from "./market/RisingDeposit.sol";

/// @title Requests, submissions, escrow, deposits, payouts and champions (specification 4)
/// @dev AttestationCenter and the market clock are trusted code; owners, optimizers, tokens and payees are not.
/// Every function that changes state is guarded against reentry.
contract ModelSubmission is MarketState, ISubmissionDesk {
    bytes32 private constant COMMIT_DOMAIN = keccak256("Zarathustra.Commit.v1");
    uint256 private constant BPS = 10_000;

    /// @inheritdoc ISubmissionDesk
    /// @dev Passing over a submission costs about 50,000 gas.
    uint32 public constant MAX_STEPS = 32;

    /// @dev Holds the code of `IRequestDesk`, which does not fit into one contract with the rest.
    address private immutable _requestDesk;

    constructor(IAttestationCenter attestationCenter_, IMarketClock marketClock_)
        MarketState(attestationCenter_, marketClock_)
    {
        _requestDesk = address(new RequestDesk(attestationCenter_, marketClock_));
    }

    /// @dev Runs the functions of `IRequestDesk` on the storage of this contract. Their code can never change.
    fallback() external payable {
        address desk = _requestDesk;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), desk, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if done { return(free, returndatasize()) }
            revert(free, returndatasize())
        }
    }

    /// @dev Takes back the fee of a task that expired for good.
    receive() external payable {
        require(msg.sender == address(_attestationCenter), NotAttestationCenter(msg.sender));
    }

    /* SUBMISSIONS */

    /// @inheritdoc ISubmissionDesk
    function commit(uint64 requestId, bytes32 commitment)
        external
        payable
        nonReentrant
        whenNotPaused
        returns (uint64 submissionId)
    {
        Request storage request_ = _existing(requestId);
        Terms storage terms_ = _terms[requestId];
        uint64 now_ = _marketClock.clock();
        require(
            request_.state == RequestState.Open
                || (request_.state == RequestState.Closing && now_ < request_.closesAt),
            WrongRequestState(requestId, request_.state)
        );
        require(request_.pending < terms_.queueCap, QueueFull(requestId, terms_.queueCap));
        uint96 deposit = _depositNow(requestId);
        require(msg.value >= deposit, WrongValue(msg.value, deposit));
        require(!_commitmentUsed[msg.sender][commitment], CommitmentUsed(commitment));

        _commitmentUsed[msg.sender][commitment] = true;
        submissionId = ++_submissionCount;
        uint64 deadline = now_ + terms_.revealWindow;
        Submission storage submission_ = _submissions[submissionId];
        submission_.requestId = requestId;
        submission_.state = SubmissionState.Committed;
        submission_.optimizer = msg.sender;
        submission_.deposit = deposit;
        submission_.committedAt = now_;
        submission_.deadline = deadline;
        submission_.championAtCommit = request_.championIndex;
        submission_.commitment = commitment;
        _queue[requestId][request_.queueLength++] = submissionId;
        ++request_.pending;
        _takeNative(msg.value);
        emit Committed(submissionId, requestId, msg.sender, commitment, deadline);
        _credit(msg.sender, NATIVE, msg.value - deposit);
    }

    /// @inheritdoc ISubmissionDesk
    function reveal(uint64 submissionId, Content calldata content, address payout, bytes32 salt)
        external
        nonReentrant
    {
        Submission storage submission_ = _inState(submissionId, SubmissionState.Committed);
        require(msg.sender == submission_.optimizer, NotOptimizer(msg.sender));
        uint64 requestId = submission_.requestId;
        bytes32 computed = commitmentOf(msg.sender, requestId, content, payout, salt);
        bytes32 commitment = submission_.commitment;
        require(computed == commitment, WrongOpening(computed, commitment));
        RequestTerms.checkCid(content.cid);
        uint64 cap = _terms[requestId].maxParameterBytes;
        require(content.size != 0 && content.size <= cap, ParametersTooLarge(content.size, cap));

        if (_endIfSpent(submissionId, submission_)) return;
        uint64 now_ = _marketClock.clock();
        if (now_ >= submission_.deadline) {
            _forfeit(submissionId, submission_);
            return;
        }
        address payee = payout == address(0) ? msg.sender : payout;
        submission_.state = SubmissionState.Queued;
        submission_.payout = payee;
        submission_.deadline = now_ + _terms[requestId].queueWindow;
        submission_.content = content;
        emit Revealed(submissionId, requestId, content, payee);
    }

    /// @inheritdoc ISubmissionDesk
    function forfeit(uint64 submissionId) external nonReentrant {
        Submission storage submission_ = _inState(submissionId, SubmissionState.Committed);
        _requireDue(submission_.deadline);
        if (!_endIfSpent(submissionId, submission_)) _forfeit(submissionId, submission_);
    }

    /// @inheritdoc ISubmissionDesk
    function release(uint64 submissionId) external nonReentrant {
        Submission storage submission_ = _inState(submissionId, SubmissionState.Queued);
        _requireDue(submission_.deadline);
        _release(submissionId, submission_, Reason.QueueTimeout, submission_.deposit);
    }

    /// @inheritdoc ISubmissionDesk
    function open(uint64 requestId)
        external
        nonReentrant
        whenNotPaused
        returns (uint64 submissionId)
    {
        Request storage request_ = _existing(requestId);
        require(request_.active == 0, TaskOpen(requestId, request_.active));
        uint64 now_ = _marketClock.clock();
        for (uint256 step = 0; step < MAX_STEPS; ++step) {
            uint32 head = request_.head;
            if (head == request_.queueLength) {
                require(step != 0, NothingToOpen(requestId));
                return 0;
            }
            submissionId = _queue[requestId][head];
            Submission storage submission_ = _submissions[submissionId];
            if (_isFinal(submission_.state)) {
                request_.head = head + 1;
            } else if (_endIfSpent(submissionId, submission_)) {
                continue;
            } else if (submission_.state == SubmissionState.Committed) {
                if (now_ < submission_.deadline) {
                    require(step != 0, HeadNotRevealed(submissionId, submission_.deadline));
                    return 0;
                }
                _forfeit(submissionId, submission_);
            } else if (_isDuplicate(requestId, request_.championIndex, submission_.content.digest))
            {
                _release(submissionId, submission_, Reason.Duplicate, submission_.deposit);
            } else {
                _openTask(submissionId, submission_, request_);
                return submissionId;
            }
        }
        return 0;
    }

    /// @inheritdoc ISubmissionDesk
    function settle(uint64 taskId, SubmissionState verdict, Reason reason, int64 score)
        external
        nonReentrant
    {
        uint64 submissionId = _submissionOfTask[taskId];
        require(submissionId != 0, UnknownTask(taskId));
        Submission storage submission_ = _submissions[submissionId];
        uint64 requestId = submission_.requestId;
        require(msg.sender == _logics[requestId], NotLogic(msg.sender));
        _requireTaskOpen(submissionId, submission_);
        require(
            verdict >= SubmissionState.Accepted && verdict <= SubmissionState.Unavailable,
            InvalidVerdict(verdict)
        );
        // Nobody is slashed over a champion that was unknown at the commitment.
        if (
            verdict == SubmissionState.Worse
                && submission_.championAtOpen != submission_.championAtCommit
        ) {
            verdict = SubmissionState.NotBetter;
            reason = Reason.WorseThanLaterChampion;
        }
        _settle(submissionId, submission_, verdict, reason, score);
    }

    /// @inheritdoc ISubmissionDesk
    function expire(uint64 submissionId) external nonReentrant {
        Submission storage submission_ = _submissions[submissionId];
        _requireTaskOpen(submissionId, submission_);
        uint64 taskId = submission_.taskId;
        uint64 retryUntil = submission_.deadline;

        if (retryUntil == 0) {
            if (_attestationCenter.expire(taskId)) {
                _refund(submissionId, submission_);
                return;
            }
            submission_.state = SubmissionState.Evaluating;
            if (_reopen(submissionId, taskId)) return;
            retryUntil = _marketClock.clock() + _terms[submission_.requestId].queueWindow;
            submission_.deadline = retryUntil;
            emit RetryWaiting(submissionId, taskId, retryUntil);
        } else if (_reopen(submissionId, taskId)) {
            submission_.deadline = 0;
        } else {
            _requireDue(retryUntil);
            _attestationCenter.expire(taskId);
            _refund(submissionId, submission_);
        }
    }

    /// @inheritdoc ISubmissionDesk
    /// @dev Who may call follows from the kind, whose definition never changes.
    function endRetention(uint64 submissionId, bool paid) external nonReentrant {
        Submission storage submission_ = _existingSubmission(submissionId);
        Retention memory retention_ = _retentions[submissionId];
        require(retention_.amount != 0, NothingRetained(submissionId));
        require(
            msg.sender == _attestationCenter.definition(retention_.kind).source,
            NotRetentionDesk(msg.sender)
        );
        uint64 requestId = submission_.requestId;
        Request storage request_ = _requests[requestId];
        delete _retentions[submissionId];
        emit RetentionEnded(submissionId, requestId, paid, retention_.amount);
        if (paid) {
            _credit(submission_.payout, _terms[requestId].rewardToken, retention_.amount);
        } else if (request_.state == RequestState.Closed) {
            _credit(request_.owner, _terms[requestId].rewardToken, retention_.amount);
        } else {
            request_.rewardEscrow += retention_.amount;
        }
    }

    /// @inheritdoc ISubmissionDesk
    function withdraw(address token, address to) external nonReentrant returns (uint256 amount) {
        return _withdraw(msg.sender, token, to);
    }

    /* VIEWS */

    /// @inheritdoc ISubmissionDesk
    function attestationCenter() external view returns (IAttestationCenter) {
        return _attestationCenter;
    }

    /// @inheritdoc ISubmissionDesk
    function marketClock() external view returns (IMarketClock) {
        return _marketClock;
    }

    /// @inheritdoc ISubmissionDesk
    function submissionCount() external view returns (uint64) {
        return _submissionCount;
    }

    /// @inheritdoc ISubmissionDesk
    function credit(address account, address token) external view returns (uint256) {
        return _credits[account][token];
    }

    /// @inheritdoc ISubmissionDesk
    function liabilities(address token) external view returns (uint256) {
        return _liabilities[token];
    }

    /// @inheritdoc ISubmissionDesk
    function submissionOfTask(uint64 taskId) external view returns (uint64) {
        return _submissionOfTask[taskId];
    }

    /// @inheritdoc ISubmissionDesk
    function thresholds(uint64 taskId)
        external
        view
        returns (int64 minImprovement, int64 tolerance, int64 slashMargin, uint32 minSamples)
    {
        uint64 submissionId = _submissionOfTask[taskId];
        require(submissionId != 0, UnknownTask(taskId));
        Terms storage terms_ = _terms[_submissions[submissionId].requestId];
        minImprovement = terms_.minImprovement;
        if (terms_.advantage != 0) minImprovement += _advantages[taskId];
        return (minImprovement, terms_.tolerance, terms_.slashMargin, terms_.minSamples);
    }

    /// @inheritdoc ISubmissionDesk
    function commitmentOf(
        address sender,
        uint64 requestId,
        Content calldata content,
        address payout,
        bytes32 salt
    ) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                COMMIT_DOMAIN,
                block.chainid,
                address(this),
                sender,
                requestId,
                content.digest,
                keccak256(content.cid),
                content.size,
                payout,
                salt
            )
        );
    }

    /* WAYS INTO AND OUT OF A TASK */

    function _openTask(
        uint64 submissionId,
        Submission storage submission_,
        Request storage request_
    ) private {
        uint64 requestId = submission_.requestId;
        Terms storage terms_ = _terms[requestId];
        uint96 fee = terms_.evaluationFee;
        request_.active = submissionId;
        submission_.state = SubmissionState.Fetching;
        submission_.championAtOpen = request_.championIndex;
        submission_.deposit -= fee;
        submission_.deadline = 0;
        _releaseNative(fee);

        uint64 taskId = _attestationCenter.openTask{ value: fee }(
            terms_.kind, _subjectHash(submissionId, submission_)
        );
        submission_.taskId = taskId;
        _submissionOfTask[taskId] = submissionId;
        int64 advantage = _advantageNow(requestId);
        if (advantage != 0) _advantages[taskId] = advantage;
        emit TaskAssigned(submissionId, requestId, taskId, request_.championIndex);
    }

    /// @dev Fails while the newest epoch is not usable.
    function _reopen(uint64 submissionId, uint64 taskId) private returns (bool) {
        try _attestationCenter.reopen(taskId) {
            emit Retried(submissionId, taskId);
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Ends a submission whose task expired for good. What AttestationCenter gave back is measured, so that
    /// no more is credited than came.
    function _refund(uint64 submissionId, Submission storage submission_) private {
        uint256 before = address(this).balance;
        if (_attestationCenter.credit(address(this)) != 0) {
            _attestationCenter.withdraw(address(this));
        }
        uint256 fee = address(this).balance - before;
        _takeNative(fee);
        bool hadSeed = _attestationCenter.task(submission_.taskId).seed != bytes32(0);
        Reason reason = hadSeed ? Reason.NoQuorum : Reason.SeedNotFixed;
        _release(submissionId, submission_, reason, submission_.deposit + fee);
    }

    /* ENDS */

    /// @dev Specification 4.6.
    function _settle(
        uint64 submissionId,
        Submission storage submission_,
        SubmissionState verdict,
        Reason reason,
        int64 score
    ) private {
        uint64 requestId = submission_.requestId;
        Request storage request_ = _requests[requestId];
        Terms storage terms_ = _terms[requestId];
        uint256 held = submission_.deposit;
        uint96 fee = terms_.evaluationFee;
        uint256 reward;
        uint256 compensation;
        uint256 returned;

        if (verdict == SubmissionState.Accepted) {
            reward = terms_.reward - _retain(submissionId, requestId, terms_);
            returned = held + fee;
            request_.rewardEscrow -= terms_.reward;
            request_.feeEscrow -= fee;
            _crown(requestId, request_, submissionId, score);
        } else if (verdict == SubmissionState.NotBetter) {
            returned = held;
            // Not the optimizer's fault; the operators' fee is gone, so the escrow for fees bears it.
            if (reason == Reason.MalformedResult) {
                returned += fee;
                request_.feeEscrow -= fee;
            }
        } else if (verdict == SubmissionState.Unavailable) {
            returned = held + fee - terms_.unavailablePenalty;
        } else if (verdict == SubmissionState.EvaluatorFault) {
            compensation = terms_.compensation;
            returned = held + fee;
            request_.evaluatorBond -= uint128(fee) + terms_.compensation;
        }
        if (_isEvaluation(reason)) {
            _evaluated[requestId][submission_.championAtOpen][submission_.content.digest] = true;
        }
        // What is held and not returned is burned; where more returns, escrow or bond paid the difference.
        uint256 burned = returned < held ? held - returned : 0;
        _finish(submissionId, submission_, verdict, reason);
        emit Settled(submissionId, requestId, verdict, reason, reward, returned, burned);
        _credit(submission_.payout, terms_.rewardToken, reward);
        _credit(submission_.payout, NATIVE, compensation);
        _credit(submission_.optimizer, NATIVE, returned);
        _burn(burned);
    }

    /// @dev Holds back the part of a win's reward that the terms ask for (specification 4.10). It stays owed.
    function _retain(uint64 submissionId, uint64 requestId, Terms storage terms_)
        private
        returns (uint256 amount)
    {
        if (terms_.retention.bps == 0) return 0;
        // A share of the reward, which has 128 bits.
        amount = uint256(terms_.reward) * terms_.retention.bps / BPS;
        if (amount == 0) return 0;
        uint64 from = _marketClock.clock() + terms_.retention.time;
        uint32 window = terms_.retention.window;
        _retentions[submissionId] = Retention({
            // forge-lint: disable-next-line(unsafe-typecast) not above the reward
            amount: uint128(amount),
            from: from,
            window: window,
            kind: terms_.retention.kind
        });
        emit Retained(submissionId, requestId, amount, from, from + window);
    }

    /// @dev Releases a submission when the request could not pay for its outcome.
    function _endIfSpent(uint64 submissionId, Submission storage submission_)
        private
        returns (bool)
    {
        uint64 requestId = submission_.requestId;
        Request storage request_ = _requests[requestId];
        Terms storage terms_ = _terms[requestId];
        uint256 fee = terms_.evaluationFee;
        if (request_.rewardEscrow < terms_.reward || request_.feeEscrow < fee) {
            _release(submissionId, submission_, Reason.EscrowSpent, submission_.deposit);
        } else if (request_.evaluatorBond < fee + terms_.compensation) {
            _release(submissionId, submission_, Reason.EvaluatorBondSpent, submission_.deposit);
        } else {
            return false;
        }
        return true;
    }

    /// @dev Ends a submission without a verdict and with its deposit returned.
    function _release(
        uint64 submissionId,
        Submission storage submission_,
        Reason reason,
        uint256 returned
    ) private {
        uint64 requestId = submission_.requestId;
        _finish(submissionId, submission_, SubmissionState.Released, reason);
        emit Settled(submissionId, requestId, SubmissionState.Released, reason, 0, returned, 0);
        _credit(submission_.optimizer, NATIVE, returned);
    }

    /// @dev Ends a commitment that was not revealed in time.
    function _forfeit(uint64 submissionId, Submission storage submission_) private {
        uint64 requestId = submission_.requestId;
        Terms storage terms_ = _terms[requestId];
        uint256 deposit = submission_.deposit;
        // A raised deposit raises the price of a place in the queue; not above the deposit, as the fee is not
        // above the base.
        uint256 burned = deposit * terms_.evaluationFee / terms_.deposit;
        uint256 returned = deposit - burned;
        _finish(submissionId, submission_, SubmissionState.Forfeited, Reason.RevealMissed);
        emit Settled(
            submissionId,
            requestId,
            SubmissionState.Forfeited,
            Reason.RevealMissed,
            0,
            returned,
            burned
        );
        _credit(submission_.optimizer, NATIVE, returned);
        _burn(burned);
    }

    /// @dev The only way into a final state. What was held of the deposit is the caller's to hand out.
    function _finish(
        uint64 submissionId,
        Submission storage submission_,
        SubmissionState state,
        Reason reason
    ) private {
        uint64 requestId = submission_.requestId;
        Request storage request_ = _requests[requestId];
        submission_.state = state;
        submission_.reason = reason;
        submission_.deadline = 0;
        submission_.deposit = 0;
        if (_isRejection(submission_, state, reason)) _countRejection(requestId);
        --request_.pending;
        if (request_.active == submissionId) request_.active = 0;

        uint32 head = request_.head;
        uint32 last = request_.queueLength;
        for (
            uint256 step = 0;
            step < MAX_STEPS && head < last
                && _isFinal(_submissions[_queue[requestId][head]].state);
            ++step
        ) {
            ++head;
        }
        request_.head = head;
    }

    /// @dev Raises the deposit of commitments to come (specification 4.8).
    function _countRejection(uint64 requestId) private {
        Terms storage terms_ = _terms[requestId];
        uint32 growthBps = terms_.depositGrowthBps;
        if (growthBps == 0) return;
        _rejectionsUntil[requestId] = RisingDeposit.poured(
            growthBps, terms_.depositDecay, _rejectionsUntil[requestId], _marketClock.clock()
        );
    }

    /// @dev Moves the champion pointer.
    function _crown(uint64 requestId, Request storage request_, uint64 submissionId, int64 score)
        private
    {
        uint32 index = uint32(_champions[requestId].length);
        _champions[requestId].push(
            ChampionRecord({
                submissionId: submissionId, since: _marketClock.clock(), score: score
            })
        );
        request_.championIndex = index;
        emit ChampionChanged(
            requestId, index, submissionId, _submissions[submissionId].content.cid, score
        );
    }

    /* READING */

    function _inState(uint64 submissionId, SubmissionState state)
        private
        view
        returns (Submission storage submission_)
    {
        submission_ = _existingSubmission(submissionId);
        require(submission_.state == state, WrongSubmissionState(submissionId, submission_.state));
    }

    function _requireTaskOpen(uint64 submissionId, Submission storage submission_) private view {
        SubmissionState state = submission_.state;
        require(state != SubmissionState.None, UnknownSubmission(submissionId));
        require(_isTaskOpen(state), WrongSubmissionState(submissionId, state));
    }

    /// @dev Whether an outcome says something about the parameters as such. Not so when their bytes could not be
    /// had, were others, or the result was none: then the digest may come again.
    function _isEvaluation(Reason reason) private pure returns (bool) {
        return reason != Reason.DigestMismatch && reason != Reason.Unavailable
            && reason != Reason.MalformedResult;
    }

    /// @dev Whether a place in the queue was spent on nothing, and by the optimizer's own doing: not by the evaluator, the
    /// operators or an empty escrow, nor by losing against a champion that was unknown at the commitment.
    function _isRejection(Submission storage submission_, SubmissionState state, Reason reason)
        private
        view
        returns (bool)
    {
        if (state == SubmissionState.NotBetter) {
            return reason != Reason.MalformedResult
                && submission_.championAtOpen == submission_.championAtCommit;
        }
        return state == SubmissionState.Worse || state == SubmissionState.Invalid
            || state == SubmissionState.Unavailable || state == SubmissionState.Forfeited
            || reason == Reason.Duplicate;
    }

    function _isDuplicate(uint64 requestId, uint32 championIndex, bytes32 digest)
        private
        view
        returns (bool)
    {
        return _evaluated[requestId][championIndex][digest]
            || _contentOf(requestId, championIndex).digest == digest;
    }
}
