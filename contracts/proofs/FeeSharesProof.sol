// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { FeeShares } from "../src/libraries/FeeShares.sol";

/// @title What holds of shares for every fee, every stake and every share of the performer
/// @notice Shares of all signers never sum to more than the fee. Signers are any number, so this is an induction:
///
/// - the shares of nobody are nothing (`check_share_ofNothingIsNothing`);
/// - two shares are together at most the share of both stakes (`check_share_addsUpToNoMore`), so one
///   more signer keeps the sum of shares at or below the share of the sum of stakes;
/// - stakes of signers are at most `total`, and such a share is at most the rest
///   (`check_share_isAtMostTheRest`);
/// - the performer's part and the rest are the fee (`check_split_losesNothing`).
///
/// @dev Run by halmos on the compiled code, each `check_` function with unknown arguments. Types are those of
/// AttestationCenter: fees below 2^80, stakes and their sums below 2^128.
contract FeeSharesProof {
    function split(uint256 fee, uint256 bps) external pure returns (uint256, uint256) {
        return FeeShares.split(fee, bps);
    }

    function share(uint256 rest, uint256 stake, uint256 total) external pure returns (uint256) {
        return FeeShares.share(rest, stake, total);
    }

    function check_split_neverReverts(uint80 fee, uint16 bps) external view {
        if (bps > FeeShares.BPS) return;
        (bool ok,) = address(this).staticcall(abi.encodeCall(this.split, (fee, bps)));
        assert(ok);
    }

    function check_split_losesNothing(uint80 fee, uint16 bps) external pure {
        if (bps > FeeShares.BPS) return;
        (uint256 performerPart, uint256 rest) = FeeShares.split(fee, bps);
        assert(performerPart + rest == fee);
    }

    /// The performer's part is exact but for less than one unit, in the fee's favour.
    function check_split_roundsDown(uint80 fee, uint16 bps) external pure {
        if (bps > FeeShares.BPS) return;
        (uint256 performerPart,) = FeeShares.split(fee, bps);
        uint256 exact = uint256(fee) * bps;
        assert(10_000 * performerPart <= exact);
        assert(10_000 * performerPart + 10_000 > exact);
    }

    function check_share_neverReverts(uint80 rest, uint128 stake, uint128 total) external view {
        if (total == 0) return;
        (bool ok,) = address(this).staticcall(abi.encodeCall(this.share, (rest, stake, total)));
        assert(ok);
    }

    function check_share_ofNothingIsNothing(uint80 rest, uint128 total) external pure {
        if (total == 0) return;
        assert(FeeShares.share(rest, 0, total) == 0);
    }

    function check_share_isAtMostTheRest(uint80 rest, uint128 stake, uint128 total) external pure {
        if (total == 0 || stake > total) return;
        assert(FeeShares.share(rest, stake, total) <= rest);
    }

    /// Who signs alone with all stake gets all.
    function check_share_ofAllIsTheRest(uint80 rest, uint128 total) external pure {
        if (total == 0) return;
        assert(FeeShares.share(rest, total, total) == rest);
    }

    function check_share_addsUpToNoMore(uint80 rest, uint128 some, uint128 more, uint128 total)
        external
        pure
    {
        if (total == 0) return;
        uint256 stake = uint256(some) + more;
        assert(
            FeeShares.share(rest, some, total) + FeeShares.share(rest, more, total)
                <= FeeShares.share(rest, stake, total)
        );
    }

    /// Each signer costs the signers together less than one unit, so n signers leave less than n units.
    function check_share_losesLessThanAUnit(uint80 rest, uint128 some, uint128 more, uint128 total)
        external
        pure
    {
        if (total == 0) return;
        uint256 stake = uint256(some) + more;
        assert(
            FeeShares.share(rest, some, total) + FeeShares.share(rest, more, total) + 1
                >= FeeShares.share(rest, stake, total)
        );
    }

    /// More stake is never paid less.
    function check_share_isMonotonic(uint80 rest, uint128 stake, uint128 more, uint128 total)
        external
        pure
    {
        if (total == 0 || stake > more) return;
        assert(FeeShares.share(rest, stake, total) <= FeeShares.share(rest, more, total));
    }
}
