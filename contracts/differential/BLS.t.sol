// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "../src/libraries/BLS.sol";
import { Test } from "../test/utils/Test.sol";

/// @dev Takes records apart. Behind external calls, so that what a case leaves in memory and a precompile's hunger
/// for gas end with it.
contract Judge {
    /// Way, verdict, tag, message, signature, key.
    function verify(bytes calldata record) external view returns (bool) {
        BLS.G1Point memory signature = abi.decode(record[35:163], (BLS.G1Point));
        BLS.G2Point memory key = abi.decode(record[163:419], (BLS.G2Point));
        bytes memory tag = record[2] == 0 ? BLS.VOTE_TAG : BLS.POSSESSION_TAG;
        return BLS.verify(signature, key, record[3:35], tag);
    }

    function hash(bytes calldata message, bytes calldata tag)
        external
        view
        returns (BLS.G1Point memory)
    {
        return BLS.hashToG1(message, tag);
    }

    /// Whether there is a sum, both terms, the sum.
    function add(bytes calldata record) external view returns (BLS.G2Point memory sum) {
        sum = abi.decode(record[1:257], (BLS.G2Point));
        BLS.addAssign(sum, abi.decode(record[257:513], (BLS.G2Point)));
    }

    /// A point, its inverse.
    function negate(bytes calldata record) external pure returns (BLS.G2Point memory point) {
        point = abi.decode(record[0:256], (BLS.G2Point));
        BLS.negate(point);
    }

    function padG1(bytes calldata unpadded) external pure returns (BLS.G1Point memory) {
        return BLS.g1FromBytes(unpadded);
    }

    function padG2(bytes calldata unpadded) external pure returns (BLS.G2Point memory) {
        return BLS.g2FromBytes(unpadded);
    }
}

