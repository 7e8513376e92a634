// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "../../src/libraries/BLS.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { EpochWriter } from "../../src/libraries/EpochWriter.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { Test } from "../utils/Test.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @dev A row as a test wants it.
struct Row {
    address operator;
    address signer;
    uint128 stake;
    bytes key;
}

/// @dev Puts the library behind external calls.
contract EpochTableHarness {
    /// @notice Writes chunks for all rows, and a table over them.
    function write(Row[] memory rows) external returns (address) {
        return writeTable(rows, writeChunks(rows));
    }

    function writeChunks(Row[] memory rows) public returns (address[] memory chunks) {
        uint256 full = EpochTable.ROWS_PER_CHUNK;
        chunks = new address[](EpochTable.chunksFor(rows.length));
        for (uint256 i; i < chunks.length; ++i) {
            uint256 first = full * i;
            uint256 size = rows.length - first < full ? rows.length - first : full;
            bytes memory data = EpochWriter.openChunk(address(0), size);
            for (uint256 j; j < size; ++j) {
                Row memory row = rows[first + j];
                EpochWriter.setRow(data, j, row.operator, row.signer, row.key);
            }
            chunks[i] = SSTORE2.write(data);
        }
    }

    function writeTable(Row[] memory rows, address[] memory chunks) public returns (address) {
        uint128[] memory stakes = new uint128[](rows.length);
        for (uint256 i; i < rows.length; ++i) {
            stakes[i] = rows[i].stake;
        }
        return EpochWriter.writeTable(stakes, rows.length, chunks);
    }

    function openChunk(address previous, uint256 rows) external view returns (bytes memory) {
        return EpochWriter.openChunk(previous, rows);
    }

    function subset(address table, uint256[] memory bitmap)
        external
        view
        returns (uint128, BLS.G2Point memory)
    {
        return EpochTable.subset(table, bitmap);
    }

    function count(address table) external view returns (uint256) {
        return EpochTable.count(table);
    }

    function addressesAt(address table, uint256 index) external view returns (address, address) {
        return EpochTable.addressesAt(table, index);
    }

    function stakeAt(address table, uint256 index) external view returns (uint128, uint128) {
        return EpochTable.stakeAt(table, index);
    }

    function keyAt(address table, uint256 index) external view returns (BLS.G2Point memory) {
        return EpochTable.keyAt(table, index);
    }

    function draw(address table, uint256 random) external view returns (uint256) {
        return EpochTable.draw(table, random);
    }

    function signers(address table, uint256[] memory nonSigners)
        external
        view
        returns (uint128, uint128, BLS.G2Point memory)
    {
        return EpochTable.signers(table, nonSigners);
    }

    /// @notice The check of a certificate, as AttestationCenter makes it.
    function check(
        address table,
        uint256[] memory nonSigners,
        bytes32[4] memory signature,
        bytes32 digest
    ) external view returns (uint128 signed, uint128 total, bool valid) {
        BLS.G2Point memory key;
        (signed, total, key) = EpochTable.signers(table, nonSigners);
        valid = BLS.verify(BLS.g1FromWords(signature), key, abi.encodePacked(digest), BLS.VOTE_TAG);
    }
}

/// @dev Rows and certificates that differ in everything; row `i` has the secret key `i + 1`.
abstract contract EpochTableBase is Test {
    EpochTableHarness internal tables;

    function setUp() public virtual {
        tables = new EpochTableHarness();
    }

    function _rows(uint256 size) internal view returns (Row[] memory rows) {
        rows = new Row[](size);
        for (uint256 i; i < size; ++i) {
            rows[i] = Row({
                operator: address(uint160(uint256(keccak256(abi.encode("operator", i))))),
                signer: address(uint160(uint256(keccak256(abi.encode("signer", i))))),
                stake: uint128(1 + uint256(keccak256(abi.encode("stake", i))) % 1e24),
                key: BlsSigner.publicKeyBytes(i + 1)
            });
        }
    }

    function _bitmap(uint256 size, uint256 word) internal pure returns (uint256[] memory bitmap) {
        assert(size <= 256);
        bitmap = new uint256[](1);
        bitmap[0] = word;
    }

    /// The aggregate of all votes but those of `absent`.
    function _certificate(uint256 size, uint256 absent, bytes32 digest)
        internal
        view
        returns (bytes32[4] memory)
    {
        uint256 secret; // of the sum of keys
        for (uint256 i; i < size; ++i) {
            if (absent >> i & 1 == 0) secret += i + 1;
        }
        return BlsSigner.toWords(BlsSigner.vote(secret, digest));
    }
}

