// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsGovernance } from "../../src/AvsGovernance.sol";
import { IAvsGovernance } from "../../src/interfaces/IAvsGovernance.sol";
import { IAllocationManager } from "../../src/interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "../../src/interfaces/eigenlayer/IDelegationManager.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Set-up, parameters, their bounds, and the timing inequality (1.5).
contract ParametersTest is GovernanceFixture {
    uint32 internal constant MAX_WINDOW = 10_000_000;

    function test_initial_valuesAreReadable() external view {
        vm.assertEq(governance.maxSnapshotAge(), 100);
        vm.assertEq(governance.minEpochAge(), 20);
        vm.assertEq(governance.maxTaskLife(), 500);
        vm.assertEq(governance.maxAppealWindow(), 100);
        vm.assertEq(governance.evidenceWindow(), 50);
        vm.assertEq(governance.vetoWindow(), 30);
        vm.assertEq(governance.slashingHorizon(), 680);
        vm.assertEq(governance.operatorCap(), 50);
        vm.assertEq(governance.missLimit(), 10);
        vm.assertEq(governance.missDecay(), 40);
        vm.assertEq(governance.vetoWindowInForce(), 30);
        vm.assertEq(governance.wadsToSlash(), 0.1e18);
        vm.assertFalse(governance.allowListMode());
        vm.assertEq(address(governance.allocationManager()), address(eigen));
        vm.assertEq(address(governance.delegationManager()), address(delegation));
    }

    function test_constructor_refusesZeroAddresses() external {
        IAllocationManager e = IAllocationManager(address(eigen));
        IDelegationManager d = IDelegationManager(address(delegation));
        vm.expectRevert(ZeroAddress.selector);
        new AvsGovernance(address(0), e, d, _parameters());
        vm.expectRevert(ZeroAddress.selector);
        new AvsGovernance(address(manager), IAllocationManager(address(0)), d, _parameters());
        vm.expectRevert(ZeroAddress.selector);
        new AvsGovernance(address(manager), e, IDelegationManager(address(0)), _parameters());
    }

    /* SET-UP */

    function test_setUpAvs_makesTheAvsKnown() external view {
        vm.assertEq(eigen.metadataURI(address(governance)), "ipfs://metadata");
        vm.assertEq(address(eigen.registrarOf(address(governance))), address(governance));
        address[] memory strategies = eigen.strategiesOf(address(governance));
        vm.assertEq(strategies.length, 2);
        vm.assertEq(strategies[0], strategyA);
        vm.assertEq(strategies[1], strategyB);
        StrategyWeight[] memory weights = governance.strategyWeights();
        vm.assertEq(weights.length, 2);
        vm.assertEq(weights[1].strategy, strategyB);
        vm.assertEq(weights[1].multiplier, 0.5e18);
    }

    function test_setUpAvs_onceAndByGovernanceOnly() external {
        _expectUnauthorized(makeAddr("stranger"));
        governance.setUpAvs("x", _weights());
        vm.expectRevert(AlreadySet.selector);
        governance.setUpAvs("x", _weights());
    }

    function test_setMetadataURI_byGovernanceOnly() external {
        governance.setMetadataURI("ipfs://newer");
        vm.assertEq(eigen.metadataURI(address(governance)), "ipfs://newer");
        _expectUnauthorized(makeAddr("stranger"));
        governance.setMetadataURI("ipfs://other");
    }

    function test_setUpAvs_refusesStrategiesOutOfOrder() external {
        IAvsGovernance other = _deploy(_parameters());
        StrategyWeight[] memory weights = _weights();
        vm.expectRevert(NoStrategies.selector);
        other.setUpAvs("x", new StrategyWeight[](0));

        (weights[0], weights[1]) = (weights[1], weights[0]);
        vm.expectRevert(abi.encodeWithSelector(InvalidStrategy.selector, strategyA));
        other.setUpAvs("x", weights);

        weights[1] = weights[0];
        vm.expectRevert(abi.encodeWithSelector(InvalidStrategy.selector, strategyB));
        other.setUpAvs("x", weights);

        weights = _weights();
        weights[1].multiplier = 0;
        vm.expectRevert(abi.encodeWithSelector(InvalidStrategy.selector, strategyB));
        other.setUpAvs("x", weights);
    }

    function test_setAttestationCenter_onceAndByGovernanceOnly() external {
        _expectUnauthorized(makeAddr("stranger"));
        governance.setAttestationCenter(address(1));
        vm.expectRevert(ZeroAddress.selector);
        governance.setAttestationCenter(address(0));

        vm.expectEmit(address(governance));
        emit AttestationCenterSet(address(1));
        governance.setAttestationCenter(address(1));
        vm.assertEq(governance.attestationCenter(), address(1));
        vm.expectRevert(AlreadySet.selector);
        governance.setAttestationCenter(address(2));
    }

    /* BOUNDS */

    function test_setters_setAndTell() external {
        vm.expectEmit(address(governance));
        emit ParameterSet("maxSnapshotAge", 99);
        governance.setMaxSnapshotAge(99);
        vm.assertEq(governance.maxSnapshotAge(), 99);
        vm.expectEmit(address(governance));
        emit ParameterSet("minEpochAge", 0);
        governance.setMinEpochAge(0);
        vm.assertEq(governance.minEpochAge(), 0);
        vm.expectEmit(address(governance));
        emit ParameterSet("maxTaskLife", 1);
        governance.setMaxTaskLife(1);
        vm.assertEq(governance.maxTaskLife(), 1);
        vm.expectEmit(address(governance));
        emit ParameterSet("maxAppealWindow", 0);
        governance.setMaxAppealWindow(0);
        vm.assertEq(governance.maxAppealWindow(), 0);
        vm.expectEmit(address(governance));
        emit ParameterSet("evidenceWindow", 0);
        governance.setEvidenceWindow(0);
        vm.assertEq(governance.evidenceWindow(), 0);
        vm.expectEmit(address(governance));
        emit ParameterSet("vetoWindow", 0);
        governance.setVetoWindow(0);
        vm.assertEq(governance.vetoWindow(), 0);
        vm.expectEmit(address(governance));
        emit ParameterSet("operatorCap", 256);
        governance.setOperatorCap(256);
        vm.assertEq(governance.operatorCap(), 256);
        vm.expectEmit(address(governance));
        emit ParameterSet("missLimit", 1);
        governance.setMissLimit(1);
        vm.assertEq(governance.missLimit(), 1);
        vm.expectEmit(address(governance));
        emit ParameterSet("missDecay", 7);
        governance.setMissDecay(7);
        vm.assertEq(governance.missDecay(), 7);
        vm.expectEmit(address(governance));
        emit ParameterSet("wadsToSlash", 1e18);
        governance.setWadsToSlash(1e18);
        vm.assertEq(governance.wadsToSlash(), 1e18);
        vm.expectEmit(address(governance));
        emit ParameterSet("allowListMode", 1);
        governance.setAllowListMode(true);
        vm.assertTrue(governance.allowListMode());
    }

    function test_setters_refuseOutOfBounds() external {
        // With no limit from EigenLayer, only our own bounds are left.
        eigen.setDeallocationDelay(type(uint32).max);
        delegation.setMinWithdrawalDelayBlocks(type(uint32).max);
        uint32 over = MAX_WINDOW + 1;

        _expectBounds("maxSnapshotAge", 0, 1, MAX_WINDOW);
        governance.setMaxSnapshotAge(0);
        _expectBounds("maxSnapshotAge", over, 1, MAX_WINDOW);
        governance.setMaxSnapshotAge(over);
        _expectBounds("minEpochAge", 101, 0, 100);
        governance.setMinEpochAge(101);
        // The same rule from the other side.
        _expectBounds("minEpochAge", 20, 0, 19);
        governance.setMaxSnapshotAge(19);
        _expectBounds("maxTaskLife", 0, 1, MAX_WINDOW);
        governance.setMaxTaskLife(0);
        _expectBounds("maxTaskLife", over, 1, MAX_WINDOW);
        governance.setMaxTaskLife(over);
        _expectBounds("maxAppealWindow", over, 0, MAX_WINDOW);
        governance.setMaxAppealWindow(over);
        _expectBounds("evidenceWindow", over, 0, MAX_WINDOW);
        governance.setEvidenceWindow(over);
        _expectBounds("vetoWindow", over, 0, MAX_WINDOW);
        governance.setVetoWindow(over);
        _expectBounds("operatorCap", 0, 1, 256);
        governance.setOperatorCap(0);
        _expectBounds("operatorCap", 257, 1, 256);
        governance.setOperatorCap(257);
        _expectBounds("missLimit", 0, 1, 1_000_000);
        governance.setMissLimit(0);
        _expectBounds("missLimit", 1_000_001, 1, 1_000_000);
        governance.setMissLimit(1_000_001);
        _expectBounds("missDecay", 0, 1, MAX_WINDOW);
        governance.setMissDecay(0);
        _expectBounds("missDecay", over, 1, MAX_WINDOW);
        governance.setMissDecay(over);
        _expectBounds("wadsToSlash", 0, 1, 1e18);
        governance.setWadsToSlash(0);
        _expectBounds("wadsToSlash", 1e18 + 1, 1, 1e18);
        governance.setWadsToSlash(1e18 + 1);
    }

    function _expectBounds(bytes32 name, uint256 value, uint256 low, uint256 high) private {
        vm.expectRevert(
            abi.encodeWithSelector(ParameterOutOfBounds.selector, name, value, low, high)
        );
    }

    function test_constructor_refusesOutOfBounds() external {
        Parameters memory parameters = _parameters();
        parameters.wadsToSlash = 0;
        _expectBounds("wadsToSlash", 0, 1, 1e18);
        _deploy(parameters);
    }

    function test_setters_byGovernanceOnly() external {
        address stranger = makeAddr("stranger");
        _expectUnauthorized(stranger);
        governance.setMaxSnapshotAge(1);
        _expectUnauthorized(stranger);
        governance.setMinEpochAge(1);
        _expectUnauthorized(stranger);
        governance.setMaxTaskLife(1);
        _expectUnauthorized(stranger);
        governance.setMaxAppealWindow(1);
        _expectUnauthorized(stranger);
        governance.setEvidenceWindow(1);
        _expectUnauthorized(stranger);
        governance.setVetoWindow(1);
        _expectUnauthorized(stranger);
        governance.setOperatorCap(1);
        _expectUnauthorized(stranger);
        governance.setMissLimit(1);
        _expectUnauthorized(stranger);
        governance.setMissDecay(1);
        _expectUnauthorized(stranger);
        governance.setWadsToSlash(1);
        _expectUnauthorized(stranger);
        governance.setAllowListMode(true);
        _expectUnauthorized(stranger);
        governance.setAllowed(stranger, true);
        _expectUnauthorized(stranger);
        governance.ejectOperator(stranger);
        _expectUnauthorized(stranger);
        governance.unpause();
    }

    /* TIMING (1.5) */

    /// Every window may grow to the block before the shorter of EigenLayer's delays, and no further.
    function test_timing_everySetterKeepsTheInequality() external {
        // 780 are used of fewer than 900.
        _expectTiming(900, 900);
        governance.setMaxSnapshotAge(220);
        governance.setMaxSnapshotAge(219);
        governance.setMaxSnapshotAge(100);
        _expectTiming(900, 900);
        governance.setMaxTaskLife(620);
        governance.setMaxTaskLife(619);
        governance.setMaxTaskLife(500);
        _expectTiming(900, 900);
        governance.setMaxAppealWindow(220);
        governance.setMaxAppealWindow(219);
        governance.setMaxAppealWindow(100);
        _expectTiming(900, 900);
        governance.setEvidenceWindow(170);
        governance.setEvidenceWindow(169);
        governance.setEvidenceWindow(50);
        _expectTiming(900, 900);
        governance.setVetoWindow(150);
        governance.setVetoWindow(149);
    }

    function test_timing_theShorterDelayCounts() external {
        eigen.setDeallocationDelay(781);
        governance.checkTiming();
        eigen.setDeallocationDelay(780);
        _expectTiming(780, 780);
        governance.checkTiming();
        eigen.setDeallocationDelay(1000);
        delegation.setMinWithdrawalDelayBlocks(780);
        _expectTiming(780, 780);
        governance.checkTiming();
    }

    /// Where EigenLayer has shortened its delays, windows can be taken back one by one, and none can grow.
    function test_timing_restoredStepByStep() external {
        eigen.setDeallocationDelay(500);
        governance.setMaxTaskLife(300);
        _expectTiming(581, 500);
        governance.setVetoWindow(31);
        governance.setMaxSnapshotAge(20);
        governance.setWadsToSlash(1);
        _expectTiming(500, 500);
        governance.checkTiming();
        governance.setEvidenceWindow(49);
        governance.checkTiming();
    }

    function test_timing_constructorKeepsTheInequality() external {
        Parameters memory parameters = _parameters();
        parameters.vetoWindow = 150;
        _expectTiming(900, 900);
        _deploy(parameters);
    }

    function _expectTiming(uint256 needed, uint256 delay) private {
        vm.expectRevert(abi.encodeWithSelector(TimingExceedsDeallocation.selector, needed, delay));
    }

    /// Only a longer horizon makes a new epoch necessary.
    function test_timing_changeOfTheHorizonNeedsARoll() external {
        _join(1, 1);
        _rollAll();
        governance.setOperatorCap(3);
        governance.setMinEpochAge(3);
        governance.setWadsToSlash(3);
        governance.setVetoWindow(29);
        vm.assertFalse(governance.rollNeeded());
        governance.setVetoWindow(30);
        vm.assertTrue(governance.rollNeeded());
    }

    /// A stake snapshot is only taken where everything that can leave from now on stays slashable through its
    /// horizon: were EigenLayer's delays cut, a roll would count stake that leaves in time.
    function test_timing_noRollBeginsWhereItIsBroken() external {
        _join(1, 1);
        delegation.setMinWithdrawalDelayBlocks(780);
        _expectTiming(780, 780);
        _rollAll();
        governance.setVetoWindow(29);
        vm.assertEq(_rollAll(), 1);
    }

    /// The stake of an epoch stays slashable for the veto window of its time. A longer one would move faults of its
    /// tasks beyond that, so it comes into force when no stake counts any more that was read for the shorter one.
    function test_timing_longerVetoWaitsForTheEpochsThatAreThere() external {
        address center = makeAddr("attestation center");
        governance.setAttestationCenter(center);
        Identity memory id = _join(1, 1);
        _rollAll(); // horizon: block 10,780
        mine(100);
        governance.setVetoWindow(149);
        vm.assertEq(governance.vetoWindow(), 149);
        vm.assertEq(governance.vetoWindowInForce(), 30);

        // The last block for evidence against a task of the epoch: 10,000 + 700 + 50.
        vm.assertEq(governance.evidenceUntil(1), 10_750);
        mine(650);
        vm.prank(center);
        governance.recordFault(id.operator, FaultKind.RejectedClaim, 1, "claim");
        vm.assertEq(governance.fault(1).executableAt, 10_780);

        mine(30);
        vm.assertEq(governance.vetoWindowInForce(), 30);
        mine(1);
        vm.assertEq(governance.vetoWindowInForce(), 149);
        // A shorter one is in force at once, also where a longer one waits.
        governance.setVetoWindow(150 - 10);
        vm.assertEq(governance.vetoWindowInForce(), 140);
    }

    function test_timing_vetoChangedAgainWhileOneWaits() external {
        _join(1, 1);
        _rollAll();
        governance.setVetoWindow(149);
        governance.setVetoWindow(40);
        vm.assertEq(governance.vetoWindowInForce(), 30);
        governance.setVetoWindow(20);
        vm.assertEq(governance.vetoWindowInForce(), 20);
        governance.setVetoWindow(25);
        vm.assertEq(governance.vetoWindowInForce(), 20);
        mine(781);
        vm.assertEq(governance.vetoWindowInForce(), 25);
    }

    /// Before any epoch there is nothing to wait for.
    function test_timing_longerVetoBeforeTheFirstEpoch() external {
        governance.setVetoWindow(40);
        vm.assertEq(governance.vetoWindowInForce(), 40);
    }
}
