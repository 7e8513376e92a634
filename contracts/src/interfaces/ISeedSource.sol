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

    /// @notice The randomness `r` of a task.
    /// @param seedBlock A real block number, fixed when the task opened.
    /// @param target_ What `target` answered then.
    /// @param proof For RANDAO: the RLP-encoded header of the seed block. For drand: the round's signature, 96 bytes
    /// unpadded, and after it that header.
    /// @return r Uniform 32 bytes; the same for every valid proof.
    function randomness(uint64 seedBlock, uint64 target_, bytes calldata proof)
        external
        view
        returns (bytes32 r);

    /// @notice What else fixes the randomness of a task that opens in this block; kept with the task.
    /// @param seedBlock The task's seed block.
    /// @return For RANDAO: 0, as the seed block says all. For drand: a round of the future.
    function target(uint64 seedBlock) external view returns (uint64);

    /// @notice How many real blocks after `seedBlock` the randomness can still be proved.
    function reach() external view returns (uint64);

    /// @notice What `randomness` wants as proof: a short name, left-aligned (specification 2.3).
    function scheme() external view returns (bytes32);
}