/// @dev Every function against plain sums over the rows that were written.
contract EpochTableTest is EpochTableBase {
    /* READING BACK */

    /// Sizes on both sides of each edge of the layout.
    function test_write_isReadBack() external {
        uint16[7] memory sizes = [1, 2, 7, 105, 106, 210, 256];
        for (uint256 i; i < sizes.length; ++i) {
            Row[] memory rows = _rows(sizes[i]);
            address table = tables.write(rows);
            _checkRows(table, rows);
        }
    }

    function _checkRows(address table, Row[] memory rows) private view {
        vm.assertEq(EpochTable.count(table), rows.length);
        uint128 sum;
        BLS.G2Point memory keys;
        for (uint256 i; i < rows.length; ++i) {
            (address operator, address signer) = EpochTable.addressesAt(table, i);
            (uint128 stake, uint128 prefix) = EpochTable.stakeAt(table, i);
            vm.assertEq(operator, rows[i].operator);
            vm.assertEq(signer, rows[i].signer);
            vm.assertEq(stake, rows[i].stake);
            vm.assertEq(prefix, sum);
            vm.assertEq(BLS.toBytes(EpochTable.keyAt(table, i)), rows[i].key);
            sum += rows[i].stake;
            if (stake == 0) continue;
            BLS.addAssign(keys, BLS.g2FromBytes(rows[i].key));
        }
        vm.assertEq(EpochTable.totalStake(table), sum);
        vm.assertEq(BLS.toBytes(EpochTable.aggregateKey(table)), BLS.toBytes(keys));
        vm.assertEq(uint8(table.code[0]), 0);
        address[] memory chunks = EpochTable.chunks(table);
        vm.assertEq(chunks.length, (rows.length + 104) / 105);
        for (uint256 i; i < chunks.length; ++i) {
            uint256 rowsHere = i + 1 < chunks.length ? 105 : rows.length - 105 * i;
            vm.assertEq(chunks[i].code.length, 1 + 232 * rowsHere);
            vm.assertEq(uint8(chunks[i].code[0]), 0);
        }
    }

    /// The bytes as the library describes them, made here from the description.
    function test_write_bytesAreThoseOfTheLayout() external {
        Row[] memory rows = _rows(3);
        rows[1].stake = 0;
        address table = tables.write(rows);
        address chunk = EpochTable.chunks(table)[0];
        BLS.G2Point memory sum = BlsSigner.publicKey(1 + 3);
        uint128 first = rows[0].stake;
        uint128 total = first + rows[2].stake;
        bytes memory head = abi.encodePacked(
            hex"00", uint32(3), total, uint256(5), chunk, new bytes(40), BLS.toBytes(sum)
        );
        vm.assertEq(table.code, abi.encodePacked(head, uint128(0), first, first, total));
        bytes memory expected = hex"00";
        for (uint256 i; i < 3; ++i) {
            BLS.G2Point memory negative = BLS.g2FromBytes(rows[i].key);
            BLS.negate(negative);
            expected = abi.encodePacked(
                expected, BLS.toBytes(negative), rows[i].operator, rows[i].signer
            );
        }
        vm.assertEq(chunk.code, expected);
    }

    /// A chunk that is opened again keeps its rows, never loses any, and has room for more.
    function test_chunk_isOpenedAgain() external {
        address chunk = tables.writeChunks(_rows(3))[0];
        bytes memory rows = tables.openChunk(chunk, 2);
        vm.assertEq(abi.encodePacked(hex"00", rows), chunk.code);
        rows = tables.openChunk(chunk, 5);
        vm.assertEq(abi.encodePacked(hex"00", rows), abi.encodePacked(chunk.code, new bytes(464)));
    }

    function test_write_extremesOfStake() external {
        Row[] memory rows = _rows(2);
        uint256 most = type(uint120).max;
        rows[0].stake = type(uint120).max - 1;
        rows[1].stake = 1;
        _checkRows(tables.write(rows), rows);
        rows[1].stake = 2;
        vm.expectRevert(abi.encodeWithSelector(EpochWriter.TooMuchStake.selector, most + 1, most));
        tables.write(rows);
        rows[1].stake = type(uint128).max;
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        tables.write(rows);
    }

    /// The sum of keys may be infinity, when operators conspire; writing must not fail for it.
    function test_write_keysThatCancelOut() external {
        Row[] memory rows = _rows(2);
        BLS.G2Point memory inverse = BLS.g2FromBytes(rows[0].key);
        BLS.negate(inverse);
        rows[1].key = BLS.toBytes(inverse);
        address table = tables.write(rows);
        vm.assertTrue(BLS.isInfinity(EpochTable.aggregateKey(table)));
        // Each alone is as good as ever.
        (,, BLS.G2Point memory key) = EpochTable.signers(table, _bitmap(2, 1 << 1));
        vm.assertEq(BLS.toBytes(key), rows[0].key);
    }

    function test_write_refuses() external {
        vm.expectRevert(EpochWriter.EmptyTable.selector);
        tables.write(new Row[](0));

        vm.expectRevert(abi.encodeWithSelector(EpochWriter.TooManyRows.selector, 257, 256));
        tables.writeTable(new Row[](257), new address[](3));

        // A chunk holds checked keys; were one not, no table would be made of it.
        Row[] memory rows = _rows(3);
        rows[2].key[191] ^= 0x01;
        vm.expectRevert(BLS.InvalidPoint.selector);
        tables.write{ gas: 2_000_000 }(rows);
    }

    function test_rows_outOfRangeAreRefused() external {
        address table = tables.write(_rows(3));
        bytes memory refusal = abi.encodeWithSelector(EpochTable.RowOutOfRange.selector, 3, 3);
        vm.expectRevert(refusal);
        tables.addressesAt(table, 3);
        vm.expectRevert(refusal);
        tables.stakeAt(table, 3);
        vm.expectRevert(refusal);
        tables.keyAt(table, 3);
    }

    function test_noTable_isRefused() external {
        address nothing = makeAddr("nothing");
        vm.assertEq(tables.count(nothing), 0);
        vm.expectRevert(EpochTable.EmptyTable.selector);
        tables.draw(nothing, 1);
        vm.expectRevert(EpochTable.EmptyTable.selector);
        tables.signers(nothing, new uint256[](0));
        vm.expectRevert(abi.encodeWithSelector(EpochTable.RowOutOfRange.selector, 0, 0));
        tables.stakeAt(nothing, 0);
    }

    /* DRAWING */

    /// Every unit of stake belongs to exactly its row.
    function test_draw_exhaustively() external {
        for (uint256 size = 1; size <= 9; ++size) {
            Row[] memory rows = _rows(size);
            for (uint256 i; i < size; ++i) {
                // forge-lint: disable-next-line(unsafe-typecast) 1 to 5
                rows[i].stake = uint128(1 + i * 3 % 5);
            }
            address table = tables.write(rows);
            uint256 point;
            for (uint256 i; i < size; ++i) {
                for (uint256 unit; unit < rows[i].stake; ++unit) {
                    vm.assertEq(EpochTable.draw(table, point), i);
                    ++point;
                }
            }
            // The random number is taken modulo the total.
            vm.assertEq(EpochTable.draw(table, point), 0);
            vm.assertEq(EpochTable.draw(table, 2 * point - 1), size - 1);
        }
    }

    function testFuzz_draw_fallsIntoItsRow(uint128[8] memory stakes, uint256 random) external {
        Row[] memory rows = _rows(8);
        for (uint256 i; i < 8; ++i) {
            rows[i].stake = uint128(bound(stakes[i], 1, type(uint120).max / 8));
        }
        address table = tables.write(rows);
        (uint128 stake, uint128 prefix) = EpochTable.stakeAt(table, EpochTable.draw(table, random));
        uint256 point = random % EpochTable.totalStake(table);
        vm.assertLe(prefix, point);
        vm.assertLt(point, uint256(prefix) + stake);
    }

    /// Rows without stake, in runs at the beginning, in the middle and at the end, are never drawn.
    function test_draw_neverARowWithoutStake() external {
        for (uint256 mask = 1; mask < 64; ++mask) {
            Row[] memory rows = _rows(6);
            uint256 total;
            for (uint256 i; i < 6; ++i) {
                rows[i].stake = mask >> i & 1 == 0 ? 0 : i % 2 == 0 ? 1 : 2;
                total += rows[i].stake;
            }
            address table = tables.write(rows);
            uint256 point;
            for (uint256 i; i < 6; ++i) {
                for (uint256 unit; unit < rows[i].stake; ++unit) {
                    vm.assertEq(EpochTable.draw(table, point), i);
                    ++point;
                }
            }
            vm.assertEq(EpochTable.draw(table, total), EpochTable.draw(table, 0));
        }
    }

    /* CERTIFICATES */

    function test_signers_everySubsetOfFive() external {
        Row[] memory rows = _rows(5);
        address table = tables.write(rows);
        for (uint256 bits; bits < 32; ++bits) {
            _checkSets(table, rows, _bitmap(5, bits));
        }
    }

    function testFuzz_signers_isTheSumOfTheOthers(uint256 bits, uint256 size) external {
        size = bound(size, 1, 24);
        Row[] memory rows = _rows(size);
        _checkSets(tables.write(rows), rows, _bitmap(size, bits % 2 ** size));
    }

    /// Keys in chunks: the last of one, the first of the next, the last of all.
    function test_signers_acrossChunks() external {
        Row[] memory rows = _rows(256);
        _checkSets(
            tables.write(rows),
            rows,
            _bitmap(256, (1 << 0) | (1 << 104) | (1 << 105) | (1 << 209) | (1 << 210) | (1 << 255))
        );
    }

    function _checkSets(address table, Row[] memory rows, uint256[] memory bitmap) private view {
        uint128[2] memory stakes;
        BLS.G2Point[2] memory keys;
        for (uint256 i; i < rows.length; ++i) {
            if (rows[i].stake == 0) continue;
            uint256 side = bitmap[0] >> i & 1;
            stakes[side] += rows[i].stake;
            BLS.addAssign(keys[side], BLS.g2FromBytes(rows[i].key));
        }
        (uint128 signed, uint128 total, BLS.G2Point memory key) = EpochTable.signers(table, bitmap);
        vm.assertEq(signed, stakes[0]);
        vm.assertEq(total, stakes[0] + stakes[1]);
        vm.assertEq(abi.encode(key), abi.encode(keys[0]));
        (signed, key) = EpochTable.subset(table, bitmap);
        vm.assertEq(signed, stakes[1]);
        vm.assertEq(abi.encode(key), abi.encode(keys[1]));
    }

    /// The key of a row without stake is not in the sum, so that taking it out would leave another key.
    function test_signers_rowsWithoutStakeAreRefused() external {
        Row[] memory rows = _rows(5);
        (rows[0].stake, rows[2].stake) = (0, 0);
        address table = tables.write(rows);
        for (uint256 bits; bits < 32; ++bits) {
            if (bits & 5 == 0) {
                _checkSets(table, rows, _bitmap(5, bits));
                continue;
            }
            uint256 position = bits & 1 != 0 ? 0 : 2;
            bytes memory refusal = abi.encodeWithSelector(EpochTable.NoStakeAt.selector, position);
            vm.expectRevert(refusal);
            tables.signers(table, _bitmap(5, bits));
            vm.expectRevert(refusal);
            tables.subset(table, _bitmap(5, bits));
        }
    }

    /// Non-signers whose keys cancel out.
    function test_signers_absentKeysThatCancelOut() external {
        Row[] memory rows = _rows(3);
        BLS.G2Point memory inverse = BLS.g2FromBytes(rows[0].key);
        BLS.negate(inverse);
        rows[1].key = BLS.toBytes(inverse);
        _checkSets(tables.write(rows), rows, _bitmap(3, 3));
    }

    /// Sums of stakes, added up over all rows, stay within their half of a word.
    function test_signers_mostStakeOfMostRows() external {
        Row[] memory rows = _rows(256);
        for (uint256 i; i < 256; ++i) {
            rows[i].stake = i == 0 ? type(uint120).max - 255 : 1;
        }
        _checkSets(tables.write(rows), rows, _bitmap(256, type(uint256).max - 1));
    }

    function test_signers_nobodyLeft() external {
        address table = tables.write(_rows(3));
        (uint128 signed,, BLS.G2Point memory key) = EpochTable.signers(table, _bitmap(3, 7));
        vm.assertEq(signed, 0);
        vm.assertTrue(BLS.isInfinity(key));
    }

    function test_signers_bitsBeyondTheTableAreRefused() external {
        address table = tables.write(_rows(7));
        for (uint256 position = 7; position < 256; ++position) {
            vm.expectRevert(abi.encodeWithSelector(EpochTable.UnknownNonSigner.selector, position));
            tables.signers(table, _bitmap(7, 2 ** position + 1));
        }
    }

    function test_signers_wrongBitmapLengthIsRefused() external {
        address table = tables.write(_rows(7));
        for (uint256 words; words < 4; ++words) {
            if (words == 1) continue;
            vm.expectRevert(abi.encodeWithSelector(EpochTable.WrongBitmapLength.selector, words, 1));
            tables.signers(table, new uint256[](words));
        }
    }

    /// A certificate of those who signed verifies, and of nobody else.
    function test_check_certificateWithNonSigners() external {
        Row[] memory rows = _rows(7);
        address table = tables.write(rows);
        bytes32 digest = keccak256("vote digest");
        bytes32[4] memory signature = _certificate(7, 1 << 2 | 1 << 5, digest);
        (uint128 signed, uint128 total, bool valid) =
            tables.check(table, _bitmap(7, 1 << 2 | 1 << 5), signature, digest);
        vm.assertTrue(valid);
        vm.assertEq(signed, total - rows[2].stake - rows[5].stake);
        uint8[4] memory wrong = [0, 1 << 2, 1 << 5, 1 << 2 | 1 << 6];
        for (uint256 i; i < wrong.length; ++i) {
            (,, valid) = tables.check(table, _bitmap(7, wrong[i]), signature, digest);
            vm.assertFalse(valid);
        }
    }
}

