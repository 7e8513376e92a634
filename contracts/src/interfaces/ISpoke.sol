// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IMessageHandler } from "./IMessageHandler.sol";
import { ISnapshotTypes } from "./ISnapshots.sol";

interface ISpokeTypes is ISnapshotTypes {
    /// @notice Where the market is.
    /// @param registry Home's AvsGovernance, which writes the epochs.
    /// @param center Home's AttestationCenter, which opens the tasks.
    struct Home {
        uint256 chainId;
        address registry;
        address center;
    }

    /// @notice A result, what it is of, and the operators' approval (specification 2.4 to 2.7).
    /// @param claimSignature The performer's, whose stake then counts as approving even where its vote is not in
    /// the aggregate; empty to do without.
    struct ResultProof {
        uint64 taskId;
        uint16 kind;
        uint32 epoch;
        bytes32 seed;
        bytes32 subjectHash;
        uint32 turn;
        address performer;
        uint32 performerIndex;
        bytes claimSignature;
        bytes result;
        Signatures approval;
    }

    /// @notice What an `improve` task is about (specification 5.5).
    struct Subject {
        uint64 requestId;
        uint64 submissionId;
        bytes32 manifestDigest;
        bytes32 championDigest;
        bytes32 championCidHash;
        bytes32 challengerDigest;
        bytes32 challengerCidHash;
        uint64 challengerSize;
    }

    /// @notice A request's champion when a task was opened.
    /// @param taskId The newest task that was brought; 0 for none.
    /// @param digest SHA-256 of the champion's file.
    /// @param cidHash Hash of its CID.
    struct Champion {
        uint64 taskId;
        bytes32 digest;
        bytes32 cidHash;
    }

    /// @notice The operators of an epoch.
    struct OperatorSet {
        address table;
        uint64 expiry;
        bytes32 digest;
    }
}

/// @title Results and epochs of a market on another chain
/// @notice Follows one registry, epoch by epoch. All that is restricted is OpenZeppelin's AccessManager's.
interface ISpoke is ISpokeTypes {
    error InvalidThreshold(uint16 numerator, uint16 denominator);
    error InvalidHome(uint256 chainId);
    /// @notice Nothing is taken before governance has seeded it anew.
    error SpokeFrozen(uint32 epoch, uint64 expiry);
    /// @notice Snapshots cross one after the other.
    error WrongEpoch(uint32 epoch, uint32 expected);
    error WrongPrevious(bytes32 previous, bytes32 expected);
    /// @notice The operators of an epoch can no longer be slashed in time for what they sign.
    error SetExpired(uint32 epoch, uint64 expiry, uint256 time);
    error WrongContent(bytes32 content, bytes32 expected);
    error WrongChunkCount(uint256 count, uint256 expected);
    error WrongChunkLength(uint256 chunk, uint256 length);
    /// @notice No chunk of the epoch before could be used again.
    error NoChunk(uint256 chunk);
    error QuorumNotReached(uint128 signed, uint128 total);
    error UnknownEpoch(uint32 epoch);
    error ResultTooLong(uint256 length, uint256 most);
    error WrongPerformer(address performer, address expected);
    error WrongClaimSigner(address recovered, address expected);
    error WrongSubject(bytes32 subject, bytes32 expected);
    error WrongKind(uint16 kind, uint16 expected);
    error NotForward(uint64 taskId, uint64 newest);
    /// @notice The snapshot is the one that is here.
    error NoFork(bytes32 digest);
    error NotHandler(address caller);
    error WrongOrigin(uint256 chainId, address sender);

    event Seeded(uint32 indexed epoch, bytes32 indexed digest, bool championsKept);
    event Advanced(uint32 indexed epoch, bytes32 indexed digest, address table, uint64 expiry);
    event ForkSeen(uint32 indexed epoch, bytes32 indexed digest, bytes32 indexed other);
    event Frozen(uint32 indexed epoch);
    event HandlerSet(address indexed handler);
    event ChampionMoved(
        uint64 indexed requestId, uint64 indexed taskId, bytes32 digest, bytes32 cidHash
    );

    /* EPOCHS */

    /// @notice Takes the next epoch, certified by the newest one here. By anyone.
    /// @param stakes One for each row.
    /// @param chunks Rows as home's chunks hold them, without the first byte; empty to use the chunk of the epoch
    /// before again.
    function advance(
        Snapshot calldata snapshot,
        Signatures calldata signatures,
        uint128[] calldata stakes,
        bytes[] calldata chunks
    ) external;

    /// @notice The same without signatures, from the handler alone.
    function handleSnapshot(
        Snapshot calldata snapshot,
        uint128[] calldata stakes,
        bytes[] calldata chunks
    ) external;

    /// @notice Freezes this contract on proof that the epoch before certified another snapshot, too. By anyone.
    function reportFork(Snapshot calldata other, Signatures calldata signatures) external;

    /* RESULTS */

    /// @notice Reverts unless a quorum of the task's epoch approved the result, and can still be slashed for it.
    /// @return claimId The claim's id at home.
    function verify(ResultProof calldata proof) external view returns (bytes32 claimId);

    /// @notice Moves the champion of a request to what it was when a task was opened, whose result is verified.
    /// By anyone; reverts with NotForward for a task that is not newer than the one before.
    function moveChampion(ResultProof calldata proof, Subject calldata subject) external;

    /* GOVERNANCE */

    /// @notice Starts from a snapshot for whose rightness governance vouches. What was here before counts no more.
    /// @param keepChampions Whether the champions stay; not to be set after a fork.
    function reseed(
        Snapshot calldata snapshot,
        uint128[] calldata stakes,
        bytes[] calldata chunks,
        bool keepChampions
    ) external;

    function freeze() external;

    /// @notice Names the bridge that may bring snapshots; zero for none, as at first.
    function setMessageHandler(IMessageHandler handler) external;

    /* VIEWS */

    function home() external view returns (Home memory);
    /// @notice Quorum p/q of snapshots and results.
    function threshold() external view returns (uint16 numerator, uint16 denominator);
    /// @notice The kind whose subjects name champions.
    function kind() external view returns (uint16);
    /// @notice Seconds by which this chain's clock may be behind home's.
    function clockLag() external view returns (uint32);
    /// @notice The newest epoch; 0 before the first.
    function currentEpoch() external view returns (uint32);
    /// @notice True before the first seed, when the newest epoch has expired, a fork was seen, or governance froze it.
    function isFrozen() external view returns (bool);
    /// @notice An epoch's operators; zeros for an unknown one.
    function operatorSet(uint32 epoch) external view returns (OperatorSet memory);
    function champion(uint64 requestId) external view returns (Champion memory);
    function messageHandler() external view returns (IMessageHandler);
}
