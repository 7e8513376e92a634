// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsLogic } from "../../src/AvsLogic.sol";
import { ModelSubmission } from "../../src/ModelSubmission.sol";
import {
    IAttestationCenter,
    IAttestationCenterTypes
} from "../../src/interfaces/IAttestationCenter.sol";
import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { IModelSubmission, IModelSubmissionTypes } from "../../src/interfaces/IModelSubmission.sol";
import { IRetentionDesk } from "../../src/interfaces/IRetentionDesk.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";
import { RetentionDesk } from "../../src/market/RetentionDesk.sol";
import { AttestationCenterDouble } from "../mocks/AttestationCenterDouble.sol";
import { MarketClockDouble } from "../mocks/MarketClockDouble.sol";
import { TestToken } from "../mocks/Tokens.sol";
import { Test } from "../utils/Test.sol";

/// @dev A market on doubles of AttestationCenter and the clock, with one kind and one for retention.
abstract contract MarketTest is Test, IModelSubmissionTypes {
    uint16 internal constant KIND = 7;
    uint16 internal constant RETAIN = 17;
    uint32 internal constant FETCH_WINDOW = 5;
    uint32 internal constant TASK_LIFE = 100;
    uint32 internal constant APPEAL_WINDOW = 20;
    uint96 internal constant MIN_FEE = 0.001 ether;
    uint64 internal constant REACH = 8191;

    uint32 internal constant REVEAL_WINDOW = 50;
    uint32 internal constant QUEUE_WINDOW = 400;
    uint32 internal constant CLOSE_NOTICE = 30;
    uint32 internal constant MIN_SAMPLES = 1000;
    int64 internal constant MIN_IMPROVEMENT = 1000;
    int64 internal constant TOLERANCE = 10;
    int64 internal constant SLASH_MARGIN = 5000;
    uint128 internal constant REWARD = 1 ether;
    uint96 internal constant FEE = 0.01 ether;
    uint96 internal constant DEPOSIT = 0.1 ether;
    uint96 internal constant UNAVAILABLE_PENALTY = 0.03 ether;
    uint96 internal constant COMPENSATION = 0.02 ether;
    uint128 internal constant BOND = 0.06 ether;
    uint32 internal constant RETENTION_TIME = 200;
    uint32 internal constant RETENTION_WINDOW = 400;
    /// @dev A quarter of the reward.
    uint128 internal constant HELD = 0.25 ether;
    address internal constant NATIVE = address(0);
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;

    MarketClockDouble internal clock;
    AttestationCenterDouble internal center;
    IModelSubmission internal market;
    AvsLogic internal logic;
    IRetentionDesk internal desk;
    TestToken internal token;

    mapping(uint64 submissionId => uint64 taskId) internal _taskOf;

    address internal owner;
    address internal alice;
    address internal bob;
    address internal payout;

    function setUp() public virtual {
        mine(1000);
        clock = new MarketClockDouble();
        center = new AttestationCenterDouble(clock);
        market = IModelSubmission(
            address(new ModelSubmission(IAttestationCenter(address(center)), clock))
        );
        logic = new AvsLogic(IAttestationCenter(address(center)), market);
        center.registerKind(KIND, _definition(address(market)));
        RetentionDesk desk_ = new RetentionDesk(IAttestationCenter(address(center)), market);
        desk = desk_;
        IAttestationCenterTypes.TaskDefinition memory definition = _definition(address(desk));
        definition.logic = desk_;
        center.registerKind(RETAIN, definition);
        token = new TestToken();
        owner = makeAddr("owner");
        alice = makeAddr("alice");
        bob = makeAddr("bob");
        payout = makeAddr("payout");
        vm.deal(owner, 1000 ether);
        vm.deal(alice, 100 ether);
        vm.deal(bob, 100 ether);
        token.mint(owner, 1000 ether);
        vm.prank(owner);
        token.approve(address(market), type(uint256).max);
    }

    function _definition(address source)
        internal
        view
        returns (IAttestationCenterTypes.TaskDefinition memory definition)
    {
        definition.source = source;
        definition.logic = IAvsLogic(address(logic));
        definition.seedSource = ISeedSource(address(0));
        definition.thresholdNumerator = 2;
        definition.thresholdDenominator = 3;
        definition.fetchWindow = FETCH_WINDOW;
        definition.taskLife = TASK_LIFE;
        definition.appealWindow = APPEAL_WINDOW;
        definition.minFee = MIN_FEE;
    }

    /* CONTENT */

    function _terms() internal pure returns (Terms memory) {
        return Terms({
            kind: KIND,
            queueCap: 4,
            minSamples: MIN_SAMPLES,
            alphaPpb: 1e6,
            revealWindow: REVEAL_WINDOW,
            queueWindow: QUEUE_WINDOW,
            closeNotice: CLOSE_NOTICE,
            maxParameterBytes: 1 << 20,
            minImprovement: MIN_IMPROVEMENT,
            tolerance: TOLERANCE,
            slashMargin: SLASH_MARGIN,
            advantage: 0,
            rewardToken: NATIVE,
            advantagePeriod: 0,
            reward: REWARD,
            rewardValue: REWARD,
            evaluationFee: FEE,
            deposit: DEPOSIT,
            depositGrowthBps: 0,
            depositDecay: 0,
            unavailablePenalty: UNAVAILABLE_PENALTY,
            compensation: COMPENSATION,
            retention: RetentionTerms({ time: 0, window: 0, bps: 0, kind: 0 })
        });
    }

    function _tokenTerms(address rewardToken) internal pure returns (Terms memory terms) {
        terms = _terms();
        terms.rewardToken = rewardToken;
    }

    /// @dev Terms that hold a quarter of the reward back.
    function _retaining(Terms memory terms) internal pure returns (Terms memory) {
        terms.retention.bps = 2500;
        terms.retention.time = RETENTION_TIME;
        terms.retention.window = RETENTION_WINDOW;
        terms.retention.kind = RETAIN;
        return terms;
    }

    /// @dev A file with a name: 36 bytes of CID, as of a CIDv1 with SHA-256. The contracts never compute that, and
    /// the precompile would use up a prank, so another hash stands in for it.
    function _content(string memory name) internal pure returns (Content memory) {
        bytes32 digest = keccak256(bytes(name));
        return Content({ cid: abi.encodePacked(hex"01551220", digest), digest: digest, size: 3000 });
    }

    /* REQUESTS */

    function _fund(Terms memory terms, uint128 reward, uint128 fee, uint128 bond)
        internal
        pure
        returns (uint256 value)
    {
        value = uint256(fee) + bond + (terms.rewardToken == NATIVE ? reward : 0);
    }

    function _create(Terms memory terms, uint128 reward, uint128 fee, uint128 bond)
        internal
        returns (uint64)
    {
        uint256 value = _fund(terms, reward, fee, bond);
        vm.prank(owner);
        return market.createRequest{ value: value }(
            terms, _content("manifest"), _content("baseline"), reward, fee, bond
        );
    }

    /// @dev A request that can pay for three wins.
    function _create(Terms memory terms) internal returns (uint64) {
        return _create(terms, 3 * terms.reward, 3 * terms.evaluationFee, BOND);
    }

    function _create() internal returns (uint64) {
        return _create(_terms());
    }

    /* SUBMISSIONS */

    function _commit(uint64 requestId, address optimizer, string memory name)
        internal
        returns (uint64)
    {
        bytes32 commitment =
            market.commitmentOf(optimizer, requestId, _content(name), payout, bytes32(0));
        uint256 deposit = market.depositOf(requestId);
        vm.prank(optimizer);
        return market.commit{ value: deposit }(requestId, commitment);
    }

    function _reveal(uint64 submissionId, string memory name) internal {
        address optimizer = market.submission(submissionId).optimizer;
        vm.prank(optimizer);
        market.reveal(submissionId, _content(name), payout, bytes32(0));
    }

    function _submit(uint64 requestId, address optimizer, string memory name)
        internal
        returns (uint64 submissionId)
    {
        submissionId = _commit(requestId, optimizer, name);
        _reveal(submissionId, name);
    }

    /// @dev Opens the head's task and fixes its seed.
    function _start(uint64 requestId) internal returns (uint64 submissionId, uint64 taskId) {
        submissionId = market.open(requestId);
        taskId = market.submission(submissionId).taskId;
        _taskOf[submissionId] = taskId;
        center.fixSeed(taskId);
    }

    /// @dev Takes a fresh submission to its certificate.
    function _certify(uint64 requestId, address optimizer, string memory name, bytes memory result)
        internal
        returns (uint64 submissionId)
    {
        submissionId = _submit(requestId, optimizer, name);
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, result);
    }

    /// @dev Takes a fresh submission to its end.
    function _settle(uint64 requestId, address optimizer, string memory name, bytes memory result)
        internal
        returns (uint64 submissionId)
    {
        submissionId = _certify(requestId, optimizer, name, result);
        mine(APPEAL_WINDOW);
        _deliver(submissionId);
    }

    /// @dev Has the center tell of a certified submission, which settles it.
    function _deliver(uint64 submissionId) internal {
        center.deliver(_taskOf[submissionId]);
    }

    /* RESULTS (specification 5.2, encoded by Solidity's own abi.encode) */

    bytes32 internal constant ENVIRONMENT = bytes32(uint256(0xe1));
    bytes32 internal constant SCORES_ROOT = bytes32(uint256(0x5c));

    function _scored(int64 lower, int64 improvement, int64 upper)
        internal
        pure
        returns (bytes memory)
    {
        return _scored(MIN_SAMPLES, lower, improvement, upper);
    }

    function _scored(uint32 samples, int64 lower, int64 improvement, int64 upper)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encode(
            uint16(1),
            uint8(0),
            uint8(0),
            uint8(1),
            uint8(1),
            ENVIRONMENT,
            samples,
            int64(500_000),
            int64(500_000) + improvement,
            improvement,
            lower,
            upper,
            SCORES_ROOT
        );
    }

    function _failed(uint8 status) internal pure returns (bytes memory) {
        uint8 fault = status <= 6 ? 1 : 2;
        bytes memory head = abi.encode(uint16(1), status, fault, uint8(0), uint8(0), ENVIRONMENT);
        return bytes.concat(head, new bytes(7 * 32));
    }

    function _better() internal pure returns (bytes memory) {
        return _scored(2000, 3000, 4000);
    }

    function _same() internal pure returns (bytes memory) {
        return _scored(-500, 0, 500);
    }

    /// @dev Specification 5.12.
    function _kept() internal pure returns (bytes memory) {
        return abi.encode(uint16(1), uint8(1), bytes32(uint256(0x9f)));
    }

    function _missing() internal pure returns (bytes memory) {
        return abi.encode(uint16(1), uint8(2), bytes32(0));
    }

    function _worse() internal pure returns (bytes memory) {
        return _scored(-9000, -8000, -7000);
    }

    /* CHECKS */

    function _assertState(uint64 submissionId, SubmissionState state, Reason reason) internal view {
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(uint256(submission.state), uint256(state), "state");
        vm.assertEq(uint256(submission.reason), uint256(reason), "reason");
    }

    /// @dev A final state: nothing is held, no deadline runs.
    function _assertEnded(uint64 submissionId, SubmissionState state, Reason reason) internal view {
        _assertState(submissionId, state, reason);
        Submission memory submission = market.submission(submissionId);
        vm.assertEq(submission.deposit, 0, "deposit held");
        vm.assertEq(submission.deadline, 0, "deadline");
    }

    function _nativeCredit(address account) internal view returns (uint256) {
        return market.credit(account, NATIVE);
    }
}
