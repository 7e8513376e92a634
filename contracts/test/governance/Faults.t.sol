// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAllocationManagerTypes } from "../../src/interfaces/eigenlayer/IAllocationManager.sol";
import { AllocationManagerDouble } from "../mocks/EigenLayerDoubles.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Faults: recorded by AttestationCenter, executed by anyone (3.5).
contract FaultsTest is GovernanceFixture {
    bytes32 internal constant CLAIM = keccak256("claim");

    address internal center = makeAddr("attestation center");
    Identity internal a;
    Identity internal b;

    function setUp() public override {
        super.setUp();
        governance.setAttestationCenter(center);
        a = _join(1, 1000);
        b = _join(2, 1000);
        eigen.setStake(a.operator, strategyB, 500);
        _rollAll();
        mine(1);
    }

    function _record(address operator) private returns (uint256) {
        vm.prank(center);
        return governance.recordFault(operator, FaultKind.RejectedClaim, 7, CLAIM);
    }

    function test_record_onlyByAttestationCenter() external {
        vm.expectRevert(abi.encodeWithSelector(NotAttestationCenter.selector, address(this)));
        governance.recordFault(a.operator, FaultKind.RejectedClaim, 7, CLAIM);
    }

    function test_record_storesAndStopsTheEpoch() external {
        vm.expectEmit(address(governance));
        emit FaultRecorded(1, a.operator, FaultKind.RejectedClaim, 7, CLAIM, 10_031);
        vm.assertEq(_record(a.operator), 1);

        Fault memory fault = governance.fault(1);
        vm.assertEq(fault.operator, a.operator);
        vm.assertTrue(fault.kind == FaultKind.RejectedClaim);
        vm.assertFalse(fault.executed || fault.vetoed);
        vm.assertEq(fault.executableAt, 10_031);
        vm.assertEq(fault.taskId, 7);
        vm.assertEq(fault.claimId, CLAIM);
        vm.assertEq(governance.faultCount(), 1);
        vm.assertEq(governance.operatorInfo(a.operator).openFaults, 1);
        vm.assertTrue(governance.rollNeeded());
        vm.assertFalse(governance.epochUsable());
    }

    /// While a fault is open its operator decides nothing new; afterwards what is left of its stake counts.
    function test_record_leavesOperatorOutUntilExecuted() external {
        _record(a.operator);
        _rollAll();
        vm.assertEq(governance.epochHead(2).totalStake, 1000);
        vm.assertEq(_stakeIn(2, b.operator), 1000);

        mine(30);
        governance.executeFault(1);
        vm.assertTrue(governance.rollNeeded());
        _rollAll();
        vm.assertEq(_stakeIn(3, b.operator), 1000);
        vm.assertEq(_stakeIn(3, a.operator), 900 + 450 / 2);
    }

    function test_record_twoFaultsKeepOperatorOutUntilBothAreOver() external {
        _record(a.operator);
        _record(a.operator);
        mine(30);
        governance.executeFault(1);
        _rollAll();
        vm.assertEq(_stakeIn(2, a.operator), 0);
        governance.vetoFault(2);
        mine(20);
        _rollAll();
        vm.assertEq(_stakeIn(3, a.operator), 1125);
    }

    /// Leaving and coming back does not clear a fault.
    function test_record_followsTheOperatorOutAndBack() external {
        _record(a.operator);
        _leave(a.operator);
        _register(a.operator, _registration(a));
        _rollAll();
        vm.assertEq(_stakeIn(2, a.operator), 0);
    }

    function test_execute_slashesEveryStrategyOfTheSet() external {
        uint256 id = _record(a.operator);
        mine(30);
        vm.expectEmit(address(governance));
        emit FaultExecuted(id, a.operator, 0.1e18);
        vm.prank(makeAddr("anyone"));
        governance.executeFault(id);

        IAllocationManagerTypes.SlashingParams memory slash = eigen.lastSlash();
        vm.assertEq(slash.operator, a.operator);
        vm.assertEq(slash.operatorSetId, 0);
        vm.assertEq(slash.strategies.length, 2);
        vm.assertEq(slash.strategies[0], strategyA);
        vm.assertEq(slash.strategies[1], strategyB);
        vm.assertEq(slash.wadsToSlash.length, 2);
        vm.assertEq(slash.wadsToSlash[0], 0.1e18);
        vm.assertEq(slash.wadsToSlash[1], 0.1e18);
        vm.assertEq(
            slash.description,
            string.concat(
                "Zarathustra: fault ",
                vm.toString(id),
                ", task ",
                vm.toString(uint256(governance.fault(id).taskId)),
                ": claim rejected by a quorum"
            )
        );
        vm.assertEq(eigen.sharesOf(a.operator, strategyA), 900);
        vm.assertTrue(governance.fault(id).executed);
        vm.assertEq(governance.operatorInfo(a.operator).openFaults, 0);
    }

    function test_execute_notBeforeTheVetoWindowIsOver() external {
        uint256 id = _record(a.operator);
        mine(29);
        vm.expectRevert(abi.encodeWithSelector(FaultNotExecutable.selector, id, 10_031, 10_030));
        governance.executeFault(id);
    }

    /// A pause stops the market's clock. It must not let slashable stake run away.
    function test_execute_doesNotWaitForAPausedMarket() external {
        uint256 id = _record(a.operator);
        governance.pause();
        mine(30);
        governance.executeFault(id);
        vm.assertEq(eigen.slashCount(), 1);
    }

    function test_execute_onceOnly() external {
        uint256 id = _record(a.operator);
        mine(30);
        governance.executeFault(id);
        vm.expectRevert(abi.encodeWithSelector(FaultAlreadyExecuted.selector, id));
        governance.executeFault(id);
        vm.assertEq(eigen.slashCount(), 1);
    }

    function test_execute_canBeTriedAgainWhenEigenLayerFails() external {
        uint256 id = _record(a.operator);
        mine(30);
        eigen.setSlashingPaused(true);
        vm.expectRevert(AllocationManagerDouble.SlashingPaused.selector);
        governance.executeFault(id);
        vm.assertFalse(governance.fault(id).executed);
        vm.assertEq(governance.operatorInfo(a.operator).openFaults, 1);

        eigen.setSlashingPaused(false);
        governance.executeFault(id);
        vm.assertEq(eigen.slashCount(), 1);
    }

    function test_execute_afterTheOperatorLeft() external {
        uint256 id = _record(a.operator);
        _leave(a.operator);
        mine(30);
        governance.executeFault(id);
        vm.assertEq(eigen.sharesOf(a.operator, strategyA), 900);
    }

    function test_execute_refusesUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(UnknownFault.selector, 1));
        governance.executeFault(1);
    }

    function test_veto_cancels() external {
        uint256 id = _record(a.operator);
        vm.expectEmit(address(governance));
        emit FaultVetoed(id, a.operator);
        governance.vetoFault(id);
        vm.assertTrue(governance.fault(id).vetoed);
        mine(30);
        vm.expectRevert(abi.encodeWithSelector(FaultIsVetoed.selector, id));
        governance.executeFault(id);
        vm.expectRevert(abi.encodeWithSelector(FaultIsVetoed.selector, id));
        governance.vetoFault(id);
        _rollAll();
        vm.assertEq(_stakeIn(2, a.operator), 1250);
    }

    function test_veto_onlyByGovernance() external {
        uint256 id = _record(a.operator);
        _expectUnauthorized(a.operator);
        governance.vetoFault(id);
    }

    function test_veto_notAfterExecution() external {
        uint256 id = _record(a.operator);
        mine(30);
        governance.executeFault(id);
        vm.expectRevert(abi.encodeWithSelector(FaultAlreadyExecuted.selector, id));
        governance.vetoFault(id);
    }
}
