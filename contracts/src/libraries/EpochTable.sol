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
/// | 16           | total stake, below 2^120                                              |
/// | 32           | one bit for each row with stake, row i at bit i                       |
/// | 60           | addresses of three chunks of ROWS_PER_CHUNK rows each; zeros for none |
/// | 192          | sum of the keys of all rows with stake, unpadded                      |
/// | 16 · (n + 1) | for each row the stakes of the rows before it; at the end the total   |
///
/// Code of a chunk: 0x00, then for each row 192 bytes of the key's negative, unpadded, 20 of operator, 20 of claim
/// signer. Certificates take keys out of the sum, so what they add are negatives. A chunk may hold more rows than
/// a table needs.
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
    uint256 private constant VOTERS_AT = 21;
    uint256 private constant CHUNKS_AT = 53;
    uint256 private constant AGGREGATE_AT = 113;
    uint256 private constant SUMS_AT = 305;

    /* Tables of the search for the lowest bit that is set, from solady's LibBit */
    uint256 private constant FFS_MULTIPLIER =
        0xb6db6db6ddddddddd34d34d349249249210842108c6318c639ce739cffffffff;
    uint256 private constant FFS_UPPER =
        0x8040405543005266443200005020610674053026020000107506200176117077;
    uint256 private constant FFS_LOWER =
        0x001f0d1e100c1d070f090b19131c1706010e11080a1a141802121b1503160405;

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
        addresses = new address[](chunksFor(count(table)));
        for (uint256 i; i < addresses.length; ++i) {
            addresses[i] = address(uint160(_read(table, CHUNKS_AT + 20 * i) >> 96));
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
        address chunk = _chunkOf(table, index);
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
        address chunk = _chunkOf(table, index);
        readNegativeIn(chunk, index % ROWS_PER_CHUNK, key);
        BLS.negate(key);
    }

    /// @notice Sets `key` to the negative of that of a row of a chunk.
    function readNegativeIn(address chunk, uint256 row, BLS.G2Point memory key) internal view {
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
        uint256 head = _readHead(table, key);
        BLS.padG2(head + AGGREGATE_AT - COUNT_AT, key);
        uint256 bits = _bits(nonSigners, head);
        /// @solidity memory-safe-assembly
        assembly {
            total := shr(128, mload(add(head, 4)))
        }
        if (bits == 0) return (total, total, key);
        unchecked {
            stake = total - _accumulate(table, head, bits, key);
        }
    }

    /// @notice Stake and sum of keys of the rows whose bit is set.
    function subset(address table, uint256[] memory bitmap)
        internal
        view
        returns (uint128 stake, BLS.G2Point memory key)
    {
        uint256 head = _readHead(table, key);
        uint256 bits = _bits(bitmap, head);
        if (bits == 0) return (0, key);
        stake = _accumulate(table, head, bits, key);
        BLS.negate(key);
    }

    /// @dev Copies a table up to its sums, without the STOP, beyond the free pointer, and returns where it lies.
    /// Between it and `key` lies room for `_accumulate`. Beyond the end of code lie zeros.
    /// @param key A point that was allocated last.
    function _readHead(address table, BLS.G2Point memory key) private view returns (uint256 head) {
        /// @solidity memory-safe-assembly
        assembly {
            // Whatever lies behind the point would be overwritten.
            if iszero(eq(mload(0x40), add(key, 0x100))) { invalid() }
            head := add(key, 0x2c0)
            extcodecopy(table, head, COUNT_AT, sub(SUMS_AT, COUNT_AT))
        }
    }

    /// @dev The bits of a bitmap, all of which are rows with stake.
    function _bits(uint256[] memory bitmap, uint256 head) private pure returns (uint256 bits) {
        uint256 rows;
        uint256 refused;
        /// @solidity memory-safe-assembly
        assembly {
            rows := shr(224, mload(head))
            bits := mload(add(bitmap, 0x20))
            // bits & ~voters
            refused := and(bits, not(mload(add(head, sub(VOTERS_AT, COUNT_AT)))))
        }
        if (rows == 0) revert EmptyTable();
        if (bitmap.length != 1) revert WrongBitmapLength(bitmap.length, 1);
        if (refused != 0) {
            // A shift by 256 gives zero.
            if (refused >> rows != 0) revert UnknownNonSigner(LibBit.fls(refused));
            revert NoStakeAt(LibBit.ffs(refused));
        }
    }

    /// @dev Adds the negatives of the keys of the rows whose bit is set to `key` and returns the sum of their stakes.
    /// Bits are not zero and lie within the table; then offsets stay small, the stakes' sum is at most the total,
    /// and sums of up to 256 prefix sums stay below 2^128.
    /// @param head Of `_readHead`, with `key`: memory is
    /// `key (0x100) ‖ next term (0x100) ‖ 192 bytes of code ‖ head`, of which the first two are G2ADD's input.
    function _accumulate(address table, uint256 head, uint256 bits, BLS.G2Point memory key)
        private
        view
        returns (uint128 stake)
    {
        bool ok = true;
        /// @solidity memory-safe-assembly
        assembly {
            let term := add(key, 0x100)
            // Its top bytes stay zero.
            calldatacopy(term, calldatasize(), 0x100)
            // Rows below `end` lie in `chunk`, row i at `base + 232 * i`.
            let chunk := shr(96, mload(add(head, sub(CHUNKS_AT, COUNT_AT))))
            let base := 1
            let end := ROWS_PER_CHUNK
            // Sums before the rows in the upper half, with the rows in the lower.
            let sums := 0
            for { } 1 { } {
                // index = ffs(bits), as in solady's LibBit; bits &= bits - 1
                let index
                {
                    let low := and(bits, sub(0, bits))
                    bits := xor(bits, low)
                    index := shr(250, mul(low, FFS_MULTIPLIER))
                    index := shl(5, shr(252, shl(shl(2, index), FFS_UPPER)))
                    low := and(div(0xd76453e0, shr(index, low)), 0x1f)
                    index := or(index, byte(low, FFS_LOWER))
                }
                if iszero(lt(index, end)) {
                    end := div(index, ROWS_PER_CHUNK)
                    chunk := shr(96, mload(add(add(head, sub(CHUNKS_AT, COUNT_AT)), mul(20, end))))
                    end := mul(ROWS_PER_CHUNK, end)
                    // Wraps below zero; adding the row's share wraps back.
                    base := sub(1, mul(ROW_SIZE, end))
                    end := add(end, ROWS_PER_CHUNK)
                }
                // term = pad(chunk.code[base + 232 * index:][:192])
                {
                    let raw := add(term, 0x100)
                    extcodecopy(chunk, raw, add(base, mul(ROW_SIZE, index)), 192)
                    mcopy(add(term, 0x10), raw, 48)
                    mcopy(add(term, 0x50), add(raw, 48), 48)
                    mcopy(add(term, 0x90), add(raw, 96), 48)
                    mcopy(add(term, 0xd0), add(raw, 144), 48)
                }
                // key = G2ADD(key, term)
                ok := and(ok, staticcall(gas(), 0x0d, key, 0x200, key, 0x100))
                extcodecopy(table, 0x00, add(SUMS_AT, shl(4, index)), 0x20)
                sums := add(sums, mload(0x00))
                if iszero(bits) { break }
            }
            stake := sub(shr(128, shl(128, sums)), shr(128, sums))
        }
        if (!ok) revert BLS.InvalidPoint();
    }

    /* LAYOUT: with rows <= MAX_ROWS and index < rows no offset can overflow */

    function _head(address table) private view returns (uint256 rows, uint128 total) {
        uint256 word = _read(table, COUNT_AT);
        rows = word >> 224;
        // forge-lint: disable-next-line(unsafe-typecast) drops n, which lies above
        total = uint128(word >> 96);
    }

    function _checkIndex(address table, uint256 index) private view {
        uint256 rows = count(table);
        if (index >= rows) revert RowOutOfRange(index, rows);
    }

    /// @dev The chunk of a row.
    function _chunkOf(address table, uint256 index) private view returns (address) {
        _checkIndex(table, index);
        unchecked {
            return address(uint160(_read(table, CHUNKS_AT + 20 * (index / ROWS_PER_CHUNK)) >> 96));
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
