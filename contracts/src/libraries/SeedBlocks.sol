// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISeedSource } from "../interfaces/ISeedSource.sol";

/// @title Hashes of seed blocks
/// @notice As long as a seed source can have a block's hash, the block's header can be shown to it.
library SeedBlocks {
    /// @notice The history contract of EIP-2935.
    address internal constant BLOCK_HASH_HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice EIP-2935 answers for the 8191 blocks before the present one.
    uint64 internal constant REACH = 8191;

    /// @dev How far back the BLOCKHASH opcode answers.
    uint256 private constant OPCODE_REACH = 256;

    /// @notice The hash of a block that is in the past.
    function hashOf(uint64 seedBlock) internal view returns (bytes32 blockHash) {
        if (block.number <= seedBlock) {
            revert ISeedSource.SeedBlockNotMined(seedBlock, block.number);
        }
        blockHash = _find(seedBlock);
        if (blockHash == 0) revert ISeedSource.SeedBlockOutOfReach(seedBlock, block.number);
    }

    /// @dev Zero when it cannot be had.
    function _find(uint64 number) private view returns (bytes32 blockHash) {
        uint256 age = block.number - number;
        if (age <= OPCODE_REACH) return blockhash(number);
        if (age > REACH) return 0;
        (bool ok, bytes memory answer) = BLOCK_HASH_HISTORY.staticcall(abi.encode(uint256(number)));
        if (ok && answer.length == 32) blockHash = abi.decode(answer, (bytes32));
    }
}
