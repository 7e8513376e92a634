// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsLogic } from "./IAvsLogic.sol";
import { ISeedSource } from "./ISeedSource.sol";

/// @dev Highest fee of a task, wei: what a task's record has room for.
uint256 constant MAX_TASK_FEE = type(uint80).max;

interface IAttestationCenterTypes {
    /// @notice A kind of task; immutable once registered (specification 2.1).
    /// @param source The only contract that may open, expire and reopen tasks of the kind.
    /// @param fetchWindow Real blocks from opening to the seed block, at least 1.
    /// @param taskLife Clock from the seed, or from reopening, to the deadline.
    /// @param votingWindow Clock from the end of a turn until its claim can be blocked.
    /// @param logic Hears of certified results.
    /// @param thresholdNumerator,thresholdDenominator The quorum p/q, 2/3 <= p/q < 1.
    /// @param performerShareBps The performer's part of the fee, in 1/10000.
    /// @param turnLength Clock that a turn lasts, at least 1.
    /// @param seedSource Where the seed comes from.
    /// @param minFee Least fee of a task, wei.
    /// @param appealWindow Clock from the certificate during which it can be appealed, and until which it moves nothing.
    /// @param supplementWindow Clock from the certificate during which late signers are added.
    /// @param appealVoting Clock after the appeal window during which an appeal can be decided; 0 where there is no
    /// appeal.
    /// @param appealBond What an appeal costs who loses it, wei.
    struct TaskDefinition {
        address source;
        uint32 fetchWindow;
        uint32 taskLife;
        uint32 votingWindow;
        IAvsLogic logic;
        uint16 thresholdNumerator;
        uint16 thresholdDenominator;
        uint16 performerShareBps;
        uint32 turnLength;
        ISeedSource seedSource;
        uint96 minFee;
        uint32 appealWindow;
        uint32 supplementWindow;
        uint32 appealVoting;
        uint96 appealBond;
    }

    /// @notice From which epoch on tasks of a kind are done in an environment (specification 2.9).
    /// @param epoch The first epoch of which that holds.
    /// @param digest Digest of what operators compute with; its meaning is the kind's.
    struct Activation {
        uint32 epoch;
        bytes32 digest;
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
        Blocked,
        Overturned
    }

    /// @notice What a certificate is to decide. Approve and Blocked/Reject sign different verdicts.
    enum CertificateKind {
        Approve,
        Reject,
        Blocked
    }

    /// @notice A task. Times are market clock, `seedBlock` is a real block number.
    /// @param retried Whether it was reopened already.
    /// @param isFinal Whether it expired for good and its fee went back to the source.
    /// @param delivered Whether the logic took the certified result.
    /// @param swept Whether what nobody can claim of the fee was burned.
    /// @param appealed Whether an appeal was filed against the certificate and no quorum has upheld it.
    /// @param seedBlock,seedFixedAt 0 once the task was certified, also when the certificate was overturned;
    /// `seedFixedAt`, when the seed was fixed, also before.
    /// @param seedTarget What the seed source answered at opening (`ISeedSource.target`); 0 like those.
    /// @param deadline From when `expire` works: a real block number while Fetching, market clock while
    /// Evaluating; from when `deliver` works while Certified; 0 otherwise.
    /// @param certifiedAt Clock of the approving certificate; 0 without one.
    /// @param commitment Hash of what the certificate committed to (`feeCommitmentOf`); 0 without one.
    struct Task {
        uint16 kind;
        TaskState state;
        bool retried;
        bool isFinal;
        bool delivered;
        bool swept;
        bool appealed;
        uint32 epoch;
        uint32 turnBase;
        uint64 seedBlock;
        uint64 seedTarget;
        uint64 seedFixedAt;
        uint64 turnBaseAt;
        uint64 deadline;
        uint64 certifiedAt;
        uint96 fee;
        bytes32 seed;
        bytes32 subjectHash;
        bytes32 commitment;
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

    /// @notice What an approving certificate committed to, repeated by those who claim fees. It is in
    /// `TaskCertified`; after a supplement, `nonSigners` is in `Supplemented`.
    struct FeeCommitment {
        uint32 epoch;
        bytes32 claimId;
        uint32 performerIndex;
        uint96 fee;
        uint256[] nonSigners;
    }

