// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { InvariantTest } from "../utils/Test.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev The source, six operators and anybody, acting in any order. Whatever they do, the contract owes exactly
/// what it holds, and each fee is paid out once.
contract FeesInvariantTest is AttestationFixture, InvariantTest {
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @dev A certified task, as those who claim know it, and what was paid of its fee.
    struct Certified {
        uint64 taskId;
        FeeCommitment committed;
        uint256 paid;
    }

    Certified[] internal certified;
    uint256 internal prepaid;
    uint256 internal withdrawn;

    function setUp() public override {
        super.setUp();
        vm.deal(address(this), 1e9 ether);
        center.setFund(5 ether, 1 ether);
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = this.open.selector;
        selectors[1] = this.fixSeeds.selector;
        selectors[2] = this.certify.selector;
        selectors[3] = this.reject.selector;
        selectors[4] = this.expireOrReopen.selector;
        selectors[5] = this.claim.selector;
        selectors[6] = this.supplement.selector;
        selectors[7] = this.sweep.selector;
        selectors[8] = this.withdrawAll.selector;
        selectors[9] = this.pass.selector;
        selectors[10] = this.appeal.selector;
        selectors[11] = this.decideAppeal.selector;
        targetSelectors(address(this), selectors);
        targetContract(address(this));
        targetSender(makeAddr("anyone"));
    }

    /* ACTIONS */

    function open(uint96 fee) external {
        fee = uint96(bound(fee, 0.1 ether, 10 ether));
        if (governance.paused()) return;
        _roll();
        center.openTask{ value: fee }(KIND, SUBJECT);
        prepaid += fee;
    }

    function fixSeeds() external {
        mine(FETCH_WINDOW + 1);
        for (uint64 id = 1; id <= center.taskCount(); ++id) {
            Task memory task = center.task(id);
            if (task.state == TaskState.Fetching && block.number <= task.seedBlock + 8191) {
                _fix(id);
            }
        }
    }

    function _appealWindow() internal pure override returns (uint32) {
        return 20;
    }

    function certify(uint64 number, uint256 bits) external {
        (uint64 taskId, uint32 turn) = _running(number);
        if (taskId == 0) return;
        Claim memory claimed = _claim(taskId, turn, RESULT);
        uint256 count = _count(taskId);
        uint256 all = _bit(count) - 1;
        uint256 needed = _others(claimed.performerIndex, count * 2 / 3);
        uint256 signers = (needed | bits) & all;
        bytes32 claimId = _claimId(taskId, claimed, RESULT);
        if (center.claimOutcome(claimId) != ClaimOutcome.None) return;
        _submit(CertificateKind.Approve, taskId, claimed, RESULT, signers);

        Task memory task = center.task(taskId);
        Certified storage entry = certified.push();
        entry.taskId = taskId;
        entry.committed = FeeCommitment({
            epoch: task.epoch,
            claimId: claimId,
            performerIndex: claimed.performerIndex,
            fee: task.fee,
            nonSigners: _bitmap(all & ~signers)
        });
    }

    function reject(uint64 number) external {
        (uint64 taskId, uint32 turn) = _running(number);
        // Two operators stay without fault, so that epochs can be had.
        if (taskId == 0 || governance.faultCount() > 3) return;
        Claim memory claimed = _claim(taskId, turn, "lie");
        bytes32 claimId = _claimId(taskId, claimed, "lie");
        if (center.claimOutcome(claimId) != ClaimOutcome.None) return;
        uint256 all = _bit(_count(taskId)) - 1;
        _submit(CertificateKind.Reject, taskId, claimed, "lie", all);
    }

    function expireOrReopen(uint64 number, bool giveUp) external {
        uint64 taskId = _any(number);
        if (taskId == 0) return;
        Task memory task = center.task(taskId);
        if (task.state == TaskState.Evaluating && !governance.paused()) {
            if (governance.clock() < task.deadline) mine(task.deadline - governance.clock());
            center.expire(taskId);
        } else if (task.state == TaskState.Expired && !task.isFinal) {
            if (giveUp) {
                center.expire(taskId);
            } else {
                _roll();
                center.reopen(taskId);
            }
        }
    }

    function claim(uint256 number, uint32 index) external {
        if (certified.length == 0) return;
        Certified storage entry = certified[number % certified.length];
        index = uint32(index % _count(entry.taskId));
        address operator = _at(entry.taskId, index).operator;
        uint64[] memory taskIds = new uint64[](1);
        uint32[] memory indices = new uint32[](1);
        FeeCommitment[] memory list = new FeeCommitment[](1);
        (taskIds[0], indices[0], list[0]) = (entry.taskId, index, entry.committed);
        bool signed = index == entry.committed.performerIndex
            || entry.committed.nonSigners[0] >> index & 1 == 0;
        bool due = signed && !center.isFeeClaimed(entry.taskId, operator)
            && governance.clock() >= center.task(entry.taskId).deadline;
        try center.claimFees(operator, taskIds, indices, list) returns (uint256 amount) {
            vm.assertTrue(due);
            entry.paid += amount;
        } catch {
            vm.assertFalse(due);
        }
    }

    function appeal(uint256 number) external {
        if (certified.length == 0) return;
        Certified storage entry = certified[number % certified.length];
        Task memory task = center.task(entry.taskId);
        if (task.state != TaskState.Certified || governance.clock() >= task.deadline) return;
        if (center.appealOf(entry.committed.claimId).challenger != address(0)) return;
        center.appeal{ value: BOND }(entry.taskId, entry.committed);
        prepaid += BOND;
    }

    /// @dev Upholds, overturns or closes.
    function decideAppeal(uint256 number, uint8 how) external {
        if (certified.length == 0) return;
        number %= certified.length;
        Certified storage entry = certified[number];
        Task memory task = center.task(entry.taskId);
        if (!task.appealed) return;
        bytes32 claimId = entry.committed.claimId;
        if (governance.clock() >= task.deadline) {
            if (center.appealOf(claimId).decidedAt == 0) {
                center.closeAppeal(entry.taskId, entry.committed);
            }
            return;
        }
        if (block.number > governance.epochHead(task.epoch).certifiableUntil) return;
        // Two operators stay without fault, so that epochs can be had.
        uint8 verdict = how % 3 == 0 && governance.faultCount() < 3 ? 2 : 1;
        uint256 all = _bit(_count(entry.taskId)) - 1;
        Votes memory votes = _appealVotes(entry.taskId, claimId, verdict, all);
        center.submitAppeal(entry.taskId, entry.committed, verdict, votes);
        if (verdict == 1) return;
        vm.assertEq(entry.paid, 0);
        certified[number] = certified[certified.length - 1];
        certified.pop();
    }

    function supplement(uint256 number) external {
        if (certified.length == 0) return;
        Certified storage entry = certified[number % certified.length];
        uint256 missing = entry.committed.nonSigners[0];
        if (missing == 0) return;
        uint256 late = missing & (~missing + 1);
        if (governance.clock() > center.task(entry.taskId).certifiedAt + SUPPLEMENT_WINDOW) return;
        center.submitSupplement(
            entry.taskId,
            entry.committed,
            _bitmap(late),
            _votes(entry.taskId, entry.committed.claimId, 1, 1, late)
        );
        entry.committed.nonSigners[0] = missing & ~late;
    }

    function sweep(uint256 number) external {
        if (certified.length == 0) return;
        Certified storage entry = certified[number % certified.length];
        if (governance.paused() || center.task(entry.taskId).swept) return;
        uint64 until = center.task(entry.taskId).certifiedAt + SUPPLEMENT_WINDOW;
        uint64 finalAt = center.task(entry.taskId).deadline;
        if (finalAt > until) until = finalAt;
        if (governance.clock() <= until) mine(until + 1 - governance.clock());
        uint256 before = BURN.balance + center.fund().balance;
        center.sweepFee(entry.taskId, entry.committed);
        entry.paid += BURN.balance + center.fund().balance - before;
    }

    function withdrawAll(uint256 number) external {
        address account = number % 7 == 6 ? address(this) : operators[number % 7].operator;
        if (center.credit(account) == 0) return;
        vm.prank(account);
        withdrawn += center.withdraw(makeAddr("wallet"));
    }

    function pass(uint8 blocks, bool toggle) external {
        mine(uint256(blocks) + 1);
        if (!toggle) return;
        if (governance.paused()) governance.unpause();
        else governance.pause();
    }

    function _roll() private {
        if (!governance.epochUsable()) governance.rollEpoch(type(uint32).max);
    }

    function _any(uint64 number) private view returns (uint64) {
        uint64 count = center.taskCount();
        return count == 0 ? 0 : number % count + 1;
    }

    /// @dev A task that can be decided now and its present turn; zero when this one cannot. Every other time a new
    /// one, so that there is something to decide.
    function _running(uint64 number) private returns (uint64 taskId, uint32 turn) {
        if (number % 2 == 0 && !governance.paused()) {
            _roll();
            prepaid += FEE;
            return (_evaluating(), 0);
        }
        taskId = _any(number);
        if (taskId == 0) return (0, 0);
        Task memory task = center.task(taskId);
        if (task.state != TaskState.Evaluating || governance.clock() >= task.deadline) {
            return (0, 0);
        }
        if (block.number > governance.epochHead(task.epoch).certifiableUntil) return (0, 0);
        (turn,) = center.currentTurn(taskId);
    }

    /* INVARIANTS */

    function invariant_owesExactlyWhatItHolds() external view {
        vm.assertEq(center.liabilities(), address(center).balance);
        vm.assertEq(prepaid, address(center).balance + withdrawn + BURN.balance);
    }

    function invariant_creditsAreCovered() external view {
        uint256 credits = center.credit(address(this)) + center.fund().balance;
        for (uint256 i; i < operators.length; ++i) {
            credits += center.credit(operators[i].operator);
        }
        vm.assertLe(credits, center.liabilities());
    }

    function invariant_noFeeIsPaidTwice() external view {
        for (uint256 i; i < certified.length; ++i) {
            vm.assertLe(certified[i].paid, certified[i].committed.fee);
        }
    }
}
