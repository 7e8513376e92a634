// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { RlpHeader } from "../../src/libraries/RlpHeader.sol";
import { Test } from "../utils/Test.sol";

contract RlpHeaderHarness {
    function read(bytes calldata header) external pure returns (bytes32 hash, bytes32 mixHash) {
        return RlpHeader.read(header);
    }

    function readTime(bytes calldata header) external pure returns (bytes32 hash, uint256 time) {
        return RlpHeader.readTime(header);
    }
}

/// @dev Headers of three clients (tests/vectors/README.md), then each way to spoil one.
contract RlpHeaderTest is Test {
    // Fields in alphabetical order, as Foundry decodes JSON.
    struct Header {
        bytes32 hash;
        bytes32 mixHash;
        string name;
        bytes rlp;
    }

    RlpHeaderHarness internal reader;
    Header[] internal headers;

    function setUp() external {
        reader = new RlpHeaderHarness();
        Header[] memory read = abi.decode(
            vm.parseJson(vm.readFile("../tests/vectors/headers.json"), "$.headers"), (Header[])
        );
        for (uint256 i; i < read.length; ++i) {
            headers.push(read[i]);
        }
    }

    function test_read_headersOfThreeClients() external view {
        vm.assertEq(headers.length, 3);
        for (uint256 i; i < headers.length; ++i) {
            (bytes32 hash, bytes32 mixHash) = reader.read(headers[i].rlp);
            vm.assertEq(hash, headers[i].hash, headers[i].name);
            vm.assertEq(mixHash, headers[i].mixHash, headers[i].name);
        }
    }

    /// Times as the Python package rlp 5.0.0 decodes field 11.
    function test_readTime_headersOfThreeClients() external view {
        uint256[3] memory times = [uint256(1_729_280_622), 1_795_254_789, 1_760_130_544];
        for (uint256 i; i < headers.length; ++i) {
            (bytes32 hash, uint256 time) = reader.readTime(headers[i].rlp);
            vm.assertEq(hash, headers[i].hash, headers[i].name);
            vm.assertEq(time, times[i], headers[i].name);
        }
    }

    function test_readTime_isAnIntegerOfEightBytesAtMost() external {
        bytes memory before = _emptyFields(11);
        (, uint256 time) = reader.readTime(_list(bytes.concat(before, hex"80")));
        vm.assertEq(time, 0);
        (, time) = reader.readTime(_list(bytes.concat(before, hex"7f")));
        vm.assertEq(time, 127);
        (, time) = reader.readTime(_list(bytes.concat(before, hex"88ffffffffffffffff")));
        vm.assertEq(time, type(uint64).max);

        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadTimestamp.selector, 9));
        reader.readTime(_list(bytes.concat(before, hex"89ffffffffffffffffff")));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadTimestamp.selector, 1));
        reader.readTime(_list(bytes.concat(before, hex"00")));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadTimestamp.selector, 2));
        reader.readTime(_list(bytes.concat(before, hex"820001")));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadTimestamp.selector, 1));
        reader.readTime(_list(bytes.concat(before, hex"c105")));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.TooFewFields.selector, 11));
        reader.readTime(_list(before));
    }

    /// However a header is cut, it is refused, and never by running out of the input.
    function test_read_everyTruncationIsRefused() external {
        bytes memory whole = headers[0].rlp;
        for (uint256 length; length < whole.length; ++length) {
            bytes memory cut = _prefix(whole, length);
            if (length == 0) {
                vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadItem.selector, 0));
            } else {
                vm.expectPartialRevert(RlpHeader.BadItem.selector);
            }
            reader.read(cut);
        }
    }

    function test_read_bytesAfterTheListAreRefused() external {
        bytes memory longer = bytes.concat(headers[0].rlp, hex"00");
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.NotAList.selector, longer.length));
        reader.read(longer);
    }

    function test_read_stringInsteadOfAListIsRefused() external {
        bytes memory text = headers[0].rlp;
        text[0] = 0xb9;
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.NotAList.selector, text.length));
        reader.read(text);
    }

    function test_read_tooFewFieldsAreRefused() external {
        for (uint256 fields; fields <= 13; ++fields) {
            vm.expectRevert(abi.encodeWithSelector(RlpHeader.TooFewFields.selector, fields));
            reader.read(_list(_emptyFields(fields)));
        }
        // The fourteenth is looked at.
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadMixHash.selector, 0));
        reader.read(_list(_emptyFields(14)));
    }

    function test_read_mixHashIsThirtyTwoBytesAndNoList() external {
        bytes memory before = _emptyFields(13);
        bytes memory value = abi.encodePacked(keccak256("randao"));

        (, bytes32 mixHash) = reader.read(_list(bytes.concat(before, hex"a0", value)));
        vm.assertEq(mixHash, keccak256("randao"));

        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadMixHash.selector, 31));
        reader.read(_list(bytes.concat(before, hex"9f", _prefix(value, 31))));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadMixHash.selector, 33));
        reader.read(_list(bytes.concat(before, hex"a1", value, hex"00")));
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadMixHash.selector, 32));
        reader.read(_list(bytes.concat(before, hex"e0", value)));
    }

    /// A length in more bytes than it needs, and a byte with a prefix that it does not need.
    function test_read_lengthsThatAreNotCanonicalAreRefused() external {
        bytes memory tail = bytes.concat(_emptyFields(12), hex"a0", new bytes(32));
        bytes[4] memory spoiled = [
            bytes(hex"8105"), // 0x05 stands for itself
            bytes.concat(hex"b837", new bytes(55)), // 55 fits the short form
            bytes.concat(hex"b90038", new bytes(56)), // leading zero
            bytes.concat(hex"ba000038", new bytes(56))
        ];
        bytes[2] memory right = [bytes(hex"8180"), bytes.concat(hex"b838", new bytes(56))];
        for (uint256 i; i < right.length; ++i) {
            reader.read(_list(bytes.concat(right[i], tail)));
        }
        for (uint256 i; i < spoiled.length; ++i) {
            bytes memory header = _list(bytes.concat(spoiled[i], tail));
            vm.expectPartialRevert(RlpHeader.BadItem.selector);
            reader.read(header);
        }
    }

    /// Lengths up to 2^64 - 1, far beyond the input, are refused without arithmetic going wrong.
    function test_read_lengthsBeyondTheInputAreRefused() external {
        bytes memory tail = _emptyFields(13);
        bytes[5] memory spoiled = [
            bytes(hex"bfffffffffffffffff"), hex"ffffffffffffffffff", hex"b7", hex"b8ff", hex"f7"
        ];
        for (uint256 i; i < spoiled.length; ++i) {
            vm.expectPartialRevert(RlpHeader.BadItem.selector);
            reader.read(_list(bytes.concat(spoiled[i], tail)));
            vm.expectPartialRevert(RlpHeader.BadItem.selector);
            reader.read(spoiled[i]);
        }
    }

    /// Any input is either read, with the hash of all of it, or refused with one of the four errors.
    function testFuzz_read_neverPanics(bytes calldata header) external view {
        _readOrRefuse(header);
    }

    /// The same for real headers with one byte changed; the hash then differs from the block's.
    function testFuzz_read_spoiledHeader(uint256 which, uint256 index, bytes1 value) external view {
        Header memory chosen = headers[bound(which, 0, headers.length - 1)];
        index = bound(index, 0, chosen.rlp.length - 1);
        vm.assume(chosen.rlp[index] != value);
        chosen.rlp[index] = value;
        (bool ok, bytes32 hash) = _readOrRefuse(chosen.rlp);
        if (ok) vm.assertNotEq(hash, chosen.hash);
    }

    function test_read_gas() external {
        bytes memory header = headers[0].rlp;
        uint256 before = gasleft();
        reader.read(header);
        uint256 used = before - gasleft();
        vm.assertLe(used, 20_000);
        vm.snapshotValue("RlpHeader", "read", used);
    }

    function _readOrRefuse(bytes memory header) private view returns (bool ok, bytes32 hash) {
        bytes memory answer;
        (ok, answer) = address(reader).staticcall(abi.encodeCall(reader.read, (header)));
        if (ok) {
            (hash,) = abi.decode(answer, (bytes32, bytes32));
            vm.assertEq(hash, keccak256(header));
        } else {
            // forge-lint: disable-next-line(unsafe-typecast) takes the first four bytes
            bytes4 selector = bytes4(answer);
            vm.assertTrue(
                selector == RlpHeader.NotAList.selector || selector == RlpHeader.BadItem.selector
                    || selector == RlpHeader.TooFewFields.selector
                    || selector == RlpHeader.BadMixHash.selector
            );
        }
    }

    /// `count` empty strings.
    function _emptyFields(uint256 count) private pure returns (bytes memory fields) {
        for (uint256 i; i < count; ++i) {
            fields = bytes.concat(fields, hex"80");
        }
    }

    function _list(bytes memory payload) private pure returns (bytes memory) {
        uint256 length = payload.length;
        vm.assertLe(length, type(uint16).max);
        // forge-lint: disable-start(unsafe-typecast) bounded just before
        if (length <= 55) return abi.encodePacked(uint8(0xc0 + length), payload);
        if (length < 256) return abi.encodePacked(hex"f8", uint8(length), payload);
        return abi.encodePacked(hex"f9", uint16(length), payload);
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _prefix(bytes memory data, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[i];
        }
    }
}
