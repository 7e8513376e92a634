// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev The market clock (1.1) and who may stop it.
contract ClockTest is GovernanceFixture {
    address internal guardian = makeAddr("guardian");

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = governance.pause.selector;
        manager.setTargetFunctionRole(address(governance), selectors, GUARDIAN);
        manager.grantRole(GUARDIAN, guardian, 0);
        manager.grantRole(GUARDIAN, address(this), 0);
    }

    function test_clock_isTheBlockNumberUntilAPause() external {
        vm.assertEq(governance.clock(), 10_000);
        mine(5);
        vm.assertEq(governance.clock(), 10_005);
    }

    function test_clock_standsStillWhilePaused() external {
        vm.expectEmit(address(governance));
        emit Paused(10_000);
        vm.prank(guardian);
        governance.pause();
        vm.assertTrue(governance.paused());
        mine(70);
        vm.assertEq(governance.clock(), 10_000);

        vm.expectEmit(address(governance));
        emit Unpaused(10_000);
        governance.unpause();
        vm.assertFalse(governance.paused());
        vm.assertEq(governance.clock(), 10_000);
        mine(5);
        vm.assertEq(governance.clock(), 10_005);
    }

    /// Over any course of pauses, the clock counts exactly the blocks outside of them and never steps back.
    function testFuzz_clock_countsBlocksOutsidePauses(uint8[16] calldata waits) external {
        uint256 expected = governance.clock();
        for (uint256 i; i < waits.length; ++i) {
            mine(waits[i]);
            if (!governance.paused()) expected += waits[i];
            vm.assertEq(governance.clock(), expected);
            if (governance.paused()) governance.unpause();
            else governance.pause();
            vm.assertEq(governance.clock(), expected);
        }
    }

    function test_pause_refusesTwice() external {
        governance.pause();
        vm.expectRevert(AlreadyPaused.selector);
        governance.pause();
    }

    function test_unpause_refusesWhenNotPaused() external {
        vm.expectRevert(NotPaused.selector);
        governance.unpause();
    }

    function test_guardian_canPauseAndNothingElse() external {
        vm.prank(guardian);
        governance.pause();
        _expectUnauthorized(guardian);
        governance.unpause();
        _expectUnauthorized(guardian);
        governance.setVetoWindow(1);
    }

    function test_pause_notByStrangers() external {
        _expectUnauthorized(makeAddr("stranger"));
        governance.pause();
    }

    /// Members leave and epochs roll while the market is paused.
    function test_pause_keepsExitsOpen() external {
        Identity memory a = _join(1, 1);
        _join(2, 1);
        governance.pause();
        _rollAll();
        mine(1);
        _leave(a.operator);
        _rollAll();
        vm.assertEq(governance.epochHead(2).totalStake, 1);
    }
}
