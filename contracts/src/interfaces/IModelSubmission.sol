// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenter } from "./IAttestationCenter.sol";
import { IMarketClock } from "./IMarketClock.sol";

interface IModelSubmissionTypes {
    /// @notice A file on IPFS.
    /// @param cid Binary CIDv1, 36 to 64 bytes.
    /// @param digest SHA-256 of the file's bytes.
    /// @param size Bytes.
    struct Content {
        bytes cid;
        bytes32 digest;
        uint64 size;
    }

    /// @notice What is held back of a reward (specification 4.10); zeros for nothing.
    /// @param time Market clock from a win until what was held back can be earned.
    /// @param window Market clock from then within which a task can be opened that decides over it.
    /// @param bps Share of the reward in 1e-4 that is held back.
    /// @param kind Task definition of that task.
    struct RetentionTerms {
        uint32 time;
        uint32 window;
        uint16 bps;
        uint16 kind;
    }

    /// @notice Terms of a request, frozen at creation (specification 4.1, 4.2).
    /// @param kind Task definition in AttestationCenter.
    /// @param rewardToken ERC-20, or zero for the native token.
    /// @param reward Paid for each accepted improvement.
    /// @param rewardValue Its worth in the native token; equal to `reward` when that is native.
    /// @param minImprovement,tolerance,slashMargin Units of 1e-6.
    /// @param advantage Added to `minImprovement` when the champion was just crowned, units of 1e-6; 0 for none.
    /// @param advantagePeriod Market clock within which it falls to nothing; 0 for none.
    /// @param alphaPpb One-sided error probability in parts per billion.
    /// @param deposit The least that is asked with a commitment; `depositOf` tells what is asked now.
    /// @param depositGrowthBps Share of `deposit` in 1e-4 that each recent rejection adds; 0 for none.
    /// @param depositDecay Market clock within which one rejection is forgotten; 0 for none.
    struct Terms {
        uint16 kind;
        uint16 queueCap;
        uint32 minSamples;
        uint32 alphaPpb;
        uint32 revealWindow;
        uint32 queueWindow;
        uint32 closeNotice;
        uint64 maxParameterBytes;
        int64 minImprovement;
        int64 tolerance;
        int64 slashMargin;
        int64 advantage;
        address rewardToken;
        uint32 advantagePeriod;
        uint128 reward;
        uint128 rewardValue;
        uint96 evaluationFee;
        uint96 deposit;
        uint32 depositGrowthBps;
        uint32 depositDecay;
        uint96 unavailablePenalty;
        uint96 compensation;
        RetentionTerms retention;
    }

    enum RequestState {
        None,
        Open,
        Closing,
        Closed
    }

    /// @notice A request. `feeEscrow` and `evaluatorBond` are native, `rewardEscrow` is in the reward token.
    /// @param closesAt Clock from which commits are refused, when Closing.
    /// @param head Index into the queue of the first submission that is not final.
    /// @param active Submission whose task is open or in its appeal window; 0 for none.
    /// @param pending Submissions that are not final.
    /// @param championIndex Index of the champion in the history.
    struct Request {
        address owner;
        RequestState state;
        uint64 closesAt;
        uint32 head;
        uint32 queueLength;
        uint32 pending;
        uint32 championIndex;
        uint64 active;
        uint128 rewardEscrow;
        uint128 feeEscrow;
        uint128 evaluatorBond;
    }

    enum SubmissionState {
        None,
        Committed,
        Queued,
        Fetching,
        Evaluating,
        Certified,
        Accepted,
        NotBetter,
        Worse,
        Invalid,
        EvaluatorFault,
        Unavailable,
        Forfeited,
        Released
    }

    /// @notice Why a submission ended as it did. 1 to 9 repeat the evaluation status (specification 5.1).
    /// @dev `RequestClosed` keeps its number but is never reached: a request cannot close over a pending submission.
    enum Reason {
        None,
        BadFormat,
        ShapeMismatch,
        NonFinite,
        TooLarge,
        DigestMismatch,
        Unavailable,
        FuelExhausted,
        EvaluatorTrapped,
        EvaluatorInvalid,
        Better,
        NoSignificantImprovement,
        SignificantlyWorse,
        WorseThanLaterChampion,
        MalformedResult,
        RevealMissed,
        QueueTimeout,
        Duplicate,
        EscrowSpent,
        EvaluatorBondSpent,
        RequestClosed,
        SeedNotFixed,
        NoQuorum
    }

