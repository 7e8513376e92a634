// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsLogic } from "../../src/AvsLogic.sol";
import { IAttestationCenter } from "../../src/interfaces/IAttestationCenter.sol";
import {
    IModelSubmission,
    IModelSubmissionErrors
} from "../../src/interfaces/IModelSubmission.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev Decoding and judging of results (specification 5.1, 5.2, 5.6).
/// Thresholds: minImprovement 1000, tolerance 10, slashMargin 5000, minSamples 1000.
contract AvsLogicTest is MarketTest {
    /// @dev Keys of the shared vectors, in alphabetical order.
    struct Terms_ {
        int256 minImprovement;
        uint256 minSamples;
        int256 slashMargin;
        int256 tolerance;
    }

    struct Verdict_ {
        uint256 engine;
        int256 lower;
        uint256 reason;
        int256 upper;
    }

    uint64 internal submissionId;
    uint64 internal taskId;

    function setUp() public override {
        super.setUp();
        uint64 requestId = _create();
        _submit(requestId, alice, "a");
        (submissionId, taskId) = _start(requestId);
    }

    function test_onCertified_onlyByAttestationCenter() external {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(AvsLogic.NotAttestationCenter.selector, alice));
        logic.onCertified(taskId, _better());
    }

    function test_onCertified_refusesATaskOfAnotherMarket() external {
        vm.prank(address(center));
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownTask.selector, 99));
        logic.onCertified(99, _better());
    }

    function test_constructor_refusesZeroAddresses() external {
        vm.expectRevert(AvsLogic.ZeroAddress.selector);
        new AvsLogic(IAttestationCenter(address(0)), market);
        vm.expectRevert(AvsLogic.ZeroAddress.selector);
        new AvsLogic(IAttestationCenter(address(center)), IModelSubmission(address(0)));
    }

    /* EDGES OF THE VERDICT */

    function test_judge_acceptsFromLowerMinusToleranceEqualToMinImprovement() external {
        _check(_scored(1010, 1500, 2000), SubmissionState.Accepted, Reason.Better);
        _checkMalformed(_scored(1009, 1500, 2000));
        _checkMalformed(_scored(990, 1500, 2000));
        _check(_scored(989, 1500, 2000), SubmissionState.NotBetter, Reason.NoSignificantImprovement);
    }

    function test_judge_worseBelowMinusSlashMargin() external {
        _check(
            _scored(-6000, -5500, -4990), SubmissionState.NotBetter, Reason.NoSignificantImprovement
        );
        _checkMalformed(_scored(-6000, -5500, -4991));
        _checkMalformed(_scored(-6000, -5500, -5010));
        _check(_scored(-6000, -5500, -5011), SubmissionState.Worse, Reason.SignificantlyWorse);
    }

    function test_judge_referenceFiguresNeedNoMargin() external {
        _check(_with(_scored(1000, 1500, 2000), 4, 2), SubmissionState.Accepted, Reason.Better);
        _check(
            _with(_scored(999, 1500, 2000), 4, 2),
            SubmissionState.NotBetter,
            Reason.NoSignificantImprovement
        );
        _check(
            _with(_scored(-6000, -5500, -5001), 4, 2),
            SubmissionState.Worse,
            Reason.SignificantlyWorse
        );
        _check(
            _with(_scored(-6000, -5500, -5000), 4, 2),
            SubmissionState.NotBetter,
            Reason.NoSignificantImprovement
        );
    }

    function test_judge_agreesWithTheSharedVectors() external {
        string memory json = vm.readFile("../tests/vectors/verdict.json");
        Terms_ memory terms = abi.decode(vm.parseJson(json, "$.terms"), (Terms_));
        vm.assertEq(terms.minImprovement, MIN_IMPROVEMENT);
        vm.assertEq(terms.tolerance, TOLERANCE);
        vm.assertEq(terms.slashMargin, SLASH_MARGIN);
        vm.assertEq(terms.minSamples, MIN_SAMPLES);
        Verdict_[] memory cases = abi.decode(vm.parseJson(json, "$.cases"), (Verdict_[]));
        vm.assertGt(cases.length, 0);
        for (uint256 i; i < cases.length; ++i) {
            Verdict_ memory c = cases[i];
            Reason reason = Reason(c.reason);
            SubmissionState state = SubmissionState.NotBetter;
            if (reason == Reason.Better) state = SubmissionState.Accepted;
            if (reason == Reason.SignificantlyWorse) state = SubmissionState.Worse;
            bytes memory result = _raw(int64(c.lower), int64(c.upper), int64(c.lower));
            _check(_with(result, 4, c.engine), state, reason);
        }
    }

    function test_judge_needsMinSamples() external {
        _check(_scored(MIN_SAMPLES, 2000, 3000, 4000), SubmissionState.Accepted, Reason.Better);
        _checkMalformed(_scored(MIN_SAMPLES - 1, 2000, 3000, 4000));
        _checkMalformed(_scored(MIN_SAMPLES - 1, -9000, -8000, -7000));
        _check(_scored(type(uint32).max, 2000, 3000, 4000), SubmissionState.Accepted, Reason.Better);
    }

    function test_judge_extremesDoNotOverflow() external {
        int64 low = type(int64).min;
        int64 high = type(int64).max;
        _check(_raw(low, high, low), SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        _check(_raw(low, high, high), SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        _check(_raw(high, high, high), SubmissionState.Accepted, Reason.Better);
        _check(_raw(low, low, low), SubmissionState.Worse, Reason.SignificantlyWorse);
    }

    /// @dev The rule of 5.6 in words of its own: no sum of it is formed as the contract forms it.
    function testFuzz_judge_followsTheRule(int64 lower, int64 improvement, int64 upper) external {
        lower = int64(bound(int256(lower), -20_000, 20_000));
        upper = int64(bound(int256(upper), lower, 20_000));
        improvement = int64(bound(int256(improvement), lower, upper));
        SubmissionState expected = SubmissionState.NotBetter;
        Reason reason = Reason.NoSignificantImprovement;
        if (lower >= MIN_IMPROVEMENT + TOLERANCE) {
            (expected, reason) = (SubmissionState.Accepted, Reason.Better);
        } else if (upper <= -SLASH_MARGIN - TOLERANCE - 1) {
            (expected, reason) = (SubmissionState.Worse, Reason.SignificantlyWorse);
        } else if (lower >= MIN_IMPROVEMENT - TOLERANCE || upper <= -SLASH_MARGIN + TOLERANCE - 1) {
            reason = Reason.MalformedResult;
        }
        _check(_raw(lower, upper, improvement), expected, reason);
    }

    function test_judge_everyStatusHasItsVerdict() external {
        for (uint8 status = 1; status <= 5; ++status) {
            _check(_failed(status), SubmissionState.Invalid, Reason(status));
        }
        _check(_failed(6), SubmissionState.Unavailable, Reason.Unavailable);
        for (uint8 status = 7; status <= 9; ++status) {
            _check(_failed(status), SubmissionState.EvaluatorFault, Reason(status));
        }
        vm.assertEq(uint256(Reason.BadFormat), 1);
        vm.assertEq(uint256(Reason.EvaluatorInvalid), 9);
    }

    /* DECODING */

    function test_decode_keepsEveryField() external view {
        bytes memory result = abi.encode(
            uint16(1),
            uint8(0),
            uint8(0),
            uint8(1),
            uint8(1),
            bytes32(uint256(11)),
            uint32(4096),
            int64(-12),
            int64(13),
            int64(25),
            int64(-26),
            int64(27),
            bytes32(uint256(14))
        );
        (SubmissionState verdict, Reason reason, int64 score) = logic.judge(taskId, result);
        vm.assertEq(uint256(verdict), uint256(SubmissionState.NotBetter));
        vm.assertEq(uint256(reason), uint256(Reason.NoSignificantImprovement));
        vm.assertEq(score, 13);
    }

    function test_decode_lengthIsExact() external {
        _checkMalformed("");
        _checkMalformed(new bytes(416));
        bytes memory result = _better();
        _checkMalformed(bytes.concat(result, hex"00"));
        _checkMalformed(bytes.concat(result, result));
        assembly {
            mstore(result, 415)
        }
        _checkMalformed(result);
    }

    function test_decode_versionStatusAndFault() external {
        _checkMalformed(_with(_better(), 0, 0));
        _checkMalformed(_with(_better(), 0, 2));
        _checkMalformed(_with(_failed(9), 1, 10));
        for (uint8 status = 0; status <= 9; ++status) {
            uint256 right = status == 0 ? 0 : status <= 6 ? 1 : 2;
            for (uint256 fault = 0; fault <= 4; ++fault) {
                if (fault == right) continue;
                bytes memory result = status == 0 ? _better() : _failed(status);
                _checkMalformed(_with(result, 2, fault));
            }
        }
    }

    function test_decode_boundAndEngineAreKnown() external {
        _checkMalformed(_with(_better(), 3, 0));
        _checkMalformed(_with(_better(), 3, 3));
        _checkMalformed(_with(_failed(3), 3, 2));
        _checkMalformed(_with(_better(), 4, 0));
        _checkMalformed(_with(_better(), 4, 3));
    }

    /// @dev Specification 5.2: 1 is empirical Bernstein, 2 betting. The verdict is the same.
    function test_decode_everyBoundIsJudgedAlike() external {
        for (uint256 kind = 1; kind <= 2; ++kind) {
            _check(
                _with(_scored(1010, 1500, 2000), 3, kind), SubmissionState.Accepted, Reason.Better
            );
            _check(
                _with(_scored(989, 1500, 2000), 3, kind),
                SubmissionState.NotBetter,
                Reason.NoSignificantImprovement
            );
            _check(
                _with(_scored(-6000, -5500, -5011), 3, kind),
                SubmissionState.Worse,
                Reason.SignificantlyWorse
            );
        }
    }

    function test_decode_boundsEncloseTheImprovement() external {
        _check(_scored(3000, 3000, 3000), SubmissionState.Accepted, Reason.Better);
        _checkMalformed(_scored(3001, 3000, 4000));
        _checkMalformed(_scored(2000, 3000, 2999));
    }

    /// @dev A word beyond the range of its type is no encoding of anything.
    function test_decode_everyWordIsCanonical() external {
        uint256[5] memory smallWords = [uint256(0), 1, 2, 3, 4];
        for (uint256 i = 0; i < smallWords.length; ++i) {
            uint256 limit = i == 0 ? 2 ** 16 : 2 ** 8;
            bytes memory result = _better();
            uint256 word = _wordOf(result, i);
            _checkMalformed(_with(result, i, word + limit));
            _checkMalformed(_with(result, i, word | 1 << 255));
        }
        _checkMalformed(_with(_better(), 6, uint256(MIN_SAMPLES) + (1 << 32)));
        for (uint256 i = 7; i <= 11; ++i) {
            _checkMalformed(_with(_raw(-1, 1, 0), i, 1 << 63)); // 2^63
            _checkMalformed(_with(_raw(-1, 1, 0), i, type(uint64).max)); // -1 without its sign
            _checkMalformed(_with(_raw(-1, 1, 0), i, 1 << 255));
            _checkMalformed(_with(_raw(-1, 1, 0), i, ~uint256(1 << 63))); // -2^63 - 1
        }
    }

    function test_decode_aFailureCarriesNoFigures() external {
        uint256[9] memory words = [uint256(3), 4, 6, 7, 8, 9, 10, 11, 12];
        for (uint256 i = 0; i < words.length; ++i) {
            _checkMalformed(_with(_failed(3), words[i], 1));
        }
        _check(_with(_failed(3), 5, 12_345), SubmissionState.Invalid, Reason.NonFinite);
    }

    /// @dev Whatever a quorum signs, its delivery goes through and the submission can be settled.
    function testFuzz_decode_nothingBlocksADelivery(bytes calldata result) external {
        center.certify(taskId, result);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        vm.assertGe(
            uint256(market.submission(submissionId).state), uint256(SubmissionState.Accepted)
        );
    }

    function testFuzz_decode_nothingOfTheRightLengthBlocksADelivery(
        bytes32[13] calldata words,
        uint16 plausible
    ) external {
        bytes memory result = _better();
        for (uint256 i = 0; i < 13; ++i) {
            if ((plausible >> i) & 1 == 0) result = _with(result, i, uint256(words[i]));
        }
        center.certify(taskId, result);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        vm.assertGe(
            uint256(market.submission(submissionId).state), uint256(SubmissionState.Accepted)
        );
    }

    /* HELPERS */

    function _check(bytes memory result, SubmissionState verdict, Reason reason) private {
        uint256 state = vm.snapshotState();
        center.certify(taskId, result);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertEnded(submissionId, verdict, reason);
        vm.revertToState(state);
    }

    function _checkMalformed(bytes memory result) private {
        _check(result, SubmissionState.NotBetter, Reason.MalformedResult);
    }

    function _raw(int64 lower, int64 upper, int64 improvement) private pure returns (bytes memory) {
        return abi.encode(
            uint16(1),
            uint8(0),
            uint8(0),
            uint8(1),
            uint8(1),
            ENVIRONMENT,
            MIN_SAMPLES,
            int64(0),
            int64(0),
            improvement,
            lower,
            upper,
            SCORES_ROOT
        );
    }

    /// @dev A copy of a result with one word replaced.
    function _with(bytes memory result, uint256 index, uint256 word)
        private
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(result);
        assembly {
            mstore(add(add(copy, 0x20), mul(index, 0x20)), word)
        }
    }

    function _wordOf(bytes memory result, uint256 index) private pure returns (uint256 word) {
        assembly {
            word := mload(add(add(result, 0x20), mul(index, 0x20)))
        }
    }
}
