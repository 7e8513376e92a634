// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ModelSubmission } from "../../src/ModelSubmission.sol";
import { IAttestationCenter } from "../../src/interfaces/IAttestationCenter.sol";
import { IMarketClock } from "../../src/interfaces/IMarketClock.sol";
import {
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { HostileToken } from "../mocks/Tokens.sol";
import { MarketTest } from "./MarketTest.sol";

import { IERC20Errors } from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @dev Creation, funding and closing of requests (specification 4.1, 4.2, 4.7).
contract RequestsTest is MarketTest, IModelSubmissionEvents {
    /* CREATION */

    function test_createRequest_nativeRewardKeepsTermsAndMoney() external {
        Terms memory terms = _terms();
        vm.expectEmit(address(market));
        emit RequestCreated(1, owner, terms, _content("manifest"), _content("baseline"));
        uint64 requestId = _create(terms, 2 ether, 0.03 ether, 0.06 ether);

        vm.assertEq(requestId, 1);
        vm.assertEq(market.requestCount(), 1);
        vm.assertEq(abi.encode(market.terms(1)), abi.encode(terms));
        vm.assertEq(abi.encode(market.manifest(1)), abi.encode(_content("manifest")));
        Request memory request = market.request(1);
        vm.assertEq(request.owner, owner);
        vm.assertEq(uint256(request.state), uint256(RequestState.Open));
        vm.assertEq(request.rewardEscrow, 2 ether);
        vm.assertEq(request.feeEscrow, 0.03 ether);
        vm.assertEq(request.evaluatorBond, 0.06 ether);
        vm.assertEq(address(market).balance, 2.09 ether);
        vm.assertEq(market.liabilities(NATIVE), 2.09 ether);
    }

    function test_createRequest_baselineIsFirstChampion() external {
        uint64 requestId = _create();
        vm.assertEq(market.championCount(requestId), 1);
        Champion memory champion = market.champion(requestId);
        vm.assertEq(abi.encode(champion.content), abi.encode(_content("baseline")));
        vm.assertEq(champion.submissionId, 0);
        vm.assertEq(champion.since, clock.clock());
        vm.assertEq(champion.score, 0);
        vm.assertEq(abi.encode(market.championAt(requestId, 0)), abi.encode(champion));
    }

    function test_createRequest_tokenRewardIsPulled() external {
        uint256 before = token.balanceOf(owner);
        _create(_tokenTerms(address(token)), 5 ether, 0.03 ether, 0.06 ether);
        vm.assertEq(before - token.balanceOf(owner), 5 ether);
        vm.assertEq(token.balanceOf(address(market)), 5 ether);
        vm.assertEq(market.liabilities(address(token)), 5 ether);
        vm.assertEq(market.liabilities(NATIVE), 0.09 ether);
    }

    function test_createRequest_tokenRewardValueNeedNotEqualReward() external {
        Terms memory terms = _tokenTerms(address(token));
        terms.rewardValue = 2 ether;
        vm.assertEq(_create(terms), 1);
    }

    function test_createRequest_refusedWhilePaused() external {
        clock.pause();
        _expectCreateRevert(
            _terms(), abi.encodeWithSelector(IModelSubmissionErrors.MarketPaused.selector)
        );
    }

    function test_createRequest_kindMustHaveTheMarketAsItsSource() external {
        center.registerKind(8, _definition(alice));
        Terms memory terms = _terms();
        terms.kind = 8;
        _expectInvalid(terms, "kind");
        terms.kind = 9; // never registered
        _expectInvalid(terms, "kind");
    }

    function test_createRequest_windowsAndCapsAreNotZero() external {
        Terms memory terms = _terms();
        terms.queueCap = 0;
        _expectInvalid(terms, "queueCap");
        terms = _terms();
        terms.revealWindow = 0;
        _expectInvalid(terms, "revealWindow");
        terms = _terms();
        terms.queueWindow = 0;
        _expectInvalid(terms, "queueWindow");
        terms = _terms();
        terms.closeNotice = 0;
        _expectInvalid(terms, "closeNotice");
        terms = _terms();
        terms.maxParameterBytes = 0;
        _expectInvalid(terms, "maxParameterBytes");
    }

    function test_createRequest_minSamplesAtLeastTwo() external {
        Terms memory terms = _terms();
        terms.minSamples = 1;
        _expectInvalid(terms, "minSamples");
        terms.minSamples = 2;
        _create(terms);
    }

    function test_createRequest_alphaBetweenOneAndOneTenth() external {
        Terms memory terms = _terms();
        terms.alphaPpb = 0;
        _expectInvalid(terms, "alphaPpb");
        terms.alphaPpb = 1e8 + 1;
        _expectInvalid(terms, "alphaPpb");
        terms.alphaPpb = 1e8; // fee at least 2 * 0.1 * 1 ether
        terms.evaluationFee = 0.2 ether;
        terms.unavailablePenalty = 0.2 ether;
        terms.deposit = 0.2 ether;
        _create(terms, REWARD, 0.2 ether, 0.22 ether);
        terms.alphaPpb = 1;
        _create(terms, REWARD, 0.2 ether, 0.22 ether);
    }

    function test_createRequest_toleranceIsPositive() external {
        Terms memory terms = _terms();
        terms.tolerance = 0;
        _expectInvalid(terms, "tolerance");
        terms.tolerance = -1;
        _expectInvalid(terms, "tolerance");
    }

    function test_createRequest_minImprovementIsTwiceTheTolerance() external {
        Terms memory terms = _terms();
        terms.tolerance = 10;
        terms.minImprovement = 19;
        _expectInvalid(terms, "minImprovement");
        terms.minImprovement = 20;
        _create(terms);
        // Twice the tolerance does not fit 64 bits here.
        terms.tolerance = type(int64).max;
        terms.minImprovement = type(int64).max;
        terms.slashMargin = type(int64).max;
        _expectInvalid(terms, "minImprovement");
    }

    function test_createRequest_slashMarginAtLeastMinImprovement() external {
        Terms memory terms = _terms();
        terms.slashMargin = terms.minImprovement - 1;
        _expectInvalid(terms, "slashMargin");
        terms.slashMargin = terms.minImprovement;
        _create(terms);
    }

    function test_createRequest_rewardIsNotZero() external {
        Terms memory terms = _terms();
        terms.reward = 0;
        terms.rewardValue = 0;
        _expectInvalid(terms, "reward");
    }

    function test_createRequest_nativeRewardIsItsOwnValue() external {
        Terms memory terms = _terms();
        terms.rewardValue = terms.reward - 1;
        _expectInvalid(terms, "rewardValue");
    }

    function test_createRequest_feeMakesRerollingLoseMoney() external {
        // alpha 0.001, reward 10 ether: at least 2 * 0.001 * 10 = 0.02 ether.
        Terms memory terms = _terms();
        terms.reward = 10 ether;
        terms.rewardValue = 10 ether;
        terms.unavailablePenalty = 0.03 ether;
        terms.evaluationFee = 0.02 ether - 1;
        _expectInvalid(terms, "evaluationFee");
        terms.evaluationFee = 0.02 ether;
        _create(terms);
    }

    function test_createRequest_feeAtLeastTheKindsMinimum() external {
        Terms memory terms = _terms();
        terms.reward = 1;
        terms.rewardValue = 1;
        terms.evaluationFee = MIN_FEE - 1;
        _expectInvalid(terms, "evaluationFee");
        terms.evaluationFee = MIN_FEE;
        _create(terms);
    }

    function test_createRequest_feeAtMostWhatATaskCanCarry() external {
        uint96 most = 2 ** 80 - 1;
        uint128 bond = uint128(most) + 1 + COMPENSATION;
        Terms memory terms = _terms();
        vm.deal(owner, 3 * uint256(most) + bond);
        terms.evaluationFee = most + 1;
        terms.deposit = most + 1;
        terms.unavailablePenalty = most + 1;
        _expectInvalid(terms, "evaluationFee", REWARD, most + 1, bond);
        terms.evaluationFee = most;
        _create(terms, REWARD, most, bond);
    }

    function test_createRequest_depositCoversTheFee() external {
        Terms memory terms = _terms();
        terms.deposit = terms.evaluationFee - 1;
        _expectInvalid(terms, "deposit");
        terms.deposit = terms.evaluationFee;
        terms.unavailablePenalty = terms.evaluationFee;
        _create(terms);
    }

    function test_createRequest_penaltyBetweenFeeAndDeposit() external {
        Terms memory terms = _terms();
        terms.unavailablePenalty = terms.evaluationFee - 1;
        _expectInvalid(terms, "unavailablePenalty");
        terms.unavailablePenalty = terms.deposit + 1;
        _expectInvalid(terms, "unavailablePenalty");
        terms.unavailablePenalty = terms.deposit;
        _create(terms);
        terms.unavailablePenalty = terms.evaluationFee;
        _create(terms);
    }

    function test_createRequest_escrowsCoverOneWinAndBondOneFault() external {
        Terms memory terms = _terms();
        _expectInvalid(terms, "rewardEscrow", REWARD - 1, FEE, FEE + COMPENSATION);
        _expectInvalid(terms, "feeEscrow", REWARD, FEE - 1, FEE + COMPENSATION);
        _expectInvalid(terms, "evaluatorBond", REWARD, FEE, FEE + COMPENSATION - 1);
        _create(terms, REWARD, FEE, FEE + COMPENSATION);
    }

    function test_createRequest_contentsAreBounded() external {
        Content memory good = _content("x");
        Content memory bad = _content("x");
        bad.cid = new bytes(35);
        _expectContentRevert(bad, good, _invalidCid(35));
        _expectContentRevert(good, bad, _invalidCid(35));
        bad.cid = new bytes(65);
        _expectContentRevert(bad, good, _invalidCid(65));
        bad.cid = new bytes(64);
        bad.size = 0;
        _expectContentRevert(bad, good, _invalidTerm("manifest"));
        _expectContentRevert(good, bad, _invalidTerm("baseline"));
        bad.size = 65_537;
        _expectContentRevert(bad, good, _invalidTerm("manifest"));
        bad.size = (1 << 20) + 1;
        _expectContentRevert(good, bad, _invalidTerm("baseline"));
        bad.size = 1 << 20;
        good.size = 65_536;
        vm.prank(owner);
        market.createRequest{ value: 2 ether }(
            _terms(), good, bad, 1.9 ether, 0.02 ether, 0.08 ether
        );
    }

    function test_createRequest_valueMustBeExact() external {
        Terms memory terms = _terms();
        uint256 right = uint256(REWARD) + FEE + BOND;
        for (uint256 value = right - 1; value <= right + 1; value += 2) {
            vm.expectRevert(
                abi.encodeWithSelector(IModelSubmissionErrors.WrongValue.selector, value, right)
            );
            vm.prank(owner);
            market.createRequest{ value: value }(
                terms, _content("manifest"), _content("baseline"), REWARD, FEE, BOND
            );
        }
    }

    function test_createRequest_tokenMustArriveInFull() external {
        HostileToken hostile = _hostileToken();
        Terms memory terms = _tokenTerms(address(hostile));

        hostile.setMode(HostileToken.Mode.FeeOnTransfer);
        _expectCreateRevert(terms, _movedWrong(3 * REWARD - 1, 3 * REWARD));
        hostile.setMode(HostileToken.Mode.Inflating);
        _expectCreateRevert(terms, _movedWrong(3 * REWARD + 1, 3 * REWARD));
        hostile.setMode(HostileToken.Mode.MovesNothing);
        _expectCreateRevert(terms, _movedWrong(0, 3 * REWARD));
        hostile.setMode(HostileToken.Mode.ReturnsFalse);
        _expectCreateRevert(
            terms,
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(hostile))
        );
        hostile.setMode(HostileToken.Mode.Honest);
        _create(terms);
        vm.assertEq(market.requestCount(), 1);
        vm.assertEq(market.liabilities(address(hostile)), 3 * REWARD);
    }

    function test_createRequest_tokenWithoutAllowanceOrCodeIsRefused() external {
        vm.prank(owner);
        token.approve(address(market), 0);
        _expectCreateRevert(
            _tokenTerms(address(token)),
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(market), 0, 3 * REWARD
            )
        );
        Terms memory terms = _tokenTerms(alice);
        vm.prank(owner);
        vm.expectRevert(bytes(""));
        market.createRequest{ value: uint256(FEE) + BOND }(
            terms, _content("manifest"), _content("baseline"), REWARD, FEE, BOND
        );
    }

    function test_constructor_refusesZeroAddresses() external {
        vm.expectRevert(_invalidTerm("attestationCenter"));
        new ModelSubmission(IAttestationCenter(address(0)), clock);
        vm.expectRevert(_invalidTerm("marketClock"));
        new ModelSubmission(IAttestationCenter(address(center)), IMarketClock(address(0)));
    }

    /* TOPPING UP */

    function test_topUp_byAnyoneAddsToEachPart() external {
        uint64 requestId = _create(_terms(), REWARD, FEE, BOND);
        vm.expectEmit(address(market));
        emit RequestToppedUp(requestId, 1 ether, 2 ether, 3 ether);
        vm.prank(alice);
        market.topUp{ value: 6 ether }(requestId, 1 ether, 2 ether, 3 ether);
        Request memory request = market.request(requestId);
        vm.assertEq(request.rewardEscrow, REWARD + 1 ether);
        vm.assertEq(request.feeEscrow, uint256(FEE) + 2 ether);
        vm.assertEq(request.evaluatorBond, BOND + 3 ether);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_topUp_pullsTokensAndChecksThem() external {
        HostileToken hostile = _hostileToken();
        uint64 requestId = _create(_tokenTerms(address(hostile)), REWARD, FEE, BOND);
        vm.startPrank(owner);
        market.topUp{ value: 1 ether }(requestId, REWARD, 1 ether, 0);
        vm.assertEq(market.request(requestId).rewardEscrow, 2 * REWARD);
        market.topUp{ value: 1 ether }(requestId, 0, 0, 1 ether);
        hostile.setMode(HostileToken.Mode.FeeOnTransfer);
        vm.expectRevert(_movedWrong(REWARD - 1, REWARD));
        market.topUp(requestId, REWARD, 0, 0);
        vm.stopPrank();
    }

    function test_topUp_refusals() external {
        uint64 requestId = _create();
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.WrongValue.selector, 1 ether, 2 ether)
        );
        market.topUp{ value: 1 ether }(requestId, 2 ether, 0, 0);

        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 2));
        market.topUp(2, 0, 0, 0);

        _closeFully(requestId);
        vm.prank(alice);
        vm.expectRevert(_wrongRequest(requestId, RequestState.Closed));
        market.topUp{ value: 1 ether }(requestId, 1 ether, 0, 0);
    }

    /* CLOSING */

    function test_close_startsTheNotice() external {
        uint64 requestId = _create();
        vm.expectEmit(address(market));
        emit RequestClosing(requestId, clock.clock() + CLOSE_NOTICE);
        vm.prank(owner);
        market.close(requestId);
        Request memory request = market.request(requestId);
        vm.assertEq(uint256(request.state), uint256(RequestState.Closing));
        vm.assertEq(request.closesAt, clock.clock() + CLOSE_NOTICE);
    }

    function test_close_refusals() external {
        uint64 requestId = _create();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.NotOwner.selector, alice));
        market.close(requestId);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 9));
        market.close(9);
        market.close(requestId);
        vm.expectRevert(_wrongRequest(requestId, RequestState.Closing));
        market.close(requestId);
    }

    function test_close_commitsGoOnUntilTheNoticeHasPassed() external {
        uint64 requestId = _create();
        vm.prank(owner);
        market.close(requestId);
        mine(CLOSE_NOTICE - 1);
        _commit(requestId, alice, "a");
        mine(1);
        bytes32 commitment = market.commitmentOf(bob, requestId, _content("b"), bob, 0);
        vm.prank(bob);
        vm.expectRevert(_wrongRequest(requestId, RequestState.Closing));
        market.commit{ value: DEPOSIT }(requestId, commitment);
    }

    function test_close_pendingSubmissionsAreStillEvaluated() external {
        uint64 requestId = _create();
        uint64 submissionId = _commit(requestId, alice, "a");
        vm.prank(owner);
        market.close(requestId);
        mine(CLOSE_NOTICE);
        _reveal(submissionId, "a");
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
        vm.assertEq(_nativeCredit(payout), REWARD);
    }

    function test_reclaim_creditsTheOwnerWhateverIsLeft() external {
        uint64 requestId = _create(_terms(), 2 ether, 0.03 ether, 0.06 ether);
        vm.prank(owner);
        market.close(requestId);
        mine(CLOSE_NOTICE);
        vm.expectEmit(address(market));
        emit RequestReclaimed(requestId, 2 ether, 0.09 ether);
        vm.prank(alice); // anyone
        market.reclaim(requestId);
        vm.assertEq(_nativeCredit(owner), 2.09 ether);
        Request memory request = market.request(requestId);
        vm.assertEq(uint256(request.state), uint256(RequestState.Closed));
        vm.assertEq(uint256(request.rewardEscrow) + request.feeEscrow + request.evaluatorBond, 0);

        uint256 before = owner.balance;
        vm.prank(owner);
        vm.assertEq(market.withdraw(NATIVE, owner), 2.09 ether);
        vm.assertEq(owner.balance - before, 2.09 ether);
        vm.assertEq(market.liabilities(NATIVE), 0);
    }

    function test_reclaim_tokenAndNativeAreSeparate() external {
        uint64 requestId = _create(_tokenTerms(address(token)), 2 ether, 0.03 ether, 0.06 ether);
        _closeFully(requestId);
        vm.assertEq(market.credit(owner, address(token)), 2 ether);
        vm.assertEq(_nativeCredit(owner), 0.09 ether);
    }

    function test_reclaim_refusals() external {
        uint64 requestId = _create();
        vm.expectRevert(_wrongRequest(requestId, RequestState.Open));
        market.reclaim(requestId);
        vm.prank(owner);
        market.close(requestId);
        uint64 closesAt = clock.clock() + CLOSE_NOTICE;
        mine(CLOSE_NOTICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.NotDue.selector, closesAt, closesAt - 1)
        );
        market.reclaim(requestId);
        mine(1);
        market.reclaim(requestId);
        vm.expectRevert(_wrongRequest(requestId, RequestState.Closed));
        market.reclaim(requestId);
    }

    /// @dev In each state that is not final the owner gets nothing out.
    function test_reclaim_waitsForEveryPendingSubmission() external {
        uint64 requestId = _create();
        vm.prank(owner);
        market.close(requestId);
        uint64 submissionId = _commit(requestId, alice, "a");
        mine(CLOSE_NOTICE);
        _expectPending(requestId, 1); // Committed
        _reveal(submissionId, "a");
        _expectPending(requestId, 1); // Queued
        market.open(requestId);
        _expectPending(requestId, 1); // Fetching
        uint64 taskId = market.submission(submissionId).taskId;
        _taskOf[submissionId] = taskId;
        center.fixSeed(taskId);
        _expectPending(requestId, 1); // Evaluating
        center.certify(taskId, _same());
        _expectPending(requestId, 1); // Certified
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        market.reclaim(requestId);
        vm.assertEq(_nativeCredit(owner), 3 * uint256(REWARD) + 3 * uint256(FEE) + BOND);
    }

    function test_closedRequestRefusesCommits() external {
        uint64 requestId = _create();
        _closeFully(requestId);
        vm.prank(alice);
        vm.expectRevert(_wrongRequest(requestId, RequestState.Closed));
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(1)));
    }

    /* HELPERS */

    function _closeFully(uint64 requestId) private {
        vm.prank(owner);
        market.close(requestId);
        mine(CLOSE_NOTICE);
        market.reclaim(requestId);
    }

    function _hostileToken() private returns (HostileToken hostile) {
        hostile = new HostileToken();
        hostile.mint(owner, 100 ether);
        vm.prank(owner);
        hostile.approve(address(market), type(uint256).max);
    }

    function _expectPending(uint64 requestId, uint32 pending) private {
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.StillPending.selector, requestId, pending)
        );
        market.reclaim(requestId);
    }

    function _expectInvalid(Terms memory terms, bytes32 field) private {
        _expectInvalid(terms, field, 3 * terms.reward, 3 * terms.evaluationFee, BOND);
    }

    function _expectInvalid(
        Terms memory terms,
        bytes32 field,
        uint128 reward,
        uint128 fee,
        uint128 bond
    ) private {
        uint256 value = _fund(terms, reward, fee, bond);
        vm.expectRevert(_invalidTerm(field));
        vm.prank(owner);
        market.createRequest{ value: value }(
            terms, _content("manifest"), _content("baseline"), reward, fee, bond
        );
    }

    function _expectCreateRevert(Terms memory terms, bytes memory revertData) private {
        uint256 value = _fund(terms, 3 * terms.reward, 3 * terms.evaluationFee, BOND);
        vm.expectRevert(revertData);
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

    function _expectContentRevert(
        Content memory manifest,
        Content memory baseline,
        bytes memory revertData
    ) private {
        uint256 value = uint256(REWARD) + FEE + BOND;
        vm.expectRevert(revertData);
        vm.prank(owner);
        market.createRequest{ value: value }(_terms(), manifest, baseline, REWARD, FEE, BOND);
    }

    function _invalidTerm(bytes32 field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelSubmissionErrors.InvalidTerm.selector, field);
    }

    function _invalidCid(uint256 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelSubmissionErrors.InvalidCid.selector, length);
    }

    function _movedWrong(uint256 moved, uint256 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IModelSubmissionErrors.TokenMovedWrongAmount.selector, moved, expected
        );
    }

    function _wrongRequest(uint64 requestId, RequestState state)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IModelSubmissionErrors.WrongRequestState.selector, requestId, state
        );
    }
}