    /// @notice What is known of a claim's appeal (specification 3.6).
    /// @param challenger Who filed it; zero where nobody did.
    /// @param decidedAt Clock of the certificate that overturned or upheld the claim, or of the closing; 0 before.
    struct Appeal {
        address challenger;
        uint64 decidedAt;
    }

    /// @notice What the contract keeps to pay for evidence (specification 3.7).
    /// @param balance Held, wei.
    /// @param cap Above it nothing is added.
    /// @param reward Most that is paid for a fault: of an operator with all the stake.
    struct Fund {
        uint96 balance;
        uint96 cap;
        uint64 reward;
    }

    /// @notice Votes of some operators of an epoch.
    /// @param nonSigners As in a certificate: a set bit did not sign.
    /// @param signature Sum of the votes, four words.
    struct Votes {
        uint256[] nonSigners;
        bytes32[4] signature;
    }

    /// @notice What a task's hash is made of (specification 2.4), whether or not there is such a task here.
    struct TaskContent {
        uint64 taskId;
        uint16 kind;
        uint32 epoch;
        bytes32 seed;
        bytes32 subjectHash;
    }
}

interface IAttestationCenterErrors {
    /// @notice The code that is to extend AttestationCenter is made for another governance.
    error WrongExtension(address extension);
    error UnknownKind(uint16 kind);
    error KindExists(uint16 kind);
    /// @param field Name of the field that is out of bounds.
    error InvalidDefinition(bytes32 field);
    error NotSource(address caller);
    /// @notice The epoch exists already, and what holds for it is fixed.
    error EpochNotFuture(uint32 epoch, uint32 current);
    error ZeroEnvironment();
    error MarketPaused();
    error EpochNotUsable();
    error FeeTooLow(uint256 fee, uint256 minFee);
    error FeeTooHigh(uint256 fee, uint256 cap);
    error UnknownTask(uint64 taskId);
    error WrongState(uint64 taskId, IAttestationCenterTypes.TaskState state);
    error SeedAlreadyFixed(uint64 taskId);
    error DeadlineNotPassed(uint64 taskId, uint64 deadline, uint64 clock);
    error DeadlinePassed(uint64 taskId, uint64 deadline, uint64 clock);
    /// @notice The task expired for good.
    error TaskFinal(uint64 taskId);
    /// @notice The task has no seed, and so no hash and no turns.
    error SeedNotFixed(uint64 taskId);
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
    error AppealWindowOpen(uint64 taskId, uint64 until, uint64 clock);
    error AlreadyDelivered(uint64 taskId);
    /// @notice The claim with this result is not the one that was certified.
    error NotCertified(bytes32 claimId, bytes32 certified);
    error WrongFeeCommitment(uint64 taskId);
    error DidNotSign(uint64 taskId, uint32 index);
    error DidSign(uint64 taskId, uint32 index);
    /// @notice A late signer had signed already.
    error NotMissing(uint256 word, uint256 repeated);
    error NotOperator(address given, address operator);
    error LengthMismatch(uint256 length, uint256 expected);
    /// @notice A list of tasks that is empty.
    error NoTasks();
    error FeeAlreadyClaimed(uint64 taskId, uint32 index);
    error SupplementClosed(uint64 taskId);
    error SupplementOpen(uint64 taskId, uint64 until, uint64 clock);
    error FeeSwept(uint64 taskId);
    error NothingToWithdraw(address account);
    error ZeroAddress();
    error TransferFailed(address to, uint256 amount);
    /// @notice Tasks of the kind cannot be appealed.
    error NoAppeal(uint16 kind);
    error WrongBond(uint256 given, uint256 bond);
    error AlreadyAppealed(bytes32 claimId);
    error NotAppealed(bytes32 claimId);
    error AppealWindowClosed(uint64 taskId, uint64 until, uint64 clock);
    error AppealOpen(uint64 taskId, uint64 until, uint64 clock);
    error AppealDecided(bytes32 claimId);
    error UnknownVerdict(uint8 verdict);
    error NotOverturned(bytes32 claimId);
    /// @notice Not what a claim was certified and overturned with.
    error WrongOverturning(bytes32 claimId);
    error CorrectionsOpen(bytes32 claimId, uint64 until, uint64 clock);
    error CorrectionsClosed(bytes32 claimId, uint64 until, uint64 clock);
    error EvidenceTooLate(uint32 epoch, uint64 until, uint256 current);
    /// @notice An operator is accused that the evidence does not show at fault.
    error NotAtFault(uint256 position);
    /// @notice All who are accused have their fault for this already.
    error NobodyNew(uint256 accused);
    error FundOutOfBounds(uint256 value, uint256 cap);
}

interface IAttestationCenterEvents {
    event KindRegistered(uint16 indexed kind, IAttestationCenterTypes.TaskDefinition definition);
    /// @param replaced Whether it takes the place of an activation that was still to come.
    event EnvironmentScheduled(
        uint16 indexed kind, uint32 indexed activationEpoch, bytes32 digest, bool replaced
    );
    event TaskOpened(
        uint64 indexed taskId,
        uint16 indexed kind,
        uint32 epoch,
        uint64 seedBlock,
        uint64 deadline,
        bytes32 subjectHash
    );
    event SeedFixed(uint64 indexed taskId, bytes32 seed, bytes32 randomness);
    event TaskReopened(uint64 indexed taskId, uint32 epoch, uint64 deadline);
    event TaskExpired(uint64 indexed taskId, bool isFinal);
    /// @param signedStake Stake that approved, the performer's included.
    /// @param committed What fees are claimed with.
    /// @param result The result whose hash was certified.
    event TaskCertified(
        uint64 indexed taskId,
        bytes32 indexed claimId,
        address indexed performer,
        uint32 turn,
        uint128 signedStake,
        uint128 totalStake,
        IAttestationCenterTypes.FeeCommitment committed,
        bytes result
    );
    event ClaimRejected(
        uint64 indexed taskId,
        bytes32 indexed claimId,
        address indexed performer,
        uint32 turn,
        uint256 faultId
    );
    event ClaimBlocked(
        uint64 indexed taskId, bytes32 indexed claimId, address indexed performer, uint32 turn
    );
    event Delivered(uint64 indexed taskId);
    event Supplemented(uint64 indexed taskId, uint256[] nonSigners);
    /// @param amount Sum of the operator's shares.
    event FeesClaimed(address indexed operator, uint64[] taskIds, uint256 amount);
    /// @notice Tasks on which an operator's vote is missing for good.
    event MissesRecorded(address indexed operator, uint64[] taskIds);
    /// @param amount What was burned of that which nobody can claim; the rest went to the fund.
    event FeeBurned(uint64 indexed taskId, uint256 amount);
    event Withdrawn(address indexed account, address to, uint256 amount);
    /// @param until Clock until which it can be decided.
    event Appealed(
        uint64 indexed taskId, bytes32 indexed claimId, address indexed challenger, uint64 until
    );
    /// @param nonSigners Who did not reject the claim.
    /// @param reward What the fund pays the challenger.
    event ClaimOverturned(
        uint64 indexed taskId,
        bytes32 indexed claimId,
        address indexed challenger,
        uint256 faultId,
        IAttestationCenterTypes.FeeCommitment committed,
        uint256[] nonSigners,
        uint256 reward
    );
    event ClaimUpheld(uint64 indexed taskId, bytes32 indexed claimId, address indexed challenger);
    /// @notice No quorum decided the appeal.
    event AppealClosed(uint64 indexed taskId, bytes32 indexed claimId, address indexed challenger);
    event Corrected(bytes32 indexed claimId, uint256[] nonSigners);
    event FundFed(uint256 amount);
    event FundSet(uint256 cap, uint256 reward);
    /// @param accused The positions that got a fault.
    /// @param reward What the reporter was credited.
    event EvidenceTaken(
        uint32 indexed epoch,
        bytes32 indexed claimId,
        address indexed reporter,
        uint256 accused,
        uint256 reward
    );
}

/// @title Operators' fees
interface IAttestationCenterFees is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
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

