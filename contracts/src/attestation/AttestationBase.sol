// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAttestationCenterErrors,
    IAttestationCenterEvents,
    IAttestationCenterTypes
} from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";
import { Digests } from "../libraries/Digests.sol";
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

    bytes32 public constant SEED_DOMAIN = keccak256("Zarathustra.Seed.v1");
    bytes32 public constant CLAIM_TYPEHASH = Digests.CLAIM_TYPEHASH;
    bytes32 public constant TASK_TYPEHASH = Digests.TASK_TYPEHASH;
    bytes32 public constant VOTE_TYPEHASH = Digests.VOTE_TYPEHASH;

    uint8 public constant PURPOSE_CLAIM = Digests.PURPOSE_CLAIM;
    uint8 internal constant PURPOSE_APPEAL = Digests.PURPOSE_APPEAL;
    uint8 public constant VERDICT_APPROVE = Digests.VERDICT_APPROVE;
    uint8 public constant VERDICT_REJECT = Digests.VERDICT_REJECT;

    /* Flags of a task */
    uint8 internal constant RETRIED = 1;
    uint8 internal constant FINAL = 2;
    uint8 internal constant DELIVERED = 4;
    uint8 internal constant SWEPT = 8;
    /// @dev An appeal was filed and no certificate has upheld the claim.
    uint8 internal constant APPEALED = 16;

    /// @dev Where money goes that is nobody's.
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @notice Operators, epochs, faults and the clock.
    IAvsGovernance public immutable governance;

    uint64 internal _taskCount;
    uint256 internal _liabilities;
    mapping(address account => uint256) internal _credits;

    mapping(uint16 kind => TaskDefinition) internal _definitions;
    mapping(uint64 taskId => Record) internal _tasks;
    /// @dev Rejected, blocked and overturned claims; the approved one is in its task's commitment.
    mapping(bytes32 claimId => ClaimOutcome) internal _refused;
    /// @dev One bit for each task, so that claiming many fees writes few slots.
    mapping(address operator => mapping(uint256 word => uint256 bits)) internal _claimed;
    /// @dev By rising epoch; only the last can lie in the future.
    mapping(uint16 kind => Activation[]) internal _environments;

    mapping(bytes32 claimId => Appeal) internal _appeals;
    /// @dev Who signed what a claim was certified and overturned with, as `_overturning` hashes it.
    mapping(bytes32 claimId => bytes32) internal _overturned;
    /// @dev Positions that have a fault for a matter, so that none has two.
    mapping(bytes32 matter => uint256 positions) internal _atFault;
    Fund internal _fund;

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
    function _finalAt(Head memory head) internal view returns (uint64 clock) {
        TaskDefinition storage d = _definitions[head.kind];
        clock = uint64(head.due) + d.appealWindow;
        if (head.flags & APPEALED != 0) clock += d.appealVoting;
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

    /// @dev The table of an epoch over which certificates are still taken.
    function _certifiableTable(uint32 epoch) internal view returns (address table) {
        uint64 snapshotBlock;
        uint64 certifiableUntil;
        (table, snapshotBlock, certifiableUntil) = governance.epochTable(epoch);
        if (block.number > certifiableUntil) {
            revert SnapshotTooOld(epoch, snapshotBlock, certifiableUntil);
        }
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
        uint8 purpose,
        uint8 verdict,
        bytes32[4] calldata signature,
        BLS.G2Point memory key
    ) internal view {
        bytes32 digest = Digests.vote(
            block.chainid, address(this), taskHash_, claimId, purpose, verdict
        );
        bool valid =
            BLS.verify(BLS.g1FromWords(signature), key, abi.encodePacked(digest), BLS.VOTE_TAG);
        if (!valid) revert InvalidAggregate(claimId);
    }

    /// @dev A bitmap of those who are missing, without the late ones, who must be missing.
    function _without(uint256[] calldata missing, uint256[] calldata late)
        internal
        pure
        returns (uint256[] memory left)
    {
        left = missing;
        if (late.length != left.length) revert WrongBitmapLength(late.length, left.length);
        for (uint256 i; i < left.length; ++i) {
            uint256 repeated = late[i] & ~left[i];
            if (repeated != 0) revert NotMissing(i, repeated);
            left[i] &= ~late[i];
        }
    }

    /* MONEY */

    /// @dev Keeps what is nobody's for those who show faults, as far as the fund has room, and burns the rest. The
    /// amount is part of the liabilities.
    /// @return burned What was burned.
    function _feed(uint256 amount) internal returns (uint256 burned) {
        Fund memory fund_ = _fund;
        uint256 room = fund_.cap > fund_.balance ? fund_.cap - fund_.balance : 0;
        uint256 kept = amount < room ? amount : room;
        burned = amount - kept;
        if (kept != 0) {
            _fund.balance = SafeCast.toUint96(fund_.balance + kept);
            emit FundFed(kept);
        }
        if (burned != 0) {
            _liabilities -= burned;
            _send(BURN, burned);
        }
    }

    function _send(address to, uint256 amount) internal {
        (bool ok,) = to.call{ value: amount }("");
        if (!ok) revert TransferFailed(to, amount);
    }

    /* ENCODINGS */

    // The chain's id is read anew each time: a fork of the chain is another domain.

    /// @dev The hash of a task with a seed (2.4).
    function _hashOf(uint64 taskId) internal view returns (bytes32) {
        if (_tasks[taskId].seed == 0) revert SeedNotFixed(taskId);
        return _hashIn(taskId, _tasks[taskId].head.epoch);
    }

    /// @dev The hash of a task with a seed, as it was while it had this epoch.
    function _hashIn(uint64 taskId, uint32 epoch) internal view returns (bytes32) {
        Record storage record = _tasks[taskId];
        return Digests.task(
            block.chainid,
            address(this),
            taskId,
            record.head.kind,
            epoch,
            record.seed,
            record.subjectHash
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
