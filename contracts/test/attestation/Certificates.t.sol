// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceTypes } from "../../src/interfaces/IAvsGovernance.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Votes, quorum and outcomes (3.1 to 3.3), through submitTask.
contract CertificatesTest is AttestationFixture {
    uint64 internal taskId;
    Claim internal claim;
    bytes32 internal claimId;
    uint32 internal performer;

    function setUp() public override {
        super.setUp();
        taskId = _evaluating();
        claim = _claim(taskId, 0, RESULT);
        claimId = _claimId(taskId, claim, RESULT);
        performer = claim.performerIndex;
    }

    function _submit(CertificateKind kind, uint256 signers) private {
        Certificate memory certificate = _certificate(kind, taskId, claimId, signers);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function _expectRevertOn(CertificateKind kind, uint256 signers, bytes memory reason) private {
        Certificate memory certificate = _certificate(kind, taskId, claimId, signers);
        vm.expectRevert(reason);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /* APPROVE */

    function test_approve_certifies() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        mine(3);
        vm.expectEmit(address(center));
        emit TaskCertified(
            taskId, claimId, _at(taskId, performer).operator, 0, 600, 600, committed, RESULT
        );
        center.submitTask(taskId, claim, RESULT, certificate);

        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Certified);
        vm.assertEq(task.certifiedAt, governance.clock());
        vm.assertEq(task.deadline, governance.clock() + _definition().appealWindow);
        vm.assertFalse(task.delivered);
        vm.assertEq(task.commitment, keccak256(abi.encode(taskId, committed)));
        vm.assertEq(center.feeCommitmentOf(taskId, committed), task.commitment);
        vm.assertEq(logic.calls(), 0);
    }

    /// Three others and the performer hold 2/3 exactly.
    function test_approve_exactlyTwoThirdsIsNotEnough() external {
        uint256 signers = _others(performer, 3) | _bit(performer);
        _expectRevertOn(
            CertificateKind.Approve,
            signers,
            abi.encodeWithSelector(QuorumNotReached.selector, 400, 600)
        );
    }

    function test_approve_oneMoreIsEnough() external {
        _submit(CertificateKind.Approve, _others(performer, 4) | _bit(performer));
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
    }

    /// The claim is the performer's approval: four others suffice, and its bit counts neither way.
    function test_approve_countsThePerformerWithoutItsVote() external {
        _submit(CertificateKind.Approve, _others(performer, 4));
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
    }

    function test_approve_threeOthersWithoutThePerformerAreNotEnough() external {
        _expectRevertOn(
            CertificateKind.Approve,
            _others(performer, 3),
            abi.encodeWithSelector(QuorumNotReached.selector, 400, 600)
        );
    }

    function test_approve_endsTheTask() external {
        _submit(CertificateKind.Approve, ALL);
        _expectRevertOn(
            CertificateKind.Approve,
            ALL,
            abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Certified)
        );
    }

    function testFuzz_approve_iffMoreThanTwoThirds(uint8 bits) external {
        uint256 signers = bits & ALL;
        vm.assume(signers != 0);
        uint256 stake;
        for (uint256 i; i < OPERATORS; ++i) {
            if (signers >> i & 1 != 0 || i == performer) stake += 100;
        }
        if (stake > 400) {
            _submit(CertificateKind.Approve, signers);
            vm.assertTrue(center.task(taskId).state == TaskState.Certified);
        } else {
            _expectRevertOn(
                CertificateKind.Approve,
                signers,
                abi.encodeWithSelector(QuorumNotReached.selector, stake, 600)
            );
        }
    }

    /* REJECT */

    function test_reject_recordsTheFaultAndPassesTheTurn() external {
        mine(3);
        address operator = _at(taskId, performer).operator;
        vm.expectEmit(address(center));
        emit ClaimRejected(taskId, claimId, operator, 0, 1);
        _submit(CertificateKind.Reject, _others(performer, 5));

        vm.assertTrue(center.claimOutcome(claimId) == ClaimOutcome.Rejected);
        vm.assertEq(center.task(taskId).commitment, 0);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(1);
        vm.assertEq(fault.operator, operator);
        vm.assertEq(fault.taskId, taskId);
        vm.assertEq(fault.claimId, claimId);
        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Evaluating);
        vm.assertEq(task.turnBase, 1);
        vm.assertEq(task.turnBaseAt, governance.clock());
        (uint32 turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 1);
        vm.assertEq(logic.calls(), 0);
    }

    function test_reject_exactlyTwoThirdsIsNotEnough() external {
        _expectRevertOn(
            CertificateKind.Reject,
            _others(performer, 4),
            abi.encodeWithSelector(QuorumNotReached.selector, 400, 600)
        );
    }

    /// A performer that votes against its own claim does not reject it.
    function test_reject_doesNotCountThePerformer() external {
        _expectRevertOn(
            CertificateKind.Reject,
            _others(performer, 4) | _bit(performer),
            abi.encodeWithSelector(QuorumNotReached.selector, 400, 600)
        );
        _submit(CertificateKind.Reject, ALL);
        vm.assertTrue(center.claimOutcome(claimId) == ClaimOutcome.Rejected);
    }

    function test_reject_leavesTheTurnWhenAnotherIsRunning() external {
        mine(TURN_LENGTH);
        _submit(CertificateKind.Reject, _others(performer, 5));
        Task memory task = center.task(taskId);
        vm.assertEq(task.turnBase, 0);
        (uint32 turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 1);
    }

    function test_reject_decidesOnce() external {
        _submit(CertificateKind.Reject, _others(performer, 5));
        _expectRevertOn(
            CertificateKind.Approve,
            ALL,
            abi.encodeWithSelector(ClaimDecided.selector, claimId, ClaimOutcome.Rejected)
        );
        _expectRevertOn(
            CertificateKind.Reject,
            ALL,
            abi.encodeWithSelector(ClaimDecided.selector, claimId, ClaimOutcome.Rejected)
        );
        vm.assertEq(governance.faultCount(), 1);
    }

    /// After a false claim the next performer finishes the task on the same seed.
    function test_reject_nextTurnFinishesTheTask() external {
        bytes32 seed = center.task(taskId).seed;
        _submit(CertificateKind.Reject, _others(performer, 5));
        Claim memory next = _claim(taskId, 1, "truth");
        _submit(CertificateKind.Approve, taskId, next, "truth", ALL);
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
        vm.assertEq(center.task(taskId).seed, seed);
    }

    /* BLOCKED */

    function _untilBlockable() private {
        mine(TURN_LENGTH + VOTING_WINDOW);
    }

    /// A third rejects, so that approval is impossible, and the voting window is over.
    function test_block_passesWithoutFault() external {
        _untilBlockable();
        address operator = _at(taskId, performer).operator;
        vm.expectEmit(address(center));
        emit ClaimBlocked(taskId, claimId, operator, 0);
        _submit(CertificateKind.Blocked, _others(performer, 2));
        vm.assertTrue(center.claimOutcome(claimId) == ClaimOutcome.Blocked);
        vm.assertEq(governance.faultCount(), 0);
        _expectRevertOn(
            CertificateKind.Approve,
            ALL,
            abi.encodeWithSelector(ClaimDecided.selector, claimId, ClaimOutcome.Blocked)
        );
    }

    function test_block_lessThanAThirdIsNotEnough() external {
        _untilBlockable();
        _expectRevertOn(
            CertificateKind.Blocked,
            _others(performer, 1),
            abi.encodeWithSelector(QuorumNotReached.selector, 100, 600)
        );
    }

    function test_block_doesNotCountThePerformer() external {
        _untilBlockable();
        _expectRevertOn(
            CertificateKind.Blocked,
            _others(performer, 1) | _bit(performer),
            abi.encodeWithSelector(QuorumNotReached.selector, 100, 600)
        );
    }

    /// Nobody saves a liar by filing Blocked where Reject holds.
    function test_block_notWhereRejectHolds() external {
        _untilBlockable();
        _expectRevertOn(
            CertificateKind.Blocked,
            _others(performer, 5),
            abi.encodeWithSelector(RejectHolds.selector, 500, 600)
        );
    }

    function test_block_notBeforeTheVotingWindowIsOver() external {
        uint64 from = center.task(taskId).seedFixedAt + TURN_LENGTH + VOTING_WINDOW;
        mine(TURN_LENGTH + VOTING_WINDOW - 1);
        _expectRevertOn(
            CertificateKind.Blocked,
            _others(performer, 2),
            abi.encodeWithSelector(BlockedTooEarly.selector, from, from - 1)
        );
        mine(1);
        _submit(CertificateKind.Blocked, _others(performer, 2));
    }

    /// In a turn that was passed on early, the window counts from when that happened.
    function test_block_ofATurnThatWasPassedOn() external {
        mine(3);
        // Two claims of the same performer: the first is rejected, the second waits.
        Claim memory second = _claim(taskId, 0, "other");
        bytes32 secondId = _claimId(taskId, second, "other");
        _submit(CertificateKind.Reject, _others(performer, 5));
        uint64 passedAt = governance.clock();
        Certificate memory certificate =
            _certificate(CertificateKind.Blocked, taskId, secondId, _others(performer, 2));
        mine(VOTING_WINDOW - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                BlockedTooEarly.selector, passedAt + VOTING_WINDOW, passedAt + VOTING_WINDOW - 1
            )
        );
        center.submitTask(taskId, second, "other", certificate);
        mine(1);
        center.submitTask(taskId, second, "other", certificate);
        vm.assertTrue(center.claimOutcome(secondId) == ClaimOutcome.Blocked);
        // Turn 1 is running and stays.
        vm.assertEq(center.task(taskId).turnBase, 1);
        vm.assertEq(center.task(taskId).turnBaseAt, passedAt);
    }

    /// For every split of disjoint votes at most one outcome can be certified.
    function testFuzz_outcomes_excludeEachOther(uint8 yes, uint8 no) external {
        uint256 approving = yes & ALL;
        uint256 rejecting = no & ALL & ~approving & ~_bit(performer);
        vm.assume(approving != 0 && rejecting != 0);
        _untilBlockable();
        uint256 outcomes;
        uint256 state = vm.snapshotState();
        for (uint256 i; i < 3; ++i) {
            CertificateKind kind = CertificateKind(i);
            uint256 signers = kind == CertificateKind.Approve ? approving : rejecting;
            Certificate memory certificate = _certificate(kind, taskId, claimId, signers);
            try center.submitTask(taskId, claim, RESULT, certificate) {
                ++outcomes;
            } catch { }
            vm.revertToState(state);
        }
        vm.assertLe(outcomes, 1);
    }

    /* WHAT A CERTIFICATE IS BOUND TO */

    /// Rejecting votes do not approve, and the other way round.
    function test_votes_ofTheOtherVerdict() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        certificate.signature = _votes(taskId, claimId, 1, 2, ALL);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);

        certificate.kind = CertificateKind.Reject;
        certificate.signature = _votes(taskId, claimId, 1, 1, ALL);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function test_votes_ofAnotherPurpose() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        certificate.signature = _votes(taskId, claimId, 2, 1, ALL);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function test_votes_onAnotherClaim() external {
        Claim memory other = _claim(taskId, 0, "other");
        bytes32 otherId = _claimId(taskId, other, "other");
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        _expectInvalid(otherId);
        center.submitTask(taskId, other, "other", certificate);
    }

    /// Same subject, same performer, same result: another task is still another digest.
    function test_votes_onAnotherTask() external {
        uint64 second = _evaluating();
        Claim memory claim2 = _claim(second, 0, RESULT);
        bytes32 claimId2 = _claimId(second, claim2, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        _expectInvalid(claimId2);
        center.submitTask(second, claim2, RESULT, certificate);
    }

    /// Votes given before a task was reopened on another epoch do not count afterwards.
    function test_votes_onAnotherEpoch() external {
        Certificate memory old = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        mine(TASK_LIFE);
        center.expire(taskId);
        governance.rollEpoch(type(uint32).max);
        center.reopen(taskId);
        uint32 turn = center.task(taskId).turnBase;
        Claim memory next = _claim(taskId, turn, RESULT);
        _expectInvalid(_claimId(taskId, next, RESULT));
        center.submitTask(taskId, next, RESULT, old);
    }

    function test_votes_onAnotherChain() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        vm.chainId(777);
        // The performer signs for the new chain; the votes are still those of the old one.
        Claim memory there = _claim(taskId, 0, RESULT);
        _expectInvalid(_claimId(taskId, there, RESULT));
        center.submitTask(taskId, there, RESULT, certificate);
    }

    function _expectInvalid(bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, id));
    }

    /* BITMAPS */

    function test_bitmap_hidesNobody() external {
        // Five sign, and the bitmap says six.
        Certificate memory certificate =
            _certificate(CertificateKind.Approve, taskId, claimId, _others(performer, 5));
        certificate.nonSigners = _bitmap(0);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
        // Six sign, and the bitmap says five.
        certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        certificate.nonSigners = _bitmap(1);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function test_bitmap_refusesPositionsBeyondTheTable() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        certificate.nonSigners = _bitmap(_bit(OPERATORS));
        vm.expectRevert(abi.encodeWithSelector(EpochTable.UnknownNonSigner.selector, OPERATORS));
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /// With exactly the words that the table needs, nobody can be named twice.
    function test_bitmap_refusesOtherLengths() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        certificate.nonSigners = new uint256[](2);
        vm.expectRevert(abi.encodeWithSelector(EpochTable.WrongBitmapLength.selector, 2, 1));
        center.submitTask(taskId, claim, RESULT, certificate);
        certificate.nonSigners = new uint256[](0);
        vm.expectRevert(abi.encodeWithSelector(EpochTable.WrongBitmapLength.selector, 0, 1));
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function test_bitmap_refusesNobodySigning() external {
        Certificate memory certificate;
        certificate.kind = CertificateKind.Approve;
        certificate.nonSigners = _bitmap(ALL);
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /// A vote counted twice in the sum is not two operators.
    function test_bitmap_refusesRepeatedVotes() external {
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, claimId, ALL);
        bytes32 digest = center.voteDigest(taskId, claimId, 1, 1);
        uint256 twice = 2 * operators[0].secret;
        for (uint256 i = 1; i < OPERATORS - 1; ++i) {
            twice += operators[i].secret;
        }
        certificate.signature = BlsSigner.toWords(BlsSigner.vote(twice, digest));
        _expectInvalid(claimId);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /* AGE */

    function test_snapshot_refusedWhenTooOld() external {
        // A pause stops the deadline of the task, not the age of its snapshot.
        uint64 limit = governance.epochHead(1).certifiableUntil;
        governance.pause();
        vm.roll(limit + 1);
        _expectRevertOn(
            CertificateKind.Approve,
            ALL,
            abi.encodeWithSelector(SnapshotTooOld.selector, 1, 10_000, limit)
        );
        vm.roll(limit);
        _submit(CertificateKind.Approve, ALL);
    }

    function test_deadline_refusesAfterIt() external {
        Task memory task = center.task(taskId);
        mine(TASK_LIFE);
        _expectRevertOn(
            CertificateKind.Approve,
            ALL,
            abi.encodeWithSelector(DeadlinePassed.selector, taskId, task.deadline, task.deadline)
        );
    }

    function test_deadline_lastBlockCounts() external {
        mine(TASK_LIFE - 1);
        _submit(CertificateKind.Approve, ALL);
    }

    function test_submit_alsoWhilePaused() external {
        governance.pause();
        mine(TASK_LIFE + 1);
        _submit(CertificateKind.Approve, ALL);
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
    }

    /// A higher threshold is the kind's.
    function test_threshold_ofTheKind() external {
        TaskDefinition memory strict = _definition();
        strict.thresholdNumerator = 5;
        strict.thresholdDenominator = 6;
        center.registerKind(2, strict);
        taskId = center.openTask{ value: FEE }(2, SUBJECT);
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        claim = _claim(taskId, 0, RESULT);
        claimId = _claimId(taskId, claim, RESULT);
        performer = claim.performerIndex;
        _expectRevertOn(
            CertificateKind.Approve,
            _others(performer, 4) | _bit(performer),
            abi.encodeWithSelector(QuorumNotReached.selector, 500, 600)
        );
        _submit(CertificateKind.Approve, ALL);
    }
}
