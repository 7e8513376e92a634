// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { DrandSeedSource } from "../../src/DrandSeedSource.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { SeedHeader } from "../utils/SeedHeader.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Tasks whose seeds come from drand: from quicknet, and from a beacon of the test.
contract DrandTasksTest is AttestationFixture {
    uint16 internal constant QUICKNET = 2;
    uint16 internal constant LOCAL = 3;
    uint256 internal constant LOCAL_SECRET = 7;

    uint64 internal constant GENESIS = 1_692_803_367;
    uint64 internal constant PERIOD = 3;
    uint64 internal constant BLOCK_TIME = 12;
    uint64 internal constant MARGIN = 60;
    /// @dev When round 1000 of quicknet is public.
    uint256 internal constant PUBLIC_AT = 1_692_806_364;

    string internal json;
    DrandSeedSource internal local;

    function setUp() public override {
        super.setUp();
        vm.warp(PUBLIC_AT - FETCH_WINDOW * BLOCK_TIME - MARGIN);
        json = vm.readFile("../tests/vectors/drand.json");
        _register(QUICKNET, vm.parseJsonBytes(json, "$.rounds[0].public_key"));
        local = _register(LOCAL, BlsSigner.publicKeyBytes(LOCAL_SECRET));
    }

    function _register(uint16 kind, bytes memory key) private returns (DrandSeedSource source) {
        source = new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, key);
        TaskDefinition memory d = _definition();
        d.seedSource = source;
        center.registerKind(kind, d);
    }

    function test_drand_roundIsFixedAtOpeningAndGivesTheSeed() external {
        uint64 taskId = center.openTask{ value: FEE }(QUICKNET, SUBJECT);
        Task memory task = center.task(taskId);
        vm.assertEq(task.seedTarget, 1000);
        vm.assertEq(task.seedBlock, block.number + FETCH_WINDOW);
        vm.assertEq(task.deadline, task.seedBlock + 8192);

        // The seed block comes in time, the round a margin later.
        bytes memory header = _mineSeedBlock(PUBLIC_AT - MARGIN);
        bytes memory signature = vm.parseJsonBytes(json, "$.quicknet.signature");
        bytes32 r = vm.parseJsonBytes32(json, "$.quicknet.randomness");
        bytes32 expected = keccak256(
            abi.encode(keccak256("Zarathustra.Seed.v1"), block.chainid, address(center), taskId, r)
        );
        vm.expectEmit(address(center));
        emit SeedFixed(taskId, expected, r);
        center.fixSeed(taskId, bytes.concat(signature, header));

        task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Evaluating);
        vm.assertEq(task.seed, expected);
        vm.assertEq(task.seedTarget, 1000);
        vm.assertEq(task.seedBlock, block.number - 1);
        vm.assertEq(task.seedFixedAt, governance.clock());
    }

    /// Two tasks whose round is one have different seeds.
    function test_drand_seedDiffersBetweenTasks() external {
        uint64 a = center.openTask{ value: FEE }(LOCAL, SUBJECT);
        uint64 b = center.openTask{ value: FEE }(LOCAL, SUBJECT);
        bytes memory proof = bytes.concat(_sign(1000), _mineSeedBlock(PUBLIC_AT - MARGIN));
        center.fixSeed(a, proof);
        center.fixSeed(b, proof);
        vm.assertNotEq(center.task(a).seed, center.task(b).seed);
    }

    /// The attack: lock in when a round that suits is public, and have the seed made of it.
    function test_attack_seedKnownAtLockIn() external {
        vm.warp(PUBLIC_AT);
        bytes memory known = _sign(1000);
        uint64 taskId = center.openTask{ value: FEE }(LOCAL, SUBJECT);
        uint64 seedBlock = center.task(taskId).seedBlock;
        bytes memory header = _mineSeedBlock(PUBLIC_AT + FETCH_WINDOW * BLOCK_TIME);
        vm.expectRevert(abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, seedBlock));
        center.fixSeed(taskId, bytes.concat(known, header));
        // Nor is any later round but its own.
        uint64 round = center.task(taskId).seedTarget;
        vm.assertGe(local.timeOf(round), PUBLIC_AT + FETCH_WINDOW * BLOCK_TIME + MARGIN);
        bytes memory next = bytes.concat(_sign(round + 1), header);
        vm.expectRevert(abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, seedBlock));
        center.fixSeed(taskId, next);
        center.fixSeed(taskId, bytes.concat(_sign(round), header));
    }

    /// The attack: wait until the round is public, which slow blocks allow, and only then serve the parameters, or not.
    /// The task gets no seed, whatever was served; it expires, and everything returns.
    function test_attack_seedKnownBeforeFetchingEnds() external {
        uint64 taskId = center.openTask{ value: FEE }(LOCAL, SUBJECT);
        uint256 minedAt = PUBLIC_AT - BLOCK_TIME + 1;
        bytes memory proof = bytes.concat(_sign(1000), _mineSeedBlock(minedAt));
        vm.expectRevert(
            abi.encodeWithSelector(
                DrandSeedSource.RoundBeforeSeedBlock.selector, 1000, PUBLIC_AT, minedAt
            )
        );
        center.fixSeed(taskId, proof);

        vm.roll(center.task(taskId).deadline);
        vm.assertTrue(center.expire(taskId));
        vm.assertEq(center.task(taskId).seed, 0);
    }

    function test_gas_openAndFixSeed() external {
        center.openTask{ value: FEE }(LOCAL, SUBJECT);
        _cool();
        uint64 taskId = center.openTask{ value: FEE }(LOCAL, SUBJECT);
        vm.snapshotGasLastCall("DrandTasks", "openTask");
        bytes memory proof = bytes.concat(_sign(1000), _mineSeedBlock(PUBLIC_AT - MARGIN));
        _cool();
        center.fixSeed(taskId, proof);
        vm.snapshotGasLastCall("DrandTasks", "fixSeed");
    }

    /// @dev Makes what a call touches first cost what it costs in a transaction of its own.
    function _cool() private {
        vm.cool(address(center));
        vm.cool(address(local));
        vm.cool(address(governance));
    }

    /// @dev Mines the block after the seed block of a task that was just opened, where that has the time `minedAt`.
    function _mineSeedBlock(uint256 minedAt) private returns (bytes memory header) {
        vm.roll(block.number + FETCH_WINDOW + 1);
        vm.warp(PUBLIC_AT + 600);
        header = SeedHeader.encode(minedAt);
        vm.setBlockhash(block.number - 1, keccak256(header));
    }

    function _sign(uint64 round) private view returns (bytes memory) {
        bytes memory message = abi.encodePacked(sha256(abi.encodePacked(round)));
        return BlsSigner.toBytes(BlsSigner.sign(LOCAL_SECRET, message, local.TAG()));
    }
}
