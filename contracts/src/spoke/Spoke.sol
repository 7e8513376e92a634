// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IMessageHandler } from "../interfaces/IMessageHandler.sol";
import { ISpoke } from "../interfaces/ISpoke.sol";
import { Digests } from "../libraries/Digests.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { EpochWriter } from "../libraries/EpochWriter.sol";
import { Quorum } from "../libraries/Quorum.sol";
import { Snapshots } from "../libraries/Snapshots.sol";
import { SubjectHash } from "../market/SubjectHash.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title Results and epochs of a market on another chain (specification 7)
/// @notice Holds no money. What it takes is signed by operators whose stake at home answers for it, and only as
/// long as it does.
contract Spoke is AccessManaged, ISpoke {
    using EpochTable for address;

    /// @notice Longest result, bytes, as at home.
    uint256 public constant MAX_RESULT = 4096;

    uint256 private immutable _homeChain;
    address private immutable _registry;
    address private immutable _center;
    uint16 private immutable _numerator;
    uint16 private immutable _denominator;
    /// @inheritdoc ISpoke
    uint16 public immutable kind;
    /// @inheritdoc ISpoke
    uint32 public immutable clockLag;

    /// @inheritdoc ISpoke
    uint32 public currentEpoch;
    bool private _frozen;
    /// @dev Sets and champions of other generations count no more.
    uint32 private _generation;
    uint32 private _championGeneration;
    /// @inheritdoc ISpoke
    IMessageHandler public messageHandler;

    mapping(uint32 generation => mapping(uint32 epoch => OperatorSet)) private _sets;
    mapping(uint32 generation => mapping(uint64 requestId => Champion)) private _champions;

    /// @param authority An AccessManager of this chain.
    /// @param numerator Of the quorum, which is at least that of every kind at home.
    /// @param kind_ The kind whose subjects name champions.
    /// @param clockLag_ Seconds by which this chain's clock may be behind home's.
    constructor(
        address authority,
        Home memory home_,
        uint16 numerator,
        uint16 denominator,
        uint16 kind_,
        uint32 clockLag_
    ) AccessManaged(authority) {
        if (authority == address(0) || home_.registry == address(0) || home_.center == address(0)) {
            revert ZeroAddress();
        }
        if (home_.chainId == 0) revert InvalidHome(home_.chainId);
        if (!Quorum.isThreshold(numerator, denominator)) {
            revert InvalidThreshold(numerator, denominator);
        }
        (_homeChain, _registry, _center) = (home_.chainId, home_.registry, home_.center);
        (_numerator, _denominator) = (numerator, denominator);
        kind = kind_;
        clockLag = clockLag_;
    }

    /* EPOCHS */

    /// @inheritdoc ISpoke
    function advance(
        Snapshot calldata snapshot,
        Signatures calldata signatures,
        uint128[] calldata stakes,
        bytes[] calldata chunks
    ) external {
        OperatorSet memory newest = _checkOrder(snapshot);
        bytes32 digest = _digest(snapshot);
        _checkQuorum(newest.table, digest, signatures);
        _take(snapshot, digest, stakes, chunks, newest.table);
    }

    /// @inheritdoc ISpoke
    function handleSnapshot(
        Snapshot calldata snapshot,
        uint128[] calldata stakes,
        bytes[] calldata chunks
    ) external {
        IMessageHandler handler = messageHandler;
        if (msg.sender != address(handler)) revert NotHandler(msg.sender);
        OperatorSet memory newest = _checkOrder(snapshot);
        _take(snapshot, _digest(snapshot), stakes, chunks, newest.table);
    }

    /// @dev One after the other, so that every epoch has one snapshot here and each is vouched for by stake that can
    /// be slashed when it arrives.
    function _checkOrder(Snapshot calldata snapshot)
        private
        view
        returns (OperatorSet memory newest)
    {
        newest = _live();
        if (snapshot.epoch != currentEpoch + 1) {
            revert WrongEpoch(snapshot.epoch, currentEpoch + 1);
        }
        if (snapshot.previous != newest.digest) {
            revert WrongPrevious(snapshot.previous, newest.digest);
        }
    }

    /// @dev Writes an epoch, whose rows must be those of the snapshot.
    /// @param before The table whose chunks may be used again.
    function _take(
        Snapshot calldata snapshot,
        bytes32 digest,
        uint128[] calldata stakes,
        bytes[] calldata chunks,
        address before
    ) private {
        _checkFresh(snapshot.epoch, snapshot.expiry);
        address table = _write(stakes, chunks, before);
        bytes32 content = Snapshots.contentHash(table);
        if (content != snapshot.content) revert WrongContent(content, snapshot.content);
        currentEpoch = snapshot.epoch;
        _sets[_generation][snapshot.epoch] =
            OperatorSet({ table: table, expiry: snapshot.expiry, digest: digest });
        emit Advanced(snapshot.epoch, digest, table, snapshot.expiry);
    }

    function _write(uint128[] calldata stakes, bytes[] calldata chunks, address before)
        private
        returns (address)
    {
        if (stakes.length > EpochTable.MAX_ROWS) {
            revert EpochWriter.TooManyRows(stakes.length, EpochTable.MAX_ROWS);
        }
        uint256 expected = EpochTable.chunksFor(stakes.length);
        if (chunks.length != expected) revert WrongChunkCount(chunks.length, expected);
        for (uint256 i; i < stakes.length; ++i) {
            // 256 of these add up to less than 2^128.
            if (stakes[i] > EpochWriter.MAX_TOTAL) {
                revert EpochWriter.TooMuchStake(stakes[i], EpochWriter.MAX_TOTAL);
            }
        }
        address[] memory known = before.chunks();
        address[] memory addresses = new address[](expected);
        for (uint256 i; i < expected; ++i) {
            uint256 length = chunks[i].length;
            if (length == 0) {
                if (i >= known.length) revert NoChunk(i);
                addresses[i] = known[i];
                continue;
            }
            uint256 most = EpochTable.ROW_SIZE * EpochTable.ROWS_PER_CHUNK;
            if (length % EpochTable.ROW_SIZE != 0 || length > most) {
                revert WrongChunkLength(i, length);
            }
            addresses[i] = SSTORE2.write(chunks[i]);
        }
        return EpochWriter.writeTable(stakes, stakes.length, addresses);
    }

    /// @inheritdoc ISpoke
    function reportFork(Snapshot calldata other, Signatures calldata signatures) external {
        // A set that has expired could freeze this at will, and for nothing.
        OperatorSet memory certifier = _usable(other.epoch - (other.epoch == 0 ? 0 : 1));
        bytes32 digest = _digest(other);
        bytes32 here = _sets[_generation][other.epoch].digest;
        if (here == 0) revert UnknownEpoch(other.epoch);
        if (here == digest) revert NoFork(digest);
        _checkQuorum(certifier.table, digest, signatures);
        _frozen = true;
        emit ForkSeen(other.epoch, here, digest);
    }

    /* RESULTS */

    /// @inheritdoc ISpoke
    function verify(ResultProof calldata proof) external view returns (bytes32 claimId) {
        return _verify(proof);
    }

    /// @inheritdoc ISpoke
    function moveChampion(ResultProof calldata proof, Subject calldata subject) external {
        if (proof.kind != kind) revert WrongKind(proof.kind, kind);
        bytes32 subjectHash = _subjectHash(subject);
        if (subjectHash != proof.subjectHash) revert WrongSubject(subjectHash, proof.subjectHash);
        Champion storage entry = _champions[_championGeneration][subject.requestId];
        if (proof.taskId <= entry.taskId) revert NotForward(proof.taskId, entry.taskId);
        _verify(proof);
        entry.taskId = proof.taskId;
        entry.digest = subject.championDigest;
        entry.cidHash = subject.championCidHash;
        emit ChampionMoved(
            subject.requestId, proof.taskId, subject.championDigest, subject.championCidHash
        );
    }

    function _verify(ResultProof calldata proof) private view returns (bytes32 claimId) {
        if (proof.result.length > MAX_RESULT) {
            revert ResultTooLong(proof.result.length, MAX_RESULT);
        }
        address table = _usable(proof.epoch).table;
        bytes32 task = _taskHash(proof);
        bytes32 resultHash = keccak256(proof.result);
        claimId = Digests.claimId(task, proof.turn, proof.performer, resultHash);
        bytes32 vote = Digests.vote(
            _homeChain, _center, task, claimId, Digests.PURPOSE_CLAIM, Digests.VERDICT_APPROVE
        );
        (uint128 signed, uint128 total) =
            Snapshots.check(table, vote, proof.approval.nonSigners, proof.approval.signature);
        if (proof.claimSignature.length != 0) {
            signed += _performerStake(table, proof, task, resultHash);
        }
        _checkReached(signed, total);
    }

    /// @dev What the performer's claim adds to the stake of those whose votes are in the aggregate (3.1).
    function _performerStake(
        address table,
        ResultProof calldata proof,
        bytes32 task,
        bytes32 resultHash
    ) private view returns (uint128 stake) {
        uint256 index = proof.performerIndex;
        (stake,) = table.stakeAt(index);
        (address operator, address signer) = table.addressesAt(index);
        // Of a row without stake the addresses mean nothing, and there is nothing to add.
        if (stake == 0 || operator != proof.performer) {
            revert WrongPerformer(proof.performer, operator);
        }
        bytes32 digest = Digests.claim(_homeChain, _center, task, proof.turn, operator, resultHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, proof.claimSignature);
        if (recovered != signer || recovered == address(0)) {
            revert WrongClaimSigner(recovered, signer);
        }
        if (proof.approval.nonSigners[0] >> index & 1 == 0) return 0;
    }

    function _taskHash(ResultProof calldata proof) private view returns (bytes32) {
        return Digests.task(
            _homeChain,
            _center,
            proof.taskId,
            proof.kind,
            proof.epoch,
            proof.seed,
            proof.subjectHash
        );
    }

    function _subjectHash(Subject calldata subject) private pure returns (bytes32) {
        return SubjectHash.compute(
            subject.requestId,
            subject.submissionId,
            subject.manifestDigest,
            subject.championDigest,
            subject.championCidHash,
            subject.challengerDigest,
            subject.challengerCidHash,
            subject.challengerSize
        );
    }

    /* CHECKS */

    function _checkQuorum(address table, bytes32 digest, Signatures calldata signatures)
        private
        view
    {
        (uint128 signed, uint128 total) =
            Snapshots.check(table, digest, signatures.nonSigners, signatures.signature);
        _checkReached(signed, total);
    }

    function _checkReached(uint128 signed, uint128 total) private view {
        if (!Quorum.reached(signed, total, _numerator, _denominator)) {
            revert QuorumNotReached(signed, total);
        }
    }

    /// @dev The newest set, when this contract is not frozen.
    function _live() private view returns (OperatorSet memory newest) {
        newest = _sets[_generation][currentEpoch];
        if (_frozen || _isOver(newest.expiry)) revert SpokeFrozen(currentEpoch, newest.expiry);
    }

    /// @dev Any set that can still be slashed for what it signed.
    function _usable(uint32 epoch) private view returns (OperatorSet memory set) {
        _live();
        set = _sets[_generation][epoch];
        if (set.table == address(0)) revert UnknownEpoch(epoch);
        _checkFresh(epoch, set.expiry);
    }

    function _checkFresh(uint32 epoch, uint64 expiry) private view {
        if (_isOver(expiry)) revert SetExpired(epoch, expiry, block.timestamp);
    }

    function _isOver(uint64 expiry) private view returns (bool) {
        // forge-lint: disable-next-line(block-timestamp) expiries are times; clockLag covers what differs
        return block.timestamp + clockLag > expiry;
    }

    function _digest(Snapshot calldata snapshot) private view returns (bytes32) {
        return Snapshots.digest(_homeChain, _registry, snapshot);
    }

    /* GOVERNANCE */

    /// @inheritdoc ISpoke
    function reseed(
        Snapshot calldata snapshot,
        uint128[] calldata stakes,
        bytes[] calldata chunks,
        bool keepChampions
    ) external restricted {
        ++_generation;
        if (!keepChampions) ++_championGeneration;
        _frozen = false;
        bytes32 digest = _digest(snapshot);
        _take(snapshot, digest, stakes, chunks, address(0));
        emit Seeded(snapshot.epoch, digest, keepChampions);
    }

    /// @inheritdoc ISpoke
    function freeze() external restricted {
        _frozen = true;
        emit Frozen(currentEpoch);
    }

    /// @inheritdoc ISpoke
    function setMessageHandler(IMessageHandler handler) external restricted {
        if (address(handler) != address(0)) {
            (uint256 chainId, address sender) = handler.origin();
            if (chainId != _homeChain || sender == address(0)) {
                revert WrongOrigin(chainId, sender);
            }
        }
        messageHandler = handler;
        emit HandlerSet(address(handler));
    }

    /* VIEWS */

    /// @inheritdoc ISpoke
    function home() external view returns (Home memory) {
        return Home({ chainId: _homeChain, registry: _registry, center: _center });
    }

    /// @inheritdoc ISpoke
    function threshold() external view returns (uint16 numerator, uint16 denominator) {
        return (_numerator, _denominator);
    }

    /// @inheritdoc ISpoke
    function isFrozen() external view returns (bool) {
        return _frozen || _isOver(_sets[_generation][currentEpoch].expiry);
    }

    /// @inheritdoc ISpoke
    function operatorSet(uint32 epoch) external view returns (OperatorSet memory) {
        return _sets[_generation][epoch];
    }

    /// @inheritdoc ISpoke
    function champion(uint64 requestId) external view returns (Champion memory) {
        return _champions[_championGeneration][requestId];
    }
}
