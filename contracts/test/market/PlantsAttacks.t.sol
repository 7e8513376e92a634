// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceErrors } from "../../src/interfaces/IAvsGovernance.sol";
import { IPlants } from "../../src/interfaces/IPlants.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { PlantedFixture } from "./PlantsFixture.sol";

/// @dev What a plant is no licence for, and whom it does not put at fault (4.11).
contract PlantsAttacksTest is PlantedFixture {
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
}
