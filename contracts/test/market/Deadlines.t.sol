// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterTypes
} from "../../src/interfaces/IAttestationCenter.sol";
import {
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev Every deadline is reached and its way out taken (specification 4.4).
contract DeadlinesTest is MarketTest, IModelSubmissionEvents {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create();
    }

    /* COMMITTED */

    function test_forfeit_burnsTheFeeAndReturnsTheRest() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        uint64 deadline = market.submission(submissionId).deadline;
        mine(REVEAL_WINDOW - 1);
        vm.expectRevert(_notDue(deadline));
        market.forfeit(submissionId);
        mine(1);
        vm.prank(bob); // anyone
        market.forfeit(submissionId);
        _assertEnded(submissionId, SubmissionState.Forfeited, Reason.RevealMissed);
        vm.assertEq(_nativeCredit(alice), DEPOSIT - FEE);
        vm.assertEq(BURN.balance, FEE);
        _assertIdle();
    }

    function test_forfeit_keepsNothingWhereARevealWouldHaveBeenInVain() external {
        requestId = _create(_terms(), REWARD, FEE, BOND);
        _submit(requestId, alice, "a");
        uint64 second = _commit(requestId, bob, "b");
        (uint64 first, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(REVEAL_WINDOW);
        _deliver(first);
        market.forfeit(second);
        _assertEnded(second, SubmissionState.Released, Reason.EscrowSpent);
        vm.assertEq(_nativeCredit(bob), DEPOSIT);
    }

    function test_forfeit_onlyCommitted() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        mine(REVEAL_WINDOW);
        _expectWrongState(submissionId, SubmissionState.Queued);
        market.forfeit(submissionId);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 9)
        );
        market.forfeit(9);
    }

    function test_forfeit_revealWindowStandsStillWhilePaused() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        uint64 deadline = market.submission(submissionId).deadline;
        clock.pause();
        mine(2 * REVEAL_WINDOW);
        vm.expectRevert(_notDue(deadline, deadline - REVEAL_WINDOW));
        market.forfeit(submissionId);
        clock.unpause();
        mine(REVEAL_WINDOW);
        clock.pause();
        market.forfeit(submissionId); // exits stay open
    }

    /* QUEUED */

    function test_release_returnsTheDeposit() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        uint64 deadline = market.submission(submissionId).deadline;
        mine(QUEUE_WINDOW - 1);
        vm.expectRevert(_notDue(deadline));
        market.release(submissionId);
        mine(1);
        vm.expectEmit(address(market));
        emit Settled(
            submissionId, requestId, SubmissionState.Released, Reason.QueueTimeout, 0, DEPOSIT, 0
        );
        vm.prank(bob); // anyone
        market.release(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.QueueTimeout);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        _assertIdle();
    }

    function test_release_fromTheMiddleOfTheQueue() external {
        uint64 first = _commit(requestId, alice, "a");
        uint64 second = _submit(requestId, bob, "b");
        mine(REVEAL_WINDOW - 1);
        _reveal(first, "a");
        uint64 third = _submit(requestId, bob, "c");
        mine(QUEUE_WINDOW - REVEAL_WINDOW + 1);
        market.release(second);
        _assertEnded(second, SubmissionState.Released, Reason.QueueTimeout);
        vm.assertEq(market.request(requestId).head, 0);
        _openAndFinish(first);
        vm.assertEq(market.request(requestId).head, 2);
        _openAndFinish(third);
        _assertIdle();
    }

    function test_release_onlyQueued() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        mine(QUEUE_WINDOW);
        _expectWrongState(submissionId, SubmissionState.Committed);
        market.release(submissionId);
    }

    /// @dev A submission that nobody released in time can still be opened.
    function test_release_lateOpeningStillWorks() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        mine(2 * QUEUE_WINDOW);
        vm.assertEq(market.open(requestId), submissionId);
    }

    /* FETCHING */

    function test_expire_withoutSeedReturnsEverything() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        market.open(requestId);
        uint64 due = uint64(block.number) + FETCH_WINDOW + REACH + 1;
        mine(FETCH_WINDOW + REACH);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.DeadlineNotPassed.selector, 1, due, due - 1
            )
        );
        market.expire(submissionId);
        mine(1);
        market.expire(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.SeedNotFixed);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        vm.assertEq(center.credit(address(market)), 0);
        _assertIdle();
    }

    /* EVALUATING */

    function test_expire_triesAgainOnceAtTheHeadWithTheSameSeed() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        uint64 behind = _submit(requestId, bob, "b");
        bytes32 seed = center.task(taskId).seed;
        uint64 due = clock.clock() + TASK_LIFE;
        mine(TASK_LIFE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.DeadlineNotPassed.selector, taskId, due, due - 1
            )
        );
        market.expire(submissionId);
        mine(1);
        vm.expectEmit(address(market));
        emit Retried(submissionId, taskId);
        vm.prank(bob); // anyone
        market.expire(submissionId);

        _assertState(submissionId, SubmissionState.Evaluating, Reason.None);
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(submission.taskId, taskId);
        vm.assertEq(submission.deadline, clock.clock() + TASK_LIFE);
        vm.assertEq(center.task(taskId).seed, seed);
        vm.assertEq(market.request(requestId).active, submissionId);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.TaskOpen.selector, requestId, submissionId
            )
        );
        market.open(requestId);

        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.Accepted, Reason.Better);
        _openAndFinish(behind);
    }

    function test_expire_secondTimeReturnsEverything() external {
        (uint64 submissionId,) = _evaluating();
        mine(TASK_LIFE);
        market.expire(submissionId);
        mine(TASK_LIFE);
        vm.expectEmit(address(market));
        emit Settled(
            submissionId, requestId, SubmissionState.Released, Reason.NoQuorum, 0, DEPOSIT, 0
        );
        market.expire(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.NoQuorum);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        vm.assertEq(address(center).balance, 0);
        _assertIdle();
        // Never judged, so not a duplicate.
        uint64 again = _submit(requestId, bob, "a");
        vm.assertEq(market.open(requestId), again);
    }

    function test_expire_worksWhilePaused() external {
        (uint64 submissionId,) = _evaluating();
        mine(TASK_LIFE);
        clock.pause();
        market.expire(submissionId);
        clock.unpause();
        mine(TASK_LIFE);
        clock.pause();
        market.expire(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.NoQuorum);
    }

    function test_expire_taskLifeStandsStillWhilePaused() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        uint64 due = clock.clock() + TASK_LIFE;
        clock.pause();
        mine(2 * TASK_LIFE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.DeadlineNotPassed.selector, taskId, due, due - TASK_LIFE
            )
        );
        market.expire(submissionId);
    }

    /* WAITING FOR AN EPOCH */

    function test_expire_waitsForAnEpochAndTriesWhenThereIsOne() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        mine(TASK_LIFE);
        center.setEpochUsable(false);
        uint64 until = clock.clock() + QUEUE_WINDOW;
        vm.expectEmit(address(market));
        emit RetryWaiting(submissionId, taskId, until);
        market.expire(submissionId);
        _assertState(submissionId, SubmissionState.Evaluating, Reason.None);
        vm.assertEq(market.submission(submissionId).deadline, until);
        vm.assertEq(market.request(requestId).active, submissionId);

        mine(1);
        vm.expectRevert(_notDue(until, until - QUEUE_WINDOW + 1));
        market.expire(submissionId);

        center.setEpochUsable(true);
        vm.expectEmit(address(market));
        emit Retried(submissionId, taskId);
        market.expire(submissionId);
        vm.assertEq(market.submission(submissionId).deadline, clock.clock() + TASK_LIFE);
        // The second try has its own end.
        mine(TASK_LIFE);
        market.expire(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.NoQuorum);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        _assertIdle();
    }

    function test_expire_refundsWhenTheWaitIsOver() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        mine(TASK_LIFE);
        center.setEpochUsable(false);
        market.expire(submissionId);
        mine(QUEUE_WINDOW);
        market.expire(submissionId);
        _assertEnded(submissionId, SubmissionState.Released, Reason.NoQuorum);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);
        vm.assertTrue(center.task(taskId).isFinal);
        _assertIdle();
    }

    function test_expire_lateWaitStillPrefersAnEpoch() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        mine(TASK_LIFE);
        center.setEpochUsable(false);
        market.expire(submissionId);
        mine(2 * QUEUE_WINDOW);
        center.setEpochUsable(true);
        market.expire(submissionId);
        vm.assertEq(
            uint256(center.task(taskId).state),
            uint256(IAttestationCenterTypes.TaskState.Evaluating)
        );
    }

    /* CERTIFIED */

    /// @dev A certificate cannot be overtaken by an expiry, however late it is delivered; that is its way out.
    function test_expire_neverOvertakesACertificate() external {
        (uint64 submissionId, uint64 taskId) = _evaluating();
        center.certify(taskId, _same());
        mine(10 * TASK_LIFE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAttestationCenterErrors.WrongState.selector,
                taskId,
                IAttestationCenterTypes.TaskState.Certified
            )
        );
        market.expire(submissionId);
        _deliver(submissionId);
        _assertEnded(submissionId, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
    }

    function test_expire_onlyWithATask() external {
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 1)
        );
        market.expire(1);
        uint64 submissionId = _commit(requestId, alice, "a");
        _expectWrongState(submissionId, SubmissionState.Committed);
        market.expire(submissionId);
        _reveal(submissionId, "a");
        _expectWrongState(submissionId, SubmissionState.Queued);
        market.expire(submissionId);
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _same());
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _expectWrongState(submissionId, SubmissionState.NotBetter);
        market.expire(submissionId);
    }

    /* HELPERS */

    function _evaluating() private returns (uint64 submissionId, uint64 taskId) {
        _submit(requestId, alice, "a");
        return _start(requestId);
    }

    function _openAndFinish(uint64 expected) private {
        (uint64 submissionId, uint64 taskId) = _start(requestId);
        vm.assertEq(submissionId, expected);
        center.certify(taskId, _same());
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
    }

    function _notDue(uint64 deadline) private pure returns (bytes memory) {
        return _notDue(deadline, deadline - 1);
    }

    function _notDue(uint64 deadline, uint64 now_) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelSubmissionErrors.NotDue.selector, deadline, now_);
    }

    function _expectWrongState(uint64 submissionId, SubmissionState state) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongSubmissionState.selector, submissionId, state
            )
        );
    }

    /// @dev Nothing pends, and every wei is owed to somebody.
    function _assertIdle() private view {
        Request memory request = market.request(requestId);
        vm.assertEq(request.pending, 0, "pending");
        vm.assertEq(request.active, 0, "active");
        vm.assertEq(request.head, request.queueLength, "head");
        vm.assertEq(market.liabilities(NATIVE), address(market).balance, "solvency");
    }
}
