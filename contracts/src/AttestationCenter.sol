// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationBase } from "./attestation/AttestationBase.sol";
import { OperatorFees } from "./attestation/OperatorFees.sol";
import { IAttestationCenterTasks, MAX_TASK_FEE } from "./interfaces/IAttestationCenter.sol";
import { IAvsGovernance, IAvsGovernanceTypes } from "./interfaces/IAvsGovernance.sol";
import { IAvsLogic } from "./interfaces/IAvsLogic.sol";
import { BLS } from "./libraries/BLS.sol";
import { EpochTable } from "./libraries/EpochTable.sol";
import { Quorum } from "./libraries/Quorum.sol";
import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Tasks, seeds, claims, certificates and operators' fees
/// @notice Does not know what is attested. Section numbers are those of the protocol's specification.
/// @dev `submitTask` works on few slots: a task's `Head` and seed, one slot of its definition, and one that is new,
/// the decision on the claim. Nothing in it loops over signers or writes once for each of them.
contract AttestationCenter is AttestationBase, IAttestationCenterTasks, AccessManaged {
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

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Zarathustra");
    bytes32 private constant VERSION_HASH = keccak256("1");

    bytes32 public constant SEED_DOMAIN = keccak256("Zarathustra.Seed.v1");
    bytes32 public constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)");

    /// @notice Longest result, bytes.
    uint256 public constant MAX_RESULT = 4096;

    /// @notice Gas that the logic gets in `submitTask`: always the same, so that neither a submitter's gas limit
    /// nor an estimate of it decides whether the logic succeeds. `deliver` hands on all it has.
    uint256 public constant HOOK_GAS = 500_000;

    /// @notice Longest supplement window.
    uint32 public constant MAX_SUPPLEMENT_WINDOW = 1_000_000;

    /// @dev Enough to record that the logic failed.
    uint256 private constant HOOK_RESERVE = 60_000;

    /// @dev Bytes of the logic's revert reason that are kept.
    uint256 private constant MAX_REASON = 256;

    /// @notice The code that answers what this contract does not: operators' fees.
    address public immutable extension;

    /// @param authority An AccessManager.
    constructor(address authority, IAvsGovernance governance_)
        AttestationBase(governance_)
        AccessManaged(authority)
    {
        if (authority == address(0)) revert ZeroAddress();
        extension = address(new OperatorFees(governance_));
    }

    /// @dev Calls of the extension's functions, on this contract's storage.
    fallback(bytes calldata input) external returns (bytes memory) {
        return Address.functionDelegateCall(extension, input);
    }

    /* DEFINITIONS */

    /// @inheritdoc IAttestationCenterTasks
    function registerKind(uint16 kind, TaskDefinition calldata d) external restricted {
        if (_definitions[kind].source != address(0)) revert KindExists(kind);
        _require(d.source != address(0), "source");
        _require(address(d.logic).code.length != 0, "logic");
        _require(address(d.seedSource).code.length != 0, "seedSource");
        _require(Quorum.isThreshold(d.thresholdNumerator, d.thresholdDenominator), "threshold");
        _require(d.performerShareBps <= BPS, "performerShareBps");
        _require(d.fetchWindow != 0, "fetchWindow");
        _require(d.turnLength != 0, "turnLength");
        // The horizon over which stake is counted has room for fetching within the life of a task.
        uint256 life = uint256(d.fetchWindow) + d.taskLife;
        _require(d.taskLife != 0 && life <= governance.maxTaskLife(), "taskLife");
        _require(d.votingWindow <= d.taskLife, "votingWindow");
        _require(d.appealWindow <= governance.maxAppealWindow(), "appealWindow");
        _require(d.supplementWindow <= MAX_SUPPLEMENT_WINDOW, "supplementWindow");
        _require(d.minFee <= MAX_TASK_FEE, "minFee");
        governance.checkTiming();
        _definitions[kind] = d;
        emit KindRegistered(kind, d);
    }

    function _require(bool condition, bytes32 field) private pure {
        if (!condition) revert InvalidDefinition(field);
    }

    /// @inheritdoc IAttestationCenterTasks
    function definition(uint16 kind) external view returns (TaskDefinition memory d) {
        d = _definitions[kind];
        if (d.source == address(0)) revert UnknownKind(kind);
    }

    /* ENVIRONMENTS */

    /// @inheritdoc IAttestationCenterTasks
    function scheduleEnvironment(uint16 kind, uint32 activationEpoch, bytes32 digest)
        external
        restricted
    {
        if (_definitions[kind].source == address(0)) revert UnknownKind(kind);
        if (digest == 0) revert ZeroEnvironment();
        uint32 current = governance.currentEpoch();
        if (activationEpoch <= current) revert EpochNotFuture(activationEpoch, current);
        Activation[] storage schedule = _environments[kind];
        uint256 count = schedule.length;
        bool replaced = count != 0 && schedule[count - 1].epoch > current;
        if (replaced) schedule.pop();
        schedule.push(Activation({ epoch: activationEpoch, digest: digest }));
        emit EnvironmentScheduled(kind, activationEpoch, digest, replaced);
    }

    /// @inheritdoc IAttestationCenterTasks
    function environmentAt(uint16 kind, uint32 epoch) external view returns (bytes32 digest) {
        Activation[] storage schedule = _environments[kind];
        // Those who ask mean the newest epochs.
        for (uint256 i = schedule.length; i != 0; --i) {
            if (schedule[i - 1].epoch <= epoch) return schedule[i - 1].digest;
        }
    }

    /// @inheritdoc IAttestationCenterTasks
    function environments(uint16 kind) external view returns (Activation[] memory) {
        return _environments[kind];
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
        record.seedBlock = seedBlock;
        record.subjectHash = subjectHash;
        _liabilities += msg.value;
        emit TaskOpened(
            taskId, kind, epoch, seedBlock, seedBlock + d.seedSource.reach() + 1, subjectHash
        );
    }

    /// @inheritdoc IAttestationCenterTasks
    function fixSeed(uint64 taskId, bytes calldata proof) external {
        Record storage record = _tasks[taskId];
        Head memory head = _head(taskId);
        if (record.seed != 0) revert SeedAlreadyFixed(taskId);
        if (head.state != TaskState.Fetching) revert WrongState(taskId, head.state);
        TaskDefinition storage d = _definitions[head.kind];

        bytes32 r = d.seedSource.randomness(record.seedBlock, proof);
        bytes32 seed = keccak256(abi.encode(SEED_DOMAIN, block.chainid, address(this), taskId, r));
        uint40 present = _clock();
        head.state = TaskState.Evaluating;
        head.turnBaseAt = present;
        head.due = present + d.taskLife;
        _setHead(taskId, head);
        record.seedFixedAt = present;
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

        if (_decisions[c.claimId] != 0) revert ClaimDecided(c.claimId, _outcome(c.claimId));
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
        head.flags |= DELIVERED;
        _setHead(c.taskId, head);
        FeeCommitment memory committed = FeeCommitment({
            epoch: head.epoch,
            claimId: c.claimId,
            performerIndex: c.performerIndex,
            fee: head.fee,
            nonSigners: certificate.nonSigners
        });
        _decisions[c.claimId] = _commitment(c.taskId, committed);
        emit TaskCertified(
            c.taskId, c.claimId, c.performer, c.turn, signed, total, committed, result
        );
        _tellLogic(d.logic, c.taskId, result);
    }

    function _reject(Head memory head, Case memory c, Certificate calldata certificate) private {
        TaskDefinition storage d = _definitions[head.kind];
        (uint128 rejecting, uint128 total) = _checkRejection(c, certificate);
        if (!Quorum.reached(rejecting, total, d.thresholdNumerator, d.thresholdDenominator)) {
            revert QuorumNotReached(rejecting, total);
        }

        _decisions[c.claimId] = REJECTED;
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

        _decisions[c.claimId] = BLOCKED;
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

    /// @dev The task is marked as delivered before. However the logic fails, by reverting, by burning its gas or
    /// by a long reason, the certificate stands.
    function _tellLogic(IAvsLogic logic, uint64 taskId, bytes calldata result) private {
        // A call gets at most 63/64 of what is left.
        uint256 needed = HOOK_GAS * 64 / 63 + HOOK_RESERVE;
        if (gasleft() < needed) revert HookGasTooLow(gasleft(), needed);

        bytes memory input = abi.encodeCall(IAvsLogic.onCertified, (taskId, result));
        bool ok;
        bytes memory reason;
        /// @solidity memory-safe-assembly
        assembly {
            // (ok, reason) = logic.call{gas: HOOK_GAS}(input), keeping at most MAX_REASON bytes
            ok := call(HOOK_GAS, logic, 0, add(input, 0x20), mload(input), 0, 0)
            reason := mload(0x40)
            let length := mul(iszero(ok), returndatasize())
            if gt(length, MAX_REASON) { length := MAX_REASON }
            mstore(reason, length)
            returndatacopy(add(reason, 0x20), 0, length)
            mstore(0x40, add(add(reason, 0x20), MAX_REASON))
        }
        if (ok) {
            emit Delivered(taskId);
        } else {
            _tasks[taskId].head.flags &= ~DELIVERED;
            _undelivered[taskId] = keccak256(result);
            emit DeliveryFailed(taskId, reason);
        }
    }

    /// @inheritdoc IAttestationCenterTasks
    function deliver(uint64 taskId, bytes calldata result) external {
        bytes32 expected = _undelivered[taskId];
        if (expected == 0) revert NothingToDeliver(taskId);
        if (keccak256(result) != expected) revert ResultMismatch(keccak256(result));
        Head storage head = _tasks[taskId].head;
        delete _undelivered[taskId];
        head.flags |= DELIVERED;
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
            uint64 from = record.seedBlock + d.seedSource.reach() + 1;
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

    /* VIEWS */

    /// @inheritdoc IAttestationCenterTasks
    function taskCount() external view returns (uint64) {
        return _taskCount;
    }

    /// @inheritdoc IAttestationCenterTasks
    function task(uint64 taskId) external view returns (Task memory t) {
        Record storage record = _tasks[taskId];
        Head memory head = _head(taskId);
        t.kind = head.kind;
        t.state = head.state;
        t.retried = head.flags & RETRIED != 0;
        t.isFinal = head.flags & FINAL != 0;
        t.delivered = head.flags & DELIVERED != 0;
        t.swept = head.flags & SWEPT != 0;
        t.epoch = head.epoch;
        t.turnBase = head.turnBase;
        t.turnBaseAt = head.turnBaseAt;
        t.seedBlock = record.seedBlock;
        t.seedFixedAt = record.seedFixedAt;
        t.fee = head.fee;
        t.seed = record.seed;
        t.subjectHash = record.subjectHash;
        t.undelivered = _undelivered[taskId];
        if (head.state == TaskState.Fetching) {
            t.deadline = record.seedBlock + _definitions[head.kind].seedSource.reach() + 1;
        } else if (head.state == TaskState.Evaluating) {
            t.deadline = head.due;
        } else if (head.state == TaskState.Certified) {
            t.certifiedAt = head.due;
        }
    }

    /// @inheritdoc IAttestationCenterTasks
    function currentTurn(uint64 taskId) external view returns (uint32 turn, uint32 holder) {
        Head memory head = _head(taskId);
        if (head.state != TaskState.Evaluating) revert WrongState(taskId, head.state);
        turn = _currentTurn(head, _clock());
        holder = turnHolder(taskId, turn);
    }

    /// @inheritdoc IAttestationCenterTasks
    function turnHolder(uint64 taskId, uint32 turn) public view returns (uint32 index) {
        Record storage record = _tasks[taskId];
        if (record.seed == 0) revert SeedNotFixed(taskId);
        (address table,,) = governance.epochTable(record.head.epoch);
        return uint32(table.draw(_turnRandom(record.seed, turn)));
    }

    /// @inheritdoc IAttestationCenterTasks
    function claimOutcome(bytes32 claimId) external view returns (ClaimOutcome) {
        return _outcome(claimId);
    }

    /// @inheritdoc IAttestationCenterTasks
    function taskHash(uint64 taskId) public view returns (bytes32) {
        Record storage record = _tasks[taskId];
        if (record.seed == 0) revert SeedNotFixed(taskId);
        Head memory head = _head(taskId);
        return _taskHash(taskId, head.kind, head.epoch, record.seed, record.subjectHash);
    }

    /// @inheritdoc IAttestationCenterTasks
    function claimDigest(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32)
    {
        return _claimDigest(taskHash(taskId), turn, performer, resultHash);
    }

    /// @inheritdoc IAttestationCenterTasks
    function claimIdOf(uint64 taskId, uint32 turn, address performer, bytes32 resultHash)
        external
        view
        returns (bytes32)
    {
        return _claimId(taskHash(taskId), turn, performer, resultHash);
    }

    /// @inheritdoc IAttestationCenterTasks
    function voteDigest(uint64 taskId, bytes32 claimId, uint8 purpose, uint8 verdict)
        external
        view
        returns (bytes32)
    {
        return _voteDigest(taskHash(taskId), claimId, purpose, verdict);
    }

    /* ENCODINGS */

    function _claimId(bytes32 taskHash_, uint32 turn, address performer, bytes32 resultHash)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(taskHash_, turn, performer, resultHash));
    }

    function _claimDigest(bytes32 taskHash_, uint32 turn, address performer, bytes32 resultHash)
        private
        view
        returns (bytes32)
    {
        // The chain's id is read anew each time: a fork of the chain is another domain.
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this))
        );
        return MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(CLAIM_TYPEHASH, taskHash_, turn, performer, resultHash))
        );
    }

    function _turnRandom(bytes32 seed, uint32 turn) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, turn)));
    }

    function _currentTurn(Head memory head, uint40 present) private view returns (uint32) {
        uint40 passed = (present - head.turnBaseAt) / _definitions[head.kind].turnLength;
        return head.turnBase + SafeCast.toUint32(passed);
    }

    /// @dev In the width in which tasks keep it.
    function _clock() private view returns (uint40) {
        return SafeCast.toUint40(governance.clock());
    }
}
