// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAttestationCenter, IAttestationCenterTypes } from "../interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../interfaces/IAvsGovernance.sol";
import { IAvsLogic } from "../interfaces/IAvsLogic.sol";
import {
    IOthenticAvsLogic,
    IOthenticEvents,
    IOthenticTypes
} from "../interfaces/othentic/IOthenticAvsLogic.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { LibString } from "solady/utils/LibString.sol";

/// @title A kind's logic that calls a hook written for Othentic
/// @notice AttestationCenter tells it of a certified result, and it only notes that: the hook is called by `run`, by
/// anyone, so nothing that the hook does holds a delivery up. A hook that fails is noted, and `run` can be repeated;
/// the certificate stands. The hook has to take this contract for its attestation center. It holds no money.
///
/// What the hook is given:
/// - `proofOfTask`: the claim's id in hexadecimal, 0x first. It names what the quorum signed; where the
/// performer's evidence lies is not signed, so it is not handed on.
/// - `data`: the result. `taskPerformer`: the performer. `taskDefinitionId`: the kind.
/// - `tpSignature`: the performer's signature of its claim (EIP-712, specification 2.6), which is checked here.
/// - `taSignature`: two zeros. Othentic's is a point of BN254, the votes here are on BLS12-381, whose points do not
/// fit; and their aggregate is checked by AttestationCenter and not kept.
/// - `attestersIds`: one more than the position, in the task's epoch, of everybody whose vote the certificate or a
/// supplement has, ascending. For a rejected claim none: AttestationCenter does not keep who rejected it.
contract OthenticAdapter is IAvsLogic, IAttestationCenterTypes, IOthenticTypes, IOthenticEvents {
    using EpochTable for address;

    /// @notice What came of calling the hook for a claim.
    enum Outcome {
        None,
        Failed,
        Done
    }

    error NotAttestationCenter(address caller);
    error NotSelf(address caller);
    error ZeroAddress();
    error NoCode(address account);
    error GasOutOfBounds(uint256 hookGas, uint256 low, uint256 high);
    /// @notice AttestationCenter has not told this contract of the task's result.
    error NotDelivered(uint64 taskId);
    /// @notice The task is of a kind with another logic.
    error OtherLogic(uint64 taskId, address logic);
    error WrongFeeCommitment(uint64 taskId, bytes32 given, bytes32 committed);
    error WrongPerformer(uint32 index, uint32 committed);
    error NotCertified(bytes32 claimId, bytes32 certified);
    error NotRejected(bytes32 claimId, ClaimOutcome outcome);
    error WrongClaimSigner(address recovered, address signer);
    error AlreadyRun(bytes32 claimId);
    /// @notice The hook could not be given its gas.
    error TooLittleGas(uint256 left, uint256 needed);

    /// @notice A result is there for the hook.
    event HookDue(uint64 indexed taskId);
    /// @param reason What the hook reverted with, at most `MAX_REASON` bytes of it.
    event HookFailed(uint64 indexed taskId, bytes32 indexed claimId, bytes reason);

    /// @notice Bounds of `hookGas`. With the highest, a call fits a transaction of 2^24 gas.
    uint256 public constant MIN_HOOK_GAS = 500_000;
    uint256 public constant MAX_HOOK_GAS = 14_000_000;
    /// @notice Bytes kept of what a hook reverted with.
    uint256 public constant MAX_REASON = 256;

    /// @dev What is left for noting the outcome of a call that used all it had.
    uint256 private constant RESERVE = 60_000;

    IAttestationCenter public immutable attestationCenter;
    IAvsGovernance public immutable governance;
    IOthenticAvsLogic public immutable hook;
    /// @notice Gas of both calls of the hook together, arguments included. No caller gives more or less.
    uint256 public immutable hookGas;

    /// @notice Whether AttestationCenter has delivered the task's result.
    mapping(uint64 taskId => bool) public isDelivered;
    mapping(bytes32 claimId => Outcome) public outcomeOf;

    constructor(
        IAttestationCenter attestationCenter_,
        IAvsGovernance governance_,
        IOthenticAvsLogic hook_,
        uint256 hookGas_
    ) {
        if (address(attestationCenter_) == address(0) || address(governance_) == address(0)) {
            revert ZeroAddress();
        }
        if (address(hook_).code.length == 0) revert NoCode(address(hook_));
        if (hookGas_ < MIN_HOOK_GAS || hookGas_ > MAX_HOOK_GAS) {
            revert GasOutOfBounds(hookGas_, MIN_HOOK_GAS, MAX_HOOK_GAS);
        }
        attestationCenter = attestationCenter_;
        governance = governance_;
        hook = hook_;
        hookGas = hookGas_;
    }

    /* DELIVERY */

    /// @inheritdoc IAvsLogic
    /// @dev Notes the task and calls nobody. The result is in AttestationCenter's commitment.
    function onCertified(uint64 taskId, bytes calldata) external {
        if (msg.sender != address(attestationCenter)) revert NotAttestationCenter(msg.sender);
        isDelivered[taskId] = true;
        emit HookDue(taskId);
    }

    /* THE HOOK */

    /// @notice Calls the hook with a delivered result; by anyone, until it succeeds.
    /// @param claim The certified claim. @param committed What the task commits to now.
    function run(
        uint64 taskId,
        Claim calldata claim,
        FeeCommitment calldata committed,
        bytes calldata result
    ) external returns (bool done) {
        if (!isDelivered[taskId]) revert NotDelivered(taskId);
        Task memory task = attestationCenter.task(taskId);
        bytes32 given = attestationCenter.feeCommitmentOf(taskId, committed);
        if (given != task.commitment) {
            revert WrongFeeCommitment(taskId, given, task.commitment);
        }
        if (claim.performerIndex != committed.performerIndex) {
            revert WrongPerformer(claim.performerIndex, committed.performerIndex);
        }
        (address performer, bytes32 claimId) = _read(taskId, task.epoch, claim, result);
        if (claimId != committed.claimId) revert NotCertified(claimId, committed.claimId);
        uint256[] memory ids = _signers(task.epoch, committed.nonSigners);
        return _run(taskId, claimId, _info(claimId, result, performer, task.kind), true, claim, ids);
    }

    /// @notice Calls the hook with a claim that a quorum rejected; by anyone, until it succeeds. Works as long as the
    /// task is not reopened on another epoch after that.
    function runRejected(uint64 taskId, Claim calldata claim, bytes calldata result)
        external
        returns (bool done)
    {
        Task memory task = attestationCenter.task(taskId);
        address logic = address(attestationCenter.definition(task.kind).logic);
        if (logic != address(this)) revert OtherLogic(taskId, logic);
        (address performer, bytes32 claimId) = _read(taskId, task.epoch, claim, result);
        ClaimOutcome outcome = attestationCenter.claimOutcome(claimId);
        if (outcome != ClaimOutcome.Rejected) revert NotRejected(claimId, outcome);
        TaskInfo memory info = _info(claimId, result, performer, task.kind);
        return _run(taskId, claimId, info, false, claim, new uint256[](0));
    }

    /// @dev Performer and id of a claim, whose signature must be the performer's.
    function _read(uint64 taskId, uint32 epoch, Claim calldata claim, bytes calldata result)
        private
        view
        returns (address performer, bytes32 claimId)
    {
        (address table,,) = governance.epochTable(epoch);
        address signer;
        (performer, signer) = table.addressesAt(claim.performerIndex);
        bytes32 resultHash = keccak256(result);
        claimId = attestationCenter.claimIdOf(taskId, claim.turn, performer, resultHash);
        bytes32 digest = attestationCenter.claimDigest(taskId, claim.turn, performer, resultHash);
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, claim.signature);
        if (recovered != signer || recovered == address(0)) {
            revert WrongClaimSigner(recovered, signer);
        }
    }

    /// @dev Those whose votes are in the certificate. A row without stake has no bit and no vote.
    function _signers(uint32 epoch, uint256[] calldata nonSigners)
        private
        view
        returns (uint256[] memory ids)
    {
        (address table,,) = governance.epochTable(epoch);
        uint256 rows = table.count();
        ids = new uint256[](rows);
        uint256 count;
        for (uint256 i; i < rows; ++i) {
            bool missing = nonSigners[i >> 8] >> (i & 0xff) & 1 != 0;
            if (!missing && table.hasStake(i)) ids[count++] = i + 1;
        }
        assembly ("memory-safe") {
            mstore(ids, count) // at most rows
        }
    }

    function _info(bytes32 claimId, bytes calldata result, address performer, uint16 kind)
        private
        pure
        returns (TaskInfo memory)
    {
        return TaskInfo({
            proofOfTask: LibString.toHexString(uint256(claimId), 32),
            data: result,
            taskPerformer: performer,
            taskDefinitionId: kind
        });
    }

    function _run(
        uint64 taskId,
        bytes32 claimId,
        TaskInfo memory info,
        bool isApproved,
        Claim calldata claim,
        uint256[] memory ids
    ) private returns (bool done) {
        if (outcomeOf[claimId] == Outcome.Done) revert AlreadyRun(claimId);
        // First, so that a hook that calls back finds it run.
        outcomeOf[claimId] = Outcome.Done;
        bytes memory reason;
        (done, reason) = _callSelf(
            abi.encodeCall(
                this.callHook, (SafeCast.toUint32(taskId), info, isApproved, claim.signature, ids)
            )
        );
        if (done) return true;
        outcomeOf[claimId] = Outcome.Failed;
        emit HookFailed(taskId, claimId, reason);
    }

    /// @dev With `hookGas` exactly, or not at all: a call gets at most 63/64 of what is left (EIP-150). However much
    /// comes back, `MAX_REASON` bytes of it are copied.
    function _callSelf(bytes memory input) private returns (bool ok, bytes memory reason) {
        uint256 amount = hookGas;
        uint256 needed = amount + amount / 63 + RESERVE;
        uint256 left = gasleft();
        if (left < needed) revert TooLittleGas(left, needed);
        uint256 cap = MAX_REASON;
        assembly ("memory-safe") {
            ok := call(amount, address(), 0, add(input, 0x20), mload(input), 0, 0)
            if iszero(ok) {
                let size := returndatasize()
                if gt(size, cap) { size := cap }
                reason := mload(0x40)
                mstore(0x40, add(reason, and(add(size, 0x3f), not(0x1f))))
                mstore(reason, size)
                returndatacopy(add(reason, 0x20), 0, size)
            }
        }
    }

    /// @notice Both calls of the hook and the event between them, so that all of it happens or nothing; by this
    /// contract alone.
    function callHook(
        uint32 taskNumber,
        TaskInfo calldata info,
        bool isApproved,
        bytes calldata tpSignature,
        uint256[] calldata ids
    ) external {
        if (msg.sender != address(this)) revert NotSelf(msg.sender);
        uint256[2] memory none;
        hook.beforeTaskSubmission(info, isApproved, tpSignature, none, ids);
        if (isApproved) {
            emit TaskSubmitted(
                info.taskPerformer,
                taskNumber,
                info.proofOfTask,
                info.data,
                info.taskDefinitionId,
                ids
            );
        } else {
            emit TaskRejected(
                info.taskPerformer,
                taskNumber,
                info.proofOfTask,
                info.data,
                info.taskDefinitionId,
                ids
            );
        }
        hook.afterTaskSubmission(info, isApproved, tpSignature, none, ids);
    }
}