    /// @notice Credits an operator's share of the fees of several tasks, whose appeal windows are over; by anyone for
    /// that operator.
    /// @param indices The operator's position in each task's epoch.
    function claimFees(
        address operator,
        uint64[] calldata taskIds,
        uint32[] calldata indices,
        FeeCommitment[] calldata committed
    ) external returns (uint256 amount);

    /// @notice Records in governance that an operator's vote is missing from certificates, when supplement and appeal
    /// window are over; by anyone, once a task.
    /// @param indices The operator's position in each task's epoch.
    function recordMisses(
        address operator,
        uint64[] calldata taskIds,
        uint32[] calldata indices,
        FeeCommitment[] calldata committed
    ) external;

    /// @notice Burns the part of a fee that nobody can claim, after supplement and appeal window; by anyone.
    function sweepFee(uint64 taskId, FeeCommitment calldata committed) external;

    /// @notice Sends the caller's credit to `to`.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Native token credited to an account.
    function credit(address account) external view returns (uint256);
    /// @notice Native token owed: credits plus fees held.
    function liabilities() external view returns (uint256);

    /// @notice The hash by which a certified task knows its commitment: keccak256(abi.encode(taskId, FeeCommitment)).
    function feeCommitmentOf(uint64 taskId, FeeCommitment calldata committed)
        external
        pure
        returns (bytes32);
    /// @notice Whether an operator's share of a task's fee was credited, or its miss recorded.
    function isFeeClaimed(uint64 taskId, address operator) external view returns (bool);
}

