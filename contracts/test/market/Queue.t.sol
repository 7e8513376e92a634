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

/// @dev The queue and the opening of tasks (specification 4.5, 5.5).
contract QueueTest is MarketTest, IModelSubmissionEvents {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create();
    }

    function test_open_startsTheHeadsTask() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        uint256 owed = market.liabilities(NATIVE);
        vm.expectEmit(address(market));
        emit TaskAssigned(submissionId, requestId, 1, 0);
        vm.prank(bob); // anyone
        vm.assertEq(market.open(requestId), submissionId);

        IAttestationCenterTypes.Task memory task = center.task(1);
        vm.assertEq(task.kind, KIND);
        vm.assertEq(task.fee, FEE);
        vm.assertEq(task.subjectHash, market.subjectHash(submissionId));
        vm.assertEq(address(center).balance, FEE);
        vm.assertEq(owed - market.liabilities(NATIVE), FEE);

        vm.assertEq(market.request(requestId).active, submissionId);
        vm.assertEq(market.submissionOfTask(1), submissionId);
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Fetching));
        vm.assertEq(submission.taskId, 1);
        vm.assertEq(submission.deposit, DEPOSIT - FEE);
        vm.assertEq(submission.championAtOpen, 0);
    }

    function test_submission_followsItsTask() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        market.open(requestId);
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Fetching));
        vm.assertEq(submission.deadline, block.number + FETCH_WINDOW + REACH + 1);
        center.fixSeed(1);
        submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Evaluating));
        vm.assertEq(submission.deadline, clock.clock() + TASK_LIFE);
    }

    function test_subjectHash_followsTheSpecification() external {
        uint64 first = _settle(requestId, alice, "a", _better());
        uint64 second = _submit(requestId, bob, "b");
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongSubmissionState.selector, second, SubmissionState.Queued
            )
        );
        market.subjectHash(second);
        market.open(requestId);
        vm.assertEq(market.subjectHash(first), _subject(first, "baseline", "a"));
        vm.assertEq(market.subjectHash(second), _subject(second, "a", "b"));
        vm.assertEq(center.task(2).subjectHash, _subject(second, "a", "b"));
    }

    function test_open_keepsTheOrderOfCommits() external {
        uint64 first = _commit(requestId, alice, "a");
        uint64 second = _commit(requestId, bob, "b");
        _reveal(second, "b");
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.HeadNotRevealed.selector,
                first,
                market.submission(first).deadline
            )
        );
        market.open(requestId);
        _reveal(first, "a");
        vm.assertEq(market.open(requestId), first);
    }

    function test_open_oneTaskARequest() external {
        uint64 first = _submit(requestId, alice, "a");
        _submit(requestId, bob, "b");
        (, uint64 taskId) = _start(requestId);
        _expectTaskOpen(first);
        center.certify(taskId, _same());
        _expectTaskOpen(first); // still in the appeal window
        mine(APPEAL_WINDOW);
        _deliver(first);
        vm.assertEq(market.open(requestId), 2);
    }

    function test_open_requestsAreIndependent() external {
        uint64 other = _create();
        uint64 first = _submit(requestId, alice, "a");
        uint64 second = _submit(other, alice, "a");
        vm.assertEq(market.open(requestId), first);
        vm.assertEq(market.open(other), second);
    }

    function test_open_refusals() external {
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 5));
        market.open(5);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.NothingToOpen.selector, requestId)
        );
        market.open(requestId);
        _submit(requestId, alice, "a");
        clock.pause();
        vm.expectRevert(IModelSubmissionErrors.MarketPaused.selector);
        market.open(requestId);
        clock.unpause();
        center.setEpochUsable(false);
        vm.expectRevert(IAttestationCenterErrors.EpochNotUsable.selector);
        market.open(requestId);
        _assertState(1, SubmissionState.Queued, Reason.None);
    }

    function test_open_forfeitsOverdueHeadsAndGoesOn() external {
        uint64 first = _commit(requestId, alice, "a");
        uint64 second = _commit(requestId, alice, "b");
        mine(REVEAL_WINDOW - 1);
        uint64 third = _submit(requestId, bob, "c");
        mine(1);
        vm.assertEq(market.open(requestId), third);
        _assertEnded(first, SubmissionState.Forfeited, Reason.RevealMissed);
        _assertEnded(second, SubmissionState.Forfeited, Reason.RevealMissed);
        vm.assertEq(_nativeCredit(alice), 2 * uint256(DEPOSIT - FEE));
        vm.assertEq(BURN.balance, 2 * uint256(FEE));
        vm.assertEq(market.request(requestId).head, 2);
    }

    /// @dev What was done on the way stays done when the new head may still be revealed.
    function test_open_stopsAtAHeadThatMayStillReveal() external {
        uint64 first = _commit(requestId, alice, "a");
        mine(REVEAL_WINDOW - 1);
        uint64 second = _commit(requestId, bob, "b");
        mine(1);
        vm.assertEq(market.open(requestId), 0);
        _assertEnded(first, SubmissionState.Forfeited, Reason.RevealMissed);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.HeadNotRevealed.selector,
                second,
                market.submission(second).deadline
            )
        );
        market.open(requestId);
    }

    function test_open_releasesTheChampionsDigest() external {
        uint64 submissionId = _submit(requestId, alice, "baseline");
        vm.assertEq(market.open(requestId), 0);
        _assertEnded(submissionId, SubmissionState.Released, Reason.Duplicate);
        vm.assertEq(_nativeCredit(alice), DEPOSIT);

        _settle(requestId, alice, "a", _better());
        uint64 copy = _submit(requestId, bob, "a");
        uint64 next = _submit(requestId, bob, "b");
        vm.assertEq(market.open(requestId), next);
        _assertEnded(copy, SubmissionState.Released, Reason.Duplicate);
    }

    /// @dev Once per champion: a new champion is a new comparison.
    function test_open_digestIsEvaluatedOncePerChampion() external {
        _settle(requestId, alice, "a", _same());
        uint64 again = _submit(requestId, bob, "a");
        uint64 winner = _submit(requestId, bob, "b");
        (uint64 opened, uint64 taskId) = _start(requestId);
        vm.assertEq(opened, winner);
        _assertEnded(again, SubmissionState.Released, Reason.Duplicate);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(winner);

        address carol = makeAddr("carol");
        vm.deal(carol, DEPOSIT);
        uint64 third = _submit(requestId, carol, "a");
        vm.assertEq(market.open(requestId), third);
    }

    function test_open_whatWasNeverEvaluatedMayComeAgain() external {
        bytes[4] memory results =
            [_failed(5), _failed(6), hex"", _scored(MIN_SAMPLES - 1, 2000, 3000, 4000)];
        for (uint256 i = 0; i < results.length; ++i) {
            _settle(requestId, alice, "a", results[i]);
            uint64 again = _submit(requestId, bob, "a");
            (uint64 opened, uint64 taskId) = _start(requestId);
            vm.assertEq(opened, again);
            center.certify(taskId, results[i]);
            mine(APPEAL_WINDOW);
            _deliver(again);
            requestId = _create();
        }
    }

    function test_open_whatWasFoundBadMayNotComeAgain() external {
        bytes[7] memory results =
            [_same(), _worse(), _failed(1), _failed(2), _failed(3), _failed(4), _failed(8)];
        for (uint256 i = 0; i < results.length; ++i) {
            _settle(requestId, alice, "a", results[i]);
            uint64 again = _submit(requestId, bob, "a");
            market.open(requestId);
            _assertEnded(again, SubmissionState.Released, Reason.Duplicate);
            requestId = _create();
        }
    }

    /// @dev Everything that remains is released, revealed or not, since none of it could be paid.
    function test_open_spentEscrowReleasesWhatRemains() external {
        requestId = _create(_terms(), REWARD, 3 * FEE, BOND);
        uint64 winner = _submit(requestId, alice, "a");
        uint64 second = _submit(requestId, bob, "b");
        uint64 third = _commit(requestId, bob, "c");
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(winner);

        vm.assertEq(market.open(requestId), 0);
        _assertEnded(second, SubmissionState.Released, Reason.EscrowSpent);
        _assertEnded(third, SubmissionState.Released, Reason.EscrowSpent);
        vm.assertEq(_nativeCredit(bob), 2 * uint256(DEPOSIT));
        Request memory request = market.request(requestId);
        vm.assertEq(request.pending, 0);
        vm.assertEq(request.head, 3);
    }

    function test_open_topUpBringsASpentRequestBack() external {
        requestId = _create(_terms(), REWARD, FEE, BOND);
        _settle(requestId, alice, "a", _better());
        uint64 second = _commit(requestId, bob, "b");
        market.topUp{ value: REWARD + uint256(FEE) }(requestId, REWARD, FEE, 0);
        _reveal(second, "b");
        vm.assertEq(market.open(requestId), second);
    }

    function test_open_spentBondReleases() external {
        requestId = _create(_terms(), 3 * REWARD, 3 * FEE, FEE + COMPENSATION);
        _submit(requestId, alice, "a");
        uint64 second = _submit(requestId, bob, "b");
        (uint64 first, uint64 taskId) = _start(requestId);
        center.certify(taskId, _failed(7));
        mine(APPEAL_WINDOW);
        _deliver(first);
        vm.assertEq(market.open(requestId), 0);
        _assertEnded(second, SubmissionState.Released, Reason.EvaluatorBondSpent);
    }

    /// @dev The bond must cover the fee and the compensation, to the last wei.
    function test_open_bondOneWeiShortOfTheNextFaultReleases() external {
        uint128 fault = FEE + COMPENSATION;
        requestId = _create(_terms(), 3 * REWARD, 3 * FEE, 2 * fault - 1);
        _settle(requestId, alice, "a", _failed(7));
        uint64 second = _submit(requestId, bob, "b");
        _assertEnded(second, SubmissionState.Released, Reason.EvaluatorBondSpent);
        market.topUp{ value: 1 }(requestId, 0, 0, 1);
        uint64 third = _submit(requestId, bob, "c");
        vm.assertEq(market.open(requestId), third);
    }

    /// @dev A long queue is passed over in bounded steps, which anyone can go on with.
    function test_open_passesOverALongQueueInBoundedSteps() external {
        uint32 steps = market.MAX_STEPS();
        Terms memory terms = _terms();
        terms.queueCap = 1000;
        requestId = _create(terms, REWARD, FEE, BOND);
        uint64 winner = _submit(requestId, alice, "a");
        uint32 rest = 2 * steps + 5;
        for (uint256 i = 0; i < rest; ++i) {
            _submit(requestId, bob, string(abi.encodePacked("b", i)));
        }
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(winner);

        market.open(requestId);
        vm.assertEq(market.request(requestId).pending, rest - steps);
        market.open(requestId);
        vm.assertEq(market.request(requestId).pending, rest - 2 * steps);
        market.open(requestId);
        vm.assertEq(market.request(requestId).pending, 0);
        vm.assertEq(_nativeCredit(bob), uint256(rest) * DEPOSIT);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.NothingToOpen.selector, requestId)
        );
        market.open(requestId);
    }

    /// @dev Submissions that ended behind a head are skipped, also when they are more than one call skips.
    function test_head_skipsWhatEndedBehindItInBoundedSteps() external {
        uint32 steps = market.MAX_STEPS();
        Terms memory terms = _terms();
        terms.queueCap = 1000;
        terms.revealWindow = 1000;
        requestId = _create(terms);
        uint64 head = _commit(requestId, alice, "head");
        uint32 ended = 2 * steps + 3;
        for (uint256 i = 0; i < ended; ++i) {
            _submit(requestId, bob, string(abi.encodePacked("b", i)));
        }
        mine(QUEUE_WINDOW);
        for (uint64 id = head + 1; id <= head + ended; ++id) {
            market.release(id);
        }
        vm.assertEq(market.request(requestId).head, 0);
        uint64 last = _submit(requestId, bob, "last");
        _reveal(head, "head");
        mine(QUEUE_WINDOW - 1);
        _submit(requestId, bob, "keeps the queue from running empty");
        mine(1);
        market.release(head);
        vm.assertEq(market.request(requestId).head, steps);
        vm.assertEq(market.open(requestId), 0);
        vm.assertEq(market.request(requestId).head, 2 * steps);
        vm.assertEq(market.open(requestId), last);
    }

    function _expectTaskOpen(uint64 active) private {
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.TaskOpen.selector, requestId, active)
        );
        market.open(requestId);
    }

    function _subject(uint64 submissionId, string memory champion, string memory challenger)
        private
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256(
                    "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)"
                ),
                requestId,
                submissionId,
                _content("manifest").digest,
                _content(champion).digest,
                keccak256(_content(champion).cid),
                _content(challenger).digest,
                keccak256(_content(challenger).cid),
                _content(challenger).size
            )
        );
    }
}
