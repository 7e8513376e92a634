// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsLogic } from "../../src/AvsLogic.sol";
import { ModelSubmission } from "../../src/ModelSubmission.sol";
import { IAvsGovernance } from "../../src/interfaces/IAvsGovernance.sol";
import {
    IModelSubmission,
    IModelSubmissionErrors,
    IModelSubmissionTypes
} from "../../src/interfaces/IModelSubmission.sol";
import { AttestationFixture } from "../attestation/AttestationFixture.sol";
import { HostileToken } from "../mocks/Tokens.sol";

/// @dev The market over the real AttestationCenter and AvsGovernance, with BLS certificates. EigenLayer and the seed
/// source are doubles.
contract MarketIntegrationTest is AttestationFixture, IModelSubmissionTypes {
    uint16 internal constant IMPROVE = 2;
    uint32 internal constant APPEAL_WINDOW = 60;
    uint32 internal constant QUEUE_WINDOW = 300;
    uint32 internal constant SAMPLES = 4096;
    uint128 internal constant REWARD = 10 ether;
    uint96 internal constant EVALUATION_FEE = 0.5 ether;
    uint96 internal constant DEPOSIT = 2 ether;
    address internal constant NATIVE = address(0);
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @dev What delivering a certified claim takes.
    struct Certified {
        uint64 taskId;
        uint32 turn;
        address performer;
        FeeCommitment committed;
        bytes result;
    }

    mapping(uint64 submissionId => Certified) private _decided;
    IModelSubmission internal market;
    address internal owner;
    address internal optimizer;
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        market = IModelSubmission(address(new ModelSubmission(center, governance)));
        TaskDefinition memory definition = _definition();
        definition.source = address(market);
        definition.logic = new AvsLogic(center, market);
        center.registerKind(IMPROVE, definition);
        owner = makeAddr("owner");
        optimizer = makeAddr("optimizer");
        vm.deal(owner, 100 ether);
        vm.deal(optimizer, 100 ether);
        requestId = _create();
    }

    function test_aWinIsPaidAndTheOperatorsToo() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        bytes memory result = _scored(2000, 3000, 4000);
        _certifyTask(taskId, 0, result, ALL);
        vm.assertFalse(center.task(taskId).delivered);
        _assertSubmission(submissionId, SubmissionState.Certified, Reason.None);
        vm.assertEq(
            market.submission(submissionId).deadline,
            center.task(taskId).certifiedAt + APPEAL_WINDOW
        );

        vm.expectPartialRevert(AppealWindowOpen.selector);
        _deliver(submissionId);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertSubmission(submissionId, SubmissionState.Accepted, Reason.Better);
        vm.assertEq(market.credit(optimizer, NATIVE), REWARD + DEPOSIT);
        vm.assertEq(market.champion(requestId).submissionId, submissionId);
        // What the operators share is what the deposit had prepaid.
        vm.assertEq(center.liabilities(), EVALUATION_FEE);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);

        vm.prank(optimizer);
        market.withdraw(NATIVE, optimizer);
        vm.assertEq(optimizer.balance, 100 ether + REWARD);
    }

    function test_twoNonSignersOfSevenDoNotMatter() external {
        operators.push(_join(OPERATORS, 100));
        mine(20);
        governance.rollEpoch(type(uint32).max);
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        uint32 performer = center.turnHolder(taskId, 0);
        _certifyTask(taskId, 0, _scored(-1, 0, 1), _others(performer == 0 ? 1 : 0, 5));
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertSubmission(submissionId, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT - EVALUATION_FEE);
    }

    function test_otherVerdictsReachTheirSettlement() external {
        uint256 burned = BURN.balance;
        uint64 worse = _finish("worse", _scored(-9000, -8000, -7000));
        _assertSubmission(worse, SubmissionState.Worse, Reason.SignificantlyWorse);
        uint64 invalid = _finish("nan", _failed(3));
        _assertSubmission(invalid, SubmissionState.Invalid, Reason.NonFinite);
        vm.assertEq(BURN.balance - burned, 2 * uint256(DEPOSIT - EVALUATION_FEE));
        vm.assertEq(market.credit(optimizer, NATIVE), 0);
        uint64 fault = _finish("trap", _failed(8));
        _assertSubmission(fault, SubmissionState.EvaluatorFault, Reason.EvaluatorTrapped);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT + 1 ether);
    }

    /// @dev A quorum that signs rubbish blocks nothing.
    function test_aMalformedResultIsDeliveredAndSettles() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        _certifyTask(taskId, 0, "rubbish", ALL);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        vm.assertTrue(center.task(taskId).delivered);
        _assertSubmission(submissionId, SubmissionState.NotBetter, Reason.MalformedResult);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT);
    }

    /// @dev Somebody copies a pending certificate and submits it first, from within the transfer of a token of
    /// their own, while the market is locked against reentry.
    function test_aCertificateFromWithinATransferCounts() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        bytes memory result = _scored(2000, 3000, 4000);
        Claim memory claim = _claim(taskId, 0, result);
        Certificate memory certificate =
            _certificate(CertificateKind.Approve, taskId, _claimId(taskId, claim, result), ALL);
        vm.assertTrue(
            _fromWithinATransfer(
                abi.encodeCall(center.submitTask, (taskId, claim, result, certificate))
            )
        );
        _assertSubmission(submissionId, SubmissionState.Certified, Reason.None);
        _note(taskId, claim, result, ALL);
        mine(APPEAL_WINDOW);
        Certified storage c = _decided[submissionId];
        bytes memory delivery =
            abi.encodeCall(center.deliver, (taskId, 0, c.performer, c.committed, result));
        vm.assertFalse(_fromWithinATransfer(delivery));
        _deliver(submissionId);
        _assertSubmission(submissionId, SubmissionState.Accepted, Reason.Better);
        vm.assertEq(market.credit(optimizer, NATIVE), REWARD + DEPOSIT);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_aLiarIsRejectedAndTheNextTurnFinishes() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        bytes memory lie = _scored(500_000, 600_000, 700_000);
        Claim memory claim = _claim(taskId, 0, lie);
        uint256 voters = _others(claim.performerIndex, 5);
        _submit(CertificateKind.Reject, taskId, claim, lie, voters);
        _assertSubmission(submissionId, SubmissionState.Evaluating, Reason.None);
        vm.assertEq(governance.faultCount(), 1);
        vm.assertEq(governance.fault(1).operator, _at(taskId, claim.performerIndex).operator);
        // The fault asks for a new epoch, but the open task goes on with its own.
        _certifyTask(taskId, 1, _scored(-1, 0, 1), ALL);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertSubmission(submissionId, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
    }

    function test_withoutSeedEverythingReturns() external {
        uint64 submissionId = _submission("a");
        market.open(requestId);
        mine(FETCH_WINDOW + seedSource.reach());
        vm.expectPartialRevert(DeadlineNotPassed.selector);
        market.expire(submissionId);
        mine(1);
        market.expire(submissionId);
        _assertSubmission(submissionId, SubmissionState.Released, Reason.SeedNotFixed);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT);
        vm.assertEq(center.liabilities(), 0);
    }

    function test_aTaskIsTriedAgainOnceAndThenRefunded() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        bytes32 seed = center.task(taskId).seed;
        uint32 first = center.task(taskId).epoch;
        mine(TASK_LIFE);
        governance.rollEpoch(type(uint32).max);
        market.expire(submissionId);
        _assertSubmission(submissionId, SubmissionState.Evaluating, Reason.None);
        vm.assertEq(center.task(taskId).seed, seed);
        vm.assertEq(center.task(taskId).epoch, first + 1);
        vm.assertTrue(center.task(taskId).retried);
        mine(TASK_LIFE);
        market.expire(submissionId);
        _assertSubmission(submissionId, SubmissionState.Released, Reason.NoQuorum);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT);
        vm.assertEq(center.liabilities(), 0);
        vm.assertEq(market.liabilities(NATIVE), address(market).balance);
    }

    function test_aSecondTryCanWin() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        mine(TASK_LIFE);
        governance.rollEpoch(type(uint32).max);
        market.expire(submissionId);
        (uint32 turn,) = center.currentTurn(taskId);
        _certifyTask(taskId, turn, _scored(2000, 3000, 4000), ALL);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
        _assertSubmission(submissionId, SubmissionState.Accepted, Reason.Better);
    }

    function test_aStaleEpochMakesTheRetryWait() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        mine(TASK_LIFE); // the epoch is older than its 100 blocks by now
        market.expire(submissionId);
        uint64 until = market.submission(submissionId).deadline;
        vm.assertEq(until, governance.clock() + QUEUE_WINDOW);
        vm.expectPartialRevert(IModelSubmissionErrors.NotDue.selector);
        market.expire(submissionId);
        governance.rollEpoch(type(uint32).max);
        market.expire(submissionId);
        vm.assertEq(uint256(center.task(taskId).state), uint256(TaskState.Evaluating));
    }

    /// @dev All operators have left: no epoch will ever come, and still everything returns.
    function test_withoutOperatorsTheWaitEndsInARefund() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        for (uint256 i; i < operators.length; ++i) {
            _leave(operators[i].operator);
        }
        mine(TASK_LIFE);
        market.expire(submissionId);
        mine(QUEUE_WINDOW);
        market.expire(submissionId);
        _assertSubmission(submissionId, SubmissionState.Released, Reason.NoQuorum);
        vm.assertEq(market.credit(optimizer, NATIVE), DEPOSIT);
        vm.assertEq(center.liabilities(), 0);
        vm.assertTrue(center.task(taskId).isFinal);
    }

    function test_pauseStopsTheWaysInAndLeavesTheWaysOut() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        _certifyTask(taskId, 0, _scored(2000, 3000, 4000), ALL);
        mine(APPEAL_WINDOW);
        bytes32 commitment = market.commitmentOf(optimizer, requestId, _content("b"), NATIVE, 0);
        vm.prank(optimizer);
        uint64 second = market.commit{ value: DEPOSIT }(requestId, commitment);
        governance.pause();
        mine(1000);
        vm.prank(optimizer);
        vm.expectRevert(IModelSubmissionErrors.MarketPaused.selector);
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(9)));
        vm.expectRevert(IModelSubmissionErrors.MarketPaused.selector);
        market.open(requestId);
        _deliver(submissionId);
        vm.startPrank(optimizer);
        market.reveal(second, _content("b"), NATIVE, 0);
        market.withdraw(NATIVE, optimizer);
        vm.stopPrank();
        _assertSubmission(second, SubmissionState.Queued, Reason.None);
    }

    function test_gas_deliverWithTheLogic() external {
        (uint64 submissionId, uint64 taskId) = _evaluatingSubmission("a");
        _certifyTask(taskId, 0, _scored(2000, 3000, 4000), ALL);
        mine(APPEAL_WINDOW);
        vm.cool(address(center));
        vm.cool(address(governance));
        vm.cool(address(market));
        vm.cool(address(center.definition(IMPROVE).logic));
        _deliver(submissionId);
        vm.snapshotGasLastCall("Market", "deliver, accepted");
    }

    /* HELPERS */

    /// @dev Has a hostile token call the center while the market pulls it; answers whether that succeeded.
    function _fromWithinATransfer(bytes memory call) private returns (bool) {
        address attacker = makeAddr("attacker");
        vm.deal(attacker, 10 ether);
        HostileToken hostile = new HostileToken();
        hostile.mint(attacker, 1 ether);
        hostile.setCall(address(center), call);
        Terms memory terms = _terms();
        terms.rewardToken = address(hostile);
        terms.reward = 1 ether;
        vm.startPrank(attacker);
        hostile.approve(address(market), 1 ether);
        market.createRequest{ value: 4 ether }(
            terms, _content("manifest"), _content("baseline"), 1 ether, 1 ether, 3 ether
        );
        vm.stopPrank();
        return hostile.callSucceeded();
    }

    function _content(string memory name) private pure returns (Content memory) {
        bytes32 digest = keccak256(bytes(name));
        return Content({ cid: abi.encodePacked(hex"01551220", digest), digest: digest, size: 3000 });
    }

    function _terms() private pure returns (Terms memory) {
        return Terms({
            kind: IMPROVE,
            queueCap: 4,
            minSamples: 1000,
            alphaPpb: 1e6,
            revealWindow: 50,
            queueWindow: QUEUE_WINDOW,
            closeNotice: 30,
            maxParameterBytes: 1 << 20,
            minImprovement: 1000,
            tolerance: 10,
            slashMargin: 5000,
            advantage: 0,
            rewardToken: NATIVE,
            advantagePeriod: 0,
            reward: REWARD,
            rewardValue: REWARD,
            evaluationFee: EVALUATION_FEE,
            deposit: DEPOSIT,
            depositGrowthBps: 0,
            depositDecay: 0,
            unavailablePenalty: 1 ether,
            compensation: 1 ether,
            retention: RetentionTerms({ time: 0, window: 0, bps: 0, kind: 0 })
        });
    }

    function _create() private returns (uint64) {
        vm.prank(owner);
        return market.createRequest{ value: 34 ether }(
            _terms(), _content("manifest"), _content("baseline"), 30 ether, 1 ether, 3 ether
        );
    }

    function _submission(string memory name) private returns (uint64 submissionId) {
        bytes32 commitment = market.commitmentOf(optimizer, requestId, _content(name), NATIVE, 0);
        vm.startPrank(optimizer);
        submissionId = market.commit{ value: DEPOSIT }(requestId, commitment);
        market.reveal(submissionId, _content(name), NATIVE, 0);
        vm.stopPrank();
    }

    function _evaluatingSubmission(string memory name)
        private
        returns (uint64 submissionId, uint64 taskId)
    {
        submissionId = _submission(name);
        if (!governance.epochUsable()) governance.rollEpoch(type(uint32).max);
        vm.assertEq(market.open(requestId), submissionId);
        taskId = market.submission(submissionId).taskId;
        _assertSubmission(submissionId, SubmissionState.Fetching, Reason.None);
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        _assertSubmission(submissionId, SubmissionState.Evaluating, Reason.None);
        vm.assertEq(market.submission(submissionId).deadline, governance.clock() + TASK_LIFE);
    }

    function _certifyTask(uint64 taskId, uint32 turn, bytes memory result, uint256 signers)
        private
    {
        Claim memory claim = _claim(taskId, turn, result);
        _submit(CertificateKind.Approve, taskId, claim, result, signers);
        _note(taskId, claim, result, signers);
    }

    /// @dev Remembers what a delivery takes.
    function _note(uint64 taskId, Claim memory claim, bytes memory result, uint256 signers)
        private
    {
        address performer = _at(taskId, claim.performerIndex).operator;
        FeeCommitment memory committed = FeeCommitment({
            epoch: center.task(taskId).epoch,
            claimId: _claimId(taskId, claim, result),
            performerIndex: claim.performerIndex,
            fee: EVALUATION_FEE,
            nonSigners: _bitmap(_bit(_count(taskId)) - 1 & ~signers)
        });
        Certified storage c = _decided[market.submissionOfTask(taskId)];
        (c.taskId, c.turn, c.performer, c.result) = (taskId, claim.turn, performer, result);
        c.committed = committed;
    }

    function _deliver(uint64 submissionId) private {
        Certified storage c = _decided[submissionId];
        center.deliver(c.taskId, c.turn, c.performer, c.committed, c.result);
    }

    function _finish(string memory name, bytes memory result) private returns (uint64 id) {
        uint64 taskId;
        (id, taskId) = _evaluatingSubmission(name);
        _certifyTask(taskId, 0, result, ALL);
        mine(APPEAL_WINDOW);
        _deliver(id);
    }

    function _scored(int64 lower, int64 improvement, int64 upper)
        private
        pure
        returns (bytes memory)
    {
        return abi.encode(
            uint16(1),
            uint8(0),
            uint8(0),
            uint8(1),
            uint8(1),
            keccak256("environment"),
            SAMPLES,
            int64(500_000),
            int64(500_000) + improvement,
            improvement,
            lower,
            upper,
            keccak256("scores")
        );
    }

    function _failed(uint8 status) private pure returns (bytes memory) {
        uint8 fault = status <= 6 ? 1 : 2;
        bytes memory head =
            abi.encode(uint16(1), status, fault, uint8(0), uint8(0), keccak256("environment"));
        return bytes.concat(head, new bytes(7 * 32));
    }

    function _assertSubmission(uint64 id, SubmissionState state, Reason reason) private view {
        Submission memory submission = market.submission(id);
        vm.assertEq(uint256(submission.state), uint256(state), "state");
        vm.assertEq(uint256(submission.reason), uint256(reason), "reason");
    }
}