    /// @notice A submission. Times are market clock.
    /// @param optimizer Who committed and paid the deposit, which returns there.
    /// @param payout Where reward and compensation go; zero before the reveal.
    /// @param deposit What is held of the deposit now: less the fee while a task is open, 0 at the end.
    /// @param deadline When the present state's way out opens; 0 for final states. While Fetching, Evaluating or
    /// Certified it is the task's (a real block number while Fetching), or the end of the wait for an epoch
    /// on which to try again.
    /// @param championAtCommit,championAtOpen Indices into the champion history.
    struct Submission {
        uint64 requestId;
        SubmissionState state;
        Reason reason;
        address optimizer;
        address payout;
        uint96 deposit;
        uint64 committedAt;
        uint64 deadline;
        uint64 taskId;
        uint32 championAtCommit;
        uint32 championAtOpen;
        bytes32 commitment;
        Content content;
    }

    /// @notice The certified figures of a submission, units of 1e-6 (specification 5.2).
    struct Figures {
        uint8 status;
        uint8 bound;
        uint8 engine;
        uint32 samples;
        int64 championScore;
        int64 challengerScore;
        int64 improvement;
        int64 lower;
        int64 upper;
        bytes32 environment;
        bytes32 scoresRoot;
    }

    /// @notice What is held back of an accepted submission's reward (specification 4.10).
    /// @param amount In the request's reward token; 0 when nothing is held back, or no longer.
    /// @param from Market clock from which a retention task can be opened.
    /// @param window Market clock from then until none can be opened any more.
    /// @param kind Kind of that task.
    struct Retention {
        uint128 amount;
        uint64 from;
        uint32 window;
        uint16 kind;
    }

    /// @notice An entry of the champion history. Submission 0 is the baseline.
    /// @param score Certified score when it won; 0 for the baseline.
    struct Champion {
        Content content;
        uint64 submissionId;
        uint64 since;
        int64 score;
    }
}

interface IModelSubmissionErrors {
    error MarketPaused();
    error InvalidTerm(bytes32 field);
    error InvalidCid(uint256 length);
    error WrongValue(uint256 sent, uint256 expected);
    error TokenMovedWrongAmount(uint256 received, uint256 expected);
    error UnknownRequest(uint64 requestId);
    error UnknownSubmission(uint64 submissionId);
    error NotOwner(address caller);
    error NotOptimizer(address caller);
    error NotLogic(address caller);
    error NotAttestationCenter(address caller);
    error NotRetentionDesk(address caller);
    /// @notice Nothing is held back of the submission's reward, or no longer.
    error NothingRetained(uint64 submissionId);
    error UnknownTask(uint64 taskId);
    error UnknownChampion(uint64 requestId, uint32 index);
    error InvalidVerdict(IModelSubmissionTypes.SubmissionState verdict);
    error ParametersTooLarge(uint64 size, uint64 cap);
    error NotDue(uint64 deadline, uint64 clock);
    error WrongRequestState(uint64 requestId, IModelSubmissionTypes.RequestState state);
    error WrongSubmissionState(uint64 submissionId, IModelSubmissionTypes.SubmissionState state);
    error QueueFull(uint64 requestId, uint256 cap);
    error CommitmentUsed(bytes32 commitment);
    error WrongOpening(bytes32 computed, bytes32 commitment);
    error TaskOpen(uint64 requestId, uint64 submissionId);
    error NothingToOpen(uint64 requestId);
    error HeadNotRevealed(uint64 submissionId, uint64 deadline);
    error StillPending(uint64 requestId, uint32 pending);
    error NothingToWithdraw(address account, address token);
    error TransferFailed(address token, address to, uint256 amount);
}

