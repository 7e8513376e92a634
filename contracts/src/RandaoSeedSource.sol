// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISeedSource } from "./interfaces/ISeedSource.sol";
import { RlpHeader } from "./libraries/RlpHeader.sol";

/// @title Seeds from the RANDAO value of a block
/// @notice The proof is the seed block's RLP header (specification 2.3). Its hash shows that it is the block's;
/// its `mixHash` is the randomness. Never the block hash itself: whoever builds a block can try as many of
/// those as it likes, while for `mixHash` the proposer has one bit, to propose or not.
contract RandaoSeedSource is ISeedSource {
    /// @notice The history contract of EIP-2935.
    address public constant BLOCK_HASH_HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @inheritdoc ISeedSource
    /// @dev EIP-2935 answers for the 8191 blocks before the present one.
    uint64 public constant reach = 8191;

    /// @dev How far back the BLOCKHASH opcode answers.
    uint256 private constant OPCODE_REACH = 256;

    /// @inheritdoc ISeedSource
    function randomness(uint64 seedBlock, bytes calldata proof) external view returns (bytes32 r) {
        if (block.number <= seedBlock) revert SeedBlockNotMined(seedBlock, block.number);
        bytes32 blockHash = _blockHash(seedBlock);
        if (blockHash == 0) revert SeedBlockOutOfReach(seedBlock, block.number);

        bytes32 headerHash;
        (headerHash, r) = RlpHeader.read(proof);
        if (headerHash != blockHash) revert InvalidSeedProof(seedBlock);
    }

    /// @dev Zero when it cannot be had.
    function _blockHash(uint64 number) private view returns (bytes32 blockHash) {
        uint256 age = block.number - number;
        if (age <= OPCODE_REACH) return blockhash(number);
        if (age > reach) return 0;
        (bool ok, bytes memory answer) = BLOCK_HASH_HISTORY.staticcall(abi.encode(uint256(number)));
        if (ok && answer.length == 32) blockHash = abi.decode(answer, (bytes32));
    }
}
