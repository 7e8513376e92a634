// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { MarketTest } from "./MarketTest.sol";

/// @dev What the calls cost, without the transaction itself and with AttestationCenter's double. Accounts and slots
/// are cold, as in a transaction of their own.
contract MarketGasTest is MarketTest {
    uint64 internal requestId;

    function setUp() public override {
        super.setUp();
        requestId = _create();
        _settle(requestId, bob, "warms up the request", _same());
    }

    function _cool() private {
        vm.cool(address(market));
        vm.cool(address(center));
        vm.cool(address(logic));
    }

    function test_gas_lifeOfAWinner() external {
        bytes32 commitment =
            market.commitmentOf(alice, requestId, _content("a"), payout, bytes32(0));
        _cool();
        vm.prank(alice);
        uint64 submissionId = market.commit{ value: DEPOSIT }(requestId, commitment);
        vm.snapshotGasLastCall("Market", "commit");
        _cool();
        vm.prank(alice);
        market.reveal(submissionId, _content("a"), payout, bytes32(0));
        vm.snapshotGasLastCall("Market", "reveal");
        _cool();
        market.open(requestId);
        vm.snapshotGasLastCall("Market", "open");
        uint64 taskId = market.submission(submissionId).taskId;
        center.fixSeed(taskId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _cool();
        vm.prank(address(center));
        logic.onCertified(taskId, _better());
        vm.snapshotGasLastCall("Market", "settle, accepted");
        _cool();
        vm.prank(payout);
        market.withdraw(NATIVE, payout);
        vm.snapshotGasLastCall("Market", "withdraw");
    }

    function test_gas_partOfTheRewardHeldBack() external {
        requestId = _create(_retaining(_terms()));
        uint64 submissionId = _certify(requestId, alice, "a", _better());
        mine(APPEAL_WINDOW);
        _cool();
        vm.prank(address(center));
        logic.onCertified(_taskOf[submissionId], _better());
        vm.snapshotGasLastCall("Market", "settle, part held back");
        mine(RETENTION_TIME);
        _cool();
        vm.cool(address(desk));
        uint64 taskId = desk.open{ value: MIN_FEE }(submissionId);
        vm.snapshotGasLastCall("Market", "open a retention task");
        _cool();
        vm.cool(address(desk));
        vm.prank(address(center));
        IAvsLogic(address(desk)).onCertified(taskId, _kept());
        vm.snapshotGasLastCall("Market", "retention kept");
        vm.assertEq(market.retention(submissionId).amount, 0);
    }

    /// @dev The dearest call of `open`: it passes over as many submissions as it may.
    function test_gas_openPassesOverAFullStep() external {
        Terms memory terms = _terms();
        terms.queueCap = 100;
        requestId = _create(terms, REWARD, FEE, BOND);
        uint64 winner = _submit(requestId, alice, "a");
        for (uint256 i = 0; i < market.MAX_STEPS(); ++i) {
            address optimizer = makeAddr(string(abi.encodePacked("optimizer ", i)));
            vm.deal(optimizer, DEPOSIT);
            _submit(requestId, optimizer, "b");
        }
        (, uint64 taskId) = _start(requestId);
        center.certify(taskId, _better());
        mine(APPEAL_WINDOW);
        _deliver(winner);
        _cool();
        market.open(requestId);
        uint256 used = vm.snapshotGasLastCall("Market", "open, 32 submissions released");
        vm.assertEq(market.request(requestId).pending, 0);
        vm.assertLt(used, 3_000_000);
    }
}
