// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAllocationManagerTypes } from "../../src/interfaces/eigenlayer/IAllocationManager.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev What members and whoever rolls pay, without the transaction itself. Slots and code are cold, as in a
/// transaction of their own. EigenLayer is a double, whose answer costs less than the real one's.
contract GovernanceGasTest is GovernanceFixture {
    /// @dev The gas that a transaction may use (EIP-7825).
    uint256 internal constant MOST_GAS = 2 ** 24;

    Identity[] internal ids;

    function _members(uint256 size) private {
        governance.setOperatorCap(256);
        for (uint256 i; i < size; ++i) {
            ids.push(_join(i, 100));
        }
    }

    function _cool() private {
        vm.cool(address(governance));
        vm.cool(governance.roller());
        vm.cool(address(eigen));
        uint32 newest = governance.currentEpoch();
        if (newest == 0) return;
        EpochHead memory head = governance.epochHead(newest);
        vm.cool(head.table);
        for (uint256 i; i < head.chunks.length; ++i) {
            vm.cool(head.chunks[i]);
        }
        vm.cool(address(governance));
        vm.cool(governance.roller());
    }

    function _note(string memory what, uint256 size) private returns (uint256 used) {
        string memory name = string.concat(what, ", ", vm.toString(size), " operators");
        used = vm.snapshotGasLastCall("AvsGovernance", name);
        vm.assertLt(used, MOST_GAS, name);
    }

    function test_gas_7() external {
        _measure(7);
    }

    function test_gas_100() external {
        _measure(100);
    }

    function test_gas_200() external {
        _measure(200);
    }

    function _measure(uint256 size) private {
        _members(size);
        _cool();
        governance.rollEpoch(type(uint32).max);
        _note("rollEpoch, all new", size);

        // Nothing changed but stakes.
        for (uint256 i; i < size; ++i) {
            eigen.setStake(ids[i].operator, strategyA, 101 + i);
        }
        mine(20);
        _cool();
        governance.rollEpoch(type(uint32).max);
        _note("rollEpoch, stakes alone", size);

        // One joined.
        Identity memory newcomer = _identity(size);
        bytes memory data = _registration(newcomer);
        eigen.setStake(newcomer.operator, strategyA, 100);
        mine(20);
        _cool();
        _register(newcomer.operator, data);
        _note("registration", size);
        _cool();
        governance.rollEpoch(type(uint32).max);
        _note("rollEpoch, one joined", size);

        mine(20);
        _cool();
        vm.prank(newcomer.operator);
        eigen.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams({
                operator: newcomer.operator, avs: address(governance), operatorSetIds: _setIds()
            })
        );
        _note("exit", size);
        _cool();
        governance.rollEpoch(type(uint32).max);
        _note("rollEpoch, one left", size);
    }

    /// Pages of 50 rows of work: what the dearest of them costs, of each sort.
    function test_gas_pages() external {
        _members(200);
        _cool();
        governance.rollEpoch(50);
        uint256 chunk = _note("a page, a chunk of 105 new rows", 200);
        vm.assertLt(chunk, 8_000_000);
        _cool();
        governance.rollEpoch(50);
        _cool();
        governance.rollEpoch(50);
        uint256 page = _note("a page, 50 stakes", 200);
        vm.assertLt(page, 1_000_000);
        vm.assertEq(governance.rollProgress().rowsRead, 50);
        governance.rollEpoch(50);
        governance.rollEpoch(50);
        _cool();
        uint32 epoch = governance.rollEpoch(50);
        _note("a page, 50 stakes and the table", 200);
        vm.assertEq(epoch, 1);
    }

    /// The most members, the smallest pages: every step fits a small block, too.
    function test_gas_everyStepOfTheLargestRollFits() external {
        _members(256);
        uint256 most;
        uint256 steps;
        while (true) {
            _cool();
            uint32 epoch = governance.rollEpoch(1);
            uint256 used = vm.snapshotGasLastCall("AvsGovernance", "a step, 256 operators");
            if (used > most) most = used;
            ++steps;
            if (epoch != 0) break;
        }
        vm.assertEq(steps, 3 + 256);
        vm.assertLt(most, 8_000_000);
        vm.snapshotValue("AvsGovernance", "a step, 256 operators", most);
        (address table,,) = governance.epochTable(1);
        vm.assertEq(EpochTable.count(table), 256);
        vm.assertEq(EpochTable.totalStake(table), 25_600);
    }
}
