// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Quorum } from "../src/libraries/Quorum.sol";

/// @title What holds of the quorum rule for every stake and every threshold
/// @notice Nothing is assumed but what each function states at its start.
/// @dev Run by halmos on the compiled code, each `check_` function with unknown arguments. An assertion is a claim,
/// and a step for those that follow it.
contract QuorumProof {
    function reached(uint128 signed, uint128 total, uint16 p, uint16 q)
        external
        pure
        returns (bool)
    {
        return Quorum.reached(signed, total, p, q);
    }

    function blocked(uint128 rejecting, uint128 total, uint16 p, uint16 q)
        external
        pure
        returns (bool)
    {
        return Quorum.blocked(rejecting, total, p, q);
    }

    function isThreshold(uint16 p, uint16 q) external pure returns (bool) {
        return Quorum.isThreshold(p, q);
    }

    /* NO OVERFLOW: the arithmetic is checked, so a call that returns has not wrapped around */

    function check_isThreshold_neverReverts(uint16 p, uint16 q) external view {
        (bool ok,) = address(this).staticcall(abi.encodeCall(this.isThreshold, (p, q)));
        assert(ok);
    }

    function check_reached_neverReverts(uint128 signed, uint128 total, uint16 p, uint16 q)
        external
        view
    {
        (bool ok,) = address(this).staticcall(abi.encodeCall(this.reached, (signed, total, p, q)));
        assert(ok);
    }

    /// Of a threshold `p/(p + d)`, so that the solver meets no difference of unknowns.
    function check_blocked_neverReverts(uint128 rejecting, uint128 total, uint16 p, uint16 d)
        external
        view
    {
        if (uint256(p) + d > type(uint16).max) return;
        (bool ok,) =
            address(this).staticcall(abi.encodeCall(this.blocked, (rejecting, total, p, p + d)));
        assert(ok);
    }

    /* THE THRESHOLD */

    function check_isThreshold_isBelowOne(uint16 p, uint16 q) external pure {
        if (!Quorum.isThreshold(p, q)) return;
        assert(p < q);
        assert(3 * uint256(p) >= 2 * uint256(q));
    }

    /// Whatever the threshold, a quorum is more than two thirds of the stake.
    function check_reached_isMoreThanTwoThirds(uint128 signed, uint128 total, uint16 p, uint16 q)
        external
        pure
    {
        if (!Quorum.isThreshold(p, q)) return;
        if (!Quorum.reached(signed, total, p, q)) return;
        assert(3 * (uint256(p) * total) >= 2 * (uint256(q) * total));
        assert(3 * (uint256(q) * signed) > 2 * (uint256(q) * total));
        assert(3 * uint256(signed) > 2 * uint256(total));
    }

    /// Everybody together is a quorum, and nobody is none.
    function check_reached_byAllAndNotByNobody(uint128 total, uint16 p, uint16 q) external pure {
        if (!Quorum.isThreshold(p, q) || total == 0) return;
        assert(Quorum.reached(total, total, p, q));
        assert(!Quorum.reached(0, total, p, q));
    }

    /* ORDER */

    function check_reached_growsWithSigners(
        uint128 signed,
        uint128 more,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        if (signed > more) return;
        if (!Quorum.reached(signed, total, p, q)) return;
        assert(Quorum.reached(more, total, p, q));
    }

    /// What is blocked stays blocked as rejections come in, until they reject.
    function check_blocked_growsWithRejections(
        uint128 rejecting,
        uint128 more,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        if (p > q || rejecting > more) return;
        if (!Quorum.blocked(rejecting, total, p, q)) return;
        assert(uint256(q) * more >= uint256(q) * rejecting);
        assert(Quorum.blocked(more, total, p, q) || Quorum.reached(more, total, p, q));
    }

    /* EXCLUSION: at most one of Approve, Reject and Blocked, where nobody both approves and rejects */

    function check_approve_excludesReject(
        uint128 approving,
        uint128 rejecting,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        if (!Quorum.isThreshold(p, q)) return;
        if (uint256(approving) + rejecting > total) return;
        if (!Quorum.reached(approving, total, p, q)) return;
        assert(!Quorum.reached(rejecting, total, p, q));
    }

    function check_approve_excludesBlocked(
        uint128 approving,
        uint128 rejecting,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        if (!Quorum.isThreshold(p, q)) return;
        if (uint256(approving) + rejecting > total) return;
        if (!Quorum.reached(approving, total, p, q)) return;
        assert(!Quorum.blocked(rejecting, total, p, q));
    }

    function check_reject_excludesBlocked(uint128 rejecting, uint128 total, uint16 p, uint16 q)
        external
        pure
    {
        if (p > q) return;
        if (!Quorum.reached(rejecting, total, p, q)) return;
        assert(!Quorum.blocked(rejecting, total, p, q));
    }

    /// Blocked or rejected is exactly where all others together could not approve.
    function check_blocked_isWhereApprovalIsImpossible(
        uint128 rejecting,
        uint128 total,
        uint16 p,
        uint16 q
    ) external pure {
        if (!Quorum.isThreshold(p, q) || rejecting > total) return;
        uint256 all = uint256(q) * total;
        assert(uint256(q) * (total - rejecting) == all - uint256(q) * rejecting);
        assert(uint256(q - p) * total == all - uint256(p) * total);
        assert(uint256(q - p) * total <= uint256(p) * total);
        assert(
            (Quorum.blocked(rejecting, total, p, q) || Quorum.reached(rejecting, total, p, q))
                == !Quorum.reached(total - rejecting, total, p, q)
        );
    }
}
