// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IMarketClock } from "./IMarketClock.sol";
import { IAllocationManager } from "./eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "./eigenlayer/IDelegationManager.sol";
import { IRewardsCoordinator } from "./eigenlayer/IRewardsCoordinator.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface IAvsGovernanceTypes {
    /// @notice Why an operator is at fault.
    enum FaultKind {
        None,
        RejectedClaim,
        WrongSnapshot,
        Equivocation,
        OverturnedApproval,
        PlantedApproval
    }

    /// @notice What governance knows about a member of the operator set.
    /// @param signer The secp256k1 address that signs the operator's claims.
    /// The next epochs' one: a table keeps the one it was written with.
    /// @param position 1 + its position in tables and bitmaps, which a member keeps; 0 for a non-member.
    /// @param registeredAt Real block of its registration.
    /// @param rotatedAt Real block of its last rotation of keys; 0 where there was none.
    /// @param openFaults Faults recorded, and neither executed nor vetoed. While there are any, the operator is
    /// left out of new epochs; a fault also counts for one that has left and comes back.
    /// @param keyHash Hash of the 192 unpadded bytes of the BLS key, which is the next epochs' one too.
    struct Operator {
        address signer;
        uint32 position;
        uint64 registeredAt;
        uint64 rotatedAt;
        uint32 openFaults;
        bytes32 keyHash;
    }

    /// @notice An epoch's table, which nothing changes. Rows are read through the EpochTable library.
    /// @param snapshotBlock The real block in which reading stakes began.
    /// @param certifiableUntil Last real block in which a certificate over it is taken (specification 1.5),
    /// fixed by the parameters of the time when it was written.
    /// @param count Rows in the table, those without stake included.
    /// @param totalStake Sum of the stakes.
    /// @param table The code contract that holds the stakes.
    /// @param chunks Code contracts with the identities.
    /// @param aggregateKey Sum in G2 of the keys of all rows with stake, 192 unpadded bytes.
    struct EpochHead {
        uint64 snapshotBlock;
        uint64 certifiableUntil;
        uint32 count;
        uint128 totalStake;
        address table;
        address[] chunks;
        bytes aggregateKey;
    }

    /// @notice A roll that was begun and is not finished. Zeros where there is none.
    /// @param startBlock Real block in which it began, the snapshot's.
    /// @param horizonBlock Real block through which the stake that it reads stays slashable.
    /// @param chunksLeft Chunks of identities still to be written.
    /// @param rowsRead Positions whose stake was read.
    /// @param rows Positions that the table may need.
    struct RollProgress {
        uint64 startBlock;
        uint64 horizonBlock;
        uint32 chunksLeft;
        uint32 rowsRead;
        uint32 rows;
    }

    /// @notice An operator's record of missed votes.
    /// @param total All that were ever recorded.
    /// @param level What counts now: recorded ones less one for each `missDecay` blocks since.
    struct Misses {
        uint64 total;
        uint32 level;
    }

    /// @notice A recorded fault.
    /// @param executed Whether the operator was slashed for it.
    /// @param vetoed Whether it was cancelled: by governance, or as that of a planted claim.
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
        uint32 missLimit;
        uint32 missDecay;
        uint64 wadsToSlash;
        bool allowListMode;
    }
}

