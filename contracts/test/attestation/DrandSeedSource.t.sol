// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { DrandSeedSource } from "../../src/DrandSeedSource.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";
import { BLS } from "../../src/libraries/BLS.sol";
import { RlpHeader } from "../../src/libraries/RlpHeader.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { SeedHeader } from "../utils/SeedHeader.sol";
import { Test } from "../utils/Test.sol";

/// @dev Published rounds (tests/vectors/README.md), behind headers that are placed at blocks of the test's chain.
contract DrandSeedSourceTest is Test {
    // Fields in alphabetical order, as Foundry decodes JSON.

    struct Round {
        bytes32 message;
        string network;
        bytes publicKey;
        bytes publicKeyCompressed;
        uint256 round;
        bytes signature;
        bytes signatureCompressed;
    }

    struct Refused {
        bytes32 message;
        string name;
        bytes publicKey;
        bytes signature;
    }

    uint64 internal constant GENESIS = 1_692_803_367;
    uint64 internal constant PERIOD = 3;
    uint64 internal constant BLOCK_TIME = 12;
    uint64 internal constant MARGIN = 60;
    uint64 internal constant SEED_BLOCK = 19_999;

    /// @dev Round 1000 of quicknet is public then: 999 periods after the genesis.
    uint256 internal constant PUBLIC_AT = 1_692_806_364;

    DrandSeedSource internal source;
    bytes internal key;
    bytes internal signature;
    bytes32 internal randomness;

    function setUp() external {
        vm.roll(20_000);
        vm.warp(PUBLIC_AT + 100);
        string memory json = vm.readFile("../tests/vectors/drand.json");
        key = vm.parseJsonBytes(json, "$.rounds[0].public_key");
        signature = vm.parseJsonBytes(json, "$.quicknet.signature");
        randomness = vm.parseJsonBytes32(json, "$.quicknet.randomness");
        source = new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, key);
        vm.assertEq(vm.parseJsonUint(json, "$.quicknet.genesis_time"), GENESIS);
        vm.assertEq(vm.parseJsonUint(json, "$.quicknet.period"), PERIOD);
    }

    /* PUBLISHED ROUNDS */

    function test_randomness_isThePublishedOne() external {
        bytes memory proof = _proof(signature, PUBLIC_AT - BLOCK_TIME);
        vm.assertEq(source.randomness(SEED_BLOCK, 1000, proof), randomness);
        vm.assertEq(source.timeOf(1000), PUBLIC_AT);
    }

    /// Both signs of y are among them; under the tag of another scheme, a round is none of this one.
    function test_randomness_everyPublishedRound() external {
        _checkRounds("$.rounds", 4, true);
        _checkRounds("$.older_rounds", 6, false);
    }

    function _checkRounds(string memory path, uint256 count, bool right) private {
        string memory json = vm.readFile("../tests/vectors/drand.json");
        Round[] memory rounds = abi.decode(vm.parseJson(json, path), (Round[]));
        vm.assertEq(rounds.length, count);
        for (uint256 i; i < count; ++i) {
            Round memory one = rounds[i];
            DrandSeedSource network =
                new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, one.publicKey);
            uint64 round = uint64(one.round);
            bytes memory proof = _proof(one.signature, network.timeOf(round) - BLOCK_TIME);
            if (right) {
                bytes32 expected = sha256(one.signatureCompressed);
                vm.assertEq(network.randomness(SEED_BLOCK, round, proof), expected);
            } else {
                _expectInvalid();
                network.randomness(SEED_BLOCK, round, proof);
            }
        }
    }

    /* WHAT IS NOT THE ROUND'S SIGNATURE */

    function test_randomness_refusesAnotherRoundsSignature() external {
        bytes memory proof = _proof(signature, 0);
        _expectInvalid();
        source.randomness(SEED_BLOCK, 999, proof);
        _expectInvalid();
        source.randomness(SEED_BLOCK, 1001, proof);
    }

    function test_randomness_refusesAnotherNetworksSignature() external {
        bytes memory other = BlsSigner.publicKeyBytes(7);
        DrandSeedSource network = new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, other);
        bytes memory proof = _proof(signature, 0);
        _expectInvalid();
        network.randomness(SEED_BLOCK, 1000, proof);
        // Its own is right.
        bytes memory own = _sign(7, 1000);
        network.randomness(SEED_BLOCK, 1000, _proof(own, 0));
    }

    /// Off the curve, outside the subgroup, infinity, coordinates that are not canonical: whatever a vector's signature
    /// is, it is refused, and so there is one signature of a round and one randomness.
    function test_randomness_refusesMalformedPoints() external {
        string memory json = vm.readFile("../tests/vectors/bls.json");
        Refused[] memory cases = abi.decode(vm.parseJson(json, "$.refused"), (Refused[]));
        vm.assertEq(cases.length, 18);
        for (uint256 i; i < cases.length; ++i) {
            _refuses(cases[i].signature, cases[i].name);
        }
        // The other root is the signature of nobody.
        _refuses(_negated(signature), "negated");
        // x = 4 is on the curve, outside the subgroup.
        _refuses(_point(4, OFF_SUBGROUP_Y_HI, OFF_SUBGROUP_Y_LO), "subgroup");
        _refuses(new bytes(96), "infinity");
    }

    /// The same point in other encodings: x or y plus the modulus, and the flags of the compressed form.
    function test_randomness_refusesOtherEncodingsOfTheSamePoint() external {
        _refuses(_plusModulus(signature, 0), "x + p");
        _refuses(_plusModulus(signature, 48), "y + p");
        for (uint256 bit = 5; bit < 8; ++bit) {
            bytes memory flagged = bytes.concat(signature);
            // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift) one of the three top bits
            flagged[0] = bytes1(uint8(flagged[0]) | uint8(1 << bit));
            _refuses(flagged, "flag");
        }
    }

    function test_randomness_refusesWrongLengths() external {
        for (uint256 length; length <= 96; length += 48) {
            vm.expectRevert(
                abi.encodeWithSelector(DrandSeedSource.SeedProofTooShort.selector, length)
            );
            source.randomness(SEED_BLOCK, 1000, new bytes(length));
        }
        bytes memory header = _place(PUBLIC_AT - BLOCK_TIME);
        // One byte less or more of the signature moves where the header begins.
        vm.expectPartialRevert(RlpHeader.NotAList.selector);
        source.randomness(SEED_BLOCK, 1000, bytes.concat(_cut(signature, 95), header));
        vm.expectPartialRevert(RlpHeader.NotAList.selector);
        source.randomness(SEED_BLOCK, 1000, bytes.concat(signature, hex"00", header));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.NotAList.selector, header.length + 1));
        source.randomness(SEED_BLOCK, 1000, bytes.concat(signature, header, hex"00"));
    }

    /* THE SEED BLOCK */

    function test_randomness_notBeforeTheSeedBlock() external {
        bytes memory proof = _proof(signature, PUBLIC_AT - BLOCK_TIME);
        vm.expectRevert(
            abi.encodeWithSelector(ISeedSource.SeedBlockNotMined.selector, 20_000, 20_000)
        );
        source.randomness(20_000, 1000, proof);
    }

    function test_randomness_refusesAnotherBlocksHeader() external {
        bytes memory proof = _proof(signature, PUBLIC_AT - BLOCK_TIME);
        vm.setBlockhash(SEED_BLOCK, keccak256("another"));
        _expectInvalid();
        source.randomness(SEED_BLOCK, 1000, proof);
        vm.roll(SEED_BLOCK + 8192);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISeedSource.SeedBlockOutOfReach.selector, SEED_BLOCK, SEED_BLOCK + 8192
            )
        );
        source.randomness(SEED_BLOCK, 1000, proof);
        vm.assertEq(source.reach(), 8191);
    }

    /// Whoever still has to serve the parameters while the round is public could choose by it.
    function test_randomness_refusesARoundThatWasPublicBeforeFetchingEnded() external {
        for (uint256 late; late < 100; late += 11) {
            uint256 minedAt = PUBLIC_AT - BLOCK_TIME + late;
            bytes memory proof = _proof(signature, minedAt);
            if (late != 0) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        DrandSeedSource.RoundBeforeSeedBlock.selector, 1000, PUBLIC_AT, minedAt
                    )
                );
            }
            source.randomness(SEED_BLOCK, 1000, proof);
        }
    }

    /* THE ROUND OF A TASK */

    function test_target_isTheFirstRoundAfterTheSeedBlockAndTheMargin() external {
        // Round 1000 is public at PUBLIC_AT: 5 blocks of 12 s and 60 s of margin before, it is the first.
        vm.warp(PUBLIC_AT - 120);
        vm.assertEq(source.target(20_005), 1000);
        vm.warp(PUBLIC_AT - 122);
        vm.assertEq(source.target(20_005), 1000);
        vm.warp(PUBLIC_AT - 123);
        vm.assertEq(source.target(20_005), 999);
        vm.warp(PUBLIC_AT - 119);
        vm.assertEq(source.target(20_005), 1001);
        // One block more is four rounds more.
        vm.assertEq(source.target(20_006), 1005);
        // What is not ahead counts as the present block.
        vm.warp(PUBLIC_AT - 60);
        vm.assertEq(source.target(20_000), 1000);
        vm.assertEq(source.target(0), 1000);
    }

    /// Whenever a task opens: the round is public after the margin and not a period later than it could be.
    function testFuzz_target_isTheFirst(uint64 present, uint64 ahead) external {
        present = uint64(bound(present, GENESIS, GENESIS + 100_000 days));
        ahead = uint64(bound(ahead, 0, 10_000_000));
        vm.warp(present);
        uint256 from = uint256(present) + uint256(ahead) * BLOCK_TIME + MARGIN;
        uint64 round = source.target(20_000 + ahead);
        vm.assertGe(source.timeOf(round), from);
        vm.assertLt(source.timeOf(round - 1), from);
    }

    /* CONSTRUCTION */

    function test_constructor_keepsWhatItWasGiven() external view {
        vm.assertEq(source.genesis(), GENESIS);
        vm.assertEq(source.period(), PERIOD);
        vm.assertEq(source.blockTime(), BLOCK_TIME);
        vm.assertEq(source.margin(), MARGIN);
        vm.assertEq(source.key(), key);
        // forge-lint: disable-next-line(unsafe-typecast) 24 characters
        vm.assertEq(source.scheme(), bytes32("bls-unchained-g1-rfc9380"));
    }

    function test_constructor_refusesParametersOutOfBounds() external {
        _refusesParameters("genesis", 0, PERIOD, BLOCK_TIME, MARGIN);
        _refusesParameters("genesis", uint64(block.timestamp) + 1, PERIOD, BLOCK_TIME, MARGIN);
        _refusesParameters("period", GENESIS, 0, BLOCK_TIME, MARGIN);
        _refusesParameters("period", GENESIS, 3601, BLOCK_TIME, MARGIN);
        _refusesParameters("blockTime", GENESIS, PERIOD, 0, MARGIN);
        _refusesParameters("margin", GENESIS, PERIOD, BLOCK_TIME, BLOCK_TIME - 1);
        _refusesParameters("margin", GENESIS, PERIOD, BLOCK_TIME, 3601);
        new DrandSeedSource(GENESIS, 3600, BLOCK_TIME, BLOCK_TIME, key);
        new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, 3600, key);
    }

    function _refusesParameters(
        bytes32 name,
        uint64 genesis,
        uint64 period,
        uint64 blockTime,
        uint64 margin
    ) private {
        vm.expectRevert(abi.encodeWithSelector(DrandSeedSource.InvalidParameter.selector, name));
        new DrandSeedSource(genesis, period, blockTime, margin, key);
    }

    function test_constructor_refusesWhatIsNoKey() external {
        vm.expectRevert(abi.encodeWithSelector(BLS.InvalidPointLength.selector, 191, 192));
        new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, new bytes(191));
        vm.expectRevert(DrandSeedSource.InvalidKey.selector);
        new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, new bytes(192));
        string memory json = vm.readFile("../tests/vectors/bls.json");
        Refused[] memory cases = abi.decode(vm.parseJson(json, "$.refused"), (Refused[]));
        uint256 bad;
        for (uint256 i; i < cases.length; ++i) {
            if (!_startsWith(cases[i].name, "key")) continue;
            ++bad;
            // Gas is capped as in `_refuses`.
            vm.expectRevert(DrandSeedSource.InvalidKey.selector);
            this.create{ gas: 4_000_000 }(cases[i].publicKey);
        }
        vm.assertEq(bad, 4);
    }

    function create(bytes calldata key_) external {
        new DrandSeedSource(GENESIS, PERIOD, BLOCK_TIME, MARGIN, key_);
    }

    /* COST */

    function test_gas_randomness() external {
        bytes memory proof = _proof(signature, PUBLIC_AT - BLOCK_TIME);
        uint256 before = gasleft();
        source.randomness(SEED_BLOCK, 1000, proof);
        uint256 used = before - gasleft();
        vm.assertLe(used, 200_000);
        vm.snapshotValue("DrandSeedSource", "randomness", used);
    }

    /* HELPERS */

    uint256 private constant OFF_SUBGROUP_Y_HI = 0x0a989badd40d6212b33cffc3f3763e9b;
    uint256 private constant OFF_SUBGROUP_Y_LO =
        0xc760f988c9926b26da9dd85e928483446346b8ed00e1de5d5ea93e354abe706c;

    /// @dev A proof whose header is that of the seed block.
    function _proof(bytes memory signature_, uint256 minedAt) private returns (bytes memory) {
        return bytes.concat(signature_, _place(minedAt));
    }

    /// @dev Makes a header with that time the seed block's.
    function _place(uint256 minedAt) private returns (bytes memory header) {
        header = SeedHeader.encode(minedAt);
        vm.setBlockhash(SEED_BLOCK, keccak256(header));
    }

    function _sign(uint256 secret, uint64 round) private view returns (bytes memory) {
        bytes memory message = abi.encodePacked(sha256(abi.encodePacked(round)));
        return BlsSigner.toBytes(BlsSigner.sign(secret, message, source.TAG()));
    }

    function _expectInvalid() private {
        vm.expectRevert(abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, SEED_BLOCK));
    }

    /// @dev Gas is capped, because a precompile that refuses its input takes all it was given.
    function _refuses(bytes memory point, string memory what) private {
        bytes memory proof = _proof(point, PUBLIC_AT - BLOCK_TIME);
        (bool ok, bytes memory answer) = address(source).staticcall{ gas: 3_000_000 }(
            abi.encodeCall(source.randomness, (SEED_BLOCK, 1000, proof))
        );
        vm.assertFalse(ok, what);
        vm.assertEq(
            answer, abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, SEED_BLOCK), what
        );
    }

    function _negated(bytes memory point) private pure returns (bytes memory) {
        bytes memory p = MODULUS;
        bytes memory out = bytes.concat(point);
        uint256 borrow;
        for (uint256 i = 48; i != 0; --i) {
            uint256 take = uint256(uint8(point[47 + i])) + borrow;
            uint256 from = uint8(p[i - 1]);
            borrow = take > from ? 1 : 0;
            // forge-lint: disable-next-line(unsafe-typecast) below 256
            out[47 + i] = bytes1(uint8(from + 256 * borrow - take));
        }
        return out;
    }

    /// @dev Where the sum has no more than 48 bytes, which any coordinate plus the modulus has.
    function _plusModulus(bytes memory point, uint256 offset) private pure returns (bytes memory) {
        bytes memory p = MODULUS;
        bytes memory out = bytes.concat(point);
        uint256 carry;
        for (uint256 i = 48; i != 0; --i) {
            uint256 sum = uint256(uint8(point[offset + i - 1])) + uint8(p[i - 1]) + carry;
            carry = sum >> 8;
            // forge-lint: disable-next-line(unsafe-typecast) the rest is carried
            out[offset + i - 1] = bytes1(uint8(sum));
        }
        vm.assertEq(carry, 0);
        return out;
    }

    bytes private constant MODULUS =
        hex"1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    function _point(uint256 x, uint256 yHi, uint256 yLo) private pure returns (bytes memory) {
        // forge-lint: disable-next-line(unsafe-typecast) a coordinate has 48 bytes
        return abi.encodePacked(uint128(0), x, uint128(yHi), yLo);
    }

    function _cut(bytes memory data, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[i];
        }
    }

    function _startsWith(string memory text, string memory start) private pure returns (bool) {
        return keccak256(_cut(bytes(text), bytes(start).length)) == keccak256(bytes(start));
    }
}
