// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAvsGovernance,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents
} from "../../src/interfaces/IAvsGovernance.sol";
import { ISnapshotEvidence } from "../../src/interfaces/ISnapshotEvidence.sol";
import { ISnapshotTypes } from "../../src/interfaces/ISnapshots.sol";
import { SnapshotEvidence } from "../../src/spoke/SnapshotEvidence.sol";
import { SpokeFixture } from "./SpokeFixture.sol";

/// @dev Snapshots at home, and faults of who signs others (7.1, 7.4).
contract SnapshotEvidenceTest is SpokeFixture {
    Parcel internal first;

    function setUp() public override {
        super.setUp();
        first = _publish();
    }

    /* PUBLISHING */

    function test_publish_oneAfterTheOther() external {
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.EpochNotWritten.selector, 2));
        evidence.publish();
        Parcel memory second = _next();
        vm.assertEq(evidence.published(), 2);
        vm.assertEq(evidence.digestOf(2), second.digest);
        vm.assertEq(second.snapshot.previous, first.digest);
        vm.assertEq(evidence.digest(second.snapshot), second.digest);
    }

    function test_publish_tellsWhatASnapshotIs() external {
        mine(20);
        _rollAll();
        uint256 state = vm.snapshotState();
        Parcel memory second = _publish();
        vm.assertTrue(vm.revertToState(state));
        vm.expectEmit(address(evidence));
        emit ISnapshotEvidence.SnapshotPublished(
            2,
            second.digest,
            second.snapshot.snapshotBlock,
            first.digest,
            second.snapshot.content,
            second.snapshot.expiry
        );
        evidence.publish();
    }

    /// One that is over when it is published cannot certify anything anywhere.
    function test_publish_tooLateIsOver() external {
        mine(20);
        _rollAll();
        mine(701);
        uint256 state = vm.snapshotState();
        bytes32 digest = evidence.publish();
        vm.assertTrue(vm.revertToState(state));
        Parcel memory second = _pack(_membersOf(2));
        second.snapshot.epoch = 2;
        second.snapshot.snapshotBlock = governance.epochHead(2).snapshotBlock;
        second.snapshot.previous = first.digest;
        vm.assertEq(second.snapshot.expiry, 0);
        vm.assertEq(digest, evidence.digest(second.snapshot));
    }

    /* WRONG SNAPSHOTS */

    function test_wrong_isAFaultOfAllSigners() external {
        _next();
        Parcel memory forged = _forged(2, first.digest);
        ISnapshotTypes.Signatures memory signatures = _signed(1, forged.digest, 0x1f);
        vm.expectEmit(address(governance));
        emit IAvsGovernanceEvents.FaultRecorded(
            1,
            operators[0].operator,
            FaultKind.WrongSnapshot,
            2,
            forged.digest,
            uint64(vm.getBlockNumber() + 30)
        );
        vm.assertEq(evidence.proveWrong(forged.snapshot, signatures, 0x1f), 0x1f);
        vm.assertEq(governance.faultCount(), 5);
        for (uint256 i; i < 5; ++i) {
            vm.assertEq(governance.fault(i + 1).operator, operators[i].operator);
            vm.assertEq(governance.operatorInfo(operators[i].operator).openFaults, 1);
        }
        vm.assertEq(governance.operatorInfo(operators[5].operator).openFaults, 0);
        mine(30);
        governance.executeFault(1);
        vm.assertEq(eigen.lastSlash().operator, operators[0].operator);
        vm.assertEq(
            eigen.lastSlash().description, "Zarathustra: fault 1, epoch 2: wrong snapshot signed"
        );
    }

    /// An expiry that lies too late would let a set certify when it is gone.
    function test_wrong_alsoInItsTime() external {
        Parcel memory second = _next();
        ++second.snapshot.expiry;
        bytes32 digest = _digest(second.snapshot, HOME, address(governance));
        ISnapshotTypes.Signatures memory signatures = _signed(1, digest, 1);
        vm.assertEq(evidence.proveWrong(second.snapshot, signatures, 1), 1);
    }

    function test_wrong_ofAnEpochThatIsNotWritten() external {
        Parcel memory forged = _forged(2, first.digest);
        ISnapshotTypes.Signatures memory signatures = _signed(1, forged.digest, 3);
        vm.assertEq(evidence.proveWrong(forged.snapshot, signatures, 3), 3);
    }

    function test_wrong_needsThePublishedOne() external {
        mine(20);
        _rollAll();
        Parcel memory forged = _forged(2, first.digest);
        ISnapshotTypes.Signatures memory signatures = _signed(1, forged.digest, 1);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NotPublished.selector, 2));
        evidence.proveWrong(forged.snapshot, signatures, 1);
        _publish();
        evidence.proveWrong(forged.snapshot, signatures, 1);
    }

    function test_wrong_neverForTheRightOne() external {
        Parcel memory second = _next();
        ISnapshotTypes.Signatures memory signatures = _signed(1, second.digest, ALL);
        vm.expectRevert(
            abi.encodeWithSelector(ISnapshotEvidence.SnapshotIsRight.selector, second.digest)
        );
        evidence.proveWrong(second.snapshot, signatures, ALL);
    }

    /// Whatever is signed for a Spoke of another market is nothing here.
    function test_wrong_neverForAnotherHome() external {
        _next();
        Parcel memory forged = _forged(2, first.digest);
        bytes32 elsewhere = _digest(forged.snapshot, HOME + 1, address(governance));
        ISnapshotTypes.Signatures memory signatures = _signed(1, elsewhere, ALL);
        vm.expectRevert(
            abi.encodeWithSelector(ISnapshotTypes.InvalidAggregate.selector, forged.digest)
        );
        evidence.proveWrong(forged.snapshot, signatures, ALL);
    }

    /* CONFLICTS */

    function test_conflict_isAFaultOfWhoSignedBoth() external {
        Parcel memory one = _forged(2, first.digest);
        Parcel memory other = _forged(2, keccak256("another past"));
        ISnapshotTypes.Signatures memory left = _signed(1, one.digest, 0x0f);
        ISnapshotTypes.Signatures memory right = _signed(1, other.digest, 0x3c);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NotSigner.selector, 4));
        evidence.proveConflict(one.snapshot, left, other.snapshot, right, 0x1c);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NotSigner.selector, 1));
        evidence.proveConflict(one.snapshot, left, other.snapshot, right, 0x0e);
        evidence.proveConflict(one.snapshot, left, other.snapshot, right, 0x0c);
        vm.assertEq(governance.faultCount(), 2);
        vm.assertEq(governance.fault(1).operator, operators[2].operator);
        vm.assertEq(governance.fault(2).operator, operators[3].operator);
    }

    function test_conflict_refusesWhatIsNone() external {
        Parcel memory second = _next();
        Parcel memory third = _next();
        ISnapshotTypes.Signatures memory left = _signed(1, second.digest, ALL);
        ISnapshotTypes.Signatures memory right = _signed(1, third.digest, ALL);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISnapshotEvidence.NoConflict.selector, second.digest, second.digest
            )
        );
        evidence.proveConflict(second.snapshot, left, second.snapshot, left, ALL);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISnapshotEvidence.NoConflict.selector, second.digest, third.digest
            )
        );
        evidence.proveConflict(second.snapshot, left, third.snapshot, right, ALL);
    }

    function testFuzz_conflict_onlyTheIntersection(uint256 a, uint256 b, uint256 accused) external {
        (a, b, accused) = (bound(a, 1, ALL), bound(b, 1, ALL), bound(accused, 1, ALL));
        Parcel memory one = _forged(2, first.digest);
        Parcel memory other = _forged(2, keccak256("another past"));
        ISnapshotTypes.Signatures memory left = _signed(1, one.digest, a);
        ISnapshotTypes.Signatures memory right = _signed(1, other.digest, b);
        bool allowed = accused & ~(a & b) == 0;
        if (!allowed) vm.expectPartialRevert(ISnapshotEvidence.NotSigner.selector);
        evidence.proveConflict(one.snapshot, left, other.snapshot, right, accused);
        vm.assertEq(evidence.atFault(2), allowed ? accused : 0);
    }

    /* ONCE, IN TIME, BY WHO SIGNED */

    function test_once_forEachOperatorAndEpoch() external {
        Parcel memory one = _forged(2, first.digest);
        Parcel memory other = _forged(2, keccak256("another past"));
        ISnapshotTypes.Signatures memory left = _signed(1, one.digest, ALL);
        ISnapshotTypes.Signatures memory right = _signed(1, other.digest, ALL);
        evidence.proveWrong(one.snapshot, left, 0x03);
        vm.assertEq(evidence.proveWrong(other.snapshot, right, 0x07), 0x04);
        vm.assertEq(evidence.proveConflict(one.snapshot, left, other.snapshot, right, 0x0f), 0x08);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NobodyNew.selector, 2, 0x0f));
        evidence.proveWrong(other.snapshot, right, 0x0f);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NobodyNew.selector, 2, 0));
        evidence.proveWrong(other.snapshot, right, 0);
        vm.assertEq(governance.faultCount(), 4);
    }

    function test_once_onlyWhoHasStake() external {
        eigen.setStake(operators[1].operator, strategyA, 0);
        _next();
        Parcel memory forged = _forged(3, keccak256("past"));
        ISnapshotTypes.Signatures memory signatures;
        signatures = _signed(2, forged.digest, ALL - 2);
        // Position 1 is in no aggregate, so nobody can say that it did not sign, or that it did.
        signatures.nonSigners[0] = 0;
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NotSigner.selector, 1));
        evidence.proveWrong(forged.snapshot, signatures, 0x02);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NotSigner.selector, 200));
        evidence.proveWrong(forged.snapshot, signatures, 1 << 200);
        evidence.proveWrong(forged.snapshot, signatures, 0x01);
    }

    function test_late_isRefused() external {
        Parcel memory forged = _forged(2, first.digest);
        ISnapshotTypes.Signatures memory signatures = _signed(1, forged.digest, ALL);
        uint64 until = governance.evidenceUntil(1);
        vm.roll(until);
        evidence.proveWrong(forged.snapshot, signatures, 0x01);
        vm.roll(until + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ISnapshotEvidence.EvidenceTooLate.selector, 1, until, until + 1)
        );
        evidence.proveWrong(forged.snapshot, signatures, 0x02);
    }

    function test_certifiers_haveToBeThere() external {
        Parcel memory forged = _forged(9, first.digest);
        ISnapshotTypes.Signatures memory signatures = _signed(1, forged.digest, ALL);
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NoCertifiers.selector, 9));
        evidence.proveWrong(forged.snapshot, signatures, ALL);
        forged.snapshot.epoch = 0;
        vm.expectRevert(abi.encodeWithSelector(ISnapshotEvidence.NoCertifiers.selector, 0));
        evidence.proveWrong(forged.snapshot, signatures, ALL);
    }

    /* GOVERNANCE */

    function test_recordSnapshotFault_onlyByTheEvidence() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvsGovernanceErrors.NotSnapshotEvidence.selector, address(center)
            )
        );
        vm.prank(address(center));
        governance.recordSnapshotFault(operators[0].operator, 2, first.digest);
    }

    function test_setSnapshotEvidence_once() external {
        vm.assertEq(governance.snapshotEvidence(), address(evidence));
        vm.expectRevert(IAvsGovernanceErrors.AlreadySet.selector);
        governance.setSnapshotEvidence(address(this));
        _expectUnauthorized(operators[0].operator);
        governance.setSnapshotEvidence(address(this));
        IAvsGovernance other = _deploy(_parameters());
        vm.expectRevert(IAvsGovernanceErrors.ZeroAddress.selector);
        other.setSnapshotEvidence(address(0));
        vm.expectEmit(address(other));
        emit IAvsGovernanceEvents.SnapshotEvidenceSet(address(evidence));
        other.setSnapshotEvidence(address(evidence));
    }

    function test_constructor_refuses() external {
        vm.expectRevert(ISnapshotTypes.ZeroAddress.selector);
        new SnapshotEvidence(IAvsGovernance(address(0)), 1, 1);
        vm.expectRevert(ISnapshotEvidence.InvalidFirstEpoch.selector);
        new SnapshotEvidence(governance, 0, 1);
        vm.expectRevert(ISnapshotEvidence.InvalidBlockTime.selector);
        new SnapshotEvidence(governance, 1, 0);
    }
}
