// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IModelSubmission,
    IModelSubmissionErrors
} from "../../src/interfaces/IModelSubmission.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev One address answers the whole interface, although its code is in two parts.
contract InterfaceTest is MarketTest {
    function test_unknownThingsAreRefusedByEveryView() external {
        bytes memory request =
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 1);
        bytes memory submission =
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownSubmission.selector, 1);
        vm.expectRevert(request);
        market.request(1);
        vm.expectRevert(request);
        market.terms(1);
        vm.expectRevert(request);
        market.manifest(1);
        vm.expectRevert(request);
        market.champion(1);
        vm.expectRevert(request);
        market.championAt(1, 0);
        vm.expectRevert(request);
        market.championCount(1);
        vm.expectRevert(request);
        market.queueAt(1, 0);
        vm.expectRevert(submission);
        market.submission(1);
        vm.expectRevert(submission);
        market.subjectHash(1);
        vm.expectRevert(submission);
        market.retention(1);
        _create();
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.UnknownChampion.selector, 1, 1)
        );
        market.championAt(1, 1);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownTask.selector, 1));
        market.thresholds(1);
        vm.assertEq(market.submissionOfTask(1), 0);
    }

    function test_constantsAndAddresses() external view {
        vm.assertEq(address(market.attestationCenter()), address(center));
        vm.assertEq(address(market.marketClock()), address(clock));
        vm.assertEq(market.MAX_STEPS(), 32);
        vm.assertEq(market.requestCount(), 0);
        vm.assertEq(market.submissionCount(), 0);
    }

    function test_thresholds_areTheRequests() external {
        _submit(_create(), alice, "a");
        (, uint64 taskId) = _start(1);
        (int64 minImprovement, int64 tolerance, int64 slashMargin, uint32 minSamples) =
            market.thresholds(taskId);
        vm.assertEq(minImprovement, MIN_IMPROVEMENT);
        vm.assertEq(tolerance, TOLERANCE);
        vm.assertEq(slashMargin, SLASH_MARGIN);
        vm.assertEq(minSamples, MIN_SAMPLES);
    }

    function test_unknownFunctionIsRefused() external {
        (bool done, bytes memory answer) = address(market).call(hex"deadbeef");
        vm.assertFalse(done);
        vm.assertEq(answer.length, 0);
    }

    /// @dev Value that comes with a view or an unknown function is refused, not swallowed.
    function test_viewsTakeNoValue() external {
        _create();
        uint256 before = address(market).balance;
        (bool done,) = address(market).call{ value: 1 }(abi.encodeCall(market.request, (1)));
        vm.assertFalse(done);
        (done,) = address(market).call{ value: 1 }(hex"deadbeef");
        vm.assertFalse(done);
        vm.assertEq(address(market).balance, before);
    }

    /// @dev The part that holds the code of requests has no storage, no requests and no money of its own.
    function test_deskAloneCanDoNothing() external {
        address desk = vm.computeCreateAddress(address(market), 1);
        vm.assertGt(desk.code.length, 0);
        bytes32 field = "kind";
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.InvalidTerm.selector, field));
        IModelSubmission(desk).createRequest{ value: uint256(REWARD) + FEE + BOND }(
            _terms(), _content("manifest"), _content("baseline"), REWARD, FEE, BOND
        );
        _create();
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 1));
        IModelSubmission(desk).request(1);
    }
}