/// @title Appeals against certified claims (specification 3.6)
interface IAttestationCenterAppeals is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    /// @notice Opens a certified claim to the whole epoch again; by anyone, once a claim, within the appeal window and
    /// with exactly the kind's bond as value. Until it is decided, nothing moves.
    /// @param committed What the task committed to.
    function appeal(uint64 taskId, FeeCommitment calldata committed) external payable;

    /// @notice Decides an appeal with votes of purpose Appeal of more than the quorum; by anyone. Approve upholds the
    /// claim: the bond goes to the fund. Reject overturns it: the performer is at fault, the task's deadline has
    /// passed, the bond returns and the fund adds as much, as far as it has it.
    function submitAppeal(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint8 verdict,
        Votes calldata votes
    ) external;

    /// @notice Gives the bond of an appeal that no quorum decided in time to the fund; by anyone.
    function closeAppeal(uint64 taskId, FeeCommitment calldata committed) external;

    /// @notice Adds late votes to the rejection of an overturned claim, so that nobody who corrected itself is at
    /// fault; by anyone, within the kind's supplement window of the overturning.
    /// @param committed,nonSigners As in `ClaimOverturned`, or `Corrected` where there is one.
    /// @param late Bitmap of those who are added; a set bit signs.
    function submitCorrections(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners,
        uint256[] calldata late,
        bytes32[4] calldata signature
    ) external;

    /// @notice Zeros for a claim that nobody appealed.
    function appealOf(bytes32 claimId) external view returns (Appeal memory);

    /// @notice keccak256(abi.encode(taskId, committed, nonSigners)) as in `ClaimOverturned`, or `Corrected` where there
    /// is one; 0 for a claim that was not overturned.
    function overturningOf(bytes32 claimId) external view returns (bytes32);
}

/// @title Evidence of faults, by anyone (specification 3.7)
interface IAttestationCenterEvidence is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    /// @notice Shows that operators signed both verdicts on one claim for one purpose: with votes of each, or with two
    /// certificates.
    /// @param content Of the task that the votes name.
    /// @param accused Bitmap of positions that are in both; each that is new gets a fault.
    function proveEquivocation(
        TaskContent calldata content,
        bytes32 claimId,
        uint8 purpose,
        Votes calldata approvals,
        Votes calldata rejections,
        uint256 accused
    ) external;

    /// @notice Shows that operators approved a claim that an appeal overturned, and have not corrected themselves;
    /// when the time for corrections is over.
    /// @param committed,nonSigners As in `ClaimOverturned`, or `Corrected` where there is one.
    function proveOverturnedApproval(
        uint64 taskId,
        FeeCommitment calldata committed,
        uint256[] calldata nonSigners,
        uint256 accused
    ) external;

    /// @notice Bounds of the fund and of what it pays, by governance. What is above a lower cap stays until it is
    /// paid out.
    function setFund(uint96 cap, uint64 reward) external;

    function fund() external view returns (Fund memory);
}

