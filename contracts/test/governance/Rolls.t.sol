// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Rolling in pages (1.3): what happens between them, and what a roll that nobody finishes does.
contract RollsTest is GovernanceFixture {
    address internal center = makeAddr("attestation center");
    Identity[] internal ids;

    function setUp() public override {
        super.setUp();
        governance.setAttestationCenter(center);
        for (uint256 i; i < 5; ++i) {
            ids.push(_join(i, 10 * (i + 1)));
        }
    }

    /// @dev The first call writes the chunk of five rows, and each further one reads as many stakes as it says.
    function _start() private {
        vm.assertEq(governance.rollEpoch(5), 0);
    }

    function _page(uint32 rows) private {
        vm.assertEq(governance.rollEpoch(rows), 0);
    }

    function _checkProgress(uint256 start, uint32 chunks, uint32 read, uint32 rows) private view {
        RollProgress memory progress = governance.rollProgress();
        vm.assertEq(progress.startBlock, start);
        vm.assertEq(progress.chunksLeft, chunks);
        vm.assertEq(progress.rowsRead, read);
        vm.assertEq(progress.rows, rows);
        vm.assertEq(progress.horizonBlock, start == 0 ? 0 : start + 780);
    }

    function test_pages_oneAfterAnother() external {
        _checkProgress(0, 0, 0, 0);
        vm.expectEmit(address(governance));
        emit RollStarted(10_000, 10_780);
        _start();
        _checkProgress(10_000, 0, 0, 5);
        mine(3);
        _page(2);
        _checkProgress(10_000, 0, 2, 5);
        mine(3);
        _page(2);
        _checkProgress(10_000, 0, 4, 5);
        mine(3);
        vm.expectEmit(address(governance));
        emit EpochRolled(1, 10_000, 5, 150);
        vm.assertEq(governance.rollEpoch(1), 1);
        _checkProgress(0, 0, 0, 0);
        vm.assertEq(governance.epochHead(1).snapshotBlock, 10_000);
        vm.assertEq(governance.epochHead(1).certifiableUntil, 10_700);
        for (uint256 i; i < 5; ++i) {
            vm.assertEq(_stakeIn(1, ids[i].operator), 10 * (i + 1));
        }
    }

    /// One row at a time, and in one call, the same table comes out.
    function test_pages_ofAnySizeGiveTheSameTable() external {
        uint32[6] memory sizes = [uint32(1), 2, 3, 4, 9, type(uint32).max];
        bytes memory expected;
        for (uint256 i; i < sizes.length; ++i) {
            uint256 state = vm.snapshotState();
            while (governance.rollEpoch(sizes[i]) == 0) { }
            EpochHead memory head = governance.epochHead(1);
            bytes memory table =
                abi.encode(head.count, head.totalStake, head.aggregateKey, head.chunks[0].code);
            if (i == 0) expected = table;
            vm.assertEq(table, expected);
            vm.revertToState(state);
        }
    }

    function test_pages_refuseNoRows() external {
        vm.expectRevert(NoRows.selector);
        governance.rollEpoch(0);
    }

    /// Before the roll is finished the newest epoch is the one before.
    function test_pages_theOldEpochServesMeanwhile() external {
        _rollAll();
        mine(20);
        _page(2);
        vm.assertEq(governance.currentEpoch(), 1);
        vm.assertTrue(governance.epochUsable());
    }

    /* BETWEEN PAGES */

    function test_between_oneThatLeavesDoesNotCount() external {
        _start();
        _page(2);
        _leave(ids[0].operator); // read already
        _leave(ids[4].operator); // to be read
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(governance.epochHead(1).count, 4);
        vm.assertEq(governance.epochHead(1).totalStake, 90);
        vm.assertEq(_stakeIn(1, ids[0].operator), 0);
    }

    /// Rows that were read may lie beyond the last that is left.
    function test_between_allThatFollowLeave() external {
        _start();
        _page(4);
        for (uint256 i = 1; i < 5; ++i) {
            _leave(ids[i].operator);
        }
        vm.assertEq(governance.rollEpoch(1), 1);
        vm.assertEq(governance.epochHead(1).count, 1);
        vm.assertEq(governance.epochHead(1).totalStake, 10);
    }

    /// When nobody is left the roll ends without an epoch, and the next begins at once.
    function test_between_everybodyLeaves() external {
        _start();
        _page(4);
        for (uint256 i; i < 5; ++i) {
            _leave(ids[i].operator);
        }
        _page(1);
        _checkProgress(0, 0, 0, 0);
        _join(5, 7);
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(governance.epochHead(1).totalStake, 7);
    }

    /// The stake of one that left is not given to whoever takes its place.
    function test_between_aNewcomerInTheSamePlaceWaits() external {
        _start();
        _page(4);
        _leave(ids[1].operator);
        Identity memory newcomer = _join(5, 1000);
        vm.assertEq(governance.operatorInfo(newcomer.operator).position, 2);
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(governance.epochHead(1).totalStake, 130);
        vm.assertEq(_stakeIn(1, newcomer.operator), 0);

        mine(20);
        _rollAll();
        vm.assertEq(governance.epochHead(2).totalStake, 1130);
        vm.assertEq(_stakeIn(2, newcomer.operator), 1000);
    }

    /// Also when it comes before the stakes of its place are read, and before the chunk is written.
    function test_between_aNewcomerInAPlaceStillToBeRead() external {
        _start();
        _leave(ids[4].operator);
        Identity memory newcomer = _join(5, 1000);
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(_stakeIn(1, newcomer.operator), 0);
        vm.assertEq(governance.epochHead(1).totalStake, 100);
    }

    /// One that leaves and comes back has another place in EigenLayer's queue of exits; it waits, too.
    function test_between_oneThatComesBackWaits() external {
        _start();
        _page(3);
        _leave(ids[1].operator);
        _register(ids[1].operator, _registration(ids[1]));
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(_stakeIn(1, ids[1].operator), 0);
    }

    function test_between_aFaultTakesOut() external {
        _start();
        _page(3);
        vm.prank(center);
        uint256 fault = governance.recordFault(ids[0].operator, FaultKind.RejectedClaim, 1, "c");
        vm.prank(center);
        governance.recordFault(ids[4].operator, FaultKind.RejectedClaim, 1, "d");
        // Cancelled, it still waits for the next roll: what was read may be of before a slash.
        governance.vetoFault(fault);
        vm.assertEq(_rollAll(), 1);
        vm.assertFalse(governance.rollNeeded());
        vm.assertEq(governance.epochHead(1).totalStake, 90);
        vm.assertEq(_stakeIn(1, ids[0].operator), 0);

        mine(20);
        _rollAll();
        vm.assertEq(_stakeIn(2, ids[0].operator), 10);
        vm.assertEq(_stakeIn(2, ids[4].operator), 0);
    }

    function test_between_aRotationWaitsOrCounts() external {
        // Its chunk is written: the old key stays in this epoch.
        _start();
        bytes memory old = BlsSigner.publicKeyBytes(ids[0].secret);
        _rotate(ids[0], 555);
        _rollAll();
        (,,,, bytes memory key) = governance.epochRow(1, 0);
        vm.assertEq(key, old);
        mine(20);
        _rollAll();
        (,,,, key) = governance.epochRow(2, 0);
        vm.assertEq(key, BlsSigner.publicKeyBytes(555));
    }

    function _rotate(Identity memory id, uint256 secret) private {
        bytes memory key = BlsSigner.publicKeyBytes(secret);
        bytes memory possession =
            BlsSigner.possession(secret, governance.possessionDigest(id.operator, key));
        vm.prank(id.operator);
        governance.rotateKey(key, possession, id.signer);
    }

    function test_between_aPauseStopsNothing() external {
        _start();
        governance.pause();
        _page(2);
        vm.assertEq(_rollAll(), 1);
    }

    /// Stake that was read for a horizon that has grown may leave before it.
    function test_between_aLongerHorizonBeginsAnew() external {
        _start();
        _page(4);
        eigen.setStakeUntil(ids[0].operator, strategyA, 10, block.number + 790);
        governance.setMaxTaskLife(550);
        mine(2);
        _page(1);
        RollProgress memory progress = governance.rollProgress();
        vm.assertEq(progress.startBlock, 10_002);
        vm.assertEq(progress.horizonBlock, 10_002 + 830);
        vm.assertEq(progress.rowsRead, 1);
        _rollAll();
        vm.assertEq(_stakeIn(1, ids[0].operator), 0);
        vm.assertEq(governance.epochHead(1).totalStake, 140);
    }

    /// A shorter horizon does not disturb: what was read is slashable for longer than needed.
    function test_between_aShorterHorizonGoesOn() external {
        _start();
        _page(4);
        governance.setMaxTaskLife(400);
        vm.assertEq(governance.rollEpoch(1), 1);
        vm.assertEq(governance.epochHead(1).snapshotBlock, 10_000);
        vm.assertEq(governance.epochHead(1).certifiableUntil, 10_600);
    }

    /// Every page asks for the stake at the horizon of the start.
    function test_between_stakeIsReadForTheHorizonOfTheStart() external {
        _start();
        _page(2);
        // Both leave in the horizon's block or just after it.
        eigen.setStakeUntil(ids[3].operator, strategyA, 40, 10_780);
        eigen.setStakeUntil(ids[4].operator, strategyA, 50, 10_781);
        mine(10);
        _rollAll();
        vm.assertEq(_stakeIn(1, ids[3].operator), 0);
        vm.assertEq(_stakeIn(1, ids[4].operator), 50);
    }

    /// EigenLayer fails for a while: what was read stays.
    function test_between_eigenLayerFails() external {
        _start();
        _page(2);
        bytes memory call = abi.encodePacked(eigen.getMinimumSlashableStake.selector);
        vm.mockCallRevert(address(eigen), call, "paused");
        vm.expectRevert(bytes("paused"));
        governance.rollEpoch(2);
        _checkProgress(10_000, 0, 2, 5);
        vm.clearMockedCalls();
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(governance.epochHead(1).totalStake, 150);
    }

    /* ABANDONED */

    /// Half of the oldest snapshot's age on, a roll begins anew.
    function test_abandoned_beginsAnew() external {
        _start();
        _page(4);
        mine(50);
        uint256 state = vm.snapshotState();
        vm.assertEq(governance.rollEpoch(1), 1);
        vm.revertToState(state);

        mine(1);
        eigen.setStake(ids[0].operator, strategyA, 77);
        vm.assertEq(governance.rollEpoch(4), 0);
        _checkProgress(10_051, 0, 4, 5);
        vm.assertEq(governance.rollEpoch(1), 1);
        vm.assertEq(governance.epochHead(1).snapshotBlock, 10_051);
        vm.assertEq(_stakeIn(1, ids[0].operator), 77);
    }

    /// However a roll was left, members come and go.
    function test_abandoned_blocksNobody() external {
        _start();
        _page(4);
        mine(1000);
        for (uint256 i; i < 5; ++i) {
            _leave(ids[i].operator);
        }
        _join(5, 3);
        vm.assertEq(_rollAll(), 1);
        vm.assertEq(governance.epochHead(1).totalStake, 3);
    }

    /// One in progress is finished also when the next is not due.
    function test_abandoned_isFinishedWhenItIsNoLongerDue() external {
        _rollAll();
        mine(20);
        _page(2);
        governance.setMinEpochAge(100);
        vm.assertEq(_rollAll(), 2);
        vm.expectRevert(abi.encodeWithSelector(EpochTooYoung.selector, 10_020, 10_120));
        _rollAll();
    }

    /* CHUNKS */

    /// An epoch in which nobody's identity changed shares the chunk of the one before.
    function test_chunks_areSharedUntilAnIdentityChanges() external {
        _rollAll();
        address chunk = governance.epochHead(1).chunks[0];
        eigen.setStake(ids[0].operator, strategyA, 11);
        _leave(ids[1].operator);
        _rollAll();
        vm.assertEq(governance.epochHead(2).chunks[0], chunk);
        vm.assertEq(governance.epochHead(2).totalStake, 131);

        _join(5, 1);
        mine(20);
        _rollAll();
        vm.assertNotEq(governance.epochHead(3).chunks[0], chunk);
        vm.assertEq(governance.epochHead(1).chunks[0], chunk);
    }

    /// The key of one without stake, or that is gone, is not in the sum.
    function test_chunks_rowsWithoutStakeAreRefusedInBitmaps() external {
        _rollAll();
        _leave(ids[1].operator);
        _rollAll();
        (address table,,) = governance.epochTable(2);
        uint256[] memory bitmap = new uint256[](1);
        bitmap[0] = 2;
        vm.expectRevert(abi.encodeWithSelector(EpochTable.NoStakeAt.selector, 1));
        this.signers(table, bitmap);
    }

    function signers(address table, uint256[] memory bitmap) external view {
        EpochTable.signers(table, bitmap);
    }
}
