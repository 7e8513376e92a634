// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A deposit that grows with recent rejections and falls back (specification 4.8)
/// @notice A leaky bucket: a rejection pours in `decay`, every block of the market clock drains one. It is kept as
/// the time at which the bucket will be empty (virtual scheduling, ITU-T I.371), so that nothing is rounded on the
/// way. What is in it, over `decay`, is the number of recent rejections.
library RisingDeposit {
    /// @notice The most that a deposit grows to, as a multiple of its base.
    uint256 internal constant MAX_FACTOR = 10;
    uint256 private constant BPS = 10_000;
    /// @notice Growth at which a single rejection leads to the most.
    uint256 internal constant MAX_GROWTH_BPS = (MAX_FACTOR - 1) * BPS;

    /// @notice The deposit asked at `now_`: base · (1 + growthBps / 1e4 · recent), rounded up.
    /// @param base Least deposit; at most 2^96 / MAX_FACTOR.
    /// @param growthBps At most MAX_GROWTH_BPS; 0 for a deposit that stays at its base.
    /// @param decay Blocks in which one rejection is forgotten; not 0 unless `growthBps` is.
    /// @param emptyAt When the bucket is empty, as `poured` gave it last.
    function inForce(uint96 base, uint32 growthBps, uint32 decay, uint64 emptyAt, uint64 now_)
        internal
        pure
        returns (uint96)
    {
        if (growthBps == 0 || emptyAt <= now_) return base;
        uint256 grown = uint256(base) * growthBps * (emptyAt - now_);
        uint256 unit = uint256(decay) * BPS;
        // Not above base · MAX_FACTOR, since the bucket holds no more than `_capacity`.
        // forge-lint: disable-next-line(unsafe-typecast) the growth is capped, see above
        return uint96(base + (grown + unit - 1) / unit);
    }

    /// @notice When the bucket is empty after one rejection more.
    /// @dev What does not fit is spilled and not only left out of the price: however many rejections there were, the
    /// deposit begins to fall with the next block.
    function poured(uint32 growthBps, uint32 decay, uint64 emptyAt, uint64 now_)
        internal
        pure
        returns (uint64)
    {
        uint256 level = (emptyAt > now_ ? emptyAt - now_ : 0) + uint256(decay);
        uint256 capacity = _capacity(growthBps, decay);
        return uint64(now_ + (level < capacity ? level : capacity));
    }

    /// @dev What is in the bucket when the deposit is MAX_FACTOR times its base.
    function _capacity(uint32 growthBps, uint32 decay) private pure returns (uint256) {
        return uint256(decay) * MAX_GROWTH_BPS / growthBps;
    }
}
