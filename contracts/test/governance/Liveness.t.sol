// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev The record of missed votes (1.6): at most 10 count, one is forgotten every 40 blocks.
contract LivenessTest is GovernanceFixture {
    address internal center = makeAddr("attestation center");
    Identity internal a;

    function setUp() public override {
        super.setUp();
        governance.setAttestationCenter(center);
        a = _join(1, 10);
        _join(2, 10);
        _rollAll();
    }

    function _miss(uint32 count) private {
        vm.prank(center);
        governance.recordMisses(a.operator, count);
    }

    function _checkMisses(uint64 total, uint32 level) private view {
        Misses memory misses = governance.missesOf(a.operator);
        vm.assertEq(misses.total, total);
        vm.assertEq(misses.level, level);
    }

    function test_record_onlyByAttestationCenter() external {
        vm.expectRevert(abi.encodeWithSelector(NotAttestationCenter.selector, address(this)));
        governance.recordMisses(a.operator, 1);
    }

    function test_record_addsAndDrains() external {
        _checkMisses(0, 0);
        vm.expectEmit(address(governance));
        emit MissesRecorded(a.operator, 3, 3);
        _miss(3);
        _checkMisses(3, 3);
        mine(39);
        _checkMisses(3, 3);
        mine(1);
        _checkMisses(3, 2);
        mine(80);
        _checkMisses(3, 0);
        mine(10_000);
        _miss(1);
        _checkMisses(4, 1);
    }

    /// Recording more does not put draining off.
    function test_record_keepsPartsOfADecay() external {
        _miss(2);
        mine(30);
        _miss(1);
        mine(10);
        _checkMisses(3, 2);
        mine(30);
        _miss(1);
        _checkMisses(4, 3);
        mine(10);
        _checkMisses(4, 2);
    }

    /// An empty record does not save up for what comes.
    function test_record_emptyDoesNotSave() external {
        mine(4000);
        _miss(1);
        mine(39);
        _checkMisses(1, 1);
        mine(1);
        _checkMisses(1, 0);
    }

    function test_record_neverOverflows() external {
        _miss(type(uint32).max);
        _miss(type(uint32).max);
        _checkMisses(2 * uint64(type(uint32).max), type(uint32).max);
    }

    /// Against the record as it is told: a level that drains one for each 40 blocks since it was last empty.
    function testFuzz_record_isABucketThatLeaks(uint8[24] calldata waits, uint8[24] calldata adds)
        external
    {
        uint256 level;
        uint256 total;
        uint256 passed; // blocks since the level last changed by draining, or was empty
        for (uint256 i; i < 24; ++i) {
            for (uint256 j; j < waits[i]; ++j) {
                ++passed;
                if (level == 0) passed = 0;
                if (passed == 40) {
                    (passed, level) = (0, level - 1);
                }
            }
            mine(waits[i]);
            uint32 added = adds[i] % 4;
            if (level == 0) passed = 0;
            _miss(added);
            level += added;
            total += added;
            Misses memory misses = governance.missesOf(a.operator);
            vm.assertEq(misses.level, level);
            vm.assertEq(misses.total, total);
        }
    }

    function test_eject_aboveTheLimitOnly() external {
        _miss(10);
        vm.expectRevert(abi.encodeWithSelector(NotInactive.selector, a.operator, 10, 10));
        governance.ejectInactive(a.operator);
        _miss(1);
        vm.expectEmit(address(governance));
        emit OperatorDeregistered(a.operator);
        vm.expectEmit(address(governance));
        emit InactiveEjected(a.operator, 11);
        vm.prank(makeAddr("anyone"));
        governance.ejectInactive(a.operator);

        vm.assertEq(governance.operatorInfo(a.operator).position, 0);
        vm.assertTrue(governance.rollNeeded());
        vm.expectRevert(abi.encodeWithSelector(NotMember.selector, a.operator));
        governance.ejectInactive(a.operator);
    }

    function test_eject_notOnceItHasDrained() external {
        _miss(11);
        mine(40);
        vm.expectRevert(abi.encodeWithSelector(NotInactive.selector, a.operator, 10, 10));
        governance.ejectInactive(a.operator);
    }

    /// Coming back does not empty the record.
    function test_eject_againUntilItHasDrained() external {
        _miss(12);
        governance.ejectInactive(a.operator);
        _register(a.operator, _registration(a));
        _checkMisses(12, 12);
        governance.ejectInactive(a.operator);
        mine(80);
        _register(a.operator, _registration(a));
        vm.expectRevert(abi.encodeWithSelector(NotInactive.selector, a.operator, 10, 10));
        governance.ejectInactive(a.operator);
    }

    function test_eject_inTheMiddleOfARoll() external {
        mine(20);
        vm.assertEq(governance.rollEpoch(1), 0);
        _miss(11);
        governance.ejectInactive(a.operator);
        _rollAll();
        vm.assertEq(governance.epochHead(2).totalStake, 10);
        vm.assertEq(_stakeIn(2, a.operator), 0);
    }

    /// A higher limit or a faster decay is in force at once, for records that are there, too.
    function test_eject_limitOfTheTime() external {
        _miss(11);
        governance.setMissLimit(11);
        vm.expectRevert(abi.encodeWithSelector(NotInactive.selector, a.operator, 11, 11));
        governance.ejectInactive(a.operator);
        governance.setMissLimit(2);
        governance.setMissDecay(1);
        mine(9);
        vm.expectRevert(abi.encodeWithSelector(NotInactive.selector, a.operator, 2, 2));
        governance.ejectInactive(a.operator);
    }
}
