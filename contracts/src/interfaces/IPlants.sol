// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterTypes } from "./IAttestationCenter.sol";

/// @title Planted submissions: claims that are known to be wrong, for operators that approve unseen (specification 4.11)
interface IPlants is IAttestationCenterTypes {
    /// @notice What a plant's commitment hides.
    /// @param planter Who planted and bonded it.
    /// @param owner,optimizer Whose request and whose submission it is. Nobody else's money is in it.
    /// @param performers Operators that may make the claim.
    /// @param result The wrong result, which was chosen before there was a seed.
    /// @param secret Random, so that nobody finds the commitment by trying.
    /// @param ownerSignature,optimizerSignature Over `digestOf`, as a personal message (EIP-191, version 0x45).
    struct Opening {
        address planter;
        address owner;
        address optimizer;
        address[] performers;
        bytes result;
        bytes32 secret;
        bytes ownerSignature;
        bytes optimizerSignature;
    }

    /// @notice What is known of a plant.
    /// @param plantedAt Market clock; 0 where there is none.
    /// @param bond Held for it, wei; 0 once it returned.
    /// @param taskId The task that it was shown for; 0 before.
    /// @param exempted Whether a performer's fault was cancelled.
    /// @param accused Whether those are at fault who approved it in a certificate that an appeal overturned.
    struct Plant {
        uint64 plantedAt;
        uint96 bond;
        uint64 taskId;
        bool exempted;
        bool accused;
    }

    /// @notice The planted claim.
    /// @param epoch The task's when the claim was made.
    struct PlantedClaim {
        uint64 taskId;
        uint32 epoch;
        uint32 turn;
        address performer;
    }

    /// @notice What the task was certified with: as `TaskCertified` names it, after a supplement with its bitmap.
    struct Truth {
        uint32 turn;
        address performer;
        FeeCommitment committed;
        bytes result;
    }

    error ZeroAddress();
    /// @notice The market has another clock.
    error WrongMarket(address market);
    /// @param field Name of the term that is out of bounds.
    error InvalidTerm(bytes32 field);
    error WrongBond(uint256 given, uint256 bond);
    /// @notice Another plant came shortly before.
    error TooSoon(uint64 from, uint64 clock);
    error AlreadyPlanted(address planter, bytes32 commitment);
    error UnknownPlant(address planter, bytes32 commitment);
    /// @notice Until it was shown for a task, a plant is its planter's.
    error NotPlanter(address caller, address planter);
    error NotSignedBy(address account);
    /// @notice The task is about another submission or another request.
    error NotPlanted(uint64 taskId);
    /// @notice The request is not younger than the plant.
    error PlantedTooLate(uint64 plantedAt, uint64 requestedAt);
    error UsedForTask(bytes32 commitment, uint64 taskId);
    error NotPerformer(address performer);
    error NotTheFault(uint256 faultId, bytes32 claimId);
    error AlreadyExempted(bytes32 commitment);
    error WrongOutcome(bytes32 claimId, ClaimOutcome outcome);
    /// @notice Who approved the claim and corrected itself has no fault yet.
    error ApproversNotAccused(bytes32 claimId);
    error ApproversAccused(bytes32 claimId);
    error NotCertified(uint64 taskId);
    error NotFinal(uint64 taskId, uint64 until, uint64 clock);
    /// @notice The claim with this result is not the one that was certified.
    error WrongTruth(bytes32 claimId, bytes32 certified);
    /// @notice One of the results has no figures.
    error NoFigures();
    /// @notice Figures that honest machines may differ in cannot be planted.
    error NotReference(uint8 engine);
    error NotWrongEnough(uint256 distance, uint256 least);
    error WrongOverturning(bytes32 claimId);
    error CorrectionsOpen(bytes32 claimId, uint64 until, uint64 clock);
    error EvidenceTooLate(uint32 epoch, uint64 until, uint256 current);
    error InvalidAggregate(bytes32 claimId);
    error NotAtFault(uint256 position);
    error NobodyNew(uint256 accused);
    error AlreadyRedeemed(bytes32 commitment);
    error TransferFailed(address to, uint256 amount);

    event TermsSet(uint32 minInterval, uint96 bond);
    event Planted(address indexed planter, bytes32 indexed commitment, uint96 bond);
    /// @notice A plant's planter showed which task it is.
    event Shown(address indexed planter, bytes32 indexed commitment, uint64 indexed taskId);
    event Exempted(uint64 indexed taskId, bytes32 indexed claimId, uint256 faultId);
    /// @param accused The positions that got a fault.
    event ApproversAtFault(uint64 indexed taskId, bytes32 indexed claimId, uint256 accused);
    event Redeemed(address indexed planter, bytes32 indexed commitment, uint96 bond);

    /// @notice Least market clock between two plants and the bond of each, by governance. 1 to 10,000,000 blocks, a
    /// bond of more than 0 and at most 10,000 native tokens.
    function setTerms(uint32 minInterval, uint96 bond) external;

    /// @notice Fixes a plant, by anyone, with exactly the bond as value. Whose request it will be in nobody sees.
    function plant(bytes32 commitment) external payable;

    /// @notice Cancels the fault of the performer of a planted claim, once a plant. The claim was rejected, or it was
    /// overturned and `accuseOverturned` has been called.
    function exempt(Opening calldata opening, PlantedClaim calldata claim, uint256 faultId) external;

    /// @notice Records faults of operators that voted to approve a planted claim, whatever became of it unless it was
    /// overturned. The task's true outcome must be final.
    /// @param votes Votes of purpose Claim to approve.
    /// @param accused Positions in the claim's epoch, one bit each, all of which voted.
    function accuse(
        Opening calldata opening,
        PlantedClaim calldata claim,
        Truth calldata truth,
        Votes calldata votes,
        uint256 accused
    ) external;

    /// @notice Records faults of all operators that certified a planted claim and corrected themselves in the appeal
    /// that overturned it; who did not has its fault from AttestationCenter. When corrections are over, and the task
    /// was certified again.
    /// @param committed,nonSigners As in `ClaimOverturned`, or `Corrected` where there is one.
    function accuseOverturned(
        Opening calldata opening,
        PlantedClaim calldata claim,
        Truth calldata truth,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners
    ) external;

    /// @notice Sends the bond back to the planter when the task of the plant has another outcome, which is final. A
    /// plant for which that cannot be shown loses its bond.
    function redeem(Opening calldata opening, uint64 taskId, Truth calldata truth) external;

    /// @notice What owner and optimizer sign.
    function digestOf(Opening calldata opening) external view returns (bytes32);
    function commitmentOf(Opening calldata opening) external view returns (bytes32);
    function plantOf(address planter, bytes32 commitment) external view returns (Plant memory);
    /// @notice Positions that have a fault for a planted claim.
    function atFault(bytes32 claimId) external view returns (uint256);
    function minInterval() external view returns (uint32);
    function bond() external view returns (uint96);
    /// @notice Market clock of the last plant.
    function lastPlantedAt() external view returns (uint64);
}
