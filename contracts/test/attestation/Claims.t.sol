// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Turns (2.5) and claims (2.6). A claim that is forged, early or malformed decides nothing, whoever votes
/// for it, and nobody is at fault for it.
contract ClaimsTest is AttestationFixture {
    uint64 internal taskId;

    function setUp() public override {
        super.setUp();
        taskId = _evaluating();
    }

    /* TURNS */

    /// The holder is drawn as the specification says, worked out here without the library.
    function test_turn_holderIsDrawnByStake() external view {
        bytes32 seed = center.task(taskId).seed;
        for (uint32 turn; turn < 50; ++turn) {
            uint256 point = uint256(keccak256(abi.encode(seed, turn))) % 600;
            vm.assertEq(center.turnHolder(taskId, turn), point / 100);
        }
    }

    function test_turn_advancesWithTheClock() external {
        (uint32 turn, uint32 holder) = center.currentTurn(taskId);
        vm.assertEq(turn, 0);
        vm.assertEq(holder, center.turnHolder(taskId, 0));
        mine(TURN_LENGTH - 1);
        (turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 0);
        mine(1);
        (turn, holder) = center.currentTurn(taskId);
        vm.assertEq(turn, 1);
        vm.assertEq(holder, center.turnHolder(taskId, 1));
        mine(5 * TURN_LENGTH);
        (turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 6);
    }

    function test_turn_standsStillWhilePaused() external {
        governance.pause();
        mine(10 * TURN_LENGTH);
        (uint32 turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 0);
    }

    function test_turn_earlierOneMayStillBeCertified() external {
        Claim memory claim = _claim(taskId, 0, RESULT);
        mine(3 * TURN_LENGTH);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
    }

    function test_turn_countGoesOnFromWhereItWasPassed() external {
        mine(2 * TURN_LENGTH + 4);
        Claim memory claim = _claim(taskId, 2, RESULT);
        _submit(CertificateKind.Reject, taskId, claim, RESULT, ALL);
        (uint32 turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 3);
        mine(TURN_LENGTH);
        (turn,) = center.currentTurn(taskId);
        vm.assertEq(turn, 4);
    }

    function test_turn_viewsRefuseWhereThereAreNone() external {
        uint64 fetching = _open();
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, fetching, TaskState.Fetching));
        center.currentTurn(fetching);
        vm.expectRevert(abi.encodeWithSelector(SeedNotFixed.selector, fetching));
        center.turnHolder(fetching, 0);
        vm.expectRevert(abi.encodeWithSelector(SeedNotFixed.selector, fetching));
        center.taskHash(fetching);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, 99, TaskState.None));
        center.currentTurn(99);
    }

    /* CLAIMS THAT ARE REFUSED */

    /// Votes could be had for a claim of a later turn; it is refused, and its performer is not at fault.
    function test_claim_early() external {
        Claim memory claim = _claim(taskId, 1, RESULT);
        _expectRefused(claim, abi.encodeWithSelector(TurnNotStarted.selector, 1, 0));
        vm.assertEq(governance.faultCount(), 0);
    }

    function test_claim_bySomebodyWhoseTurnItIsNot() external {
        uint32 holder = center.turnHolder(taskId, 0);
        uint32 index = holder == 0 ? 1 : 0;
        Claim memory claim = _claimBy(taskId, 0, index, _at(taskId, index), RESULT);
        _expectRefused(claim, abi.encodeWithSelector(NotTurnHolder.selector, 0, index, holder));
    }

    function test_claim_byAPositionBeyondTheTable() external {
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Reject, taskId, claimId, ALL);
        claim.performerIndex = 6;
        vm.expectRevert(abi.encodeWithSelector(EpochTable.RowOutOfRange.selector, 6, 6));
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /// Somebody else signs for the performer.
    function test_claim_forged() external {
        uint32 index = center.turnHolder(taskId, 0);
        Identity memory victim = _at(taskId, index);
        Identity memory forger = _identity(99);
        address signer = victim.signer;
        victim.signerKey = forger.signerKey;
        Claim memory claim = _claimBy(taskId, 0, index, victim, RESULT);
        _expectRefused(
            claim, abi.encodeWithSelector(WrongClaimSigner.selector, forger.signer, signer)
        );
        vm.assertEq(governance.faultCount(), 0);
    }

    /// The performer signed one result; another is submitted under its signature.
    function test_claim_onAnotherResult() external {
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 otherId = _claimId(taskId, claim, "other");
        Certificate memory certificate = _certificate(CertificateKind.Reject, taskId, otherId, ALL);
        vm.expectPartialRevert(WrongClaimSigner.selector);
        center.submitTask(taskId, claim, "other", certificate);
    }

    function test_claim_ofAnotherTurnOfTheSamePerformer() external {
        uint32 holder = center.turnHolder(taskId, 0);
        uint32 later = 1;
        while (center.turnHolder(taskId, later) != holder) ++later;
        Claim memory claim = _claim(taskId, 0, RESULT);
        mine(later * TURN_LENGTH);
        claim.turn = later;
        bytes32 laterId = _claimId(taskId, claim, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Reject, taskId, laterId, ALL);
        vm.expectPartialRevert(WrongClaimSigner.selector);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    function test_claim_ofAnotherTask() external {
        uint64 second = _evaluating();
        // The seeds differ, so the holder may too: find a turn of the second that the same operator holds.
        Claim memory claim = _claim(taskId, 0, RESULT);
        uint32 turn;
        while (center.turnHolder(second, turn) != claim.performerIndex) ++turn;
        mine(turn * TURN_LENGTH);
        claim.turn = turn;
        bytes32 secondId = _claimId(second, claim, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Reject, second, secondId, ALL);
        vm.expectPartialRevert(WrongClaimSigner.selector);
        center.submitTask(second, claim, RESULT, certificate);
    }

    function test_claim_ofAnotherChain() external {
        Claim memory claim = _claim(taskId, 0, RESULT);
        vm.chainId(777);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Reject, taskId, claimId, ALL);
        vm.expectPartialRevert(WrongClaimSigner.selector);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /// A signature has one form: the other value of s is refused, and so is any other length.
    function test_claim_malleableOrMalformedSignature() external {
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        Claim memory claim = _claim(taskId, 0, RESULT);
        address signer = _at(taskId, claim.performerIndex).signer;
        bytes memory reason = abi.encodeWithSelector(WrongClaimSigner.selector, address(0), signer);
        (bytes32 r, bytes32 s, uint8 v) = _split(claim.signature);

        claim.signature = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? 28 : 27);
        _expectRefused(claim, reason);
        claim.signature = abi.encodePacked(r, s);
        _expectRefused(claim, reason);
        claim.signature = abi.encodePacked(r, s, v, v);
        _expectRefused(claim, reason);
        claim.signature = "";
        _expectRefused(claim, reason);
        claim.signature = new bytes(65);
        _expectRefused(claim, reason);
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function _expectRefused(Claim memory claim, bytes memory reason) private {
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        Certificate memory certificate = _certificate(CertificateKind.Reject, taskId, claimId, ALL);
        vm.expectRevert(reason);
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /* RESULTS AND STATES */

    function test_result_tooLong() external {
        Claim memory claim;
        Certificate memory certificate;
        vm.expectRevert(abi.encodeWithSelector(ResultTooLong.selector, 4097, 4096));
        center.submitTask(taskId, claim, new bytes(4097), certificate);
    }

    function test_result_longest() external {
        bytes memory result = new bytes(4096);
        Claim memory claim = _claim(taskId, 0, result);
        _submit(CertificateKind.Approve, taskId, claim, result, ALL);
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: _claimId(taskId, claim, result),
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        mine(_definition().appealWindow);
        address performer = _at(taskId, claim.performerIndex).operator;
        center.deliver(taskId, 0, performer, committed, result);
        vm.assertEq(logic.lastResult(), result);
    }

    function test_submit_refusesTasksThatAreNotEvaluating() external {
        Claim memory claim;
        Certificate memory certificate;
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, 99, TaskState.None));
        center.submitTask(99, claim, RESULT, certificate);
        uint64 fetching = _open();
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, fetching, TaskState.Fetching));
        center.submitTask(fetching, claim, RESULT, certificate);
        mine(TASK_LIFE);
        center.expire(taskId);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Expired));
        center.submitTask(taskId, claim, RESULT, certificate);
    }

    /* ENCODINGS, written out here from the specification */

    function test_encoding_taskHash() external view {
        Task memory task = center.task(taskId);
        bytes32 typehash = keccak256(
            "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)"
        );
        vm.assertEq(
            center.taskHash(taskId),
            keccak256(
                abi.encode(typehash, block.chainid, center, taskId, KIND, 1, task.seed, SUBJECT)
            )
        );
    }

    function test_encoding_claim() external view {
        address performer = operators[2].operator;
        bytes32 resultHash = keccak256(RESULT);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Zarathustra"),
                keccak256("1"),
                block.chainid,
                center
            )
        );
        bytes32 message = keccak256(
            abi.encode(
                keccak256(
                    "Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)"
                ),
                center.taskHash(taskId),
                3,
                performer,
                resultHash
            )
        );
        vm.assertEq(
            center.claimDigest(taskId, 3, performer, resultHash),
            keccak256(abi.encodePacked(hex"1901", domain, message))
        );
        vm.assertEq(
            center.claimIdOf(taskId, 3, performer, resultHash),
            keccak256(abi.encode(center.taskHash(taskId), 3, performer, resultHash))
        );
    }

    function test_encoding_vote() external view {
        bytes32 typehash = keccak256(
            "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)"
        );
        vm.assertEq(
            center.voteDigest(taskId, keccak256("claim"), 1, 2),
            keccak256(
                abi.encode(
                    typehash,
                    block.chainid,
                    center,
                    center.taskHash(taskId),
                    keccak256("claim"),
                    1,
                    2
                )
            )
        );
    }
}
