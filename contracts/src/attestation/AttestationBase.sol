// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterEvents,
    IAttestationCenterTypes
} from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";
import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title What AttestationCenter and its extensions share: storage, encodings, the check of votes
/// @dev All inherit this first, so that slots are the same in all; nothing else may come before it.
abstract contract AttestationBase is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    /// @dev One slot, the part of a task that changes.
    /// @param turnBaseAt Clock at which turn `turnBase` started.
    /// @param due Clock of the deadline while Evaluating, of the certificate once Certified.
    struct Head {
        uint16 kind;
        TaskState state;
        uint8 flags;
        uint32 epoch;
        uint32 turnBase;
        uint40 turnBaseAt;
        uint40 due;
        uint80 fee;
    }

    /// @param word Before the certificate, the seed block, above it the clock at which the seed was fixed, and above that
    /// the seed source's target (64 bits each); then the commitment for fees. A slot that is written already costs 17,100 gas less than a new one.
    struct Record {
        Head head;
        bytes32 word;
        bytes32 seed;
        bytes32 subjectHash;
    }

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Zarathustra");
    bytes32 private constant VERSION_HASH = keccak256("1");

    bytes32 public constant SEED_DOMAIN = keccak256("Zarathustra.Seed.v1");
    bytes32 public constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)");

    bytes32 public constant TASK_TYPEHASH = keccak256(
        "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)"
    );
    bytes32 public constant VOTE_TYPEHASH = keccak256(
        "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)"
    );

    uint8 public constant PURPOSE_CLAIM = 1;
    uint8 public constant VERDICT_APPROVE = 1;
    uint8 public constant VERDICT_REJECT = 2;

    /* Flags of a task */
    uint8 internal constant RETRIED = 1;
    uint8 internal constant FINAL = 2;
    uint8 internal constant DELIVERED = 4;
    uint8 internal constant SWEPT = 8;

    /// @notice Operators, epochs, faults and the clock.
    IAvsGovernance public immutable governance;

    uint64 internal _taskCount;
    uint256 internal _liabilities;
    mapping(address account => uint256) internal _credits;

    mapping(uint16 kind => TaskDefinition) internal _definitions;
    mapping(uint64 taskId => Record) internal _tasks;
    /// @dev Rejected and blocked claims; the approved one is in its task's commitment.
    mapping(bytes32 claimId => ClaimOutcome) internal _refused;
    /// @dev One bit for each task, so that claiming many fees writes few slots.
    mapping(address operator => mapping(uint256 word => uint256 bits)) internal _claimed;
    /// @dev By rising epoch; only the last can lie in the future.
    mapping(uint16 kind => Activation[]) internal _environments;

    constructor(IAvsGovernance governance_) {
        if (address(governance_) == address(0)) revert ZeroAddress();
        governance = governance_;
    }

    /* STORAGE */

    function _head(uint64 taskId) internal view returns (Head memory) {
        return _tasks[taskId].head;
    }

    function _setHead(uint64 taskId, Head memory head) internal {
        _tasks[taskId].head = head;
    }

    /// @dev Clock from which a certified task's outcome is final.
    function _finalAt(Head memory head) internal view returns (uint64) {
        return uint64(head.due) + _definitions[head.kind].appealWindow;
    }

    /// @dev Reverts when the task has no certificate, or one that committed to something else.
    function _checkCommitment(uint64 taskId, FeeCommitment calldata committed) internal view {
        Record storage record = _tasks[taskId];
        if (record.head.state != TaskState.Certified) {
            revert WrongState(taskId, record.head.state);
        }
        if (record.word != _commitment(taskId, committed)) revert WrongFeeCommitment(taskId);
    }

    /// @dev Of a task that is not certified.
    function _seedBlock(Record storage record) internal view returns (uint64) {
        return uint64(uint256(record.word));
    }

    /// @dev Of a task that is not certified.
    function _seedTarget(Record storage record) internal view returns (uint64) {
        return uint64(uint256(record.word) >> 128);
    }

    /* CLOCK AND TURNS */

    function _turnRandom(bytes32 seed, uint32 turn) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, turn)));
    }

    function _currentTurn(Head memory head, uint40 present) internal view returns (uint32) {
        uint40 passed = (present - head.turnBaseAt) / _definitions[head.kind].turnLength;
        return head.turnBase + SafeCast.toUint32(passed);
    }

    /// @dev In the width in which tasks keep it.
    function _clock() internal view returns (uint40) {
        return SafeCast.toUint40(governance.clock());
    }

    /* VOTES */

    function _checkVotes(
        bytes32 taskHash_,
        bytes32 claimId,
        uint8 verdict,
        bytes32[4] calldata signature,
        BLS.G2Point memory key
    ) internal view {
        bytes32 digest = _voteDigest(taskHash_, claimId, PURPOSE_CLAIM, verdict);
        bool valid =
            BLS.verify(BLS.g1FromWords(signature), key, abi.encodePacked(digest), BLS.VOTE_TAG);
        if (!valid) revert InvalidAggregate(claimId);
    }

    /* ENCODINGS */

    /// @dev The hash of a task with a seed (2.4).
    function _hashOf(uint64 taskId) internal view returns (bytes32) {
        Record storage record = _tasks[taskId];
        if (record.seed == 0) revert SeedNotFixed(taskId);
        Head memory head = _head(taskId);
        return _taskHash(taskId, head.kind, head.epoch, record.seed, record.subjectHash);
    }

    function _taskHash(uint64 taskId, uint16 kind, uint32 epoch, bytes32 seed, bytes32 subjectHash)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                TASK_TYPEHASH, block.chainid, address(this), taskId, kind, epoch, seed, subjectHash
            )
        );
    }

    function _claimId(bytes32 taskHash_, uint32 turn, address performer, bytes32 resultHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(taskHash_, turn, performer, resultHash));
    }

    function _claimDigest(bytes32 taskHash_, uint32 turn, address performer, bytes32 resultHash)
        internal
        view
        returns (bytes32)
    {
        // The chain's id is read anew each time: a fork of the chain is another domain.
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this))
        );
        return MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(CLAIM_TYPEHASH, taskHash_, turn, performer, resultHash))
        );
    }

    function _voteDigest(bytes32 taskHash_, bytes32 claimId, uint8 purpose, uint8 verdict)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                VOTE_TYPEHASH, block.chainid, address(this), taskHash_, claimId, purpose, verdict
            )
        );
    }

    function _commitment(uint64 taskId, FeeCommitment memory committed)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(taskId, committed));
    }

    function _isSet(uint256[] calldata bitmap, uint256 position) internal pure returns (bool) {
        return bitmap[position >> 8] >> (position & 0xff) & 1 != 0;
    }
}
