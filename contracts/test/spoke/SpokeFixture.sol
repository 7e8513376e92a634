// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISpoke, ISpokeTypes } from "../../src/interfaces/ISpoke.sol";
import { BLS } from "../../src/libraries/BLS.sol";
import { SnapshotEvidence } from "../../src/spoke/SnapshotEvidence.sol";
import { Spoke } from "../../src/spoke/Spoke.sol";
import { AttestationFixture } from "../attestation/AttestationFixture.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";

/// @dev A market at home and a Spoke of it, which counts 5 seconds for its clock. Home has six operators with 100
/// units each and blocks of one second. Calls of the Spoke are made under another chain id.
abstract contract SpokeFixture is AttestationFixture {
    /// @param secret Its BLS key.
    struct Member {
        address operator;
        address signer;
        uint256 secret;
        uint128 stake;
    }

    /// @dev What a relayer brings.
    struct Parcel {
        ISpokeTypes.Snapshot snapshot;
        bytes32 digest;
        uint128[] stakes;
        bytes[] chunks;
    }

    uint256 internal constant HOME = 31_337;
    uint256 internal constant AWAY = 42_161;
    uint32 internal constant LAG = 5;

    SnapshotEvidence internal evidence;
    ISpoke internal spoke;

    function setUp() public virtual override {
        super.setUp();
        vm.chainId(HOME);
        evidence = new SnapshotEvidence(governance, 1, 1);
        governance.setSnapshotEvidence(address(evidence));
        spoke = _newSpoke();
    }

    modifier away() {
        vm.chainId(AWAY);
        _;
        vm.chainId(HOME);
    }

    function _home() internal view returns (ISpokeTypes.Home memory) {
        return
            ISpokeTypes.Home({
                chainId: HOME, registry: address(governance), center: address(center)
            });
    }

    function _newSpoke() internal away returns (ISpoke) {
        return new Spoke(address(manager), _home(), 2, 3, KIND, LAG);
    }

    /* SNAPSHOTS */

    /// @dev Publishes the next epoch, and says what its snapshot has to be.
    function _publish() internal returns (Parcel memory parcel) {
        uint32 epoch = evidence.published() + 1;
        bytes32 previous = evidence.digestOf(epoch - 1);
        bytes32 digest = evidence.publish();
        EpochHead memory head = governance.epochHead(epoch);
        parcel = _pack(_membersOf(epoch));
        parcel.snapshot.epoch = epoch;
        parcel.snapshot.snapshotBlock = head.snapshotBlock;
        parcel.snapshot.previous = previous;
        parcel.snapshot.expiry =
            uint64(vm.getBlockTimestamp() + head.certifiableUntil - vm.getBlockNumber());
        parcel.digest = _digest(parcel.snapshot, HOME, address(governance));
        vm.assertEq(digest, parcel.digest, "what is published is not what the rules say");
    }

    /// @dev Rolls and publishes another epoch.
    function _next() internal returns (Parcel memory) {
        mine(20);
        _rollAll();
        return _publish();
    }

    function _membersOf(uint32 epoch) internal view returns (Member[] memory members) {
        members = new Member[](governance.epochHead(epoch).count);
        for (uint32 i; i < members.length; ++i) {
            Member memory member = members[i];
            (member.operator, member.signer, member.stake,,) = governance.epochRow(epoch, i);
            member.secret = _secretOf(member.operator);
        }
    }

    function _secretOf(address operator) internal view returns (uint256) {
        for (uint256 i; i < operators.length; ++i) {
            if (operators[i].operator == operator) return operators[i].secret;
        }
        revert("no such operator");
    }

    /// @dev Members in the encoding of 7.1, written down anew here.
    function _pack(Member[] memory members) internal view returns (Parcel memory parcel) {
        uint256 count = members.length;
        parcel.stakes = new uint128[](count);
        parcel.chunks = new bytes[]((count + 104) / 105);
        bytes memory sums = abi.encodePacked(uint128(0));
        uint128 total;
        uint256 secrets;
        uint256 voters;
        for (uint256 i; i < count; ++i) {
            Member memory member = members[i];
            parcel.stakes[i] = member.stake;
            total += member.stake;
            if (member.stake != 0) {
                secrets += member.secret;
                voters |= _bit(i);
            }
            sums = abi.encodePacked(sums, total);
            BLS.G2Point memory key = BlsSigner.publicKey(member.secret);
            BLS.negate(key);
            parcel.chunks[i / 105] = abi.encodePacked(
                parcel.chunks[i / 105], BLS.toBytes(key), member.operator, member.signer
            );
        }
        bytes memory rows;
        for (uint256 i; i < parcel.chunks.length; ++i) {
            rows = abi.encodePacked(rows, parcel.chunks[i]);
        }
        parcel.snapshot.content = keccak256(
            abi.encodePacked(
                // forge-lint: disable-next-line(unsafe-typecast) counts are small here
                uint32(count),
                total,
                voters,
                BlsSigner.publicKeyBytes(secrets),
                sums,
                rows
            )
        );
    }

    function _digest(ISpokeTypes.Snapshot memory snapshot, uint256 chainId, address registry)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256(
                    "ZarathustraSnapshot(uint256 chainId,address registry,uint32 epoch,uint64 snapshotBlock,bytes32 previous,bytes32 content,uint64 expiry)"
                ),
                chainId,
                registry,
                snapshot.epoch,
                snapshot.snapshotBlock,
                snapshot.previous,
                snapshot.content,
                snapshot.expiry
            )
        );
    }

    /// @dev The next epoch as nobody at home wrote it: of one operator, whose key is the attacker's.
    function _forged(uint32 epoch, bytes32 previous) internal returns (Parcel memory parcel) {
        Member[] memory members = new Member[](1);
        members[0] = Member({
            operator: makeAddr("attacker"), signer: makeAddr("signer"), secret: 666, stake: 1000
        });
        parcel = _pack(members);
        parcel.snapshot.epoch = epoch;
        parcel.snapshot.snapshotBlock = uint64(vm.getBlockNumber());
        parcel.snapshot.previous = previous;
        parcel.snapshot.expiry = uint64(vm.getBlockTimestamp() + 700);
        parcel.digest = _digest(parcel.snapshot, HOME, address(governance));
    }

    /* SIGNATURES */

    /// @dev Signatures of members of an epoch of home, by position.
    function _signed(uint32 epoch, bytes32 digest, uint256 signers)
        internal
        view
        returns (ISpokeTypes.Signatures memory signatures)
    {
        Member[] memory members = _membersOf(epoch);
        uint256 secret;
        uint256 absent;
        for (uint256 i; i < members.length; ++i) {
            if (signers >> i & 1 != 0) secret += members[i].secret;
            else if (members[i].stake != 0) absent |= _bit(i);
        }
        signatures.nonSigners = _bitmap(absent);
        signatures.signature = BlsSigner.toWords(BlsSigner.vote(secret, digest));
    }

    /* CALLS */

    function _reseed(Parcel memory parcel) internal away {
        spoke.reseed(parcel.snapshot, parcel.stakes, parcel.chunks, true);
    }

    function _advance(Parcel memory parcel, ISpokeTypes.Signatures memory signatures)
        internal
        away
    {
        spoke.advance(parcel.snapshot, signatures, parcel.stakes, parcel.chunks);
    }

    /// @dev By everybody of the epoch before.
    function _advance(Parcel memory parcel) internal {
        _advance(parcel, _signed(parcel.snapshot.epoch - 1, parcel.digest, ALL));
    }

    function _expectAdvanceReverts(
        Parcel memory parcel,
        ISpokeTypes.Signatures memory signatures,
        bytes memory refusal
    ) internal away {
        vm.expectRevert(refusal);
        spoke.advance(parcel.snapshot, signatures, parcel.stakes, parcel.chunks);
    }

    /// @dev The same with everybody's signatures of what is brought.
    function _expectAdvanceReverts(Parcel memory parcel, bytes memory refusal) internal {
        parcel.digest = _digest(parcel.snapshot, HOME, address(governance));
        uint32 certifier = spoke.currentEpoch();
        _expectAdvanceReverts(parcel, _signed(certifier, parcel.digest, ALL), refusal);
    }

    function _frozenBy(uint32 epoch, uint64 expiry) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ISpoke.SpokeFrozen.selector, epoch, expiry);
    }

    /* RESULTS */

    function _subject(uint64 requestId, bytes32 champion)
        internal
        pure
        returns (ISpokeTypes.Subject memory)
    {
        return ISpokeTypes.Subject({
            requestId: requestId,
            submissionId: 3,
            manifestDigest: keccak256("manifest"),
            championDigest: champion,
            championCidHash: keccak256(abi.encode(champion)),
            challengerDigest: keccak256("challenger"),
            challengerCidHash: keccak256("challenger cid"),
            challengerSize: 77
        });
    }

    function _subjectHash(ISpokeTypes.Subject memory subject) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)"
                ),
                subject.requestId,
                subject.submissionId,
                subject.manifestDigest,
                subject.championDigest,
                subject.championCidHash,
                subject.challengerDigest,
                subject.challengerCidHash,
                subject.challengerSize
            )
        );
    }

    /// @dev A task at home that `signers` approve, and the same approval for the Spoke, without the claim's
    /// signature.
    function _approved(bytes32 subjectHash, uint256 signers)
        internal
        returns (ISpokeTypes.ResultProof memory proof)
    {
        uint64 taskId = center.openTask{ value: FEE }(KIND, subjectHash);
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        Certificate memory certificate =
            _certificate(CertificateKind.Approve, taskId, claimId, signers);
        center.submitTask(taskId, claim, RESULT, certificate);
        proof.taskId = taskId;
        proof.kind = KIND;
        proof.epoch = center.task(taskId).epoch;
        proof.seed = center.task(taskId).seed;
        proof.subjectHash = subjectHash;
        proof.turn = claim.turn;
        proof.performer = _at(taskId, claim.performerIndex).operator;
        proof.performerIndex = claim.performerIndex;
        proof.result = RESULT;
        proof.approval.nonSigners = certificate.nonSigners;
        proof.approval.signature = certificate.signature;
    }

    function _expectVerifyReverts(ISpokeTypes.ResultProof memory proof, bytes memory refusal)
        internal
        away
    {
        vm.expectRevert(refusal);
        spoke.verify(proof);
    }
}
