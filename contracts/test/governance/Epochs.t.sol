// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "../../src/libraries/BLS.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev What an epoch's table holds, when one may be written, and when tasks may open on it (1.3 to 1.5).
contract EpochsTest is GovernanceFixture {
    function test_roll_writesMembersInOrder() external {
        Identity memory a = _join(1, 30);
        Identity memory b = _join(2, 12);
        vm.expectEmit(address(governance));
        emit EpochRolled(1, 10_000, 2, 42);
        vm.assertEq(_rollAll(), 1);

        EpochHead memory head = governance.epochHead(1);
        vm.assertEq(head.snapshotBlock, 10_000);
        vm.assertEq(head.count, 2);
        vm.assertEq(head.totalStake, 42);
        vm.assertEq(head.chunks.length, 1);
        // Two rows of 232 bytes behind a STOP.
        vm.assertEq(head.chunks[0].code.length, 1 + 2 * 232);
        vm.assertEq(head.table.code.length, 1 + 4 + 16 + 32 + 60 + 192 + 3 * 16);
        BLS.G2Point memory sum = BlsSigner.publicKey(a.secret + b.secret);
        vm.assertEq(head.aggregateKey, BLS.toBytes(sum));

        _checkRow(1, 0, a, 30, 0);
        _checkRow(1, 1, b, 12, 30);
        vm.expectRevert(abi.encodeWithSelector(EpochTable.RowOutOfRange.selector, 2, 2));
        governance.epochRow(1, 2);
    }

    function _checkRow(
        uint32 epoch,
        uint32 index,
        Identity memory id,
        uint128 expectedStake,
        uint128 expectedPrefix
    ) private view {
        (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key) =
            governance.epochRow(epoch, index);
        vm.assertEq(operator, id.operator);
        vm.assertEq(signer, id.signer);
        vm.assertEq(stake, expectedStake);
        vm.assertEq(prefix, expectedPrefix);
        vm.assertEq(key, BlsSigner.publicKeyBytes(id.secret));
    }

    function test_roll_weighsStrategies() external {
        Identity memory id = _join(1, 10);
        eigen.setStake(id.operator, strategyB, 7);
        _rollAll();
        vm.assertEq(governance.epochHead(1).totalStake, 13); // 10 + floor(7 / 2)
    }

    /// They keep their positions, and the table ends with the last that has stake.
    function test_roll_givesMembersWithoutStakeNone() external {
        Identity memory a = _join(1, 0);
        Identity memory b = _join(2, 5);
        _join(3, 0);
        _rollAll();
        EpochHead memory head = governance.epochHead(1);
        vm.assertEq(head.count, 2);
        vm.assertEq(head.totalStake, 5);
        vm.assertEq(head.aggregateKey, BlsSigner.publicKeyBytes(b.secret));
        _checkRow(1, 0, a, 0, 0);
        _checkRow(1, 1, b, 5, 0);
    }

    function test_roll_refusesEmptySet() external {
        vm.expectRevert(NoStake.selector);
        _rollAll();
        _join(1, 0);
        vm.expectRevert(NoStake.selector);
        _rollAll();
    }

    /// Stake must stay slashable until the last block in which a fault of a task that opens at the snapshot's
    /// greatest age can be executed: 100 + 680 blocks on.
    function test_roll_countsOnlyStakeThatStaysThroughTheHorizon() external {
        Identity memory a = _join(1, 10);
        Identity memory b = _join(2, 10);
        eigen.setStakeUntil(a.operator, strategyA, 10, block.number + 780);
        eigen.setStakeUntil(b.operator, strategyA, 10, block.number + 781);
        _rollAll();
        vm.assertEq(governance.epochHead(1).totalStake, 10);
        _checkRow(1, 1, b, 10, 0);
    }

    /// No operator's shares, however many, make a roll fail for the others.
    function test_roll_cutsAbsurdStake() external {
        Identity memory id = _join(1, type(uint256).max);
        eigen.setStake(id.operator, strategyB, type(uint256).max);
        _join(2, 1);
        _rollAll();
        vm.assertEq(governance.epochHead(1).totalStake, uint256(type(uint112).max) + 1);
    }

    function test_roll_refusesTooSoon() external {
        _join(1, 1);
        _rollAll();
        mine(19);
        vm.expectRevert(abi.encodeWithSelector(EpochTooYoung.selector, 10_019, 10_020));
        _rollAll();
        mine(1);
        vm.assertEq(_rollAll(), 2);
        vm.assertEq(governance.currentEpoch(), 2);
    }

    /// What an older epoch says does not change with the members.
    function test_roll_leavesOlderEpochsAsTheyWere() external {
        Identity memory a = _join(1, 30);
        Identity memory b = _join(2, 12);
        _rollAll();
        _leave(a.operator);
        eigen.setStake(b.operator, strategyA, 99);
        _rollAll();
        _checkRow(1, 0, a, 30, 0);
        _checkRow(1, 1, b, 12, 30);
        vm.assertEq(governance.epochHead(2).totalStake, 99);
        _checkRow(2, 1, b, 99, 0);
    }

    /* WHEN AN EPOCH IS USABLE */

    function test_usable_untilMaxSnapshotAge() external {
        vm.assertFalse(governance.epochUsable());
        _join(1, 1);
        _rollAll();
        vm.assertTrue(governance.epochUsable());
        mine(100);
        vm.assertTrue(governance.epochUsable());
        mine(1);
        vm.assertFalse(governance.epochUsable());
    }

    function test_usable_notAfterAMemberLeft() external {
        Identity memory a = _join(1, 1);
        _join(2, 1);
        _rollAll();
        mine(1);
        _leave(a.operator);
        vm.assertTrue(governance.rollNeeded());
        vm.assertFalse(governance.epochUsable());
        // At once, however young the newest epoch is.
        _rollAll();
        vm.assertFalse(governance.rollNeeded());
        vm.assertTrue(governance.epochUsable());
    }

    /// Joining and leaving again must not make everybody roll.
    function test_usable_whenOneLeavesThatJoinedAfterTheSnapshot() external {
        _join(1, 1);
        _rollAll();
        mine(1);
        Identity memory b = _join(2, 1);
        _leave(b.operator);
        vm.assertFalse(governance.rollNeeded());
        // Nor must one without stake.
        _roll_later();
        _leave(_join(3, 0).operator);
        vm.assertFalse(governance.rollNeeded());
    }

    function _roll_later() private {
        _join(4, 0);
        mine(20);
        _rollAll();
    }

    function test_head_certifiableUntil() external {
        _join(1, 1);
        _rollAll();
        // maxSnapshotAge + maxTaskLife + maxAppealWindow = 700 (1.5)
        vm.assertEq(governance.epochHead(1).certifiableUntil, 10_700);
        (address table, uint64 snapshotBlock, uint64 certifiableUntil) = governance.epochTable(1);
        vm.assertEq(table, governance.epochHead(1).table);
        vm.assertEq(snapshotBlock, 10_000);
        vm.assertEq(certifiableUntil, 10_700);
    }

    /// A snapshot was taken for one horizon; a longer one makes a new snapshot necessary, and the old one keeps
    /// the limit that it was taken for.
    function test_head_keepsItsLimitWhenWindowsGrow() external {
        _join(1, 1);
        _rollAll();
        governance.setMaxTaskLife(550);
        vm.assertTrue(governance.rollNeeded());
        vm.assertEq(governance.epochHead(1).certifiableUntil, 10_700);
        _rollAll();
        vm.assertEq(governance.epochHead(2).certifiableUntil, 10_750);
    }

    function test_head_refusesUnknownEpoch() external {
        vm.expectRevert(abi.encodeWithSelector(UnknownEpoch.selector, 1));
        governance.epochHead(1);
        vm.expectRevert(abi.encodeWithSelector(UnknownEpoch.selector, 1));
        governance.epochRow(1, 0);
        (address table,,) = governance.epochTable(1);
        vm.assertEq(table, address(0));
    }
}