interface IModelSubmissionEvents {
    event RequestCreated(
        uint64 indexed requestId,
        address indexed owner,
        IModelSubmissionTypes.Terms terms,
        IModelSubmissionTypes.Content manifest,
        IModelSubmissionTypes.Content baseline
    );
    event RequestToppedUp(uint64 indexed requestId, uint256 reward, uint256 fee, uint256 bond);
    event RequestClosing(uint64 indexed requestId, uint64 closesAt);
    event RequestReclaimed(uint64 indexed requestId, uint256 reward, uint256 native);
    event Committed(
        uint64 indexed submissionId,
        uint64 indexed requestId,
        address indexed optimizer,
        bytes32 commitment,
        uint64 deadline
    );
    event Revealed(
        uint64 indexed submissionId,
        uint64 indexed requestId,
        IModelSubmissionTypes.Content content,
        address payout
    );
    event TaskAssigned(
        uint64 indexed submissionId,
        uint64 indexed requestId,
        uint64 indexed taskId,
        uint32 championIndex
    );
    /// @notice A submission reached a final state.
    event Settled(
        uint64 indexed submissionId,
        uint64 indexed requestId,
        IModelSubmissionTypes.SubmissionState state,
        IModelSubmissionTypes.Reason reason,
        uint256 rewardPaid,
        uint256 depositReturned,
        uint256 burned
    );
    /// @notice Part of the reward of an accepted submission is held back (specification 4.10).
    /// @param from,until Market clock between which a retention task can be opened.
    event Retained(
        uint64 indexed submissionId,
        uint64 indexed requestId,
        uint256 amount,
        uint64 from,
        uint64 until
    );
    /// @notice What was held back is the payout's to withdraw, or back in the request's escrow; of a closed request it
    /// is the owner's to withdraw.
    event RetentionEnded(
        uint64 indexed submissionId, uint64 indexed requestId, bool paid, uint256 amount
    );
    event Retried(uint64 indexed submissionId, uint64 indexed taskId);
    /// @notice A task expired for the first time, but no epoch is usable to try again on. `expire` tries when
    /// one is, and refunds from `until`.
    event RetryWaiting(uint64 indexed submissionId, uint64 indexed taskId, uint64 until);
    /// @notice An amount in `token` (zero: native) can be withdrawn by `account`.
    event Credited(address indexed account, address indexed token, uint256 amount);
    event ChampionChanged(
        uint64 indexed requestId,
        uint32 indexed championIndex,
        uint64 submissionId,
        bytes cid,
        int64 score
    );
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);
}

/// @title Requests, and what can be read of the market
/// @dev Unless said otherwise anyone may call, amounts are in the smallest unit of their token, times are market
/// clock, and reading an unknown request or submission reverts with UnknownRequest or UnknownSubmission.
interface IRequestDesk is IModelSubmissionTypes, IModelSubmissionErrors, IModelSubmissionEvents {
    /// @notice Creates a request, owned by the caller. Emits RequestCreated.
    /// @dev Reverts with MarketPaused; InvalidTerm for terms outside specification 4.2 (the field is named) and for
    /// a kind whose source is not this contract; InvalidCid; WrongValue; TokenMovedWrongAmount when the token
    /// does not move exactly the amount, or whatever the token reverts with.
    /// @param rewardEscrow In the reward token; at least one reward. An ERC-20 is pulled from the caller.
    /// @param feeEscrow Native; at least one evaluation fee. Refunds the fee to those who win.
    /// @param evaluatorBond Native; at least one evaluation fee and one compensation.
    /// @return requestId Counts from 1.
    function createRequest(
        Terms calldata terms,
        Content calldata manifest,
        Content calldata baseline,
        uint128 rewardEscrow,
        uint128 feeEscrow,
        uint128 evaluatorBond
    ) external payable returns (uint64 requestId);

    /// @notice Adds to a request's escrows and bond, until it is closed. Emits RequestToppedUp.
    /// @dev Reverts with WrongRequestState, WrongValue or TokenMovedWrongAmount. Nothing is given back but by
    /// `reclaim`, to the owner.
    function topUp(uint64 requestId, uint128 reward, uint128 fee, uint128 bond) external payable;

