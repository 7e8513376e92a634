// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernance, IAvsGovernanceTypes } from "../interfaces/IAvsGovernance.sol";
import { IModelSubmission, IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";
import { IPlants } from "../interfaces/IPlants.sol";
import { BLS } from "../libraries/BLS.sol";
import { Digests } from "../libraries/Digests.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { PlantedClaims } from "./PlantedClaims.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import { LibBit } from "solady/utils/LibBit.sol";

/// @title Planted submissions (specification 4.11)
/// @notice Of the kind `improve`. Holds the bonds of plants and nothing else; one that never returns stays here.
/// @dev Neither the market nor AttestationCenter knows which submissions are planted.
contract Plants is AccessManaged, PlantedClaims {
    using EpochTable for address;

    uint32 public constant MAX_INTERVAL = 10_000_000;
    uint96 public constant MAX_BOND = 10_000 ether;

    /// @inheritdoc IPlants
    uint32 public minInterval;
    /// @inheritdoc IPlants
    uint96 public bond;
    /// @inheritdoc IPlants
    uint64 public lastPlantedAt;
    /// @dev By planter, so that nobody can use up a commitment seen in the mempool.
    mapping(address planter => mapping(bytes32 commitment => Plant)) private _plants;
    /// @inheritdoc IPlants
    mapping(bytes32 claimId => uint256) public atFault;

    /// @param authority An AccessManager.
    constructor(
        address authority,
        IAvsGovernance governance_,
        IModelSubmission market_,
        uint32 minInterval_,
        uint96 bond_
    ) AccessManaged(authority) PlantedClaims(governance_, market_) {
        if (authority == address(0)) revert ZeroAddress();
        _setTerms(minInterval_, bond_);
    }

    /* PLANTING */

    /// @inheritdoc IPlants
    function setTerms(uint32 minInterval_, uint96 bond_) external restricted {
        _setTerms(minInterval_, bond_);
    }

    function _setTerms(uint32 minInterval_, uint96 bond_) private {
        if (minInterval_ == 0 || minInterval_ > MAX_INTERVAL) revert InvalidTerm("minInterval");
        if (bond_ == 0 || bond_ > MAX_BOND) revert InvalidTerm("bond");
        minInterval = minInterval_;
        bond = bond_;
        emit TermsSet(minInterval_, bond_);
    }

    /// @inheritdoc IPlants
    function plant(bytes32 commitment) external payable {
        if (msg.value != bond) revert WrongBond(msg.value, bond);
        Plant storage entry = _plants[msg.sender][commitment];
        if (entry.plantedAt != 0) revert AlreadyPlanted(msg.sender, commitment);
        uint64 present = governance.clock();
        uint64 from = lastPlantedAt + minInterval;
        if (lastPlantedAt != 0 && present < from) revert TooSoon(from, present);
        lastPlantedAt = present;
        entry.plantedAt = present;
        entry.bond = bond;
        emit Planted(msg.sender, commitment, bond);
    }

    /* THE PERFORMER */

    /// @inheritdoc IPlants
    function exempt(Opening calldata opening, PlantedClaim calldata claim, uint256 faultId)
        external
    {
        (Plant storage entry, bytes32 commitment,) = _shown(opening, claim.taskId);
        if (entry.exempted) revert AlreadyExempted(commitment);
        (bytes32 claimId,) = _claimOf(opening, claim);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(faultId);
        if (fault.kind != IAvsGovernanceTypes.FaultKind.RejectedClaim || fault.claimId != claimId) {
            revert NotTheFault(faultId, claimId);
        }
        // An appeal that succeeds is paid: who had its own claim certified and overturned would be paid for nothing, if
        // those who certified it were not at fault.
        if (attestationCenter.claimOutcome(claimId) == ClaimOutcome.Overturned && !entry.accused) {
            revert ApproversNotAccused(claimId);
        }
        entry.exempted = true;
        emit Exempted(claim.taskId, claimId, faultId);
        governance.exemptFault(faultId);
    }

    /* THE APPROVERS */

    /// @inheritdoc IPlants
    function accuse(
        Opening calldata opening,
        PlantedClaim calldata claim,
        Truth calldata truth,
        Votes calldata votes,
        uint256 accused
    ) external {
        (,, uint64 requestId) = _shown(opening, claim.taskId);
        (bytes32 claimId, bytes32 taskHash) = _claimOf(opening, claim);
        ClaimOutcome outcome = attestationCenter.claimOutcome(claimId);
        if (outcome == ClaimOutcome.Overturned) revert WrongOutcome(claimId, outcome);
        _requireFinal(claim.taskId);
        _checkTruth(opening, claim.taskId, requestId, truth);

        address table = _punishable(claim.epoch);
        (,, BLS.G2Point memory key) = table.signers(votes.nonSigners);
        uint256 absent = accused & votes.nonSigners[0];
        if (absent != 0) revert NotAtFault(LibBit.ffs(absent));
        bytes32 digest = Digests.vote(
            block.chainid,
            address(attestationCenter),
            taskHash,
            claimId,
            Digests.PURPOSE_CLAIM,
            Digests.VERDICT_APPROVE
        );
        bool valid = BLS.verify(
            BLS.g1FromWords(votes.signature), key, abi.encodePacked(digest), BLS.VOTE_TAG
        );
        if (!valid) revert InvalidAggregate(claimId);
        if (_record(table, claim, claimId, accused) == 0) revert NobodyNew(accused);
    }

    /// @inheritdoc IPlants
    function accuseOverturned(
        Opening calldata opening,
        PlantedClaim calldata claim,
        Truth calldata truth,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners
    ) external {
        (Plant storage entry,, uint64 requestId) = _shown(opening, claim.taskId);
        (bytes32 claimId,) = _claimOf(opening, claim);
        if (entry.accused) revert ApproversAccused(claimId);
        _checkOverturning(claim.taskId, claimId, committed, nonSigners);
        // The quorum that overturned it has said that it was wrong, so this need not be final.
        _checkTruth(opening, claim.taskId, requestId, truth);

        address table = _punishable(claim.epoch);
        uint256 corrected = ~committed.nonSigners[0] & ~nonSigners[0];
        corrected &= _voters(table) & ~(uint256(1) << committed.performerIndex);
        entry.accused = true;
        _record(table, claim, claimId, corrected);
    }

    /// @dev The table of an epoch whose stake can still be slashed for what it signed.
    function _punishable(uint32 epoch) private view returns (address table) {
        (table,,) = governance.epochTable(epoch);
        uint64 until = governance.evidenceUntil(epoch);
        if (block.number > until) revert EvidenceTooLate(epoch, until, block.number);
    }

    /// @dev The positions with stake.
    function _voters(address table) private view returns (uint256 bits) {
        uint256 count = table.count();
        for (uint256 i; i < count; ++i) {
            if (table.hasStake(i)) bits |= uint256(1) << i;
        }
    }

    /// @dev One fault for each operator and claim.
    function _record(address table, PlantedClaim calldata claim, bytes32 claimId, uint256 accused)
        private
        returns (uint256 recorded)
    {
        uint256 known = atFault[claimId];
        recorded = accused & ~known;
        atFault[claimId] = known | recorded;
        for (uint256 left = recorded; left != 0; left &= left - 1) {
            uint256 position = LibBit.ffs(left);
            if (!table.hasStake(position)) revert NotAtFault(position);
            (address operator,) = table.addressesAt(position);
            if (operator == claim.performer) revert NotAtFault(position);
            governance.recordPlantFault(operator, claim.taskId, claimId);
        }
        emit ApproversAtFault(claim.taskId, claimId, recorded);
    }

    /* THE BOND */

    /// @inheritdoc IPlants
    function redeem(Opening calldata opening, uint64 taskId, Truth calldata truth) external {
        (Plant storage entry, bytes32 commitment, uint64 requestId) = _shown(opening, taskId);
        uint96 amount = entry.bond;
        if (amount == 0) revert AlreadyRedeemed(commitment);
        _requireFinal(taskId);
        _checkTruth(opening, taskId, requestId, truth);
        entry.bond = 0;
        emit Redeemed(opening.planter, commitment, amount);
        (bool sent,) = opening.planter.call{ value: amount }("");
        if (!sent) revert TransferFailed(opening.planter, amount);
    }

    /* OPENING A PLANT */

    /// @dev The plant that an opening opens, which must be one of this task. Its planter says of which.
    function _shown(Opening calldata opening, uint64 taskId)
        private
        returns (Plant storage entry, bytes32 commitment, uint64 requestId)
    {
        bytes32 digest = digestOf(opening);
        commitment = _commitment(opening, digest);
        entry = _plants[opening.planter][commitment];
        if (entry.plantedAt == 0) revert UnknownPlant(opening.planter, commitment);
        bytes32 signed = MessageHashUtils.toEthSignedMessageHash(digest);
        _checkSigned(opening.owner, signed, opening.ownerSignature);
        _checkSigned(opening.optimizer, signed, opening.optimizerSignature);

        if (entry.taskId != 0) {
            if (entry.taskId != taskId) revert UsedForTask(commitment, entry.taskId);
            return (entry, commitment, _requestOf(taskId).requestId);
        }
        if (msg.sender != opening.planter) revert NotPlanter(msg.sender, opening.planter);
        IModelSubmissionTypes.Submission memory submission = _requestOf(taskId);
        requestId = submission.requestId;
        if (
            submission.optimizer != opening.optimizer
                || market.request(requestId).owner != opening.owner
        ) revert NotPlanted(taskId);
        uint64 since = market.championAt(requestId, 0).since;
        if (since <= entry.plantedAt) revert PlantedTooLate(entry.plantedAt, since);
        entry.taskId = taskId;
        emit Shown(opening.planter, commitment, taskId);
    }

    /* VIEWS */

    /// @inheritdoc IPlants
    function commitmentOf(Opening calldata opening) external view returns (bytes32) {
        return _commitment(opening, digestOf(opening));
    }

    /// @inheritdoc IPlants
    function plantOf(address planter, bytes32 commitment) external view returns (Plant memory) {
        return _plants[planter][commitment];
    }
}