/// @dev What the check of a certificate costs. Tables are written in `setUp`, which is another transaction, so
/// that their accounts are cold here; a test measures one call only.
contract EpochTableGasTest is EpochTableBase {
    bytes32 internal constant DIGEST = keccak256("vote digest");

    address internal table7;
    address internal table100;
    address internal table200;
    mapping(address table => address) internal firstChunk;

    function setUp() public override {
        super.setUp();
        table7 = tables.write(_rows(7));
        table100 = tables.write(_rows(100));
        table200 = tables.write(_rows(200));
        firstChunk[table7] = EpochTable.chunks(table7)[0];
        firstChunk[table100] = EpochTable.chunks(table100)[0];
        firstChunk[table200] = EpochTable.chunks(table200)[0];
    }

    function test_check_7_allSigned() external {
        _check("check, 7 operators, all signed", table7, 7, 0, 126_100);
    }

    function test_check_7_oneAbsent() external {
        _check("check, 7 operators, 1 non-signer", table7, 7, 1 << 3, 127_600);
    }

    function test_check_7_twoAbsent() external {
        _check("check, 7 operators, 2 non-signers", table7, 7, 5 << 3, 129_000);
    }

    function test_check_100_allSigned() external {
        _check("check, 100 operators, all signed", table100, 100, 0, 126_100);
    }

    function test_check_100_oneAbsent() external {
        _check("check, 100 operators, 1 non-signer", table100, 100, 1 << 70, 127_600);
    }

    function test_check_100_tenAbsent() external {
        _check("check, 100 operators, 10 non-signers", table100, 100, 1023 << 70, 141_100);
    }

    function test_check_100_thirtyThreeAbsent() external {
        uint256 absent = ((1 << 33) - 1) << 40;
        // 33 times 1,500 on top of everybody signing.
        _check("check, 100 operators, 33 non-signers", table100, 100, absent, 126_100 + 49_500);
    }

    function test_check_200_allSigned() external {
        _check("check, 200 operators, all signed", table200, 200, 0, 126_100);
    }

    /// Two chunks are touched, of which one is warm.
    function test_check_200_sixtySixAbsent() external {
        uint256 absent = ((1 << 66) - 1) << 70;
        _check("check, 200 operators, 66 non-signers", table200, 200, absent, 126_100 + 99_000);
    }

    function test_draw_100() external {
        uint256 random = uint256(keccak256("seed"));
        address table = table100;
        tables.count(address(0)); // makes the harness warm
        uint256 before = gasleft();
        tables.draw(table, random);
        _record("draw, 100 operators", before - gasleft(), 7000);
    }

    /// A table over chunks that are there.
    function test_writeTable() external {
        uint16[4] memory sizes = [7, 100, 200, 256];
        for (uint256 i; i < sizes.length; ++i) {
            Row[] memory rows = _rows(sizes[i]);
            address[] memory chunks = tables.writeChunks(rows);
            uint256 before = gasleft();
            tables.writeTable(rows, chunks);
            _record(
                string.concat("write a table, ", vm.toString(sizes[i]), " operators"),
                before - gasleft(),
                200_000 + 8000 * uint256(sizes[i])
            );
        }
    }

    function _check(string memory name, address table, uint256 size, uint256 absent, uint256 limit)
        private
    {
        bytes32[4] memory signature = _certificate(size, absent, DIGEST);
        uint256[] memory bitmap = _bitmap(size, absent);
        // Makes the harness warm, and the chunk of the performer, whose address and claim signer are read from it.
        vm.assertNotEq(firstChunk[table].code.length, 0);
        tables.count(address(0));
        uint256 before = gasleft();
        (,, bool valid) = tables.check(table, bitmap, signature, DIGEST);
        uint256 used = before - gasleft();
        vm.assertTrue(valid);
        _record(name, used, limit);
    }

    function _record(string memory name, uint256 used, uint256 limit) private {
        vm.assertLe(used, limit, name);
        vm.snapshotValue("EpochTable", name, used);
    }
}
