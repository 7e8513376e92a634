// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AttestationCenter } from "../../src/AttestationCenter.sol";
import { OperatorFees } from "../../src/attestation/OperatorFees.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Refuses native tokens.
contract RefusingPayee {
    receive() external payable {
        revert("no");
    }

    function withdraw(address center, address to) external {
        OperatorFees(payable(center)).withdraw(to);
    }
}

/// @dev Shares of a fee (3.4), late signers, the sweep, and pulled payments.
contract FeesTest is AttestationFixture {
    address internal constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @dev A quarter is the performer's; the rest is shared by six.
    uint256 internal constant PERFORMER_PART = 0.25 ether;
    uint256 internal constant SHARE = 0.125 ether;

    /// @dev So that fees can be claimed at once.
    function _appealWindow() internal pure override returns (uint32) {
        return 0;
    }

    function _one(uint64 value) private pure returns (uint64[] memory list) {
        list = new uint64[](1);
        list[0] = value;
    }

    function _claimFee(uint64 taskId, uint32 index, FeeCommitment memory committed)
        private
        returns (uint256)
    {
        uint32[] memory indices = new uint32[](1);
        indices[0] = index;
        FeeCommitment[] memory list = new FeeCommitment[](1);
        list[0] = committed;
        return center.claimFees(_at(taskId, index).operator, _one(taskId), indices, list);
    }

    /* CLAIMING */

    function test_claim_sharesByStake() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        uint256 sum;
        for (uint32 i; i < OPERATORS; ++i) {
            address operator = _at(taskId, i).operator;
            uint256 expected = i == committed.performerIndex ? PERFORMER_PART + SHARE : SHARE;
            vm.expectEmit(address(center));
            emit FeesClaimed(operator, _one(taskId), expected);
            vm.assertFalse(center.isFeeClaimed(taskId, operator));
            vm.assertEq(_claimFee(taskId, i, committed), expected);
            vm.assertTrue(center.isFeeClaimed(taskId, operator));
            vm.assertEq(center.credit(operator), expected);
            sum += expected;
        }
        vm.assertEq(sum, FEE);
        vm.assertEq(center.liabilities(), FEE);
    }

    /// A signer earns the same whoever else signed.
    function test_claim_nobodyEarnsMoreWhenOthersAreLeftOut() external {
        (uint64 taskId, FeeCommitment memory committed) = _certifiedBy(ALL & ~uint256(1));
        for (uint32 i = 1; i < OPERATORS; ++i) {
            uint256 expected = i == committed.performerIndex ? PERFORMER_PART + SHARE : SHARE;
            vm.assertEq(_claimFee(taskId, i, committed), expected);
        }
    }

    /// The performer's claim is its vote (3.1), so it shares without a vote in the aggregate.
    function test_claim_performerWithoutItsVote() external {
        uint64 taskId = _evaluating();
        uint32 index = center.turnHolder(taskId, 0);
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL & ~_bit(index));
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: index,
            fee: FEE,
            nonSigners: _bitmap(_bit(index))
        });
        vm.assertEq(_claimFee(taskId, index, committed), PERFORMER_PART + SHARE);
    }

    function test_claim_manyTasksAtOnce() external {
        uint64[] memory taskIds = new uint64[](5);
        FeeCommitment[] memory committed = new FeeCommitment[](5);
        uint256 expected;
        for (uint256 i; i < 5; ++i) {
            (taskIds[i], committed[i]) = _certified();
            expected += committed[i].performerIndex == 3 ? PERFORMER_PART + SHARE : SHARE;
        }
        uint32[] memory indices = new uint32[](5);
        for (uint256 i; i < 5; ++i) {
            indices[i] = 3;
        }
        address operator = _at(taskIds[0], 3).operator;
        vm.assertEq(center.claimFees(operator, taskIds, indices, committed), expected);
        vm.assertEq(center.credit(operator), expected);
    }

    /// As long as an appeal could overturn the certificate, the fee is nobody's.
    function test_claim_andSweepWaitForTheAppealWindow() external {
        TaskDefinition memory definition = _definition();
        definition.appealWindow = SUPPLEMENT_WINDOW + 20;
        center.registerKind(KIND + 1, definition);
        uint64 taskId = center.openTask{ value: FEE }(KIND + 1, SUBJECT);
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        uint64 from = governance.clock() + definition.appealWindow;
        mine(definition.appealWindow - 1);
        bytes memory open =
            abi.encodeWithSelector(AppealWindowOpen.selector, taskId, from, from - 1);
        vm.expectRevert(open);
        this.claimFee(taskId, 0, committed);
        vm.expectRevert(open);
        center.sweepFee(taskId, committed);
        mine(1);
        _claimFee(taskId, 0, committed);
        center.sweepFee(taskId, committed);
    }

    function test_claim_onceOnly() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        _claimFee(taskId, 2, committed);
        vm.expectRevert(abi.encodeWithSelector(FeeAlreadyClaimed.selector, taskId, 2));
        this.claimFee(taskId, 2, committed);
    }

    /// Twice in one call is twice.
    function test_claim_onceOnlyWithinOneCall() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        uint64[] memory taskIds = new uint64[](2);
        (taskIds[0], taskIds[1]) = (taskId, taskId);
        FeeCommitment[] memory list = new FeeCommitment[](2);
        (list[0], list[1]) = (committed, committed);
        address operator = _at(taskId, 0).operator;
        vm.expectRevert(abi.encodeWithSelector(FeeAlreadyClaimed.selector, taskId, 0));
        center.claimFees(operator, taskIds, new uint32[](2), list);
    }

    function test_claim_notByNonSigners() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 missing = _missing(committed);
        vm.expectRevert(abi.encodeWithSelector(DidNotSign.selector, taskId, missing));
        this.claimFee(taskId, missing, committed);
    }

    /// @dev A certificate without the vote of one that is not the performer.
    function _signersWithoutOne() private returns (uint64, FeeCommitment memory) {
        uint64 taskId = _evaluating();
        Claim memory claim = _claim(taskId, 0, RESULT);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        uint256 missing = claim.performerIndex == 0 ? 1 : 0;
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL & ~_bit(missing));
        return (
            taskId,
            FeeCommitment({
                epoch: 1,
                claimId: claimId,
                performerIndex: claim.performerIndex,
                fee: FEE,
                nonSigners: _bitmap(_bit(missing))
            })
        );
    }

    function _missing(FeeCommitment memory committed) private pure returns (uint32) {
        return committed.performerIndex == 0 ? 1 : 0;
    }

    function test_claim_creditsOnlyTheOperatorAtTheIndex() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        address thief = makeAddr("thief");
        FeeCommitment[] memory list = new FeeCommitment[](1);
        list[0] = committed;
        address first = _at(taskId, 0).operator;
        vm.expectRevert(abi.encodeWithSelector(NotOperator.selector, thief, first));
        center.claimFees(thief, _one(taskId), new uint32[](1), list);

        uint32[] memory beyond = new uint32[](1);
        beyond[0] = 6;
        vm.expectRevert(abi.encodeWithSelector(EpochTable.RowOutOfRange.selector, 6, 6));
        center.claimFees(first, _one(taskId), beyond, list);
    }

    function test_claim_refusesEveryChangeOfTheCommitment() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        (uint64 other,) = _certified();
        bytes memory reason = abi.encodeWithSelector(WrongFeeCommitment.selector, taskId);

        FeeCommitment memory c = _copy(committed);
        c.fee += 1;
        vm.expectRevert(reason);
        this.claimFee(taskId, 0, c);
        c = _copy(committed);
        c.epoch = 2;
        vm.expectRevert(reason);
        this.claimFee(taskId, 0, c);
        c = _copy(committed);
        c.performerIndex = (c.performerIndex + 1) % 6;
        vm.expectRevert(reason);
        this.claimFee(taskId, 0, c);
        c = _copy(committed);
        c.nonSigners[0] = 2;
        vm.expectRevert(reason);
        this.claimFee(taskId, 0, c);
        c = _copy(committed);
        c.claimId = keccak256("none");
        vm.expectRevert(reason);
        this.claimFee(taskId, 0, c);
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, other));
        this.claimFee(other, 0, committed);
    }

    function _copy(FeeCommitment memory c) private pure returns (FeeCommitment memory) {
        return abi.decode(abi.encode(c), (FeeCommitment));
    }

    function test_claim_refusesListsOfDifferentLengthsOrWithoutTasks() external {
        vm.expectRevert(NoTasks.selector);
        center.claimFees(
            operators[0].operator, new uint64[](0), new uint32[](0), new FeeCommitment[](0)
        );
        vm.expectRevert(abi.encodeWithSelector(LengthMismatch.selector, 2, 1));
        center.claimFees(address(1), _one(1), new uint32[](2), new FeeCommitment[](1));
        vm.expectRevert(abi.encodeWithSelector(LengthMismatch.selector, 0, 1));
        center.claimFees(address(1), _one(1), new uint32[](1), new FeeCommitment[](0));
    }

    /// @dev As a call of its own, so that the next call is the one that reverts.
    function claimFee(uint64 taskId, uint32 index, FeeCommitment memory committed) external {
        _claimFee(taskId, index, committed);
    }

    /* SUPPLEMENTS */

    function test_supplement_addsLateSigners() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 late = _missing(committed);
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, _bit(late));
        vm.expectEmit(address(center));
        emit Supplemented(taskId, _bitmap(0));
        vm.prank(makeAddr("anyone"));
        center.submitSupplement(taskId, committed, _bitmap(_bit(late)), signature);

        // What was committed to before does not open anything any more.
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        this.claimFee(taskId, late, committed);
        committed.nonSigners = _bitmap(0);
        vm.assertEq(_claimFee(taskId, late, committed), SHARE);
    }

    /// Those who claimed before a supplement do not claim again after it.
    function test_supplement_keepsWhatWasClaimed() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 late = _missing(committed);
        _claimFee(taskId, 5, committed);
        center.submitSupplement(
            taskId,
            committed,
            _bitmap(_bit(late)),
            _votes(taskId, committed.claimId, 1, 1, _bit(late))
        );
        committed.nonSigners = _bitmap(0);
        vm.expectRevert(abi.encodeWithSelector(FeeAlreadyClaimed.selector, taskId, 5));
        this.claimFee(taskId, 5, committed);
    }

    function test_supplement_lastBlockCounts() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 late = _missing(committed);
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, _bit(late));
        uint256 state = vm.snapshotState();
        mine(SUPPLEMENT_WINDOW);
        center.submitSupplement(taskId, committed, _bitmap(_bit(late)), signature);
        vm.revertToState(state);
        mine(SUPPLEMENT_WINDOW + 1);
        vm.expectRevert(abi.encodeWithSelector(SupplementClosed.selector, taskId));
        center.submitSupplement(taskId, committed, _bitmap(_bit(late)), signature);
    }

    function test_supplement_refusesThoseWhoSigned() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, _bit(5));
        vm.expectRevert(abi.encodeWithSelector(NotMissing.selector, 0, _bit(5)));
        center.submitSupplement(taskId, committed, _bitmap(_bit(5)), signature);
        vm.expectRevert(abi.encodeWithSelector(NotMissing.selector, 0, _bit(6)));
        center.submitSupplement(taskId, committed, _bitmap(_bit(6)), signature);
        vm.expectRevert(abi.encodeWithSelector(WrongBitmapLength.selector, 2, 1));
        center.submitSupplement(taskId, committed, new uint256[](2), signature);
    }

    function test_supplement_refusesInvalidVotes() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint256 late = _bit(_missing(committed));
        bytes memory reason = abi.encodeWithSelector(InvalidAggregate.selector, committed.claimId);
        // Rejecting, for another purpose, by another, by nobody.
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 2, late);
        vm.expectRevert(reason);
        center.submitSupplement(taskId, committed, _bitmap(late), signature);
        signature = _votes(taskId, committed.claimId, 2, 1, late);
        vm.expectRevert(reason);
        center.submitSupplement(taskId, committed, _bitmap(late), signature);
        signature = _votes(taskId, committed.claimId, 1, 1, _bit(5));
        vm.expectRevert(reason);
        center.submitSupplement(taskId, committed, _bitmap(late), signature);
        vm.expectRevert(reason);
        center.submitSupplement(taskId, committed, _bitmap(0), signature);
    }

    function test_supplement_refusesAnotherCommitment() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint256 late = _bit(_missing(committed));
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, late);
        committed.fee += 1;
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        center.submitSupplement(taskId, committed, _bitmap(late), signature);
    }

    /* MISSES */

    function _recordMiss(uint64 taskId, uint32 index, FeeCommitment memory committed) private {
        uint32[] memory indices = new uint32[](1);
        indices[0] = index;
        FeeCommitment[] memory list = new FeeCommitment[](1);
        list[0] = committed;
        center.recordMisses(_at(taskId, index).operator, _one(taskId), indices, list);
    }

    /// @dev As a call of its own, so that the next call is the one that reverts.
    function recordMiss(uint64 taskId, uint32 index, FeeCommitment memory committed) external {
        _recordMiss(taskId, index, committed);
    }

    function test_miss_countsOnceAgainstTheOneWhoIsMissing() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 missing = _missing(committed);
        address operator = _at(taskId, missing).operator;
        mine(SUPPLEMENT_WINDOW + 1);
        uint256 before = governance.missesOf(operator).total;
        vm.expectEmit(address(center));
        emit MissesRecorded(operator, _one(taskId));
        _recordMiss(taskId, missing, committed);
        vm.assertEq(governance.missesOf(operator).total, before + 1);
        vm.expectRevert(abi.encodeWithSelector(FeeAlreadyClaimed.selector, taskId, missing));
        this.recordMiss(taskId, missing, committed);
    }

    /// A late vote is no miss: as long as it can come in, nothing is recorded.
    function test_miss_waitsForLateVotes() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint32 missing = _missing(committed);
        mine(SUPPLEMENT_WINDOW);
        vm.expectPartialRevert(SupplementOpen.selector);
        this.recordMiss(taskId, missing, committed);
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, _bit(missing));
        center.submitSupplement(taskId, committed, _bitmap(_bit(missing)), signature);
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        this.recordMiss(taskId, missing, committed);
        committed.nonSigners = _bitmap(0);
        vm.expectRevert(abi.encodeWithSelector(DidSign.selector, taskId, missing));
        this.recordMiss(taskId, missing, committed);
    }

    /// Nobody is accused of a vote that is in the certificate, nor for another's.
    function test_miss_neverOfASigner() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        mine(SUPPLEMENT_WINDOW + 1);
        for (uint32 i; i < OPERATORS; ++i) {
            if (i == _missing(committed)) continue;
            vm.expectRevert(abi.encodeWithSelector(DidSign.selector, taskId, i));
            this.recordMiss(taskId, i, committed);
        }
        address absent = _at(taskId, _missing(committed)).operator;
        address thief = makeAddr("thief");
        FeeCommitment[] memory list = new FeeCommitment[](1);
        list[0] = committed;
        uint32[] memory indices = new uint32[](1);
        indices[0] = _missing(committed);
        vm.expectRevert(abi.encodeWithSelector(NotOperator.selector, thief, absent));
        center.recordMisses(thief, _one(taskId), indices, list);
        vm.expectRevert(abi.encodeWithSelector(LengthMismatch.selector, 0, 1));
        center.recordMisses(absent, _one(taskId), new uint32[](0), list);
        vm.expectRevert(abi.encodeWithSelector(LengthMismatch.selector, 0, 1));
        center.recordMisses(absent, _one(taskId), indices, new FeeCommitment[](0));
        vm.expectRevert(NoTasks.selector);
        center.recordMisses(absent, new uint64[](0), new uint32[](0), new FeeCommitment[](0));
    }

    /* SWEEP */

    function test_sweep_burnsWhatNobodyCanClaim() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        mine(SUPPLEMENT_WINDOW + 1);
        vm.expectEmit(address(center));
        emit FeeBurned(taskId, SHARE);
        vm.prank(makeAddr("anyone"));
        center.sweepFee(taskId, committed);
        vm.assertEq(BURN.balance, SHARE);
        vm.assertEq(center.liabilities(), FEE - SHARE);
        vm.assertTrue(center.task(taskId).swept);

        // Who signed can still claim, and then all is paid.
        uint256 paid;
        for (uint32 i; i < OPERATORS; ++i) {
            if (i != _missing(committed)) paid += _claimFee(taskId, i, committed);
        }
        vm.assertEq(paid, FEE - SHARE);
    }

    function test_sweep_burnsNothingWhenAllSigned() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        mine(SUPPLEMENT_WINDOW + 1);
        center.sweepFee(taskId, committed);
        vm.assertEq(BURN.balance, 0);
    }

    function test_sweep_onceOnly() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        mine(SUPPLEMENT_WINDOW + 1);
        center.sweepFee(taskId, committed);
        vm.expectRevert(abi.encodeWithSelector(FeeSwept.selector, taskId));
        center.sweepFee(taskId, committed);
    }

    function test_sweep_notWhileLateSignersMayCome() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        uint64 until = center.task(taskId).certifiedAt + SUPPLEMENT_WINDOW;
        mine(SUPPLEMENT_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(SupplementOpen.selector, taskId, until, until));
        center.sweepFee(taskId, committed);
    }

    function test_sweep_refusesAnotherCommitment() external {
        (uint64 taskId, FeeCommitment memory committed) = _signersWithoutOne();
        mine(SUPPLEMENT_WINDOW + 1);
        committed.nonSigners = _bitmap(7);
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        center.sweepFee(taskId, committed);
    }

    /// Whatever the fee, what is burned and what is claimed is the fee, to the last unit.
    function testFuzz_sweep_leavesNothing(uint80 fee, uint8 bits) external {
        fee = uint80(bound(fee, 0.1 ether, type(uint80).max));
        vm.deal(address(this), fee);
        uint64 taskId = center.openTask{ value: fee }(KIND, SUBJECT);
        mine(FETCH_WINDOW + 1);
        _fix(taskId);
        Claim memory claim = _claim(taskId, 0, RESULT);
        // At least four of the others.
        uint256 signers = _others(claim.performerIndex, 4) | (bits & ALL);
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, signers);
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: fee,
            nonSigners: _bitmap(ALL & ~signers)
        });
        mine(SUPPLEMENT_WINDOW + 1);
        center.sweepFee(taskId, committed);
        uint256 sum = BURN.balance;
        for (uint32 i; i < OPERATORS; ++i) {
            if (signers >> i & 1 == 0 && i != claim.performerIndex) continue;
            sum += _claimFee(taskId, i, committed);
        }
        vm.assertEq(sum, fee);
        vm.assertEq(center.liabilities(), fee - BURN.balance);
        vm.assertEq(address(center).balance, center.liabilities());
    }

    /* WITHDRAWALS */

    function test_withdraw_sendsTheCredit() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        _claimFee(taskId, 0, committed);
        address operator = _at(taskId, 0).operator;
        uint256 amount = center.credit(operator);
        address to = makeAddr("cold wallet");
        vm.expectEmit(address(center));
        emit Withdrawn(operator, to, amount);
        vm.prank(operator);
        vm.assertEq(center.withdraw(to), amount);
        vm.assertEq(to.balance, amount);
        vm.assertEq(center.credit(operator), 0);
        vm.assertEq(center.liabilities(), FEE - amount);
        vm.expectRevert(abi.encodeWithSelector(NothingToWithdraw.selector, operator));
        vm.prank(operator);
        center.withdraw(to);
    }

    function test_withdraw_refusesZeroAddress() external {
        vm.expectRevert(ZeroAddress.selector);
        center.withdraw(address(0));
    }

    /// One that cannot be paid keeps its credit, and everybody else is paid.
    function test_withdraw_revertingPayeeBlocksNobody() external {
        RefusingPayee payee = new RefusingPayee();
        TaskDefinition memory d = _definition();
        d.source = address(payee);
        center.registerKind(3, d);
        vm.deal(address(payee), FEE);
        vm.prank(address(payee));
        uint64 refunded = center.openTask{ value: FEE }(3, SUBJECT);
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        _claimFee(taskId, 0, committed);

        vm.roll(center.task(refunded).deadline);
        vm.prank(address(payee));
        center.expire(refunded);
        vm.expectRevert(abi.encodeWithSelector(TransferFailed.selector, payee, FEE));
        payee.withdraw(address(center), address(payee));
        vm.assertEq(center.credit(address(payee)), FEE);

        address operator = _at(taskId, 0).operator;
        vm.prank(operator);
        center.withdraw(operator);
        // Somewhere else it goes.
        payee.withdraw(address(center), makeAddr("elsewhere"));
        vm.assertEq(center.credit(address(payee)), 0);
    }

    /* THE EXTENSION */

    /// Called directly, the extension has neither tasks nor money.
    function test_extension_isEmptyByItself() external {
        (uint64 taskId, FeeCommitment memory committed) = _certified();
        OperatorFees direct =
            OperatorFees(payable(AttestationCenter(payable(address(center))).extension()));
        vm.assertEq(direct.liabilities(), 0);
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.None));
        direct.sweepFee(taskId, committed);
        vm.expectRevert(abi.encodeWithSelector(NothingToWithdraw.selector, address(this)));
        direct.withdraw(address(this));
    }
}
