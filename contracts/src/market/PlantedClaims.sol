// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenter } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { IModelSubmission, IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";
import { IPlants } from "../interfaces/IPlants.sol";
import { Digests } from "../libraries/Digests.sol";
import { EvaluationResult } from "./EvaluationResult.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title What was planted, and what is true instead (specification 4.11)
/// @dev Reads the market and AttestationCenter; keeps nothing.
abstract contract PlantedClaims is IPlants {
    bytes32 public constant PLANT_DOMAIN = keccak256("Zarathustra.Plant.v1");
    /// @notice How far a mean of a planted result is from the certified one, at the least, in tolerances.
    uint256 public constant MIN_TOLERANCES = 100;

    IAvsGovernance public immutable governance;
    IAttestationCenter public immutable attestationCenter;
    IModelSubmission public immutable market;

    constructor(IAvsGovernance governance_, IModelSubmission market_) {
        if (address(governance_) == address(0) || address(market_) == address(0)) {
            revert ZeroAddress();
        }
        // Plants and requests are compared by one clock.
        if (address(market_.marketClock()) != address(governance_)) {
            revert WrongMarket(address(market_));
        }
        governance = governance_;
        attestationCenter = market_.attestationCenter();
        market = market_;
    }

    /* THE OPENING */

    /// @inheritdoc IPlants
    function digestOf(Opening calldata opening) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                PLANT_DOMAIN,
                block.chainid,
                address(this),
                opening.planter,
                opening.owner,
                opening.optimizer,
                keccak256(abi.encode(opening.performers)),
                keccak256(opening.result),
                opening.secret
            )
        );
    }

    /// @dev With the signatures: owner and optimizer agreed before the plant, and not when it was found out.
    function _commitment(Opening calldata opening, bytes32 digest) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                digest, keccak256(opening.ownerSignature), keccak256(opening.optimizerSignature)
            )
        );
    }

    function _checkSigned(address account, bytes32 digest, bytes calldata signature) internal pure {
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (recovered != account || recovered == address(0)) revert NotSignedBy(account);
    }

    /* THE CLAIM */

    function _requestOf(uint64 taskId)
        internal
        view
        returns (IModelSubmissionTypes.Submission memory)
    {
        uint64 submissionId = market.submissionOfTask(taskId);
        if (submissionId == 0) revert NotPlanted(taskId);
        return market.submission(submissionId);
    }

    /// @dev A claim with the planted result, by one of those who may make it.
    function _claimOf(Opening calldata opening, PlantedClaim calldata claim)
        internal
        view
        returns (bytes32 claimId, bytes32 taskHash)
    {
        bool named;
        for (uint256 i; i < opening.performers.length; ++i) {
            if (opening.performers[i] == claim.performer) named = true;
        }
        if (!named) revert NotPerformer(claim.performer);
        Task memory task = attestationCenter.task(claim.taskId);
        taskHash = Digests.task(
            block.chainid,
            address(attestationCenter),
            claim.taskId,
            task.kind,
            claim.epoch,
            task.seed,
            task.subjectHash
        );
        claimId = Digests.claimId(taskHash, claim.turn, claim.performer, keccak256(opening.result));
    }

    /// @dev Only when corrections are over: nobody can then come to have both faults for one approval.
    function _checkOverturning(
        uint64 taskId,
        bytes32 claimId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners
    ) internal view {
        bytes32 known = attestationCenter.overturningOf(claimId);
        if (
            known == 0 || committed.claimId != claimId
                || known != keccak256(abi.encode(taskId, committed, nonSigners))
        ) revert WrongOverturning(claimId);
        uint16 kind = attestationCenter.task(taskId).kind;
        uint64 until = attestationCenter.appealOf(claimId).decidedAt
            + attestationCenter.definition(kind).supplementWindow;
        uint64 present = governance.clock();
        if (present <= until) revert CorrectionsOpen(claimId, until, present);
    }

    /* WHAT IS TRUE */

    function _requireFinal(uint64 taskId) internal view {
        Task memory task = attestationCenter.task(taskId);
        if (task.state != TaskState.Certified) revert NotCertified(taskId);
        uint64 present = governance.clock();
        if (present < task.deadline) revert NotFinal(taskId, task.deadline, present);
    }

    /// @dev The task was certified with a result that is far from the planted one.
    function _checkTruth(
        Opening calldata opening,
        uint64 taskId,
        uint64 requestId,
        Truth calldata truth
    ) internal view {
        Task memory task = attestationCenter.task(taskId);
        if (
            task.state != TaskState.Certified
                || task.commitment != attestationCenter.feeCommitmentOf(taskId, truth.committed)
        ) revert NotCertified(taskId);
        bytes32 claimId = attestationCenter.claimIdOf(
            taskId, truth.turn, truth.performer, keccak256(truth.result)
        );
        if (claimId != truth.committed.claimId) {
            revert WrongTruth(claimId, truth.committed.claimId);
        }

        IModelSubmissionTypes.Figures memory planted = _figures(opening.result);
        // By libtorch an honest machine may find what the reference engine does not, and an owner can write a program
        // for which it does. Figures of the reference engine are the same on every machine.
        if (planted.engine != EvaluationResult.REFERENCE) revert NotReference(planted.engine);
        IModelSubmissionTypes.Figures memory right = _figures(truth.result);
        uint256 champion = _distance(planted.championScore, right.championScore);
        uint256 challenger = _distance(planted.challengerScore, right.challengerScore);
        uint256 distance = champion > challenger ? champion : challenger;
        // Positive, as terms are checked.
        // forge-lint: disable-next-line(unsafe-typecast) positive
        uint256 least = MIN_TOLERANCES * uint64(market.terms(requestId).tolerance);
        if (distance < least) revert NotWrongEnough(distance, least);
    }

    function _figures(bytes calldata result)
        private
        pure
        returns (IModelSubmissionTypes.Figures memory figures)
    {
        bool sound;
        (sound, figures) = EvaluationResult.decode(result);
        if (!sound || figures.status != 0) revert NoFigures();
    }

    function _distance(int64 a, int64 b) private pure returns (uint256) {
        int256 difference = int256(a) - b;
        // forge-lint: disable-next-line(unsafe-typecast) not negative
        return uint256(difference < 0 ? -difference : difference);
    }
}
