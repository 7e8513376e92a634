// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IMessageHandler } from "../../src/interfaces/IMessageHandler.sol";
import { ISnapshotTypes } from "../../src/interfaces/ISnapshots.sol";
import { ISpoke, ISpokeTypes } from "../../src/interfaces/ISpoke.sol";
import { BLS } from "../../src/libraries/BLS.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { EpochWriter } from "../../src/libraries/EpochWriter.sol";
import { Spoke } from "../../src/spoke/Spoke.sol";
import { SpokeFixture } from "./SpokeFixture.sol";

/// @dev Epochs that cross (7.2), and all that may not.
contract SpokeEpochsTest is SpokeFixture {
    Parcel internal first;

    function setUp() public override {
        super.setUp();
        first = _publish();
        _reseed(first);
    }

    /* NORMAL CROSSING */

    function test_reseed_startsFromASnapshot() external view {
        vm.assertEq(spoke.currentEpoch(), 1);
        ISpokeTypes.OperatorSet memory set = spoke.operatorSet(1);
        vm.assertEq(set.digest, first.digest);
        vm.assertEq(set.expiry, first.snapshot.expiry);
        vm.assertEq(EpochTable.totalStake(set.table), 600);
        vm.assertEq(EpochTable.count(set.table), 6);
        vm.assertFalse(spoke.isFrozen());
    }

    function test_advance_twoEpochs_byAnyone() external {
        Parcel memory second = _next();
        vm.prank(makeAddr("anyone"));
        _advance(second);
        eigen.setStake(operators[2].operator, strategyA, 350);
        Parcel memory third = _next();
        _advance(third);
        vm.assertEq(spoke.currentEpoch(), 3);
        (uint128 stake,) = EpochTable.stakeAt(spoke.operatorSet(3).table, 2);
        vm.assertEq(stake, 350);
        vm.assertEq(spoke.operatorSet(3).digest, third.digest);
    }

    /// Identities that have not changed need not be brought again.
    function test_advance_usesChunksAgain() external {
        Parcel memory second = _next();
        second.chunks[0] = "";
        _advance(second);
        address[] memory before = EpochTable.chunks(spoke.operatorSet(1).table);
        vm.assertEq(EpochTable.chunks(spoke.operatorSet(2).table)[0], before[0]);
    }

    /// One who joins changes the chunk; the old one does not do.
    function test_advance_withAMemberMore() external {
        operators.push(_join(6, 100));
        Parcel memory second = _next();
        bytes memory chunk = second.chunks[0];
        second.chunks[0] = "";
        ISpokeTypes.Signatures memory signatures = _signed(1, second.digest, ALL);
        // The row that is missing reads as infinity without a name, so the rows are others.
        vm.expectPartialRevert(ISpoke.WrongContent.selector);
        spoke.advance(second.snapshot, signatures, second.stakes, second.chunks);
        second.chunks[0] = chunk;
        _advance(second);
        vm.assertEq(EpochTable.count(spoke.operatorSet(2).table), 7);
    }

    /* REPLAY */

    /// A market at the same addresses on another chain signs the same epochs.
    function test_replay_refusesASnapshotOfAnotherHome() external {
        Parcel memory second = _next();
        bytes32 digest = _digest(second.snapshot, HOME + 1, address(governance));
        _expectAdvanceReverts(second, _signed(1, digest, ALL), _invalid(second.digest));
        digest = _digest(second.snapshot, HOME, address(this));
        _expectAdvanceReverts(second, _signed(1, digest, ALL), _invalid(second.digest));
    }

    function test_replay_refusesAnEpochThatIsHere() external {
        Parcel memory second = _next();
        _advance(second);
        _expectAdvanceReverts(
            second,
            _signed(1, second.digest, ALL),
            abi.encodeWithSelector(ISpoke.WrongEpoch.selector, 2, 3)
        );
    }

    function _invalid(bytes32 digest) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ISnapshotTypes.InvalidAggregate.selector, digest);
    }

    /* ORDER */

    /// An epoch that was skipped is brought first, as long as the newest one here can certify it.
    function test_skipped_crossesInOrderOnly() external {
        Parcel memory second = _next();
        Parcel memory third = _next();
        _expectAdvanceReverts(third, abi.encodeWithSelector(ISpoke.WrongEpoch.selector, 3, 2));
        _advance(second);
        _advance(third);
        vm.assertEq(spoke.currentEpoch(), 3);
    }

    function test_skipped_refusesAnotherPast() external {
        Parcel memory second = _next();
        second.snapshot.previous = keccak256("another past");
        _expectAdvanceReverts(
            second,
            abi.encodeWithSelector(
                ISpoke.WrongPrevious.selector, second.snapshot.previous, first.digest
            )
        );
    }

    /* QUORUM */

    function testFuzz_advance_needsMoreThanTwoThirds(uint256 signers) external {
        signers = bound(signers, 1, ALL);
        Parcel memory second = _next();
        uint256 count;
        for (uint256 i; i < OPERATORS; ++i) {
            count += signers >> i & 1;
        }
        ISpokeTypes.Signatures memory signatures = _signed(1, second.digest, signers);
        // 4 of 6 are two thirds exactly.
        if (count > 4) {
            _advance(second, signatures);
        } else {
            bytes memory refusal =
                abi.encodeWithSelector(ISpoke.QuorumNotReached.selector, 100 * count, 600);
            _expectAdvanceReverts(second, signatures, refusal);
        }
    }

    function test_advance_refusesFewerSignaturesThanItSays() external {
        Parcel memory second = _next();
        ISpokeTypes.Signatures memory signatures = _signed(1, second.digest, ALL - 1);
        signatures.nonSigners[0] = 0;
        _expectAdvanceReverts(second, signatures, _invalid(second.digest));
    }

    /* STALE SETS */

    function test_stale_lastMomentIsTaken() external {
        Parcel memory second = _next();
        vm.warp(first.snapshot.expiry - LAG);
        _advance(second);
        vm.assertEq(spoke.currentEpoch(), 2);
    }

    function test_stale_freezesUntilReseeded() external {
        Parcel memory second = _next();
        vm.warp(first.snapshot.expiry - LAG + 1);
        vm.assertTrue(spoke.isFrozen());
        _expectAdvanceReverts(
            second, _signed(1, second.digest, ALL), _frozenBy(1, first.snapshot.expiry)
        );
        _reseed(second);
        vm.assertFalse(spoke.isFrozen());
        vm.assertEq(spoke.currentEpoch(), 2);
        // What was here before is not known any more.
        vm.assertEq(spoke.operatorSet(1).table, address(0));
    }

    function test_stale_refusesASnapshotThatIsOverAlready() external {
        Parcel memory second = _next();
        second.snapshot.expiry = uint64(vm.getBlockTimestamp()) + LAG - 1;
        _expectAdvanceReverts(
            second,
            abi.encodeWithSelector(
                ISpoke.SetExpired.selector, 2, second.snapshot.expiry, vm.getBlockTimestamp()
            )
        );
    }

    /// The operators of epoch 1 have withdrawn, and nothing can be taken from them: they sign an epoch of their own.
    function test_forgedBranch_byAWithdrawnSet() external {
        Parcel memory forged = _forged(2, first.digest);
        vm.warp(first.snapshot.expiry - LAG + 1);
        forged.snapshot.expiry = uint64(vm.getBlockTimestamp() + 700);
        forged.digest = _digest(forged.snapshot, HOME, address(governance));
        _expectAdvanceReverts(
            forged, _signed(1, forged.digest, ALL), _frozenBy(1, first.snapshot.expiry)
        );
    }

    /// The same when the honest branch has gone on: the set is neither the newest nor fresh.
    function test_forgedBranch_behindTheHonestOne() external {
        for (uint256 i; i < 6; ++i) {
            mine(100);
            _advance(_next());
        }
        mine(10);
        vm.assertGt(vm.getBlockTimestamp() + LAG, first.snapshot.expiry);
        Parcel memory forged = _forged(2, first.digest);
        _expectAdvanceReverts(
            forged,
            _signed(1, forged.digest, ALL),
            abi.encodeWithSelector(ISpoke.WrongEpoch.selector, 2, 8)
        );
        // Nor can it stop the honest branch.
        ISpokeTypes.Signatures memory signatures = _signed(1, forged.digest, ALL);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISpoke.SetExpired.selector, 1, first.snapshot.expiry, vm.getBlockTimestamp()
            )
        );
        spoke.reportFork(forged.snapshot, signatures);
    }

    /* FORKS */

    function test_fork_freezes() external {
        Parcel memory second = _next();
        _advance(second);
        Parcel memory forged = _forged(2, first.digest);
        vm.expectEmit(address(spoke));
        emit ISpoke.ForkSeen(2, second.digest, forged.digest);
        spoke.reportFork(forged.snapshot, _signed(1, forged.digest, ALL));
        vm.assertTrue(spoke.isFrozen());
        Parcel memory third = _next();
        _expectAdvanceReverts(third, _frozenBy(2, second.snapshot.expiry));
    }

    function test_fork_refusesWhatIsNone() external {
        Parcel memory second = _next();
        Parcel memory forged = _forged(2, first.digest);
        ISpokeTypes.Signatures memory signatures = _signed(1, forged.digest, ALL);
        vm.expectRevert(abi.encodeWithSelector(ISpoke.UnknownEpoch.selector, 2));
        spoke.reportFork(forged.snapshot, signatures);
        _advance(second);
        signatures = _signed(1, second.digest, ALL);
        vm.expectRevert(abi.encodeWithSelector(ISpoke.NoFork.selector, second.digest));
        spoke.reportFork(second.snapshot, signatures);
        signatures = _signed(1, forged.digest, 0x0f);
        vm.expectRevert(abi.encodeWithSelector(ISpoke.QuorumNotReached.selector, 400, 600));
        spoke.reportFork(forged.snapshot, signatures);
        // Of the seed nobody here has certified anything; of epoch 0 nobody could.
        forged.snapshot.epoch = 1;
        vm.expectRevert(abi.encodeWithSelector(ISpoke.UnknownEpoch.selector, 0));
        spoke.reportFork(forged.snapshot, signatures);
        forged.snapshot.epoch = 0;
        vm.expectRevert(abi.encodeWithSelector(ISpoke.UnknownEpoch.selector, 0));
        spoke.reportFork(forged.snapshot, signatures);
        vm.assertFalse(spoke.isFrozen());
    }

    /* CONTENT */

    function testFuzz_advance_refusesAnyOtherRow(uint256 place, uint8 change) external {
        vm.assume(change != 0);
        Parcel memory second = _next();
        bytes memory chunk = second.chunks[0];
        // Within the addresses of a row: another key may be no point at all.
        place = 232 * (place % OPERATORS) + 192 + place % 40;
        chunk[place] = bytes1(uint8(chunk[place]) ^ change);
        ISpokeTypes.Signatures memory signatures = _signed(1, second.digest, ALL);
        vm.expectPartialRevert(ISpoke.WrongContent.selector);
        spoke.advance(second.snapshot, signatures, second.stakes, second.chunks);
    }

    function testFuzz_advance_refusesOtherStakes(uint256 row, uint120 stake) external {
        Parcel memory second = _next();
        row %= OPERATORS;
        vm.assume(stake != 100 && stake < type(uint120).max - 600);
        second.stakes[row] = stake;
        ISpokeTypes.Signatures memory signatures = _signed(1, second.digest, ALL);
        vm.expectPartialRevert(ISpoke.WrongContent.selector);
        spoke.advance(second.snapshot, signatures, second.stakes, second.chunks);
    }

    function test_advance_refusesAKeyThatIsNoPoint() external {
        Parcel memory second = _next();
        second.chunks[0][47] ^= 0x01;
        _expectAdvanceReverts(second, abi.encodeWithSelector(BLS.InvalidPoint.selector));
    }

    function test_advance_refusesMalformedCalldata() external {
        Parcel memory second = _next();
        bytes[] memory chunks = second.chunks;
        second.chunks = new bytes[](2);
        _expectAdvanceReverts(second, abi.encodeWithSelector(ISpoke.WrongChunkCount.selector, 2, 1));
        second.chunks = new bytes[](1);
        second.chunks[0] = new bytes(231);
        _expectAdvanceReverts(
            second, abi.encodeWithSelector(ISpoke.WrongChunkLength.selector, 0, 231)
        );
        second.chunks[0] = new bytes(232 * 106);
        _expectAdvanceReverts(
            second, abi.encodeWithSelector(ISpoke.WrongChunkLength.selector, 0, 232 * 106)
        );
        second.chunks = chunks;
        second.stakes[1] = type(uint128).max;
        _expectAdvanceReverts(
            second,
            abi.encodeWithSelector(
                EpochWriter.TooMuchStake.selector, type(uint128).max, type(uint120).max
            )
        );
        second.stakes = new uint128[](257);
        _expectAdvanceReverts(
            second, abi.encodeWithSelector(EpochWriter.TooManyRows.selector, 257, 256)
        );
        second.stakes = new uint128[](106);
        second.chunks = new bytes[](2);
        _expectAdvanceReverts(second, abi.encodeWithSelector(ISpoke.NoChunk.selector, 1));
        second.stakes = new uint128[](0);
        second.chunks = new bytes[](0);
        _expectAdvanceReverts(second, abi.encodeWithSelector(EpochWriter.EmptyTable.selector));
    }

    /* GOVERNANCE */

    function test_reseed_needsAllChunks() external {
        Parcel memory second = _next();
        second.chunks[0] = "";
        vm.expectRevert(abi.encodeWithSelector(ISpoke.NoChunk.selector, 0));
        spoke.reseed(second.snapshot, second.stakes, second.chunks, true);
    }

    function test_freeze() external {
        Parcel memory second = _next();
        spoke.freeze();
        vm.assertTrue(spoke.isFrozen());
        _expectAdvanceReverts(second, _frozenBy(1, first.snapshot.expiry));
    }

    function test_restricted() external {
        address stranger = makeAddr("stranger");
        _expectUnauthorized(stranger);
        spoke.reseed(first.snapshot, first.stakes, first.chunks, true);
        _expectUnauthorized(stranger);
        spoke.freeze();
        _expectUnauthorized(stranger);
        spoke.setMessageHandler(IMessageHandler(stranger));
    }

    function test_constructor_refuses() external {
        ISpokeTypes.Home memory home = _home();
        vm.expectRevert(ISnapshotTypes.ZeroAddress.selector);
        new Spoke(address(0), home, 2, 3, KIND, LAG);
        vm.expectRevert(abi.encodeWithSelector(ISpoke.InvalidThreshold.selector, 1, 2));
        new Spoke(address(manager), home, 1, 2, KIND, LAG);
        home.chainId = 0;
        vm.expectRevert(abi.encodeWithSelector(ISpoke.InvalidHome.selector, 0));
        new Spoke(address(manager), home, 2, 3, KIND, LAG);
        (home.chainId, home.registry) = (HOME, address(0));
        vm.expectRevert(ISnapshotTypes.ZeroAddress.selector);
        new Spoke(address(manager), home, 2, 3, KIND, LAG);
        (home.registry, home.center) = (address(governance), address(0));
        vm.expectRevert(ISnapshotTypes.ZeroAddress.selector);
        new Spoke(address(manager), home, 2, 3, KIND, LAG);
    }

    function test_unseeded_isFrozen() external {
        spoke = _newSpoke();
        vm.assertTrue(spoke.isFrozen());
        _expectAdvanceReverts(first, _signed(1, first.digest, ALL), _frozenBy(0, 0));
    }

    function test_views() external view {
        ISpokeTypes.Home memory home = spoke.home();
        vm.assertEq(home.chainId, HOME);
        vm.assertEq(home.registry, address(governance));
        vm.assertEq(home.center, address(center));
        (uint16 p, uint16 q) = spoke.threshold();
        vm.assertEq(p, 2);
        vm.assertEq(q, 3);
        vm.assertEq(spoke.kind(), KIND);
        vm.assertEq(spoke.clockLag(), LAG);
    }
}

