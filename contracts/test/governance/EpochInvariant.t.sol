// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { InvariantTest } from "../utils/Test.sol";
import { EpochHandler } from "./EpochHandler.sol";

/// @dev What holds of epochs whatever people do while they are rolled: a snapshot in use never changes, nobody is
/// counted twice or wrongly, sums and keys are those of the model.
contract EpochInvariantTest is InvariantTest {
    EpochHandler internal handler;

    function setUp() external {
        handler = new EpochHandler();
        targetContract(address(handler));
        targetSelectors(address(handler), _actions());
    }

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 150
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_epochsHold() external view {
        handler.check();
    }

    /// @dev As above, without what an invariant test does between calls, so that many more epochs are written.
    /// forge-config: default.fuzz.runs = 16
    function testFuzz_epochsHold(uint256 seed) external {
        bytes4[] memory actions = _actions();
        for (uint256 i = 0; i < 150; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            bytes4 action = i % 2 == 0 ? handler.roll.selector : actions[seed % actions.length];
            _act(action, seed);
        }
        handler.check();
    }

    /// @dev The same actions in a fixed order, so that it is certain that each of them was really done.
    function test_handler_doesEverything() external {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        for (uint256 i = 0; i < 3000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("epochs", i)));
            // Every second action rolls.
            bytes4 action = i % 2 == 0 ? handler.roll.selector : actions[seed % actions.length];
            _act(action, seed);
            if (i % 100 == 0) handler.check();
        }
        handler.check();
        // The first entry gives the array its type.
        bytes32 first = "join";
        bytes32[18] memory done_ = [
            first,
            "join in vain",
            "leave",
            "eject",
            "rotate",
            "restake",
            "lie",
            "veto",
            "slash",
            "pass",
            "pauseOrGoOn",
            "setTaskLife",
            "roll too soon",
            "roll anew",
            "roll without stake",
            "roll at once",
            "roll in pages",
            "page"
        ];
        for (uint256 i = 0; i < done_.length; ++i) {
            vm.assertGt(handler.acted(done_[i]), 0, string(abi.encodePacked(done_[i])));
        }
    }

    function _act(bytes4 action, uint256 seed) private {
        (bool done, bytes memory answer) =
            address(handler).call(abi.encodeWithSelector(action, seed));
        if (done) return;
        assembly {
            revert(add(answer, 0x20), mload(answer))
        }
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](11);
        actions[0] = handler.join.selector;
        actions[1] = handler.exit_.selector;
        actions[2] = handler.miss.selector;
        actions[3] = handler.rotate.selector;
        actions[4] = handler.restake.selector;
        actions[5] = handler.lie.selector;
        actions[6] = handler.judge.selector;
        actions[7] = handler.pass.selector;
        actions[8] = handler.pauseOrGoOn.selector;
        actions[9] = handler.setTaskLife.selector;
        actions[10] = handler.roll.selector;
    }
}
