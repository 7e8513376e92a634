// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenterTypes, MAX_TASK_FEE } from "../interfaces/IAttestationCenter.sol";
import { IModelSubmissionErrors, IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";
import { IRetentionDesk } from "../interfaces/IRetentionDesk.sol";
import { RisingDeposit } from "./RisingDeposit.sol";

/// @title What the terms of a request must satisfy (specification 4.2)
/// @dev `InvalidTerm` names the field that breaks a rule, as text.
library RequestTerms {
    uint256 internal constant MAX_MANIFEST_BYTES = 64 * 1024;
    uint256 private constant MIN_CID_BYTES = 36;
    uint256 private constant MAX_CID_BYTES = 64;
    uint32 private constant MAX_ALPHA_PPB = 1e8;
    /// @notice Most of a reward that can be held back, in 1e-4.
    uint256 internal constant MAX_RETENTION_BPS = 5000;
    /// @notice Tries that the window of a retention has room for.
    uint256 private constant RETENTION_TRIES = 2;

    function check(IModelSubmissionTypes.Terms calldata terms, uint256 minFee) internal pure {
        _require(terms.queueCap != 0, "queueCap");
        // A bound needs two samples.
        _require(terms.minSamples >= 2, "minSamples");
        _require(terms.alphaPpb != 0 && terms.alphaPpb <= MAX_ALPHA_PPB, "alphaPpb");
        _require(terms.revealWindow != 0, "revealWindow");
        _require(terms.queueWindow != 0, "queueWindow");
        _require(terms.closeNotice != 0, "closeNotice");
        _require(terms.maxParameterBytes != 0, "maxParameterBytes");

        _require(terms.tolerance > 0, "tolerance");
        _require(int256(terms.minImprovement) >= 2 * int256(terms.tolerance), "minImprovement");
        _require(terms.slashMargin >= terms.minImprovement, "slashMargin");
        _require(
            terms.advantage >= 0
                && int256(terms.minImprovement) + terms.advantage <= type(int64).max,
            "advantage"
        );
        // Half of a rule would be none.
        _require((terms.advantage == 0) == (terms.advantagePeriod == 0), "advantagePeriod");

        _require(terms.reward != 0, "reward");
        _require(
            terms.rewardToken != address(0) || terms.rewardValue == terms.reward, "rewardValue"
        );
        // Re-rolling for luck costs more than it wins: each roll wins with probability alpha.
        _require(
            uint256(terms.evaluationFee) * 1e9
                >= 2 * uint256(terms.alphaPpb) * uint256(terms.rewardValue),
            "evaluationFee"
        );
        // A task with a fee out of these bounds could not be opened.
        _require(
            terms.evaluationFee >= minFee && terms.evaluationFee <= MAX_TASK_FEE, "evaluationFee"
        );
        _require(terms.deposit >= terms.evaluationFee, "deposit");
        _require(terms.depositGrowthBps <= RisingDeposit.MAX_GROWTH_BPS, "depositGrowthBps");
        _require((terms.depositGrowthBps == 0) == (terms.depositDecay == 0), "depositDecay");
        _require(
            terms.depositGrowthBps == 0
                || terms.deposit <= type(uint96).max / RisingDeposit.MAX_FACTOR,
            "deposit"
        );
        _require(
            terms.unavailablePenalty >= terms.evaluationFee
                && terms.unavailablePenalty <= terms.deposit,
            "unavailablePenalty"
        );
        // Half of a rule would be none.
        _require(
            terms.retention.bps != 0
                || (terms.retention.time == 0
                    && terms.retention.window == 0
                    && terms.retention.kind == 0),
            "retentionBps"
        );
    }

    /// @dev What is held back can be earned: by tasks of a kind whose source is a desk of this market, and in a window
    /// that lasts longer than one of them.
    /// @param definition That of `terms.retention.kind`.
    function checkRetention(
        IModelSubmissionTypes.Terms calldata terms,
        IAttestationCenterTypes.TaskDefinition memory definition
    ) internal view {
        _require(terms.retention.bps <= MAX_RETENTION_BPS, "retentionBps");
        _require(terms.retention.time != 0, "retentionTime");
        (bool answered, bytes memory market) =
            definition.source.staticcall(abi.encodeCall(IRetentionDesk.market, ()));
        _require(
            answered && market.length == 32
                // forge-lint: disable-next-line(unsafe-typecast) 32 bytes, as just seen
                && bytes32(market) == bytes32(uint256(uint160(address(this)))),
            "retentionKind"
        );
        uint256 longest = uint256(definition.fetchWindow) + definition.taskLife;
        _require(terms.retention.window >= RETENTION_TRIES * longest, "retentionWindow");
    }

    /// @dev Escrows cover a win and the bond covers a fault of the evaluator.
    function checkFunds(
        IModelSubmissionTypes.Terms calldata terms,
        uint128 rewardEscrow,
        uint128 feeEscrow,
        uint128 evaluatorBond
    ) internal pure {
        _require(rewardEscrow >= terms.reward, "rewardEscrow");
        _require(feeEscrow >= terms.evaluationFee, "feeEscrow");
        _require(
            evaluatorBond >= uint256(terms.evaluationFee) + terms.compensation, "evaluatorBond"
        );
    }

    function checkCid(bytes calldata cid) internal pure {
        require(
            cid.length >= MIN_CID_BYTES && cid.length <= MAX_CID_BYTES,
            IModelSubmissionErrors.InvalidCid(cid.length)
        );
    }

    function checkContents(
        IModelSubmissionTypes.Terms calldata terms,
        IModelSubmissionTypes.Content calldata manifest,
        IModelSubmissionTypes.Content calldata baseline
    ) internal pure {
        checkCid(manifest.cid);
        checkCid(baseline.cid);
        _require(manifest.size != 0 && manifest.size <= MAX_MANIFEST_BYTES, "manifest");
        _require(baseline.size != 0 && baseline.size <= terms.maxParameterBytes, "baseline");
    }

    function _require(bool holds, bytes32 field) private pure {
        require(holds, IModelSubmissionErrors.InvalidTerm(field));
    }
}
