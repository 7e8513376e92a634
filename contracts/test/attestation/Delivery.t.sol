// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { LogicDouble } from "../mocks/LogicDoubles.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev The logic hears of a certified result once, when the appeal window is over (3.3).
contract DeliveryTest is AttestationFixture {
    uint64 internal taskId;
    Claim internal claim;
    bytes32 internal claimId;
    address internal performer;
    uint64 internal finalAt;
    FeeCommitment internal committed;

    function setUp() public override {
        super.setUp();
        taskId = _evaluating();
        claim = _claim(taskId, 0, RESULT);
        claimId = _claimId(taskId, claim, RESULT);
        performer = _at(taskId, claim.performerIndex).operator;
        committed = _committed(claim, RESULT);
    }

    function _certify() private {
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        finalAt = governance.clock() + _definition().appealWindow;
    }

    function _deliver() private {
        center.deliver(taskId, claim.turn, performer, committed, RESULT);
    }

    function test_deliver_tellsTheLogicOnce() external {
        _certify();
        mine(_definition().appealWindow);
        vm.expectEmit(address(center));
        emit Delivered(taskId);
        vm.prank(makeAddr("anyone"));
        _deliver();
        vm.assertEq(logic.calls(), 1);
        vm.assertEq(logic.lastTask(), taskId);
        vm.assertEq(logic.lastResult(), RESULT);
        vm.assertTrue(center.task(taskId).delivered);
        vm.expectRevert(abi.encodeWithSelector(AlreadyDelivered.selector, taskId));
        _deliver();
    }

    function test_deliver_waitsForTheAppealWindow() external {
        _certify();
        mine(_definition().appealWindow - 1);
        vm.expectRevert(
            abi.encodeWithSelector(AppealWindowOpen.selector, taskId, finalAt, finalAt - 1)
        );
        _deliver();
        mine(1);
        _deliver();
    }

    /// The window stands still while the market is paused, and deliveries go on.
    function test_deliver_whilePaused() external {
        _certify();
        governance.pause();
        mine(10 * uint256(_definition().appealWindow));
        vm.expectPartialRevert(AppealWindowOpen.selector);
        _deliver();
        governance.unpause();
        mine(_definition().appealWindow);
        governance.pause();
        _deliver();
    }

    /// However long the logic refuses, the certificate stands and anybody can try again.
    function test_deliver_canBeRepeatedWhenTheLogicFails() external {
        _certify();
        mine(_definition().appealWindow);
        logic.setRefuses(true);
        vm.expectRevert(abi.encodeWithSelector(LogicDouble.Refused.selector, taskId));
        _deliver();
        vm.assertFalse(center.task(taskId).delivered);
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
        logic.setRefuses(false);
        _deliver();
        vm.assertEq(logic.calls(), 1);
    }

    function test_deliver_theCertifiedClaimOnly() external {
        _certify();
        mine(_definition().appealWindow);
        _expectNotCertified(claim.turn, performer, "other");
        _expectNotCertified(claim.turn + 1, performer, RESULT);
        _expectNotCertified(claim.turn, makeAddr("other"), RESULT);
        _deliver();
    }

    /// A claim that was rejected before another was approved is not the certified one.
    function test_deliver_notARejectedClaim() external {
        uint256 voters = _others(claim.performerIndex, 5);
        _submit(CertificateKind.Reject, taskId, claim, RESULT, voters);
        Claim memory second = _claim(taskId, 1, "second");
        _submit(CertificateKind.Approve, taskId, second, "second", ALL);
        FeeCommitment memory certified = _committed(second, "second");
        address secondPerformer = _at(taskId, second.performerIndex).operator;
        mine(_definition().appealWindow);
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        _deliver();
        vm.expectRevert(abi.encodeWithSelector(NotCertified.selector, claimId, certified.claimId));
        center.deliver(taskId, claim.turn, performer, certified, RESULT);
        center.deliver(taskId, 1, secondPerformer, certified, "second");
        vm.assertEq(logic.lastResult(), "second");
    }

    function test_deliver_nothingWithoutACertificate() external {
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Evaluating));
        _deliver();
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, 99, TaskState.None));
        center.deliver(99, 0, performer, committed, RESULT);
    }

    function _expectNotCertified(uint32 turn, address who, bytes memory result) private {
        bytes32 id = center.claimIdOf(taskId, turn, who, keccak256(result));
        vm.expectRevert(abi.encodeWithSelector(NotCertified.selector, id, claimId));
        center.deliver(taskId, turn, who, committed, result);
    }

    /// @dev What a certificate by all commits to.
    function _committed(Claim memory claim_, bytes memory result)
        private
        view
        returns (FeeCommitment memory)
    {
        return FeeCommitment({
            epoch: 1,
            claimId: _claimId(taskId, claim_, result),
            performerIndex: claim_.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
    }
}
