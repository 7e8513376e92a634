// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "../../src/libraries/BLS.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { Test } from "../utils/Test.sol";

/// @dev Puts the library behind external calls, so that its reverts can be expected.
contract BLSHarness {
    function verify(
        BLS.G1Point memory signature,
        BLS.G2Point memory key,
        bytes memory message,
        bytes memory tag
    ) external view returns (bool) {
        return BLS.verify(signature, key, message, tag);
    }

    function hashToG1(bytes memory message, bytes memory tag)
        external
        view
        returns (BLS.G1Point memory)
    {
        return BLS.hashToG1(message, tag);
    }

    function g1FromBytes(bytes memory unpadded) external pure returns (BLS.G1Point memory) {
        return BLS.g1FromBytes(unpadded);
    }

    function g2FromBytes(bytes memory unpadded) external pure returns (BLS.G2Point memory) {
        return BLS.g2FromBytes(unpadded);
    }

    function add(BLS.G2Point memory a, BLS.G2Point memory b)
        external
        view
        returns (BLS.G2Point memory)
    {
        BLS.addAssign(a, b);
        return a;
    }
}

/// @dev Against published vectors and an implementation that is not ours (tests/vectors/README.md).
contract BLSTest is Test {
    string internal constant VECTORS = "../tests/vectors/";
    uint256 internal constant FIELD_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 internal constant FIELD_LO =
        0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    BLSHarness internal bls;

    // Fields in alphabetical order, as Foundry decodes JSON.

    struct Signed {
        bytes hashed;
        bytes32 message;
        bytes publicKey;
        bytes publicKeyCompressed;
        string purpose;
        bytes32 secretKey;
        bytes signature;
        bytes signatureCompressed;
    }

    struct Aggregate {
        bytes key;
        bytes signature;
        bytes32 message;
        bytes[] publicKeys;
    }

    struct Refused {
        bytes32 message;
        string name;
        bytes publicKey;
        bytes signature;
    }

    struct Round {
        bytes32 message;
        string network;
        bytes publicKey;
        bytes publicKeyCompressed;
        uint256 round;
        bytes signature;
        bytes signatureCompressed;
    }

    function setUp() external {
        bls = new BLSHarness();
    }

    /* HASHING */

    function test_hashToG1_rfc9380() external view {
        string memory json =
            vm.readFile(string.concat(VECTORS, "rfc9380/BLS12381G1_XMD-SHA-256_SSWU_RO_.json"));
        bytes memory tag = bytes(vm.parseJsonString(json, "$.dst"));
        uint256 i;
        for (; vm.keyExistsJson(json, _item("$.vectors", i, ".msg")); ++i) {
            bytes memory message = bytes(vm.parseJsonString(json, _item("$.vectors", i, ".msg")));
            BLS.G1Point memory expected = BLS.g1FromBytes(
                bytes.concat(
                    vm.parseJsonBytes(json, _item("$.vectors", i, ".P.x")),
                    vm.parseJsonBytes(json, _item("$.vectors", i, ".P.y"))
                )
            );
            _assertSame(BLS.hashToG1(message, tag), expected);
        }
        vm.assertEq(i, 5);
    }

    /// Tags of every length that RFC 9380 expands without hashing, over memory that is not clean.
    function testFuzz_hashToG1_ignoresWhatLiesInMemory(bytes memory message, bytes memory tag)
        external
        view
    {
        vm.assume(tag.length <= 255);
        BLS.G1Point memory clean = bls.hashToG1(message, tag);
        /// @solidity memory-safe-assembly
        assembly {
            let free := mload(0x40)
            for { let i := 0 } lt(i, 0x1000) { i := add(i, 0x20) } {
                mstore(add(free, i), not(0))
            }
        }
        _assertSame(BLS.hashToG1(message, tag), clean);
    }

    function test_hashToG1_longTagIsRefused() external {
        vm.expectRevert(abi.encodeWithSelector(BLS.TagTooLong.selector, 256));
        bls.hashToG1("", new bytes(256));
    }

    function test_hashToG1_withoutPrecompileFails() external {
        vm.mockCallRevert(address(0x10), "", "");
        vm.expectRevert(BLS.HashToCurveFailed.selector);
        bls.hashToG1{ gas: 1_000_000 }("", "tag");
    }

    /* VERIFICATION */

    function test_verify_signaturesOfAnotherImplementation() external view {
        Signed[] memory cases = abi.decode(_read("bls.json", "$.signatures"), (Signed[]));
        vm.assertEq(cases.length, 8);
        for (uint256 i; i < cases.length; ++i) {
            Signed memory one = cases[i];
            bytes memory message = abi.encodePacked(one.message);
            bytes memory tag = keccak256(bytes(one.purpose)) == keccak256("vote")
                ? BLS.VOTE_TAG
                : BLS.POSSESSION_TAG;
            BLS.G1Point memory signature = BLS.g1FromBytes(one.signature);
            BLS.G2Point memory key = BLS.g2FromBytes(one.publicKey);
            _assertSame(BLS.hashToG1(message, tag), BLS.g1FromBytes(one.hashed));
            vm.assertTrue(BLS.verify(signature, key, message, tag));

            // What tests of other contracts sign with agrees as well.
            uint256 secret = uint256(one.secretKey);
            vm.assertEq(BlsSigner.publicKeyBytes(secret), one.publicKey);
            _assertSame(BlsSigner.sign(secret, message, tag), signature);
        }
    }

    function test_verify_tagsAreThoseOfTheVectors() external view {
        string memory json = vm.readFile(string.concat(VECTORS, "bls.json"));
        vm.assertEq(vm.parseJsonString(json, "$.vote_tag"), string(BLS.VOTE_TAG));
        vm.assertEq(vm.parseJsonString(json, "$.possession_tag"), string(BLS.POSSESSION_TAG));
    }

    function test_verify_aggregates() external view {
        Aggregate[] memory cases = abi.decode(_read("bls.json", "$.aggregates"), (Aggregate[]));
        vm.assertEq(cases.length, 3);
        for (uint256 i; i < cases.length; ++i) {
            Aggregate memory one = cases[i];
            bytes memory message = abi.encodePacked(one.message);
            BLS.G2Point memory sum;
            for (uint256 j; j < one.publicKeys.length; ++j) {
                BLS.addAssign(sum, BLS.g2FromBytes(one.publicKeys[j]));
            }
            vm.assertEq(BLS.toBytes(sum), one.key);
            vm.assertTrue(BLS.verify(BLS.g1FromBytes(one.signature), sum, message, BLS.VOTE_TAG));
            // Without one of the keys it is not the signers' signature.
            BLS.G2Point memory last = BLS.g2FromBytes(one.publicKeys[one.publicKeys.length - 1]);
            BLS.negate(last);
            BLS.addAssign(sum, last);
            vm.assertFalse(BLS.verify(BLS.g1FromBytes(one.signature), sum, message, BLS.VOTE_TAG));
        }
    }

    function test_verify_drand() external view {
        _checkRounds("$.tag", "$.rounds", 4);
    }

    /// Networks from before drand followed RFC 9380: the same scheme under the tag of the other group.
    function test_verify_drandOlder() external view {
        _checkRounds("$.older_tag", "$.older_rounds", 6);
    }

    function _checkRounds(string memory tagPath, string memory roundsPath, uint256 count)
        private
        view
    {
        Round[] memory rounds = abi.decode(_read("drand.json", roundsPath), (Round[]));
        bytes memory tag =
            bytes(vm.parseJsonString(vm.readFile(string.concat(VECTORS, "drand.json")), tagPath));
        vm.assertEq(rounds.length, count);
        for (uint256 i; i < rounds.length; ++i) {
            Round memory one = rounds[i];
            vm.assertEq(sha256(abi.encodePacked(uint64(one.round))), one.message);
            bytes memory message = abi.encodePacked(one.message);
            BLS.G1Point memory signature = BLS.g1FromBytes(one.signature);
            BLS.G2Point memory key = BLS.g2FromBytes(one.publicKey);
            vm.assertTrue(BLS.verify(signature, key, message, tag), one.network);
            vm.assertFalse(BLS.verify(signature, key, message, BLS.VOTE_TAG), one.network);
            bytes memory next = abi.encodePacked(sha256(abi.encodePacked(uint64(one.round + 1))));
            vm.assertFalse(BLS.verify(signature, key, next, tag), one.network);
        }
    }

    function test_verify_refuses() external view {
        Refused[] memory cases = abi.decode(_read("bls.json", "$.refused"), (Refused[]));
        vm.assertEq(cases.length, 18);
        for (uint256 i; i < cases.length; ++i) {
            Refused memory one = cases[i];
            // Gas is capped, because a precompile that refuses its input takes all it was given.
            vm.assertFalse(
                bls.verify{ gas: 3_000_000 }(
                    BLS.g1FromBytes(one.signature),
                    BLS.g2FromBytes(one.publicKey),
                    abi.encodePacked(one.message),
                    BLS.VOTE_TAG
                ),
                one.name
            );
        }
    }

    /// Every word of a padded point has 16 bytes, or a bit, too many.
    function test_verify_refusesTopBytes() external view {
        uint256 secret = 7;
        bytes32 digest = keccak256("digest");
        BLS.G1Point memory signature = BlsSigner.vote(secret, digest);
        BLS.G2Point memory key = BlsSigner.publicKey(secret);
        bytes memory message = abi.encodePacked(digest);
        vm.assertTrue(BLS.verify(signature, key, message, BLS.VOTE_TAG));
        for (uint256 word; word < 4; word += 2) {
            BLS.G1Point memory bad = abi.decode(abi.encode(signature), (BLS.G1Point));
            _setTopBit(bad, word);
            vm.assertFalse(bls.verify{ gas: 3_000_000 }(bad, key, message, BLS.VOTE_TAG));
        }
        for (uint256 word; word < 8; word += 2) {
            BLS.G2Point memory bad = abi.decode(abi.encode(key), (BLS.G2Point));
            _setTopBit(bad, word);
            vm.assertFalse(bls.verify{ gas: 3_000_000 }(signature, bad, message, BLS.VOTE_TAG));
        }
    }

    /// One bit anywhere in signature, key or message decides.
    function testFuzz_verify_oneBitDecides(uint256 secret, bytes32 digest, uint256 bit)
        external
        view
    {
        secret = bound(secret, 1, type(uint248).max);
        BLS.G1Point memory signature = BlsSigner.vote(secret, digest);
        BLS.G2Point memory key = BlsSigner.publicKey(secret);
        bytes memory message = abi.encodePacked(digest);
        vm.assertTrue(BLS.verify(signature, key, message, BLS.VOTE_TAG));

        bytes memory input =
            abi.encodePacked(BlsSigner.toBytes(signature), BLS.toBytes(key), digest);
        bit = bound(bit, 0, 8 * input.length - 1);
        input[bit / 8] ^= bytes1(0x01) << (bit % 8);
        vm.assertFalse(
            bls.verify{ gas: 3_000_000 }(
                BLS.g1FromBytes(_slice(input, 0, 96)),
                BLS.g2FromBytes(_slice(input, 96, 192)),
                _slice(input, 288, 32),
                BLS.VOTE_TAG
            )
        );
    }

    function test_verify_gas() external {
        BLS.G1Point memory signature = BlsSigner.vote(7, keccak256("digest"));
        BLS.G2Point memory key = BlsSigner.publicKey(7);
        bytes memory message = abi.encodePacked(keccak256("digest"));
        uint256 before = gasleft();
        bool valid = BLS.verify(signature, key, message, BLS.VOTE_TAG);
        uint256 used = before - gasleft();
        vm.assertTrue(valid);
        // Pairing 102,900, two maps to the curve 11,000, one addition 375; the rest is hashing.
        vm.assertLe(used, 119_000);
        vm.snapshotValue("BLS", "verify", used);
    }

    /* POINTS */

    function test_fromBytes_wrongLengthIsRefused() external {
        uint256[4] memory g1Lengths = [uint256(0), 95, 97, 128];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(BLS.InvalidPointLength.selector, g1Lengths[i], 96)
            );
            bls.g1FromBytes(new bytes(g1Lengths[i]));
        }
        uint256[4] memory g2Lengths = [uint256(0), 191, 193, 256];
        for (uint256 i; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(BLS.InvalidPointLength.selector, g2Lengths[i], 192)
            );
            bls.g2FromBytes(new bytes(g2Lengths[i]));
        }
    }

    function testFuzz_toBytes_undoesFromBytes(bytes32[6] memory words) external pure {
        bytes memory unpadded = abi.encodePacked(words);
        vm.assertEq(BLS.toBytes(BLS.g2FromBytes(unpadded)), unpadded);
        bytes memory half = abi.encodePacked(words[0], words[1], words[2]);
        vm.assertEq(BlsSigner.toBytes(BLS.g1FromBytes(half)), half);
    }

    function testFuzz_g1FromWords_keepsTheOrder(bytes32[4] memory words) external pure {
        vm.assertEq(abi.encode(BLS.g1FromWords(words)), abi.encode(words));
    }

    function test_negate_isTheInverse() external view {
        for (uint256 secret = 1; secret < 20; ++secret) {
            BLS.G2Point memory key = BlsSigner.publicKey(secret);
            BLS.G2Point memory inverse = BlsSigner.publicKey(secret);
            BLS.negate(inverse);
            BLS.addAssign(inverse, key);
            vm.assertTrue(BLS.isInfinity(inverse));
        }
    }

    /// `p - 0` would not be canonical; the borrow between the two words is taken when needed only.
    function test_negate_edges() external pure {
        BLS.G2Point memory point;
        BLS.negate(point);
        vm.assertTrue(BLS.isInfinity(point));

        point.y0Lo = bytes32(uint256(1));
        point.y1Hi = bytes32(FIELD_HI);
        point.y1Lo = bytes32(FIELD_LO - 1);
        BLS.negate(point);
        vm.assertEq(point.y0Hi, bytes32(FIELD_HI));
        vm.assertEq(point.y0Lo, bytes32(FIELD_LO - 1));
        vm.assertEq(point.y1Hi, bytes32(0));
        vm.assertEq(point.y1Lo, bytes32(uint256(1)));

        point.y0Hi = bytes32(0);
        point.y0Lo = bytes32(FIELD_LO + 1);
        BLS.negate(point);
        vm.assertEq(point.y0Hi, bytes32(FIELD_HI - 1));
        vm.assertEq(point.y0Lo, bytes32(type(uint256).max));
    }

    function test_addAssign_eip2537() external view {
        string memory json = vm.readFile(string.concat(VECTORS, "eip-2537/add_G2_bls.json"));
        uint256 i;
        for (; vm.keyExistsJson(json, _item("$", i, ".Input")); ++i) {
            bytes memory input = _hex(json, _item("$", i, ".Input"));
            (BLS.G2Point memory a, BLS.G2Point memory b) =
                abi.decode(input, (BLS.G2Point, BLS.G2Point));
            BLS.addAssign(a, b);
            vm.assertEq(abi.encode(a), _hex(json, _item("$", i, ".Expected")));
        }
        vm.assertGt(i, 5);
    }

    function test_addAssign_eip2537Failures() external {
        string memory json = vm.readFile(string.concat(VECTORS, "eip-2537/fail-add_G2_bls.json"));
        uint256 tried;
        for (uint256 i; vm.keyExistsJson(json, _item("$", i, ".Input")); ++i) {
            bytes memory input = _hex(json, _item("$", i, ".Input"));
            if (input.length != 512) continue; // lengths are fixed by the types here
            (BLS.G2Point memory a, BLS.G2Point memory b) =
                abi.decode(input, (BLS.G2Point, BLS.G2Point));
            vm.expectRevert(BLS.InvalidPoint.selector);
            bls.add{ gas: 1_000_000 }(a, b);
            ++tried;
        }
        vm.assertGt(tried, 2);
    }

    /* HELPERS */

    function _read(string memory file, string memory path) private view returns (bytes memory) {
        return vm.parseJson(vm.readFile(string.concat(VECTORS, file)), path);
    }

    function _item(string memory list, uint256 index, string memory field)
        private
        pure
        returns (string memory)
    {
        return string.concat(list, "[", vm.toString(index), "]", field);
    }

    function _hex(string memory json, string memory path) private pure returns (bytes memory) {
        return vm.parseBytes(string.concat("0x", vm.parseJsonString(json, path)));
    }

    function _slice(bytes memory data, uint256 from, uint256 length)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[from + i];
        }
    }

    function _setTopBit(BLS.G1Point memory point, uint256 word) private pure {
        /// @solidity memory-safe-assembly
        assembly {
            let place := add(point, mul(0x20, word))
            mstore(place, or(mload(place), shl(128, 1)))
        }
    }

    function _setTopBit(BLS.G2Point memory point, uint256 word) private pure {
        /// @solidity memory-safe-assembly
        assembly {
            let place := add(point, mul(0x20, word))
            mstore(place, or(mload(place), shl(128, 1)))
        }
    }

    function _assertSame(BLS.G1Point memory a, BLS.G1Point memory b) private pure {
        vm.assertEq(abi.encode(a), abi.encode(b));
    }
}
