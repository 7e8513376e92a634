// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IModelSubmissionErrors,
    IModelSubmissionEvents
} from "../../src/interfaces/IModelSubmission.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev Commitments and reveals (specification 4.3, 4.4).
contract SubmissionsTest is MarketTest, IModelSubmissionEvents {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create();
    }

    /* COMMIT */

    function test_commit_reservesAPlaceUnderTheDeposit() external {
        uint256 owed = market.liabilities(NATIVE);
        bytes32 commitment =
            market.commitmentOf(alice, requestId, _content("a"), payout, bytes32(0));
        vm.expectEmit(address(market));
        emit Committed(1, requestId, alice, commitment, clock.clock() + REVEAL_WINDOW);
        uint64 submissionId = _commit(requestId, alice, "a");

        vm.assertEq(submissionId, 1);
        vm.assertEq(market.submissionCount(), 1);
        vm.assertEq(market.queueAt(requestId, 0), 1);
        vm.assertEq(market.queueAt(requestId, 1), 0);
        Submission memory submission = market.submission(1);
        vm.assertEq(submission.requestId, requestId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Committed));
        vm.assertEq(submission.optimizer, alice);
        vm.assertEq(submission.payout, address(0));
        vm.assertEq(submission.deposit, DEPOSIT);
        vm.assertEq(submission.committedAt, clock.clock());
        vm.assertEq(submission.deadline, clock.clock() + REVEAL_WINDOW);
        vm.assertEq(submission.commitment, commitment);
        vm.assertEq(submission.content.cid.length, 0);
        vm.assertEq(market.request(requestId).pending, 1);
        vm.assertEq(market.liabilities(NATIVE) - owed, DEPOSIT);
    }

    function test_commit_refusedWhilePaused() external {
        clock.pause();
        vm.prank(alice);
        vm.expectRevert(IModelSubmissionErrors.MarketPaused.selector);
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(1)));
    }

    function test_commit_refusesUnknownRequest() external {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 2));
        market.commit{ value: DEPOSIT }(2, bytes32(uint256(1)));
    }

    function test_commit_depositIsTheLeast() external {
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.WrongValue.selector, DEPOSIT - 1, DEPOSIT)
        );
        market.commit{ value: DEPOSIT - 1 }(requestId, bytes32(uint256(1)));
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(1)));
        vm.assertEq(_nativeCredit(alice), 0);
        // What is more is the sender's to withdraw.
        market.commit{ value: DEPOSIT + 7 }(requestId, bytes32(uint256(2)));
        vm.assertEq(market.submission(2).deposit, DEPOSIT);
        vm.assertEq(_nativeCredit(alice), 7);
    }

    function test_commit_queueHasACapOfPendingSubmissions() external {
        uint64 first = _commit(requestId, alice, "a");
        _commit(requestId, alice, "b");
        _commit(requestId, alice, "c");
        _commit(requestId, alice, "d");
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.QueueFull.selector, requestId, 4)
        );
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(1)));
        // A place is free as soon as one has ended.
        mine(REVEAL_WINDOW);
        market.forfeit(first);
        _commit(requestId, bob, "e");
    }

    /// @dev A commitment seen in the mempool can neither be taken nor used up by another sender.
    function test_commit_sameCommitmentOnceASender() external {
        bytes32 commitment =
            market.commitmentOf(alice, requestId, _content("a"), payout, bytes32(0));
        vm.prank(bob);
        market.commit{ value: DEPOSIT }(requestId, commitment);
        uint64 submissionId = _commit(requestId, alice, "a");
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.CommitmentUsed.selector, commitment)
        );
        market.commit{ value: DEPOSIT }(requestId, commitment);
        _reveal(submissionId, "a");
        _assertState(submissionId, SubmissionState.Queued, Reason.None);
    }

    /* COMMITMENT (specification 4.3) */

    function test_commitmentOf_followsTheSpecification() external view {
        Content memory content = _content("a");
        bytes32 salt = bytes32(uint256(99));
        vm.assertEq(
            market.commitmentOf(alice, requestId, content, payout, salt),
            keccak256(
                abi.encode(
                    keccak256("Zarathustra.Commit.v1"),
                    block.chainid,
                    address(market),
                    alice,
                    requestId,
                    content.digest,
                    keccak256(content.cid),
                    content.size,
                    payout,
                    salt
                )
            )
        );
    }

    /// @dev Each part that is bound, changed alone, is another opening.
    function test_reveal_bindsEveryPart() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        Content memory content = _content("a");
        content.digest = bytes32(uint256(1));
        _expectWrongOpening(submissionId, content, payout, 0);
        content = _content("a");
        content.cid[35] ^= 0x01;
        _expectWrongOpening(submissionId, content, payout, 0);
        content = _content("a");
        content.size += 1;
        _expectWrongOpening(submissionId, content, payout, 0);
        content = _content("a");
        _expectWrongOpening(submissionId, content, bob, 0);
        _expectWrongOpening(submissionId, content, payout, bytes32(uint256(1)));
        _reveal(submissionId, "a");
    }

    function test_reveal_bindsRequestAndChain() external {
        uint64 other = _create();
        bytes32 commitment = market.commitmentOf(alice, other, _content("a"), payout, bytes32(0));
        vm.startPrank(alice);
        uint64 submissionId = market.commit{ value: DEPOSIT }(requestId, commitment);
        bytes32 computed = market.commitmentOf(alice, requestId, _content("a"), payout, bytes32(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongOpening.selector, computed, commitment
            )
        );
        market.reveal(submissionId, _content("a"), payout, bytes32(0));
        vm.stopPrank();

        uint64 mine_ = _commit(requestId, alice, "a");
        vm.chainId(block.chainid + 1);
        _expectWrongOpening(mine_, _content("a"), payout, 0);
    }

    /// @dev A4: a copied commitment is a place in the queue that nobody can fill.
    function test_reveal_copiedCommitmentIsUseless() external {
        bytes32 commitment =
            market.commitmentOf(alice, requestId, _content("a"), payout, bytes32(0));
        vm.startPrank(bob);
        uint64 copied = market.commit{ value: DEPOSIT }(requestId, commitment);
        bytes32 computed = market.commitmentOf(bob, requestId, _content("a"), payout, bytes32(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongOpening.selector, computed, commitment
            )
        );
        market.reveal(copied, _content("a"), payout, bytes32(0));
    }

    /// @dev A4: nor can a seen reveal be played for the submission of another.
    function test_reveal_copiedRevealIsUseless() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.NotOptimizer.selector, bob));
        market.reveal(submissionId, _content("a"), payout, bytes32(0));
    }

    /* REVEAL */

    function test_reveal_queues() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        mine(REVEAL_WINDOW - 1);
        vm.expectEmit(address(market));
        emit Revealed(submissionId, requestId, _content("a"), payout);
        _reveal(submissionId, "a");
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(SubmissionState.Queued));
        vm.assertEq(submission.deadline, clock.clock() + QUEUE_WINDOW);
        vm.assertEq(submission.payout, payout);
        vm.assertEq(submission.deposit, DEPOSIT);
        vm.assertEq(abi.encode(submission.content), abi.encode(_content("a")));
    }

    function test_reveal_withoutPayoutPaysTheOptimizer() external {
        bytes32 commitment =
            market.commitmentOf(alice, requestId, _content("a"), address(0), bytes32(0));
        vm.startPrank(alice);
        uint64 submissionId = market.commit{ value: DEPOSIT }(requestId, commitment);
        market.reveal(submissionId, _content("a"), address(0), bytes32(0));
        vm.assertEq(market.submission(submissionId).payout, alice);
    }

    function test_reveal_worksWhilePaused() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        mine(REVEAL_WINDOW - 1);
        clock.pause();
        mine(10 * REVEAL_WINDOW);
        _reveal(submissionId, "a");
        _assertState(submissionId, SubmissionState.Queued, Reason.None);
    }

    function test_reveal_onlyOnce() external {
        uint64 submissionId = _submit(requestId, alice, "a");
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongSubmissionState.selector,
                submissionId,
                SubmissionState.Queued
            )
        );
        market.reveal(submissionId, _content("a"), payout, bytes32(0));
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 77)
        );
        market.reveal(77, _content("a"), payout, bytes32(0));
    }

    function test_reveal_contentIsBounded() external {
        Content memory content = _content("a");
        content.cid = new bytes(35);
        _expectContentRevert(content, _invalidCid(35));
        content.cid = new bytes(65);
        _expectContentRevert(content, _invalidCid(65));
        content.cid = new bytes(64);
        content.size = (1 << 20) + 1;
        _expectContentRevert(content, _tooLarge(content.size));
        content.size = 0;
        _expectContentRevert(content, _tooLarge(0));
        content.size = 1 << 20;
        uint64 submissionId = _commitContent(content);
        vm.prank(alice);
        market.reveal(submissionId, content, payout, bytes32(0));
        _assertState(submissionId, SubmissionState.Queued, Reason.None);
    }

    /// @dev A reveal that comes too late ends the submission instead of reverting.
    function test_reveal_lateForfeits() external {
        uint64 submissionId = _commit(requestId, alice, "a");
        mine(REVEAL_WINDOW);
        uint256 burned = BURN.balance;
        vm.expectEmit(address(market));
        emit Settled(
            submissionId,
            requestId,
            SubmissionState.Forfeited,
            Reason.RevealMissed,
            0,
            DEPOSIT - FEE,
            FEE
        );
        _reveal(submissionId, "a");
        _assertEnded(submissionId, SubmissionState.Forfeited, Reason.RevealMissed);
        vm.assertEq(_nativeCredit(alice), DEPOSIT - FEE);
        vm.assertEq(BURN.balance - burned, FEE);
    }

    function test_reveal_withSpentEscrowReleases() external {
        requestId = _create(_terms(), REWARD, 3 * FEE, BOND);
        uint64 second = _commitSecond();
        _reveal(second, "b");
        _assertEnded(second, SubmissionState.Released, Reason.EscrowSpent);
        vm.assertEq(_nativeCredit(bob), DEPOSIT);
        vm.assertEq(market.submission(second).content.cid.length, 0);
    }

    /// @dev Late and in vain: not the optimizer's fault, so the better of the two ends.
    function test_reveal_lateWithSpentEscrowReleases() external {
        requestId = _create(_terms(), REWARD, 3 * FEE, BOND);
        uint64 second = _commitSecond();
        mine(REVEAL_WINDOW);
        _reveal(second, "b");
        _assertEnded(second, SubmissionState.Released, Reason.EscrowSpent);
        vm.assertEq(_nativeCredit(bob), DEPOSIT);
    }

    function test_reveal_withSpentFeeEscrowReleases() external {
        requestId = _create(_terms(), 3 * REWARD, FEE, BOND);
        uint64 second = _commitSecond();
        _reveal(second, "b");
        _assertEnded(second, SubmissionState.Released, Reason.EscrowSpent);
    }

    function test_reveal_withSpentBondReleases() external {
        requestId = _create(_terms(), 3 * REWARD, 3 * FEE, FEE + COMPENSATION);
        _submit(requestId, alice, "a");
        uint64 second = _commit(requestId, bob, "b");
        _finishHead(_failed(8));
        _reveal(second, "b");
        _assertEnded(second, SubmissionState.Released, Reason.EvaluatorBondSpent);
        vm.assertEq(_nativeCredit(bob), DEPOSIT);
    }

    function test_reveal_duplicateIsQueuedAndReleasedAtOpening() external {
        _settle(requestId, alice, "a", _same());
        uint64 again = _submit(requestId, bob, "a");
        _assertState(again, SubmissionState.Queued, Reason.None);
        vm.assertEq(market.open(requestId), 0);
        _assertEnded(again, SubmissionState.Released, Reason.Duplicate);
    }

    /* HELPERS */

    /// @dev Alice's submission wins and spends the escrow; Bob has committed before.
    function _commitSecond() private returns (uint64 second) {
        _submit(requestId, alice, "a");
        second = _commit(requestId, bob, "b");
        _finishHead(_better());
    }

    function _finishHead(bytes memory result) private {
        (uint64 head, uint64 taskId) = _start(requestId);
        center.certify(taskId, result);
        mine(APPEAL_WINDOW);
        _deliver(head);
    }

    function _commitContent(Content memory content) private returns (uint64) {
        bytes32 commitment = market.commitmentOf(alice, requestId, content, payout, bytes32(0));
        vm.prank(alice);
        return market.commit{ value: DEPOSIT }(requestId, commitment);
    }

    function _expectContentRevert(Content memory content, bytes memory revertData) private {
        uint256 state = vm.snapshotState();
        uint64 submissionId = _commitContent(content);
        vm.prank(alice);
        vm.expectRevert(revertData);
        market.reveal(submissionId, content, payout, bytes32(0));
        vm.revertToState(state);
    }

    function _expectWrongOpening(
        uint64 submissionId,
        Content memory content,
        address payout_,
        bytes32 salt
    ) private {
        bytes32 commitment = market.submission(submissionId).commitment;
        bytes32 computed = market.commitmentOf(alice, requestId, content, payout_, salt);
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelSubmissionErrors.WrongOpening.selector, computed, commitment
            )
        );
        market.reveal(submissionId, content, payout_, salt);
    }

    function _invalidCid(uint256 length) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IModelSubmissionErrors.InvalidCid.selector, length);
    }

    function _tooLarge(uint64 size) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IModelSubmissionErrors.ParametersTooLarge.selector, size, 1 << 20
            );
    }
}
