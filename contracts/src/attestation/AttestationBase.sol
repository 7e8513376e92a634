// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterEvents,
    IAttestationCenterTypes
} from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";

/// @title What AttestationCenter and its extension share: storage, encodings, the check of votes
/// @dev Both inherit this first, so that slots are the same in both; nothing else may come before it.
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

    struct Record {
        Head head;
        uint64 seedBlock;
        uint64 seedFixedAt;
        bytes32 seed;
        bytes32 subjectHash;
    }

    bytes32 public constant TASK_TYPEHASH = keccak256(
        "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)"
    );
    bytes32 public constant VOTE_TYPEHASH = keccak256(
        "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)"
    );

    uint8 public constant PURPOSE_CLAIM = 1;
    uint8 public constant VERDICT_APPROVE = 1;
    uint8 public constant VERDICT_REJECT = 2;

    uint256 internal constant BPS = 10_000;

    /* Flags of a task */
    uint8 internal constant RETRIED = 1;
    uint8 internal constant FINAL = 2;
    uint8 internal constant DELIVERED = 4;
    uint8 internal constant SWEPT = 8;

    /* Decisions on claims; any other value approves and is the commitment for fees */
    bytes32 internal constant REJECTED = bytes32(uint256(1));
    bytes32 internal constant BLOCKED = bytes32(uint256(2));

    /// @notice Operators, epochs, faults and the clock.
    IAvsGovernance public immutable governance;

    uint64 internal _taskCount;
    uint256 internal _liabilities;
    mapping(address account => uint256) internal _credits;

    mapping(uint16 kind => TaskDefinition) internal _definitions;
    mapping(uint64 taskId => Record) internal _tasks;
    mapping(bytes32 claimId => bytes32) internal _decisions;
    /// @dev Hash of a certified result that the logic has not taken.
    mapping(uint64 taskId => bytes32 resultHash) internal _undelivered;
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

    function _outcome(bytes32 claimId) internal view returns (ClaimOutcome) {
        bytes32 decision = _decisions[claimId];
        if (decision == 0) return ClaimOutcome.None;
        if (decision == REJECTED) return ClaimOutcome.Rejected;
        if (decision == BLOCKED) return ClaimOutcome.Blocked;
        return ClaimOutcome.Approved;
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
