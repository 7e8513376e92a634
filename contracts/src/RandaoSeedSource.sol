// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISeedSource } from "./interfaces/ISeedSource.sol";
import { RlpHeader } from "./libraries/RlpHeader.sol";
import { SeedBlocks } from "./libraries/SeedBlocks.sol";

/// @title Seeds from the RANDAO value of a block
/// @notice The proof is the seed block's RLP header (specification 2.3). Its hash shows that it is the block's;
/// its `mixHash` is the randomness. Never the block hash itself: whoever builds a block can try as many of
/// those as it likes, while for `mixHash` the proposer has one bit, to propose or not.
contract RandaoSeedSource is ISeedSource {
    /// @notice The history contract of EIP-2935.
    address public constant BLOCK_HASH_HISTORY = SeedBlocks.BLOCK_HASH_HISTORY;

    /// @inheritdoc ISeedSource
    uint64 public constant reach = SeedBlocks.REACH;

    /// @inheritdoc ISeedSource
    bytes32 public constant scheme = "randao";

    /// @inheritdoc ISeedSource
    function randomness(uint64 seedBlock, uint64, bytes calldata proof)
        external
        view
        returns (bytes32 r)
    {
        bytes32 blockHash = SeedBlocks.hashOf(seedBlock);
        bytes32 headerHash;
        (headerHash, r) = RlpHeader.read(proof);
        if (headerHash != blockHash) revert InvalidSeedProof(seedBlock);
    }

    /// @inheritdoc ISeedSource
    function target(uint64) external pure returns (uint64) {
        return 0;
    }
}
