// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { RandaoSeedSource } from "../../src/RandaoSeedSource.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";
import { RlpHeader } from "../../src/libraries/RlpHeader.sol";
import { Test } from "../utils/Test.sol";

/// @dev Headers of real clients (tests/vectors/headers.json), placed at blocks of the test's chain. Beyond 256
/// blocks the code of EIP-2935 answers, as printed there.
contract RandaoSeedSourceTest is Test {
    // Fields in alphabetical order, as Foundry decodes JSON.
    struct Header {
        bytes32 hash;
        bytes32 mixHash;
        string name;
        bytes rlp;
    }

    bytes internal constant HISTORY_CODE =
        hex"3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

    RandaoSeedSource internal source;
    address internal history;
    Header internal header;
    Header internal other;

    function setUp() external {
        vm.roll(20_000);
        source = new RandaoSeedSource();
        history = source.BLOCK_HASH_HISTORY();
        Header[] memory headers = abi.decode(
            vm.parseJson(vm.readFile("../tests/vectors/headers.json"), "$.headers"), (Header[])
        );
        header = headers[0];
        other = headers[1];
    }

    function _putHistory(uint64 number, bytes32 blockHash) private {
        vm.etch(history, HISTORY_CODE);
        vm.store(history, bytes32(uint256(number % 8191)), blockHash);
    }

    function test_randomness_isTheMixHash() external {
        vm.setBlockhash(19_999, header.hash);
        vm.assertEq(source.randomness(19_999, 0, header.rlp), header.mixHash);
        vm.assertNotEq(header.mixHash, header.hash);
    }

    function test_randomness_oldestOfTheOpcode() external {
        vm.setBlockhash(20_000 - 256, header.hash);
        vm.assertEq(source.randomness(20_000 - 256, 0, header.rlp), header.mixHash);
    }

    function test_randomness_firstOfTheHistory() external {
        uint64 number = 20_000 - 257;
        _putHistory(number, header.hash);
        vm.assertEq(source.randomness(number, 0, header.rlp), header.mixHash);
    }

    function test_randomness_lastOfTheHistory() external {
        uint64 number = 20_000 - 8191;
        _putHistory(number, header.hash);
        vm.assertEq(source.reach(), 8191);
        vm.assertEq(source.randomness(number, 0, header.rlp), header.mixHash);
        _expectOutOfReach(number - 1);
        source.randomness(number - 1, 0, header.rlp);
    }

    function test_randomness_notOfTheFuture() external {
        for (uint64 number = 20_000; number < 20_002; ++number) {
            vm.expectRevert(
                abi.encodeWithSelector(ISeedSource.SeedBlockNotMined.selector, number, 20_000)
            );
            source.randomness(number, 0, header.rlp);
        }
    }

    function test_randomness_refusesHeaderOfAnotherBlock() external {
        vm.setBlockhash(19_999, header.hash);
        vm.setBlockhash(19_998, other.hash);
        _expectInvalid(19_999);
        source.randomness(19_999, 0, other.rlp);
        _expectInvalid(19_998);
        source.randomness(19_998, 0, header.rlp);
    }

    function test_randomness_refusesChangedRandomness() external {
        vm.setBlockhash(19_999, header.hash);
        bytes memory forged = _replace(header.rlp, header.mixHash, keccak256("mine"));
        _expectInvalid(19_999);
        source.randomness(19_999, 0, forged);
    }

    function test_randomness_refusesWhatIsNoHeader() external {
        vm.setBlockhash(19_999, header.hash);
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.BadItem.selector, 0));
        source.randomness(19_999, 0, "");
        vm.expectRevert(abi.encodeWithSelector(RlpHeader.TooFewFields.selector, 0));
        source.randomness(19_999, 0, hex"c0");
    }

    /// On a chain without EIP-2935 the reach is that of the opcode, and nothing passes beyond it.
    function test_randomness_withoutHistoryContract() external {
        _expectOutOfReach(20_000 - 257);
        source.randomness(20_000 - 257, 0, header.rlp);
    }

    /// The history knows nothing of blocks from before it was there.
    function test_randomness_historyWithoutTheBlock() external {
        vm.etch(history, HISTORY_CODE);
        _expectOutOfReach(20_000 - 300);
        source.randomness(20_000 - 300, 0, header.rlp);
    }

    function _expectInvalid(uint64 number) private {
        vm.expectRevert(abi.encodeWithSelector(ISeedSource.InvalidSeedProof.selector, number));
    }

    function _expectOutOfReach(uint64 number) private {
        vm.expectRevert(
            abi.encodeWithSelector(ISeedSource.SeedBlockOutOfReach.selector, number, 20_000)
        );
    }

    /// @dev `data` with the first occurrence of `what` replaced.
    function _replace(bytes memory data, bytes32 what, bytes32 by)
        private
        pure
        returns (bytes memory)
    {
        for (uint256 offset = 32; offset <= data.length; ++offset) {
            bytes32 word;
            assembly {
                word := mload(add(data, offset))
            }
            if (word != what) continue;
            assembly {
                mstore(add(data, offset), by)
            }
            return data;
        }
        revert("not found");
    }
}
