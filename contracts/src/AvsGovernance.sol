// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { EpochRoller } from "./governance/EpochRoller.sol";
import { FaultLedger } from "./governance/FaultLedger.sol";
import { MarketParameters } from "./governance/MarketParameters.sol";
import { IAvsGovernanceAdmin, IAvsGovernanceCore } from "./interfaces/IAvsGovernance.sol";
import {
    IAllocationManager,
    IAllocationManagerTypes
} from "./interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "./interfaces/eigenlayer/IDelegationManager.sol";
import { IRewardsCoordinator } from "./interfaces/eigenlayer/IRewardsCoordinator.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";

/// @title Operators, epochs, faults, parameters and the market's clock
/// @notice The AVS of EigenLayer's core and its own registrar. It holds no money, and moves none but rewards that
/// somebody pays through EigenLayer.
/// @dev Deployment: AccessManager, this contract, AttestationCenter, then `setAttestationCenter` and `setUpAvs`.
contract AvsGovernance is FaultLedger {
    using SafeERC20 for IERC20;

    /// @inheritdoc IAvsGovernanceCore
    address public immutable roller;

    /// @inheritdoc IAvsGovernanceCore
    address public rewardsPayer;

    /// @param authority An AccessManager.
    /// @param allocationManager_ EigenLayer's AllocationManager.
    /// @param delegationManager_ EigenLayer's DelegationManager.
    constructor(
        address authority,
        IAllocationManager allocationManager_,
        IDelegationManager delegationManager_,
        Parameters memory initial
    ) MarketParameters(authority, allocationManager_, delegationManager_, initial) {
        roller = address(new EpochRoller(allocationManager_, delegationManager_));
    }

    /// @dev Calls of the roller's functions, on this contract's storage.
    fallback(bytes calldata input) external returns (bytes memory) {
        return Address.functionDelegateCall(roller, input);
    }

    /* SET-UP */

    /// @inheritdoc IAvsGovernanceAdmin
    function setUpAvs(string calldata metadataURI, StrategyWeight[] calldata strategies)
        external
        restricted
    {
        if (_strategies.length != 0) revert AlreadySet();
        if (strategies.length == 0) revert NoStrategies();

        address[] memory addresses = new address[](strategies.length);
        address last;
        for (uint256 i; i < strategies.length; ++i) {
            StrategyWeight calldata weight = strategies[i];
            if (weight.strategy <= last || weight.multiplier == 0) {
                revert InvalidStrategy(weight.strategy);
            }
            last = addresses[i] = weight.strategy;
            _strategies.push(weight);
            emit StrategySet(weight.strategy, weight.multiplier);
        }

        IAllocationManagerTypes.CreateSetParams[] memory sets =
            new IAllocationManagerTypes.CreateSetParams[](1);
        sets[0] = IAllocationManagerTypes.CreateSetParams({
            operatorSetId: OPERATOR_SET_ID, strategies: addresses
        });
        allocationManager.updateAVSMetadataURI(address(this), metadataURI);
        allocationManager.createOperatorSets(address(this), sets);
        allocationManager.setAVSRegistrar(address(this), address(this));
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setMetadataURI(string calldata metadataURI) external restricted {
        allocationManager.updateAVSMetadataURI(address(this), metadataURI);
    }

    /// @inheritdoc IAvsGovernanceCore
    function strategyWeights() external view returns (StrategyWeight[] memory) {
        return _strategies;
    }

    /* REWARDS */

    /// @inheritdoc IAvsGovernanceAdmin
    function setRewardsPayer(address payer) external restricted {
        rewardsPayer = payer;
        emit RewardsPayerSet(payer);
    }

    /// @inheritdoc IAvsGovernanceCore
    function submitRewards(
        IRewardsCoordinator coordinator,
        IERC20 token,
        uint256 amount,
        IRewardsCoordinator.OperatorDirectedRewardsSubmission[] calldata submissions
    ) external {
        if (msg.sender != rewardsPayer) {
            revert NotRewardsPayer(msg.sender);
        }
        token.forceApprove(address(coordinator), amount);
        coordinator.createOperatorDirectedAVSRewardsSubmission(address(this), submissions);
    }

    /* EPOCHS */

    /// @inheritdoc IAvsGovernanceCore
    function currentEpoch() external view returns (uint32) {
        return _market.currentEpoch;
    }

    /// @inheritdoc IAvsGovernanceCore
    function rollNeeded() external view returns (bool) {
        return _market.rollNeeded;
    }

    /// @inheritdoc IAvsGovernanceCore
    function epochUsable() external view returns (bool) {
        Market memory market = _market;
        if (market.currentEpoch == 0 || market.rollNeeded) return false;
        uint256 snapshotBlock = _epochs[market.currentEpoch].snapshotBlock;
        return block.number <= snapshotBlock + _parameters.maxSnapshotAge;
    }

    /// @inheritdoc IAvsGovernanceCore
    function epochTable(uint32 epoch)
        external
        view
        returns (address table, uint64 snapshotBlock, uint64 certifiableUntil)
    {
        Epoch memory entry = _epochs[epoch];
        return (entry.table, entry.snapshotBlock, _certifiableUntil(entry));
    }

    /// @inheritdoc IAvsGovernanceCore
    function evidenceUntil(uint32 epoch) external view returns (uint64) {
        Epoch memory entry = _epochs[epoch];
        return _certifiableUntil(entry) + entry.evidenceWindow;
    }
}
