// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAvsGovernance,
    IAvsGovernanceErrors,
    IAvsGovernanceTypes
} from "../../src/interfaces/IAvsGovernance.sol";
import { IModelSubmission } from "../../src/interfaces/IModelSubmission.sol";
import { IPlants } from "../../src/interfaces/IPlants.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { Plants } from "../../src/market/Plants.sol";
import { PlantsFixture } from "./PlantsFixture.sol";

/// @dev Claims that are wrong on purpose, and whoever approves them (4.11).
contract PlantsTest is PlantsFixture {
    IPlants.Opening private _open_;
    bytes32 private _commitment_;
    /// @dev The planted claim of turn 0.
    IPlants.PlantedClaim private _claim_;

    function setUp() public override {
        super.setUp();
        _open_ = _opening();
        _commitment_ = _plant(_open_);
        taskId = _submission(_request(owner), optimizer, "a");
        _claim_ = _planted(0);
    }

    function _exempt(IPlants.PlantedClaim memory claim, uint256 faultId) private {
        vm.prank(planter);
        plants.exempt(_open_, claim, faultId);
    }

    function _accuse(IPlants.Truth memory truth, Votes memory votes, uint256 accused) private {
        IPlants.PlantedClaim memory claim = _claim_;
        vm.prank(planter);
        plants.accuse(_open_, claim, truth, votes, accused);
    }

    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
    }

    /// @dev A position that is not the performer's of turn 0; of six operators.
    function _other(uint32 nth) private view returns (uint32) {
        return (center.turnHolder(taskId, 0) + 1 + nth) % 6;
    }

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

    /* A PLANT IS NO LICENCE FOR LIES ABOUT OTHERS */

    /// A liar plants on an outsider's request, with an optimizer of its own.
    function test_attack_plantedOnAnOutsidersRequest() external {
        address outsider = makeAddr("outsider");
        vm.deal(outsider, 100 ether);
        mine(INTERVAL);
        governance.rollEpoch(type(uint32).max);
        // Named as the owner, but signed by the planter's accounts.
        _open_.owner = outsider;
        _open_ = _signed(_open_, ownerKey, optimizerKey);
        _plant(_open_);
        taskId = _submission(_request(outsider), optimizer, "b");
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        _expect(abi.encodeWithSelector(IPlants.NotSignedBy.selector, outsider));
        _exempt(claim, faultId);
    }

    /// The signed plant of another request.
    function test_attack_plantOfAnotherOwner() external {
        address outsider = makeAddr("outsider");
        vm.deal(outsider, 100 ether);
        taskId = _submission(_request(outsider), optimizer, "b");
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        _expect(abi.encodeWithSelector(IPlants.NotPlanted.selector, taskId));
        _exempt(claim, faultId);
    }

    /// An outsider submits to the planter's request, and its deposit is not the planter's.
    function test_attack_plantedOnAnOutsidersSubmission() external {
        _certify(0, right);
        _untilFinal();
        IPlants.PlantedClaim memory claim;
        (address outsider, uint256 key) = makeAddrAndKey("outsider");
        vm.deal(outsider, 100 ether);
        uint64 second = _request(owner);
        taskId = _submission(second, outsider, "b");
        (, uint256 faultId) = _rejected();
        claim = _planted(0);
        claim.epoch = center.task(taskId).epoch;
        _expect(abi.encodeWithSelector(IPlants.NotPlanted.selector, taskId));
        _exempt(claim, faultId);
        _open_.optimizer = outsider;
        _open_ = _signed(_open_, ownerKey, key);
        _expect(
            abi.encodeWithSelector(
                IPlants.UnknownPlant.selector, planter, plants.commitmentOf(_open_)
            )
        );
        _exempt(claim, faultId);
    }

    /// A liar that was found out, and an owner that it pays to say that it was a plant.
    function test_attack_plantedWhenTheRequestIsThere() external {
        (address second, uint256 key) = makeAddrAndKey("second owner");
        vm.deal(second, 100 ether);
        uint64 id = _request(second);
        mine(INTERVAL);
        governance.rollEpoch(type(uint32).max);
        _open_.owner = second;
        _open_ = _signed(_open_, key, optimizerKey);
        _plant(_open_);
        taskId = _submission(id, optimizer, "b");
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        claim.epoch = 2;
        uint64 since = market.championAt(id, 0).since;
        _expect(
            abi.encodeWithSelector(
                IPlants.PlantedTooLate.selector,
                plants.plantOf(planter, plants.commitmentOf(_open_)).plantedAt,
                since
            )
        );
        _exempt(claim, faultId);
    }

    /// Another performer copies the planted claim when its turn comes.
    function test_attack_copiedPlantedClaim() external {
        address[] memory performers = new address[](1);
        performers[0] = stranger;
        mine(INTERVAL);
        governance.rollEpoch(type(uint32).max);
        _open_.performers = performers;
        _open_ = _signed(_open_, ownerKey, optimizerKey);
        _plant(_open_);
        taskId = _submission(_request(owner), optimizer, "b");
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        claim.epoch = 2;
        _expect(abi.encodeWithSelector(IPlants.NotPerformer.selector, claim.performer));
        _exempt(claim, faultId);
    }

    /// One task for a plant, and one fault; and only the planter says of which task it is.
    function test_attack_aPlantForManyLies() external {
        (, uint256 faultId) = _rejected();
        IPlants.PlantedClaim memory claim = _planted(0);
        vm.prank(stranger);
        _expect(abi.encodeWithSelector(IPlants.NotPlanter.selector, stranger, planter));
        plants.exempt(_open_, claim, faultId);
        _exempt(claim, faultId);
        governance.rollEpoch(type(uint32).max);
        uint64 firstTask = taskId;
        taskId = _submission(_request(owner), optimizer, "b");
        (, faultId) = _rejected();
        claim = _planted(0);
        _expect(abi.encodeWithSelector(IPlants.UsedForTask.selector, _commitment_, firstTask));
        _exempt(claim, faultId);
    }

    function test_exempt_untilItIsExecuted() external {
        (, uint256 faultId) = _rejected();
        mine(30);
        governance.executeFault(faultId);
        IPlants.PlantedClaim memory claim = _planted(0);
        _expect(abi.encodeWithSelector(IAvsGovernanceErrors.FaultAlreadyExecuted.selector, faultId));
        _exempt(claim, faultId);
    }

    function test_exempt_theFaultOfThatClaim() external {
        Claim memory claim = _claim(taskId, 0, right);
        uint256 voters = _others(claim.performerIndex, 5);
        _submit(CertificateKind.Reject, taskId, claim, right, voters);
        IPlants.PlantedClaim memory planted_ = _planted(0);
        uint256 faultId = governance.faultCount();
        bytes32 id = _idOf(planted_);
        _expect(abi.encodeWithSelector(IPlants.NotTheFault.selector, faultId, id));
        _exempt(planted_, faultId);
        _expect(abi.encodeWithSelector(IPlants.NotTheFault.selector, faultId + 1, id));
        _exempt(planted_, faultId + 1);
    }

    /* A PLANT FRAMES NOBODY */

    /// An owner can write a program for which libtorch finds on honest machines what the reference engine does not.
    function test_attack_figuresThatHonestMachinesFind() external {
        mine(INTERVAL);
        governance.rollEpoch(type(uint32).max);
        planted = _figures(1, CHALLENGER + 1000);
        _open_ = _opening();
        _plant(_open_);
        taskId = _submission(_request(owner), optimizer, "b");
        Votes memory votes = _approvals(_idOf(_planted(0)), 1);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, right);
        _untilFinal();
        IPlants.PlantedClaim memory claim = _planted(0);
        claim.epoch = 2;
        _expect(abi.encodeWithSelector(IPlants.NotReference.selector, 1));
        vm.prank(planter);
        plants.accuse(_open_, claim, truth, votes, 1);
    }

    /// 999 are less than a hundred tolerances of 10.
    function test_attack_nearlyRight() external {
        bytes32 id = _idOf(_planted(0));
        uint256 copier = _bit(_other(0));
        Votes memory votes = _approvals(id, copier);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, _figures(1, CHALLENGER + 1));
        _untilFinal();
        _expect(abi.encodeWithSelector(IPlants.NotWrongEnough.selector, 999, 1000));
        _accuse(truth, votes, copier);
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.NotWrongEnough.selector, 999, 1000));
        plants.redeem(_open_, taskId, truth);
    }

    /// Of the two means, the one that is further off.
    function testFuzz_wrongByAHundredTolerances(int16 a, int16 b) external {
        int64 champion = int64(a) % 1101;
        int64 challenger = int64(b) % 1101;
        bytes memory result = _figures(1, 500_000 + champion, CHALLENGER + 1000 + challenger);
        IPlants.Truth memory truth = _certify(0, result);
        _untilFinal();
        int64 first = champion < 0 ? -champion : champion;
        int64 second = challenger < 0 ? -challenger : challenger;
        int64 distance = first < second ? second : first;
        if (distance < 1000) {
            _expect(abi.encodeWithSelector(IPlants.NotWrongEnough.selector, distance, 1000));
        }
        vm.prank(planter);
        plants.redeem(_open_, taskId, truth);
    }

    /// What was certified can itself be a lie until nobody can appeal any more.
    function test_attack_aLieAsTheTruth() external {
        bytes32 id = _idOf(_planted(0));
        uint256 copier = _bit(_other(0));
        Votes memory votes = _approvals(id, copier);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, right);
        uint64 until = center.task(taskId).deadline;
        mine(until - 1 - governance.clock());
        _expect(abi.encodeWithSelector(IPlants.NotFinal.selector, taskId, until, until - 1));
        _accuse(truth, votes, copier);
        vm.prank(planter);
        _expect(abi.encodeWithSelector(IPlants.NotFinal.selector, taskId, until, until - 1));
        plants.redeem(_open_, taskId, truth);
    }

    function test_accuse_framesNobody() external {
        bytes32 id = _idOf(_planted(0));
        uint256 performer = center.turnHolder(taskId, 0);
        uint256 honest = _bit(_other(0));
        uint256 copier = _bit(_other(1));
        Votes memory votes = _approvals(id, copier);
        Votes memory ofPerformer = _approvals(id, _bit(performer));
        Votes memory rejections = _approvals(id, honest);
        rejections.signature = _votes(taskId, id, 1, 2, honest);
        Votes memory another = _approvals(keccak256("another claim"), honest);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, right);
        _untilFinal();
        _expect(abi.encodeWithSelector(IPlants.NotAtFault.selector, _other(0)));
        _accuse(truth, votes, copier | honest);
        _expect(abi.encodeWithSelector(IPlants.NotAtFault.selector, OPERATORS));
        _accuse(truth, votes, copier | _bit(OPERATORS));
        _expect(abi.encodeWithSelector(IPlants.NotAtFault.selector, performer));
        _accuse(truth, ofPerformer, _bit(performer));
        _expect(abi.encodeWithSelector(IPlants.InvalidAggregate.selector, id));
        _accuse(truth, rejections, honest);
        _expect(abi.encodeWithSelector(IPlants.InvalidAggregate.selector, id));
        _accuse(truth, another, honest);
        _expect(abi.encodeWithSelector(IPlants.NobodyNew.selector, 0));
        _accuse(truth, votes, 0);
        votes.nonSigners = new uint256[](0);
        _expect(abi.encodeWithSelector(EpochTable.WrongBitmapLength.selector, 0, 1));
        _accuse(truth, votes, copier);
    }

    function test_accuse_whileStakeCanBeSlashed() external {
        bytes32 id = _idOf(_planted(0));
        uint256 copier = _bit(_other(1));
        Votes memory votes = _approvals(id, copier);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth = _certify(1, right);
        uint64 until = governance.evidenceUntil(1);
        mine(until + 1 - block.number);
        _expect(abi.encodeWithSelector(IPlants.EvidenceTooLate.selector, 1, until, until + 1));
        _accuse(truth, votes, copier);
    }

    function test_accuse_withWhatWasCertified() external {
        bytes32 id = _idOf(_planted(0));
        uint256 copier = _bit(_other(1));
        Votes memory votes = _approvals(id, copier);
        mine(TURN_LENGTH);
        IPlants.Truth memory truth;
        _expect(abi.encodeWithSelector(IPlants.NotCertified.selector, taskId));
        _accuse(truth, votes, copier);
        truth = _certify(1, right);
        _untilFinal();
        bytes32 certified = truth.committed.claimId;
        truth.result = _figures(1, CHALLENGER - 7);
        bytes32 given =
            center.claimIdOf(taskId, truth.turn, truth.performer, keccak256(truth.result));
        _expect(abi.encodeWithSelector(IPlants.WrongTruth.selector, given, certified));
        _accuse(truth, votes, copier);
        truth.committed.fee += 1;
        _expect(abi.encodeWithSelector(IPlants.NotCertified.selector, taskId));
        _accuse(truth, votes, copier);
    }

    /// Where the truth is that there are no figures, nothing is measured.
    function test_accuse_figuresAgainstFigures() external {
        bytes32 id = _idOf(_planted(0));
        uint256 copier = _bit(_other(1));
        Votes memory votes = _approvals(id, copier);
        mine(TURN_LENGTH);
        bytes memory invalid = bytes.concat(
            abi.encode(uint16(1), uint8(3), uint8(1), uint8(0), uint8(0), keccak256("environment")),
            new bytes(7 * 32)
        );
        IPlants.Truth memory truth = _certify(1, invalid);
        _untilFinal();
        _expect(abi.encodeWithSelector(IPlants.NoFigures.selector));
        _accuse(truth, votes, copier);
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
