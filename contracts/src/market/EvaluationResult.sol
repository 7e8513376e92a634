// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";

/// @title The result of an evaluation, version 1 (specification 5.2)
/// @dev `abi.decode` reverts on what it does not like, and a delivery that reverts can never be made. So the words
/// are first checked to be canonical; what does not hold together is `sound == false`.
library EvaluationResult {
    /// @dev As encoded: thirteen words.
    struct Encoded {
        uint16 version;
        uint8 status;
        uint8 fault;
        uint8 bound;
        uint8 engine;
        bytes32 environment;
        uint32 samples;
        int64 championScore;
        int64 challengerScore;
        int64 improvement;
        int64 lower;
        int64 upper;
        bytes32 scoresRoot;
    }

    uint256 internal constant LENGTH = 13 * 32;
    uint16 private constant VERSION = 1;
    uint8 private constant OK = 0;
    uint8 private constant LAST_OPTIMIZER_STATUS = 6;
    uint8 private constant LAST_STATUS = 9;
    uint8 private constant EMPIRICAL_BERNSTEIN = 1;
    uint8 internal constant LIBTORCH = 1;
    uint8 internal constant REFERENCE = 2;
    uint8 private constant BETTING = 2;

    /// @notice Decodes a result. Never reverts.
    /// @return sound Whether it is the canonical encoding of a result that holds together.
    /// @return figures Zeros when it is not sound.
    function decode(bytes calldata result)
        internal
        pure
        returns (bool sound, IModelSubmissionTypes.Figures memory figures)
    {
        if (result.length != LENGTH || !_isCanonical(result)) return (false, figures);
        Encoded memory encoded = abi.decode(result, (Encoded));
        if (!_holds(encoded)) return (false, figures);
        figures = IModelSubmissionTypes.Figures({
            status: encoded.status,
            bound: encoded.bound,
            engine: encoded.engine,
            samples: encoded.samples,
            championScore: encoded.championScore,
            challengerScore: encoded.challengerScore,
            improvement: encoded.improvement,
            lower: encoded.lower,
            upper: encoded.upper,
            environment: encoded.environment,
            scoresRoot: encoded.scoresRoot
        });
        return (true, figures);
    }

    /// @notice Whose fault a status is (specification 5.1): 0 nobody, 1 optimizer, 2 owner.
    function faultOf(uint8 status) internal pure returns (uint8) {
        if (status == OK) return 0;
        return status <= LAST_OPTIMIZER_STATUS ? 1 : 2;
    }

    /// @dev Whether every word lies in the range of its type.
    function _isCanonical(bytes calldata result) private pure returns (bool) {
        if (_word(result, 0) > type(uint16).max) return false;
        for (uint256 i = 1; i < 5; ++i) {
            if (_word(result, i) > type(uint8).max) return false;
        }
        if (_word(result, 6) > type(uint32).max) return false;
        for (uint256 i = 7; i < 12; ++i) {
            // Moves [-2^63, 2^63) to [0, 2^64).
            unchecked {
                if (_word(result, i) + 2 ** 63 > type(uint64).max) return false;
            }
        }
        return true;
    }

    function _holds(Encoded memory encoded) private pure returns (bool) {
        if (encoded.version != VERSION || encoded.status > LAST_STATUS) return false;
        if (encoded.fault != faultOf(encoded.status)) return false;
        if (encoded.status == OK) {
            return (encoded.bound == EMPIRICAL_BERNSTEIN || encoded.bound == BETTING)
                && (encoded.engine == LIBTORCH || encoded.engine == REFERENCE)
                && encoded.lower <= encoded.improvement && encoded.improvement <= encoded.upper;
        }
        return encoded.bound == 0 && encoded.engine == 0 && encoded.samples == 0
            && encoded.championScore == 0 && encoded.challengerScore == 0
            && encoded.improvement == 0 && encoded.lower == 0 && encoded.upper == 0
            && encoded.scoresRoot == 0;
    }

    function _word(bytes calldata result, uint256 index) private pure returns (uint256) {
        return uint256(bytes32(result[index * 32:index * 32 + 32]));
    }
}
