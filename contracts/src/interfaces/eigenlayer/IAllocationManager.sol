// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Names an operator set: the AVS that owns it and the AVS's own number for it.
struct OperatorSet {
    address avs;
    uint32 id;
}

interface IAllocationManagerTypes {
    /// @notice A change of an operator's allocation to one operator set.
    /// @param strategies Strategies whose magnitude changes.
    /// @param newMagnitudes Magnitude wanted for each, in 1e18ths of the operator's whole stake.
    struct AllocateParams {
        OperatorSet operatorSet;
        address[] strategies;
        uint64[] newMagnitudes;
    }

    /// @notice What an operator has allocated to one operator set from one strategy.
    /// @param currentMagnitude Magnitude that counts now, in 1e18ths.
    /// @param pendingDiff Change that takes effect at `effectBlock`; 0 when none is pending.
    /// @param effectBlock Block in which the change takes effect.
    struct Allocation {
        uint64 currentMagnitude;
        int128 pendingDiff;
        uint32 effectBlock;
    }

    /// @notice A new operator set and the strategies whose stake counts in it.
    struct CreateSetParams {
        uint32 operatorSetId;
        address[] strategies;
    }

    /// @notice An operator's entry into operator sets of one AVS.
    /// @param data Handed to the AVS's registrar unread.
    struct RegisterParams {
        address avs;
        uint32[] operatorSetIds;
        bytes data;
    }

    /// @notice An operator's exit from operator sets of one AVS.
    struct DeregisterParams {
        address operator;
        address avs;
        uint32[] operatorSetIds;
    }

    /// @notice A slash of one operator in one operator set.
    /// @param strategies Strategies to slash, addresses in ascending order.
    /// @param wadsToSlash Share of the allocation to slash of each, in 1e18ths, from 1 to 1e18.
    /// @param description Emitted, not stored.
    struct SlashingParams {
        address operator;
        uint32 operatorSetId;
        address[] strategies;
        uint256[] wadsToSlash;
        string description;
    }
}

/// @title The part of EigenLayer's AllocationManager that this project uses
/// @notice Declared anew from the public ABI of the slashing release. `slashOperator` of later
/// releases also returns values; a caller that reads none works with both.
interface IAllocationManager is IAllocationManagerTypes {
    /// @notice Blocks until a deallocation is free of slashing.
    function DEALLOCATION_DELAY() external view returns (uint32);

    /// @notice Blocks until a changed allocation delay of an operator holds.
    function ALLOCATION_CONFIGURATION_DELAY() external view returns (uint32);

    /* AVS: by the AVS itself, or whom it appointed in PermissionController */

    /// @notice Announces the AVS. Must precede its first operator set.
    function updateAVSMetadataURI(address avs, string calldata metadataURI) external;

    /// @notice Sets who hears of registrations. Reverts unless `registrar.supportsAVS(avs)`.
    function setAVSRegistrar(address avs, address registrar) external;

    /// @notice Who hears of registrations; the AVS itself when none was set.
    function getAVSRegistrar(address avs) external view returns (address);

    function createOperatorSets(address avs, CreateSetParams[] calldata params) external;

    function addStrategiesToOperatorSet(
        address avs,
        uint32 operatorSetId,
        address[] calldata strategies
    ) external;

    /// @notice Slashes an operator that is, or within the deallocation delay was, in the set.
    /// The delegated stakers' withdrawable shares fall with it.
    function slashOperator(address avs, SlashingParams calldata params) external;

    /* OPERATORS: by the operator itself, or whom it appointed */

    /// @notice Sets the blocks between an allocation and its effect.
    function setAllocationDelay(address operator, uint32 delay) external;

    /// @return isSet Whether the operator ever set a delay that holds by now.
    /// @return delay The delay in blocks.
    function getAllocationDelay(address operator) external view returns (bool isSet, uint32 delay);

    function modifyAllocations(address operator, AllocateParams[] calldata params) external;

    /// @notice Joins operator sets; calls `registerOperator` of the AVS's registrar, which may revert.
    function registerForOperatorSets(address operator, RegisterParams calldata params) external;

    /// @notice Leaves operator sets, by the operator or the AVS; calls `deregisterOperator` of the
    /// registrar. The operator stays slashable for DEALLOCATION_DELAY blocks.
    function deregisterFromOperatorSets(DeregisterParams calldata params) external;

    /* VIEWS */

    function isOperatorSet(OperatorSet calldata operatorSet) external view returns (bool);

    function getMembers(OperatorSet calldata operatorSet) external view returns (address[] memory);

    function getMemberCount(OperatorSet calldata operatorSet) external view returns (uint256);

    function isMemberOfOperatorSet(address operator, OperatorSet calldata operatorSet)
        external
        view
        returns (bool);

    /// @notice Whether a slash of the operator in this set can still take effect.
    function isOperatorSlashable(address operator, OperatorSet calldata operatorSet)
        external
        view
        returns (bool);

    function getStrategiesInOperatorSet(OperatorSet calldata operatorSet)
        external
        view
        returns (address[] memory);

    function getAllocation(address operator, OperatorSet calldata operatorSet, address strategy)
        external
        view
        returns (Allocation memory);

    /// @notice Highest magnitude that slashing has left to the operator, in 1e18ths.
    function getMaxMagnitude(address operator, address strategy) external view returns (uint64);

    /// @notice Least stake of each operator and strategy that can be slashed from now until
    /// `futureBlock`, were nothing deposited or allocated in between.
    /// @param futureBlock A block not in the past.
    /// @return stake Shares of the strategy, as `stake[operator][strategy]`.
    function getMinimumSlashableStake(
        OperatorSet calldata operatorSet,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory stake);

    /// @notice Whether functions with this index are paused.
    function paused(uint8 index) external view returns (bool);

    /// @notice Pauses functions, one bit each; by a pauser of the pauser registry.
    function pause(uint256 newPausedStatus) external;

    /// @notice Clears pause bits; by the unpauser of the pauser registry.
    function unpause(uint256 newPausedStatus) external;
}
