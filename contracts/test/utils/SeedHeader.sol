// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Block headers with a given time, for tests of seed sources
library SeedHeader {
    /// @notice RLP of a header with 16 fields of the usual sizes, all zero but the time.
    function encode(uint256 time) internal pure returns (bytes memory) {
        bytes memory word = abi.encodePacked(hex"a0", bytes32(0));
        bytes memory payload = bytes.concat(
            bytes.concat(word, word, hex"94", bytes20(0), word, word, word),
            bytes.concat(hex"b90100", new bytes(256), hex"80", hex"80", hex"80", hex"80"),
            bytes.concat(_integer(time), hex"80", word, hex"88", bytes8(0), hex"80")
        );
        return bytes.concat(abi.encodePacked(hex"f9", uint16(payload.length)), payload);
    }

    /// @dev Without leading zeros.
    function _integer(uint256 value) private pure returns (bytes memory) {
        if (value == 0) return hex"80";
        // forge-lint: disable-next-line(unsafe-typecast) below 128
        if (value < 128) return abi.encodePacked(uint8(value));
        uint256 size;
        for (uint256 rest = value; rest != 0; rest >>= 8) {
            ++size;
        }
        bytes memory digits = new bytes(size);
        for (uint256 i; i < size; ++i) {
            // forge-lint: disable-next-line(unsafe-typecast) takes one byte
            digits[size - 1 - i] = bytes1(uint8(value >> 8 * i));
        }
        // forge-lint: disable-next-line(unsafe-typecast) at most 32
        return bytes.concat(abi.encodePacked(uint8(0x80 + size)), digits);
    }
}