interface IAvsGovernanceErrors {
    error NotAllocationManager(address caller);
    error NotAttestationCenter(address caller);
    error NotRewardsPayer(address caller);
    error NotSnapshotEvidence(address caller);
    error NotPlants(address caller);
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
    /// @notice One that was not asked to do anything.
    error NoRows();
    error RotationTooSoon(uint256 current, uint256 rotatableAt);
    error NotInactive(address operator, uint256 level, uint256 limit);
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
    /// @notice New key and claim signer, for the epochs whose identities are written after this.
    event KeyRotated(address indexed operator, address signer, bytes blsKey);
    /// @notice A roll that one call did not finish began.
    event RollStarted(uint64 snapshotBlock, uint64 horizonBlock);
    /// @param count Rows in the table, those without stake included.
    event EpochRolled(uint32 indexed epoch, uint64 snapshotBlock, uint32 count, uint128 totalStake);
    event FaultRecorded(
        uint256 indexed faultId,
        address indexed operator,
        IAvsGovernanceTypes.FaultKind kind,
        uint64 taskId,
        bytes32 claimId,
        uint64 executableAt
    );
    event MissesRecorded(address indexed operator, uint32 count, uint32 level);
    event InactiveEjected(address indexed operator, uint32 level);
    event FaultExecuted(uint256 indexed faultId, address indexed operator, uint256 wadsToSlash);
    event FaultVetoed(uint256 indexed faultId, address indexed operator);
    /// @notice A planted claim was the performer's to make.
    event FaultExempted(uint256 indexed faultId, address indexed operator);
    /// @param parameter Name of its getter, in ASCII.
    event ParameterSet(bytes32 indexed parameter, uint256 value);
    event OperatorAllowed(address indexed operator, bool allowed);
    event AttestationCenterSet(address attestationCenter);
    event RewardsPayerSet(address payer);
    event SnapshotEvidenceSet(address snapshotEvidence);
    event PlantsSet(address plants);
    event StrategySet(address indexed strategy, uint96 multiplier);
    event Paused(uint64 clock);
    event Unpaused(uint64 clock);
}

/// @title What governance may do
/// @notice Every function here is `restricted` by OpenZeppelin's AccessManager, where roles are given by function.
/// docs/governance.md lists who holds which right after which delay.
interface IAvsGovernanceAdmin is IAvsGovernanceTypes {
    /* ONCE, AT DEPLOYMENT */

    /// @notice Names the contract that records faults. AttestationCenter is deployed after this contract, which
    /// it needs to know; so it is set here, once.
    function setAttestationCenter(address attestationCenter) external;

    /// @notice Names the contract that records faults of signed snapshots, once, in the same way.
    function setSnapshotEvidence(address snapshotEvidence) external;

    /// @notice Names the contract of planted claims, once. Emits PlantsSet; reverts with ZeroAddress or AlreadySet.
    function setPlants(address plants) external;

    /// @notice Makes this contract known to EigenLayer, once: metadata, operator set 0 with its strategies, and
    /// itself as the registrar.
    /// @param strategies In ascending order, as slashing needs them. They never change.
    function setUpAvs(string calldata metadataURI, StrategyWeight[] calldata strategies) external;

    /* AS EIGENLAYER'S TOOLS SEE IT */

    /// @notice Announces a new document about the AVS to EigenLayer, which emits it and keeps nothing.
    function setMetadataURI(string calldata metadataURI) external;

    /// @notice Names the contract for which `submitRewards` works; zero for none.
    function setRewardsPayer(address payer) external;

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
    function setMissLimit(uint32 limit) external;
    function setMissDecay(uint32 blocks) external;
    function setWadsToSlash(uint64 wads) external;
}

interface IEigenLayerLinks {
    /// @notice EigenLayer's AllocationManager.
    function allocationManager() external view returns (IAllocationManager);
    /// @notice EigenLayer's DelegationManager.
    function delegationManager() external view returns (IDelegationManager);
}

/// @title How epochs are rolled, and their tables as programs read them
/// @notice Part of IAvsGovernance, in a contract of its own.
interface IAvsGovernanceRolls is IAvsGovernanceTypes {
    /// @notice Writes a new epoch from current members and slashable stakes, in one call or in pages. By anyone,
    /// also while paused. Members without stake or with open faults get no stake in it.
    /// @dev A roll that begins reverts when the newest epoch is younger than `minEpochAge` and no roll is needed,
    /// when EigenLayer's delays do not cover the timing (1.5), and when nobody has stake. One in progress goes on;
    /// it begins anew when it is older than half of `maxSnapshotAge` or the horizon has grown. Stake is what
    /// stays slashable until `snapshot block + maxSnapshotAge + slashingHorizon`, in whatever block a page is
    /// read.
    /// @param maxRows Most rows of work in this call, about 60,000 gas each: a row of a chunk to be written, or the
    /// stake of an operator, where EigenLayer's answer comes on top. At least one chunk or one stake is done. With
    /// 512 any roll is done in one call.
    /// @return epoch The new epoch; 0 while the roll is incomplete.
    function rollEpoch(uint32 maxRows) external returns (uint32 epoch);

