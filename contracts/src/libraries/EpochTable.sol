// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "./BLS.sol";
import { LibBit } from "solady/utils/LibBit.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title The operators of an epoch: addresses, stakes and BLS keys, in contract code
/// @notice The only place that knows how a table is laid out. A table is known by one address, costs one
/// cold account to read, and never changes.
/// @dev Code at the table's address, integers big-endian, `n` rows:
///
/// | bytes        | what                                                                     |
/// |--------------|--------------------------------------------------------------------------|
/// | 1            | 0x00 (STOP), so that the code cannot be called                           |
/// | 4            | n                                                                        |
/// | 16           | total stake                                                              |
/// | 192          | sum of all keys, unpadded                                                |
/// | 16 · (n + 1) | for each row the stakes of the rows before it; at the end the total      |
/// | 40 · n       | operator, claim signer                                                   |
/// | 192 · n      | the keys, unpadded: here when n <= MAX_INLINE_KEYS, otherwise in chunks  |
/// | 20 · chunks  | addresses of code contracts with 0x00 and 127 keys each (the last fewer) |
///
/// A row's stake is the difference of two neighbouring sums, so one read gives both.
/// Work grows with the rows that are asked for, never with the rows of the table.
library EpochTable {
    /// @notice A row to be written.
    /// @param key 192 unpadded bytes, checked when its possession was proved.
    struct Row {
        address operator;
        address signer;
        uint128 stake;
        bytes key;
    }

    error EmptyTable();
    error TooManyRows(uint256 rows, uint256 cap);
    error ZeroStake(uint256 index);
    error RowOutOfRange(uint256 index, uint256 count);
    /// @notice A bitmap has a bit beyond the table.
    error UnknownNonSigner(uint256 position);
    /// @notice A bitmap has one word for each 256 rows, not more and not less.
    error WrongBitmapLength(uint256 words, uint256 expected);

    /// @notice Most rows of a table.
    uint256 internal constant MAX_ROWS = 256;

    /// @notice Most rows whose keys fit into the table's own code of at most 24,576 bytes.
    uint256 internal constant MAX_INLINE_KEYS = 98;

    /// @notice Keys of a full chunk: 1 + 127 · 192 <= 24,576.
    uint256 internal constant KEYS_PER_CHUNK = 127;

    uint256 private constant COUNT_AT = 1;
    uint256 private constant AGGREGATE_AT = 21;
    uint256 private constant SUMS_AT = 213;

    /* WRITING */

    /// @notice Writes a table. Reverts on a row without stake, on a key of the wrong length or off the curve,
    /// and when the total exceeds uint128.
    /// @dev About 56,000 gas a row, nearly all of it for 264 bytes of code: 256 rows come close to the 2^24 gas
    /// that a transaction may use (EIP-7825), so a caller that reads much for each row caps them lower.
    function write(Row[] memory rows) internal returns (address table) {
        if (rows.length == 0) revert EmptyTable();
        if (rows.length > MAX_ROWS) revert TooManyRows(rows.length, MAX_ROWS);

        (uint128 total, BLS.G2Point memory aggregate) = _sum(rows);
        bool inlineKeys = rows.length <= MAX_INLINE_KEYS;
        uint256 chunks = inlineKeys ? 0 : _chunks(rows.length);
        (bytes memory data, uint256 cursor) = _allocate(
            _keysAt(rows.length) - COUNT_AT
                + (inlineKeys ? BLS.G2_UNPADDED * rows.length : 20 * chunks)
        );

        cursor = _put(cursor, rows.length, 4);
        cursor = _put(cursor, total, 16);
        cursor = _putBytes(cursor, BLS.toBytes(aggregate));
        uint256 sum;
        for (uint256 i; i < rows.length; ++i) {
            cursor = _put(cursor, sum, 16);
            sum += rows[i].stake;
        }
        cursor = _put(cursor, sum, 16);
        for (uint256 i; i < rows.length; ++i) {
            cursor = _put(cursor, uint160(rows[i].operator), 20);
            cursor = _put(cursor, uint160(rows[i].signer), 20);
        }
        if (inlineKeys) {
            _putKeys(cursor, rows, 0, rows.length);
        } else {
            for (uint256 i; i < chunks; ++i) {
                cursor = _put(cursor, uint160(_writeKeyChunk(rows, i)), 20);
            }
        }
        table = SSTORE2.write(data);
    }

    /* THE WHOLE TABLE */

    /// @notice Number of rows; 0 for an address without a table.
    function count(address table) internal view returns (uint256) {
        (uint256 rows,) = _head(table);
        return rows;
    }

    /// @notice Sum of all stakes.
    function totalStake(address table) internal view returns (uint128) {
        (, uint128 total) = _head(table);
        return total;
    }

    /// @notice Sum of all keys.
    function aggregateKey(address table) internal view returns (BLS.G2Point memory key) {
        _readKey(table, AGGREGATE_AT, key);
    }

    /// @notice Code contracts with the keys; empty when the table itself holds them.
    function keyChunks(address table) internal view returns (address[] memory chunks) {
        uint256 rows = count(table);
        if (rows <= MAX_INLINE_KEYS) return chunks;
        chunks = new address[](_chunks(rows));
        for (uint256 i; i < chunks.length; ++i) {
            chunks[i] = _keyChunk(table, rows, i);
        }
    }

    /* ROWS */

    /// @notice Operator and claim signer of a row.
    function addressesAt(address table, uint256 index)
        internal
        view
        returns (address operator, address signer)
    {
        uint256 rows = _checkIndex(table, index);
        uint256 offset = _addressesAt(rows) + 40 * index;
        operator = address(uint160(_read(table, offset) >> 96));
        signer = address(uint160(_read(table, offset + 20) >> 96));
    }

    /// @notice Stake of a row, and the sum of the stakes of the rows before it.
    function stakeAt(address table, uint256 index)
        internal
        view
        returns (uint128 stake, uint128 prefix)
    {
        _checkIndex(table, index);
        return _stakeAt(table, index);
    }

    /// @notice Key of a row.
    function keyAt(address table, uint256 index) internal view returns (BLS.G2Point memory key) {
        uint256 rows = _checkIndex(table, index);
        (address code, uint256 offset) = _keyPlace(table, rows, index);
        _readKey(code, offset, key);
    }

    /// @notice The row whose stake covers `random mod totalStake` when stakes are laid end to end.
    function draw(address table, uint256 random) internal view returns (uint256 index) {
        (uint256 high, uint128 total) = _head(table);
        if (high == 0) revert EmptyTable();
        uint256 point = random % total;
        // Greatest index whose sum of stakes before it is at most `point`; that of row 0 is zero.
        unchecked {
            while (high - index > 1) {
                uint256 middle = (index + high) / 2;
                if (_read(table, SUMS_AT + 16 * middle) >> 128 <= point) index = middle;
                else high = middle;
            }
        }
    }

    /* CERTIFICATES */

    /// @notice Stake and key of everybody but the rows whose bit is set.
    /// @dev About 1,400 gas for each of those, 1,200 once when there is any, and 2,600 for each chunk of keys
    /// that is touched. The key is infinity when nobody is left; `BLS.verify` refuses that.
    /// @param nonSigners Position `i` at bit `i % 256` of word `i / 256`.
    function signers(address table, uint256[] memory nonSigners)
        internal
        view
        returns (uint128 stake, uint128 total, BLS.G2Point memory key)
    {
        uint256 rows;
        (rows, total) = _head(table);
        _readKey(table, AGGREGATE_AT, key);
        if (_checkBitmap(nonSigners, rows)) return (total, total, key);
        // key = -(-aggregate + sum of the others): one addition for each non-signer.
        BLS.negate(key);
        stake = total - _accumulate(table, rows, nonSigners, key);
        BLS.negate(key);
    }

    /// @notice Stake and sum of keys of the rows whose bit is set.
    function subset(address table, uint256[] memory bitmap)
        internal
        view
        returns (uint128 stake, BLS.G2Point memory key)
    {
        (uint256 rows,) = _head(table);
        if (!_checkBitmap(bitmap, rows)) stake = _accumulate(table, rows, bitmap, key);
    }

    /// @dev Reverts when the bitmap does not fit a table of so many rows; tells whether no bit is set.
    function _checkBitmap(uint256[] memory bitmap, uint256 rows) private pure returns (bool empty) {
        if (rows == 0) revert EmptyTable();
        unchecked {
            uint256 words = (rows + 255) / 256;
            if (bitmap.length != words) revert WrongBitmapLength(bitmap.length, words);
            uint256 last = bitmap[words - 1];
            uint256 used = rows - 256 * (words - 1); // bits of the last word, 1 to 256
            // A shift by 256 gives zero.
            if (last >> used != 0) revert UnknownNonSigner(rows - used + LibBit.fls(last));
            uint256 union;
            for (uint256 i; i < words; ++i) {
                union |= bitmap[i];
            }
            empty = union == 0;
        }
    }

    /// @dev Adds the keys of the rows whose bit is set to `key` and returns the sum of their stakes. No bit
    /// may lie beyond the table; then offsets stay small and the stakes' sum is at most the total, so
    /// that nothing can overflow.
    function _accumulate(
        address table,
        uint256 rows,
        uint256[] memory bitmap,
        BLS.G2Point memory key
    ) private view returns (uint128 stake) {
        // Padded sum and term, which are the input of G2ADD, and room for 192 bytes of code.
        bytes memory buffer = new bytes(0x2c0);
        /// @solidity memory-safe-assembly
        assembly {
            // sum = key
            mcopy(add(buffer, 0x20), key, 0x100)
        }
        // Keys of rows below `end` lie in `code`, that of row i at `base + 192 * i`.
        address code = table;
        uint256 base = _keysAt(rows);
        uint256 end = rows <= MAX_INLINE_KEYS ? MAX_ROWS : 0;
        bool ok = true;
        unchecked {
            for (uint256 word; word < bitmap.length; ++word) {
                uint256 bits = bitmap[word];
                while (bits != 0) {
                    uint256 index = 256 * word + LibBit.ffs(bits);
                    bits &= bits - 1; // clears the bit just found
                    if (index >= end) {
                        uint256 chunk = index / KEYS_PER_CHUNK;
                        code = _keyChunk(table, rows, chunk);
                        // Wraps below zero; adding the row's share wraps back.
                        base = 1 - BLS.G2_UNPADDED * KEYS_PER_CHUNK * chunk;
                        end = KEYS_PER_CHUNK * (chunk + 1);
                    }
                    /// @solidity memory-safe-assembly
                    assembly {
                        let sum := add(buffer, 0x20)
                        let term := add(sum, 0x100)
                        let raw := add(sum, 0x200)
                        // term = pad(code.code[base + 192 * index:][:192]); its top bytes are zero already.
                        extcodecopy(code, raw, add(base, mul(192, index)), 192)
                        mcopy(add(term, 0x10), raw, 48)
                        mcopy(add(term, 0x50), add(raw, 48), 48)
                        mcopy(add(term, 0x90), add(raw, 96), 48)
                        mcopy(add(term, 0xd0), add(raw, 144), 48)
                        // sum = G2ADD(sum, term)
                        ok := and(ok, staticcall(gas(), 0x0d, sum, 0x200, sum, 0x100))
                        // stake += sums[index + 1] - sums[index]
                        extcodecopy(table, 0x00, add(SUMS_AT, shl(4, index)), 0x20)
                        let pair := mload(0x00)
                        stake := add(stake, sub(shr(128, shl(128, pair)), shr(128, pair)))
                    }
                }
            }
        }
        if (!ok) revert BLS.InvalidPoint();
        /// @solidity memory-safe-assembly
        assembly {
            // key = sum
            mcopy(key, add(buffer, 0x20), 0x100)
        }
    }

    /* LAYOUT: with rows <= MAX_ROWS and index < rows no offset can overflow */

    function _head(address table) private view returns (uint256 rows, uint128 total) {
        uint256 word = _read(table, COUNT_AT);
        rows = word >> 224;
        // forge-lint: disable-next-line(unsafe-typecast) drops n, which lies above
        total = uint128(word >> 96);
    }

    function _checkIndex(address table, uint256 index) private view returns (uint256 rows) {
        rows = count(table);
        if (index >= rows) revert RowOutOfRange(index, rows);
    }

    function _addressesAt(uint256 rows) private pure returns (uint256) {
        unchecked {
            return SUMS_AT + 16 * (rows + 1);
        }
    }

    /// @dev Where the keys begin, or the addresses of their chunks.
    function _keysAt(uint256 rows) private pure returns (uint256) {
        unchecked {
            return SUMS_AT + 16 * (rows + 1) + 40 * rows;
        }
    }

    function _keyChunk(address table, uint256 rows, uint256 chunk) private view returns (address) {
        unchecked {
            return address(uint160(_read(table, _keysAt(rows) + 20 * chunk) >> 96));
        }
    }

    /// @dev Code contract and offset of a row's key.
    function _keyPlace(address table, uint256 rows, uint256 index)
        private
        view
        returns (address code, uint256 offset)
    {
        unchecked {
            if (rows <= MAX_INLINE_KEYS) return (table, _keysAt(rows) + BLS.G2_UNPADDED * index);
            code = _keyChunk(table, rows, index / KEYS_PER_CHUNK);
            offset = 1 + BLS.G2_UNPADDED * (index % KEYS_PER_CHUNK);
        }
    }

    function _stakeAt(address table, uint256 index)
        private
        view
        returns (uint128 stake, uint128 prefix)
    {
        unchecked {
            uint256 pair = _read(table, SUMS_AT + 16 * index);
            // forge-lint: disable-next-line(unsafe-typecast) 128 bits are left
            prefix = uint128(pair >> 128);
            // Sums never decrease.
            // forge-lint: disable-next-line(unsafe-typecast) takes the lower half
            stake = uint128(pair) - prefix;
        }
    }

    /// @dev The 32 bytes of code at an offset; zeros beyond its end.
    function _read(address code, uint256 offset) private view returns (uint256 word) {
        /// @solidity memory-safe-assembly
        assembly {
            // word = uint256(bytes32(code.code[offset:offset + 32]))
            extcodecopy(code, 0x00, offset, 0x20)
            word := mload(0x00)
        }
    }

    /// @dev Pads the 192 bytes of code at an offset into `key`.
    function _readKey(address code, uint256 offset, BLS.G2Point memory key) private view {
        uint256 buffer;
        /// @solidity memory-safe-assembly
        assembly {
            // buffer = code.code[offset:offset + 192], beyond the free pointer
            buffer := mload(0x40)
            extcodecopy(code, buffer, offset, 192)
        }
        BLS.padG2(buffer, key);
    }

    /* BUILDING */

    /// @dev Total stake and sum of the keys.
    function _sum(Row[] memory rows)
        private
        view
        returns (uint128 total, BLS.G2Point memory aggregate)
    {
        for (uint256 i; i < rows.length; ++i) {
            if (rows[i].stake == 0) revert ZeroStake(i);
            total += rows[i].stake;
            BLS.addAssign(aggregate, BLS.g2FromBytes(rows[i].key));
        }
    }

    function _chunks(uint256 rows) private pure returns (uint256) {
        return (rows + KEYS_PER_CHUNK - 1) / KEYS_PER_CHUNK;
    }

    function _writeKeyChunk(Row[] memory rows, uint256 chunk) private returns (address) {
        uint256 from = KEYS_PER_CHUNK * chunk;
        uint256 to = from + KEYS_PER_CHUNK < rows.length ? from + KEYS_PER_CHUNK : rows.length;
        (bytes memory data, uint256 cursor) = _allocate(BLS.G2_UNPADDED * (to - from));
        _putKeys(cursor, rows, from, to);
        return SSTORE2.write(data);
    }

    function _putKeys(uint256 cursor, Row[] memory rows, uint256 from, uint256 to) private pure {
        for (uint256 i = from; i < to; ++i) {
            cursor = _putBytes(cursor, rows[i].key);
        }
    }

    /// @dev Bytes to be filled from `cursor` on, in order. A word more is reserved, because `_put` writes whole words.
    function _allocate(uint256 size) private pure returns (bytes memory data, uint256 cursor) {
        data = new bytes(size + 32);
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
}
