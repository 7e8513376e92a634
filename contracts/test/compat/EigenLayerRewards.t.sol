// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { EigenLayerRewards, IWrappedNative } from "../../src/compat/EigenLayerRewards.sol";
import { DevnetWrappedNative } from "../../src/devnet/DevnetWrappedNative.sol";
import { IAvsGovernance } from "../../src/interfaces/IAvsGovernance.sol";
import {
    IRewardsCoordinator,
    IRewardsCoordinatorTypes
} from "../../src/interfaces/eigenlayer/IRewardsCoordinator.sol";
import { GovernanceFixture } from "../governance/GovernanceFixture.sol";
import { RewardsCoordinatorDouble } from "../mocks/RewardsDoubles.sol";

/// @dev Rewards of operators through EigenLayer. `deploy/tests/rewards.rs` does the same with EigenLayer's own code.
contract EigenLayerRewardsTest is GovernanceFixture, IRewardsCoordinatorTypes {
    uint32 internal constant DAY = 86_400;
    /// A midnight, UTC.
    uint32 internal constant START = 20_000 * DAY;

    RewardsCoordinatorDouble internal coordinator;
    IWrappedNative internal token;
    EigenLayerRewards internal rewards;
    address internal alice;
    address internal bob;

    function setUp() public override {
        super.setUp();
        coordinator = new RewardsCoordinatorDouble();
        token = IWrappedNative(address(new DevnetWrappedNative()));
        rewards = new EigenLayerRewards(governance, coordinator, token);
        governance.setRewardsPayer(address(rewards));
        (alice, bob) = (address(0xA11CE), address(0xB0B00));
        vm.warp(uint256(START) + DAY + 1);
        vm.deal(address(this), 100 ether);
    }

    function _two() private view returns (OperatorReward[] memory list) {
        list = new OperatorReward[](2);
        list[0] = OperatorReward(alice, 1 ether);
        list[1] = OperatorReward(bob, 2 ether);
    }

    function test_pay_submitsAsTheAvs() external {
        vm.expectEmit(address(rewards));
        emit EigenLayerRewards.RewardsPaid(address(this), START, DAY, _two());
        rewards.pay{ value: 3 ether }(START, DAY, _two());

        vm.assertEq(token.balanceOf(address(coordinator)), 3 ether);
        vm.assertEq(token.balanceOf(address(governance)), 0);
        vm.assertEq(token.balanceOf(address(rewards)), 0);
        vm.assertEq(address(rewards).balance, 0);
        vm.assertEq(token.allowance(address(governance), address(coordinator)), 0);
        OperatorDirectedRewardsSubmission memory last = coordinator.last();
        vm.assertEq(last.token, address(token));
        vm.assertEq(last.startTimestamp, START);
        vm.assertEq(last.duration, DAY);
        vm.assertEq(last.operatorRewards.length, 2);
        vm.assertEq(last.operatorRewards[1].operator, bob);
        vm.assertEq(last.operatorRewards[1].amount, 2 ether);
        vm.assertEq(last.strategiesAndMultipliers.length, 2);
        vm.assertEq(last.strategiesAndMultipliers[0].strategy, strategyA);
        vm.assertEq(last.strategiesAndMultipliers[1].strategy, strategyB);
        vm.assertEq(last.strategiesAndMultipliers[1].multiplier, 0.5e18);
    }

    /// By hand: one second after a midnight the day before is over; at midnight itself it is not yet.
    function test_newestPeriod_isTheLastThatIsOver() external {
        _expectNewest(START);
        vm.warp(uint256(START) + DAY);
        _expectNewest(START - DAY);
        vm.warp(uint256(START) + 2 * DAY - 1);
        _expectNewest(START);
    }

    function _expectNewest(uint32 expected) private {
        (uint32 start, uint32 duration) = rewards.newestPeriod();
        vm.assertEq(start, expected);
        vm.assertEq(duration, DAY);
        rewards.pay{ value: 3 ether }(start, duration, _two());
    }

    function test_pay_refusesPeriods() external {
        _expectOffInterval(START + 1, DAY);
        _expectOffInterval(START, DAY - 1);
        _expectOffInterval(START, 0);
        vm.warp(uint256(START) + DAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                EigenLayerRewards.PeriodNotOver.selector, START + DAY, START + DAY
            )
        );
        rewards.pay{ value: 3 ether }(START, DAY, _two());
        uint32 late = type(uint32).max / DAY * DAY;
        vm.expectRevert(
            abi.encodeWithSelector(
                EigenLayerRewards.PeriodNotOver.selector, uint256(late) + DAY, START + DAY
            )
        );
        rewards.pay{ value: 3 ether }(late, DAY, _two());
    }

    function _expectOffInterval(uint32 start, uint32 duration) private {
        vm.expectRevert(
            abi.encodeWithSelector(EigenLayerRewards.NotOnInterval.selector, start, duration, DAY)
        );
        rewards.pay{ value: 3 ether }(start, duration, _two());
    }

    function test_pay_refusesRewards() external {
        vm.expectRevert(EigenLayerRewards.NoRewards.selector);
        rewards.pay{ value: 1 ether }(START, DAY, new OperatorReward[](0));
        OperatorReward[] memory list = _two();
        list[1].operator = alice;
        vm.expectRevert(
            abi.encodeWithSelector(EigenLayerRewards.OperatorsNotAscending.selector, alice, alice)
        );
        rewards.pay{ value: 3 ether }(START, DAY, list);
        list[0].operator = address(0);
        vm.expectPartialRevert(EigenLayerRewards.OperatorsNotAscending.selector);
        rewards.pay{ value: 3 ether }(START, DAY, list);
        list = _two();
        list[0].amount = 0;
        vm.expectRevert(abi.encodeWithSelector(EigenLayerRewards.ZeroReward.selector, alice));
        rewards.pay{ value: 2 ether }(START, DAY, list);
        vm.expectRevert(
            abi.encodeWithSelector(
                EigenLayerRewards.ValueTooLow.selector, bob, 2 ether, 2 ether - 1
            )
        );
        rewards.pay{ value: 3 ether - 1 }(START, DAY, _two());
        vm.expectRevert(abi.encodeWithSelector(EigenLayerRewards.ValueLeft.selector, 1));
        rewards.pay{ value: 3 ether + 1 }(START, DAY, _two());
    }

    /// What EigenLayer refuses costs nothing.
    function test_pay_revertsAsTheCoordinatorDoes() external {
        coordinator.setPaused(true);
        vm.expectRevert(RewardsCoordinatorDouble.SubmissionsPaused.selector);
        rewards.pay{ value: 3 ether }(START, DAY, _two());
        vm.assertEq(address(this).balance, 100 ether);
    }

    function test_submitRewards_onlyByThePayer() external {
        OperatorDirectedRewardsSubmission[] memory none;
        vm.expectRevert(abi.encodeWithSelector(NotRewardsPayer.selector, address(this)));
        governance.submitRewards(coordinator, token, 1, none);
        vm.expectEmit(address(governance));
        emit RewardsPayerSet(address(0));
        governance.setRewardsPayer(address(0));
        vm.expectRevert(abi.encodeWithSelector(NotRewardsPayer.selector, address(rewards)));
        rewards.pay{ value: 3 ether }(START, DAY, _two());
    }

    function test_setRewardsPayer_byGovernanceOnly() external {
        vm.assertEq(governance.rewardsPayer(), address(rewards));
        _expectUnauthorized(makeAddr("stranger"));
        governance.setRewardsPayer(address(1));
    }

    function test_constructor_refusesZeros() external {
        vm.expectRevert(EigenLayerRewards.ZeroAddress.selector);
        new EigenLayerRewards(IAvsGovernance(address(0)), coordinator, token);
        vm.expectRevert(EigenLayerRewards.ZeroAddress.selector);
        new EigenLayerRewards(governance, IRewardsCoordinator(address(0)), token);
        vm.expectRevert(EigenLayerRewards.ZeroAddress.selector);
        new EigenLayerRewards(governance, coordinator, IWrappedNative(address(0)));
    }
}
