// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title How a fee is shared (specification 3.4)
/// @notice Every division rounds down, so what is paid out never exceeds the fee.
library FeeShares {
    /// @notice Basis points of the whole.
    uint256 internal constant BPS = 10_000;

    /// @notice The performer's part of a fee, and the rest, which all signers share by stake.
    /// @dev Reverts when `performerShareBps` exceeds the whole.
    function split(uint256 fee, uint256 performerShareBps)
        internal
        pure
        returns (uint256 performerPart, uint256 rest)
    {
        performerPart = fee * performerShareBps / BPS;
        rest = fee - performerPart;
    }

    /// @notice The share of a signer with `stake` of the epoch's `total`.
    /// @dev Reverts when `total` is zero.
    function share(uint256 rest, uint256 stake, uint256 total) internal pure returns (uint256) {
        return rest * stake / total;
    }
}
