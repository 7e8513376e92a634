// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "./BLS.sol";
import { LibBit } from "solady/utils/LibBit.sol";

/// @title The operators of an epoch: stakes in a table, identities in chunks, all in contract code
/// @notice Reads what EpochWriter writes. A table is known by one address, costs one cold account to read, and
/// never changes; so do the chunks that it names, which tables share as long as no identity in them changes.
/// @dev Code of a table, integers big-endian, `n` rows:
///
/// | bytes        | what                                                                  |
/// |--------------|-----------------------------------------------------------------------|
/// | 1            | 0x00 (STOP), so that the code cannot be called                        |
/// | 4            | n                                                                     |
/// | 16           | total stake                                                           |
/// | 192          | sum of the keys of all rows with stake, unpadded                      |
/// | 16 · (n + 1) | for each row the stakes of the rows before it; at the end the total   |
/// | 20 · chunks  | addresses of the chunks, of which each holds ROWS_PER_CHUNK rows      |
///
/// Code of a chunk: 0x00, then for each row 192 bytes of key, unpadded, 20 of operator, 20 of claim signer. The
/// last chunk may hold fewer rows than it could, and more than the table needs.
///
/// A row's stake is the difference of two neighbouring sums, so one read gives both. A row may have no stake: a
/// place that nobody holds, or an operator that does not count in this epoch. It is never drawn, its key is not
/// in the sum, and a bitmap that names it is refused; what it says of an identity means nothing.
/// Work grows with the rows that are asked for, never with the rows of the table.
library EpochTable {
    error EmptyTable();
    error RowOutOfRange(uint256 index, uint256 count);
    /// @notice A bitmap has a bit beyond the table.
    error UnknownNonSigner(uint256 position);
    /// @notice A bitmap has the bit of a row without stake, whose key is in no sum.
    error NoStakeAt(uint256 position);
    /// @notice A bitmap is one word.
    error WrongBitmapLength(uint256 words, uint256 expected);

    /// @notice Most rows of a table: the bits of one word.
    uint256 internal constant MAX_ROWS = 256;

    /// @notice Rows of a full chunk: 1 + 105 · 232 <= 24,576, the most bytes that code may have.
    uint256 internal constant ROWS_PER_CHUNK = 105;

    /// @notice Bytes of a row in a chunk: key, operator, claim signer.
    uint256 internal constant ROW_SIZE = 232;

    uint256 private constant COUNT_AT = 1;
    uint256 private constant AGGREGATE_AT = 21;
    uint256 private constant SUMS_AT = 213;

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

    /// @notice Sum of the keys of all rows with stake.
    function aggregateKey(address table) internal view returns (BLS.G2Point memory key) {
        _readKey(table, AGGREGATE_AT, key);
    }

    /// @notice Code contracts with the identities.
    function chunks(address table) internal view returns (address[] memory addresses) {
        uint256 rows = count(table);
        addresses = new address[](chunksFor(rows));
        for (uint256 i; i < addresses.length; ++i) {
            addresses[i] = _chunk(table, rows, i);
        }
    }

    /// @notice Chunks that so many rows need.
    function chunksFor(uint256 rows) internal pure returns (uint256) {
        return (rows + ROWS_PER_CHUNK - 1) / ROWS_PER_CHUNK;
    }

    /* ROWS */

    /// @notice Operator and claim signer of a row. Means nothing for a row without stake.
    function addressesAt(address table, uint256 index)
        internal
        view
        returns (address operator, address signer)
    {
        address chunk = _chunk(table, _checkIndex(table, index), index / ROWS_PER_CHUNK);
        return addressesIn(chunk, index % ROWS_PER_CHUNK);
    }

    /// @notice Operator and claim signer of a row of a chunk.
    function addressesIn(address chunk, uint256 row)
        internal
        view
        returns (address operator, address signer)
    {
        /// @solidity memory-safe-assembly
        assembly {
            // (operator, signer) = chunk.code[1 + 232 * row + 192:][:40], in the scratch space
            extcodecopy(chunk, 0x00, add(193, mul(ROW_SIZE, row)), 40)
            operator := shr(96, mload(0x00))
            signer := shr(96, mload(0x14))
        }
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

    /// @notice Whether a row exists and has stake. Never reverts.
    function hasStake(address table, uint256 index) internal view returns (bool) {
        if (index >= count(table)) return false;
        (uint128 stake,) = _stakeAt(table, index);
        return stake != 0;
    }

    /// @notice Key of a row. Means nothing for a row without stake.
    function keyAt(address table, uint256 index) internal view returns (BLS.G2Point memory key) {
        address chunk = _chunk(table, _checkIndex(table, index), index / ROWS_PER_CHUNK);
        readKeyIn(chunk, index % ROWS_PER_CHUNK, key);
    }

    /// @notice Sets `key` to that of a row of a chunk.
    function readKeyIn(address chunk, uint256 row, BLS.G2Point memory key) internal view {
        unchecked {
            _readKey(chunk, 1 + ROW_SIZE * row, key);
        }
    }

    /// @notice The row whose stake covers `random mod totalStake` when stakes are laid end to end.
    function draw(address table, uint256 random) internal view returns (uint256 index) {
        (uint256 high, uint128 total) = _head(table);
        if (high == 0) revert EmptyTable();
        uint256 point = random % total;
        // Greatest index whose sum of stakes before it is at most `point`; that of row 0 is zero. The next sum
        // exceeds `point`, so the row has stake.
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
    /// @dev With no bit set it reads the table alone..
    /// The key is infinity when nobody is left; `BLS.verify` refuses that.
    /// @param nonSigners One word, position `i` at bit `i`.
    function signers(address table, uint256[] memory nonSigners)
        internal
        view
        returns (uint128 stake, uint128 total, BLS.G2Point memory key)
    {
        uint256 rows;
        uint256 from;
        /// @solidity memory-safe-assembly
        assembly {
            // n ‖ total ‖ aggregate key, in one read beyond the free pointer; beyond the end of code lie zeros
            from := mload(0x40)
            extcodecopy(table, from, COUNT_AT, 212)
            rows := shr(224, mload(from))
            total := shr(128, mload(add(from, 4)))
            from := add(from, 20)
        }
        BLS.padG2(from, key);
        uint256 bits = _bits(nonSigners, rows);
        if (bits == 0) return (total, total, key);
        // key = aggregate - sum of the others
        BLS.G2Point memory absent;
        stake = total - _accumulate(table, rows, bits, absent);
        BLS.negate(absent);
        BLS.addAssign(key, absent);
    }

    /// @notice Stake and sum of keys of the rows whose bit is set.
    function subset(address table, uint256[] memory bitmap)
        internal
        view
        returns (uint128 stake, BLS.G2Point memory key)
    {
        uint256 rows = count(table);
        uint256 bits = _bits(bitmap, rows);
        if (bits != 0) stake = _accumulate(table, rows, bits, key);
    }

    /// @dev The bits of a bitmap, none of which lies beyond so many rows.
    function _bits(uint256[] memory bitmap, uint256 rows) private pure returns (uint256 bits) {
        if (rows == 0) revert EmptyTable();
        if (bitmap.length != 1) revert WrongBitmapLength(bitmap.length, 1);
        bits = bitmap[0];
        // A shift by 256 gives zero.
        if (bits >> rows != 0) revert UnknownNonSigner(LibBit.fls(bits));
    }

    /// @dev Sets `key` to the sum of the keys of the rows whose bit is set and returns the sum of their stakes.
    /// Bits are not zero and lie within the table; then offsets stay small and the stakes' sum is at most the
    /// total, so that nothing can overflow. A key alone is taken as it is: registration has checked it.
    function _accumulate(address table, uint256 rows, uint256 bits, BLS.G2Point memory key)
        private
        view
        returns (uint128 stake)
    {
        // Input of G2ADD and room for 192 bytes of code, beyond the free pointer, which nothing here moves.
        uint256 sum;
        /// @solidity memory-safe-assembly
        assembly {
            sum := mload(0x40)
            // The top bytes of the four coordinates of the term stay zero.
            mstore(add(sum, 0x100), 0)
            mstore(add(sum, 0x140), 0)
            mstore(add(sum, 0x180), 0)
            mstore(add(sum, 0x1c0), 0)
        }
        // Rows below `end` lie in `chunk`, row i at `base + 232 * i`.
        address chunk;
        uint256 base;
        uint256 end;
        bool ok = true;
        bool first = true;
        unchecked {
            do {
                uint256 index = LibBit.ffs(bits);
                bits &= bits - 1; // clears the bit just found
                if (index >= end) {
                    uint256 number = index / ROWS_PER_CHUNK;
                    chunk = _chunk(table, rows, number);
                    // Wraps below zero; adding the row's share wraps back.
                    base = 1 - ROW_SIZE * ROWS_PER_CHUNK * number;
                    end = ROWS_PER_CHUNK * (number + 1);
                }
                uint256 part;
                /// @solidity memory-safe-assembly
                assembly {
                    let term := add(sum, 0x100)
                    let raw := add(sum, 0x200)
                    // term = pad(chunk.code[base + 232 * index:][:192])
                    extcodecopy(chunk, raw, add(base, mul(ROW_SIZE, index)), 192)
                    mcopy(add(term, 0x10), raw, 48)
                    mcopy(add(term, 0x50), add(raw, 48), 48)
                    mcopy(add(term, 0x90), add(raw, 96), 48)
                    mcopy(add(term, 0xd0), add(raw, 144), 48)
                    // sum = G2ADD(sum, term), or the term where there is no sum yet
                    switch first
                    case 0 { ok := and(ok, staticcall(gas(), 0x0d, sum, 0x200, sum, 0x100)) }
                    default {
                        mcopy(sum, term, 0x100)
                        first := 0
                    }
                    // part = sums[index + 1] - sums[index]
                    extcodecopy(table, 0x00, add(SUMS_AT, shl(4, index)), 0x20)
                    part := mload(0x00)
                    part := sub(shr(128, shl(128, part)), shr(128, part))
                    stake := add(stake, part)
                }
                if (part == 0) revert NoStakeAt(index);
            } while (bits != 0);
        }
        if (!ok) revert BLS.InvalidPoint();
        /// @solidity memory-safe-assembly
        assembly {
            // key = sum
            mcopy(key, sum, 0x100)
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

    function _chunk(address table, uint256 rows, uint256 number) private view returns (address) {
        unchecked {
            return address(uint160(_read(table, SUMS_AT + 16 * (rows + 1) + 20 * number) >> 96));
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
}