/// @dev A bridge that says whose messages it brings.
contract HandlerDouble is IMessageHandler {
    uint256 private immutable _chainId;
    address private immutable _sender;

    constructor(uint256 chainId, address sender) {
        (_chainId, _sender) = (chainId, sender);
    }

    function origin() external view returns (uint256, address) {
        return (_chainId, _sender);
    }
}

/// @dev A bridge instead of certificates (7.5).
contract SpokeHandlerTest is SpokeFixture {
    Parcel internal first;
    HandlerDouble internal handler;

    function setUp() public override {
        super.setUp();
        first = _publish();
        _reseed(first);
        handler = new HandlerDouble(HOME, address(evidence));
    }

    function test_handler_isOffByDefault() external {
        Parcel memory second = _next();
        vm.assertEq(address(spoke.messageHandler()), address(0));
        vm.expectRevert(abi.encodeWithSelector(ISpoke.NotHandler.selector, address(handler)));
        vm.prank(address(handler));
        spoke.handleSnapshot(second.snapshot, second.stakes, second.chunks);
    }

    function test_handler_bringsTheNextEpoch() external {
        vm.expectEmit(address(spoke));
        emit ISpoke.HandlerSet(address(handler));
        spoke.setMessageHandler(handler);
        Parcel memory second = _next();
        vm.expectRevert(abi.encodeWithSelector(ISpoke.NotHandler.selector, address(this)));
        spoke.handleSnapshot(second.snapshot, second.stakes, second.chunks);
        vm.prank(address(handler));
        spoke.handleSnapshot(second.snapshot, second.stakes, second.chunks);
        vm.assertEq(spoke.operatorSet(2).digest, second.digest);

        spoke.setMessageHandler(IMessageHandler(address(0)));
        Parcel memory third = _next();
        vm.expectRevert(abi.encodeWithSelector(ISpoke.NotHandler.selector, address(handler)));
        vm.prank(address(handler));
        spoke.handleSnapshot(third.snapshot, third.stakes, third.chunks);
    }

    function test_handler_keepsOrderAndExpiry() external {
        spoke.setMessageHandler(handler);
        Parcel memory second = _next();
        Parcel memory third = _next();
        vm.expectRevert(abi.encodeWithSelector(ISpoke.WrongEpoch.selector, 3, 2));
        vm.prank(address(handler));
        spoke.handleSnapshot(third.snapshot, third.stakes, third.chunks);
        vm.warp(first.snapshot.expiry);
        vm.expectRevert(_frozenBy(1, first.snapshot.expiry));
        vm.prank(address(handler));
        spoke.handleSnapshot(second.snapshot, second.stakes, second.chunks);
    }

    function test_handler_refusesOtherOrigins() external {
        handler = new HandlerDouble(HOME + 1, address(evidence));
        vm.expectRevert(
            abi.encodeWithSelector(ISpoke.WrongOrigin.selector, HOME + 1, address(evidence))
        );
        spoke.setMessageHandler(handler);
        handler = new HandlerDouble(HOME, address(0));
        vm.expectRevert(abi.encodeWithSelector(ISpoke.WrongOrigin.selector, HOME, address(0)));
        spoke.setMessageHandler(handler);
    }
}
