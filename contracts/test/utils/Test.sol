// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Vm } from "./Vm.sol";

/// @title Base of every test
/// @dev Assertions are Foundry's own (`vm.assertEq` and so on); they revert, so a failed one ends the test.
abstract contract Test {
    /// @dev Address of the cheatcodes: `address(uint160(uint256(keccak256("hevm cheat code"))))`.
    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);

    /// @dev A labelled address that belongs to a name. Its private key is `uint256(keccak256(bytes(name)))`.
    function makeAddr(string memory name) internal returns (address account) {
        (account,) = makeAddrAndKey(name);
    }

    /// @dev A labelled address and its private key.
    function makeAddrAndKey(string memory name)
        internal
        returns (address account, uint256 privateKey)
    {
        privateKey = uint256(keccak256(bytes(name)));
        account = vm.addr(privateKey);
        vm.label(account, name);
    }

    /// @dev Gives `account` a balance and makes it the sender of the next call.
    function hoax(address account, uint256 balance) internal {
        vm.deal(account, balance);
        vm.prank(account);
    }

    /// @dev Maps a fuzzed value into `[low, high]`, leaving values that lie there unchanged.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: low > high");
        if (low <= value && value <= high) return value;
        uint256 size;
        unchecked {
            size = high - low + 1; // 0 stands for 2^256
        }
        return size == 0 ? value : low + value % size;
    }

    /// @dev As above, for signed values.
    function bound(int256 value, int256 low, int256 high) internal pure returns (int256) {
        // forge-lint: disable-start(unsafe-typecast) order is kept by moving zero to 2^255 and back
        uint256 offset = 1 << 255;
        unchecked {
            uint256 mapped =
                bound(uint256(value) + offset, uint256(low) + offset, uint256(high) + offset);
            return int256(mapped - offset);
        }
        // forge-lint: disable-end(unsafe-typecast)
    }

    /// @dev Moves the chain on by a number of blocks of one second.
    function mine(uint256 blocks) internal {
        vm.roll(vm.getBlockNumber() + blocks);
        vm.warp(vm.getBlockTimestamp() + blocks);
    }
}

/// @title Base of invariant tests: tells Foundry what to call
/// @dev Foundry reads these lists through the public functions below.
abstract contract InvariantTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address[] private _targetContracts;
    address[] private _targetSenders;
    FuzzSelector[] private _targetSelectors;

    /// @dev Calls every function of `target` that changes state.
    function targetContract(address target) internal {
        _targetContracts.push(target);
    }

    /// @dev Calls only the given functions of `target`.
    function targetSelectors(address target, bytes4[] memory selectors) internal {
        _targetSelectors.push(FuzzSelector({ addr: target, selectors: selectors }));
    }

    /// @dev Calls come from the given senders only.
    function targetSender(address sender) internal {
        _targetSenders.push(sender);
    }

    function targetContracts() external view returns (address[] memory) {
        return _targetContracts;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _targetSelectors;
    }

    function targetSenders() external view returns (address[] memory) {
        return _targetSenders;
    }
}
