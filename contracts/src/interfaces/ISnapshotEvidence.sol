// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISnapshotTypes } from "./ISnapshots.sol";

/// @title Snapshots of this chain's epochs for others, and faults of who signs anything else (specification 7.1, 7.4)
interface ISnapshotEvidence is ISnapshotTypes {
    /// @notice The next epoch to be published is not written yet.
    error EpochNotWritten(uint32 epoch);
    /// @notice The epoch is written, so anyone can publish it, which has to be first.
    error NotPublished(uint32 epoch);
    /// @notice What was signed is what was published.
    error SnapshotIsRight(bytes32 digest);
    /// @notice Two messages that are the same one, or are of two epochs, contradict each other in nothing.
    error NoConflict(bytes32 one, bytes32 other);
    /// @notice No epoch was written whose operators could have signed.
    error NoCertifiers(uint32 epoch);
    error EvidenceTooLate(uint32 certifier, uint64 evidenceUntil, uint256 current);
    /// @notice Somebody is accused whose signature is not there.
    error NotSigner(uint256 position);
    /// @notice Nobody is accused, or only such as are at fault for this epoch already.
    error NobodyNew(uint32 epoch, uint256 accused);
    error InvalidFirstEpoch();
    error InvalidBlockTime();

    event SnapshotPublished(
        uint32 indexed epoch,
        bytes32 indexed digest,
        uint64 snapshotBlock,
        bytes32 previous,
        bytes32 content,
        uint64 expiry
    );

    /// @notice Makes the snapshot of the next epoch, by anyone. Reverts with EpochNotWritten.
    function publish() external returns (bytes32 digest);

    /// @notice Records faults of operators that signed a snapshot which is not the one published here, or is of an
    /// epoch that is not written. By anyone, with any signatures, a quorum or not.
    /// @param accused Positions in the epoch before, one bit each, all of which signed. One call need not name all.
    /// @return recorded Those that were not at fault for this epoch before.
    function proveWrong(Snapshot calldata snapshot, Signatures calldata signatures, uint256 accused)
        external
        returns (uint256 recorded);

    /// @notice Records faults of operators that signed two snapshots of one epoch. By anyone.
    /// @param accused As above; all of them signed both.
    function proveConflict(
        Snapshot calldata one,
        Signatures calldata oneSignatures,
        Snapshot calldata other,
        Signatures calldata otherSignatures,
        uint256 accused
    ) external returns (uint256 recorded);

    /// @notice The newest epoch that was published; `firstEpoch - 1` before the first.
    function published() external view returns (uint32);
    /// @notice Digest of a published epoch; 0 for others.
    function digestOf(uint32 epoch) external view returns (bytes32);
    /// @notice Digest of any snapshot under this chain and registry.
    function digest(Snapshot calldata snapshot) external view returns (bytes32);
    /// @notice Positions in the epoch before that are at fault for an epoch.
    function atFault(uint32 epoch) external view returns (uint256);
    /// @notice The first epoch that is published; its snapshot has no previous one.
    function firstEpoch() external view returns (uint32);
    /// @notice Least seconds between two blocks of this chain.
    function blockTime() external view returns (uint32);
}
