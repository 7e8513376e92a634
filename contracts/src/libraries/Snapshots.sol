// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISnapshotTypes } from "../interfaces/ISnapshots.sol";
import { BLS } from "./BLS.sol";
import { EpochTable } from "./EpochTable.sol";

/// @title Hashes of an epoch that are the same on every chain, and what its predecessors sign (specification 7.1)
library Snapshots {
    using EpochTable for address;

    /// @dev A vote's digest begins with another word and has six words instead of eight, so no signature of the
    /// one is a signature of the other, although both are of one ciphersuite.
    bytes32 internal constant SNAPSHOT_TYPEHASH = keccak256(
        "ZarathustraSnapshot(uint256 chainId,address registry,uint32 epoch,uint64 snapshotBlock,bytes32 previous,bytes32 content,uint64 expiry)"
    );

    /* Layout of a table's code, as EpochTable describes it */
    uint256 private constant BEFORE_CHUNKS_AT = 1;
    uint256 private constant BEFORE_CHUNKS = 52;
    uint256 private constant AFTER_CHUNKS_AT = 113;

    /// @notice Hash of a table without its addresses of chunks, followed by its rows of the chunks.
    /// @dev keccak256(count ‖ total ‖ voters ‖ sum of keys ‖ sums of stakes ‖ rows), with `count` rows of 232 bytes.
    /// The count fixes the length of all that follows. Rows of a chunk beyond the table are not in it, since a
    /// chunk may have more; what is missing at its end counts as zeros, as it does for who reads it.
    function contentHash(address table) internal view returns (bytes32 hash) {
        uint256 rows = table.count();
        if (rows == 0) revert EpochTable.EmptyTable();
        address[] memory chunks = table.chunks();
        uint256 start;
        uint256 cursor;
        /// @solidity memory-safe-assembly
        assembly {
            // Beyond the free pointer, where nothing is allocated before the hash is taken.
            start := mload(0x40)
            extcodecopy(table, start, BEFORE_CHUNKS_AT, BEFORE_CHUNKS)
            cursor := add(start, BEFORE_CHUNKS)
            let size := add(192, mul(16, add(rows, 1)))
            extcodecopy(table, cursor, AFTER_CHUNKS_AT, size)
            cursor := add(cursor, size)
        }
        for (uint256 i; i < chunks.length; ++i) {
            uint256 left = rows - EpochTable.ROWS_PER_CHUNK * i;
            if (left > EpochTable.ROWS_PER_CHUNK) left = EpochTable.ROWS_PER_CHUNK;
            uint256 size = EpochTable.ROW_SIZE * left;
            address chunk = chunks[i];
            /// @solidity memory-safe-assembly
            assembly {
                extcodecopy(chunk, cursor, 1, size)
                cursor := add(cursor, size)
            }
        }
        /// @solidity memory-safe-assembly
        assembly {
            hash := keccak256(start, sub(cursor, start))
        }
    }

    /// @notice What the operators of the epoch before sign, and the name of the snapshot ever after.
    function digest(uint256 chainId, address registry, ISnapshotTypes.Snapshot memory snapshot)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                SNAPSHOT_TYPEHASH,
                chainId,
                registry,
                snapshot.epoch,
                snapshot.snapshotBlock,
                snapshot.previous,
                snapshot.content,
                snapshot.expiry
            )
        );
    }

    /// @notice Stake whose signatures of a digest are added up; reverts when they are not.
    function check(
        address table,
        bytes32 digest_,
        uint256[] calldata nonSigners,
        bytes32[4] calldata signature
    ) internal view returns (uint128 signed, uint128 total) {
        BLS.G2Point memory key;
        (signed, total, key) = table.signers(nonSigners);
        bool valid =
            BLS.verify(BLS.g1FromWords(signature), key, abi.encodePacked(digest_), BLS.VOTE_TAG);
        if (!valid) revert ISnapshotTypes.InvalidAggregate(digest_);
    }
}
