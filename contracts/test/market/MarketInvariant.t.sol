// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmission, IModelSubmissionTypes } from "../../src/interfaces/IModelSubmission.sol";
import { TestToken } from "../mocks/Tokens.sol";
import { InvariantTest } from "../utils/Test.sol";
import { MarketHandler } from "./MarketHandler.sol";

/// @dev What holds of the market whatever people do with it.
contract MarketInvariantTest is InvariantTest, IModelSubmissionTypes {
    MarketHandler internal handler;
    IModelSubmission internal market;
    TestToken internal token;

    /// @dev What was last seen: states that must not change any more, heads that must not go back.
    mapping(uint64 submissionId => SubmissionState) internal _ended;
    mapping(uint64 requestId => uint32) internal _lastHead;
    mapping(uint64 requestId => uint32) internal _lastChampion;

    function setUp() external {
        handler = new MarketHandler();
        (address market_,, address token_) = handler.parts();
        market = IModelSubmission(market_);
        token = TestToken(token_);
        targetContract(address(handler));
        targetSelectors(address(handler), _actions());
    }

    /* INVARIANTS */

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 150
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_theMarketHolds() external {
        check();
    }

    /// @dev The same actions in a fixed order, so that it is certain that each of them was really done.
    function test_handler_doesEverything() external {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        for (uint256 i = 0; i < 4500; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("market", i)));
            bytes4 action = actions[seed % actions.length];
            (bool done, bytes memory answer) =
                address(handler).call(abi.encodeWithSelector(action, seed >> 8));
            if (!done) {
                assembly {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
            // A call of its own, whose memory is given back.
            if (i % 50 == 0) this.check();
        }
        this.check();
        // The first entry gives the array its type.
        bytes32 first = "createRequest";
        bytes32[39] memory done_ = [
            first,
            "topUp",
            "close",
            "reclaim",
            "reclaimEarly",
            "commit",
            "commit at a raised deposit",
            "open against a fresh champion",
            "reveal",
            "reveal in vain",
            "reveal late",
            "forfeit",
            "release",
            "open",
            "open nothing",
            "settle Accepted",
            "settle NotBetter",
            "settle Worse",
            "settle Invalid",
            "settle EvaluatorFault",
            "settle Unavailable",
            "expire for good",
            "expire and wait",
            "expire and retry",
            "withdraw",
            "fixSeed",
            "certify",
            "passTime",
            "pauseOrGoOn",
            "epochComesOrGoes",
            "forceEther",
            "openRetention",
            "openRetention, request closed",
            "retention expired",
            "kept",
            "missing",
            "unsaid",
            "lapseRetention",
            "withdrawRetentionFee"
        ];
        for (uint256 i = 0; i < done_.length; ++i) {
            vm.assertGt(handler.acted(done_[i]), 0, string(abi.encodePacked(done_[i])));
        }
    }

    /* CHECKS */

    function check() public {
        _checkMoney();
        uint64 requests = market.requestCount();
        for (uint64 id = 1; id <= requests; ++id) {
            _checkRequest(id);
        }
        _checkEnds();
        vm.assertEq(handler.earlyReclaims(), 0, "owner ran with the money");
    }

    /// @dev What is owed is the sum of its parts, is what went in less what went out, and is there.
    function _checkMoney() private view {
        uint256 native;
        uint256 tokens;
        for (uint64 id = 1; id <= market.requestCount(); ++id) {
            Request memory request = market.request(id);
            native += uint256(request.feeEscrow) + request.evaluatorBond;
            if (market.terms(id).rewardToken == address(0)) native += request.rewardEscrow;
            else tokens += request.rewardEscrow;
        }
        for (uint64 id = 1; id <= market.submissionCount(); ++id) {
            native += market.submission(id).deposit;
            uint256 held = market.retention(id).amount;
            if (held == 0) continue;
            vm.assertEq(
                uint256(market.submission(id).state), uint256(SubmissionState.Accepted), "held"
            );
            if (market.terms(market.submission(id).requestId).rewardToken == address(0)) {
                native += held;
            } else {
                tokens += held;
            }
        }
        vm.assertEq(handler.deskAddress().balance, handler.deskCredits(), "the desk's money");
        address[] memory accounts = handler.accounts();
        for (uint256 i = 0; i < accounts.length; ++i) {
            native += market.credit(accounts[i], address(0));
            tokens += market.credit(accounts[i], address(token));
        }
        vm.assertEq(market.liabilities(address(0)), native, "native parts");
        vm.assertEq(market.liabilities(address(token)), tokens, "token parts");
        vm.assertEq(native, handler.nativeIn() - handler.nativeOut(), "native flow");
        vm.assertEq(tokens, handler.tokenIn() - handler.tokenOut(), "token flow");
        vm.assertEq(address(market).balance, native + handler.forced(), "native balance");
        vm.assertEq(token.balanceOf(address(market)), tokens, "token balance");
    }

    function _checkRequest(uint64 id) private {
        Request memory request = market.request(id);
        uint32 pending;
        uint32 accepted;
        for (uint32 i = 0; i < request.queueLength; ++i) {
            SubmissionState state = market.submission(market.queueAt(id, i)).state;
            bool ended = state >= SubmissionState.Accepted;
            if (!ended) ++pending;
            if (state == SubmissionState.Accepted) ++accepted;
            if (i < request.head) vm.assertTrue(ended, "pending before the head");
        }
        vm.assertEq(request.pending, pending, "pending");
        Terms memory terms = market.terms(id);
        vm.assertLe(pending, terms.queueCap, "queue cap");
        vm.assertGe(market.depositOf(id), terms.deposit, "deposit below its base");
        vm.assertLe(market.depositOf(id), 10 * uint256(terms.deposit), "deposit above its most");

        vm.assertGe(request.head, _lastHead[id], "head went back");
        _lastHead[id] = request.head;

        // The champion moves with an accepted submission and with nothing else.
        vm.assertEq(market.championCount(id), accepted + 1, "champions");
        vm.assertEq(request.championIndex, accepted, "champion index");
        vm.assertGe(request.championIndex, _lastChampion[id], "champion went back");
        _lastChampion[id] = request.championIndex;
        uint64 crowned = market.champion(id).submissionId;
        if (crowned != 0) {
            vm.assertEq(
                uint256(market.submission(crowned).state), uint256(SubmissionState.Accepted)
            );
        }

        if (request.active != 0) {
            Submission memory active = market.submission(request.active);
            vm.assertTrue(
                active.state == SubmissionState.Fetching
                    || active.state == SubmissionState.Evaluating
                    || active.state == SubmissionState.Certified,
                "active without a task"
            );
            vm.assertEq(market.queueAt(id, request.head), request.active, "active is not the head");
        }
        if (request.state == RequestState.Closed) {
            vm.assertEq(pending, 0, "closed over a pending submission");
            vm.assertEq(
                uint256(request.rewardEscrow) + request.feeEscrow + request.evaluatorBond, 0
            );
        }
    }

    /// @dev An end is final, and holds nothing.
    function _checkEnds() private {
        for (uint64 id = 1; id <= market.submissionCount(); ++id) {
            Submission memory submission = market.submission(id);
            if (_ended[id] != SubmissionState.None) {
                vm.assertEq(uint256(submission.state), uint256(_ended[id]), "ended twice");
            } else if (submission.state >= SubmissionState.Accepted) {
                _ended[id] = submission.state;
                vm.assertEq(submission.deposit, 0, "deposit of an ended submission");
                vm.assertEq(submission.deadline, 0, "deadline of an ended submission");
                vm.assertTrue(submission.reason != Reason.None, "end without a reason");
            }
        }
    }

    function _actions() private view returns (bytes4[] memory actions) {
        bytes4[22] memory all = [
            handler.createRequest.selector,
            handler.topUp.selector,
            handler.close.selector,
            handler.reclaim.selector,
            handler.reclaimEarly.selector,
            handler.commit.selector,
            handler.reveal.selector,
            handler.forfeit.selector,
            handler.release.selector,
            handler.open.selector,
            handler.settle.selector,
            handler.expire.selector,
            handler.withdraw.selector,
            handler.fixSeed.selector,
            handler.certify.selector,
            handler.passTime.selector,
            handler.pauseOrGoOn.selector,
            handler.forceEther.selector,
            handler.openRetention.selector,
            handler.endRetentionTask.selector,
            handler.lapseRetention.selector,
            handler.withdrawRetentionFee.selector
        ];
        // What carries a submission on is done more often than what ends or disturbs.
        bytes4[9] memory often = [
            handler.commit.selector,
            handler.reveal.selector,
            handler.reveal.selector,
            handler.open.selector,
            handler.open.selector,
            handler.fixSeed.selector,
            handler.certify.selector,
            handler.settle.selector,
            handler.epochComesOrGoes.selector
        ];
        actions = new bytes4[](all.length + often.length);
        for (uint256 i = 0; i < all.length; ++i) {
            actions[i] = all[i];
        }
        for (uint256 i = 0; i < often.length; ++i) {
            actions[all.length + i] = often[i];
        }
    }
}
