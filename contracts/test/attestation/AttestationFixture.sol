// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationCenter } from "../../src/AttestationCenter.sol";
import { Disputes } from "../../src/attestation/Disputes.sol";
import { OperatorFees } from "../../src/attestation/OperatorFees.sol";
import { TaskRegistry } from "../../src/attestation/TaskRegistry.sol";
import {
    IAttestationCenter,
    IAttestationCenterErrors,
    IAttestationCenterEvents,
    IAttestationCenterTypes
} from "../../src/interfaces/IAttestationCenter.sol";
import { BLS } from "../../src/libraries/BLS.sol";
import { GovernanceSetUp } from "../governance/GovernanceFixture.sol";
import { LogicDouble, SeedSourceDouble } from "../mocks/LogicDoubles.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";

/// @dev A market of six operators with 100 units of stake each, so that 2/3 is 400 exactly, and one kind. The test
/// is its source.
abstract contract AttestationFixture is
    GovernanceSetUp,
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    uint16 internal constant KIND = 1;
    uint256 internal constant OPERATORS = 6;
    uint96 internal constant FEE = 1 ether;
    bytes32 internal constant SUBJECT = keccak256("subject");
    bytes internal constant RESULT = "result";

    uint32 internal constant FETCH_WINDOW = 5;
    uint32 internal constant TURN_LENGTH = 10;
    uint32 internal constant VOTING_WINDOW = 7;
    uint32 internal constant TASK_LIFE = 200;
    uint32 internal constant SUPPLEMENT_WINDOW = 40;
    uint32 internal constant APPEAL_VOTING = 30;
    uint96 internal constant BOND = 2 ether;

    IAttestationCenter internal center;
    LogicDouble internal logic;
    SeedSourceDouble internal seedSource;
    Identity[] internal operators;

    receive() external payable { }

    function setUp() public virtual override {
        super.setUp();
        center = IAttestationCenter(address(_newCenter(address(manager))));
        governance.setAttestationCenter(address(center));
        logic = new LogicDouble();
        seedSource = new SeedSourceDouble();
        center.registerKind(KIND, _definition());
        for (uint256 i; i < OPERATORS; ++i) {
            operators.push(_join(i, 100));
        }
        governance.rollEpoch(type(uint32).max);
        vm.deal(address(this), 1000 ether);
    }

    function _newCenter(address authority) internal returns (AttestationCenter) {
        TaskRegistry registry = new TaskRegistry(governance);
        Disputes disputes = new Disputes(governance, address(registry));
        OperatorFees fees = new OperatorFees(governance, address(disputes));
        return new AttestationCenter(authority, governance, address(fees));
    }

    function _definition() internal view returns (TaskDefinition memory) {
        return TaskDefinition({
            source: address(this),
            fetchWindow: FETCH_WINDOW,
            taskLife: TASK_LIFE,
            votingWindow: VOTING_WINDOW,
            logic: logic,
            thresholdNumerator: 2,
            thresholdDenominator: 3,
            performerShareBps: 2500,
            turnLength: TURN_LENGTH,
            seedSource: seedSource,
            minFee: 0.1 ether,
            appealWindow: _appealWindow(),
            supplementWindow: SUPPLEMENT_WINDOW,
            appealVoting: _appealWindow() == 0 ? 0 : APPEAL_VOTING,
            appealBond: _appealWindow() == 0 ? 0 : BOND
        });
    }

    function _appealWindow() internal pure virtual returns (uint32) {
        return 60;
    }

    /* TASKS */

    function _open() internal returns (uint64) {
        return center.openTask{ value: FEE }(KIND, SUBJECT);
    }

    function _fix(uint64 taskId) internal {
        center.fixSeed(taskId, abi.encode(keccak256("randao")));
    }

    /// @dev A task whose seed has just been fixed.
    function _evaluating() internal returns (uint64 taskId) {
        taskId = _open();
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
    }

    /* CLAIMS */

    /// @dev The claim of whoever's turn it is.
    function _claim(uint64 taskId, uint32 turn, bytes memory result)
        internal
        view
        returns (Claim memory)
    {
        uint32 index = center.turnHolder(taskId, turn);
        return _claimBy(taskId, turn, index, _at(taskId, index), result);
    }

    function _claimBy(
        uint64 taskId,
        uint32 turn,
        uint32 index,
        Identity memory performer,
        bytes memory result
    ) internal view returns (Claim memory) {
        bytes32 digest = center.claimDigest(taskId, turn, performer.operator, keccak256(result));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(performer.signerKey, digest);
        return Claim({ turn: turn, performerIndex: index, signature: abi.encodePacked(r, s, v) });
    }

    function _claimId(uint64 taskId, Claim memory claim, bytes memory result)
        internal
        view
        returns (bytes32)
    {
        Identity memory performer = _at(taskId, claim.performerIndex);
        return center.claimIdOf(taskId, claim.turn, performer.operator, keccak256(result));
    }

    /// @dev The operator at a position of a task's epoch.
    function _at(uint64 taskId, uint32 index) internal view returns (Identity memory) {
        (address operator,,,,) = governance.epochRow(center.task(taskId).epoch, index);
        for (uint256 i; i < operators.length; ++i) {
            if (operators[i].operator == operator) return operators[i];
        }
        revert("no such operator");
    }

    /* VOTES */

    /// @dev A certificate by the positions whose bit is set in `signers`.
    function _certificate(CertificateKind kind, uint64 taskId, bytes32 claimId, uint256 signers)
        internal
        view
        returns (Certificate memory certificate)
    {
        uint8 verdict = kind == CertificateKind.Approve ? 1 : 2;
        certificate.kind = kind;
        certificate.nonSigners = _bitmap(~signers & _voters(taskId));
        certificate.signature = _votes(taskId, claimId, 1, verdict, signers);
    }

    function _votes(uint64 taskId, bytes32 claimId, uint8 purpose, uint8 verdict, uint256 signers)
        internal
        view
        returns (bytes32[4] memory)
    {
        return _sign(taskId, center.voteDigest(taskId, claimId, purpose, verdict), signers);
    }

    /// @dev Sum of votes. Votes on one digest add up as their secrets do, so one multiplication makes all.
    function _sign(uint64 taskId, bytes32 digest, uint256 signers)
        internal
        view
        returns (bytes32[4] memory)
    {
        uint256 secret;
        signers &= _voters(taskId);
        for (uint32 i; i < _count(taskId); ++i) {
            if (signers >> i & 1 != 0) secret += _at(taskId, i).secret;
        }
        BLS.G1Point memory sum = BlsSigner.vote(secret, digest);
        return BlsSigner.toWords(sum);
    }

    function _count(uint64 taskId) internal view returns (uint256) {
        return governance.epochHead(center.task(taskId).epoch).count;
    }

    /// @dev The positions with stake.
    function _voters(uint64 taskId) internal view returns (uint256 bits) {
        uint32 epoch = center.task(taskId).epoch;
        for (uint32 i; i < _count(taskId); ++i) {
            (,, uint128 stake,,) = governance.epochRow(epoch, i);
            if (stake != 0) bits |= _bit(i);
        }
    }

    function _bit(uint256 position) internal pure returns (uint256) {
        return uint256(1) << position;
    }

    function _bitmap(uint256 word) internal pure returns (uint256[] memory bitmap) {
        bitmap = new uint256[](1);
        bitmap[0] = word;
    }

    /// @dev The bits of `count` positions, without that of `index`.
    function _others(uint256 index, uint256 count) internal pure returns (uint256 bits) {
        for (uint256 i; count != 0; ++i) {
            if (i == index) continue;
            bits |= _bit(i);
            --count;
        }
    }

    uint256 internal constant ALL = 2 ** OPERATORS - 1;

    /// @dev Votes in an appeal by the positions whose bit is set.
    function _appealVotes(uint64 taskId, bytes32 claimId, uint8 verdict, uint256 signers)
        internal
        view
        returns (Votes memory votes)
    {
        votes.nonSigners = _bitmap(~signers & _voters(taskId));
        votes.signature = _votes(taskId, claimId, 2, verdict, signers);
    }

    /* DECISIONS */

    function _submit(
        CertificateKind kind,
        uint64 taskId,
        Claim memory claim,
        bytes memory result,
        uint256 signers
    ) internal {
        Certificate memory certificate = _certificate(
            kind, taskId, _claimId(taskId, claim, result), signers
        );
        center.submitTask(taskId, claim, result, certificate);
    }

    /// @dev Certifies a task with everybody's vote.
    function _certified() internal returns (uint64 taskId, FeeCommitment memory committed) {
        return _certifiedBy(ALL);
    }

    function _certifiedBy(uint256 signers)
        internal
        returns (uint64 taskId, FeeCommitment memory committed)
    {
        taskId = _evaluating();
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, signers);
        committed = FeeCommitment({
            epoch: center.task(taskId).epoch,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(ALL & ~signers)
        });
    }
}
