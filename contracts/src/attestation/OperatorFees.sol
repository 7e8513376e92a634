// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterFees } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { FeeShares } from "../libraries/FeeShares.sol";
import { AttestationBase } from "./AttestationBase.sol";
import { Extended } from "./Extended.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Operators' fees: a piece of AttestationCenter
/// @notice AttestationCenter calls it by DELEGATECALL, on its own storage and balance. Called directly it finds nothing
/// and holds nothing.
contract OperatorFees is AttestationBase, Extended, IAttestationCenterFees {
    using EpochTable for address;

    /// @dev What several claims of fees have in common.
    struct Present {
        uint64 clock;
        uint32 epoch;
        address table;
        uint256 total;
    }

    /// @param extension_ The next piece: `Disputes`.
    constructor(IAvsGovernance governance_, address extension_)
        AttestationBase(governance_)
        Extended(extension_)
    { }

    /* FEES */

    /// @inheritdoc IAttestationCenterFees
    function submitSupplement(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata lateSigners,
        bytes32[4] calldata signature
    ) external {
        _checkCommitment(taskId, committed);
        if (governance.clock() > _supplementUntil(_head(taskId))) revert SupplementClosed(taskId);

        uint256[] memory left = _without(committed.nonSigners, lateSigners);
        (address table,,) = governance.epochTable(committed.epoch);
        (, BLS.G2Point memory key) = table.subset(lateSigners);
        bytes32 taskHash_ = _hashIn(taskId, committed.epoch);
        _checkVotes(taskHash_, committed.claimId, PURPOSE_CLAIM, VERDICT_APPROVE, signature, key);

        _tasks[taskId].word = _commitment(
            taskId,
            FeeCommitment({
                epoch: committed.epoch,
                claimId: committed.claimId,
                performerIndex: committed.performerIndex,
                fee: committed.fee,
                nonSigners: left
            })
        );
        emit Supplemented(taskId, left);
    }

    /// @inheritdoc IAttestationCenterFees
    function claimFees(
        address operator,
        uint64[] calldata taskIds,
        uint32[] calldata indices,
        FeeCommitment[] calldata committed
    ) external returns (uint256 amount) {
        _checkLists(taskIds.length, indices.length, committed.length);
        Present memory present;
        present.clock = governance.clock();
        for (uint256 i; i < taskIds.length; ++i) {
            amount += _claimFee(present, operator, taskIds[i], indices[i], committed[i]);
        }
        _credits[operator] += amount;
        emit FeesClaimed(operator, taskIds, amount);
    }

    function _claimFee(
        Present memory present,
        address operator,
        uint64 taskId,
        uint32 index,
        FeeCommitment calldata committed
    ) private returns (uint256 amount) {
        _checkCommitment(taskId, committed);
        Head memory head = _head(taskId);
        uint64 from = _finalAt(head);
        if (present.clock < from) revert AppealWindowOpen(taskId, from, present.clock);
        // Tasks in a row mostly have the same epoch.
        if (committed.epoch != present.epoch) {
            (address table,,) = governance.epochTable(committed.epoch);
            present.epoch = committed.epoch;
            present.table = table;
            present.total = table.totalStake();
        }
        (address holder,) = present.table.addressesAt(index);
        if (holder != operator) revert NotOperator(operator, holder);
        if (!_hasSigned(committed, index)) revert DidNotSign(taskId, index);

        _markClaimed(operator, taskId, index);
        (uint256 performerPart, uint256 rest) = _split(committed.fee, head.kind);
        (uint128 stake,) = present.table.stakeAt(index);
        amount = FeeShares.share(rest, stake, present.total);
        if (index == committed.performerIndex) amount += performerPart;
    }

    /// @inheritdoc IAttestationCenterFees
    function recordMisses(
        address operator,
        uint64[] calldata taskIds,
        uint32[] calldata indices,
        FeeCommitment[] calldata committed
    ) external {
        _checkLists(taskIds.length, indices.length, committed.length);
        uint64 present = governance.clock();
        for (uint256 i; i < taskIds.length; ++i) {
            _recordMiss(present, operator, taskIds[i], indices[i], committed[i]);
        }
        governance.recordMisses(operator, SafeCast.toUint32(taskIds.length));
        emit MissesRecorded(operator, taskIds);
    }

    function _recordMiss(
        uint64 present,
        address operator,
        uint64 taskId,
        uint32 index,
        FeeCommitment calldata committed
    ) private {
        _checkCommitment(taskId, committed);
        Head memory head = _head(taskId);
        uint64 from = _finalAt(head);
        if (present < from) revert AppealWindowOpen(taskId, from, present);
        uint64 until = _supplementUntil(head);
        if (present <= until) revert SupplementOpen(taskId, until, present);
        (address table,,) = governance.epochTable(committed.epoch);
        (address holder,) = table.addressesAt(index);
        if (holder != operator) revert NotOperator(operator, holder);
        if (_hasSigned(committed, index)) revert DidSign(taskId, index);
        // One task is either a share or a miss, and that once.
        _markClaimed(operator, taskId, index);
    }

    function _checkLists(uint256 tasks, uint256 indices, uint256 committed) private pure {
        if (tasks == 0) revert NoTasks();
        if (indices != tasks) revert LengthMismatch(indices, tasks);
        if (committed != tasks) revert LengthMismatch(committed, tasks);
    }

    function _markClaimed(address operator, uint64 taskId, uint32 index) private {
        uint256 bits = _claimed[operator][taskId >> 8];
        uint256 bit = _bit(taskId);
        if (bits & bit != 0) revert FeeAlreadyClaimed(taskId, index);
        _claimed[operator][taskId >> 8] = bits | bit;
    }

    /// @inheritdoc IAttestationCenterFees
    function sweepFee(uint64 taskId, FeeCommitment calldata committed) external {
        Head memory head = _head(taskId);
        _checkCommitment(taskId, committed);
        if (head.flags & SWEPT != 0) revert FeeSwept(taskId);
        uint64 present = governance.clock();
        uint64 from = _finalAt(head);
        if (present < from) revert AppealWindowOpen(taskId, from, present);
        uint64 until = _supplementUntil(head);
        if (present <= until) revert SupplementOpen(taskId, until, present);

        _tasks[taskId].head.flags |= SWEPT;
        uint256 burned = _feed(_unclaimable(committed, head.kind));
        emit FeeBurned(taskId, burned);
    }

    /// @dev The fee less every share that can be claimed, to the last unit: shares are rounded down one by one,
    /// so they are summed one by one.
    function _unclaimable(FeeCommitment calldata committed, uint16 kind)
        private
        view
        returns (uint256 left)
    {
        (address table,,) = governance.epochTable(committed.epoch);
        uint256 total = table.totalStake();
        uint256 count = table.count();
        (, uint256 rest) = _split(committed.fee, kind);
        left = rest;
        for (uint32 i; i < count; ++i) {
            if (!_hasSigned(committed, i)) continue;
            (uint128 stake,) = table.stakeAt(i);
            left -= FeeShares.share(rest, stake, total);
        }
    }

    /// @dev The performer's part of a fee, and what all signers share by stake (3.4).
    function _split(uint256 fee, uint16 kind) private view returns (uint256, uint256) {
        return FeeShares.split(fee, _definitions[kind].performerShareBps);
    }

    function _hasSigned(FeeCommitment calldata committed, uint32 index)
        private
        pure
        returns (bool)
    {
        return index == committed.performerIndex || !_isSet(committed.nonSigners, index);
    }

    /// @dev Last clock at which late signers are added to a certified task.
    function _supplementUntil(Head memory head) private view returns (uint64) {
        return uint64(head.due) + _definitions[head.kind].supplementWindow;
    }

    /// @inheritdoc IAttestationCenterFees
    function withdraw(address to) external returns (uint256 amount) {
        if (to == address(0)) revert ZeroAddress();
        amount = _credits[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        _credits[msg.sender] = 0;
        _liabilities -= amount;
        emit Withdrawn(msg.sender, to, amount);
        _send(to, amount);
    }

    /// @dev A task's bit in its word of `_claimed`.
    function _bit(uint64 taskId) private pure returns (uint256) {
        return uint256(1) << (taskId & 0xff);
    }

    /* VIEWS */

    /// @inheritdoc IAttestationCenterFees
    function credit(address account) external view returns (uint256) {
        return _credits[account];
    }

    /// @inheritdoc IAttestationCenterFees
    function liabilities() external view returns (uint256) {
        return _liabilities;
    }

    /// @inheritdoc IAttestationCenterFees
    function feeCommitmentOf(uint64 taskId, FeeCommitment calldata committed)
        external
        pure
        returns (bytes32)
    {
        return _commitment(taskId, committed);
    }

    /// @inheritdoc IAttestationCenterFees
    function isFeeClaimed(uint64 taskId, address operator) external view returns (bool) {
        return _claimed[operator][taskId >> 8] & _bit(taskId) != 0;
    }
}
