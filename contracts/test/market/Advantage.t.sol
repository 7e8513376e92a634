// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmissionErrors } from "../../src/interfaces/IModelSubmission.sol";
import { ChampionAdvantage } from "../../src/market/ChampionAdvantage.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev The champion's advantage (specification 4.9): 2000 beyond the least improvement of 1000, gone after 200 blocks.
contract AdvantageTest is MarketTest {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create(_withAdvantage());
    }

    function test_advantage_fallsWithTheChampionsAge() external {
        _settle(requestId, alice, "a", _better());
        vm.assertEq(market.minImprovementOf(requestId), 3000);
        mine(50);
        vm.assertEq(market.minImprovementOf(requestId), 2500);
        mine(149);
        vm.assertEq(market.minImprovementOf(requestId), 1010);
        mine(1);
        vm.assertEq(market.minImprovementOf(requestId), 1000);
        mine(10_000);
        vm.assertEq(market.minImprovementOf(requestId), 1000);
    }

    /// @dev Nobody was paid for the baseline.
    function test_advantage_baselineHasNone() external {
        vm.assertEq(market.minImprovementOf(requestId), 1000);
        _submit(requestId, alice, "a");
        (, uint64 taskId) = _start(requestId);
        _expectLeast(taskId, 1000);
    }

    /// @dev Performer, attesters and contract judge by one number: that of the opening, also when a task is tried
    /// again or others are opened.
    function test_advantage_isFixedWhenTheTaskIsOpened() external {
        _settle(requestId, alice, "a", _better());
        uint64 next = _submit(requestId, bob, "b");
        mine(20);
        (, uint64 taskId) = _start(requestId);
        _expectLeast(taskId, 2800);
        mine(TASK_LIFE);
        _expectLeast(taskId, 2800);
        market.expire(next); // and tried again
        _assertState(next, SubmissionState.Evaluating, Reason.None);
        vm.assertEq(market.minImprovementOf(requestId), 1800);
        _expectLeast(taskId, 2800);
        center.certify(taskId, _scored(2809, 3000, 4000));
        mine(APPEAL_WINDOW);
        _deliver(next);
        // Within the tolerance of what is asked: not for this engine to state.
        _assertEnded(next, SubmissionState.NotBetter, Reason.MalformedResult);
    }

    function test_advantage_edgeOfAcceptance() external {
        _settle(requestId, alice, "a", _better());
        uint64 next = _settle(requestId, bob, "b", _scored(3010, 3500, 4000));
        _assertEnded(next, SubmissionState.Accepted, Reason.Better);
    }

    /// @dev One who holds a model that is better by three least improvements hands it in by thirds, to be paid three
    /// times. Without the advantage each third wins.
    function test_attack_oneImprovementSoldByThirds() external {
        bytes memory third = _scored(1100, 1200, 1300);
        uint64 first = _settle(requestId, alice, "a", third);
        uint64 second = _settle(requestId, alice, "b", third);
        _assertEnded(first, SubmissionState.Accepted, Reason.Better);
        _assertEnded(second, SubmissionState.NotBetter, Reason.NoSignificantImprovement);
        vm.assertEq(_nativeCredit(payout), REWARD);
        // A step that large in one wins at once.
        uint64 whole = _settle(requestId, alice, "c", _scored(3300, 3400, 3500));
        _assertEnded(whole, SubmissionState.Accepted, Reason.Better);
        // And small steps win when the champion is no longer fresh.
        mine(200);
        uint64 later = _settle(requestId, alice, "d", third);
        _assertEnded(later, SubmissionState.Accepted, Reason.Better);
    }

    /// @dev Nobody is slashed for it.
    function test_advantage_leavesTheSlashMargin() external {
        _settle(requestId, alice, "a", _better());
        _submit(requestId, bob, "b");
        (, uint64 taskId) = _start(requestId);
        (, int64 tolerance, int64 slashMargin, uint32 minSamples) = market.thresholds(taskId);
        vm.assertEq(tolerance, TOLERANCE);
        vm.assertEq(slashMargin, SLASH_MARGIN);
        vm.assertEq(minSamples, MIN_SAMPLES);
    }

    function test_advantage_noneWhereTermsNameNone() external {
        requestId = _create();
        _settle(requestId, alice, "a", _better());
        vm.assertEq(market.minImprovementOf(requestId), 1000);
        _submit(requestId, bob, "b");
        (, uint64 taskId) = _start(requestId);
        _expectLeast(taskId, 1000);
    }

    function test_minImprovementOf_refusesUnknownRequest() external {
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.UnknownRequest.selector, 9));
        market.minImprovementOf(9);
    }

    /* TERMS */

    function test_terms_advantageAndPeriodGoTogether() external {
        Terms memory terms = _withAdvantage();
        terms.advantagePeriod = 0;
        _expectInvalid(terms, "advantagePeriod");
        (terms.advantage, terms.advantagePeriod) = (0, 1);
        _expectInvalid(terms, "advantagePeriod");
        (terms.advantage, terms.advantagePeriod) = (-1, 1);
        _expectInvalid(terms, "advantage");
        (terms.advantage, terms.advantagePeriod) = (type(int64).max - MIN_IMPROVEMENT + 1, 1);
        _expectInvalid(terms, "advantage");
        --terms.advantage;
        requestId = _create(terms);
        _settle(requestId, alice, "a", _better());
        vm.assertEq(market.minImprovementOf(requestId), type(int64).max);
    }

    /* THE LINE */

    function test_remaining_roundsDown() external pure {
        vm.assertEq(ChampionAdvantage.remaining(1000, 3, 0), 1000);
        vm.assertEq(ChampionAdvantage.remaining(1000, 3, 1), 666);
        vm.assertEq(ChampionAdvantage.remaining(1000, 3, 2), 333);
        vm.assertEq(ChampionAdvantage.remaining(1000, 3, 3), 0);
        vm.assertEq(ChampionAdvantage.remaining(1000, 3, type(uint64).max), 0);
        vm.assertEq(ChampionAdvantage.remaining(0, 0, 0), 0);
    }

    function testFuzz_remaining_fallsFromFullToNothing(int64 full, uint32 period, uint64 age)
        external
        pure
    {
        full = int64(bound(int256(full), 0, type(int64).max));
        period = uint32(bound(period, 1, type(uint32).max));
        age = uint64(bound(age, 0, type(uint64).max - 1));
        int64 now_ = ChampionAdvantage.remaining(full, period, age);
        vm.assertTrue(now_ <= full);
        vm.assertTrue(now_ >= 0);
        vm.assertTrue(ChampionAdvantage.remaining(full, period, age + 1) <= now_);
    }

    /* HELPERS */

    function _withAdvantage() private pure returns (Terms memory terms) {
        terms = _terms();
        terms.advantage = 2000;
        terms.advantagePeriod = 200;
    }

    function _expectLeast(uint64 taskId, int64 expected) private view {
        (int64 minImprovement,,,) = market.thresholds(taskId);
        vm.assertEq(minImprovement, expected);
    }

    function _expectInvalid(Terms memory terms, bytes32 field) private {
        vm.prank(owner);
        vm.expectRevert(abi.encodeWithSelector(IModelSubmissionErrors.InvalidTerm.selector, field));
        market.createRequest{ value: 10 ether }(
            terms, _content("manifest"), _content("baseline"), 5 ether, 2.5 ether, 2.5 ether
        );
    }
}
