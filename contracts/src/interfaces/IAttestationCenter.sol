// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAvsLogic} from "./IAvsLogic.sol";
import {ISeedSource} from "./ISeedSource.sol";

interface IAttestationCenterTypes {
    /// @notice A kind of task; immutable once registered (specification 2.1).
    struct TaskDefinition {
        address source;
        IAvsLogic logic;
        ISeedSource seedSource;
        uint16 thresholdNumerator;
        uint16 thresholdDenominator;
        uint16 performerShareBps;
        uint32 fetchWindow;
        uint32 turnLength;
        uint32 votingWindow;
        uint32 taskLife;
        uint32 appealWindow;
        uint32 supplementWindow;
        uint96 minFee;
    }

    enum TaskState {
        None,
        Fetching,
        Evaluating,
        Certified,
        Expired
    }

    enum ClaimOutcome {
        None,
        Approved,
        Rejected,
        Blocked
    }

    /// @notice What a certificate is to decide. Approve and Blocked/Reject sign different verdicts.
    enum CertificateKind {
        Approve,
        Reject,
        Blocked
    }

    /// @notice A task. Times are market clock, `seedBlock` is a real block number.
    /// @param deadline Clock from which `expire` works.
    /// @param retried Whether it was reopened already.
    /// @param delivered Whether the logic heard of the certificate.
    /// @param feeCommitment Commits to epoch, claimId, performer, bitmap and fee once Certified.
    struct Task {
        uint16 kind;
        TaskState state;
        bool retried;
        bool delivered;
        uint32 epoch;
        uint32 turnBase;
        uint64 seedBlock;
        uint64 seedFixedAt;
        uint64 turnBaseAt;
        uint64 deadline;
        uint64 certifiedAt;
        uint96 fee;
        bytes32 seed;
        bytes32 subjectHash;
        bytes32 claimId;
        bytes32 resultHash;
        bytes32 feeCommitment;
    }

    /// @notice A performer's claim (specification 2.6).
    /// @param performerIndex Its position in the task's epoch.
    /// @param signature 65 bytes over the EIP-712 digest by the performer's claim signer.
    struct Claim {
        uint32 turn;
        uint32 performerIndex;
        bytes signature;
    }

    /// @notice Aggregate of votes (specification 3.2).
    /// @param nonSigners Bitmap, one word for each 256 positions; a set bit did not sign.
    /// @param signature G1 point as in EIP-2537, padded: four words.
    struct Certificate {
        CertificateKind kind;
        uint256[] nonSigners;
        bytes32[4] signature;
    }

    /// @notice What `submitTask` committed to, repeated by those who claim fees.
    struct FeeCommitment {
        uint32 epoch;
        bytes32 claimId;
        uint32 performerIndex;
        uint96 fee;
        uint256[] nonSigners;
    }
}

interface IAttestationCenterErrors {
    error UnknownKind(uint16 kind);
    error KindExists(uint16 kind);
    error InvalidDefinition(bytes32 field);
    error NotSource(address caller);
    error MarketPaused();
    error EpochNotUsable();
    error FeeTooLow(uint256 fee, uint256 minFee);
    error WrongState(uint64 taskId, IAttestationCenterTypes.TaskState state);
    error SeedAlreadyFixed(uint64 taskId);
    error DeadlineNotPassed(uint64 taskId, uint64 deadline, uint64 clock);
    error DeadlinePassed(uint64 taskId, uint64 deadline, uint64 clock);
    error AlreadyRetried(uint64 taskId);
    error SeedNeverFixed(uint64 taskId);
    error TurnNotStarted(uint32 turn, uint32 current);
    error NotTurnHolder(uint32 turn, uint32 index, uint32 holder);
    error WrongClaimSigner(address recovered, address signer);
    error ClaimDecided(bytes32 claimId, IAttestationCenterTypes.ClaimOutcome outcome);
    error ResultTooLong(uint256 length, uint256 cap);
    error SnapshotTooOld(uint32 epoch, uint64 snapshotBlock, uint256 limit);
    error QuorumNotReached(uint256 signed, uint256 total);
    error BlockedTooEarly(uint64 from, uint64 clock);
    /// @notice Blocked was filed although the votes suffice to reject.
    error RejectHolds(uint256 rejecting, uint256 total);
    error InvalidAggregate(bytes32 claimId);
    error UnknownNonSigner(uint256 position);
    error WrongBitmapLength(uint256 words, uint256 expected);
    error NothingToDeliver(uint64 taskId);
    error ResultMismatch(bytes32 resultHash);
    error WrongFeeCommitment(uint64 taskId);
    error DidNotSign(uint64 taskId, uint32 index);
    error NotOperator(address caller, address operator);
    error FeeAlreadyClaimed(uint64 taskId, uint32 index);
    error SupplementClosed(uint64 taskId);
    error SupplementOpen(uint64 taskId);
    error FeeSwept(uint64 taskId);
    error NothingToWithdraw(address account);
    error TransferFailed(address to, uint256 amount);
}