/// @dev The library against blst, on the cases that `operator/bls/examples/differential` has just made.
contract BLSDifferentialTest is Test {
    string internal constant CASES = "../target/differential/";
    uint256 internal constant VERIFY_RECORD = 419;
    uint256 internal constant ADD_RECORD = 769;
    uint256 internal constant NEGATE_RECORD = 512;
    /// Enough for any case that succeeds; a precompile that refuses its input takes all it was given.
    uint256 internal constant GAS = 400_000;

    Judge internal judge;

    function setUp() external {
        judge = new Judge();
    }

    function test_verify() external view {
        bytes memory all = _read("verify.bin", VERIFY_RECORD);
        uint256 count = all.length / VERIFY_RECORD;
        vm.assertGe(count, 10_000);
        uint256 valid;
        for (uint256 i; i < count; ++i) {
            bytes memory record = _slice(all, i * VERIFY_RECORD, VERIFY_RECORD);
            bool expected = record[1] == 0x01;
            if (judge.verify{ gas: GAS }(record) != expected) {
                _fail(i, uint8(record[0]));
            }
            if (expected) ++valid;
        }
        vm.assertGt(valid, count / 20);
        vm.assertLt(valid, count / 2);
    }

    function test_hashToG1() external view {
        bytes memory all = vm.readFileBinary(string.concat(CASES, "hash.bin"));
        uint256 refused;
        uint256 count;
        for (uint256 offset; offset < all.length; ++count) {
            uint256 messageLength = _uint16(all, offset);
            uint256 tagLength = _uint16(all, offset + 2);
            bool usable = all[offset + 4] == 0x01;
            bytes memory expected = _slice(all, offset + 5, 128);
            bytes memory message = _slice(all, offset + 133, messageLength);
            bytes memory tag = _slice(all, offset + 133 + messageLength, tagLength);
            offset += 133 + messageLength + tagLength;
            (bool ok, bytes memory answer) = _ask(abi.encodeCall(Judge.hash, (message, tag)));
            bytes memory right =
                usable ? expected : abi.encodeWithSelector(BLS.TagTooLong.selector, tagLength);
            if (ok != usable || keccak256(answer) != keccak256(right)) _fail(count, 0);
            if (!usable) ++refused;
        }
        vm.assertGe(count, 1000);
        vm.assertGt(refused, count / 20);
    }

    function test_addAssign() external view {
        bytes memory all = _read("add.bin", ADD_RECORD);
        uint256 count = all.length / ADD_RECORD;
        vm.assertGe(count, 1000);
        uint256 refused;
        for (uint256 i; i < count; ++i) {
            bytes memory record = _slice(all, i * ADD_RECORD, ADD_RECORD);
            bool exists = record[0] == 0x01;
            (bool ok, bytes memory answer) = _ask(abi.encodeCall(Judge.add, (record)));
            bytes memory right = exists
                ? _slice(record, 513, 256)
                : abi.encodeWithSelector(BLS.InvalidPoint.selector);
            if (ok != exists || keccak256(answer) != keccak256(right)) _fail(i, 0);
            if (!exists) ++refused;
        }
        vm.assertGt(refused, count / 10);
    }

    function test_negate() external view {
        bytes memory all = _read("negate.bin", NEGATE_RECORD);
        uint256 count = all.length / NEGATE_RECORD;
        vm.assertGe(count, 1000);
        for (uint256 i; i < count; ++i) {
            bytes memory record = _slice(all, i * NEGATE_RECORD, NEGATE_RECORD);
            bytes32 answer = keccak256(abi.encode(judge.negate(record)));
            if (answer != keccak256(_slice(record, 256, 256))) _fail(i, 0);
        }
    }

    /// 96 bytes and 192 bytes are padded with zeros, coordinate by coordinate; other lengths are refused.
    function test_fromBytes() external view {
        bytes memory all = vm.readFileBinary(string.concat(CASES, "pad.bin"));
        uint256 padded;
        uint256 count;
        for (uint256 offset; offset < all.length; ++count) {
            uint256 length = _uint16(all, offset);
            bytes memory point = _slice(all, offset + 2, length);
            offset += 2 + length;
            padded += _checkForm(count, Judge.padG1.selector, point, 96);
            padded += _checkForm(count, Judge.padG2.selector, point, 192);
        }
        vm.assertGe(count, 1000);
        vm.assertGt(padded, count / 4);
    }

    function _checkForm(uint256 index, bytes4 form, bytes memory point, uint256 length)
        private
        view
        returns (uint256 fits)
    {
        (bool ok, bytes memory answer) = _ask(abi.encodeWithSelector(form, point));
        bytes memory right;
        if (point.length == length) {
            fits = 1;
            for (uint256 from; from < length; from += 48) {
                right = bytes.concat(right, new bytes(16), _slice(point, from, 48));
            }
        } else {
            right = abi.encodeWithSelector(BLS.InvalidPointLength.selector, point.length, length);
        }
        if (ok != (fits == 1) || keccak256(answer) != keccak256(right)) _fail(index, 0);
    }

    function _ask(bytes memory call) private view returns (bool ok, bytes memory answer) {
        return address(judge).staticcall{ gas: GAS }(call);
    }

    function _read(string memory file, uint256 record) private view returns (bytes memory all) {
        all = vm.readFileBinary(string.concat(CASES, file));
        vm.assertEq(all.length % record, 0);
    }

    function _fail(uint256 index, uint8 way) private pure {
        vm.assertTrue(
            false,
            string.concat("case ", vm.toString(index), ", made in way ", vm.toString(uint256(way)))
        );
    }

    function _uint16(bytes memory data, uint256 offset) private pure returns (uint256) {
        return uint256(uint8(data[offset])) << 8 | uint8(data[offset + 1]);
    }

    function _slice(bytes memory data, uint256 from, uint256 length)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        require(from + length <= data.length, "a record is cut off");
        /// @solidity memory-safe-assembly
        assembly {
            // part = data[from : from + length]
            mcopy(add(part, 0x20), add(add(data, 0x20), from), length)
        }
    }
}
