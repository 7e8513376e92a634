// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Quorum } from "../../src/libraries/Quorum.sol";
import { Test } from "../utils/Test.sol";

/// @dev The rule against exact fractions (tests/vectors/quorum.py), and its properties.
contract QuorumTest is Test {
    // Fields in alphabetical order, as Foundry decodes JSON.

    struct Threshold {
        uint16 p;
        uint16 q;
        bool valid;
    }

    struct Small {
        bool[] blocked;
        uint16 p;
        uint16 q;
        bool[] reached;
        uint128 total;
    }

    struct Large {
        bool blocked;
        uint16 p;
        uint256 part;
        uint16 q;
        bool reached;
        uint256 total;
    }

    function test_isThreshold_vectors() external view {
        Threshold[] memory cases = abi.decode(_read("$.thresholds"), (Threshold[]));
        vm.assertGt(cases.length, 20);
        for (uint256 i; i < cases.length; ++i) {
            vm.assertEq(Quorum.isThreshold(cases[i].p, cases[i].q), cases[i].valid);
        }
    }

    function test_smallTotals_exhaustively() external view {
        Small[] memory cases = abi.decode(_read("$.small"), (Small[]));
        vm.assertEq(cases.length % 12, 0);
        vm.assertGe(cases.length, 12);
        for (uint256 i; i < cases.length; ++i) {
            Small memory one = cases[i];
            vm.assertEq(one.total, i % 12 + 1);
            vm.assertEq(one.reached.length, one.total + 1);
            vm.assertEq(one.blocked.length, one.total + 1);
            for (uint128 part; part <= one.total; ++part) {
                _check(part, one.total, one.p, one.q, one.reached[part], one.blocked[part]);
            }
        }
    }

    function test_largeTotals_edges() external view {
        Large[] memory cases = abi.decode(_read("$.large"), (Large[]));
        vm.assertGt(cases.length, 50);
        for (uint256 i; i < cases.length; ++i) {
            Large memory one = cases[i];
            _check(uint128(one.part), uint128(one.total), one.p, one.q, one.reached, one.blocked);
        }
    }

    /// Exactly two thirds is not enough; one unit more is.
    function testFuzz_exactlyTwoThirds_fails(uint128 third) external pure {
        third = uint128(bound(third, 1, type(uint128).max / 3));
        vm.assertFalse(Quorum.reached(2 * third, 3 * third, 2, 3));
        vm.assertTrue(Quorum.reached(2 * third + 1, 3 * third, 2, 3));
    }

    /// Approve, Reject and Blocked never hold together for disjoint votes.
    function testFuzz_outcomes_areExclusive(
        uint128 approving,
        uint128 rejecting,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        q = uint16(bound(q, 3, type(uint16).max));
        p = uint16(bound(p, (2 * uint256(q) + 2) / 3, q - 1));
        vm.assertTrue(Quorum.isThreshold(p, q));
        total = uint128(bound(total, 1, type(uint128).max));
        approving = uint128(bound(approving, 0, total));
        rejecting = uint128(bound(rejecting, 0, total - approving));

        uint256 held;
        if (Quorum.reached(approving, total, p, q)) ++held;
        if (Quorum.reached(rejecting, total, p, q)) ++held;
        if (Quorum.blocked(rejecting, total, p, q)) ++held;
        vm.assertLe(held, 1);
    }

    /// Blocked or Reject holds exactly when everybody else together could not approve.
    function testFuzz_blocked_meansApprovalIsImpossible(
        uint128 rejecting,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        q = uint16(bound(q, 3, type(uint16).max));
        p = uint16(bound(p, (2 * uint256(q) + 2) / 3, q - 1));
        total = uint128(bound(total, 1, type(uint128).max));
        rejecting = uint128(bound(rejecting, 0, total));
        vm.assertEq(
            Quorum.blocked(rejecting, total, p, q) || Quorum.reached(rejecting, total, p, q),
            !Quorum.reached(total - rejecting, total, p, q)
        );
    }

    function _check(uint128 part, uint128 total, uint16 p, uint16 q, bool reached, bool blocked)
        private
        pure
    {
        vm.assertEq(Quorum.reached(part, total, p, q), reached, "reached");
        vm.assertEq(Quorum.blocked(part, total, p, q), blocked, "blocked");
    }

    function _read(string memory path) private view returns (bytes memory) {
        return vm.parseJson(vm.readFile("../tests/vectors/quorum.json"), path);
    }
}