    /// @notice The roll in progress, which the next `rollEpoch` continues or, when it is too old, begins anew.
    function rollProgress() external view returns (RollProgress memory);

    /// @notice Head of an epoch's table. Reverts with UnknownEpoch.
    function epochHead(uint32 epoch) external view returns (EpochHead memory);

    /// @notice One row of an epoch, for programs. Reverts when out of range. Of a row without stake only the stake
    /// means anything: it may name one that left, or one that has another row.
    function epochRow(uint32 epoch, uint32 index)
        external
        view
        returns (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key);
}

/// @title Operators, epochs, faults and parameters, without rolling
/// @notice Part of IAvsGovernance.
interface IAvsGovernanceCore is
    IMarketClock,
    IAvsGovernanceTypes,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents,
    IAvsGovernanceAdmin,
    IEigenLayerLinks
{
    /// @notice The contract that rolls epochs, on the storage of this one.
    function roller() external view returns (address);

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

    /// @notice The current members in the order of their positions.
    function members() external view returns (address[] memory);

    /// @notice Whether only allowed operators may register.
    function allowListMode() external view returns (bool);
    function isAllowed(address operator) external view returns (bool);

    /// @notice The strategies of the operator set, ascending, and their weights.
    function strategyWeights() external view returns (StrategyWeight[] memory);

    /// @notice The contract that records faults; zero until it is set.
    function attestationCenter() external view returns (address);

    /// @notice The contract that records faults of signed snapshots; zero until it is set.
    function snapshotEvidence() external view returns (address);
    /// @notice The contract of planted claims; zero where there is none.
    function plants() external view returns (address);

    /// @notice The 192 unpadded bytes of a member's BLS key: the next epochs' one.
    function blsKey(address operator) external view returns (bytes memory);

    /// @notice Replaces BLS key and claim signer of the calling member. Epochs that are written keep the old ones,
    /// and so does one whose roll has written them already; the new ones count from the next epoch on. At most
    /// once in `maxSnapshotAge` blocks. Both belong to the operator for ever, the old and the new.
    /// @dev By the operator's own address, not by whom it appointed in EigenLayer.
    /// @param possession As at registration (specification 2.8).
    function rotateKey(bytes calldata key, bytes calldata possession, address signer) external;

    /// @notice The message that a key signs to prove possession (specification 2.8).
    function possessionDigest(address operator, bytes calldata key) external view returns (bytes32);

    /* REWARDS */

    /// @notice The contract that may submit rewards in the name of this AVS; zero for none.
    function rewardsPayer() external view returns (address);

    /// @notice Submits rewards to EigenLayer as the AVS, with tokens that the payer has sent here before; by
    /// `rewardsPayer` only. Reverts as the coordinator does.
    /// @param amount Sum of the rewards, in `token`.
    function submitRewards(
        IRewardsCoordinator coordinator,
        IERC20 token,
        uint256 amount,
        IRewardsCoordinator.OperatorDirectedRewardsSubmission[] calldata submissions
    ) external;

    /* EPOCHS */

    /// @notice Newest epoch; 0 before the first roll.
    function currentEpoch() external view returns (uint32);

    /// @notice Where an epoch's rows lie, and the blocks between which it counts. Zeros for an unknown epoch.
    function epochTable(uint32 epoch)
        external
        view
        returns (address table, uint64 snapshotBlock, uint64 certifiableUntil);

    /// @notice Last real block in which evidence against a task on an epoch can lead to a fault that is
    /// executable while the epoch's stake is slashable. Zero for an unknown epoch.
    function evidenceUntil(uint32 epoch) external view returns (uint64);

    /// @notice True when an operator with stake in the newest epoch left, one was slashed or is at fault, or the
    /// slashing horizon grew since (specification 1.4).
    function rollNeeded() external view returns (bool);

    /// @notice Whether a task may open on the newest epoch now.
    function epochUsable() external view returns (bool);

    /* FAULTS */

    /// @notice Records a fault; by AttestationCenter only. Calls nobody.
    function recordFault(address operator, FaultKind kind, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId);

    /// @notice Records a WrongSnapshot fault; by SnapshotEvidence only, which sees to it that an operator has one
    /// for an epoch. Calls nobody.
    /// @param epoch Epoch of the snapshot, which the fault keeps as its task.
    /// @param digest The snapshot's, which it keeps as its claim.
    function recordSnapshotFault(address operator, uint32 epoch, bytes32 digest)
        external
        returns (uint256 faultId);

    /// @notice Records a PlantedApproval fault; by Plants only, which sees to it that an operator has one for a claim.
    /// Calls nobody.
    function recordPlantFault(address operator, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId);

    /// @notice Cancels the fault of a planted claim's performer as `vetoFault` does; by Plants only.
    function exemptFault(uint256 faultId) external;

    /// @notice Slashes in EigenLayer; by anyone, from the fault's `executableAt`. Reverts as EigenLayer does, and
    /// can then be tried again.
    function executeFault(uint256 faultId) external;

    function fault(uint256 faultId) external view returns (Fault memory);
    function faultCount() external view returns (uint256);

    /* LIVENESS */

    /// @notice Adds missed votes to an operator's record; by AttestationCenter only, which has seen on chain that
    /// they are missing. Calls nobody.
    function recordMisses(address operator, uint32 count) external;

    /// @notice Takes a member whose misses exceed `missLimit` out of the operator set, through EigenLayer; by
    /// anyone. The record stays: one that comes back before it has drained can be taken out again.
    function ejectInactive(address operator) external;

    /// @notice What was recorded of an operator, member or not.
    function missesOf(address operator) external view returns (Misses memory);

    /* TIMING (real blocks; specification 1.5) */

    function maxSnapshotAge() external view returns (uint32);
    function minEpochAge() external view returns (uint32);
    function maxTaskLife() external view returns (uint32);
    function maxAppealWindow() external view returns (uint32);
    function evidenceWindow() external view returns (uint32);
    function vetoWindow() external view returns (uint32);
    /// @notice What a fault that is recorded now waits for. A longer veto window comes into force when the stake of
    /// all epochs that were written before it has stopped to count.
    function vetoWindowInForce() external view returns (uint32);
    function slashingHorizon() external view returns (uint64);
    /// @notice Reverts with TimingExceedsDeallocation where EigenLayer's delays do not cover
    /// `maxSnapshotAge + slashingHorizon`. Stake leaves by deallocation, by the operator, or by withdrawal, by
    /// its stakers; it can be slashed until the delay of either is over.
    function checkTiming() external view;
    /// @notice Share of a slashed operator's allocated stake, in 1e18ths.
    function wadsToSlash() external view returns (uint64);
    /// @notice Misses above which a member can be taken out.
    function missLimit() external view returns (uint32);
    /// @notice Real blocks in which one recorded miss is forgotten.
    function missDecay() external view returns (uint32);
    /// @notice Most operators that may be members at one time.
    function operatorCap() external view returns (uint32);
}

/// @title Operators, epochs, faults and parameters
/// @notice The AVS of EigenLayer's core and its registrar. Cannot touch a bounty.
interface IAvsGovernance is IAvsGovernanceCore, IAvsGovernanceRolls { }
