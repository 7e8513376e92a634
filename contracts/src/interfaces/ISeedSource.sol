// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A source of randomness that nobody knows before a given block and everybody can check after it
interface ISeedSource {
    /// @notice The proof does not show the randomness of `seedBlock`.
    error InvalidSeedProof(uint64 seedBlock);
    /// @notice `seedBlock` is not in the past yet.
    error SeedBlockNotMined(uint64 seedBlock, uint256 current);
    /// @notice `seedBlock` is further back than its hash can be had.
    error SeedBlockOutOfReach(uint64 seedBlock, uint256 current);

    /// @notice The randomness `r` that belongs to a block.
    /// @param seedBlock A real block number, fixed when the task opened.
    /// @param proof For RANDAO: the RLP-encoded header of that block.
    /// @return r Uniform 32 bytes; the same for every valid proof.
    function randomness(uint64 seedBlock, bytes calldata proof) external view returns (bytes32 r);

    /// @notice How many real blocks after `seedBlock` the randomness can still be proved.
    function reach() external view returns (uint64);
}
