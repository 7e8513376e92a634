// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsLogic } from "../../src/AvsLogic.sol";
import { ModelSubmission } from "../../src/ModelSubmission.sol";
import { IModelSubmission, IModelSubmissionTypes } from "../../src/interfaces/IModelSubmission.sol";
import { IPlants } from "../../src/interfaces/IPlants.sol";
import { Plants } from "../../src/market/Plants.sol";
import { AttestationFixture } from "../attestation/AttestationFixture.sol";

/// @dev The market over the real AttestationCenter and AvsGovernance, and a planter who owns a request and a submission
/// to it under two other accounts. Six operators with 100 each; the tolerance is 10, so that a planted mean is off by
/// 1000 at the least.
abstract contract PlantsFixture is AttestationFixture, IModelSubmissionTypes {
    uint16 internal constant IMPROVE = 2;
    uint96 internal constant PLANT_BOND = 3 ether;
    uint32 internal constant INTERVAL = 100;
    uint96 internal constant EVALUATION_FEE = 0.5 ether;
    uint96 internal constant DEPOSIT = 2 ether;
    int64 internal constant CHALLENGER = 503_000;

    IModelSubmission internal market;
    Plants internal plants;
    address internal planter = makeAddr("planter");
    address internal stranger = makeAddr("stranger");
    address internal owner;
    address internal optimizer;
    uint256 internal ownerKey;
    uint256 internal optimizerKey;
    uint64 internal taskId;
    bytes internal planted;
    bytes internal right;

    function setUp() public virtual override {
        super.setUp();
        market = IModelSubmission(address(new ModelSubmission(center, governance)));
        TaskDefinition memory definition = _definition();
        definition.source = address(market);
        definition.logic = new AvsLogic(center, market);
        center.registerKind(IMPROVE, definition);
        plants = new Plants(address(manager), governance, market, INTERVAL, PLANT_BOND);
        governance.setPlants(address(plants));
        (owner, ownerKey) = makeAddrAndKey("owner");
        (optimizer, optimizerKey) = makeAddrAndKey("optimizer");
        vm.deal(planter, 100 ether);
        vm.deal(stranger, 100 ether);
        vm.deal(owner, 200 ether);
        vm.deal(optimizer, 100 ether);
        planted = _figures(2, CHALLENGER + 1000);
        right = _figures(1, CHALLENGER);
    }

    /* PLANTS */

    function _opening() internal view returns (IPlants.Opening memory opening) {
        address[] memory performers = new address[](OPERATORS);
        for (uint256 i; i < OPERATORS; ++i) {
            performers[i] = operators[i].operator;
        }
        opening.planter = planter;
        opening.owner = owner;
        opening.optimizer = optimizer;
        opening.performers = performers;
        opening.result = planted;
        opening.secret = keccak256("secret");
        return _signed(opening, ownerKey, optimizerKey);
    }

    /// @dev By whoever has these keys, whether or not they are the accounts that are named.
    function _signed(IPlants.Opening memory opening, uint256 first, uint256 second)
        internal
        view
        returns (IPlants.Opening memory)
    {
        bytes32 digest = keccak256(
            abi.encodePacked("\x19Ethereum Signed Message:\n32", plants.digestOf(opening))
        );
        opening.ownerSignature = _signature(first, digest);
        opening.optimizerSignature = _signature(second, digest);
        return opening;
    }

    function _signature(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _plant(IPlants.Opening memory opening) internal returns (bytes32 commitment) {
        commitment = plants.commitmentOf(opening);
        vm.prank(opening.planter);
        plants.plant{ value: PLANT_BOND }(commitment);
        mine(1);
    }

    /* THE MARKET */

    function _content(string memory name) internal pure returns (Content memory) {
        bytes32 digest = keccak256(bytes(name));
        return Content({ cid: abi.encodePacked(hex"01551220", digest), digest: digest, size: 3000 });
    }

    function _request(address by) internal returns (uint64) {
        Terms memory terms;
        terms.kind = IMPROVE;
        terms.queueCap = 4;
        terms.minSamples = 1000;
        terms.alphaPpb = 1e6;
        (terms.revealWindow, terms.queueWindow, terms.closeNotice) = (50, 300, 30);
        terms.maxParameterBytes = 1 << 20;
        (terms.minImprovement, terms.tolerance, terms.slashMargin) = (1000, 10, 5000);
        (terms.reward, terms.rewardValue) = (10 ether, 10 ether);
        terms.evaluationFee = EVALUATION_FEE;
        terms.deposit = DEPOSIT;
        terms.unavailablePenalty = 1 ether;
        terms.compensation = 1 ether;
        vm.prank(by);
        return market.createRequest{ value: 34 ether }(
            terms, _content("manifest"), _content("baseline"), 30 ether, 1 ether, 3 ether
        );
    }

    /// @dev A submission whose task's seed has just been fixed.
    function _submission(uint64 requestId, address by, string memory name)
        internal
        returns (uint64)
    {
        bytes32 commitment = market.commitmentOf(
            by, requestId, _content(name), address(0), bytes32(0)
        );
        vm.startPrank(by);
        uint64 id = market.commit{ value: DEPOSIT }(requestId, commitment);
        market.reveal(id, _content(name), address(0), bytes32(0));
        vm.stopPrank();
        if (!governance.epochUsable()) governance.rollEpoch(type(uint32).max);
        market.open(requestId);
        mine(FETCH_WINDOW + 1);
        uint64 task = market.submission(id).taskId;
        _fix(task);
        return task;
    }

    /* CLAIMS */

    function _planted(uint32 turn) internal view returns (IPlants.PlantedClaim memory claim) {
        claim.taskId = taskId;
        claim.epoch = 1;
        claim.turn = turn;
        claim.performer = _at(taskId, center.turnHolder(taskId, turn)).operator;
    }

    function _idOf(IPlants.PlantedClaim memory claim) internal view returns (bytes32) {
        return center.claimIdOf(taskId, claim.turn, claim.performer, keccak256(planted));
    }

    /// @dev The planted claim of turn 0 is rejected by five. Answers who made it and the fault that it has for it.
    function _rejected() internal returns (uint32 performer, uint256 faultId) {
        Claim memory claim = _claim(taskId, 0, planted);
        performer = claim.performerIndex;
        _submit(CertificateKind.Reject, taskId, claim, planted, _others(performer, 5));
        faultId = governance.faultCount();
    }

    /// @dev The task is certified in some turn by everybody.
    function _certify(uint32 turn, bytes memory result)
        internal
        returns (IPlants.Truth memory truth)
    {
        Claim memory claim = _claim(taskId, turn, result);
        truth.turn = turn;
        truth.performer = _at(taskId, claim.performerIndex).operator;
        truth.result = result;
        truth.committed = FeeCommitment({
            epoch: center.task(taskId).epoch,
            claimId: _claimId(taskId, claim, result),
            performerIndex: claim.performerIndex,
            fee: EVALUATION_FEE,
            nonSigners: _bitmap(0)
        });
        _submit(CertificateKind.Approve, taskId, claim, result, _voters(taskId));
    }

    function _untilFinal() internal {
        uint64 until = center.task(taskId).deadline;
        if (until > governance.clock()) mine(until - governance.clock());
    }

    /// @dev Votes to approve the planted claim, while the task has its first epoch.
    function _approvals(bytes32 claimId, uint256 signers)
        internal
        view
        returns (Votes memory votes)
    {
        votes.nonSigners = _bitmap(ALL & ~signers);
        votes.signature = _votes(taskId, claimId, 1, 1, signers);
    }

    /// @dev A result with a challenger's mean, and a champion's of 500,000.
    function _figures(uint8 engine, int64 challenger) internal pure returns (bytes memory) {
        return _figures(engine, 500_000, challenger);
    }

    function _figures(uint8 engine, int64 champion, int64 challenger)
        internal
        pure
        returns (bytes memory)
    {
        int64 improvement = challenger - champion;
        return abi.encode(
            uint16(1),
            uint8(0),
            uint8(0),
            uint8(1),
            engine,
            keccak256("environment"),
            uint32(4096),
            champion,
            challenger,
            improvement,
            improvement - 100,
            improvement + 100,
            keccak256("scores")
        );
    }
}

/// @dev A plant, and the task that it is of, whose seed has just been fixed.
abstract contract PlantedFixture is PlantsFixture {
    IPlants.Opening internal _open_;
    bytes32 internal _commitment_;
    /// @dev The planted claim of turn 0.
    IPlants.PlantedClaim internal _claim_;

    function setUp() public virtual override {
        super.setUp();
        _open_ = _opening();
        _commitment_ = _plant(_open_);
        taskId = _submission(_request(owner), optimizer, "a");
        _claim_ = _planted(0);
    }

    function _exempt(IPlants.PlantedClaim memory claim, uint256 faultId) internal {
        vm.prank(planter);
        plants.exempt(_open_, claim, faultId);
    }

    function _accuse(IPlants.Truth memory truth, Votes memory votes, uint256 accused) internal {
        IPlants.PlantedClaim memory claim = _claim_;
        vm.prank(planter);
        plants.accuse(_open_, claim, truth, votes, accused);
    }

    function _expect(bytes memory reason) internal {
        vm.expectRevert(reason);
    }

    /// @dev A position that is not the performer's of turn 0; of six operators.
    function _other(uint32 nth) internal view returns (uint32) {
        return (center.turnHolder(taskId, 0) + 1 + nth) % 6;
    }
}
