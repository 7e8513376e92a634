// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISpokeTypes } from "../../src/interfaces/ISpoke.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { SpokeFixture } from "./SpokeFixture.sol";

/// @dev What relayers pay away from home, without the transaction itself and its calldata.
contract SpokeGasTest is SpokeFixture {
    function test_gas_7() external {
        _measure(7);
    }

    function test_gas_100() external {
        _measure(100);
    }

    function _measure(uint256 size) private {
        governance.setOperatorCap(256);
        for (uint256 i = OPERATORS; i < size; ++i) {
            operators.push(_join(i, 100));
        }
        _publish();
        _reseed(_next());
        Parcel memory third = _next();
        ISpokeTypes.Signatures memory signatures = _signed(2, third.digest, type(uint256).max);
        uint256 state = vm.snapshotState();
        _cool(2);
        spoke.advance(third.snapshot, signatures, third.stakes, third.chunks);
        _note("advance, all new", size);
        vm.assertTrue(vm.revertToState(state));
        for (uint256 i; i < third.chunks.length; ++i) {
            third.chunks[i] = "";
        }
        _cool(2);
        spoke.advance(third.snapshot, signatures, third.stakes, third.chunks);
        _note("advance, same identities", size);

        ISpokeTypes.ResultProof memory proof = _approved(SUBJECT, type(uint256).max);
        _cool(3);
        spoke.verify(proof);
        _note("verify", size);
    }

    function _cool(uint32 epoch) private {
        address table = spoke.operatorSet(epoch).table;
        address chunk = EpochTable.chunks(table)[0];
        vm.cool(table);
        vm.cool(chunk);
        vm.cool(address(spoke));
    }

    function _note(string memory what, uint256 size) private {
        vm.snapshotGasLastCall("Spoke", string.concat(what, ", ", vm.toString(size), " operators"));
    }
}
