// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceAdmin, IAvsGovernanceCore } from "../interfaces/IAvsGovernance.sol";
import { IAllocationManagerTypes } from "../interfaces/eigenlayer/IAllocationManager.sol";
import { OperatorRegistry } from "./OperatorRegistry.sol";
import { LibString } from "solady/utils/LibString.sol";

/// @title Faults and missed votes: what is recorded of operators, and what follows (specification 3.5 and 1.6)
abstract contract FaultLedger is OperatorRegistry {
    /// @inheritdoc IAvsGovernanceCore
    address public attestationCenter;

    /// @inheritdoc IAvsGovernanceCore
    address public snapshotEvidence;

    /// @inheritdoc IAvsGovernanceCore
    address public plants;

    /// @inheritdoc IAvsGovernanceCore
    uint256 public faultCount;
    mapping(uint256 faultId => Fault) private _faults;
    mapping(address operator => MissRecord) private _misses;

    /// @inheritdoc IAvsGovernanceAdmin
    function setAttestationCenter(address attestationCenter_) external restricted {
        if (attestationCenter_ == address(0)) revert ZeroAddress();
        if (attestationCenter != address(0)) revert AlreadySet();
        attestationCenter = attestationCenter_;
        emit AttestationCenterSet(attestationCenter_);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setSnapshotEvidence(address snapshotEvidence_) external restricted {
        if (snapshotEvidence_ == address(0)) revert ZeroAddress();
        if (snapshotEvidence != address(0)) revert AlreadySet();
        snapshotEvidence = snapshotEvidence_;
        emit SnapshotEvidenceSet(snapshotEvidence_);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setPlants(address plants_) external restricted {
        if (plants_ == address(0)) revert ZeroAddress();
        if (plants != address(0)) revert AlreadySet();
        plants = plants_;
        emit PlantsSet(plants_);
    }

    /* FAULTS */

    /// @inheritdoc IAvsGovernanceCore
    function recordFault(address operator, FaultKind kind, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId)
    {
        if (msg.sender != attestationCenter) revert NotAttestationCenter(msg.sender);
        return _recordFault(operator, kind, taskId, claimId);
    }

    /// @inheritdoc IAvsGovernanceCore
    function recordSnapshotFault(address operator, uint32 epoch, bytes32 digest)
        external
        returns (uint256 faultId)
    {
        if (msg.sender != snapshotEvidence) revert NotSnapshotEvidence(msg.sender);
        return _recordFault(operator, FaultKind.WrongSnapshot, epoch, digest);
    }

    /// @inheritdoc IAvsGovernanceCore
    function recordPlantFault(address operator, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId)
    {
        if (msg.sender != plants) revert NotPlants(msg.sender);
        return _recordFault(operator, FaultKind.PlantedApproval, taskId, claimId);
    }

    function _recordFault(address operator, FaultKind kind, uint64 taskId, bytes32 claimId)
        private
        returns (uint256 faultId)
    {
        faultId = ++faultCount;
        uint64 executableAt = uint64(block.number + _vetoWindowInForce());
        _faults[faultId] = Fault({
            operator: operator,
            kind: kind,
            executed: false,
            vetoed: false,
            executableAt: executableAt,
            taskId: taskId,
            claimId: claimId
        });
        Member storage member = _memberOf[operator];
        ++member.openFaults;
        if (member.position != 0) _uncount(member.position - 1);
        _market.rollNeeded = true;
        emit FaultRecorded(faultId, operator, kind, taskId, claimId, executableAt);
    }

    /// @inheritdoc IAvsGovernanceCore
    function executeFault(uint256 faultId) external {
        Fault storage entry = _openFault(faultId);
        if (block.number < entry.executableAt) {
            revert FaultNotExecutable(faultId, entry.executableAt, block.number);
        }
        address operator = entry.operator;
        entry.executed = true;
        _close(operator);
        _market.rollNeeded = true;
        uint256 wads = _parameters.wadsToSlash;
        emit FaultExecuted(faultId, operator, wads);

        address[] memory strategies = _strategyAddresses();
        uint256[] memory wadsOf = new uint256[](strategies.length);
        for (uint256 i; i < wadsOf.length; ++i) {
            wadsOf[i] = wads;
        }
        allocationManager.slashOperator(
            address(this),
            IAllocationManagerTypes.SlashingParams({
                operator: operator,
                operatorSetId: OPERATOR_SET_ID,
                strategies: strategies,
                wadsToSlash: wadsOf,
                description: string.concat(
                    "Zarathustra: fault ",
                    LibString.toString(faultId),
                    entry.kind == FaultKind.WrongSnapshot ? ", epoch " : ", task ",
                    LibString.toString(entry.taskId),
                    _words(entry.kind)
                )
            })
        );
    }

    function _words(FaultKind kind) private pure returns (string memory) {
        if (kind == FaultKind.WrongSnapshot) return ": wrong snapshot signed";
        if (kind == FaultKind.Equivocation) return ": both verdicts signed";
        if (kind == FaultKind.OverturnedApproval) return ": overturned claim approved";
        if (kind == FaultKind.PlantedApproval) return ": planted claim approved";
        return ": claim rejected by a quorum";
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function vetoFault(uint256 faultId) external restricted {
        emit FaultVetoed(faultId, _cancel(faultId));
    }

    /// @inheritdoc IAvsGovernanceCore
    function exemptFault(uint256 faultId) external {
        if (msg.sender != plants) revert NotPlants(msg.sender);
        emit FaultExempted(faultId, _cancel(faultId));
    }

    function _cancel(uint256 faultId) private returns (address operator) {
        Fault storage entry = _openFault(faultId);
        operator = entry.operator;
        entry.vetoed = true;
        _close(operator);
    }

    /// @dev An operator without open faults counts from the next roll that begins.
    function _close(address operator) private {
        Member storage member = _memberOf[operator];
        if (--member.openFaults == 0 && member.position != 0) {
            _eligible |= _bit(member.position - 1);
        }
    }

    function _openFault(uint256 faultId) private view returns (Fault storage entry) {
        entry = _faults[faultId];
        if (entry.kind == FaultKind.None) revert UnknownFault(faultId);
        if (entry.executed) revert FaultAlreadyExecuted(faultId);
        if (entry.vetoed) revert FaultIsVetoed(faultId);
    }

    /// @inheritdoc IAvsGovernanceCore
    function fault(uint256 faultId) external view returns (Fault memory) {
        return _faults[faultId];
    }

    /* LIVENESS */

    /// @inheritdoc IAvsGovernanceCore
    function recordMisses(address operator, uint32 count) external {
        if (msg.sender != attestationCenter) revert NotAttestationCenter(msg.sender);
        MissRecord memory record = _drained(operator);
        record.total += count;
        uint256 level = uint256(record.level) + count;
        // forge-lint: disable-next-line(unsafe-typecast) at most its maximum
        record.level = level > type(uint32).max ? type(uint32).max : uint32(level);
        _misses[operator] = record;
        emit MissesRecorded(operator, count, record.level);
    }

    /// @inheritdoc IAvsGovernanceCore
    function ejectInactive(address operator) external {
        uint32 level = _drained(operator).level;
        if (level <= _parameters.missLimit) {
            revert NotInactive(operator, level, _parameters.missLimit);
        }
        _eject(operator);
        emit InactiveEjected(operator, level);
    }

    /// @inheritdoc IAvsGovernanceCore
    function missesOf(address operator) external view returns (Misses memory) {
        MissRecord memory record = _drained(operator);
        return Misses({ total: record.total, level: record.level });
    }

    /// @dev A record as it is in this block. Part of a `missDecay` that has passed is kept, so that recording does
    /// not delay draining.
    function _drained(address operator) private view returns (MissRecord memory record) {
        record = _misses[operator];
        uint256 decay = _parameters.missDecay;
        uint256 drained = (block.number - record.since) / decay;
        if (drained < record.level) {
            // forge-lint: disable-next-line(unsafe-typecast) less than the level
            record.level -= uint32(drained);
            // forge-lint: disable-next-line(unsafe-typecast) at most the block number
            record.since += uint64(drained * decay);
        } else {
            record.level = 0;
            record.since = uint64(block.number);
        }
    }
}
