// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationBase } from "./attestation/AttestationBase.sol";
import { Extended } from "./attestation/Extended.sol";
import { IAttestationCenterTasks, MAX_TASK_FEE } from "./interfaces/IAttestationCenter.sol";
import { IAvsGovernance, IAvsGovernanceTypes } from "./interfaces/IAvsGovernance.sol";
import { ISeedSource } from "./interfaces/ISeedSource.sol";
import { BLS } from "./libraries/BLS.sol";
import { EpochTable } from "./libraries/EpochTable.sol";
import { Quorum } from "./libraries/Quorum.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Tasks, seeds, claims, certificates and operators' fees
/// @notice Does not know what is attested. Section numbers are those of the protocol's specification.
/// @dev `submitTask` works on few slots: a task's `Head`, seed and subject, one slot of its definition, and one that is
/// new, the decision on the claim. Nothing in it loops over signers or writes once for each of them, and it calls
/// nobody but governance, for the epoch and the clock.
contract AttestationCenter is AttestationBase, AccessManaged, Extended, IAttestationCenterTasks {
    using EpochTable for address;

    /// @dev What `submitTask` works out about a claim before it looks at the certificate.
    struct Case {
        uint64 taskId;
        uint32 turn;
        uint32 currentTurn;
        uint32 performerIndex;
        uint128 performerStake;
        uint40 clock;
        address table;
        address performer;
        bytes32 taskHash;
        bytes32 claimId;
    }

    /// @notice Longest result, bytes.
    uint256 public constant MAX_RESULT = 4096;

    /// @param authority An AccessManager.
    /// @param extension_ What answers the rest of `IAttestationCenter`: `OperatorFees`.
    constructor(address authority, IAvsGovernance governance_, address extension_)
        AttestationBase(governance_)
        AccessManaged(authority)
        Extended(extension_)
    {
        if (authority == address(0)) revert ZeroAddress();
        if (address(AttestationBase(extension_).governance()) != address(governance_)) {
            revert WrongExtension(extension_);
        }
    }

    /* OPENING AND SEED */

    /// @inheritdoc IAttestationCenterTasks
    function openTask(uint16 kind, bytes32 subjectHash) external payable returns (uint64 taskId) {
        TaskDefinition storage d = _definitions[kind];
        address source = d.source;
        if (source == address(0)) revert UnknownKind(kind);
        if (msg.sender != source) revert NotSource(msg.sender);
        if (governance.paused()) revert MarketPaused();
        if (msg.value < d.minFee) revert FeeTooLow(msg.value, d.minFee);
        if (msg.value > MAX_TASK_FEE) revert FeeTooHigh(msg.value, MAX_TASK_FEE);
        uint32 epoch = _usableEpoch();

        taskId = ++_taskCount;
        uint64 seedBlock = uint64(block.number) + d.fetchWindow;
        Record storage record = _tasks[taskId];
        Head memory head;
        head.kind = kind;
        head.state = TaskState.Fetching;
        head.epoch = epoch;
        head.fee = uint80(msg.value);
        _setHead(taskId, head);
        ISeedSource seedSource = d.seedSource;
        record.word = bytes32(seedBlock | uint256(seedSource.target(seedBlock)) << 128);
        record.subjectHash = subjectHash;
        _liabilities += msg.value;
        emit TaskOpened(
            taskId, kind, epoch, seedBlock, seedBlock + seedSource.reach() + 1, subjectHash
        );
    }

    /// @inheritdoc IAttestationCenterTasks
    function fixSeed(uint64 taskId, bytes calldata proof) external {
        Record storage record = _tasks[taskId];
        Head memory head = _head(taskId);
        if (record.seed != 0) revert SeedAlreadyFixed(taskId);
        if (head.state != TaskState.Fetching) revert WrongState(taskId, head.state);
        TaskDefinition storage d = _definitions[head.kind];

        bytes32 r = d.seedSource.randomness(_seedBlock(record), _seedTarget(record), proof);
        bytes32 seed = keccak256(abi.encode(SEED_DOMAIN, block.chainid, address(this), taskId, r));
        uint40 present = _clock();
        head.state = TaskState.Evaluating;
        head.turnBaseAt = present;
        head.due = present + d.taskLife;
        _setHead(taskId, head);
        record.word |= bytes32(uint256(present) << 64);
        record.seed = seed;
        emit SeedFixed(taskId, seed, r);
    }

    function _usableEpoch() private view returns (uint32) {
        if (!governance.epochUsable()) revert EpochNotUsable();
        return governance.currentEpoch();
    }

    /* CERTIFICATES */

    /// @inheritdoc IAttestationCenterTasks
    function submitTask(
        uint64 taskId,
        Claim calldata claim,
        bytes calldata result,
        Certificate calldata certificate
    ) external {
        if (result.length > MAX_RESULT) {
            revert ResultTooLong(result.length, MAX_RESULT);
        }
        Head memory head = _head(taskId);
        if (head.state != TaskState.Evaluating) revert WrongState(taskId, head.state);

        Case memory c = _readClaim(taskId, head, claim, keccak256(result));
        if (certificate.kind == CertificateKind.Approve) {
            _approve(head, c, result, certificate);
        } else if (certificate.kind == CertificateKind.Reject) {
            _reject(head, c, certificate);
        } else {
            _block(head, c, certificate);
        }
    }

    /// @dev Checks everything about a claim that does not depend on votes (2.5, 2.6).
    function _readClaim(uint64 taskId, Head memory head, Claim calldata claim, bytes32 resultHash)
        private
        view
        returns (Case memory c)
    {
        c.taskId = taskId;
        c.turn = claim.turn;
        c.performerIndex = claim.performerIndex;
        c.clock = _clock();
        if (c.clock >= head.due) revert DeadlinePassed(taskId, head.due, c.clock);
        c.table = _certifiableTable(head.epoch);

        c.currentTurn = _currentTurn(head, c.clock);
        if (c.turn > c.currentTurn) revert TurnNotStarted(c.turn, c.currentTurn);
        Record storage record = _tasks[taskId];
        bytes32 seed = record.seed;
        c.performerStake = _checkHolder(c.table, seed, c.turn, c.performerIndex);

        address signer;
        (c.performer, signer) = c.table.addressesAt(c.performerIndex);
        c.taskHash = _taskHash(taskId, head.kind, head.epoch, seed, record.subjectHash);
        c.claimId = _claimId(c.taskHash, c.turn, c.performer, resultHash);
        bytes32 digest = _claimDigest(c.taskHash, c.turn, c.performer, resultHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, claim.signature);
        if (recovered != signer || recovered == address(0)) {
            revert WrongClaimSigner(recovered, signer);
        }

        ClaimOutcome outcome = _refused[c.claimId];
        if (outcome != ClaimOutcome.None) revert ClaimDecided(c.claimId, outcome);
    }

    function _certifiableTable(uint32 epoch) private view returns (address table) {
        uint64 snapshotBlock;
        uint64 certifiableUntil;
        (table, snapshotBlock, certifiableUntil) = governance.epochTable(epoch);
        if (block.number > certifiableUntil) {
            revert SnapshotTooOld(epoch, snapshotBlock, certifiableUntil);
        }
    }

    /// @dev Whether the turn falls on a position, without searching for the one it falls on.
    function _checkHolder(address table, bytes32 seed, uint32 turn, uint32 index)
        private
        view
        returns (uint128 stake)
    {
        uint128 prefix;
        (stake, prefix) = table.stakeAt(index);
        uint256 random = _turnRandom(seed, turn);
        uint256 point = random % table.totalStake();
        if (point < prefix || point - prefix >= stake) {
            revert NotTurnHolder(turn, index, uint32(table.draw(random)));
        }
    }

    /// @dev The performer's claim is its approval, whether or not its vote is in the aggregate (3.1).
    function _approve(
        Head memory head,
        Case memory c,
        bytes calldata result,
        Certificate calldata certificate
    ) private {
        TaskDefinition storage d = _definitions[head.kind];
        (uint128 signed, uint128 total) = _checkAggregate(c, certificate, VERDICT_APPROVE);
        if (_isSet(certificate.nonSigners, c.performerIndex)) signed += c.performerStake;
        if (!Quorum.reached(signed, total, d.thresholdNumerator, d.thresholdDenominator)) {
            revert QuorumNotReached(signed, total);
        }

        head.state = TaskState.Certified;
        head.due = c.clock;
        _setHead(c.taskId, head);
        FeeCommitment memory committed = FeeCommitment({
            epoch: head.epoch,
            claimId: c.claimId,
            performerIndex: c.performerIndex,
            fee: head.fee,
            nonSigners: certificate.nonSigners
        });
        _tasks[c.taskId].word = _commitment(c.taskId, committed);
        emit TaskCertified(
            c.taskId, c.claimId, c.performer, c.turn, signed, total, committed, result
        );
    }

    function _reject(Head memory head, Case memory c, Certificate calldata certificate) private {
        TaskDefinition storage d = _definitions[head.kind];
        (uint128 rejecting, uint128 total) = _checkRejection(c, certificate);
        if (!Quorum.reached(rejecting, total, d.thresholdNumerator, d.thresholdDenominator)) {
            revert QuorumNotReached(rejecting, total);
        }

        _refused[c.claimId] = ClaimOutcome.Rejected;
        _passTurn(head, c);
        uint256 faultId = governance.recordFault(
            c.performer, IAvsGovernanceTypes.FaultKind.RejectedClaim, c.taskId, c.claimId
        );
        emit ClaimRejected(c.taskId, c.claimId, c.performer, c.turn, faultId);
    }

    function _block(Head memory head, Case memory c, Certificate calldata certificate) private {
        TaskDefinition storage d = _definitions[head.kind];
        // A turn before the base ended, at the latest, when the base began.
        uint40 from = head.turnBaseAt + d.votingWindow;
        if (c.turn >= head.turnBase) {
            from += (uint40(c.turn - head.turnBase) + 1) * d.turnLength;
        }
        if (c.clock < from) revert BlockedTooEarly(from, c.clock);

        (uint128 rejecting, uint128 total) = _checkRejection(c, certificate);
        uint16 p = d.thresholdNumerator;
        uint16 q = d.thresholdDenominator;
        if (Quorum.reached(rejecting, total, p, q)) revert RejectHolds(rejecting, total);
        if (!Quorum.blocked(rejecting, total, p, q)) revert QuorumNotReached(rejecting, total);

        _refused[c.claimId] = ClaimOutcome.Blocked;
        _passTurn(head, c);
        emit ClaimBlocked(c.taskId, c.claimId, c.performer, c.turn);
    }

    /// @dev The performer's stake never counts as rejecting its own claim (3.1).
    function _checkRejection(Case memory c, Certificate calldata certificate)
        private
        view
        returns (uint128 rejecting, uint128 total)
    {
        (rejecting, total) = _checkAggregate(c, certificate, VERDICT_REJECT);
        if (!_isSet(certificate.nonSigners, c.performerIndex)) rejecting -= c.performerStake;
    }

    /// @dev Stake of those whose votes are in the aggregate, which must be valid.
    function _checkAggregate(Case memory c, Certificate calldata certificate, uint8 verdict)
        private
        view
        returns (uint128 stake, uint128 total)
    {
        BLS.G2Point memory key;
        (stake, total, key) = c.table.signers(certificate.nonSigners);
        _checkVotes(c.taskHash, c.claimId, verdict, certificate.signature, key);
    }

    /// @dev Only the present turn can be passed on; an older one has passed.
    function _passTurn(Head memory head, Case memory c) private {
        if (c.turn != c.currentTurn) return;
        head.turnBase = c.turn + 1;
        head.turnBaseAt = c.clock;
        _setHead(c.taskId, head);
    }

    /* THE LOGIC */

    /// @inheritdoc IAttestationCenterTasks
    function deliver(
        uint64 taskId,
        uint32 turn,
        address performer,
        FeeCommitment calldata committed,
        bytes calldata result
    ) external {
        _checkCommitment(taskId, committed);
        Head memory head = _head(taskId);
        if (head.flags & DELIVERED != 0) revert AlreadyDelivered(taskId);
        uint64 from = _finalAt(head);
        uint64 present = _clock();
        if (present < from) revert AppealWindowOpen(taskId, from, present);
        bytes32 claimId = _claimId(_hashOf(taskId), turn, performer, keccak256(result));
        if (claimId != committed.claimId) revert NotCertified(claimId, committed.claimId);

        // Marked first: whatever the logic calls finds the task delivered.
        head.flags |= DELIVERED;
        _setHead(taskId, head);
        emit Delivered(taskId);
        _definitions[head.kind].logic.onCertified(taskId, result);
    }

    /* EXPIRY */

    /// @inheritdoc IAttestationCenterTasks
    function expire(uint64 taskId) external returns (bool isFinal) {
        Record storage record = _tasks[taskId];
        Head memory head = _head(taskId);
        TaskDefinition storage d = _onlySource(head.kind, taskId);
        if (head.state == TaskState.Fetching) {
            // As long as the seed can be fixed, the task can go on.
            uint64 from = _seedBlock(record) + d.seedSource.reach() + 1;
            if (block.number < from) {
                revert DeadlineNotPassed(taskId, from, uint64(block.number));
            }
            isFinal = true;
        } else if (head.state == TaskState.Evaluating) {
            uint40 present = _clock();
            if (present < head.due) revert DeadlineNotPassed(taskId, head.due, present);
            isFinal = head.flags & RETRIED != 0;
            head.turnBase = _currentTurn(head, present) + 1;
        } else {
            _onlyReopenable(taskId, head);
            isFinal = true;
        }
        head.state = TaskState.Expired;
        if (isFinal) {
            head.flags |= FINAL;
            _credits[msg.sender] += head.fee;
        }
        _setHead(taskId, head);
        emit TaskExpired(taskId, isFinal);
    }

    /// @inheritdoc IAttestationCenterTasks
    function reopen(uint64 taskId) external {
        Head memory head = _head(taskId);
        TaskDefinition storage d = _onlySource(head.kind, taskId);
        _onlyReopenable(taskId, head);

        uint40 present = _clock();
        head.state = TaskState.Evaluating;
        head.flags |= RETRIED;
        head.epoch = _usableEpoch();
        head.turnBaseAt = present;
        head.due = present + d.taskLife;
        _setHead(taskId, head);
        emit TaskReopened(taskId, head.epoch, head.due);
    }

    function _onlySource(uint16 kind, uint64 taskId)
        private
        view
        returns (TaskDefinition storage d)
    {
        d = _definitions[kind];
        if (taskId == 0 || taskId > _taskCount) revert UnknownTask(taskId);
        if (msg.sender != d.source) revert NotSource(msg.sender);
    }

    function _onlyReopenable(uint64 taskId, Head memory head) private pure {
        if (head.state != TaskState.Expired) revert WrongState(taskId, head.state);
        if (head.flags & FINAL != 0) revert TaskFinal(taskId);
    }
}
