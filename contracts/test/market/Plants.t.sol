// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAvsGovernance,
    IAvsGovernanceErrors,
    IAvsGovernanceTypes
} from "../../src/interfaces/IAvsGovernance.sol";
import { IModelSubmission } from "../../src/interfaces/IModelSubmission.sol";
import { IPlants } from "../../src/interfaces/IPlants.sol";
import { Plants } from "../../src/market/Plants.sol";
import { PlantedFixture } from "./PlantsFixture.sol";

/// @dev Claims that are wrong on purpose, and whoever approves them (4.11).
contract PlantsTest is PlantedFixture {
    /* A QUORUM REJECTS IT */

    function test_rejected_performerIsExempt() external {
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        vm.assertFalse(governance.epochUsable());
        _exempt(claim, faultId);
        vm.assertTrue(governance.fault(faultId).vetoed);
        vm.assertEq(governance.operatorInfo(claim.performer).openFaults, 0);
        mine(30);
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.FaultIsVetoed.selector, faultId));
        governance.executeFault(faultId);
        _expect(abi.encodeWithSelector(IPlants.AlreadyExempted.selector, _commitment_));
        _exempt(claim, faultId);
    }

    /// Whoever approved it is at fault, though it was never certified: a vote is enough.
    function test_rejected_whoApprovedIsAtFault() external {
        (, uint256 faultId) = _rejected();
        bytes32 claimId = _idOf(_planted(0));
        uint32 copier = _other(0);
        Votes memory votes = _approvals(claimId, _bit(copier));
        IPlants.Truth memory truth = _certify(1, right);
        _untilFinal();
        _accuse(truth, votes, _bit(copier));
        vm.assertEq(governance.faultCount(), faultId + 1);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(faultId + 1);
        vm.assertEq(fault.operator, _at(taskId, copier).operator);
        vm.assertTrue(fault.kind == IAvsGovernanceTypes.FaultKind.PlantedApproval);
        vm.assertEq(fault.taskId, taskId);
        vm.assertEq(fault.claimId, claimId);
        vm.assertEq(plants.atFault(claimId), _bit(copier));
        // Once for a claim.
        _expect(abi.encodeWithSelector(IPlants.NobodyNew.selector, _bit(copier)));
        _accuse(truth, votes, _bit(copier));
    }

    /// Copiers with more than a third of the stake keep it from being rejected, and are at fault all the same.
    function test_undecided_whoApprovedIsAtFault() external {
        IPlants.PlantedClaim memory claim = _planted(0);
        uint256 copiers = _bit(_other(0)) | _bit(_other(1)) | _bit(_other(2));
        Votes memory votes = _approvals(_idOf(claim), copiers);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, right);
        _untilFinal();
        _accuse(truth, votes, copiers);
        vm.assertEq(governance.faultCount(), 3);
    }

    /* AN APPEAL OVERTURNS IT */

    /// @dev Everybody certified it, and in the appeal all but one corrected themselves.
    function _overturned()
        private
        returns (
            IPlants.PlantedClaim memory claim,
            IPlants.Truth memory lie,
            uint256[] memory nonSigners,
            uint256 silent
        )
    {
        claim = _planted(0);
        silent = _bit(_other(0));
        lie = _certify(0, planted);
        vm.prank(planter);
        center.appeal{ value: BOND }(taskId, lie.committed);
        bytes32 id = lie.committed.claimId;
        center.submitAppeal(taskId, lie.committed, 2, _appealVotes(taskId, id, 2, ALL & ~silent));
        nonSigners = _bitmap(silent);
    }

    /// @dev The second try, with another turn and without who has a fault.
    function _secondTry() private returns (IPlants.Truth memory) {
        market.expire(market.submissionOfTask(taskId));
        if (!governance.epochUsable()) {
            governance.rollEpoch(type(uint32).max);
            market.expire(market.submissionOfTask(taskId));
        }
        (uint32 turn,) = center.currentTurn(taskId);
        return _certify(turn, right);
    }

    function _accuseOverturned(
        IPlants.PlantedClaim memory claim,
        IPlants.Truth memory truth,
        IPlants.Truth memory lie,
        uint256[] memory nonSigners
    ) private {
        vm.prank(planter);
        plants.accuseOverturned(_open_, claim, truth, lie.committed, nonSigners);
    }

    /// Who corrects itself after it approved a plant copied: nobody who computed was deceived by figures of the
    /// reference engine.
    function test_overturned_whoCorrectedItselfIsAtFault() external {
        (
            IPlants.PlantedClaim memory claim,
            IPlants.Truth memory lie,
            uint256[] memory nonSigners,
            uint256 silent
        ) = _overturned();
        uint256 faultId = governance.faultCount();
        _expect(abi.encodeWithSelector(IPlants.ApproversNotAccused.selector, _idOf(claim)));
        _exempt(claim, faultId);
        IPlants.Truth memory truth = _secondTry();
        mine(SUPPLEMENT_WINDOW + 1);
        _accuseOverturned(claim, truth, lie, nonSigners);
        uint256 expected = ALL & ~silent & ~_bit(lie.committed.performerIndex);
        vm.assertEq(plants.atFault(lie.committed.claimId), expected);
        vm.assertEq(governance.faultCount(), faultId + 4);
        // The silent one has its fault from AttestationCenter, and one for its approval.
        center.proveOverturnedApproval(taskId, lie.committed, nonSigners, silent);
        vm.assertEq(governance.faultCount(), faultId + 5);
        _exempt(claim, faultId);
        vm.assertTrue(governance.fault(faultId).vetoed);

        _expect(abi.encodeWithSelector(IPlants.ApproversAccused.selector, lie.committed.claimId));
        _accuseOverturned(claim, truth, lie, nonSigners);
    }

    /// Votes accuse nobody of a claim that was overturned: some would be at fault twice.
    function test_attack_twoFaultsForAnApproval() external {
        (IPlants.PlantedClaim memory claim, IPlants.Truth memory lie,, uint256 silent) =
            _overturned();
        bytes32 id = lie.committed.claimId;
        Votes memory votes = _approvals(id, silent);
        IPlants.Truth memory truth = _secondTry();
        _untilFinal();
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.WrongOutcome.selector, id, ClaimOutcome.Overturned));
        plants.accuse(_open_, claim, truth, votes, silent);
    }

    /// While corrections are taken, who is silent may still come to be among those who are not.
    function test_overturned_notBeforeCorrectionsAreOver() external {
        (
            IPlants.PlantedClaim memory claim,
            IPlants.Truth memory lie,
            uint256[] memory nonSigners,
            uint256 silent
        ) = _overturned();
        uint64 until = governance.clock() + SUPPLEMENT_WINDOW;
        bytes32 id = lie.committed.claimId;
        bytes32[4] memory late = _votes(taskId, id, 2, 2, silent);
        IPlants.Truth memory truth = _secondTry();
        mine(until - governance.clock());
        _expect(abi.encodeWithSelector(IPlants.CorrectionsOpen.selector, id, until, until));
        _accuseOverturned(claim, truth, lie, nonSigners);
        center.submitCorrections(taskId, lie.committed, nonSigners, _bitmap(silent), late);
        mine(1);
        _expect(abi.encodeWithSelector(IPlants.WrongOverturning.selector, id));
        _accuseOverturned(claim, truth, lie, nonSigners);
        _accuseOverturned(claim, truth, lie, _bitmap(0));
        vm.assertEq(plants.atFault(id), ALL & ~_bit(lie.committed.performerIndex));
    }

    function test_overturned_withTheTaskCertifiedAgain() external {
        (
            IPlants.PlantedClaim memory claim,
            IPlants.Truth memory lie,
            uint256[] memory nonSigners,
        ) = _overturned();
        mine(SUPPLEMENT_WINDOW + 1);
        _expect(abi.encodeWithSelector(IPlants.NotCertified.selector, taskId));
        _accuseOverturned(claim, lie, lie, nonSigners);
        _expect(abi.encodeWithSelector(IPlants.WrongOverturning.selector, lie.committed.claimId));
        _accuseOverturned(claim, lie, lie, _bitmap(1 << 7));
        lie.committed.claimId = 0;
        _expect(abi.encodeWithSelector(IPlants.WrongOverturning.selector, _idOf(claim)));
        _accuseOverturned(claim, lie, lie, nonSigners);
    }

    /* BOND AND RATE */

    /// A bond returns with a truth that is another: whether or not the claim was made.
    function test_bond_returnsWithTheTruth() external {
        IPlants.Truth memory truth = _certify(0, right);
        _untilFinal();
        uint256 before = planter.balance;
        vm.prank(planter);
        plants.redeem(_open_, taskId, truth);
        vm.assertEq(planter.balance - before, PLANT_BOND);
        vm.assertEq(address(plants).balance, 0);
        // Another's bond is not there for it.
        mine(INTERVAL);
        vm.prank(stranger);
        plants.plant{ value: PLANT_BOND }(keccak256("x"));
        _expect(abi.encodeWithSelector(IPlants.AlreadyRedeemed.selector, _commitment_));
        plants.redeem(_open_, taskId, truth);
    }

    /// A plant that is certified and that nobody appeals has cost its bond.
    function test_bond_isLostWithAPlantThatStands() external {
        IPlants.Truth memory truth = _certify(0, planted);
        _untilFinal();
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.NotWrongEnough.selector, 0, 1000));
        plants.redeem(_open_, taskId, truth);
    }

    function test_plant_atTheRate() external {
        vm.deal(stranger, 100 ether);
        uint64 from = plants.lastPlantedAt() + INTERVAL;
        mine(from - 1 - governance.clock());
        vm.prank(stranger);
        _expect(abi.encodeWithSelector(IPlants.TooSoon.selector, from, from - 1));
        plants.plant{ value: PLANT_BOND }(keccak256("x"));
        mine(1);
        vm.prank(stranger);
        plants.plant{ value: PLANT_BOND }(keccak256("x"));
        vm.assertEq(plants.lastPlantedAt(), from);
    }

    function test_plant_withItsBond() external {
        mine(INTERVAL);
        vm.startPrank(planter);
        _expect(abi.encodeWithSelector(IPlants.WrongBond.selector, PLANT_BOND - 1, PLANT_BOND));
        plants.plant{ value: PLANT_BOND - 1 }(keccak256("x"));
        _expect(abi.encodeWithSelector(IPlants.AlreadyPlanted.selector, planter, _commitment_));
        plants.plant{ value: PLANT_BOND }(_commitment_);
        vm.stopPrank();
        // The commitment of another is of no use to who copies it, and in nobody's way.
        vm.startPrank(stranger);
        plants.plant{ value: PLANT_BOND }(_commitment_);
        vm.assertEq(plants.plantOf(stranger, _commitment_).bond, PLANT_BOND);
        vm.stopPrank();
    }

    function test_redeem_refusingPlanterIsTold() external {
        IPlants.Truth memory truth = _certify(0, right);
        _untilFinal();
        vm.etch(planter, hex"5f5ffd");
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.TransferFailed.selector, planter, PLANT_BOND));
        plants.redeem(_open_, taskId, truth);
    }

    function test_shown_ofTasksOfTheMarket() external {
        IPlants.Truth memory truth;
        uint64 foreign = _open();
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.NotPlanted.selector, foreign));
        plants.redeem(_open_, foreign, truth);
    }

    /* GOVERNANCE */

    function test_terms_areBoundedAndGovernances() external {
        _refuseTerms(0, 1, "minInterval");
        _refuseTerms(10_000_001, 1, "minInterval");
        _refuseTerms(1, 0, "bond");
        _refuseTerms(1, 10_000 ether + 1, "bond");
        plants.setTerms(10_000_000, 10_000 ether);
        vm.assertEq(plants.minInterval(), 10_000_000);
        vm.assertEq(plants.bond(), 10_000 ether);
        _expectUnauthorized(stranger);
        plants.setTerms(1, 1);
    }

    function _refuseTerms(uint32 interval, uint96 bond, bytes32 field) private {
        _expect(abi.encodeWithSelector(IPlants.InvalidTerm.selector, field));
        plants.setTerms(interval, bond);
    }

    function test_constructor_refusesZero() external {
        _expect(abi.encodeWithSelector(IPlants.ZeroAddress.selector));
        new Plants(address(0), governance, market, 1, 1);
        _expect(abi.encodeWithSelector(IPlants.ZeroAddress.selector));
        new Plants(address(manager), IAvsGovernance(address(0)), market, 1, 1);
        _expect(abi.encodeWithSelector(IPlants.ZeroAddress.selector));
        new Plants(address(manager), governance, IModelSubmission(address(0)), 1, 1);
    }

    function test_constructor_refusesAMarketWithAnotherClock() external {
        IAvsGovernance other = _deploy(_parameters());
        _expect(abi.encodeWithSelector(IPlants.WrongMarket.selector, address(market)));
        new Plants(address(manager), other, market, 1, 1);
    }

    /// Governance names the contract once, and only it records and cancels.
    function test_ledger_byPlantsOnly() external {
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.AlreadySet.selector));
        governance.setPlants(stranger);
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.ZeroAddress.selector));
        governance.setPlants(address(0));
        (, uint256 faultId) = _rejected();
        address self = address(this);
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.NotPlants.selector, self));
        governance.exemptFault(faultId);
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.NotPlants.selector, self));
        governance.recordPlantFault(stranger, 1, 0);
        vm.startPrank(address(plants));
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.UnknownFault.selector, 99));
        governance.exemptFault(99);
        vm.stopPrank();
        _expectUnauthorized(stranger);
        governance.setPlants(stranger);
    }

    /* GAS */

    function test_gas() external {
        mine(INTERVAL);
        vm.cool(address(plants));
        vm.cool(address(governance));
        vm.prank(stranger);
        plants.plant{ value: PLANT_BOND }(keccak256("x"));
        vm.snapshotGasLastCall("Plants", "plant");
    }

    function test_gas_exemptAndAccuse() external {
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        uint256 copier = _bit(_other(0));
        Votes memory votes = _approvals(_idOf(claim), copier);
        _cool();
        _exempt(claim, faultId);
        vm.snapshotGasLastCall("Plants", "exempt");
        IPlants.Truth memory truth = _certify(1, right);
        _untilFinal();
        _cool();
        _accuse(truth, votes, copier);
        vm.snapshotGasLastCall("Plants", "accuse one");
        _cool();
        vm.prank(planter);
        plants.redeem(_open_, taskId, truth);
        vm.snapshotGasLastCall("Plants", "redeem");
    }

    function _cool() private {
        vm.cool(address(plants));
        vm.cool(address(center));
        vm.cool(address(governance));
        vm.cool(address(market));
    }
}
