// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationCenter } from "../../src/AttestationCenter.sol";
import { Disputes } from "../../src/attestation/Disputes.sol";
import { OperatorFees } from "../../src/attestation/OperatorFees.sol";
import { TaskRegistry } from "../../src/attestation/TaskRegistry.sol";
import { IAvsGovernance, IAvsGovernanceErrors } from "../../src/interfaces/IAvsGovernance.sol";
import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Definitions (2.1), opening, the seed (2.3), expiry and reopening (2.2).
contract TasksTest is AttestationFixture {
    /* DEFINITIONS */

    function test_constructor_refusesZeroAddresses() external {
        address extension = AttestationCenter(payable(address(center))).extension();
        vm.expectRevert(ZeroAddress.selector);
        new AttestationCenter(address(0), governance, extension);
        vm.expectRevert(ZeroAddress.selector);
        new AttestationCenter(address(manager), IAvsGovernance(address(0)), extension);
    }

    function test_constructor_refusesCodeForAnotherGovernance() external {
        address foreign = address(new TaskRegistry(IAvsGovernance(address(1))));
        vm.expectRevert(abi.encodeWithSelector(WrongExtension.selector, foreign));
        new AttestationCenter(address(manager), governance, foreign);
    }

    /// The last piece refuses what no piece knows.
    function test_unknownFunctionIsRefused() external {
        (bool done,) = address(center).call(hex"deadbeef");
        vm.assertFalse(done);
    }

    /// Called directly the pieces have neither tasks nor an authority.
    function test_piecesAloneCanDoNothing() external {
        OperatorFees fees =
            OperatorFees(payable(AttestationCenter(payable(address(center))).extension()));
        Disputes disputes = Disputes(payable(fees.extension()));
        TaskRegistry registry = TaskRegistry(disputes.extension());
        _open();
        vm.assertEq(registry.taskCount(), 0);
        _expectUnauthorized(address(this));
        registry.registerKind(7, _definition());
    }

    function test_register_storesTheDefinition() external {
        TaskDefinition memory d = _definition();
        vm.expectEmit(address(center));
        emit KindRegistered(7, d);
        center.registerKind(7, d);
        vm.assertEq(abi.encode(center.definition(7)), abi.encode(d));
    }

    function test_register_byGovernanceOnly() external {
        _expectUnauthorized(makeAddr("stranger"));
        center.registerKind(7, _definition());
    }

    function test_register_neverChanges() external {
        vm.expectRevert(abi.encodeWithSelector(KindExists.selector, KIND));
        center.registerKind(KIND, _definition());
    }

    function test_definition_refusesUnknownKind() external {
        vm.expectRevert(abi.encodeWithSelector(UnknownKind.selector, 7));
        center.definition(7);
    }

    function test_register_refusesEachFieldOutOfBounds() external {
        TaskDefinition memory d = _definition();
        d.source = address(0);
        _expectInvalid("source", d);
        d = _definition();
        d.logic = IAvsLogic(makeAddr("no code"));
        _expectInvalid("logic", d);
        d = _definition();
        d.seedSource = ISeedSource(makeAddr("no code"));
        _expectInvalid("seedSource", d);
        d = _definition();
        (d.thresholdNumerator, d.thresholdDenominator) = (665, 1000);
        _expectInvalid("threshold", d);
        (d.thresholdNumerator, d.thresholdDenominator) = (3, 3);
        _expectInvalid("threshold", d);
        (d.thresholdNumerator, d.thresholdDenominator) = (0, 0);
        _expectInvalid("threshold", d);
        d = _definition();
        d.performerShareBps = 10_001;
        _expectInvalid("performerShareBps", d);
        d = _definition();
        d.fetchWindow = 0;
        _expectInvalid("fetchWindow", d);
        d = _definition();
        d.turnLength = 0;
        _expectInvalid("turnLength", d);
        d = _definition();
        d.taskLife = 0;
        _expectInvalid("taskLife", d);
        d.taskLife = 500 - FETCH_WINDOW + 1;
        _expectInvalid("taskLife", d);
        d.taskLife = type(uint32).max;
        _expectInvalid("taskLife", d);
        d = _definition();
        d.votingWindow = TASK_LIFE + 1;
        _expectInvalid("votingWindow", d);
        d = _definition();
        d.appealWindow = 101;
        _expectInvalid("appealWindow", d);
        d = _definition();
        d.supplementWindow = 1_000_001;
        _expectInvalid("supplementWindow", d);
        d = _definition();
        d.minFee = uint96(type(uint80).max) + 1;
        _expectInvalid("minFee", d);
    }

    function test_register_takesTheLargestWindows() external {
        TaskDefinition memory d = _definition();
        d.taskLife = 500 - FETCH_WINDOW;
        d.appealWindow = 100 - APPEAL_VOTING;
        d.performerShareBps = 10_000;
        center.registerKind(7, d);
    }

    /// EigenLayer's delay may have become shorter than what was set when it was longer.
    function test_register_keepsTheTimingInequality() external {
        eigen.setDeallocationDelay(780);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvsGovernanceErrors.TimingExceedsDeallocation.selector, 780, 780
            )
        );
        center.registerKind(7, _definition());
    }

    function _expectInvalid(bytes32 field, TaskDefinition memory d) private {
        vm.expectRevert(abi.encodeWithSelector(InvalidDefinition.selector, field));
        center.registerKind(7, d);
    }

    /* OPENING */

    function test_open_fixesEpochAndSeedBlock() external {
        uint64 seedBlock = uint64(block.number) + FETCH_WINDOW;
        vm.expectEmit(address(center));
        emit TaskOpened(1, KIND, 1, seedBlock, seedBlock + 8192, SUBJECT);
        vm.assertEq(_open(), 1);

        Task memory task = center.task(1);
        vm.assertEq(task.kind, KIND);
        vm.assertTrue(task.state == TaskState.Fetching);
        vm.assertEq(task.epoch, 1);
        vm.assertEq(task.seedBlock, seedBlock);
        vm.assertEq(task.deadline, seedBlock + 8192);
        vm.assertEq(task.fee, FEE);
        vm.assertEq(task.subjectHash, SUBJECT);
        vm.assertEq(task.seed, 0);
        vm.assertEq(center.taskCount(), 1);
        vm.assertEq(center.liabilities(), FEE);
        vm.assertEq(_open(), 2);
    }

    function test_open_refusesUnknownKind() external {
        vm.expectRevert(abi.encodeWithSelector(UnknownKind.selector, 9));
        center.openTask{ value: FEE }(9, SUBJECT);
    }

    function test_open_bySourceOnly() external {
        address stranger = makeAddr("stranger");
        hoax(stranger, FEE);
        vm.expectRevert(abi.encodeWithSelector(NotSource.selector, stranger));
        center.openTask{ value: FEE }(KIND, SUBJECT);
    }

    function test_open_refusedWhilePaused() external {
        governance.pause();
        vm.expectRevert(MarketPaused.selector);
        _open();
    }

    function test_open_feeBounds() external {
        vm.expectRevert(abi.encodeWithSelector(FeeTooLow.selector, 0.1 ether - 1, 0.1 ether));
        center.openTask{ value: 0.1 ether - 1 }(KIND, SUBJECT);
        center.openTask{ value: 0.1 ether }(KIND, SUBJECT);

        uint256 most = type(uint80).max;
        vm.deal(address(this), 3 * most);
        center.openTask{ value: most }(KIND, SUBJECT);
        vm.expectRevert(abi.encodeWithSelector(FeeTooHigh.selector, most + 1, most));
        center.openTask{ value: most + 1 }(KIND, SUBJECT);
    }

    function test_open_refusesStaleEpoch() external {
        mine(101);
        vm.expectRevert(EpochNotUsable.selector);
        _open();
        governance.rollEpoch(type(uint32).max);
        vm.assertEq(center.task(_open()).epoch, 2);
    }

    /// A fault takes its operator out of every task opened later.
    function test_open_afterAFaultOnAnEpochWithoutIt() external {
        uint64 taskId = _evaluating();
        Claim memory claim = _claim(taskId, 0, RESULT);
        address liar = _at(taskId, claim.performerIndex).operator;
        _submit(CertificateKind.Reject, taskId, claim, RESULT, ALL);
        vm.expectRevert(EpochNotUsable.selector);
        _open();
        governance.rollEpoch(type(uint32).max);
        uint32 epoch = center.task(_open()).epoch;
        vm.assertEq(governance.epochHead(epoch).totalStake, 100 * (OPERATORS - 1));
        vm.assertEq(_stakeIn(epoch, liar), 0);
    }

    /* SEED */

    function test_seed_isThatOfTheSpecification() external {
        uint64 taskId = _open();
        mine(FETCH_WINDOW + 1);
        bytes32 r = keccak256("randao");
        bytes32 expected = keccak256(
            abi.encode(keccak256("Zarathustra.Seed.v1"), block.chainid, address(center), taskId, r)
        );
        vm.expectEmit(address(center));
        emit SeedFixed(taskId, expected, r);
        vm.prank(makeAddr("anyone"));
        center.fixSeed(taskId, abi.encode(r));

        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Evaluating);
        vm.assertEq(task.seed, expected);
        vm.assertEq(task.seedFixedAt, governance.clock());
        vm.assertEq(task.turnBase, 0);
        vm.assertEq(task.turnBaseAt, governance.clock());
        vm.assertEq(task.deadline, governance.clock() + TASK_LIFE);
    }

    /// Two tasks with one seed block have different seeds.
    function test_seed_differsBetweenTasks() external {
        uint64 a = _open();
        uint64 b = _open();
        mine(FETCH_WINDOW + 1);
        _fix(a);
        _fix(b);
        vm.assertNotEq(center.task(a).seed, center.task(b).seed);
    }

    function test_seed_notBeforeItsBlockIsMined() external {
        uint64 taskId = _open();
        uint64 seedBlock = center.task(taskId).seedBlock;
        mine(FETCH_WINDOW);
        vm.expectRevert(
            abi.encodeWithSelector(ISeedSource.SeedBlockNotMined.selector, seedBlock, seedBlock)
        );
        _fix(taskId);
    }

    function test_seed_wrongProofRefused() external {
        uint64 taskId = _open();
        uint64 seedBlock = center.task(taskId).seedBlock;
        mine(FETCH_WINDOW + 1);
        vm.expectRevert(abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, seedBlock));
        center.fixSeed(taskId, "x");
    }

    function test_seed_onceOnly() external {
        uint64 taskId = _evaluating();
        vm.expectRevert(abi.encodeWithSelector(SeedAlreadyFixed.selector, taskId));
        _fix(taskId);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, 99, TaskState.None));
        _fix(99);
    }

    function test_seed_alsoWhilePaused() external {
        uint64 taskId = _open();
        governance.pause();
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        vm.assertEq(center.task(taskId).seedFixedAt, 10_000);
    }

    /* EXPIRY AND REOPENING */

    function test_expire_bySourceOnly() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        address stranger = makeAddr("stranger");
        vm.expectRevert(abi.encodeWithSelector(NotSource.selector, stranger));
        vm.prank(stranger);
        center.expire(taskId);
        vm.expectRevert(abi.encodeWithSelector(UnknownTask.selector, 99));
        center.expire(99);
        vm.expectRevert(abi.encodeWithSelector(UnknownTask.selector, 0));
        center.expire(0);
    }

    /// As long as the seed can be fixed, the task can go on; from the next block, neither can.
    function test_expire_fetchingOnlyWhenTheSeedIsOutOfReach() external {
        uint64 taskId = _open();
        uint64 seedBlock = center.task(taskId).seedBlock;
        vm.roll(seedBlock + 8191);
        vm.expectRevert(
            abi.encodeWithSelector(
                DeadlineNotPassed.selector, taskId, seedBlock + 8192, seedBlock + 8191
            )
        );
        center.expire(taskId);

        vm.roll(seedBlock + 8192);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISeedSource.SeedBlockOutOfReach.selector, seedBlock, seedBlock + 8192
            )
        );
        _fix(taskId);
        vm.expectEmit(address(center));
        emit TaskExpired(taskId, true);
        vm.assertTrue(center.expire(taskId));
        vm.assertEq(center.credit(address(this)), FEE);
        vm.assertTrue(center.task(taskId).isFinal);
        vm.expectRevert(abi.encodeWithSelector(TaskFinal.selector, taskId));
        center.reopen(taskId);
        vm.expectRevert(abi.encodeWithSelector(TaskFinal.selector, taskId));
        center.expire(taskId);
    }

    function test_expire_notBeforeTheDeadline() external {
        uint64 taskId = _evaluating();
        uint64 deadline = center.task(taskId).deadline;
        mine(TASK_LIFE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(DeadlineNotPassed.selector, taskId, deadline, deadline - 1)
        );
        center.expire(taskId);
    }

    /// Pausing stops the clock of every running task.
    function test_expire_pauseStopsTheDeadline() external {
        uint64 taskId = _evaluating();
        uint64 deadline = center.task(taskId).deadline;
        mine(10);
        governance.pause();
        mine(2 * TASK_LIFE);
        vm.expectPartialRevert(DeadlineNotPassed.selector);
        center.expire(taskId);
        governance.unpause();
        mine(TASK_LIFE - 11);
        vm.expectRevert(
            abi.encodeWithSelector(DeadlineNotPassed.selector, taskId, deadline, deadline - 1)
        );
        center.expire(taskId);
        mine(1);
        center.expire(taskId);
    }

    function test_expire_alsoWhilePausedOnceDue() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        governance.pause();
        vm.assertFalse(center.expire(taskId));
    }

    function test_reopen_sameSeedNewestEpochNextTurn() external {
        uint64 taskId = _evaluating();
        bytes32 seed = center.task(taskId).seed;
        mine(TASK_LIFE + 3);
        vm.expectEmit(address(center));
        emit TaskExpired(taskId, false);
        vm.assertFalse(center.expire(taskId));
        vm.assertEq(center.credit(address(this)), 0);
        governance.rollEpoch(type(uint32).max);
        mine(2);
        uint64 present = governance.clock();
        vm.expectEmit(address(center));
        emit TaskReopened(taskId, 2, present + TASK_LIFE);
        center.reopen(taskId);

        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Evaluating);
        vm.assertTrue(task.retried);
        vm.assertEq(task.seed, seed);
        vm.assertEq(task.epoch, 2);
        // Twenty turns and three blocks had passed.
        vm.assertEq(task.turnBase, 21);
        vm.assertEq(task.turnBaseAt, present);
        vm.assertEq(task.deadline, present + TASK_LIFE);
    }

    function test_reopen_onceOnly() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        governance.rollEpoch(type(uint32).max);
        center.reopen(taskId);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Evaluating));
        center.reopen(taskId);
        mine(TASK_LIFE);
        vm.assertTrue(center.expire(taskId));
        vm.assertEq(center.credit(address(this)), FEE);
        vm.expectRevert(abi.encodeWithSelector(TaskFinal.selector, taskId));
        center.reopen(taskId);
    }

    function test_reopen_bySourceOnly() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        address stranger = makeAddr("stranger");
        vm.expectRevert(abi.encodeWithSelector(NotSource.selector, stranger));
        vm.prank(stranger);
        center.reopen(taskId);
    }

    function test_reopen_needsAUsableEpoch() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        vm.expectRevert(EpochNotUsable.selector);
        center.reopen(taskId);
    }

    function test_reopen_alsoWhilePaused() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        governance.rollEpoch(type(uint32).max);
        governance.pause();
        center.reopen(taskId);
    }

    /// The way out where no epoch can be had any more: the source gives up the second try.
    function test_expire_again_givesUpReopening() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        vm.expectEmit(address(center));
        emit TaskExpired(taskId, true);
        vm.assertTrue(center.expire(taskId));
        vm.assertEq(center.credit(address(this)), FEE);
        vm.expectRevert(abi.encodeWithSelector(TaskFinal.selector, taskId));
        center.expire(taskId);
    }

    function test_expire_notACertifiedTask() external {
        (uint64 taskId,) = _certified();
        mine(TASK_LIFE);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Certified));
        center.expire(taskId);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Certified));
        center.reopen(taskId);
    }

    /// The second run is finished like the first.
    function test_reopen_thenCertify() external {
        uint64 taskId = _evaluating();
        mine(TASK_LIFE);
        center.expire(taskId);
        governance.rollEpoch(type(uint32).max);
        center.reopen(taskId);
        Claim memory claim = _claim(taskId, center.task(taskId).turnBase, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        vm.assertTrue(center.task(taskId).state == TaskState.Certified);
    }

    function test_task_unknownIsZero() external view {
        Task memory none;
        vm.assertEq(abi.encode(center.task(99)), abi.encode(none));
    }

    /// The contract takes no money and answers no call that it does not know.
    function test_fallback_refusesStrayCalls() external {
        (bool ok,) = address(center).call{ value: 1 }("");
        vm.assertFalse(ok);
        (ok,) = address(center).call(abi.encodeWithSignature("nothing()"));
        vm.assertFalse(ok);
        (ok,) = address(center).call{ value: 1 }(
            abi.encodeWithSignature("withdraw(address)", address(this))
        );
        vm.assertFalse(ok);
    }
}
