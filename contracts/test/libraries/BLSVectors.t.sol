// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Test } from "../utils/Test.sol";

/// @dev The precompiles that the library stands on, against all vectors of EIP-2537 that concern them
/// (tests/vectors/README.md): what the library leaves to them is checked by them.
contract BLSVectorsTest is Test {
    string internal constant VECTORS = "../tests/vectors/eip-2537/";
    address internal constant G1_ADD = address(0x0b);
    address internal constant G2_ADD = address(0x0d);
    address internal constant PAIRING_CHECK = address(0x0f);
    address internal constant MAP_FP_TO_G1 = address(0x10);

    function test_g1Add_eip2537() external view {
        vm.assertEq(_answers(G1_ADD, "add_G1_bls.json"), 9);
        vm.assertEq(_refuses(G1_ADD, "fail-add_G1_bls.json"), 7);
    }

    function test_g2Add_eip2537() external view {
        vm.assertEq(_answers(G2_ADD, "add_G2_bls.json"), 9);
        vm.assertEq(_refuses(G2_ADD, "fail-add_G2_bls.json"), 7);
    }

    function test_mapToG1_eip2537() external view {
        vm.assertEq(_answers(MAP_FP_TO_G1, "map_fp_to_G1_bls.json"), 5);
        vm.assertEq(_refuses(MAP_FP_TO_G1, "fail-map_fp_to_G1_bls.json"), 5);
    }

    function test_pairing_eip2537() external view {
        vm.assertEq(_answers(PAIRING_CHECK, "pairing_check_bls.json"), 15);
        vm.assertEq(_refuses(PAIRING_CHECK, "fail-pairing_check_bls.json"), 25);
    }

    function _answers(address precompile, string memory file) private view returns (uint256 i) {
        string memory json = vm.readFile(string.concat(VECTORS, file));
        for (; vm.keyExistsJson(json, _item(i, ".Input")); ++i) {
            (bool ok, bytes memory output) =
                precompile.staticcall{ gas: 1_000_000 }(_hex(json, _item(i, ".Input")));
            string memory name = vm.parseJsonString(json, _item(i, ".Name"));
            vm.assertTrue(ok, name);
            vm.assertEq(output, _hex(json, _item(i, ".Expected")), name);
        }
    }

    function _refuses(address precompile, string memory file) private view returns (uint256 i) {
        string memory json = vm.readFile(string.concat(VECTORS, file));
        for (; vm.keyExistsJson(json, _item(i, ".Input")); ++i) {
            (bool ok,) = precompile.staticcall{ gas: 1_000_000 }(_hex(json, _item(i, ".Input")));
            vm.assertFalse(ok, vm.parseJsonString(json, _item(i, ".Name")));
        }
    }

    function _item(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat("$[", vm.toString(index), "]", field);
    }

    function _hex(string memory json, string memory path) private pure returns (bytes memory) {
        return vm.parseBytes(string.concat("0x", vm.parseJsonString(json, path)));
    }
}