    /// @notice Starts the closing notice, after which commits are refused; by the owner. Emits RequestClosing.
    /// @dev Reverts with NotOwner, or WrongRequestState when it was started before.
    function close(uint64 requestId) external;

    /// @notice Closes a request whose notice has passed and that has nothing pending, and credits what is left of
    /// escrows and bond to the owner. Emits RequestReclaimed.
    /// @dev Reverts with WrongRequestState, NotDue or StillPending.
    function reclaim(uint64 requestId) external;

    function request(uint64 requestId) external view returns (Request memory);

    function terms(uint64 requestId) external view returns (Terms memory);

    /// @notice The request's manifest file (specification 5.9).
    function manifest(uint64 requestId) external view returns (Content memory);

    function requestCount() external view returns (uint64);

    /// @notice A submission. State and deadline follow its task until settlement, so that Evaluating shows as soon as
    /// the seed is fixed, and Certified as soon as a claim is.
    function submission(uint64 submissionId) external view returns (Submission memory);

    /// @notice Submission at a place of a request's queue, in order of commits; 0 beyond its end.
    function queueAt(uint64 requestId, uint32 index) external view returns (uint64 submissionId);

    /// @notice The champion now.
    function champion(uint64 requestId) external view returns (Champion memory);

    /// @notice An entry of the champion history, from 0, the baseline. Reverts with UnknownChampion.
    function championAt(uint64 requestId, uint32 index) external view returns (Champion memory);

    function championCount(uint64 requestId) external view returns (uint32);

    /// @notice The deposit that a commitment would have to bring now (specification 4.8).
    function depositOf(uint64 requestId) external view returns (uint96);

    /// @notice The least improvement that a task opened now would ask for, units of 1e-6 (specification 4.9).
    function minImprovementOf(uint64 requestId) external view returns (int64);

    /// @notice What is held back of a submission's reward now; zeros when nothing is.
    function retention(uint64 submissionId) external view returns (Retention memory);

    /// @notice Subject of a submission's task (specification 5.5). Reverts with WrongSubmissionState before one
    /// was opened for it.
    function subjectHash(uint64 submissionId) external view returns (bytes32);
}

/// @title Submissions from commit to settlement, and payouts
/// @dev Unless said otherwise anyone may call, and calls work while the market is paused. Functions on one
/// submission revert with UnknownSubmission, and with WrongSubmissionState when it is not in the state that they
/// lead out of. Whoever ends a submission emits Settled, and Credited for each amount that can be withdrawn.
interface ISubmissionDesk is IModelSubmissionTypes, IModelSubmissionErrors, IModelSubmissionEvents {
    /// @notice Reserves a place in the queue; the deposit is sent as value. Emits Committed.
    /// @dev Takes `depositOf(requestId)` and credits what was sent beyond it, so that a rejection settled just before
    /// does not make a commitment fail that was sent with something to spare.
    /// Reverts with MarketPaused, WrongRequestState once the closing notice has passed, QueueFull, WrongValue for
    /// less than the deposit, or CommitmentUsed when the caller made the same commitment before.
    /// @param commitment Specification 4.3; see `commitmentOf`.
    /// @return submissionId Counts from 1.
    function commit(uint64 requestId, bytes32 commitment)
        external
        payable
        returns (uint64 submissionId);

    /// @notice Opens a commitment; by the one who made it. Emits Revealed.
    /// @dev Never reverts for market reasons: when escrow or bond are spent or the deadline has passed, the
    /// submission ends in the state that says so. Reverts with NotOptimizer, WrongOpening, and InvalidCid or
    /// ParametersTooLarge for a content that no request or not this one takes.
    /// @param content What was committed to.
    /// @param payout Where reward and compensation go; zero for the caller. The deposit returns to the caller.
    function reveal(uint64 submissionId, Content calldata content, address payout, bytes32 salt)
        external;

