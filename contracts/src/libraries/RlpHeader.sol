// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Reads `mixHash` or `timestamp` out of a block header
/// @notice A reader of the one list that a header is. Strict: canonical lengths only, every bound checked, and
/// the list must fill the input. Fields after the one read are not looked at, so later forks may add some.
library RlpHeader {
    /// @notice The input is not an RLP list that ends where the input ends.
    error NotAList(uint256 length);
    /// @notice A length prefix is not in its shortest form, or reaches beyond the list.
    error BadItem(uint256 offset);
    /// @notice The list ends before the field that is read.
    error TooFewFields(uint256 fields);
    /// @notice `mixHash` is not 32 bytes long.
    error BadMixHash(uint256 length);
    /// @notice `timestamp` is a list, longer than 8 bytes, or begins with a zero.
    error BadTimestamp(uint256 length);

    /// @dev Position of `mixHash` (the RANDAO value since the merge) among a header's fields.
    uint256 internal constant MIX_HASH = 13;

    /// @dev Position of `timestamp`.
    uint256 internal constant TIMESTAMP = 11;

    /// @notice Hash and RANDAO value of a header. Whether it is a block's header, its hash tells.
    /// @param header RLP as the block hash is taken over it.
    /// @return hash keccak256 of all of `header`.
    /// @return mixHash Field 13.
    function read(bytes calldata header) internal pure returns (bytes32 hash, bytes32 mixHash) {
        (bool isList, uint256 offset, uint256 length) = _field(header, MIX_HASH);
        if (isList || length != 32) revert BadMixHash(length);

        mixHash = bytes32(header[offset:offset + 32]);
        hash = keccak256(header);
    }

    /// @notice Hash and time of a header, as `read`.
    /// @return hash keccak256 of all of `header`.
    /// @return time Field 11, Unix time.
    function readTime(bytes calldata header) internal pure returns (bytes32 hash, uint256 time) {
        (bool isList, uint256 offset, uint256 length) = _field(header, TIMESTAMP);
        if (isList || length > 8 || length != 0 && header[offset] == 0) {
            revert BadTimestamp(length);
        }

        if (length != 0) {
            time = uint256(bytes32(header[offset:offset + length])) >> (256 - 8 * length);
        }
        hash = keccak256(header);
    }

    /// @dev Finds a field of the list that fills the input.
    function _field(bytes calldata header, uint256 wanted)
        private
        pure
        returns (bool isList, uint256 offset, uint256 length)
    {
        (isList, offset, length) = _prefix(header, 0);
        if (!isList || offset + length != header.length) revert NotAList(header.length);

        for (uint256 field; field < wanted; ++field) {
            if (offset == header.length) revert TooFewFields(field);
            (, uint256 payload, uint256 size) = _prefix(header, offset);
            offset = payload + size;
        }
        if (offset == header.length) revert TooFewFields(wanted);
        return _prefix(header, offset);
    }

    /// @dev Decodes the prefix of the item at `offset`. Its payload is `length` bytes at `payload` and lies
    /// within the input.
    function _prefix(bytes calldata input, uint256 offset)
        private
        pure
        returns (bool isList, uint256 payload, uint256 length)
    {
        if (offset >= input.length) revert BadItem(offset);
        uint256 first = uint8(input[offset]);
        if (first < 0x80) return (false, offset, 1); // a byte that stands for itself

        isList = first >= 0xc0;
        uint256 short = first - (isList ? 0xc0 : 0x80); // 0 to 63
        payload = offset + 1;
        if (short <= 55) {
            length = short;
            if (length > input.length - payload) revert BadItem(offset);
            // A single byte below 0x80 has no prefix.
            if (!isList && length == 1 && uint8(input[payload]) < 0x80) revert BadItem(offset);
        } else {
            uint256 size = short - 55; // bytes of the length, 1 to 8
            if (size > input.length - payload) revert BadItem(offset);
            length = uint256(bytes32(input[payload:payload + size])) >> (256 - 8 * size);
            // No leading zero, and nothing that the short form can say.
            if (input[payload] == 0 || length <= 55) revert BadItem(offset);
            payload += size;
            if (length > input.length - payload) revert BadItem(offset);
        }
    }
}
