// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IModelSubmission,
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { ReenteringPayee, RefusingPayee } from "../mocks/Payees.sol";
import { HostileToken } from "../mocks/Tokens.sol";
import { MarketTest } from "./MarketTest.sol";

import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @dev Pull payments, and those who misbehave: they block themselves and nobody else.
contract PayoutsTest is MarketTest, IModelSubmissionEvents {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create();
    }

    /* WITHDRAWING */

    function test_withdraw_sendsTheWholeCreditAnywhere() external {
        _settle(requestId, alice, "a", _same());
        vm.expectEmit(address(market));
        emit Withdrawn(alice, NATIVE, bob, DEPOSIT - FEE);
        uint256 before = bob.balance;
        vm.prank(alice);
        vm.assertEq(market.withdraw(NATIVE, bob), DEPOSIT - FEE);
        vm.assertEq(bob.balance - before, DEPOSIT - FEE);
        vm.assertEq(_nativeCredit(alice), 0);
        vm.prank(alice);
        vm.expectRevert(_nothing(alice, NATIVE));
        market.withdraw(NATIVE, bob);
    }

    function test_withdraw_onlyOnesOwnCredit() external {
        _settle(requestId, alice, "a", _same());
        vm.prank(bob);
        vm.expectRevert(_nothing(bob, NATIVE));
        market.withdraw(NATIVE, bob);
        vm.prank(alice);
        vm.expectRevert(_nothing(alice, address(token)));
        market.withdraw(address(token), alice);
    }

    function test_withdraw_toNowhereIsRefused() external {
        _settle(requestId, alice, "a", _same());
        vm.startPrank(alice);
        vm.expectRevert(_failed(NATIVE, address(0), DEPOSIT - FEE));
        market.withdraw(NATIVE, address(0));
        vm.expectRevert(_failed(NATIVE, address(market), DEPOSIT - FEE));
        market.withdraw(NATIVE, address(market));
        vm.assertEq(_nativeCredit(alice), DEPOSIT - FEE);
    }

    function test_receive_onlyFromAttestationCenter() external {
        vm.prank(alice);
        (bool sent, bytes memory answer) = address(market).call{ value: 1 }("");
        vm.assertFalse(sent);
        vm.assertEq(
            answer,
            abi.encodeWithSelector(IModelSubmissionErrors.NotAttestationCenter.selector, alice)
        );
    }

    function test_credits_addUpOverSubmissions() external {
        _settle(requestId, alice, "a", _same());
        _settle(requestId, alice, "b", _same());
        vm.assertEq(_nativeCredit(alice), 2 * uint256(DEPOSIT - FEE));
    }

    /* A PAYEE THAT REVERTS */

    function test_refusingPayee_blocksNobodyAndCanPullElsewhere() external {
        RefusingPayee refusing = new RefusingPayee();
        payout = address(refusing);
        uint64 first = _settle(requestId, alice, "a", _better());
        _assertEnded(first, SubmissionState.Accepted, Reason.Better);
        vm.expectRevert(_failed(NATIVE, payout, REWARD));
        refusing.withdraw(market, NATIVE, payout);

        address later = makeAddr("later");
        payout = later;
        uint64 second = _settle(requestId, bob, "b", _better());
        _assertEnded(second, SubmissionState.Accepted, Reason.Better);
        vm.prank(later);
        market.withdraw(NATIVE, later);
        vm.assertEq(later.balance, REWARD);

        refusing.withdraw(market, NATIVE, later);
        vm.assertEq(later.balance, 2 * uint256(REWARD));
    }

    /// @dev An address that refuses what is burned cannot hold up a settlement; the amount stays locked.
    function test_refusingBurnAddress_blocksNothing() external {
        vm.etch(BURN, address(new RefusingPayee()).code);
        uint64 submissionId = _settle(requestId, alice, "a", _worse());
        _assertEnded(submissionId, SubmissionState.Worse, Reason.SignificantlyWorse);
        vm.assertEq(BURN.balance, 0);
        vm.assertEq(_nativeCredit(BURN), DEPOSIT - FEE);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    /* REENTRY */

    function test_reenteringPayee_getsNothingTwice() external {
        ReenteringPayee payee = new ReenteringPayee(market);
        payout = address(payee);
        _settle(requestId, alice, "a", _better());
        bytes[4] memory calls = [
            abi.encodeCall(market.withdraw, (NATIVE, address(payee))),
            abi.encodeCall(market.open, (requestId)),
            abi.encodeCall(market.reclaim, (requestId)),
            abi.encodeCall(market.topUp, (requestId, 0, 0, 0))
        ];
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < calls.length; ++i) {
            payee.setCall(address(market), calls[i]);
            payee.withdraw();
            vm.assertFalse(payee.callSucceeded());
            vm.assertEq(payee.callAnswer(), _reentered());
            vm.assertEq(address(payee).balance, REWARD);
            vm.revertToState(state);
        }
    }

    function test_reenteringToken_isShutOut() external {
        HostileToken hostile = _hostileToken();
        bytes[5] memory calls = [
            abi.encodeCall(market.withdraw, (address(hostile), bob)),
            abi.encodeCall(
                market.createRequest,
                (_terms(), _content("manifest"), _content("baseline"), 0, 0, 0)
            ),
            abi.encodeCall(market.commit, (requestId, bytes32(uint256(1)))),
            abi.encodeCall(market.settle, (1, SubmissionState.Accepted, Reason.Better, 0)),
            abi.encodeCall(market.expire, (1))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            hostile.setCall(address(market), calls[i]);
            _create(_tokenTerms(address(hostile)));
            vm.assertFalse(hostile.callSucceeded());
            vm.assertEq(hostile.callAnswer(), _reentered());
        }
        vm.assertEq(market.liabilities(address(hostile)), 5 * 3 * uint256(REWARD));
        vm.assertEq(hostile.balanceOf(address(market)), 5 * 3 * uint256(REWARD));
    }

    /// @dev A delivery from within a payment finds the market locked; later it works.
    function test_reenteringPayee_cannotSpoilADelivery() external {
        ReenteringPayee payee = new ReenteringPayee(market);
        payout = address(payee);
        _settle(requestId, alice, "a", _better());
        uint64 submissionId = _certify(requestId, bob, "b", _same());
        mine(APPEAL_WINDOW);
        payee.setCall(address(center), abi.encodeCall(center.deliver, (_taskOf[submissionId])));
        payee.withdraw();
        vm.assertFalse(payee.callSucceeded());
        vm.assertEq(address(payee).balance, REWARD);
        _assertState(submissionId, SubmissionState.Certified, Reason.None);
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    /// @dev Not even one of the request that is being topped up.
    function test_reenteringToken_cannotSpoilADelivery() external {
        HostileToken hostile = _hostileToken();
        uint64 tokenRequest = _create(_tokenTerms(address(hostile)));
        uint64 submissionId = _certify(tokenRequest, alice, "a", _better());
        mine(APPEAL_WINDOW);
        hostile.setCall(address(center), abi.encodeCall(center.deliver, (_taskOf[submissionId])));
        vm.prank(owner);
        market.topUp(tokenRequest, REWARD, 0, 0);
        vm.assertFalse(hostile.callSucceeded());
        vm.assertEq(market.request(tokenRequest).rewardEscrow, 4 * uint256(REWARD));
        vm.assertEq(hostile.balanceOf(address(market)), 4 * uint256(REWARD));
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
    }

    /* TOKENS THAT TURN BAD AFTER THEY WERE TAKEN IN */

    function test_badToken_blocksNobodyElse() external {
        HostileToken hostile = _hostileToken();
        uint64 bad = _create(_tokenTerms(address(hostile)));
        HostileToken.Mode[5] memory modes = [
            HostileToken.Mode.Reverts,
            HostileToken.Mode.ReturnsFalse,
            HostileToken.Mode.MovesNothing,
            HostileToken.Mode.Inflating,
            HostileToken.Mode.FeeOnTransfer
        ];
        for (uint256 i = 0; i < modes.length; ++i) {
            uint256 state = vm.snapshotState();
            hostile.setMode(modes[i]);
            // Settlement needs no transfer: the winner gets the deposit back and the champion moves.
            uint64 submissionId = _settle(bad, alice, "a", _better());
            _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
            vm.assertEq(market.champion(bad).submissionId, submissionId);
            vm.prank(alice);
            market.withdraw(NATIVE, alice);
            // Other requests go on.
            uint64 other = _settle(requestId, bob, "b", _better());
            _assertEnded(other, SubmissionState.Accepted, Reason.Better);
            vm.prank(payout);
            market.withdraw(NATIVE, payout);
            vm.assertEq(market.credit(payout, address(hostile)), REWARD);
            vm.revertToState(state);
        }
    }

    function test_badToken_withdrawalMovesExactlyOrNotAtAll() external {
        HostileToken hostile = _hostileToken();
        uint64 bad = _create(_tokenTerms(address(hostile)));
        _settle(bad, alice, "a", _better());
        vm.startPrank(payout);
        hostile.setMode(HostileToken.Mode.Reverts);
        vm.expectRevert(bytes("no transfers today"));
        market.withdraw(address(hostile), payout);
        hostile.setMode(HostileToken.Mode.ReturnsFalse);
        vm.expectRevert(
            abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(hostile))
        );
        market.withdraw(address(hostile), payout);
        hostile.setMode(HostileToken.Mode.MovesNothing);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.TokenMovedWrongAmount.selector, 0, REWARD)
        );
        market.withdraw(address(hostile), payout);
        vm.assertEq(market.credit(payout, address(hostile)), REWARD);
        hostile.setMode(HostileToken.Mode.Honest);
        market.withdraw(address(hostile), payout);
        vm.assertEq(hostile.balanceOf(payout), REWARD);
    }

    function test_badToken_withdrawalToTheMarketItselfIsRefused() external {
        uint64 tokenRequest = _create(_tokenTerms(address(token)));
        _settle(tokenRequest, alice, "a", _better());
        vm.prank(payout);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.TokenMovedWrongAmount.selector, 0, REWARD)
        );
        market.withdraw(address(token), address(market));
    }

    /* ETHER THAT IS FORCED IN */

    function test_forcedEther_belongsToNobody() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        _start(requestId);
        vm.deal(address(market), address(market).balance + 5 ether);
        mine(TASK_LIFE);
        market.expire(submissionId);
        mine(TASK_LIFE);
        market.expire(submissionId);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        vm.assertEq(address(market).balance, market.liabilities(NATIVE) + 5 ether);
    }

    /* HELPERS */

    function _hostileToken() private returns (HostileToken hostile) {
        hostile = new HostileToken();
        hostile.mint(owner, 100 ether);
        vm.prank(owner);
        hostile.approve(address(market), type(uint256).max);
    }

    function _nothing(address account, address token_) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IModelSubmissionErrors.NothingToWithdraw.selector, account, token_
        );
    }

    function _failed(address token_, address to, uint256 amount)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            IModelSubmissionErrors.TransferFailed.selector, token_, to, amount
        );
    }

    function _reentered() private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }
}