    /// @notice Opens the task of the queue's head. Emits TaskAssigned.
    /// @dev Passes over at most `MAX_STEPS` submissions on the way: overdue reveals are forfeited, duplicates
    /// released, and where escrow or bond do not cover the next outcome everything is released, revealed or not.
    /// Such progress is kept, so that repeated calls pass over a queue of any length.
    /// Reverts with MarketPaused, TaskOpen, NothingToOpen for an empty queue, HeadNotRevealed when the head may
    /// still be revealed, and as `AttestationCenter.openTask` does (EpochNotUsable).
    /// @return submissionId The one opened; 0 when the call only passed over submissions.
    function open(uint64 requestId) external returns (uint64 submissionId);

    /// @notice Ends a commitment whose reveal is overdue: Forfeited, the evaluation fee burned (by as much more as the
    /// deposit was above its base) and the rest returned.
    /// Where escrow or bond are spent a reveal would have been in vain: Released, everything returned.
    /// @dev Reverts with NotDue.
    function forfeit(uint64 submissionId) external;

    /// @notice Ends a queued submission that waited for longer than `queueWindow`; the deposit returns.
    /// @dev Reverts with NotDue.
    function release(uint64 submissionId) external;

    /// @notice Passes a task's deadline: tries once more with the same seed, then refunds.
    /// @dev The second try begins in the same call when the newest epoch is usable (Retried). Otherwise the
    /// submission waits `queueWindow` for one (RetryWaiting), `expire` can be called again at any time, and
    /// when the wait is over it refunds. Reverts with NotDue during the wait, and as `AttestationCenter.expire`
    /// does before the deadline or when the task is certified.
    function expire(uint64 submissionId) external;

    /// @notice Settles a certified submission by its verdict (specification 4.6); by the logic of the request's kind,
    /// which AttestationCenter tells of the certified result when the appeal window is over.
    /// @dev Reverts with UnknownTask, NotLogic, WrongSubmissionState, or InvalidVerdict for a state that is none. Calls no
    /// token and no payee. A Worse against a later champion than the one at commit settles as NotBetter.
    /// @param score The challenger's, for the champion history.
    function settle(uint64 taskId, SubmissionState verdict, Reason reason, int64 score) external;

    /// @notice Pays out what is held back of a submission's reward, or gives it back to the request; by the source of the
    /// kind that the request names for that. Emits RetentionEnded, and Credited for what can be withdrawn.
    /// @dev Reverts with UnknownSubmission, NothingRetained or NotRetentionDesk. Calls no token and no payee.
    /// @param paid Whether it is the payout's; otherwise it goes to the escrow, or to the owner of a closed request.
    function endRetention(uint64 submissionId, bool paid) external;

    /// @notice Sends all of the caller's credit in `token` (zero: native) to `to`. Emits Withdrawn.
    /// @dev Reverts with NothingToWithdraw, TransferFailed, TokenMovedWrongAmount, or as the token does.
    function withdraw(address token, address to) external returns (uint256 amount);

    function submissionCount() external view returns (uint64);

    /// @notice The submission that a task is for; 0 for a task that is not this market's.
    function submissionOfTask(uint64 taskId) external view returns (uint64);

    /// @notice What a result on a task is judged by (specification 5.6), fixed when the task was opened. Reverts with
    /// UnknownTask.
    /// @return minImprovement With the champion's advantage at that time (specification 4.9).
    function thresholds(uint64 taskId)
        external
        view
        returns (int64 minImprovement, int64 tolerance, int64 slashMargin, uint32 minSamples);

    /// @notice The commitment of specification 4.3.
    function commitmentOf(
        address sender,
        uint64 requestId,
        Content calldata content,
        address payout,
        bytes32 salt
    ) external view returns (bytes32);

    /// @notice What an account can withdraw in a token (zero: native).
    function credit(address account, address token) external view returns (uint256);

    /// @notice What is owed in a token (zero: native): credits, escrows, bonds, deposits and what is held back.
    function liabilities(address token) external view returns (uint256);

    function attestationCenter() external view returns (IAttestationCenter);

    /// @notice The clock of every deadline here.
    function marketClock() external view returns (IMarketClock);

    /// @notice Most submissions that one call passes over.
    function MAX_STEPS() external view returns (uint32);
}

/// @title Requests, submissions, escrow, deposits, payouts and champions
/// @notice Trusts no score that did not come through a certificate.
interface IModelSubmission is IRequestDesk, ISubmissionDesk { }
