// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenter,
    IAttestationCenterErrors
} from "../../src/interfaces/IAttestationCenter.sol";
import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import {
    IModelSubmission,
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { IRetentionDesk } from "../../src/interfaces/IRetentionDesk.sol";
import { RetentionDesk } from "../../src/market/RetentionDesk.sol";
import { RetentionResult } from "../../src/market/RetentionResult.sol";
import { RefusingPayee } from "../mocks/Payees.sol";
import { HostileToken } from "../mocks/Tokens.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev Part of the reward is held back until operators have fetched the parameters (specification 4.10): a quarter of
/// 1 ether, 200 blocks after the win, in a window of 400 blocks.
contract RetentionTest is MarketTest, IModelSubmissionEvents {
    uint96 internal constant CHECK_FEE = 0.002 ether;

    uint64 internal requestId;
    uint64 internal winner;
    /// @dev Clock of the win.
    uint64 internal wonAt;

    function setUp() public override {
        super.setUp();
        requestId = _create(_retaining(_terms()));
        winner = _settle(requestId, alice, "a", _better());
        wonAt = clock.clock();
    }

    /* HOLDING BACK */

    function test_settle_holdsAPartBack() external view {
        vm.assertEq(_nativeCredit(payout), 0.75 ether);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        _expectHeld(winner, HELD);
        vm.assertEq(market.retention(winner).from, wonAt + 200);
        vm.assertEq(market.retention(winner).window, 400);
        vm.assertEq(market.retention(winner).kind, RETAIN);
        // The escrow paid the whole reward: it is owed either way.
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_settle_saysWhatIsHeldBackAndUntilWhen() external {
        uint64 next = _certify(requestId, bob, "b", _scored(4000, 5000, 6000));
        mine(APPEAL_WINDOW);
        uint64 now_ = clock.clock();
        vm.expectEmit(address(market));
        emit Retained(next, requestId, HELD, now_ + 200, now_ + 600);
        vm.expectEmit(address(market));
        emit Settled(
            next, requestId, SubmissionState.Accepted, Reason.Better, 0.75 ether, DEPOSIT, 0
        );
        _deliver(next);
    }

    function test_settle_othersHaveNothingHeldBack() external {
        uint64 loser = _settle(requestId, bob, "b", _same());
        _expectHeld(loser, 0);
        uint64 plain = _settle(_create(), bob, "c", _better());
        _expectHeld(plain, 0);
        vm.assertEq(_nativeCredit(payout), 0.75 ether + REWARD);
    }

    /// @dev 3333 of 10000 of 10 wei are 3.333, and of 2 wei 0.6666: nothing to hold back.
    function test_settle_roundsDown() external {
        Terms memory terms = _retaining(_terms());
        (terms.reward, terms.rewardValue, terms.retention.bps) = (10, 10, 3333);
        uint64 ten = _settle(_create(terms), bob, "b", _better());
        _expectHeld(ten, 3);
        (terms.reward, terms.rewardValue) = (2, 2);
        uint64 two = _settle(_create(terms), bob, "c", _better());
        _expectHeld(two, 0);
        vm.assertEq(market.retention(two).from, 0);
        vm.assertEq(_nativeCredit(payout), 0.75 ether + 7 + 2);
    }

    /* THE TERMS */

    function test_terms_allOrNothing() external {
        Terms memory terms = _terms();
        terms.retention.time = 1;
        _expectInvalid(terms, "retentionBps");
        terms = _terms();
        terms.retention.window = 1;
        _expectInvalid(terms, "retentionBps");
        terms = _terms();
        terms.retention.kind = RETAIN;
        _expectInvalid(terms, "retentionBps");
        terms = _retaining(_terms());
        terms.retention.time = 0;
        _expectInvalid(terms, "retentionTime");
    }

    function test_terms_atMostHalfOfTheReward() external {
        Terms memory terms = _retaining(_terms());
        terms.retention.bps = 5001;
        _expectInvalid(terms, "retentionBps");
        terms.retention.bps = 5000;
        _create(terms);
    }

    /// @dev Two tasks one after the other take 2 * (5 + 100) blocks.
    function test_terms_windowHasRoomForTwoTries() external {
        Terms memory terms = _retaining(_terms());
        terms.retention.window = 209;
        _expectInvalid(terms, "retentionWindow");
        terms.retention.window = 210;
        _create(terms);
    }

    /// @dev Held-back money over which nobody can decide would be lost.
    function test_terms_kindMustBeThisMarketsDesk() external {
        Terms memory terms = _retaining(_terms());
        terms.retention.kind = KIND; // the market's own
        _expectInvalid(terms, "retentionKind");
        terms.retention.kind = 99; // never registered
        _expectInvalid(terms, "retentionKind");
        center.registerKind(98, _definition(alice)); // no contract
        terms.retention.kind = 98;
        _expectInvalid(terms, "retentionKind");
        center.registerKind(97, _definition(address(token))); // a contract that is none
        terms.retention.kind = 97;
        _expectInvalid(terms, "retentionKind");
        IModelSubmission other = IModelSubmission(address(new OtherMarket(market)));
        RetentionDesk stranger = new RetentionDesk(IAttestationCenter(address(center)), other);
        center.registerKind(96, _definition(address(stranger)));
        terms.retention.kind = 96;
        _expectInvalid(terms, "retentionKind");
    }

    /* EARNING IT */

    function test_kept_paysTheRest() external {
        uint64 taskId = _check(winner, bob);
        center.certify(taskId, _kept());
        mine(APPEAL_WINDOW);
        vm.expectEmit(address(market));
        emit RetentionEnded(winner, requestId, true, HELD);
        center.deliver(taskId);
        vm.assertEq(_nativeCredit(payout), REWARD);
        _expectHeld(winner, 0);
        vm.assertEq(desk.taskOf(winner), 0);
        vm.assertEq(desk.submissionOf(taskId), winner);
        // The opener's fee is the operators'.
        vm.assertEq(desk.credit(bob), 0);
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_kept_paysAlsoWhenTheRequestIsClosed() external {
        _close();
        vm.assertEq(_nativeCredit(owner), 2 * uint256(REWARD) + 2 * FEE + BOND);
        _finish(winner, _kept());
        vm.assertEq(_nativeCredit(payout), REWARD);
        vm.assertEq(_nativeCredit(owner), 2 * uint256(REWARD) + 2 * FEE + BOND);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    /// @dev The attack: paid, the optimizer takes the parameters off the network.
    function test_attack_unpinningAfterThePaymentForfeitsTheRest() external {
        _finish(winner, _missing());
        vm.assertEq(_nativeCredit(payout), REWARD - HELD);
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD + HELD);
        _expectHeld(winner, 0);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_missing_ofAClosedRequestIsTheOwners() external {
        _close();
        uint256 before = _nativeCredit(owner);
        _finish(winner, _missing());
        vm.assertEq(_nativeCredit(owner), before + HELD);
        vm.assertEq(market.request(requestId).rewardEscrow, 0);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    /// @dev What comes back can pay the next win.
    function test_missing_bringsASpentRequestBack() external {
        Terms memory terms = _retaining(_terms());
        terms.retention.bps = 5000;
        uint64 id = _create(terms, REWARD + REWARD / 2, 3 * FEE, BOND);
        uint64 first = _settle(id, bob, "b", _better());
        uint64 next = _commit(id, bob, "c");
        _reveal(next, "c");
        _assertEnded(next, SubmissionState.Released, Reason.EscrowSpent);
        _finish(first, _missing());
        uint64 last = _settle(id, bob, "d", _better());
        _assertEnded(last, SubmissionState.Accepted, Reason.Better);
    }

    function test_tokenReward_keptAndMissing() external {
        uint64 id = _create(_retaining(_tokenTerms(address(token))));
        uint64 first = _settle(id, bob, "b", _better());
        uint64 second = _settle(id, bob, "c", _better());
        vm.assertEq(market.credit(payout, address(token)), 2 * uint256(REWARD - HELD));
        vm.assertEq(market.liabilities(address(token)), 3 * REWARD);
        _finish(first, _kept());
        _finish(second, _missing());
        vm.assertEq(market.credit(payout, address(token)), 2 * uint256(REWARD) - HELD);
        vm.assertEq(market.request(id).rewardEscrow, REWARD + HELD);
        vm.assertEq(market.liabilities(address(token)), 3 * REWARD);
        vm.prank(payout);
        market.withdraw(address(token), payout);
        vm.assertEq(token.balanceOf(payout), 2 * uint256(REWARD) - HELD);
        vm.assertEq(token.balanceOf(address(market)), REWARD + HELD);
    }

    /// @dev A payee or token that refuses blocks itself alone, as everywhere.
    function test_badPayeeAndBadToken_blockNothing() external {
        RefusingPayee refusing = new RefusingPayee();
        payout = address(refusing);
        uint64 second = _settle(requestId, bob, "b", _better());
        _finish(second, _kept());
        vm.assertEq(_nativeCredit(address(refusing)), REWARD);

        HostileToken hostile = new HostileToken();
        hostile.mint(owner, 100 ether);
        vm.prank(owner);
        hostile.approve(address(market), type(uint256).max);
        uint64 id = _create(_retaining(_tokenTerms(address(hostile))));
        hostile.setMode(HostileToken.Mode.Reverts);
        uint64 third = _settle(id, bob, "c", _better());
        uint64 fourth = _settle(id, bob, "d", _better());
        _finish(third, _kept());
        _finish(fourth, _missing());
        vm.assertEq(market.credit(payout, address(hostile)), 2 * uint256(REWARD) - HELD);
    }

    /* ATTACKS ON THE CERTIFICATE */

    function test_endRetention_onlyByTheDesk() external {
        address[4] memory strangers = [alice, owner, address(logic), address(center)];
        for (uint256 i = 0; i < strangers.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IModelSubmissionErrors.NotRetentionDesk.selector, strangers[i]
                )
            );
            vm.prank(strangers[i]);
            market.endRetention(winner, true);
        }
        _expectHeld(winner, HELD);
    }

    /// @dev Nor by a desk of another kind than the request's.
    function test_endRetention_notByAnotherDesk() external {
        RetentionDesk second = new RetentionDesk(IAttestationCenter(address(center)), market);
        center.registerKind(18, _definition(address(second)));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.NotRetentionDesk.selector, address(second)
            )
        );
        vm.prank(address(second));
        market.endRetention(winner, true);
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationCenterErrors.NotSource.selector, address(second))
        );
        mine(RETENTION_TIME);
        second.open{ value: CHECK_FEE }(winner);
    }

    function test_endRetention_once() external {
        _finish(winner, _kept());
        vm.expectRevert(_nothingRetained(winner));
        vm.prank(address(desk));
        market.endRetention(winner, true);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 99)
        );
        vm.prank(address(desk));
        market.endRetention(99, true);
        vm.expectRevert(_deskNothing(winner));
        desk.open{ value: CHECK_FEE }(winner);
        vm.expectRevert(_deskNothing(winner));
        desk.lapse(winner);
    }

    function test_onCertified_onlyAttestationCenterAndItsOwnTasks() external {
        uint64 taskId = _check(winner, bob);
        IAvsLogic hook = IAvsLogic(address(desk));
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.NotAttestationCenter.selector, alice));
        vm.prank(alice);
        hook.onCertified(taskId, _kept());
        uint64 improve = _taskOf[winner];
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.UnknownTask.selector, improve));
        vm.prank(address(center));
        hook.onCertified(improve, _kept());
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.UnknownTask.selector, improve));
        desk.submissionOf(improve);
    }

    /// @dev A certificate of something else moves nothing, and the next task can still decide.
    function test_malformed_movesNothing() external {
        bytes[9] memory results = [
            bytes(""),
            _better(),
            abi.encode(uint16(2), uint8(1), bytes32(uint256(1))),
            abi.encode(uint16(1), uint8(0), bytes32(0)),
            abi.encode(uint16(1), uint8(3), bytes32(uint256(1))),
            abi.encode(uint16(1), uint8(1), bytes32(0)),
            abi.encode(uint16(1), uint8(2), bytes32(uint256(1))),
            abi.encode(uint256(1) << 16 | 1, uint8(1), bytes32(uint256(1))),
            bytes.concat(_kept(), hex"00")
        ];
        for (uint256 i = 0; i < results.length; ++i) {
            uint256 state = vm.snapshotState();
            _finish(winner, results[i]);
            _expectHeld(winner, HELD);
            vm.assertEq(_nativeCredit(payout), REWARD - HELD);
            _finish(winner, _kept());
            vm.assertEq(_nativeCredit(payout), REWARD);
            vm.revertToState(state);
        }
    }

    /// @dev The same readings as the operators' (tests/vectors/README.md).
    function test_results_areReadAsTheVectorsSay() external {
        VectorReader reader = new VectorReader();
        string memory vectors = vm.readFile("../tests/vectors/retention.json");
        for (uint256 i = 0; i < 14; ++i) {
            string memory place = string(abi.encodePacked("$.results[", _digits(i), "]"));
            bytes memory says = vm.parseJson(vectors, string(abi.encodePacked(place, ".says")));
            bytes memory result = vm.parseJson(vectors, string(abi.encodePacked(place, ".bytes")));
            IRetentionDesk.Outcome expected = IRetentionDesk.Outcome.Malformed;
            if (i == 0) expected = IRetentionDesk.Outcome.Kept;
            if (i == 1) expected = IRetentionDesk.Outcome.Missing;
            string memory named = i == 0 ? "kept" : i == 1 ? "missing" : "malformed";
            vm.assertEq(abi.decode(says, (string)), named, "the vectors' order");
            IRetentionDesk.Outcome read = reader.read(abi.decode(result, (bytes)));
            vm.assertEq(uint256(read), uint256(expected), place);
        }
    }

    function _digits(uint256 value) private pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast) a digit
        if (value < 10) return abi.encodePacked(bytes1(uint8(48 + value)));
        // forge-lint: disable-next-line(unsafe-typecast) below 100: two digits
        return abi.encodePacked(bytes1(uint8(48 + value / 10)), bytes1(uint8(48 + value % 10)));
    }

    /* WHEN A TASK CAN BE OPENED */

    function test_open_notBeforeTheTime() external {
        mine(199);
        vm.expectRevert(
            abi.encodeWithSelector(IRetentionDesk.NotDue.selector, wonAt + 200, wonAt + 199)
        );
        desk.open{ value: CHECK_FEE }(winner);
        mine(1);
        desk.open{ value: CHECK_FEE }(winner);
    }

    function test_open_notAfterTheWindow() external {
        mine(600);
        vm.expectRevert(
            abi.encodeWithSelector(IRetentionDesk.WindowOver.selector, wonAt + 600, wonAt + 600)
        );
        desk.open{ value: CHECK_FEE }(winner);
    }

    /// @dev What was opened in the last block is finished.
    function test_open_inTheLastBlockIsFinished() external {
        mine(599);
        uint64 taskId = desk.open{ value: CHECK_FEE }(winner);
        mine(50);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.TaskOpen.selector, winner, taskId));
        desk.lapse(winner);
        center.fixSeed(taskId);
        center.certify(taskId, _kept());
        mine(APPEAL_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.TaskOpen.selector, winner, taskId));
        desk.lapse(winner);
        center.deliver(taskId);
        vm.assertEq(_nativeCredit(payout), REWARD);
    }

    function test_open_refuses() external {
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 99)
        );
        desk.open{ value: CHECK_FEE }(99);
        uint64 loser = _settle(requestId, bob, "b", _same());
        vm.expectRevert(_deskNothing(loser));
        desk.open{ value: CHECK_FEE }(loser);
        mine(RETENTION_TIME);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.FeeTooLow.selector, MIN_FEE - 1, MIN_FEE
            )
        );
        desk.open{ value: MIN_FEE - 1 }(winner);
        center.setEpochUsable(false);
        vm.expectRevert(abi.encodeWithSelector(IAttestationCenterErrors.EpochNotUsable.selector));
        desk.open{ value: CHECK_FEE }(winner);
        center.setEpochUsable(true);
        clock.pause();
        vm.expectRevert(abi.encodeWithSelector(IAttestationCenterErrors.MarketPaused.selector));
        desk.open{ value: CHECK_FEE }(winner);
        clock.unpause();
        uint64 taskId = desk.open{ value: CHECK_FEE }(winner);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.TaskOpen.selector, winner, taskId));
        desk.open{ value: CHECK_FEE }(winner);
    }

    /// @dev What operators sign names the market, the submission and the file.
    function test_open_subjectNamesTheFile() external {
        uint64 taskId = _check(winner, bob);
        Content memory content = _content("a");
        bytes32 typehash = keccak256(
            "ZarathustraRetain(address market,uint64 requestId,uint64 submissionId,bytes32 digest,bytes32 cidHash,uint64 size)"
        );
        bytes32 subject = keccak256(
            abi.encode(
                typehash,
                address(market),
                requestId,
                winner,
                content.digest,
                keccak256(content.cid),
                content.size
            )
        );
        vm.assertEq(center.task(taskId).subjectHash, subject);
        vm.assertEq(desk.subjectHash(winner), subject);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 99)
        );
        desk.subjectHash(99);
    }

    /* WHEN NOBODY CERTIFIES */

    function test_expire_feeReturnsAndAnotherTaskCanBeOpened() external {
        uint64 taskId = _check(winner, bob);
        vm.expectPartialRevert(IAttestationCenterErrors.DeadlineNotPassed.selector);
        desk.expire(winner);
        mine(TASK_LIFE);
        vm.expectEmit(address(desk));
        emit IRetentionDesk.RetentionTaskExpired(winner, taskId, CHECK_FEE);
        desk.expire(winner);
        vm.assertTrue(center.task(taskId).isFinal);
        vm.assertEq(desk.credit(bob), CHECK_FEE);
        _expectHeld(winner, HELD);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.NoTaskOpen.selector, winner));
        desk.expire(winner);

        uint64 second = desk.open{ value: CHECK_FEE }(winner);
        vm.assertGt(second, taskId);
        center.fixSeed(second);
        center.certify(second, _kept());
        mine(TASK_LIFE);
        vm.expectPartialRevert(IAttestationCenterErrors.WrongState.selector);
        desk.expire(winner);
        center.deliver(second);
        vm.assertEq(_nativeCredit(payout), REWARD);
        vm.assertEq(desk.credit(bob), CHECK_FEE);
        vm.assertEq(address(desk).balance, CHECK_FEE);
    }

    function test_expire_withoutASeed() external {
        mine(RETENTION_TIME);
        vm.prank(bob);
        desk.open{ value: CHECK_FEE }(winner);
        mine(FETCH_WINDOW + REACH);
        vm.expectPartialRevert(IAttestationCenterErrors.DeadlineNotPassed.selector);
        desk.expire(winner);
        mine(1);
        // The ways out stay open.
        clock.pause();
        desk.expire(winner);
        vm.assertEq(desk.credit(bob), CHECK_FEE);
        desk.lapse(winner);
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD + HELD);
    }

    function test_lapse_givesBackWhatNobodyEarned() external {
        mine(599);
        vm.expectRevert(
            abi.encodeWithSelector(IRetentionDesk.NotDue.selector, wonAt + 600, wonAt + 599)
        );
        desk.lapse(winner);
        mine(1);
        vm.expectEmit(address(desk));
        emit IRetentionDesk.RetentionDecided(winner, 0, IRetentionDesk.Outcome.Lapsed);
        vm.prank(bob);
        desk.lapse(winner);
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD + HELD);
        vm.assertEq(_nativeCredit(payout), REWARD - HELD);
        _expectHeld(winner, 0);
    }

    /// @dev The clock stands still while the market is paused, and with it the window.
    function test_lapse_aPauseShortensNoWindow() external {
        clock.pause();
        mine(10_000);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.NotDue.selector, wonAt + 600, wonAt));
        desk.lapse(winner);
        clock.unpause();
        mine(RETENTION_TIME);
        desk.open{ value: CHECK_FEE }(winner);
    }

    /* FEES THAT CAME BACK */

    function test_withdraw_ownCreditOnce() external {
        _check(winner, bob);
        mine(TASK_LIFE);
        desk.expire(winner);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.NothingToWithdraw.selector, alice));
        vm.prank(alice);
        desk.withdraw(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IRetentionDesk.TransferFailed.selector, address(0), CHECK_FEE)
        );
        vm.prank(bob);
        desk.withdraw(address(0));
        address refusing = address(new RefusingPayee());
        vm.expectRevert(
            abi.encodeWithSelector(IRetentionDesk.TransferFailed.selector, refusing, CHECK_FEE)
        );
        vm.prank(bob);
        desk.withdraw(refusing);
        address elsewhere = makeAddr("elsewhere");
        vm.prank(bob);
        vm.assertEq(desk.withdraw(elsewhere), CHECK_FEE);
        vm.assertEq(elsewhere.balance, CHECK_FEE);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.NothingToWithdraw.selector, bob));
        vm.prank(bob);
        desk.withdraw(bob);
    }

    function test_withdraw_cannotBeReentered() external {
        ReenteringOpener opener = new ReenteringOpener(desk);
        mine(RETENTION_TIME);
        opener.open{ value: CHECK_FEE }(winner);
        center.fixSeed(desk.taskOf(winner));
        mine(TASK_LIFE);
        desk.expire(winner);
        vm.deal(address(desk), 2 * CHECK_FEE);
        opener.withdraw();
        vm.assertFalse(opener.again());
        vm.assertEq(address(opener).balance, CHECK_FEE);
    }

    function test_receive_onlyFromAttestationCenter() external {
        vm.prank(alice);
        (bool sent, bytes memory answer) = address(desk).call{ value: 1 }("");
        vm.assertFalse(sent);
        vm.assertEq(
            answer, abi.encodeWithSelector(IRetentionDesk.NotAttestationCenter.selector, alice)
        );
    }

    function test_constructor_refusesZeroAddresses() external {
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.ZeroAddress.selector));
        new RetentionDesk(IAttestationCenter(address(0)), market);
        vm.expectRevert(abi.encodeWithSelector(IRetentionDesk.ZeroAddress.selector));
        new RetentionDesk(IAttestationCenter(address(center)), IModelSubmission(address(0)));
        vm.assertEq(address(desk.market()), address(market));
        vm.assertEq(address(desk.attestationCenter()), address(center));
    }

    /* HELPERS */

    /// @dev Waits until a task can be opened, opens it and fixes its seed.
    function _check(uint64 submissionId, address opener) private returns (uint64 taskId) {
        uint64 from = market.retention(submissionId).from;
        if (clock.clock() < from) mine(from - clock.clock());
        vm.prank(opener);
        taskId = desk.open{ value: CHECK_FEE }(submissionId);
        center.fixSeed(taskId);
    }

    /// @dev A task from its opening to its delivery.
    function _finish(uint64 submissionId, bytes memory result) private {
        uint64 taskId = _check(submissionId, bob);
        center.certify(taskId, result);
        mine(APPEAL_WINDOW);
        center.deliver(taskId);
    }

    function _close() private {
        vm.prank(owner);
        market.close(requestId);
        mine(CLOSE_NOTICE);
        market.reclaim(requestId);
    }

    function _expectHeld(uint64 submissionId, uint256 amount) private view {
        vm.assertEq(market.retention(submissionId).amount, amount, "held");
    }

    function _expectInvalid(Terms memory terms, bytes32 field) private {
        uint256 value = _fund(terms, 3 * terms.reward, 3 * terms.evaluationFee, BOND);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.InvalidTerm.selector, field));
        vm.prank(owner);
        market.createRequest{ value: value }(
            terms,
            _content("manifest"),
            _content("baseline"),
            3 * terms.reward,
            3 * terms.evaluationFee,
            BOND
        );
    }

    function _nothingRetained(uint64 submissionId) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelSubmissionErrors.NothingRetained.selector, submissionId);
    }

    function _deskNothing(uint64 submissionId) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRetentionDesk.NothingRetained.selector, submissionId);
    }
}

/// @dev Reads a result that comes as calldata.
contract VectorReader {
    function read(bytes calldata result) external pure returns (IRetentionDesk.Outcome) {
        return RetentionResult.decode(result);
    }
}

/// @dev Another market, as far as a desk asks.
contract OtherMarket {
    IModelSubmission private immutable _market;

    constructor(IModelSubmission market) {
        _market = market;
    }

    function marketClock() external view returns (address) {
        return address(_market.marketClock());
    }
}

/// @dev An opener that tries to withdraw again while it is paid.
contract ReenteringOpener {
    IRetentionDesk private immutable _desk;
    bool public again;

    constructor(IRetentionDesk desk) {
        _desk = desk;
    }

    function open(uint64 submissionId) external payable {
        _desk.open{ value: msg.value }(submissionId);
    }

    function withdraw() external {
        _desk.withdraw(address(this));
    }

    receive() external payable {
        (again,) = address(_desk).call(abi.encodeCall(IRetentionDesk.withdraw, (address(this))));
    }
}
