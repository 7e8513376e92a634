// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "./BLS.sol";
import { EpochTable } from "./EpochTable.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title Writes the tables and chunks that EpochTable reads
/// @dev A byte of code costs 200 gas, so a table of `n` rows costs about 80,000 + 3,200·n and a chunk about
/// 32,000 + 46,400 for each of its rows. A full chunk, 4.9 million, is the most that is written at once.
library EpochWriter {
    error TooManyRows(uint256 rows, uint256 cap);
    error EmptyTable();
    error TooMuchStake(uint256 total, uint256 cap);

    /// @notice Greatest sum of stakes, so that 256 sums of stakes add up to less than 2^128.
    uint256 internal constant MAX_TOTAL = type(uint120).max;

    /* CHUNKS */

    /// @notice Rows of a chunk; 0 for an address without one.
    function rowsOf(address chunk) internal view returns (uint256) {
        return chunk.code.length / EpochTable.ROW_SIZE;
    }

    /// @notice The bytes of a chunk for `rows` rows, of which the first are those of the chunk before it.
    function openChunk(address previous, uint256 rows) internal view returns (bytes memory data) {
        uint256 known = EpochTable.ROW_SIZE * rowsOf(previous);
        uint256 size = EpochTable.ROW_SIZE * rows;
        data = new bytes(size < known ? known : size);
        /// @solidity memory-safe-assembly
        assembly {
            // data[:known] = previous.code[1:]
            extcodecopy(previous, add(data, 0x20), 1, known)
        }
    }

    /// @notice Fills a row of a chunk.
    /// @param key 192 unpadded bytes, checked when its possession was proved.
    function setRow(
        bytes memory data,
        uint256 row,
        address operator,
        address signer,
        bytes memory key
    ) internal pure {
        BLS.G2Point memory point = BLS.g2FromBytes(key);
        BLS.negate(point);
        uint256 cursor;
        /// @solidity memory-safe-assembly
        assembly {
            cursor := add(data, 0x20)
        }
        cursor = _putBytes(cursor + EpochTable.ROW_SIZE * row, BLS.toBytes(point));
        /// @solidity memory-safe-assembly
        assembly {
            // data[cursor:][:40] = operator ‖ signer, by way of the scratch space: the next row may be there
            mstore(0x00, shl(96, operator))
            mstore(0x14, shl(96, signer))
            mcopy(cursor, 0x00, 40)
        }
    }

    /* PAGES: stakes that were read before the table can be written */

    /// @notice Stores `stakes[from..]`, after those of the page before.
    function writePage(address previous, uint128[] memory stakes, uint256 from)
        internal
        returns (address)
    {
        uint256 size = 20 + 16 * (stakes.length - from);
        bytes memory data = new bytes(size + 32);
        uint256 cursor = _start(data, size);
        cursor = _put(cursor, uint160(previous), 20);
        for (uint256 i = from; i < stakes.length; ++i) {
            cursor = _put(cursor, stakes[i], 16);
        }
        return SSTORE2.write(data);
    }

    /// @notice Copies the stakes of a page, and of all before it, into `stakes[..end]`.
    function readPages(address page, uint128[] memory stakes, uint256 end) internal view {
        while (page != address(0)) {
            bytes memory data = SSTORE2.read(page);
            uint256 rows = (data.length - 20) / 16;
            end -= rows;
            for (uint256 i; i < rows; ++i) {
                stakes[end + i] = uint128(_get(data, 20 + 16 * i) >> 128);
            }
            page = address(uint160(_get(data, 0) >> 96));
        }
    }

    /* TABLES */

    /// @notice Writes a table of `rows` rows. At least one has stake; the chunks hold all of them.
    function writeTable(uint128[] memory stakes, uint256 rows, address[] memory chunks)
        internal
        returns (address table)
    {
        if (rows == 0) revert EmptyTable();
        if (rows > EpochTable.MAX_ROWS) revert TooManyRows(rows, EpochTable.MAX_ROWS);
        (uint128 total, uint256 voters, BLS.G2Point memory aggregate) = _sum(stakes, rows, chunks);
        if (total > MAX_TOTAL) revert TooMuchStake(total, MAX_TOTAL);
        uint256 size = 4 + 16 + 32 + 60 + BLS.G2_UNPADDED + 16 * (rows + 1);
        bytes memory data = new bytes(size + 32);
        uint256 cursor = _start(data, size);
        cursor = _put(cursor, rows, 4);
        cursor = _put(cursor, total, 16);
        cursor = _put(cursor, voters, 32);
        for (uint256 i; i < 3; ++i) {
            cursor = _put(cursor, i < chunks.length ? uint160(chunks[i]) : 0, 20);
        }
        cursor = _putBytes(cursor, BLS.toBytes(aggregate));
        uint256 sum;
        for (uint256 i; i < rows; ++i) {
            cursor = _put(cursor, sum, 16);
            sum += stakes[i];
        }
        cursor = _put(cursor, sum, 16);
        table = SSTORE2.write(data);
    }

    /// @dev Total stake, the rows that have some, and the sum of their keys.
    function _sum(uint128[] memory stakes, uint256 rows, address[] memory chunks)
        private
        view
        returns (uint128 total, uint256 voters, BLS.G2Point memory aggregate)
    {
        BLS.G2Point memory key;
        for (uint256 i; i < rows; ++i) {
            if (stakes[i] == 0) continue;
            total += stakes[i];
            voters |= uint256(1) << i;
            address chunk = chunks[i / EpochTable.ROWS_PER_CHUNK];
            EpochTable.readNegativeIn(chunk, i % EpochTable.ROWS_PER_CHUNK, key);
            BLS.addAssign(aggregate, key);
        }
        BLS.negate(aggregate);
    }

    /* BYTES */

    /// @dev Cuts `data` to `size` and returns where its bytes begin. It was made a word longer, because `_put`
    /// writes whole words.
    function _start(bytes memory data, uint256 size) private pure returns (uint256 cursor) {
        /// @solidity memory-safe-assembly
        assembly {
            // data = data[:size]
            mstore(data, size)
            cursor := add(data, 0x20)
        }
    }

    /// @dev Writes `value` as `size` bytes (1 to 32) at `cursor`, and returns where they end.
    function _put(uint256 cursor, uint256 value, uint256 size) private pure returns (uint256) {
        /// @solidity memory-safe-assembly
        assembly {
            // The bytes after `size` become zero; they are written later.
            mstore(cursor, shl(sub(256, mul(8, size)), value))
        }
        return cursor + size;
    }

    function _putBytes(uint256 cursor, bytes memory value) private pure returns (uint256) {
        /// @solidity memory-safe-assembly
        assembly {
            mcopy(cursor, add(value, 0x20), mload(value))
        }
        return cursor + value.length;
    }

    /// @dev The word at an offset; what lies beyond the end is undefined.
    function _get(bytes memory data, uint256 offset) private pure returns (uint256 word) {
        /// @solidity memory-safe-assembly
        assembly {
            word := mload(add(add(data, 0x20), offset))
        }
    }
}
