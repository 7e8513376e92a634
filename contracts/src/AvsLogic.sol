// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import { IAttestationCenter } from "./interfaces/IAttestationCenter.sol";
import { IAvsLogic } from "./interfaces/IAvsLogic.sol";
import { IModelSubmission, IModelSubmissionTypes } from "./interfaces/IModelSubmission.sol";
import { EvaluationResult } from "./market/EvaluationResult.sol";

/// @title The hook of the kind `improve`: decodes a certified result, judges it, tells the market
/// @notice Holds no money and no state.
contract AvsLogic is IAvsLogic, IModelSubmissionTypes {
    error NotAttestationCenter(address caller);
    error ZeroAddress();

    IAttestationCenter public immutable attestationCenter;
    IModelSubmission public immutable market;

    constructor(IAttestationCenter attestationCenter_, IModelSubmission market_) {
        require(
            address(attestationCenter_) != address(0) && address(market_) != address(0),
            ZeroAddress()
        );
        attestationCenter = attestationCenter_;
        market = market_;
    }

    /// @inheritdoc IAvsLogic
    /// @dev No content of `result` makes this revert: what cannot be judged is a malformed result.
    function onCertified(uint64 taskId, bytes calldata result) external {
        require(msg.sender == address(attestationCenter), NotAttestationCenter(msg.sender));
        (SubmissionState verdict, Reason reason, int64 score) = judge(taskId, result);
        market.settle(taskId, verdict, reason, score);
    }

    /// @notice The verdict that a result comes to, and the challenger's score; whether it was certified or not.
    function judge(uint64 taskId, bytes calldata result)
        public
        view
        returns (SubmissionState verdict, Reason reason, int64 score)
    {
        (bool sound, Figures memory figures) = EvaluationResult.decode(result);
        (verdict, reason) = _judge(taskId, sound, figures);
        score = figures.challengerScore;
    }

    /// @dev Specification 5.6.
    function _judge(uint64 taskId, bool sound, Figures memory figures)
        private
        view
        returns (SubmissionState, Reason)
    {
        if (!sound) return (SubmissionState.NotBetter, Reason.MalformedResult);
        if (figures.status != 0) {
            return (_ofStatus(figures.status), Reason(figures.status));
        }
        (int64 minImprovement, int64 tolerance, int64 slashMargin, uint32 minSamples) =
            market.thresholds(taskId);
        if (figures.samples < minSamples) {
            return (SubmissionState.NotBetter, Reason.MalformedResult);
        }
        // In 256 bits sums of 64-bit numbers cannot overflow.
        int256 margin = figures.engine == EvaluationResult.REFERENCE ? int256(0) : tolerance;
        bool accepted = int256(figures.lower) - margin >= minImprovement;
        bool worse = int256(figures.upper) + margin < -int256(slashMargin);
        // Figures that the margin decides about are the reference engine's to state.
        if (
            accepted != (int256(figures.lower) + margin >= minImprovement)
                || worse != (int256(figures.upper) - margin < -int256(slashMargin))
        ) return (SubmissionState.NotBetter, Reason.MalformedResult);
        if (accepted) return (SubmissionState.Accepted, Reason.Better);
        if (worse) return (SubmissionState.Worse, Reason.SignificantlyWorse);
        return (SubmissionState.NotBetter, Reason.NoSignificantImprovement);
    }

    function _ofStatus(uint8 status) private pure returns (SubmissionState) {
        if (status == uint8(Reason.Unavailable)) return SubmissionState.Unavailable;
        return EvaluationResult.faultOf(status) == 2
            ? SubmissionState.EvaluatorFault
            : SubmissionState.Invalid;
    }
}
