// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { ISnapshotEvidence } from "../interfaces/ISnapshotEvidence.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { Snapshots } from "../libraries/Snapshots.sol";
import { LibBit } from "solady/utils/LibBit.sol";

/// @title Snapshots of this chain's epochs for others, and faults of who signs anything else
/// @notice Lies at home, beside the registry. Holds no money.
contract SnapshotEvidence is ISnapshotEvidence {
    using EpochTable for address;

    IAvsGovernance public immutable governance;
    /// @inheritdoc ISnapshotEvidence
    uint32 public immutable firstEpoch;
    /// @inheritdoc ISnapshotEvidence
    uint32 public immutable blockTime;

    /// @inheritdoc ISnapshotEvidence
    uint32 public published;
    /// @inheritdoc ISnapshotEvidence
    mapping(uint32 epoch => bytes32) public digestOf;
    /// @inheritdoc ISnapshotEvidence
    mapping(uint32 epoch => uint256) public atFault;

    /// @param blockTime_ Least seconds between two blocks, so that `expiry` never lies after the block that it
    /// stands for. A longer time in truth only makes snapshots expire earlier.
    constructor(IAvsGovernance governance_, uint32 firstEpoch_, uint32 blockTime_) {
        if (address(governance_) == address(0)) revert ZeroAddress();
        if (firstEpoch_ == 0) revert InvalidFirstEpoch();
        if (blockTime_ == 0) revert InvalidBlockTime();
        governance = governance_;
        firstEpoch = firstEpoch_;
        blockTime = blockTime_;
        published = firstEpoch_ - 1;
    }

    /* PUBLISHING */

    /// @inheritdoc ISnapshotEvidence
    function publish() external returns (bytes32 digest_) {
        uint32 epoch = published + 1;
        (address table, uint64 snapshotBlock, uint64 certifiableUntil) =
            governance.epochTable(epoch);
        if (table == address(0)) revert EpochNotWritten(epoch);
        Snapshot memory snapshot = Snapshot({
            epoch: epoch,
            snapshotBlock: snapshotBlock,
            previous: digestOf[epoch - 1],
            content: Snapshots.contentHash(table),
            expiry: _earliest(certifiableUntil)
        });
        digest_ = Snapshots.digest(block.chainid, address(governance), snapshot);
        published = epoch;
        digestOf[epoch] = digest_;
        emit SnapshotPublished(
            epoch, digest_, snapshotBlock, snapshot.previous, snapshot.content, snapshot.expiry
        );
    }

    /// @dev The earliest time that a coming block can have; 0 for one that has passed.
    function _earliest(uint64 number) private view returns (uint64) {
        if (block.number > number) return 0;
        // forge-lint: disable-next-line(unsafe-typecast) a time, and at most 2^32 windows of 2^32 seconds
        return uint64(block.timestamp + (number - block.number) * blockTime);
    }

    /* EVIDENCE */

    /// @inheritdoc ISnapshotEvidence
    function proveWrong(Snapshot calldata snapshot, Signatures calldata signatures, uint256 accused)
        external
        returns (uint256 recorded)
    {
        uint32 epoch = snapshot.epoch;
        bytes32 digest_ = _digest(snapshot);
        // An epoch that is not written has no right snapshot.
        if (epoch <= governance.currentEpoch() && epoch >= firstEpoch) {
            bytes32 right = digestOf[epoch];
            if (right == 0) revert NotPublished(epoch);
            if (right == digest_) revert SnapshotIsRight(digest_);
        }
        address table = _certifiers(epoch);
        _checkSigned(table, digest_, signatures, accused);
        return _record(table, epoch, digest_, accused);
    }

    /// @inheritdoc ISnapshotEvidence
    function proveConflict(
        Snapshot calldata one,
        Signatures calldata oneSignatures,
        Snapshot calldata other,
        Signatures calldata otherSignatures,
        uint256 accused
    ) external returns (uint256 recorded) {
        bytes32 digest_ = _digest(one);
        bytes32 otherDigest = _digest(other);
        if (one.epoch != other.epoch || digest_ == otherDigest) {
            revert NoConflict(digest_, otherDigest);
        }
        address table = _certifiers(one.epoch);
        _checkSigned(table, digest_, oneSignatures, accused);
        _checkSigned(table, otherDigest, otherSignatures, accused);
        return _record(table, one.epoch, digest_, accused);
    }

    /// @dev The table of the epoch before, as long as its stake can be slashed for what it signed.
    function _certifiers(uint32 epoch) private view returns (address table) {
        if (epoch == 0) revert NoCertifiers(epoch);
        (table,,) = governance.epochTable(epoch - 1);
        if (table == address(0)) revert NoCertifiers(epoch);
        uint64 until = governance.evidenceUntil(epoch - 1);
        if (block.number > until) revert EvidenceTooLate(epoch - 1, until, block.number);
    }

    function _checkSigned(
        address table,
        bytes32 digest_,
        Signatures calldata signatures,
        uint256 accused
    ) private view {
        Snapshots.check(table, digest_, signatures.nonSigners, signatures.signature);
        uint256 absent = accused & signatures.nonSigners[0];
        if (absent != 0) revert NotSigner(LibBit.ffs(absent));
    }

    /// @dev One fault for each operator and epoch, however many messages it signed.
    function _record(address table, uint32 epoch, bytes32 digest_, uint256 accused)
        private
        returns (uint256 recorded)
    {
        uint256 known = atFault[epoch];
        recorded = accused & ~known;
        if (recorded == 0) revert NobodyNew(epoch, accused);
        atFault[epoch] = known | recorded;
        uint256 left = recorded;
        while (left != 0) {
            uint256 position = LibBit.ffs(left);
            left &= left - 1; // clears the bit just found
            // A row without stake has no key in the aggregate, nor has one beyond the table.
            if (!table.hasStake(position)) revert NotSigner(position);
            (address operator,) = table.addressesAt(position);
            governance.recordSnapshotFault(operator, epoch, digest_);
        }
    }

    /* VIEWS */

    /// @inheritdoc ISnapshotEvidence
    function digest(Snapshot calldata snapshot) external view returns (bytes32) {
        return _digest(snapshot);
    }

    function _digest(Snapshot calldata snapshot) private view returns (bytes32) {
        return Snapshots.digest(block.chainid, address(governance), snapshot);
    }
}
