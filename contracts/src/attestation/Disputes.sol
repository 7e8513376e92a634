// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterEvidence } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance, IAvsGovernanceTypes } from "../interfaces/IAvsGovernance.sol";
import { BLS } from "../libraries/BLS.sol";
import { Digests } from "../libraries/Digests.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { FeeShares } from "../libraries/FeeShares.sol";
import { Appeals } from "./Appeals.sol";
import { AttestationBase } from "./AttestationBase.sol";
import { Extended } from "./Extended.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { LibBit } from "solady/utils/LibBit.sol";

/// @title Appeals and evidence of faults: a piece of AttestationCenter
/// @notice AttestationCenter calls it by DELEGATECALL, on its own storage and balance. Called directly it finds nothing
/// and holds nothing.
contract Disputes is AttestationBase, AccessManaged, Appeals, Extended, IAttestationCenterEvidence {
    using EpochTable for address;

    /// @dev What operators of an epoch are at fault for.
    struct Matter {
        IAvsGovernanceTypes.FaultKind kind;
        uint32 epoch;
        uint64 taskId;
        bytes32 claimId;
        bytes32 id;
        address table;
    }

    /// @notice Highest cap of the fund, wei.
    uint96 public constant MAX_FUND = 10_000 ether;

    /// @param extension_ The next piece: `TaskRegistry`.
    constructor(IAvsGovernance governance_, address extension_)
        AttestationBase(governance_)
        AccessManaged(address(0))
        Extended(extension_)
    { }

    /* EVIDENCE */

    /// @inheritdoc IAttestationCenterEvidence
    function proveEquivocation(
        TaskContent calldata content,
        bytes32 claimId,
        uint8 purpose,
        Votes calldata approvals,
        Votes calldata rejections,
        uint256 accused
    ) external {
        Matter memory m;
        m.kind = IAvsGovernanceTypes.FaultKind.Equivocation;
        m.table = _punishable(content.epoch);
        m.epoch = content.epoch;
        m.taskId = content.taskId;
        m.claimId = claimId;
        bytes32 taskHash_ = Digests.task(
            block.chainid,
            address(this),
            content.taskId,
            content.kind,
            content.epoch,
            content.seed,
            content.subjectHash
        );
        m.id = keccak256(abi.encode(m.kind, taskHash_, claimId, purpose));
        _checkSigned(m, taskHash_, purpose, VERDICT_APPROVE, approvals, accused);
        _checkSigned(m, taskHash_, purpose, VERDICT_REJECT, rejections, accused);
        _record(m, accused);
    }

    /// @inheritdoc IAttestationCenterEvidence
    function proveOverturnedApproval(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners,
        uint256 accused
    ) external {
        bytes32 claimId = committed.claimId;
        _checkOverturning(taskId, committed, nonSigners);
        {
            uint64 until = _correctedUntil(_head(taskId).kind, claimId);
            uint64 present = governance.clock();
            if (present <= until) revert CorrectionsOpen(claimId, until, present);
        }

        // The performer has the fault of its claim.
        uint256 approved = ~committed.nonSigners[0] & ~(uint256(1) << committed.performerIndex);
        uint256 innocent = accused & ~(approved & nonSigners[0]);
        if (innocent != 0) revert NotAtFault(LibBit.ffs(innocent));
        Matter memory m;
        m.kind = IAvsGovernanceTypes.FaultKind.OverturnedApproval;
        m.table = _punishable(committed.epoch);
        m.epoch = committed.epoch;
        m.taskId = taskId;
        m.claimId = claimId;
        m.id = keccak256(abi.encode(m.kind, claimId));
        _record(m, accused);
    }

    /// @dev The table of an epoch whose stake can still be slashed for what it signed.
    function _punishable(uint32 epoch) private view returns (address table) {
        (table,,) = governance.epochTable(epoch);
        uint64 until = governance.evidenceUntil(epoch);
        if (block.number > until) revert EvidenceTooLate(epoch, until, block.number);
    }

    function _checkSigned(
        Matter memory m,
        bytes32 taskHash_,
        uint8 purpose,
        uint8 verdict,
        Votes calldata votes,
        uint256 accused
    ) private view {
        (,, BLS.G2Point memory key) = m.table.signers(votes.nonSigners);
        _checkVotes(taskHash_, m.claimId, purpose, verdict, votes.signature, key);
        uint256 absent = accused & votes.nonSigners[0];
        if (absent != 0) revert NotAtFault(LibBit.ffs(absent));
    }

    /// @dev One fault for each operator and matter.
    function _record(Matter memory m, uint256 accused) private {
        uint256 known = _atFault[m.id];
        uint256 recorded = accused & ~known;
        if (recorded == 0) revert NobodyNew(accused);
        _atFault[m.id] = known | recorded;
        uint256 total = m.table.totalStake();
        uint256 most = _fund.reward;
        uint256 reward;
        for (uint256 left = recorded; left != 0; left &= left - 1) {
            uint256 position = LibBit.ffs(left);
            // A row without stake has no key in the sum, nor has one beyond the table.
            if (!m.table.hasStake(position)) revert NotAtFault(position);
            (uint128 stake,) = m.table.stakeAt(position);
            (address operator,) = m.table.addressesAt(position);
            // By stake: else one could be at fault with a little of it, and be paid for showing that.
            reward += FeeShares.share(most, stake, total);
            governance.recordFault(operator, m.kind, m.taskId, m.claimId);
        }
        reward = _pay(reward);
        _credits[msg.sender] += reward;
        emit EvidenceTaken(m.epoch, m.claimId, msg.sender, recorded, reward);
    }

    /* THE FUND */

    /// @inheritdoc IAttestationCenterEvidence
    function setFund(uint96 cap, uint64 reward) external restricted {
        if (cap > MAX_FUND) revert FundOutOfBounds(cap, MAX_FUND);
        if (reward > cap) revert FundOutOfBounds(reward, cap);
        _fund.cap = cap;
        _fund.reward = reward;
        emit FundSet(cap, reward);
    }

    /// @inheritdoc IAttestationCenterEvidence
    function fund() external view returns (Fund memory) {
        return _fund;
    }
}
