// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What a fresh champion must be surpassed by beyond the least improvement (specification 4.9)
library ChampionAdvantage {
    /// @notice `full` at the crowning, falling linearly to 0 after `period`, rounded down.
    /// @param full Units of 1e-6; not negative.
    /// @param period Blocks of the market clock; not 0 unless `full` is.
    /// @param age Blocks since the crowning.
    function remaining(int64 full, uint32 period, uint64 age) internal pure returns (int64) {
        if (full == 0 || age >= period) return 0;
        // Not above `full`.
        // forge-lint: disable-next-line(unsafe-typecast) at most `full`
        return int64(int256(full) * int256(uint256(period - age)) / int256(uint256(period)));
    }
}
