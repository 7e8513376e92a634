// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAVSRegistrar } from "../../src/interfaces/eigenlayer/IAVSRegistrar.sol";
import {
    IAllocationManagerTypes,
    OperatorSet
} from "../../src/interfaces/eigenlayer/IAllocationManager.sol";

/// @dev Test double of EigenLayer's AllocationManager: what AvsGovernance calls, and what EigenLayer checks there.
/// The real one is exercised on a local chain.
contract AllocationManagerDouble is IAllocationManagerTypes {
    error NotTheAvs(address caller);
    error NoMetadata();
    error NotSupported(address avs);
    error StrategiesNotAscending();
    error InvalidWads(uint256 wads);
    error SlashingPaused();
    error NotSlashable(address operator);

    /// @dev Shares that leave at `until`; the block itself is without them.
    struct Stake {
        uint256 shares;
        uint256 until;
    }

    uint32 public DEALLOCATION_DELAY;
    bool public slashingPaused;

    mapping(address avs => string) public metadataURI;
    mapping(address avs => IAVSRegistrar) public registrarOf;
    mapping(address avs => address[]) private _strategies;
    mapping(address operator => mapping(address strategy => Stake)) private _stakes;
    mapping(address operator => bool) public isSlashable;

    SlashingParams private _lastSlash;
    uint256 public slashCount;

    constructor(uint32 deallocationDelay) {
        DEALLOCATION_DELAY = deallocationDelay;
    }

    /* WHAT THE TEST SAYS */

    function setStake(address operator, address strategy, uint256 shares) external {
        setStakeUntil(operator, strategy, shares, type(uint256).max);
    }

    function setStakeUntil(address operator, address strategy, uint256 shares, uint256 until)
        public
    {
        _stakes[operator][strategy] = Stake(shares, until);
    }

    function setDeallocationDelay(uint32 delay) external {
        DEALLOCATION_DELAY = delay;
    }

    function setSlashingPaused(bool paused_) external {
        slashingPaused = paused_;
    }

    function setSlashable(address operator, bool slashable) external {
        isSlashable[operator] = slashable;
    }

    /// @dev Any call of the registrar, to see what it refuses.
    function callRegister(
        address registrar,
        address operator,
        address avs,
        uint32[] calldata ids,
        bytes calldata data
    ) external {
        IAVSRegistrar(registrar).registerOperator(operator, avs, ids, data);
    }

    function callDeregister(address registrar, address operator, address avs, uint32[] calldata ids)
        external
    {
        IAVSRegistrar(registrar).deregisterOperator(operator, avs, ids);
    }

    /* WHAT EIGENLAYER DOES */

    function updateAVSMetadataURI(address avs, string calldata uri) external {
        _onlyAvs(avs);
        metadataURI[avs] = uri;
    }

    function createOperatorSets(address avs, CreateSetParams[] calldata params) external {
        _onlyAvs(avs);
        if (bytes(metadataURI[avs]).length == 0) revert NoMetadata();
        for (uint256 i; i < params.length; ++i) {
            _strategies[avs] = params[i].strategies;
        }
    }

    function setAVSRegistrar(address avs, IAVSRegistrar registrar) external {
        _onlyAvs(avs);
        if (!registrar.supportsAVS(avs)) revert NotSupported(avs);
        registrarOf[avs] = registrar;
    }

    function registerForOperatorSets(address operator, RegisterParams calldata params) external {
        isSlashable[operator] = true;
        registrarOf[params.avs].registerOperator(
            operator, params.avs, params.operatorSetIds, params.data
        );
    }

    function deregisterFromOperatorSets(DeregisterParams calldata params) external {
        if (msg.sender != params.operator) _onlyAvs(params.avs);
        registrarOf[params.avs].deregisterOperator(
            params.operator, params.avs, params.operatorSetIds
        );
    }

    function slashOperator(address avs, SlashingParams calldata params) external {
        _onlyAvs(avs);
        if (slashingPaused) revert SlashingPaused();
        if (!isSlashable[params.operator]) revert NotSlashable(params.operator);
        for (uint256 i; i < params.strategies.length; ++i) {
            if (i != 0 && params.strategies[i] <= params.strategies[i - 1]) {
                revert StrategiesNotAscending();
            }
            uint256 wads = params.wadsToSlash[i];
            if (wads == 0 || wads > 1e18) revert InvalidWads(wads);
            Stake storage stake = _stakes[params.operator][params.strategies[i]];
            stake.shares -= stake.shares * wads / 1e18;
        }
        _lastSlash = params;
        ++slashCount;
    }

    function getMinimumSlashableStake(
        OperatorSet calldata,
        address[] calldata operators,
        address[] calldata strategies,
        uint32 futureBlock
    ) external view returns (uint256[][] memory stake) {
        stake = new uint256[][](operators.length);
        for (uint256 i; i < operators.length; ++i) {
            stake[i] = new uint256[](strategies.length);
            for (uint256 j; j < strategies.length; ++j) {
                Stake storage entry = _stakes[operators[i]][strategies[j]];
                if (futureBlock < entry.until) stake[i][j] = entry.shares;
            }
        }
    }

    function strategiesOf(address avs) external view returns (address[] memory) {
        return _strategies[avs];
    }

    function lastSlash() external view returns (SlashingParams memory) {
        return _lastSlash;
    }

    function sharesOf(address operator, address strategy) external view returns (uint256) {
        return _stakes[operator][strategy].shares;
    }

    function _onlyAvs(address avs) private view {
        if (msg.sender != avs) revert NotTheAvs(msg.sender);
    }
}

/// @dev Test double of EigenLayer's DelegationManager: its withdrawal delay.
contract DelegationManagerDouble {
    uint32 public minWithdrawalDelayBlocks;

    constructor(uint32 delay) {
        minWithdrawalDelayBlocks = delay;
    }

    function setMinWithdrawalDelayBlocks(uint32 delay) external {
        minWithdrawalDelayBlocks = delay;
    }
}
