// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Test } from "./Test.sol";

/// @dev The helpers that other tests rely on.
contract TestUtilsTest is Test {
    function testFuzz_bound_staysInsideAndKeepsWhatIsInside(
        uint256 value,
        uint256 low,
        uint256 high
    ) external pure {
        if (low > high) (low, high) = (high, low);
        uint256 mapped = bound(value, low, high);
        vm.assertTrue(low <= mapped && mapped <= high);
        if (low <= value && value <= high) vm.assertEq(mapped, value);
    }

    function testFuzz_boundSigned_staysInsideAndKeepsWhatIsInside(
        int256 value,
        int256 low,
        int256 high
    ) external pure {
        if (low > high) (low, high) = (high, low);
        int256 mapped = bound(value, low, high);
        vm.assertTrue(low <= mapped && mapped <= high);
        if (low <= value && value <= high) vm.assertEq(mapped, value);
    }

    function test_mine_movesBlockAndTime() external {
        uint256 number = vm.getBlockNumber();
        uint256 time = vm.getBlockTimestamp();
        mine(7);
        vm.assertEq(vm.getBlockNumber(), number + 7);
        vm.assertEq(vm.getBlockTimestamp(), time + 7);
    }
}
