// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev In which environment tasks are done, and from which epoch on (specification 2.9).
contract EnvironmentsTest is AttestationFixture {
    bytes32 internal constant OLD = keccak256("old");
    bytes32 internal constant NEW = keccak256("new");
    bytes32 internal constant NEWER = keccak256("newer");

    uint32 internal current;

    function setUp() public override {
        super.setUp();
        current = governance.currentEpoch();
    }

    function _rollTo(uint32 epoch) private {
        while (governance.currentEpoch() < epoch) {
            mine(governance.minEpochAge());
            governance.rollEpoch(type(uint32).max);
        }
    }

    function _environmentOf(uint64 taskId) private view returns (bytes32) {
        Task memory task = center.task(taskId);
        return center.environmentAt(task.kind, task.epoch);
    }

    function test_environmentAt_isZeroBeforeAnythingIsScheduled() external {
        vm.assertEq(center.environmentAt(KIND, current), bytes32(0));
        vm.assertEq(center.environmentAt(99, current), bytes32(0));
        vm.assertEq(center.environments(KIND).length, 0);
        vm.assertEq(_environmentOf(_open()), bytes32(0));
    }

    function test_schedule_holdsFromItsEpochOn() external {
        vm.expectEmit(address(center));
        emit EnvironmentScheduled(KIND, current + 2, OLD, false);
        center.scheduleEnvironment(KIND, current + 2, OLD);
        vm.assertEq(center.environmentAt(KIND, current), bytes32(0));
        vm.assertEq(center.environmentAt(KIND, current + 1), bytes32(0));
        vm.assertEq(center.environmentAt(KIND, current + 2), OLD);
        vm.assertEq(center.environmentAt(KIND, type(uint32).max), OLD);
    }

    function test_schedule_keepsWhatHeldBefore() external {
        center.scheduleEnvironment(KIND, current + 1, OLD);
        _rollTo(current + 1);
        center.scheduleEnvironment(KIND, current + 3, NEW);
        _rollTo(current + 3);
        center.scheduleEnvironment(KIND, current + 4, NEWER);
        vm.assertEq(center.environmentAt(KIND, current), bytes32(0));
        vm.assertEq(center.environmentAt(KIND, current + 1), OLD);
        vm.assertEq(center.environmentAt(KIND, current + 2), OLD);
        vm.assertEq(center.environmentAt(KIND, current + 3), NEW);
        vm.assertEq(center.environmentAt(KIND, current + 4), NEWER);
        Activation[] memory all = center.environments(KIND);
        vm.assertEq(all.length, 3);
        vm.assertEq(all[1].epoch, current + 3);
        vm.assertEq(all[1].digest, NEW);
    }

    function test_schedule_replacesTheOneToComeOnly() external {
        center.scheduleEnvironment(KIND, current + 1, OLD);
        _rollTo(current + 1);
        center.scheduleEnvironment(KIND, current + 5, NEW);
        vm.expectEmit(address(center));
        emit EnvironmentScheduled(KIND, current + 2, NEWER, true);
        center.scheduleEnvironment(KIND, current + 2, NEWER);
        vm.assertEq(center.environments(KIND).length, 2);
        vm.assertEq(center.environmentAt(KIND, current + 1), OLD);
        vm.assertEq(center.environmentAt(KIND, current + 2), NEWER);
        vm.assertEq(center.environmentAt(KIND, current + 5), NEWER);
    }

    function test_RevertWhen_theEpochExists() external {
        for (uint32 epoch = 0; epoch <= current; ++epoch) {
            vm.expectRevert(abi.encodeWithSelector(EpochNotFuture.selector, epoch, current));
            center.scheduleEnvironment(KIND, epoch, OLD);
        }
    }

    function test_RevertWhen_theDigestIsZero() external {
        vm.expectRevert(ZeroEnvironment.selector);
        center.scheduleEnvironment(KIND, current + 1, 0);
    }

    function test_RevertWhen_theKindIsUnknown() external {
        vm.expectRevert(abi.encodeWithSelector(UnknownKind.selector, 99));
        center.scheduleEnvironment(99, current + 1, OLD);
    }

    function test_schedule_byGovernanceOnly() external {
        _expectUnauthorized(makeAddr("stranger"));
        center.scheduleEnvironment(KIND, current + 1, OLD);
    }

    function test_task_keepsTheEnvironmentOfItsEpoch() external {
        center.scheduleEnvironment(KIND, current + 1, OLD);
        _rollTo(current + 1);
        uint64 before = _open();
        center.scheduleEnvironment(KIND, current + 2, NEW);
        _rollTo(current + 2);
        vm.assertEq(_environmentOf(before), OLD);
        vm.assertEq(_environmentOf(_open()), NEW);
        // It is certified as it would have been.
        mine(FETCH_WINDOW + 1);
        _fix(before);
        Claim memory claim = _claim(before, 0, RESULT);
        _submit(CertificateKind.Approve, before, claim, RESULT, ALL);
        vm.assertEq(_environmentOf(before), OLD);
    }

    function test_reopenedTask_hasTheEnvironmentOfItsNewEpoch() external {
        center.scheduleEnvironment(KIND, current + 1, OLD);
        _rollTo(current + 1);
        uint64 taskId = _evaluating();
        bytes32 seed = center.task(taskId).seed;
        bytes32 hash = center.taskHash(taskId);
        center.scheduleEnvironment(KIND, current + 2, NEW);
        mine(TASK_LIFE);
        center.expire(taskId);
        vm.assertEq(_environmentOf(taskId), OLD);
        _rollTo(current + 2);
        center.reopen(taskId);
        vm.assertEq(_environmentOf(taskId), NEW);
        vm.assertEq(center.task(taskId).seed, seed);
        vm.assertTrue(center.taskHash(taskId) != hash);
    }

    /// Whatever is scheduled later, what held for an epoch that exists goes on holding for it.
    function testFuzz_schedule_neverChangesAnEpochThatExists(
        uint32[8] calldata ahead,
        bytes32[8] calldata digests
    ) external {
        bytes32[] memory held = new bytes32[](32);
        for (uint256 i; i < 8; ++i) {
            if (digests[i] == 0) continue;
            uint32 epoch = governance.currentEpoch() + 1 + ahead[i] % 3;
            center.scheduleEnvironment(KIND, epoch, digests[i]);
            _rollTo(governance.currentEpoch() + 1);
            uint32 newest = governance.currentEpoch();
            held[newest] = center.environmentAt(KIND, newest);
            for (uint32 e = current; e <= newest; ++e) {
                vm.assertEq(center.environmentAt(KIND, e), held[e]);
            }
        }
    }
}
