// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterTypes } from "../../src/interfaces/IAttestationCenter.sol";
import { RefusingPayee } from "../mocks/Payees.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev What people do with a market, one action a function. An action looks for something that it may be done to
/// and does nothing where there is none; a call that is due and reverts is a failure. `acted` counts what was done.
contract MarketHandler is MarketTest {
    /// @dev What the optimizer of a submission remembers.
    struct Secret {
        string name;
        address payout;
        bytes32 salt;
    }

    uint256 internal constant MAX_OPEN_REQUESTS = 3;
    uint256 internal constant CONTENTS = 8;

    mapping(bytes32 action => uint256) public acted;
    /// @dev Ether that was forced into the market and belongs to nobody.
    uint256 public forced;
    /// @dev Native value that went in and out by the front door.
    uint256 public nativeIn;
    uint256 public nativeOut;
    uint256 public tokenIn;
    uint256 public tokenOut;
    /// @dev What owners got back.
    uint256 public reclaims;
    uint256 public earlyReclaims;

    address[] internal _accounts;
    address[] internal _optimizers;
    mapping(uint64 submissionId => Secret) internal _secrets;
    /// @dev Submissions that had not ended when last looked at.
    uint64[] internal _live;
    uint256 internal _nonce;
    uint256 internal _toldBurned;

    constructor() {
        setUp();
        address carol = makeAddr("carol");
        RefusingPayee refusing = new RefusingPayee();
        _optimizers = [alice, bob, carol];
        _accounts = [alice, bob, carol, owner, payout, address(refusing), BURN];
        vm.deal(owner, type(uint128).max);
        for (uint256 i = 0; i < _optimizers.length; ++i) {
            vm.deal(_optimizers[i], type(uint128).max);
        }
        token.mint(owner, type(uint128).max);
    }

    function accounts() external view returns (address[] memory) {
        return _accounts;
    }

    function parts() external view returns (address, address, address) {
        return (address(market), address(center), address(token));
    }

    /* OWNERS */

    function createRequest(uint256 seed) public {
        uint256 open_;
        for (uint64 id = 1; id <= market.requestCount(); ++id) {
            if (market.request(id).state == RequestState.Open) ++open_;
        }
        if (open_ >= MAX_OPEN_REQUESTS || clock.paused()) return;
        Terms memory terms = seed % 2 == 0 ? _terms() : _tokenTerms(address(token));
        terms.queueCap = 6;
        if (seed / 256 % 2 == 0) {
            (terms.depositGrowthBps, terms.depositDecay) = (20_000, 150);
            (terms.advantage, terms.advantagePeriod) = (500, 300);
        }
        if (seed / 512 % 4 != 0) terms = _retaining(terms);
        uint128 wins = uint128(bound(seed / 2, 1, 2));
        uint128 faults = uint128(bound(seed / 16, 1, 2));
        uint64 id_ = _create(terms, wins * REWARD, wins * FEE, faults * (FEE + COMPENSATION));
        _bookIn(terms, wins * REWARD, wins * FEE, faults * (FEE + COMPENSATION));
        vm.assertEq(id_, market.requestCount());
        _did("createRequest");
    }

    function topUp(uint256 seed) public {
        uint64 id = _findRequest(seed, RequestState.Open);
        if (id == 0 || seed % 4 != 0) return;
        Terms memory terms = market.terms(id);
        uint256 value = _fund(terms, REWARD, FEE, COMPENSATION);
        vm.prank(owner);
        market.topUp{ value: value }(id, REWARD, FEE, COMPENSATION);
        _bookIn(terms, REWARD, FEE, COMPENSATION);
        _did("topUp");
    }

    function close(uint256 seed) public {
        uint64 id = _findRequest(seed, RequestState.Open);
        if (id == 0 || seed % 3 != 0) return;
        vm.prank(owner);
        market.close(id);
        _did("close");
    }

    function reclaim(uint256 seed) public {
        uint64 id = _findRequest(seed, RequestState.Closing);
        if (id == 0 || market.request(id).pending != 0) return;
        if (!_mineTo(market.request(id).closesAt)) return;
        market.reclaim(id);
        ++reclaims;
        _did("reclaim");
    }

    /// @dev The owner runs with the money: never while anything is pending or the notice runs.
    function reclaimEarly(uint256 seed) public {
        RequestState state = seed % 2 == 0 ? RequestState.Open : RequestState.Closing;
        uint64 id = _findRequest(seed, state);
        if (id == 0) return;
        Request memory request = market.request(id);
        if (
            state == RequestState.Closing && request.pending == 0
                && clock.clock() >= request.closesAt
        ) return;
        vm.prank(owner);
        try market.reclaim(id) {
            ++earlyReclaims;
        } catch {
            _did("reclaimEarly");
        }
    }

    /* OPTIMIZERS */

    function commit(uint256 seed) public {
        if (clock.paused()) return;
        uint64 id = _findRequest(seed, RequestState.Open);
        if (id == 0) return;
        Terms memory terms = market.terms(id);
        if (market.request(id).pending == terms.queueCap) return;
        Secret memory secret = Secret({
            name: string(abi.encodePacked("parameters ", seed % CONTENTS)),
            payout: _accounts[seed % 7 == 3 ? 5 : 4],
            salt: bytes32(++_nonce)
        });
        address optimizer = _optimizers[seed % _optimizers.length];
        bytes32 commitment =
            market.commitmentOf(optimizer, id, _content(secret.name), secret.payout, secret.salt);
        uint256 spare = seed % 3;
        uint256 deposit = market.depositOf(id);
        vm.prank(optimizer);
        uint64 submissionId = market.commit{ value: deposit + spare }(id, commitment);
        vm.assertEq(market.submission(submissionId).deposit, deposit, "deposit taken");
        _secrets[submissionId] = secret;
        _live.push(submissionId);
        nativeIn += deposit + spare;
        if (deposit > terms.deposit) _did("commit at a raised deposit");
        else _did("commit");
    }

    /// @dev In time or late, with the request in whatever state: it never reverts.
    function reveal(uint256 seed) public {
        uint64 id = _findSubmission(seed, SubmissionState.Committed);
        if (id == 0) return;
        Submission memory submission = market.submission(id);
        bool late = clock.clock() >= submission.deadline;
        Secret memory secret = _secrets[id];
        vm.prank(submission.optimizer);
        market.reveal(id, _content(secret.name), secret.payout, secret.salt);
        _bookBurns();
        SubmissionState state = market.submission(id).state;
        if (state == SubmissionState.Released) _did("reveal in vain");
        else if (late) _did("reveal late");
        else _did("reveal");
    }

    /* ANYONE */

    function forfeit(uint256 seed) public {
        uint64 id = _findSubmission(seed, SubmissionState.Committed);
        if (id == 0 || !_mineTo(market.submission(id).deadline)) return;
        market.forfeit(id);
        _bookBurns();
        _did("forfeit");
    }

    function release(uint256 seed) public {
        uint64 id = _findSubmission(seed, SubmissionState.Queued);
        if (id == 0 || clock.clock() < market.submission(id).deadline) return;
        market.release(id);
        _did("release");
    }

    function open(uint256 seed) public {
        if (clock.paused() || !center.epochUsable()) return;
        uint64 count = market.requestCount();
        for (uint64 i = 0; i < count; ++i) {
            uint64 id = uint64((seed % count + i) % count) + 1;
            if (!_canOpen(id)) continue;
            uint256 held = address(center).balance;
            int64 asked = market.minImprovementOf(id);
            uint64 opened = market.open(id);
            nativeOut += address(center).balance - held;
            _bookBurns();
            if (opened != 0) {
                (int64 told,,,) = market.thresholds(market.submission(opened).taskId);
                vm.assertEq(told, asked, "least improvement");
                if (asked > MIN_IMPROVEMENT) _did("open against a fresh champion");
            }
            if (opened == 0) _did("open nothing");
            else _did("open");
            return;
        }
    }

    function settle(uint256 seed) public {
        uint64 id = _findSubmission(seed, SubmissionState.Certified);
        if (id == 0 || !_mineTo(market.submission(id).deadline)) return;
        center.deliver(market.submission(id).taskId);
        _bookBurns();
        _did(_settled(market.submission(id).state));
    }

    function expire(uint256 seed) public {
        SubmissionState state =
            seed % 4 == 0 ? SubmissionState.Fetching : SubmissionState.Evaluating;
        uint64 id = _findSubmission(seed, state);
        if (id == 0) return;
        Submission memory submission = market.submission(id);
        IAttestationCenterTypes.Task memory task = center.task(submission.taskId);
        if (task.state == IAttestationCenterTypes.TaskState.Certified) return;
        if (state == SubmissionState.Fetching) {
            if (block.number < submission.deadline) mine(submission.deadline - block.number);
        } else {
            bool waits = task.state == IAttestationCenterTypes.TaskState.Expired;
            bool due = waits && center.epochUsable() ? true : _mineTo(submission.deadline);
            if (!due) return;
        }
        uint256 held = address(center).balance;
        market.expire(id);
        nativeIn += held - address(center).balance;
        if (market.submission(id).state == SubmissionState.Released) {
            _did("expire for good");
        } else if (
            center.task(submission.taskId).state == IAttestationCenterTypes.TaskState.Expired
        ) {
            _did("expire and wait");
        } else {
            _did("expire and retry");
        }
    }

    /* WHAT IS HELD BACK */

    function openRetention(uint256 seed) public {
        if (clock.paused() || !center.epochUsable()) return;
        uint64 id = _findRetention(seed, false);
        if (id == 0) return;
        Retention memory retention = market.retention(id);
        if (clock.clock() >= retention.from + retention.window) return;
        if (!_mineTo(retention.from)) return;
        address opener = _optimizers[seed % _optimizers.length];
        vm.prank(opener);
        desk.open{ value: MIN_FEE + seed % 3 }(id);
        if (market.request(market.submission(id).requestId).state == RequestState.Closed) {
            _did("openRetention, request closed");
        } else {
            _did("openRetention");
        }
    }

    /// @dev To the end of the task, in one of the ways that a task can end.
    function endRetentionTask(uint256 seed) public {
        uint64 id = _findRetention(seed, true);
        if (id == 0) return;
        uint64 taskId = desk.taskOf(id);
        if (center.task(taskId).state == IAttestationCenterTypes.TaskState.Fetching) {
            center.fixSeed(taskId);
        }
        uint256 way = seed / 8 % 4;
        if (way == 3) {
            if (!_mineTo(center.task(taskId).deadline)) return;
            desk.expire(id);
            vm.assertEq(desk.taskOf(id), 0);
            _did("retention expired");
            return;
        }
        if (clock.paused()) return;
        center.certify(taskId, way == 0 ? _kept() : way == 1 ? _missing() : bytes(hex"bad0"));
        mine(APPEAL_WINDOW);
        center.deliver(taskId);
        vm.assertEq(market.retention(id).amount == 0, way != 2, "ended");
        bytes32 end = "unsaid";
        if (way == 0) end = "kept";
        else if (way == 1) end = "missing";
        _did(end);
    }

    function lapseRetention(uint256 seed) public {
        uint64 id = _findRetention(seed, false);
        if (id == 0 || seed % 4 != 0) return;
        Retention memory retention = market.retention(id);
        if (!_mineTo(retention.from + retention.window)) return;
        desk.lapse(id);
        _did("lapseRetention");
    }

    function withdrawRetentionFee(uint256 seed) public {
        for (uint256 i = 0; i < _optimizers.length; ++i) {
            address account = _optimizers[(seed % 3 + i) % _optimizers.length];
            if (desk.credit(account) == 0) continue;
            vm.prank(account);
            desk.withdraw(account);
            _did("withdrawRetentionFee");
            return;
        }
    }

    /// @dev What the desk owes.
    function deskCredits() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _optimizers.length; ++i) {
            sum += desk.credit(_optimizers[i]);
        }
    }

    function deskAddress() external view returns (address) {
        return address(desk);
    }

    /* MONEY OUT */

    function withdraw(uint256 seed) public {
        address asset = seed % 2 == 0 ? NATIVE : address(token);
        for (uint256 i = 0; i < _accounts.length; ++i) {
            address account = _accounts[(seed / 2 + i) % _accounts.length];
            uint256 amount = market.credit(account, asset);
            if (amount == 0 || account == BURN) continue;
            vm.prank(account);
            if (account.code.length != 0 && asset == NATIVE) {
                // The payee that refuses has its credit sent elsewhere.
                market.withdraw(asset, makeAddr("elsewhere"));
            } else {
                market.withdraw(asset, account);
            }
            if (asset == NATIVE) nativeOut += amount;
            else tokenOut += amount;
            _did("withdraw");
            return;
        }
    }

    /* OPERATORS AND THE WORLD */

    function fixSeed(uint256 seed) public {
        uint64 id = _findSubmission(seed, SubmissionState.Fetching);
        if (id == 0) return;
        center.fixSeed(market.submission(id).taskId);
        _did("fixSeed");
    }

    function certify(uint256 seed) public {
        uint64 taskId = _findTask(seed, IAttestationCenterTypes.TaskState.Evaluating);
        if (taskId == 0) return;
        center.certify(taskId, _result(seed));
        _did("certify");
    }

    function passTime(uint256 seed) public {
        mine(bound(seed, 1, REVEAL_WINDOW));
        _did("passTime");
    }

    function pauseOrGoOn(uint256 seed) public {
        if (clock.paused()) clock.unpause();
        else if (seed % 3 == 0) clock.pause();
        else return;
        _did("pauseOrGoOn");
    }

    function epochComesOrGoes(uint256 seed) public {
        center.setEpochUsable(!center.epochUsable() || seed % 2 == 0);
        _did("epochComesOrGoes");
    }

    function forceEther(uint256 seed) public {
        uint256 amount = bound(seed, 1, 1 ether);
        vm.deal(address(market), address(market).balance + amount);
        forced += amount;
        _did("forceEther");
    }

    /* LOOKING AROUND */

    function _did(bytes32 action) private {
        ++acted[action];
    }

    function _settled(SubmissionState state) private pure returns (bytes32) {
        if (state == SubmissionState.Accepted) return "settle Accepted";
        if (state == SubmissionState.NotBetter) return "settle NotBetter";
        if (state == SubmissionState.Worse) return "settle Worse";
        if (state == SubmissionState.Invalid) return "settle Invalid";
        if (state == SubmissionState.EvaluatorFault) return "settle EvaluatorFault";
        return "settle Unavailable";
    }

    function _result(uint256 seed) private pure returns (bytes memory) {
        uint256 outcome = seed % 10;
        if (outcome < 4) return _better();
        if (outcome == 4) return _same();
        if (outcome == 5) return _worse();
        if (outcome == 6) return _failed(3);
        if (outcome == 7) return _failed(6);
        if (outcome == 8) return _failed(8);
        return hex"bad0";
    }

    function _bookIn(Terms memory terms, uint128 reward, uint128 fee, uint128 bond) private {
        nativeIn += _fund(terms, reward, fee, bond);
        if (terms.rewardToken != NATIVE) tokenIn += reward;
    }

    /// @dev What reached the burn address since the last time.
    function _bookBurns() private {
        nativeOut += BURN.balance - _toldBurned;
        _toldBurned = BURN.balance;
    }

    function _canOpen(uint64 id) private view returns (bool) {
        Request memory request = market.request(id);
        if (request.active != 0 || request.head == request.queueLength) return false;
        Submission memory head = market.submission(market.queueAt(id, request.head));
        if (head.state != SubmissionState.Committed || clock.clock() >= head.deadline) return true;
        Terms memory terms = market.terms(id);
        return request.rewardEscrow < terms.reward || request.feeEscrow < terms.evaluationFee
            || request.evaluatorBond < uint256(terms.evaluationFee) + terms.compensation;
    }

    function _findRequest(uint256 seed, RequestState state) private view returns (uint64) {
        uint64 count = market.requestCount();
        for (uint64 i = 0; i < count; ++i) {
            uint64 id = uint64((seed % count + i) % count) + 1;
            if (market.request(id).state == state) return id;
        }
        return 0;
    }

    /// @dev A submission of whose reward a part is held back, with or without an open task.
    function _findRetention(uint256 seed, bool open_) private view returns (uint64) {
        uint64 count = market.submissionCount();
        for (uint64 i = 0; i < count; ++i) {
            uint64 id = uint64((seed % count + i) % count) + 1;
            if (market.retention(id).amount != 0 && (desk.taskOf(id) != 0) == open_) return id;
        }
        return 0;
    }

    function _findSubmission(uint256 seed, SubmissionState state) private returns (uint64) {
        _forgetEnded();
        for (uint256 i = 0; i < _live.length; ++i) {
            uint64 id = _live[(seed % _live.length + i) % _live.length];
            if (market.submission(id).state == state) return id;
        }
        return 0;
    }

    /// @dev A task in a state whose submission has not heard of its certificate.
    function _findTask(uint256 seed, IAttestationCenterTypes.TaskState state)
        private
        returns (uint64)
    {
        _forgetEnded();
        for (uint256 i = 0; i < _live.length; ++i) {
            Submission memory submission =
                market.submission(_live[(seed % _live.length + i) % _live.length]);
            if (submission.state != SubmissionState.Evaluating) continue;
            if (center.task(submission.taskId).state == state) return submission.taskId;
        }
        return 0;
    }

    function _forgetEnded() private {
        for (uint256 i = _live.length; i > 0; --i) {
            if (market.submission(_live[i - 1]).state < SubmissionState.Accepted) continue;
            _live[i - 1] = _live[_live.length - 1];
            _live.pop();
        }
    }

    /// @dev Waits for a time on the market clock, unless that stands still.
    function _mineTo(uint64 time) private returns (bool) {
        uint64 now_ = clock.clock();
        if (now_ >= time) return true;
        if (clock.paused()) return false;
        mine(time - now_);
        return true;
    }
}
