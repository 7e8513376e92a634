// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterTypes
} from "../../src/interfaces/IAttestationCenter.sol";
import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import {
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev Verdicts, settlement and who pays what (specification 4.6), one test a row.
contract SettlementTest is MarketTest, IModelSubmissionEvents {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create(); // 3 ether, 0.03 ether, 0.06 ether
    }

    /* THE TABLE: deposit 0.1, fee 0.01, penalty 0.03, compensation 0.02 ether */

    function test_settle_acceptedPaysRewardAndWholeDeposit() external {
        uint64 submissionId = _certify(requestId, alice, "a", _better());
        mine(APPEAL_WINDOW);
        _expectSettled(submissionId, SubmissionState.Accepted, Reason.Better, 1 ether, 0.1 ether, 0);
        vm.prank(bob); // anyone
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
        _assertMoney(1 ether, 0.1 ether, 0);
        _assertFunds(2 ether, 0.02 ether, 0.06 ether);
    }

    function test_settle_acceptedPaysTokens() external {
        requestId = _create(_tokenTerms(address(token)));
        uint64 submissionId = _settle(requestId, alice, "a", _better());
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
        vm.assertEq(market.credit(payout, address(token)), 1 ether);
        _assertMoney(0, 0.1 ether, 0);
        vm.prank(payout);
        market.withdraw(address(token), payout);
        vm.assertEq(token.balanceOf(payout), 1 ether);
        vm.assertEq(market.liabilities(address(token)), 2 ether);
        vm.assertEq(token.balanceOf(address(market)), 2 ether);
    }

    function test_settle_acceptedMovesTheChampion() external {
        uint64 submissionId = _certify(requestId, alice, "a", _better());
        vm.assertEq(market.championCount(requestId), 1);
        mine(APPEAL_WINDOW);
        vm.expectEmit(address(market));
        emit ChampionChanged(requestId, 1, submissionId, _content("a").cid, 503_000);
        _deliver(submissionId);
        Champion memory champion = market.champion(requestId);
        vm.assertEq(abi.encode(champion.content), abi.encode(_content("a")));
        vm.assertEq(champion.submissionId, submissionId);
        vm.assertEq(champion.since, clock.clock());
        vm.assertEq(champion.score, 503_000);
        vm.assertEq(market.championCount(requestId), 2);
        vm.assertEq(market.request(requestId).championIndex, 1);
        vm.assertEq(market.championAt(requestId, 0).submissionId, 0);
        vm.assertEq(
            abi.encode(market.championAt(requestId, 0).content), abi.encode(_content("baseline"))
        );
    }

    function test_settle_notBetterCostsTheFee() external {
        uint64 submissionId = _certify(requestId, alice, "a", _same());
        mine(APPEAL_WINDOW);
        _expectSettled(
            submissionId,
            SubmissionState.NotBetter,
            Reason.NoSignificantImprovement,
            0,
            0.09 ether,
            0
        );
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        _assertMoney(0, 0.09 ether, 0);
        _assertFunds(3 ether, 0.03 ether, 0.06 ether);
        vm.assertEq(market.championCount(requestId), 1);
    }

    function test_settle_worseBurnsTheDeposit() external {
        uint64 submissionId = _certify(requestId, alice, "a", _worse());
        mine(APPEAL_WINDOW);
        _expectSettled(
            submissionId, SubmissionState.Worse, Reason.SignificantlyWorse, 0, 0, 0.09 ether
        );
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Worse, Reason.SignificantlyWorse);
        _assertMoney(0, 0, 0.09 ether);
        _assertFunds(3 ether, 0.03 ether, 0.06 ether);
    }

    function test_settle_worseThanALaterChampionIsNotBetter() external {
        uint64 first = _submit(requestId, alice, "a");
        uint64 second = _submit(requestId, bob, "b"); // before the first one wins
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(first);

        (, taskId) = _start(requestId);
        center.certify(taskId, _worse());
        mine(APPEAL_WINDOW);
        _deliver(second);
        _assertEnded(second, SubmissionState.NotBetter, Reason.WorseThanLaterChampion);
        vm.assertEq(_nativeCredit(bob), 0.09 ether);
        vm.assertEq(BURN.balance, 0);
        Submission memory submission = market.submission(second);
        vm.assertEq(submission.championAtCommit, 0);
        vm.assertEq(submission.championAtOpen, 1);
    }

    function test_settle_worseThanTheChampionAtCommitBurnsAlsoAfterAChange() external {
        _settle(requestId, alice, "a", _better());
        uint64 submissionId = _settle(requestId, bob, "b", _worse());
        _assertEnded(submissionId, SubmissionState.Worse, Reason.SignificantlyWorse);
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(submission.championAtCommit, 1);
        vm.assertEq(submission.championAtOpen, 1);
        vm.assertEq(BURN.balance, 0.09 ether);
    }

    function test_settle_betterThanALaterChampionWins() external {
        uint64 first = _submit(requestId, alice, "a");
        uint64 second = _submit(requestId, bob, "b");
        for (uint256 i = 0; i < 2; ++i) {
            (uint64 opened, uint64 taskId) = _start(requestId);
            center.certify(taskId, _better());
            mine(APPEAL_WINDOW);
            _deliver(opened);
        }
        _assertEnded(first, SubmissionState.Accepted, Reason.Better);
        _assertEnded(second, SubmissionState.Accepted, Reason.Better);
        vm.assertEq(market.champion(requestId).submissionId, second);
        vm.assertEq(_nativeCredit(payout), 2 ether);
        _assertFunds(1 ether, 0.01 ether, 0.06 ether);
    }

    function test_settle_invalidBurnsTheDeposit() external {
        for (uint8 status = 1; status <= 5; ++status) {
            uint256 burned = BURN.balance;
            uint64 submissionId = _settle(requestId, alice, _name(status), _failed(status));
            _assertEnded(submissionId, SubmissionState.Invalid, Reason(status));
            vm.assertEq(_nativeCredit(alice), 0);
            vm.assertEq(BURN.balance - burned, 0.09 ether);
        }
        _assertFunds(3 ether, 0.03 ether, 0.06 ether);
    }

    function test_settle_unavailableCostsThePenalty() external {
        uint64 submissionId = _certify(requestId, alice, "a", _failed(6));
        mine(APPEAL_WINDOW);
        _expectSettled(
            submissionId, SubmissionState.Unavailable, Reason.Unavailable, 0, 0.07 ether, 0.02 ether
        );
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Unavailable, Reason.Unavailable);
        _assertMoney(0, 0.07 ether, 0.02 ether);
        _assertFunds(3 ether, 0.03 ether, 0.06 ether);
    }

    /// @dev 4.2: the penalty lies between fee and deposit; at either edge nothing else moves.
    function test_settle_unavailableAtTheEdgesOfThePenalty() external {
        Terms memory terms = _terms();
        terms.unavailablePenalty = FEE;
        _settle(_create(terms), alice, "a", _failed(6));
        _assertMoney(0, 0.09 ether, 0);
        terms.unavailablePenalty = DEPOSIT;
        _settle(_create(terms), alice, "a", _failed(6));
        _assertMoney(0, 0.09 ether, 0.09 ether);
    }

    function test_settle_evaluatorFaultIsPaidFromTheBond() external {
        for (uint8 status = 7; status <= 8; ++status) {
            uint64 submissionId = _settle(requestId, alice, _name(status), _failed(status));
            _assertEnded(submissionId, SubmissionState.EvaluatorFault, Reason(status));
        }
        // Twice the whole deposit, and a compensation to the payout each time.
        _assertMoney(0.04 ether, 0.2 ether, 0);
        _assertFunds(3 ether, 0.03 ether, 0);
        requestId = _create();
        uint64 last = _certify(requestId, alice, "a", _failed(9));
        mine(APPEAL_WINDOW);
        _expectSettled(
            last, SubmissionState.EvaluatorFault, Reason.EvaluatorInvalid, 0, 0.1 ether, 0
        );
        _deliver(last);
    }

    /// @dev 5.6: nobody's fault but the operators'; everything returns.
    function test_settle_malformedResultReturnsEverything() external {
        uint64 submissionId = _certify(requestId, alice, "a", hex"00");
        mine(APPEAL_WINDOW);
        _expectSettled(
            submissionId, SubmissionState.NotBetter, Reason.MalformedResult, 0, 0.1 ether, 0
        );
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.NotBetter, Reason.MalformedResult);
        _assertMoney(0, 0.1 ether, 0);
        _assertFunds(3 ether, 0.02 ether, 0.06 ether);
    }

    /* CERTIFICATES */

    function test_certificate_startsTheAppealWindowAndMovesNothing() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        (, uint64 taskId) = _start(requestId);
        uint64 settleableAt = clock.clock() + APPEAL_WINDOW;
        center.certify(taskId, _better());
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Certified));
        vm.assertEq(uint256(submission.reason), uint256(Reason.None));
        vm.assertEq(submission.deadline, settleableAt);
        _assertMoney(0, 0, 0);
        vm.assertEq(market.championCount(requestId), 1);
        vm.assertEq(market.request(requestId).active, submissionId);
    }

    function test_settle_refusals() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        vm.prank(address(logic));
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownTask.selector, 1));
        market.settle(1, SubmissionState.Accepted, Reason.Better, 0);
        (, uint64 taskId) = _start(requestId);
        address[3] memory strangers = [alice, owner, address(center)];
        for (uint256 i = 0; i < strangers.length; ++i) {
            vm.prank(strangers[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IModelSubmissionErrors.NotLogic.selector, strangers[i])
            );
            market.settle(taskId, SubmissionState.Accepted, Reason.Better, 0);
        }
        SubmissionState[4] memory none = [
            SubmissionState.None,
            SubmissionState.Certified,
            SubmissionState.Forfeited,
            SubmissionState.Released
        ];
        for (uint256 i = 0; i < none.length; ++i) {
            vm.prank(address(logic));
            vm.expectRevert(
                abi.encodeWithSelector(IModelSubmissionErrors.InvalidVerdict.selector, none[i])
            );
            market.settle(taskId, none[i], Reason.Better, 0);
        }
        center.certify(taskId, _same());
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        vm.prank(address(logic));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongSubmissionState.selector,
                submissionId,
                SubmissionState.NotBetter
            )
        );
        market.settle(taskId, SubmissionState.Accepted, Reason.Better, 0);
    }

    /// @dev Another kind's logic has no say over this kind's requests.
    function test_settle_eachKindHasItsLogic() external {
        IAttestationCenterTypes.TaskDefinition memory definition = _definition(address(market));
        definition.logic = IAvsLogic(bob);
        center.registerKind(8, definition);
        Terms memory terms = _terms();
        terms.kind = 8;
        uint64 other = _create(terms);
        _submit(requestId, alice, "a");
        _submit(other, alice, "a");
        (, uint64 taskId) = _start(requestId);
        (, uint64 otherTask) = _start(other);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.NotLogic.selector, bob));
        market.settle(taskId, SubmissionState.Worse, Reason.SignificantlyWorse, 0);
        market.settle(otherTask, SubmissionState.Worse, Reason.SignificantlyWorse, 0);
    }

    function test_settle_waitsForTheAppealWindow() external {
        uint64 submissionId = _certify(requestId, alice, "a", _better());
        uint64 due = clock.clock() + APPEAL_WINDOW;
        mine(APPEAL_WINDOW - 1);
        vm.expectRevert(_windowOpen(submissionId, due, due - 1));
        _deliver(submissionId);
        mine(1);
        _deliver(submissionId);
    }

    function test_settle_appealWindowStandsStillWhilePaused() external {
        uint64 submissionId = _certify(requestId, alice, "a", _better());
        uint64 due = clock.clock() + APPEAL_WINDOW;
        clock.pause();
        mine(10 * APPEAL_WINDOW);
        vm.expectRevert(_windowOpen(submissionId, due, due - APPEAL_WINDOW));
        _deliver(submissionId);
        clock.unpause();
        mine(APPEAL_WINDOW);
        clock.pause();
        _deliver(submissionId); // exits stay open
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
    }

    function test_settle_onlyOnce() external {
        uint64 submissionId = _settle(requestId, alice, "a", _better());
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.AlreadyDelivered.selector, _taskOf[submissionId]
            )
        );
        _deliver(submissionId);
        vm.assertEq(_nativeCredit(payout), REWARD);
    }

    /* CONSERVATION */

    /// @dev Whatever the verdict: nothing is made, nothing is lost.
    function testFuzz_settle_conservesEveryWei(
        uint8 outcome,
        uint96 fee,
        uint96 deposit,
        uint96 penalty,
        uint96 compensation
    ) external {
        Terms memory terms = _terms();
        terms.evaluationFee = uint96(bound(fee, 0.002 ether, 1 ether));
        terms.deposit = uint96(bound(deposit, terms.evaluationFee, 10 ether));
        terms.unavailablePenalty = uint96(bound(penalty, terms.evaluationFee, terms.deposit));
        terms.compensation = uint96(bound(compensation, 0, 10 ether));
        uint128 bond = uint128(terms.evaluationFee) + terms.compensation;
        uint64 id = _create(terms, REWARD, terms.evaluationFee, bond);
        uint256 burned = BURN.balance;
        uint256 held = address(market).balance;
        bytes[6] memory results = [_better(), _same(), _worse(), _failed(1), _failed(6), _failed(7)];
        bytes memory result = outcome % 7 == 6 ? bytes(hex"ff") : results[outcome % 7];
        _settle(id, alice, "a", result);
        burned = BURN.balance - burned;
        vm.assertEq(address(market).balance, market.liabilities(NATIVE));
        vm.assertEq(held + terms.deposit, address(market).balance + terms.evaluationFee + burned);
        Request memory request = market.request(id);
        vm.assertEq(
            market.liabilities(NATIVE),
            _requestFunds(request) + _requestFunds(market.request(requestId)) + _nativeCredit(alice)
                + _nativeCredit(payout)
        );
    }

    /* HELPERS */

    function _requestFunds(Request memory request) private pure returns (uint256) {
        return uint256(request.rewardEscrow) + request.feeEscrow + request.evaluatorBond;
    }

    function _name(uint8 i) private pure returns (string memory) {
        return string(abi.encodePacked("parameters ", i));
    }

    function _expectSettled(
        uint64 submissionId,
        SubmissionState state,
        Reason reason,
        uint256 reward,
        uint256 returned,
        uint256 burned
    ) private {
        vm.expectEmit(address(market));
        emit Settled(submissionId, requestId, state, reason, reward, returned, burned);
    }

    /// @dev Native credits of payout and optimizer, and what was burned, in all.
    function _assertMoney(uint256 paid, uint256 returned, uint256 burned) private view {
        vm.assertEq(_nativeCredit(payout), paid, "paid");
        vm.assertEq(_nativeCredit(alice), returned, "returned");
        vm.assertEq(BURN.balance, burned, "burned");
        vm.assertEq(market.liabilities(NATIVE), address(market).balance, "solvency");
    }

    function _assertFunds(uint256 reward, uint256 fee, uint256 bond) private view {
        Request memory request = market.request(requestId);
        vm.assertEq(request.rewardEscrow, reward, "reward escrow");
        vm.assertEq(request.feeEscrow, fee, "fee escrow");
        vm.assertEq(request.evaluatorBond, bond, "bond");
        vm.assertEq(request.active, 0, "active");
        vm.assertEq(request.pending, 0, "pending");
    }

    function _windowOpen(uint64 submissionId, uint64 until, uint64 present)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IAttestationCenterErrors.AppealWindowOpen.selector,
            _taskOf[submissionId],
            until,
            present
        );
    }
}
