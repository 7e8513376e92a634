// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The quorum rule (specification 3.1)
/// @notice Stakes are compared with a threshold `p/q` by cross-multiplication: no division, no rounding.
/// @dev The types bound every product by 2^144, so nothing can overflow.
///
/// Where nobody both approves and rejects (`approving + rejecting <= total`, `total > 0`) and the
/// threshold is valid, at most one of Approve, Reject and Blocked holds: two disjoint parts cannot both
/// exceed 2/3, Blocked excludes Reject by definition, and Approve with Blocked would mean
/// `q·(approving + rejecting) > p·total + (q-p)·total = q·total`.
library Quorum {
    /// @notice Whether a threshold may be used: 2/3 <= p/q < 1.
    function isThreshold(uint16 p, uint16 q) internal pure returns (bool) {
        return p < q && 3 * uint256(p) >= 2 * uint256(q);
    }

    /// @notice Whether `signed` exceeds `p/q` of `total`. The rule of Approve, and of Reject on rejecting stake.
    function reached(uint128 signed, uint128 total, uint16 p, uint16 q)
        internal
        pure
        returns (bool)
    {
        return uint256(q) * signed > uint256(p) * total;
    }

    /// @notice Whether so much stake rejects that approval is impossible, but too little to reject.
    /// @dev That the voting window has passed is the caller's to check. Reverts when `p > q`.
    function blocked(uint128 rejecting, uint128 total, uint16 p, uint16 q)
        internal
        pure
        returns (bool)
    {
        return uint256(q) * rejecting >= uint256(q - p) * total && !reached(rejecting, total, p, q);
    }
}
