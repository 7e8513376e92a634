// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterRegistry, MAX_TASK_FEE } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { FeeShares } from "../libraries/FeeShares.sol";
import { Quorum } from "../libraries/Quorum.sol";
import { AttestationBase } from "./AttestationBase.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title Kinds of tasks, their environments, and what can be read of tasks: a piece of AttestationCenter
/// @notice AttestationCenter calls it by DELEGATECALL, on its own storage. Called directly it finds no authority and
/// does nothing.
contract TaskRegistry is AttestationBase, AccessManaged, IAttestationCenterRegistry {
    using EpochTable for address;

    /// @notice Longest supplement window.
    uint32 public constant MAX_SUPPLEMENT_WINDOW = 1_000_000;

    constructor(IAvsGovernance governance_)
        AttestationBase(governance_)
        AccessManaged(address(0))
    { }

    /* DEFINITIONS */

    /// @inheritdoc IAttestationCenterRegistry
    function registerKind(uint16 kind, TaskDefinition calldata d) external restricted {
        if (_definitions[kind].source != address(0)) revert KindExists(kind);
        _require(d.source != address(0), "source");
        _require(address(d.logic).code.length != 0, "logic");
        _require(address(d.seedSource).code.length != 0, "seedSource");
        _require(Quorum.isThreshold(d.thresholdNumerator, d.thresholdDenominator), "threshold");
        _require(d.performerShareBps <= FeeShares.BPS, "performerShareBps");
        _require(d.fetchWindow != 0, "fetchWindow");
        _require(d.turnLength != 0, "turnLength");
        // The horizon over which stake is counted has room for fetching within the life of a task.
        uint256 life = uint256(d.fetchWindow) + d.taskLife;
        _require(d.taskLife != 0 && life <= governance.maxTaskLife(), "taskLife");
        _require(d.votingWindow <= d.taskLife, "votingWindow");
        _require(d.appealWindow <= governance.maxAppealWindow(), "appealWindow");
        _require(d.supplementWindow <= MAX_SUPPLEMENT_WINDOW, "supplementWindow");
        _require(d.minFee <= MAX_TASK_FEE, "minFee");
        governance.checkTiming();
        _definitions[kind] = d;
        emit KindRegistered(kind, d);
    }

    function _require(bool condition, bytes32 field) private pure {
        if (!condition) revert InvalidDefinition(field);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function definition(uint16 kind) external view returns (TaskDefinition memory d) {
        d = _definitions[kind];
        if (d.source == address(0)) revert UnknownKind(kind);
    }

    /* ENVIRONMENTS */

    /// @inheritdoc IAttestationCenterRegistry
    function scheduleEnvironment(uint16 kind, uint32 activationEpoch, bytes32 digest)
        external
        restricted
    {
        if (_definitions[kind].source == address(0)) revert UnknownKind(kind);
        if (digest == 0) revert ZeroEnvironment();
        uint32 current = governance.currentEpoch();
        if (activationEpoch <= current) revert EpochNotFuture(activationEpoch, current);
        Activation[] storage schedule = _environments[kind];
        uint256 count = schedule.length;
        bool replaced = count != 0 && schedule[count - 1].epoch > current;
        if (replaced) schedule.pop();
        schedule.push(Activation({ epoch: activationEpoch, digest: digest }));
        emit EnvironmentScheduled(kind, activationEpoch, digest, replaced);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function environmentAt(uint16 kind, uint32 epoch) external view returns (bytes32 digest) {
        Activation[] storage schedule = _environments[kind];
        // Those who ask mean the newest epochs.
        for (uint256 i = schedule.length; i != 0; --i) {
            if (schedule[i - 1].epoch <= epoch) return schedule[i - 1].digest;
        }
    }

    /// @inheritdoc IAttestationCenterRegistry
    function environments(uint16 kind) external view returns (Activation[] memory) {
        return _environments[kind];
    }

    /* VIEWS */

    /// @inheritdoc IAttestationCenterRegistry
    function taskCount() external view returns (uint64) {
        return _taskCount;
    }

    /// @inheritdoc IAttestationCenterRegistry
    function task(uint64 taskId) external view returns (Task memory t) {
        Record storage record = _tasks[taskId];
        Head memory head = _head(taskId);
        t.kind = head.kind;
        t.state = head.state;
        t.retried = head.flags & RETRIED != 0;
        t.isFinal = head.flags & FINAL != 0;
        t.delivered = head.flags & DELIVERED != 0;
        t.swept = head.flags & SWEPT != 0;
        t.epoch = head.epoch;
        t.turnBase = head.turnBase;
        t.turnBaseAt = head.turnBaseAt;
        t.fee = head.fee;
        t.seed = record.seed;
        t.subjectHash = record.subjectHash;
        if (head.state == TaskState.Fetching) {
            t.deadline = _seedBlock(record) + _definitions[head.kind].seedSource.reach() + 1;
        } else if (head.state == TaskState.Evaluating) {
            t.deadline = head.due;
        } else if (head.state == TaskState.Certified) {
            t.certifiedAt = head.due;
            t.deadline = _finalAt(head);
            t.commitment = record.word;
        }
        if (head.state != TaskState.Certified) {
            t.seedBlock = _seedBlock(record);
            t.seedTarget = _seedTarget(record);
            t.seedFixedAt = uint64(uint256(record.word) >> 64);
        }
    }

    /// @inheritdoc IAttestationCenterRegistry
    function currentTurn(uint64 taskId) external view returns (uint32 turn, uint32 holder) {
        Head memory head = _head(taskId);
        if (head.state != TaskState.Evaluating) revert WrongState(taskId, head.state);
        turn = _currentTurn(head, _clock());
        holder = turnHolder(taskId, turn);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function turnHolder(uint64 taskId, uint32 turn) public view returns (uint32 index) {
        Record storage record = _tasks[taskId];
        if (record.seed == 0) revert SeedNotFixed(taskId);
        (address table,,) = governance.epochTable(record.head.epoch);
        return uint32(table.draw(_turnRandom(record.seed, turn)));
    }

    /// @inheritdoc IAttestationCenterRegistry
    function claimOutcome(bytes32 claimId) external view returns (ClaimOutcome) {
        return _refused[claimId];
    }

    /// @inheritdoc IAttestationCenterRegistry
    function taskHash(uint64 taskId) external view returns (bytes32) {
        return _hashOf(taskId);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function claimDigest(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32)
    {
        return _claimDigest(_hashOf(taskId), turn, performer, resultHash);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function claimIdOf(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32)
    {
        return _claimId(_hashOf(taskId), turn, performer, resultHash);
    }

    /// @inheritdoc IAttestationCenterRegistry
    function voteDigest(uint64 taskId, bytes32 claimId, uint8 purpose, uint8 verdict)
        external
        view
        returns (bytes32)
    {
        return _voteDigest(_hashOf(taskId), claimId, purpose, verdict);
    }
}