interface IAttestationCenterEvents {
    event KindRegistered(uint16 indexed kind, IAttestationCenterTypes.TaskDefinition definition);
    event TaskOpened(
        uint64 indexed taskId, uint16 indexed kind, uint32 epoch, uint64 seedBlock, uint64 deadline, bytes32 subjectHash
    );
    event SeedFixed(uint64 indexed taskId, bytes32 seed, bytes32 randomness);
    event TaskReopened(uint64 indexed taskId, uint32 epoch, uint64 deadline);
    event TaskExpired(uint64 indexed taskId, bool isFinal);
    event TaskCertified(
        uint64 indexed taskId,
        bytes32 indexed claimId,
        address indexed performer,
        uint32 turn,
        uint32 epoch,
        uint128 signedStake,
        uint128 totalStake,
        uint256[] nonSigners,
        uint96 fee,
        bytes result
    );
    event ClaimRejected(uint64 indexed taskId, bytes32 indexed claimId, address indexed performer, uint32 turn, uint256 faultId);
    event ClaimBlocked(uint64 indexed taskId, bytes32 indexed claimId, address indexed performer, uint32 turn);
    event DeliveryFailed(uint64 indexed taskId, bytes reason);
    event Delivered(uint64 indexed taskId);
    event Supplemented(uint64 indexed taskId, uint256[] nonSigners);
    event FeeClaimed(uint64 indexed taskId, address indexed operator, uint256 amount);
    event FeeBurned(uint64 indexed taskId, uint256 amount);
    event Withdrawn(address indexed account, address to, uint256 amount);
}

/// @title Tasks, seeds, claims, certificates and operators' fees
/// @notice Does not know what is attested: a kind is a definition, a source and a logic contract.
interface IAttestationCenter is IAttestationCenterTypes, IAttestationCenterErrors, IAttestationCenterEvents {
    /// @notice Registers a kind, by governance. Definitions never change.
    function registerKind(uint16 kind, TaskDefinition calldata definition) external;

    function definition(uint16 kind) external view returns (TaskDefinition memory);

    /// @notice Opens a task; by the kind's source, which prepays the operators' fee as value.
    /// @return taskId Counts from 1.
    function openTask(uint16 kind, bytes32 subjectHash) external payable returns (uint64 taskId);

    /// @notice Fixes the seed from the seed block's header; by anyone, also while paused.
    function fixSeed(uint64 taskId, bytes calldata proof) external;

    /// @notice Decides a claim (specification 3.3); by anyone, also while paused.
    /// @param result The bytes whose hash the performer signed.
    function submitTask(uint64 taskId, Claim calldata claim, bytes calldata result, Certificate calldata certificate)
        external;

    /// @notice Tells the logic again, when it failed in `submitTask`; by anyone.
    function deliver(uint64 taskId, bytes calldata result) external;

    /// @notice Marks a task whose deadline passed as expired; by its source. Returns the fee to the source's
    /// credit when it is final.
    /// @return isFinal False when it may be reopened.
    function expire(uint64 taskId) external returns (bool isFinal);

    /// @notice Reopens an expired task with the same seed on the newest epoch; by its source, once.
    function reopen(uint64 taskId) external;

    /// @notice Adds late signers of the certified claim within the supplement window; by anyone.
    /// @param committed What the task committed to.
    /// @param lateSigners Bitmap of those who sign now; a set bit signs. Must be a subset of the non-signers.
    /// @param signature Aggregate of the late votes.
    function submitSupplement(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata lateSigners,
        bytes32[4] calldata signature
    ) external;

    /// @notice Credits an operator's share of the fees of several tasks; by anyone for that operator.
    /// @param indices The operator's position in each task's epoch.
    function claimFees(
        address operator,
        uint64[] calldata taskIds,
        uint32[] calldata indices,
        FeeCommitment[] calldata committed
    ) external returns (uint256 amount);

    /// @notice Burns the part of a fee that nobody can claim, after the supplement window; by anyone.
    function sweepFee(uint64 taskId, FeeCommitment calldata committed) external;

    /// @notice Sends the caller's credit to `to`.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Native token credited to an account.
    function credit(address account) external view returns (uint256);
    /// @notice Native token owed: credits plus fees held.
    function liabilities() external view returns (uint256);

    function task(uint64 taskId) external view returns (Task memory);
    function taskCount() external view returns (uint64);
    /// @notice Turn of an Evaluating task at the present clock, and the position whose turn it is.
    function currentTurn(uint64 taskId) external view returns (uint32 turn, uint32 holder);
    /// @notice Position whose turn `turn` is.
    function turnHolder(uint64 taskId, uint32 turn) external view returns (uint32 index);
    function claimOutcome(bytes32 claimId) external view returns (ClaimOutcome);
    function taskHash(uint64 taskId) external view returns (bytes32);
    /// @notice The digest a performer signs (specification 2.6).
    function claimDigest(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32);
    function claimIdOf(uint64 taskId, uint32 turn, address performer, bytes32 resultHash) external view returns (bytes32);
    /// @notice The digest that votes sign (specification 2.7).
    function voteDigest(uint64 taskId, bytes32 claimId, uint8 purpose, uint8 verdict) external view returns (bytes32);
}
