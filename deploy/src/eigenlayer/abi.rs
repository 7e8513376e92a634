//! What is called in EigenLayer's core, declared from its public ABI.
//!
//! Only what this crate uses; the errors are all of those that its contracts can answer with.

use alloy::sol;

sol! {
    #[derive(Debug)]
    struct OperatorSet {
        address avs;
        uint32 id;
    }

    struct AllocateParams {
        OperatorSet operatorSet;
        address[] strategies;
        uint64[] newMagnitudes;
    }

    struct RegisterParams {
        address avs;
        uint32[] operatorSetIds;
        bytes data;
    }

    struct DeregisterParams {
        address operator;
        address avs;
        uint32[] operatorSetIds;
    }

    #[derive(Default)]
    struct SignatureWithExpiry {
        bytes signature;
        uint256 expiry;
    }

    contract AllocationManager {
        constructor(
            address delegationManager,
            address pauserRegistry,
            address permissionController,
            uint32 deallocationDelay,
            uint32 allocationConfigurationDelay,
            string version
        );

        function initialize(address owner, uint256 pausedStatus) external;
        function setAllocationDelay(address operator, uint32 delay) external;
        function getAllocationDelay(address operator) external view
            returns (bool isSet, uint32 delay);
        function modifyAllocations(address operator, AllocateParams[] params) external;
        function registerForOperatorSets(address operator, RegisterParams params) external;
        function deregisterFromOperatorSets(DeregisterParams params) external;
        function getMinimumSlashableStake(
            OperatorSet operatorSet,
            address[] operators,
            address[] strategies,
            uint32 futureBlock
        ) external view returns (uint256[][] stakes);
    }

    contract DelegationManager {
        constructor(
            address strategyManager,
            address eigenPodManager,
            address allocationManager,
            address pauserRegistry,
            address permissionController,
            uint32 withdrawalDelay,
            string version
        );

        function initialize(address owner, uint256 pausedStatus) external;
        function registerAsOperator(
            address delegationApprover,
            uint32 allocationDelay,
            string metadataUri
        ) external;
        function delegateTo(
            address operator,
            SignatureWithExpiry approval,
            bytes32 approvalSalt
        ) external;
        function getWithdrawableShares(address staker, address[] strategies) external view
            returns (uint256[] withdrawable, uint256[] deposited);
    }

    contract StrategyManager {
        constructor(address delegationManager, address pauserRegistry, string version);

        function initialize(address owner, address whitelister, uint256 pausedStatus) external;
        function addStrategiesToDepositWhitelist(address[] strategies) external;
        function strategyIsWhitelistedForDeposit(address strategy) external view returns (bool);
        function depositIntoStrategy(address strategy, address token, uint256 amount) external
            returns (uint256 shares);
        function getBurnableShares(address strategy) external view returns (uint256 shares);
        function burnShares(address strategy) external;
    }

    contract PermissionController {
        constructor(string version);

        function version() external view returns (string);
    }

    contract AVSDirectory {
        constructor(address delegationManager, address pauserRegistry, string version);

        function initialize(address owner, uint256 pausedStatus) external;
    }

    contract RewardsCoordinator {
        constructor(
            address delegationManager,
            address strategyManager,
            uint32 calculationInterval,
            uint32 maxDuration,
            uint32 maxRetroactiveLength,
            uint32 maxFutureLength,
            uint32 genesisTimestamp
        );

        function initialize(
            address owner,
            address pauserRegistry,
            uint256 pausedStatus,
            address updater,
            uint32 activationDelay,
            uint16 defaultSplit
        ) external;
    }

    contract EigenPodManager {
        constructor(
            address beaconDeposits,
            address podBeacon,
            address delegationManager,
            address pauserRegistry,
            string version
        );

        function initialize(address owner, uint256 pausedStatus) external;
    }

    contract EigenPod {
        constructor(
            address beaconDeposits,
            address eigenPodManager,
            uint64 genesisTime,
            string version
        );
    }

    /// OpenZeppelin's, one for each proxy.
    contract ProxyAdmin {
        function upgradeAndCall(address proxy, address implementation, bytes data) external payable;
    }

    /// What a strategy tells of itself.
    contract Strategy {
        function underlyingToken() external view returns (address token);
    }

    /// What every contract of the core that can be paused has.
    contract Pausable {
        function pause(uint256 pausedStatus) external;
        function unpause(uint256 pausedStatus) external;
    }

    /// What stakers call in the token of our own.
    contract StakeToken {
        function mint(address account, uint256 amount) external;
        function approve(address spender, uint256 amount) external returns (bool);
    }

    /// The errors of AllocationManager, DelegationManager, StrategyManager and
    /// PermissionController.
    contract Core {
        error ActivelyDelegated();
        error AdminAlreadyPending();
        error AdminAlreadySet();
        error AdminNotPending();
        error AdminNotSet();
        error AlreadyMemberOfSet();
        error AppointeeAlreadySet();
        error AppointeeNotSet();
        error CallerCannotUndelegate();
        error CannotHaveZeroAdmins();
        error CurrentlyPaused();
        error Empty();
        error FullySlashed();
        error InputAddressZero();
        error InputArrayLengthMismatch();
        error InputArrayLengthZero();
        error InsufficientMagnitude();
        error InvalidAVSRegistrar();
        error InvalidCaller();
        error InvalidNewPausedStatus();
        error InvalidOperator();
        error InvalidOperatorSet();
        error InvalidPermissions();
        error InvalidShortString();
        error InvalidSignature();
        error InvalidSnapshotOrdering();
        error InvalidWadToSlash();
        error MaxStrategiesExceeded();
        error ModificationAlreadyPending();
        error NonexistentAVSMetadata();
        error NotActivelyDelegated();
        error NotAdmin();
        error NotMemberOfSet();
        error OnlyAllocationManager();
        error OnlyDelegationManager();
        error OnlyEigenPodManager();
        error OnlyPauser();
        error OnlyStrategyManagerOrEigenPodManager();
        error OnlyStrategyWhitelister();
        error OnlyUnpauser();
        error OperatorNotRegistered();
        error OperatorNotSlashable();
        error OperatorsCannotUndelegate();
        error OutOfBounds();
        error SaltSpent();
        error SameMagnitude();
        error SharesAmountTooHigh();
        error SharesAmountZero();
        error SignatureExpired();
        error StakerAddressZero();
        error StrategiesMustBeInAscendingOrder();
        error StrategyAlreadyInOperatorSet();
        error StrategyNotFound();
        error StrategyNotInOperatorSet();
        error StrategyNotWhitelisted();
        error StringTooLong(string str);
        error UninitializedAllocationDelay();
        error WithdrawalDelayNotElapsed();
        error WithdrawalNotQueued();
        error WithdrawerNotCaller();
    }
}
