// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMarketClock} from "./IMarketClock.sol";

interface IAvsGovernanceTypes {
    /// @notice Why an operator is at fault.
    enum FaultKind {
        None,
        RejectedClaim
    }

    /// @notice What governance knows about a member of the operator set.
    /// @param signer The secp256k1 address that signs the operator's claims.
    /// @param position 1 + index among the current members; 0 for a non-member.
    /// @param keyHash Hash of the 192 unpadded bytes of the BLS key.
    struct Operator {
        address signer;
        uint32 position;
        bytes32 keyHash;
    }

    /// @notice Head of an epoch's table. Rows are read through the EpochTable library.
    /// @param snapshotBlock The real block in which stakes were read.
    /// @param count Rows in the table.
    /// @param totalStake Sum of the stakes.
    /// @param stakes Code contract with operator, signer, stake and prefix sum of each row.
    /// @param keys Code contracts with the BLS keys, at most 127 each.
    /// @param aggregateKey Sum of all keys in G2, unpadded.
    struct EpochHead {
        uint64 snapshotBlock;
        uint32 count;
        uint128 totalStake;
        address stakes;
        address[] keys;
        bytes aggregateKey;
    }

    /// @notice A recorded fault.
    /// @param executableAt Market clock from which `executeFault` works.
    struct Fault {
        address operator;
        FaultKind kind;
        bool executed;
        uint64 executableAt;
        uint64 taskId;
        bytes32 claimId;
    }
}

interface IAvsGovernanceErrors {
    error NotAllocationManager(address caller);
    error NotAttestationCenter(address caller);
    error WrongAvs(address avs);
    error WrongOperatorSet(uint32 id);
    error AlreadyRegistered(address operator);
    error NotAllowed(address operator);
    error SetFull(uint256 cap);
    error KeyInUse(bytes32 keyHash);
    error SignerInUse(address signer);
    error InvalidKeyLength(uint256 length);
    error InvalidPossession(address operator);
    error ZeroAddress();
    error EpochTooYoung(uint64 clock, uint64 rollableAt);
    error NoStake();
    error UnknownEpoch(uint32 epoch);
    error UnknownFault(uint256 faultId);
    error FaultAlreadyExecuted(uint256 faultId);
    error FaultNotExecutable(uint256 faultId, uint64 executableAt, uint64 clock);
    /// @notice `maxSnapshotAge + slashingHorizon` would reach the deallocation delay (specification 1.5).
    error TimingExceedsDeallocation(uint256 needed, uint256 delay);
    error ParameterOutOfBounds(bytes32 parameter, uint256 value, uint256 low, uint256 high);
    error AlreadySet();
    error AlreadyPaused();
    error NotPaused();
}

interface IAvsGovernanceEvents {
    event OperatorRegistered(address indexed operator, address signer, bytes blsKey);
    event OperatorDeregistered(address indexed operator);
    event EpochRolled(uint32 indexed epoch, uint64 snapshotBlock, uint32 count, uint128 totalStake);
    event FaultRecorded(
        uint256 indexed faultId,
        address indexed operator,
        IAvsGovernanceTypes.FaultKind kind,
        uint64 taskId,
        bytes32 claimId
    );
    event FaultExecuted(uint256 indexed faultId, address indexed operator, uint256 wadsToSlash);
    event ParameterSet(bytes32 indexed parameter, uint256 value);
    event Paused(uint64 clock);
    event Unpaused(uint64 clock);
}

/// @title Operators, epochs, faults and parameters
/// @notice The AVS of EigenLayer's core and its registrar. Cannot touch a bounty.
interface IAvsGovernance is IMarketClock, IAvsGovernanceTypes, IAvsGovernanceErrors, IAvsGovernanceEvents {
    /* OPERATORS: called by AllocationManager through IAVSRegistrar */

    // registerOperator(address operator, address avs, uint32[] operatorSetIds, bytes data)
    //   data = abi.encode(bytes blsKey (192), bytes possession (96: G1 unpadded), address signer)
    // deregisterOperator(address operator, address avs, uint32[] operatorSetIds): never reverts for AllocationManager
    // supportsAVS(address avs)

    /// @notice What is known of an operator; zeros for a stranger.
    function operatorInfo(address operator) external view returns (Operator memory);

    /// @notice The current members in the order of registration (swapped on removal).
    function members() external view returns (address[] memory);

    /// @notice The 192 unpadded bytes of a member's BLS key.
    function blsKey(address operator) external view returns (bytes memory);

    /// @notice The message that a key signs to prove possession (specification 2.8).
    function possessionDigest(address operator, bytes calldata key) external view returns (bytes32);

    /* EPOCHS */

    /// @notice Writes a new epoch from current members and slashable stakes. By anyone.
    /// @dev Reverts when the newest epoch is younger than `minEpochAge` and no roll is needed.
    function rollEpoch() external returns (uint32 epoch);

    /// @notice Newest epoch; 0 before the first roll.
    function currentEpoch() external view returns (uint32);

    /// @notice Head of an epoch's table. Reverts with UnknownEpoch.
    function epochHead(uint32 epoch) external view returns (EpochHead memory);

    /// @notice True when a member was slashed or left since the newest epoch (specification 1.4).
    function rollNeeded() external view returns (bool);

    /// @notice Whether a task may open on the newest epoch now.
    function epochUsable() external view returns (bool);

    /// @notice One row of an epoch, for programs. Reverts when out of range.
    function epochRow(uint32 epoch, uint32 index)
        external
        view
        returns (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key);

    /* FAULTS */

    /// @notice Records a fault; by AttestationCenter only. Calls nobody.
    function recordFault(address operator, FaultKind kind, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId);

    /// @notice Slashes in EigenLayer; by anyone, from the fault's `executableAt`. Repeatable when EigenLayer fails.
    function executeFault(uint256 faultId) external;

    function fault(uint256 faultId) external view returns (Fault memory);
    function faultCount() external view returns (uint256);

    /* TIMING (real blocks; specification 1.5) */

    function maxSnapshotAge() external view returns (uint32);
    function minEpochAge() external view returns (uint32);
    function maxTaskLife() external view returns (uint32);
    function maxAppealWindow() external view returns (uint32);
    function evidenceWindow() external view returns (uint32);
    function vetoWindow() external view returns (uint32);
    function slashingHorizon() external view returns (uint64);
    /// @notice Share of a slashed operator's allocated stake, in 1e18ths.
    function wadsToSlash() external view returns (uint64);
    /// @notice Most operators that may be members at one time.
    function operatorCap() external view returns (uint32);
}
