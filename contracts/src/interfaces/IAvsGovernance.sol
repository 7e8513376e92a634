// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IMarketClock } from "./IMarketClock.sol";

interface IAvsGovernanceTypes {
    /// @notice Why an operator is at fault.
    enum FaultKind {
        None,
        RejectedClaim
    }

    /// @notice What governance knows about a member of the operator set.
    /// @param signer The secp256k1 address that signs the operator's claims.
    /// @param position 1 + index among the current members; 0 for a non-member.
    /// @param registeredAt Real block of its registration.
    /// @param openFaults Faults recorded, and neither executed nor vetoed. While there are any, the operator is
    /// left out of new epochs; a fault also counts for one that has left and comes back.
    /// @param keyHash Hash of the 192 unpadded bytes of the BLS key.
    struct Operator {
        address signer;
        uint32 position;
        uint64 registeredAt;
        uint32 openFaults;
        bytes32 keyHash;
    }

    /// @notice An epoch's table, which nothing changes. Rows are read through the EpochTable library.
    /// @param snapshotBlock The real block in which stakes were read.
    /// @param certifiableUntil Last real block in which a certificate over it is taken (specification 1.5),
    /// fixed by the parameters of the time when it was written.
    /// @param count Rows in the table.
    /// @param totalStake Sum of the stakes.
    /// @param table The code contract that holds the rows.
    /// @param keyChunks Code contracts with the BLS keys; empty when the table itself holds them.
    /// @param aggregateKey Sum of all keys in G2, 192 unpadded bytes.
    struct EpochHead {
        uint64 snapshotBlock;
        uint64 certifiableUntil;
        uint32 count;
        uint128 totalStake;
        address table;
        address[] keyChunks;
        bytes aggregateKey;
    }

    /// @notice A recorded fault.
    /// @param executed Whether the operator was slashed for it.
    /// @param vetoed Whether governance cancelled it.
    /// @param executableAt Real block from which `executeFault` works: slashable stake does not wait for a
    /// paused market.
    struct Fault {
        address operator;
        FaultKind kind;
        bool executed;
        bool vetoed;
        uint64 executableAt;
        uint64 taskId;
        bytes32 claimId;
    }

    /// @notice A strategy of the operator set.
    /// @param multiplier Weight of a share as stake, in 1e18ths.
    struct StrategyWeight {
        address strategy;
        uint96 multiplier;
    }

    /// @notice Parameters at deployment. Windows are in blocks (specification 1.5).
    struct Parameters {
        uint32 maxSnapshotAge;
        uint32 minEpochAge;
        uint32 maxTaskLife;
        uint32 maxAppealWindow;
        uint32 evidenceWindow;
        uint32 vetoWindow;
        uint32 operatorCap;
        uint64 wadsToSlash;
        bool allowListMode;
    }
}

interface IAvsGovernanceErrors {
    error NotAllocationManager(address caller);
    error NotAttestationCenter(address caller);
    error WrongAvs(address avs);
    error WrongOperatorSet(uint32 id);
    error NoOperatorSet();
    error AlreadyRegistered(address operator);
    error NotAllowed(address operator);
    error SetFull(uint256 cap);
    error KeyInUse(bytes32 keyHash);
    error SignerInUse(address signer);
    error InvalidKeyLength(uint256 length);
    error InvalidPossession(address operator);
    error ZeroAddress();
    error NotMember(address operator);
    error EpochTooYoung(uint256 current, uint256 rollableAt);
    error NoStake();
    error UnknownEpoch(uint32 epoch);
    error UnknownFault(uint256 faultId);
    error FaultAlreadyExecuted(uint256 faultId);
    error FaultIsVetoed(uint256 faultId);
    error FaultNotExecutable(uint256 faultId, uint64 executableAt, uint256 current);
    /// @notice `maxSnapshotAge + slashingHorizon` would reach the time until stake can leave (specification 1.5).
    /// @param delay The shorter of EigenLayer's deallocation and withdrawal delays.
    error TimingExceedsDeallocation(uint256 needed, uint256 delay);
    error ParameterOutOfBounds(bytes32 parameter, uint256 value, uint256 low, uint256 high);
    /// @notice Strategies must ascend, without repetition, and weigh something.
    error InvalidStrategy(address strategy);
    error NoStrategies();
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
        bytes32 claimId,
        uint64 executableAt
    );
    event FaultExecuted(uint256 indexed faultId, address indexed operator, uint256 wadsToSlash);
    event FaultVetoed(uint256 indexed faultId, address indexed operator);
    /// @param parameter Name of its getter, in ASCII.
    event ParameterSet(bytes32 indexed parameter, uint256 value);
    event OperatorAllowed(address indexed operator, bool allowed);
    event AttestationCenterSet(address attestationCenter);
    event StrategySet(address indexed strategy, uint96 multiplier);
    event Paused(uint64 clock);
    event Unpaused(uint64 clock);
}

/// @title What governance may do
/// @notice Every function here is `restricted` by OpenZeppelin's AccessManager. Roles are given there, by
/// function: `pause` is meant for a guardian, `vetoFault` for a veto committee, all others for the
/// administrator behind a delay.
interface IAvsGovernanceAdmin is IAvsGovernanceTypes {
    /* ONCE, AT DEPLOYMENT */

