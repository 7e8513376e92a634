// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmissionErrors } from "../../src/interfaces/IModelSubmission.sol";
import { RisingDeposit } from "../../src/market/RisingDeposit.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev The deposit that grows with recent rejections (specification 4.8): base 0.1 ether, a quarter of it more for
/// each rejection, one forgotten in 100 blocks. Amounts are reckoned by hand.
contract DepositsTest is MarketTest {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create(_growing(4));
    }

    function test_deposit_growsByEachRecentRejection() external {
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
        _settle(requestId, alice, "a", _worse());
        vm.assertEq(market.depositOf(requestId), 0.125 ether);
        // The appeal window of the second forgot a fifth of the first: 1.8 rejections.
        uint64 second = _settle(requestId, alice, "b", _same());
        vm.assertEq(market.depositOf(requestId), 0.145 ether);
        _assertEnded(second, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        vm.assertEq(_nativeCredit(alice), 0.115 ether, "the raised deposit less the fee");
    }

    function test_deposit_fallsBackToItsBase() external {
        _settle(requestId, alice, "a", _worse());
        mine(50);
        vm.assertEq(market.depositOf(requestId), 0.1125 ether);
        mine(49);
        vm.assertEq(market.depositOf(requestId), 0.100_25 ether);
        mine(1);
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
        mine(10_000);
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
        _settle(requestId, alice, "b", _worse());
        vm.assertEq(market.depositOf(requestId), 0.125 ether);
    }

    /// @dev Whatever is thrown at a request, it asks for ten times the base at most, and falls from the next block on.
    function test_deposit_cannotLockARequestOut() external {
        requestId = _create(_growing(60));
        for (uint256 i = 0; i < 60; ++i) {
            _commitEmpty(i);
        }
        vm.assertEq(market.depositOf(requestId), DEPOSIT, "commitments alone raise nothing");
        mine(REVEAL_WINDOW);
        _forfeitAll(1);
        vm.assertEq(market.depositOf(requestId), 10 * DEPOSIT);
        // 36 rejections of 100 blocks each are kept of the 60.
        mine(1800);
        vm.assertEq(market.depositOf(requestId), 0.55 ether);
        mine(1800);
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
    }

    /// @dev A13: the queue of four is kept full with empty commitments for 7200 blocks. Without growth that costs
    /// 144 rounds of 4 fees, 5.76 ether; the sum with growth is of exact fractions, made outside of this code:
    /// sum over rounds of 4 · 0.01 · (1 + level / 400), level = min(3600, max(0, level - 50) + 400), from 0.
    function test_attack_keepingTheQueueFullGetsDearer() external {
        vm.deal(alice, 1000 ether);
        uint256 burned = BURN.balance;
        for (uint256 round = 0; round < 144; ++round) {
            for (uint256 i = 0; i < 4; ++i) {
                _commitEmpty(round * 4 + i);
            }
            mine(REVEAL_WINDOW);
            // forge-lint: disable-next-line(unsafe-typecast) rounds are few
            _forfeitAll(uint64(round * 4 + 1));
        }
        vm.assertEq(BURN.balance - burned, 55.615 ether);
    }

    /// @dev An owner, or anyone, who makes rejections happen raises the deposit of those to come alone.
    function test_attack_raisingTheDepositOfOneWhoCommitted() external {
        uint64 first = _commit(requestId, alice, "a");
        uint64 second = _commit(requestId, bob, "b");
        uint64 third = _commit(requestId, bob, "c");
        mine(REVEAL_WINDOW - 1);
        _reveal(third, "c");
        mine(1);
        market.forfeit(second);
        vm.assertEq(market.depositOf(requestId), 0.125 ether);
        vm.assertEq(market.submission(first).deposit, DEPOSIT);
        market.forfeit(first);
        vm.assertEq(_nativeCredit(alice), DEPOSIT - FEE);
        vm.assertEq(BURN.balance, 2 * uint256(FEE));
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _same());
        mine(APPEAL_WINDOW);
        _deliver(third);
        vm.assertEq(_nativeCredit(bob), 2 * uint256(DEPOSIT - FEE));
    }

    /// @dev A rejection that settles just before: what was sent to spare covers it, and what was not is returned.
    function test_commit_toleratesARejectionBeforeIt() external {
        _settle(requestId, alice, "a", _worse());
        vm.startPrank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IModelSubmissionErrors.WrongValue.selector, DEPOSIT, 0.125 ether)
        );
        market.commit{ value: DEPOSIT }(requestId, bytes32(uint256(1)));
        uint64 first = market.commit{ value: 0.13 ether }(requestId, bytes32(uint256(1)));
        uint64 second = market.commit{ value: 0.125 ether }(requestId, bytes32(uint256(2)));
        vm.stopPrank();
        vm.assertEq(market.submission(first).deposit, 0.125 ether);
        vm.assertEq(market.submission(second).deposit, 0.125 ether, "the first raised it");
        vm.assertEq(_nativeCredit(bob), 0.005 ether);
    }

    function test_forfeit_costsMoreAtARaisedDeposit() external {
        _settle(requestId, alice, "a", _worse());
        uint64 late = _commit(requestId, bob, "b");
        uint256 burned = BURN.balance;
        mine(REVEAL_WINDOW);
        market.forfeit(late);
        vm.assertEq(BURN.balance - burned, 0.0125 ether);
        vm.assertEq(_nativeCredit(bob), 0.1125 ether);
    }

    function test_worse_losesTheRaisedDeposit() external {
        _settle(requestId, alice, "a", _worse());
        uint256 burned = BURN.balance;
        _settle(requestId, bob, "b", _worse());
        vm.assertEq(BURN.balance - burned, 0.125 ether - FEE);
        vm.assertEq(_nativeCredit(bob), 0);
    }

    /* WHAT COUNTS */

    function test_rejections_areTheOptimizersDoing() external {
        bytes[4] memory results = [_worse(), _same(), _failed(3), _failed(6)];
        for (uint256 i = 0; i < results.length; ++i) {
            uint256 state = vm.snapshotState();
            _settle(requestId, alice, "a", results[i]);
            vm.assertEq(market.depositOf(requestId), 0.125 ether);
            vm.revertToState(state);
        }
        _submit(requestId, alice, "baseline");
        market.open(requestId); // Released(Duplicate)
        vm.assertEq(market.depositOf(requestId), 0.125 ether);
    }

    function test_rejections_areNoneForWhatOthersDid() external {
        bytes[3] memory results = [_better(), _failed(8), bytes(hex"bad0")];
        for (uint256 i = 0; i < results.length; ++i) {
            uint256 state = vm.snapshotState();
            _settle(requestId, alice, "a", results[i]);
            vm.assertEq(market.depositOf(requestId), DEPOSIT);
            vm.revertToState(state);
        }
        uint64 waiting = _submit(requestId, alice, "a");
        mine(QUEUE_WINDOW);
        market.release(waiting);
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
    }

    /// @dev Losing against a champion that was not there at the commitment is bad luck.
    function test_rejections_areNoneAgainstALaterChampion() external {
        bytes[2] memory results = [_worse(), _same()];
        for (uint256 i = 0; i < results.length; ++i) {
            uint256 state = vm.snapshotState();
            uint64 winner = _submit(requestId, alice, "a");
            uint64 next = _submit(requestId, bob, "b");
            (, uint64 taskId) = _start(requestId);
            center.certify(taskId, _better());
            mine(APPEAL_WINDOW);
            _deliver(winner);
            (, taskId) = _start(requestId);
            center.certify(taskId, results[i]);
            mine(APPEAL_WINDOW);
            _deliver(next);
            vm.assertEq(uint256(market.submission(next).state), uint256(SubmissionState.NotBetter));
            vm.assertEq(market.depositOf(requestId), DEPOSIT);
            vm.revertToState(state);
        }
    }

    function test_deposit_staysWhereTermsDoNotGrowIt() external {
        requestId = _create();
        _settle(requestId, alice, "a", _worse());
        _settle(requestId, alice, "b", _worse());
        vm.assertEq(market.depositOf(requestId), DEPOSIT);
    }

    function test_depositOf_refusesUnknownRequest() external {
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 9));
        market.depositOf(9);
    }

    /* TERMS */

    function test_terms_growthAndDecayGoTogether() external {
        Terms memory terms = _growing(4);
        terms.depositDecay = 0;
        _expectInvalid(terms, "depositDecay");
        (terms.depositGrowthBps, terms.depositDecay) = (0, 1);
        _expectInvalid(terms, "depositDecay");
        (terms.depositGrowthBps, terms.depositDecay) = (90_001, 1);
        _expectInvalid(terms, "depositGrowthBps");
        terms.depositGrowthBps = 90_000;
        requestId = _create(terms);
        _settle(requestId, alice, "a", _worse());
        vm.assertEq(market.depositOf(requestId), 10 * DEPOSIT);
    }

    function test_terms_depositLeavesRoomToGrow() external {
        Terms memory terms = _growing(4);
        terms.deposit = type(uint96).max / 10 + 1;
        _expectInvalid(terms, "deposit");
        terms.deposit = type(uint96).max / 10;
        _create(terms);
    }

    /* THE BUCKET */

    /// @dev Of any terms and any history: never below the base, never above ten times it, never rising by itself.
    function testFuzz_bucket_staysWithinItsBounds(
        uint96 base,
        uint32 growthBps,
        uint32 decay,
        uint16[8] calldata waits
    ) external pure {
        base = uint96(bound(base, 0, type(uint96).max / 10));
        growthBps = uint32(bound(growthBps, 1, 90_000));
        decay = uint32(bound(decay, 1, type(uint32).max));
        uint64 now_ = 1000;
        uint64 emptyAt;
        for (uint256 i = 0; i < waits.length; ++i) {
            uint96 before = RisingDeposit.inForce(base, growthBps, decay, emptyAt, now_);
            now_ += waits[i];
            uint96 waited = RisingDeposit.inForce(base, growthBps, decay, emptyAt, now_);
            vm.assertLe(waited, before);
            emptyAt = RisingDeposit.poured(growthBps, decay, emptyAt, now_);
            uint96 raised = RisingDeposit.inForce(base, growthBps, decay, emptyAt, now_);
            vm.assertGe(raised, waited);
            vm.assertLe(raised, uint256(base) * 10);
            vm.assertGe(waited, base);
            // The most is forgotten at the pace at which it came: 90,000 / growthBps rejections.
            vm.assertLe(emptyAt - now_, uint256(decay) * 90_000 / growthBps);
        }
    }

    /* HELPERS */

    function _growing(uint16 queueCap) private pure returns (Terms memory terms) {
        terms = _terms();
        terms.queueCap = queueCap;
        terms.depositGrowthBps = 2500;
        terms.depositDecay = 100;
    }

    function _commitEmpty(uint256 salt) private {
        uint256 deposit = market.depositOf(requestId);
        vm.prank(alice);
        market.commit{ value: deposit }(requestId, bytes32(salt + 1));
    }

    /// @dev Forfeits every submission from a number on.
    function _forfeitAll(uint64 first) private {
        for (uint64 id = first; id <= market.submissionCount(); ++id) {
            market.forfeit(id);
        }
    }

    function _expectInvalid(Terms memory terms, bytes32 field) private {
        vm.deal(owner, 100 ether);
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.InvalidTerm.selector, field));
        market.createRequest{ value: 10 ether }(
            terms, _content("manifest"), _content("baseline"), 5 ether, 2.5 ether, 2.5 ether
        );
    }
}
