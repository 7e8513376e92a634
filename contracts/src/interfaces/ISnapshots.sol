// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title An epoch on its way to another chain (specification 7.1)
interface ISnapshotTypes {
    /// @notice What the operators of the epoch before sign.
    /// @param epoch The epoch at home.
    /// @param snapshotBlock Home's block in which reading its stakes began.
    /// @param previous Digest of the snapshot of the epoch before; 0 for the first that crosses.
    /// @param content Hash of the epoch's rows, as `Snapshots.contentHash` takes it.
    /// @param expiry Unix time after which no certificate of this epoch's operators counts on another chain.
    struct Snapshot {
        uint32 epoch;
        uint64 snapshotBlock;
        bytes32 previous;
        bytes32 content;
        uint64 expiry;
    }

    /// @notice Signatures of a digest, added up.
    /// @param nonSigners One word: the bit of a position is set when its operator did not sign.
    /// @param signature A padded point of G1.
    struct Signatures {
        uint256[] nonSigners;
        bytes32[4] signature;
    }

    /// @notice A signature is not that of the operators that a bitmap names.
    error InvalidAggregate(bytes32 digest);
    error ZeroAddress();
}
