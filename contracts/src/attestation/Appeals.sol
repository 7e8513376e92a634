// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterAppeals } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernanceTypes } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { Quorum } from "../libraries/Quorum.sol";
import { AttestationBase } from "./AttestationBase.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Appeals against certified claims (specification 3.6)
/// @dev Nothing has moved before an appeal is decided, so to overturn a claim is to forget its certificate: the task is
/// at its deadline, and goes on as any task that no claim was certified for.
abstract contract Appeals is AttestationBase, IAttestationCenterAppeals {
    using EpochTable for address;

    /// @inheritdoc IAttestationCenterAppeals
    function appeal(uint64 taskId, FeeCommitment calldata committed) external payable {
        _checkCommitment(taskId, committed);
        Head memory head = _head(taskId);
        TaskDefinition storage d = _definitions[head.kind];
        if (d.appealVoting == 0) revert NoAppeal(head.kind);
        if (msg.value != d.appealBond) revert WrongBond(msg.value, d.appealBond);
        Appeal storage entry = _appeals[committed.claimId];
        if (entry.challenger != address(0)) revert AlreadyAppealed(committed.claimId);
        uint64 until = _finalAt(head);
        uint64 present = governance.clock();
        if (present >= until) revert AppealWindowClosed(taskId, until, present);

        entry.challenger = msg.sender;
        head.flags |= APPEALED;
        _setHead(taskId, head);
        _liabilities += msg.value;
        emit Appealed(taskId, committed.claimId, msg.sender, _finalAt(head));
    }

    /// @inheritdoc IAttestationCenterAppeals
    function submitAppeal(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint8 verdict,
        Votes calldata votes
    ) external {
        Head memory head = _appealed(taskId, committed);
        uint64 until = _finalAt(head);
        uint40 present = _clock();
        if (present >= until) revert AppealWindowClosed(taskId, until, present);
        if (verdict != VERDICT_APPROVE && verdict != VERDICT_REJECT) {
            revert UnknownVerdict(verdict);
        }

        address table = _certifiableTable(committed.epoch);
        _checkQuorum(taskId, head.kind, table, committed.claimId, verdict, votes);
        Appeal storage entry = _appeals[committed.claimId];
        entry.decidedAt = present;
        head.flags &= ~APPEALED;
        if (verdict == VERDICT_APPROVE) {
            _setHead(taskId, head);
            emit ClaimUpheld(taskId, committed.claimId, entry.challenger);
            _feed(_definitions[head.kind].appealBond);
        } else {
            _overturn(taskId, head, present, table, committed, votes.nonSigners);
        }
    }

    /// @dev Of the whole epoch: here the performer's stake counts as it votes.
    function _checkQuorum(
        uint64 taskId,
        uint16 kind,
        address table,
        bytes32 claimId,
        uint8 verdict,
        Votes calldata votes
    ) private view {
        (uint128 signed, uint128 total, BLS.G2Point memory key) = table.signers(votes.nonSigners);
        TaskDefinition storage d = _definitions[kind];
        if (!Quorum.reached(signed, total, d.thresholdNumerator, d.thresholdDenominator)) {
            revert QuorumNotReached(signed, total);
        }
        _checkVotes(_hashOf(taskId), claimId, PURPOSE_APPEAL, verdict, votes.signature, key);
    }

    function _overturn(
        uint64 taskId,
        Head memory head,
        uint40 present,
        address table,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners
    ) private {
        head.state = TaskState.Evaluating;
        head.due = present;
        _setHead(taskId, head);
        _tasks[taskId].word = 0;
        bytes32 claimId = committed.claimId;
        _refused[claimId] = ClaimOutcome.Overturned;
        _overturned[claimId] = _overturning(taskId, committed, nonSigners);
        uint256 reward = _repay(_appeals[claimId].challenger, _definitions[head.kind].appealBond);
        uint256 faultId = _blame(table, committed.performerIndex, taskId, claimId);
        emit ClaimOverturned(
            taskId, claimId, _appeals[claimId].challenger, faultId, committed, nonSigners, reward
        );
    }

    /// @dev The performer signed a claim that was wrong.
    function _blame(address table, uint32 index, uint64 taskId, bytes32 claimId)
        private
        returns (uint256 faultId)
    {
        (address performer,) = table.addressesAt(index);
        return governance.recordFault(
            performer, IAvsGovernanceTypes.FaultKind.RejectedClaim, taskId, claimId
        );
    }

    /// @dev Credits the bond and as much again, as far as the fund has it.
    function _repay(address challenger, uint256 bond) private returns (uint256 reward) {
        reward = _pay(bond);
        _credits[challenger] += bond + reward;
    }

    /// @inheritdoc IAttestationCenterAppeals
    function closeAppeal(uint64 taskId, FeeCommitment calldata committed) external {
        Head memory head = _appealed(taskId, committed);
        uint64 until = _finalAt(head);
        uint64 present = governance.clock();
        if (present < until) revert AppealOpen(taskId, until, present);
        Appeal storage entry = _appeals[committed.claimId];
        if (entry.decidedAt != 0) revert AppealDecided(committed.claimId);
        entry.decidedAt = present;
        emit AppealClosed(taskId, committed.claimId, entry.challenger);
        _feed(_definitions[head.kind].appealBond);
    }

    /// @dev The head of a task whose certificate is appealed and was not upheld.
    function _appealed(uint64 taskId, FeeCommitment calldata committed)
        private
        view
        returns (Head memory head)
    {
        _checkCommitment(taskId, committed);
        head = _head(taskId);
        if (head.flags & APPEALED == 0) revert NotAppealed(committed.claimId);
    }

    /// @inheritdoc IAttestationCenterAppeals
    function submitCorrections(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners,
        uint256[] calldata late,
        bytes32[4] calldata signature
    ) external {
        bytes32 claimId = committed.claimId;
        _checkOverturning(taskId, committed, nonSigners);
        _checkCorrectable(taskId, claimId);

        uint256[] memory left = _without(nonSigners, late);
        (address table,,) = governance.epochTable(committed.epoch);
        (, BLS.G2Point memory key) = table.subset(late);
        bytes32 taskHash_ = _hashIn(taskId, committed.epoch);
        _checkVotes(taskHash_, claimId, PURPOSE_APPEAL, VERDICT_REJECT, signature, key);
        _overturned[claimId] = _overturning(taskId, committed, left);
        emit Corrected(claimId, left);
    }

    function _checkCorrectable(uint64 taskId, bytes32 claimId) private view {
        uint64 until = _correctedUntil(_head(taskId).kind, claimId);
        uint64 present = governance.clock();
        if (present > until) revert CorrectionsClosed(claimId, until, present);
    }

    /// @inheritdoc IAttestationCenterAppeals
    function appealOf(bytes32 claimId) external view returns (Appeal memory) {
        return _appeals[claimId];
    }

    /// @inheritdoc IAttestationCenterAppeals
    function overturningOf(bytes32 claimId) external view returns (bytes32) {
        return _overturned[claimId];
    }

    /// @dev Last clock at which corrections of an overturned claim are taken.
    function _correctedUntil(uint16 kind, bytes32 claimId) internal view returns (uint64) {
        return _appeals[claimId].decidedAt + _definitions[kind].supplementWindow;
    }

    function _checkOverturning(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners
    ) internal view {
        bytes32 claimId = committed.claimId;
        bytes32 known = _overturned[claimId];
        if (known == 0) revert NotOverturned(claimId);
        if (known != _overturning(taskId, committed, nonSigners)) revert WrongOverturning(claimId);
    }

    function _overturning(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] memory nonSigners
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(taskId, committed, nonSigners));
    }

    /// @dev Takes from the fund, at most what it has. The caller credits it.
    function _pay(uint256 wanted) internal returns (uint256 paid) {
        uint96 balance = _fund.balance;
        paid = wanted < balance ? wanted : balance;
        _fund.balance = balance - SafeCast.toUint96(paid);
    }
}
