// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISnapshotTypes } from "../../src/interfaces/ISnapshots.sol";
import { ISpoke, ISpokeTypes } from "../../src/interfaces/ISpoke.sol";
import { SpokeFixture } from "./SpokeFixture.sol";

/// @dev Results and champions away from home (7.3).
contract SpokeResultsTest is SpokeFixture {
    Parcel internal first;

    function setUp() public override {
        super.setUp();
        first = _publish();
        _reseed(first);
    }

    /* RESULTS */

    /// What home has taken, and what is the same there.
    function test_verify_takesWhatHomeTook() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        vm.chainId(AWAY);
        bytes32 claimId = spoke.verify(proof);
        vm.chainId(HOME);
        bytes32 expected =
            center.claimIdOf(proof.taskId, proof.turn, proof.performer, keccak256(RESULT));
        vm.assertEq(claimId, expected);
        vm.assertTrue(center.task(proof.taskId).state == TaskState.Certified);
    }

    function test_verify_underALaterEpoch() external {
        _advance(_next());
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        vm.assertEq(proof.epoch, 2);
        spoke.verify(proof);
    }

    /// The performer's claim counts where its vote is missing, as at home.
    function test_verify_countsThePerformersClaim() external {
        uint64 taskId = center.taskCount() + 1;
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        vm.assertEq(proof.taskId, taskId);
        uint256 signers = _others(proof.performerIndex, 4);
        bytes32 claimId = spoke.verify(proof);
        Certificate memory certificate =
            _certificate(CertificateKind.Approve, taskId, claimId, signers);
        proof.approval.nonSigners = certificate.nonSigners;
        proof.approval.signature = certificate.signature;
        _expectVerifyReverts(
            proof, abi.encodeWithSelector(ISpoke.QuorumNotReached.selector, 400, 600)
        );
        proof.claimSignature = _claim(taskId, 0, RESULT).signature;
        spoke.verify(proof);

        // One who signed a claim and a vote counts once.
        signers = _others(proof.performerIndex, 3) | _bit(proof.performerIndex);
        certificate = _certificate(CertificateKind.Approve, taskId, claimId, signers);
        proof.approval.nonSigners = certificate.nonSigners;
        proof.approval.signature = certificate.signature;
        _expectVerifyReverts(
            proof, abi.encodeWithSelector(ISpoke.QuorumNotReached.selector, 400, 600)
        );
    }

    function test_verify_refusesAnotherClaimSigner() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        uint32 other = proof.performerIndex == 0 ? 1 : 0;
        proof.claimSignature =
        _claimBy(proof.taskId, 0, proof.performerIndex, operators[other], RESULT).signature;
        bytes32 digest = center.claimDigest(proof.taskId, 0, proof.performer, keccak256(RESULT));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(operators[other].signerKey, digest);
        proof.claimSignature = abi.encodePacked(r, s, v);
        _expectVerifyReverts(
            proof,
            abi.encodeWithSelector(
                ISpoke.WrongClaimSigner.selector,
                operators[other].signer,
                _at(proof.taskId, proof.performerIndex).signer
            )
        );
        proof.performerIndex = other;
        _expectVerifyReverts(
            proof,
            abi.encodeWithSelector(
                ISpoke.WrongPerformer.selector, proof.performer, operators[other].operator
            )
        );
    }

    /// Approval of a task of the market at the same address on another chain.
    function test_replay_refusesAnotherChainsResult() external {
        vm.chainId(HOME + 1);
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        vm.chainId(HOME);
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.verify(proof);
    }

    /// A vote to reject, a snapshot's signature and another result approve nothing.
    function test_replay_refusesSignaturesOfAnythingElse() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        bytes32 claimId = spoke.verify(proof);
        bytes32[4] memory approval = proof.approval.signature;
        proof.approval.signature = _votes(proof.taskId, claimId, 1, 2, ALL);
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.verify(proof);
        proof.approval.signature = _signed(1, first.digest, ALL).signature;
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.verify(proof);
        proof.approval.signature = approval;
        proof.result = "another";
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.verify(proof);
    }

    /// Votes under one epoch are none under another, even of the same operators.
    function test_verify_refusesAnotherEpoch() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        _advance(_next());
        proof.epoch = 2;
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.verify(proof);
        proof.epoch = 3;
        _expectVerifyReverts(proof, abi.encodeWithSelector(ISpoke.UnknownEpoch.selector, 3));
    }

    function test_verify_refusesLongResults() external {
        ISpokeTypes.ResultProof memory proof;
        proof.epoch = 1;
        proof.result = new bytes(4097);
        _expectVerifyReverts(
            proof, abi.encodeWithSelector(ISpoke.ResultTooLong.selector, 4097, 4096)
        );
    }

    function testFuzz_verify_needsMoreThanTwoThirds(uint256 signers) external {
        signers = bound(signers, 1, ALL);
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        bytes32 claimId = spoke.verify(proof);
        Certificate memory certificate =
            _certificate(CertificateKind.Approve, proof.taskId, claimId, signers);
        proof.approval.nonSigners = certificate.nonSigners;
        proof.approval.signature = certificate.signature;
        uint256 count;
        for (uint256 i; i < OPERATORS; ++i) {
            count += signers >> i & 1;
        }
        if (count > 4) {
            vm.assertEq(spoke.verify(proof), claimId);
        } else {
            _expectVerifyReverts(
                proof, abi.encodeWithSelector(ISpoke.QuorumNotReached.selector, 100 * count, 600)
            );
        }
    }

    /* STALE SETS */

    /// Epoch 1 is over while later ones are not: its operators may be gone, and could approve anything.
    function test_stale_refusesResultsOfAnOldSet() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        mine(300);
        _advance(_next());
        vm.warp(first.snapshot.expiry - LAG);
        spoke.verify(proof);
        vm.warp(first.snapshot.expiry - LAG + 1);
        vm.assertFalse(spoke.isFrozen());
        _expectVerifyReverts(
            proof,
            abi.encodeWithSelector(
                ISpoke.SetExpired.selector, 1, first.snapshot.expiry, vm.getBlockTimestamp()
            )
        );
    }

    function test_stale_frozenTakesNoResult() external {
        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, ALL);
        vm.warp(first.snapshot.expiry - LAG + 1);
        _expectVerifyReverts(proof, _frozenBy(1, first.snapshot.expiry));
    }

    /* CHAMPIONS */

    function test_champion_movesForwardOnly() external {
        ISpokeTypes.Subject memory older = _subject(9, keccak256("one"));
        ISpokeTypes.Subject memory newer = _subject(9, keccak256("two"));
        ISpokeTypes.ResultProof memory olderProof = _approved(_subjectHash(older), ALL);
        ISpokeTypes.ResultProof memory newerProof = _approved(_subjectHash(newer), ALL);
        vm.chainId(AWAY);
        spoke.moveChampion(olderProof, older);
        vm.assertEq(spoke.champion(9).digest, keccak256("one"));
        vm.expectEmit(address(spoke));
        emit ISpoke.ChampionMoved(9, newerProof.taskId, newer.championDigest, newer.championCidHash);
        spoke.moveChampion(newerProof, newer);
        ISpokeTypes.Champion memory champion = spoke.champion(9);
        vm.assertEq(champion.digest, keccak256("two"));
        vm.assertEq(champion.cidHash, newer.championCidHash);
        vm.assertEq(champion.taskId, newerProof.taskId);
        vm.expectRevert(
            abi.encodeWithSelector(ISpoke.NotForward.selector, olderProof.taskId, newerProof.taskId)
        );
        spoke.moveChampion(olderProof, older);
        vm.assertEq(spoke.champion(8).taskId, 0);
    }

    function test_champion_refusesWhatIsNotApproved() external {
        ISpokeTypes.Subject memory subject = _subject(9, keccak256("one"));
        ISpokeTypes.ResultProof memory proof = _approved(_subjectHash(subject), ALL);
        subject.championDigest = keccak256("mine");
        bytes32 mine_ = _subjectHash(subject);
        vm.expectRevert(
            abi.encodeWithSelector(ISpoke.WrongSubject.selector, mine_, proof.subjectHash)
        );
        spoke.moveChampion(proof, subject);
        proof.subjectHash = mine_;
        vm.expectPartialRevert(ISnapshotTypes.InvalidAggregate.selector);
        spoke.moveChampion(proof, subject);
        proof.kind = KIND + 1;
        vm.expectRevert(abi.encodeWithSelector(ISpoke.WrongKind.selector, KIND + 1, KIND));
        spoke.moveChampion(proof, subject);
    }

    function test_champion_afterReseeding() external {
        ISpokeTypes.Subject memory subject = _subject(9, keccak256("one"));
        ISpokeTypes.ResultProof memory proof = _approved(_subjectHash(subject), ALL);
        spoke.moveChampion(proof, subject);
        Parcel memory second = _next();
        spoke.reseed(second.snapshot, second.stakes, second.chunks, true);
        vm.assertEq(spoke.champion(9).digest, keccak256("one"));
        spoke.reseed(second.snapshot, second.stakes, second.chunks, false);
        vm.assertEq(spoke.champion(9).taskId, 0);
        vm.assertEq(spoke.champion(9).digest, 0);
    }
}