    /// @notice Names the contract that records faults. AttestationCenter is deployed after this contract, which
    /// it needs to know; so it is set here, once.
    function setAttestationCenter(address attestationCenter) external;

    /// @notice Makes this contract known to EigenLayer, once: metadata, operator set 0 with its strategies, and
    /// itself as the registrar.
    /// @param strategies In ascending order, as slashing needs them. They never change.
    function setUpAvs(string calldata metadataURI, StrategyWeight[] calldata strategies) external;

    /* OPERATORS */

    /// @notice In allow-list mode only operators that are allowed may register. Members stay members.
    function setAllowListMode(bool enabled) external;
    function setAllowed(address operator, bool allowed) external;

    /// @notice Takes a member out of the operator set, through EigenLayer.
    function ejectOperator(address operator) external;

    /* FAULTS */

    /// @notice Cancels a fault that was not executed.
    function vetoFault(uint256 faultId) external;

    /* PAUSE */

    function pause() external;
    function unpause() external;

    /* PARAMETERS: bounded, and bound by specification 1.5; a longer horizon makes a new epoch necessary */

    function setMaxSnapshotAge(uint32 blocks) external;
    function setMinEpochAge(uint32 blocks) external;
    function setMaxTaskLife(uint32 blocks) external;
    function setMaxAppealWindow(uint32 blocks) external;
    function setEvidenceWindow(uint32 blocks) external;
    function setVetoWindow(uint32 blocks) external;
    function setOperatorCap(uint32 cap) external;
    function setWadsToSlash(uint64 wads) external;
}

/// @title Operators, epochs, faults and parameters
/// @notice The AVS of EigenLayer's core and its registrar. Cannot touch a bounty.
interface IAvsGovernance is
    IMarketClock,
    IAvsGovernanceTypes,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents,
    IAvsGovernanceAdmin
{
    /* OPERATORS */

    // EigenLayer's AllocationManager calls, through IAVSRegistrar:
    //
    // registerOperator(address operator, address avs, uint32[] operatorSetIds, bytes data), where the ids are [0] and
    //   data = abi.encode(bytes blsKey (192), bytes possession (96: G1 unpadded), address signer).
    //   A key or signer belongs for ever to the operator that first registered it.
    // deregisterOperator(address operator, address avs, uint32[] operatorSetIds): never reverts for AllocationManager.
    // supportsAVS(address avs).

    /// @notice What is known of an operator; zeros for a stranger.
    function operatorInfo(address operator) external view returns (Operator memory);

    /// @notice The current members in the order of registration (swapped on removal).
    function members() external view returns (address[] memory);

    /// @notice Whether only allowed operators may register.
    function allowListMode() external view returns (bool);
    function isAllowed(address operator) external view returns (bool);

    /// @notice The strategies of the operator set, ascending, and their weights.
    function strategyWeights() external view returns (StrategyWeight[] memory);

    /// @notice The contract that records faults; zero until it is set.
    function attestationCenter() external view returns (address);

    /// @notice The 192 unpadded bytes of a member's BLS key.
    function blsKey(address operator) external view returns (bytes memory);

    /// @notice The message that a key signs to prove possession (specification 2.8).
    function possessionDigest(address operator, bytes calldata key) external view returns (bytes32);

    /* EPOCHS */

    /// @notice Writes a new epoch from current members and slashable stakes. By anyone, also while paused. Leaves
    /// out members without stake or with open faults.
    /// @dev Reverts when the newest epoch is younger than `minEpochAge` and no roll is needed. Stake is what stays
    /// slashable until the last block in which a fault of a task that opens on this epoch can be executed,
    /// `block.number + maxSnapshotAge + slashingHorizon`.
    function rollEpoch() external returns (uint32 epoch);

    /// @notice Newest epoch; 0 before the first roll.
    function currentEpoch() external view returns (uint32);

    /// @notice Head of an epoch's table. Reverts with UnknownEpoch.
    function epochHead(uint32 epoch) external view returns (EpochHead memory);

    /// @notice Where an epoch's rows lie, and the blocks between which it counts. Zeros for an unknown epoch.
    function epochTable(uint32 epoch)
        external
        view
        returns (address table, uint64 snapshotBlock, uint64 certifiableUntil);

    /// @notice True when a member of the newest epoch left, was slashed or is at fault, or the slashing horizon
    /// grew since (specification 1.4).
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

    /// @notice Slashes in EigenLayer; by anyone, from the fault's `executableAt`. Reverts as EigenLayer does, and
    /// can then be tried again.
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
    /// @notice Reverts with TimingExceedsDeallocation where EigenLayer's delays do not cover
    /// `maxSnapshotAge + slashingHorizon`. Stake leaves by deallocation, by the operator, or by withdrawal, by
    /// its stakers; it can be slashed until the delay of either is over.
    function checkTiming() external view;
    /// @notice Share of a slashed operator's allocated stake, in 1e18ths.
    function wadsToSlash() external view returns (uint64);
    /// @notice Most operators that may be members at one time.
    function operatorCap() external view returns (uint32);
}