/// @title Kinds of tasks, their environments, and what can be read of tasks
interface IAttestationCenterRegistry is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    /// @notice Registers a kind, by governance. Definitions never change. `fetchWindow + taskLife` and
    /// `appealWindow` must fit the largest that governance allows (specification 1.5).
    function registerKind(uint16 kind, TaskDefinition calldata definition) external;

    function definition(uint16 kind) external view returns (TaskDefinition memory);

    /// @notice Says in which environment tasks of a kind are done from an epoch on, by governance (specification 2.9).
    /// The epoch must not exist yet; one activation at most is to come, and another call replaces it.
    function scheduleEnvironment(uint16 kind, uint32 activationEpoch, bytes32 digest) external;

    /// @notice The environment of a kind's tasks of an epoch; 0 when none was scheduled for it. Of an epoch that
    /// exists it never changes.
    function environmentAt(uint16 kind, uint32 epoch) external view returns (bytes32 digest);

    /// @notice Every activation of a kind, by rising epoch.
    function environments(uint16 kind) external view returns (Activation[] memory);

    /// @notice All zeros for a task that does not exist.
    function task(uint64 taskId) external view returns (Task memory);
    function taskCount() external view returns (uint64);
    /// @notice Turn of an Evaluating task at the present clock, and the position whose turn it is.
    function currentTurn(uint64 taskId) external view returns (uint32 turn, uint32 holder);
    /// @notice Position whose turn `turn` is.
    function turnHolder(uint64 taskId, uint32 turn) external view returns (uint32 index);
    /// @notice Rejected or Blocked; None for every other claim. Which one was approved, `TaskCertified` tells.
    function claimOutcome(bytes32 claimId) external view returns (ClaimOutcome);
    /// @notice Specification 2.4; reverts with SeedNotFixed before the seed is known.
    function taskHash(uint64 taskId) external view returns (bytes32);
    /// @notice The digest a performer signs (specification 2.6).
    function claimDigest(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32);
    function claimIdOf(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32);
    /// @notice The digest that votes sign (specification 2.7).
    function voteDigest(uint64 taskId, bytes32 claimId, uint8 purpose, uint8 verdict)
        external
        view
        returns (bytes32);
}

/// @title Tasks, seeds, claims and certificates
interface IAttestationCenterTasks is
    IAttestationCenterTypes,
    IAttestationCenterErrors,
    IAttestationCenterEvents
{
    /// @notice Opens a task; by the kind's source, which prepays the operators' fee as value.
    /// @return taskId Counts from 1.
    function openTask(uint16 kind, bytes32 subjectHash) external payable returns (uint64 taskId);

    /// @notice Fixes the seed with a proof as the kind's seed source wants it; by anyone, also while paused.
    function fixSeed(uint64 taskId, bytes calldata proof) external;

    /// @notice Decides a claim (specification 3.3); by anyone, also while paused.
    /// @dev Calls nobody but governance: the logic hears of an approval by `deliver`.
    /// @param result The bytes whose hash the performer signed, at most `MAX_RESULT`.
    function submitTask(
        uint64 taskId,
        Claim calldata claim,
        bytes calldata result,
        Certificate calldata certificate
    ) external;

    /// @notice Tells the logic of a certified result once the appeal window is over; by anyone. Reverts as the logic
    /// does, and can then be tried again.
    /// @param committed What the task committed to.
    /// @param turn,performer,result The certified claim's, as `TaskCertified` names them.
    function deliver(
        uint64 taskId,
        uint32 turn,
        address performer,
        FeeCommitment calldata committed,
        bytes calldata result
    ) external;

    /// @notice Marks a task whose deadline passed as expired; by its source. It is final without a seed, or when it
    /// was reopened before; the fee then returns to the source's credit. On an expired task that could still be
    /// reopened, gives that up.
    /// @return isFinal False when the task may be reopened.
    function expire(uint64 taskId) external returns (bool isFinal);

    /// @notice Reopens an expired task with the same seed on the newest epoch; by its source, once. Works while
    /// paused; reverts with EpochNotUsable until somebody rolls an epoch.
    function reopen(uint64 taskId) external;
}

/// @title Tasks, seeds, claims, certificates and operators' fees
/// @notice Does not know what is attested: a kind is a definition, a source and a logic contract. All of this
/// is answered at one address.
interface IAttestationCenter is
    IAttestationCenterTasks,
    IAttestationCenterFees,
    IAttestationCenterAppeals,
    IAttestationCenterEvidence,
    IAttestationCenterRegistry
{ }
