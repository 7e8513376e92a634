// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { LogicDouble } from "../mocks/LogicDoubles.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev However the logic fails, the certificate stands and its delivery can be repeated (3.3).
contract DeliveryTest is AttestationFixture {
    uint64 internal taskId;
    Claim internal claim;
    Certificate internal certificate;

    function setUp() public override {
        super.setUp();
        taskId = _evaluating();
        claim = _claim(taskId, 0, RESULT);
        certificate =
            _certificate(CertificateKind.Approve, taskId, _claimId(taskId, claim, RESULT), ALL);
    }

    function _expectFailedDelivery(LogicDouble.Mood mood, bytes memory reason) private {
        logic.setMood(mood);
        vm.expectEmit(address(center));
        emit DeliveryFailed(taskId, reason);
        center.submitTask(taskId, claim, RESULT, certificate);
        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Certified);
        vm.assertFalse(task.delivered);
        vm.assertEq(task.undelivered, keccak256(RESULT));
    }

    function test_delivery_logicReverts() external {
        _expectFailedDelivery(
            LogicDouble.Mood.Reverts, abi.encodeWithSelector(LogicDouble.Refused.selector, taskId)
        );
        vm.expectRevert(abi.encodeWithSelector(LogicDouble.Refused.selector, taskId));
        center.deliver(taskId, RESULT);
        vm.assertEq(center.task(taskId).undelivered, keccak256(RESULT));

        logic.setMood(LogicDouble.Mood.Takes);
        vm.expectEmit(address(center));
        emit Delivered(taskId);
        vm.prank(makeAddr("anyone"));
        center.deliver(taskId, RESULT);
        vm.assertEq(logic.lastResult(), RESULT);
        Task memory task = center.task(taskId);
        vm.assertTrue(task.delivered);
        vm.assertEq(task.undelivered, 0);
        vm.expectRevert(abi.encodeWithSelector(NothingToDeliver.selector, taskId));
        center.deliver(taskId, RESULT);
    }

    function test_delivery_logicBurnsItsGas() external {
        uint256 before = gasleft();
        _expectFailedDelivery(LogicDouble.Mood.BurnsGas, "");
        // It burned what it was given and no more.
        vm.assertLt(before - gasleft(), 500_000 + 400_000);
    }

    /// Of a reason of 100,000 bytes the first 256 are kept.
    function test_delivery_logicRevertsAtLength() external {
        _expectFailedDelivery(LogicDouble.Mood.RevertsAtLength, new bytes(256));
    }

    function test_delivery_takesTheCertifiedResultOnly() external {
        _expectFailedDelivery(
            LogicDouble.Mood.Reverts, abi.encodeWithSelector(LogicDouble.Refused.selector, taskId)
        );
        logic.setMood(LogicDouble.Mood.Takes);
        vm.expectRevert(abi.encodeWithSelector(ResultMismatch.selector, keccak256("other")));
        center.deliver(taskId, "other");
    }

    function test_delivery_nothingWithoutACertificate() external {
        vm.expectRevert(abi.encodeWithSelector(NothingToDeliver.selector, taskId));
        center.deliver(taskId, RESULT);
        center.submitTask(taskId, claim, RESULT, certificate);
        vm.expectRevert(abi.encodeWithSelector(NothingToDeliver.selector, taskId));
        center.deliver(taskId, RESULT);
    }

    /// Whatever gas limit the submitter chooses, either the whole submission fails or the logic gets all of
    /// HOOK_GAS: nobody can make a good delivery fail by being stingy.
    function testFuzz_delivery_gasLimitDoesNotDecide(uint256 gas) external {
        gas = bound(gas, 100_000, 1_200_000);
        try center.submitTask{ gas: gas }(taskId, claim, RESULT, certificate) {
            vm.assertTrue(center.task(taskId).delivered);
            vm.assertGt(logic.lastGas(), 495_000);
        } catch {
            vm.assertTrue(center.task(taskId).state == TaskState.Evaluating);
        }
    }

    function test_delivery_saysWhenGasIsShort() external {
        vm.expectPartialRevert(HookGasTooLow.selector);
        center.submitTask{ gas: 700_000 }(taskId, claim, RESULT, certificate);
    }

    /// Failing at the least gas that is taken still leaves enough to record it.
    function testFuzz_delivery_failureIsRecordedAtAnyGas(uint256 gas) external {
        gas = bound(gas, 100_000, 1_200_000);
        logic.setMood(LogicDouble.Mood.BurnsGas);
        try center.submitTask{ gas: gas }(taskId, claim, RESULT, certificate) {
            vm.assertEq(center.task(taskId).undelivered, keccak256(RESULT));
        } catch {
            vm.assertTrue(center.task(taskId).state == TaskState.Evaluating);
        }
    }

    /// Fees do not wait for the logic.
    function test_delivery_failureDoesNotHoldFees() external {
        logic.setMood(LogicDouble.Mood.Reverts);
        center.submitTask(taskId, claim, RESULT, certificate);
        FeeCommitment[] memory committed = new FeeCommitment[](1);
        committed[0] = FeeCommitment({
            epoch: 1,
            claimId: _claimId(taskId, claim, RESULT),
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        uint64[] memory tasks = new uint64[](1);
        tasks[0] = taskId;
        vm.assertGt(center.claimFees(_at(taskId, 0).operator, tasks, new uint32[](1), committed), 0);
    }
}
