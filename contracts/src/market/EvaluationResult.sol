// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmissionTypes } from "../interfaces/IModelSubmission.sol";

/// @title The result of an evaluation, version 1 (specification 5.2)
/// @dev Decoded by hand: `abi.decode` reverts on what it does not like, and a delivery that reverts can never
/// be made. Here everything that is not the one canonical encoding of a sound result is `sound == false`.
library EvaluationResult {
    uint256 internal constant LENGTH = 13 * 32;
    uint256 private constant VERSION = 1;
    uint256 private constant EMPIRICAL_BERNSTEIN = 1;
    uint256 private constant LIBTORCH = 1;
    uint256 private constant LAST_OPTIMIZER_STATUS = 6;
    uint256 private constant LAST_STATUS = 9;

    /// @notice Decodes a result. Never reverts.
    /// @return sound Whether it is the canonical encoding of a result that holds together.
    /// @return figures Zeros when it is not sound.
    function decode(bytes calldata result)
        internal
        pure
        returns (bool sound, IModelSubmissionTypes.Figures memory figures)
    {
        if (result.length != LENGTH) return (false, figures);
        uint256 status = _word(result, 1);
        if (_word(result, 0) != VERSION || status > LAST_STATUS) return (false, figures);
        if (_word(result, 2) != faultOf(status)) return (false, figures);
        if (status != 0) {
            if (!_carriesNoFigures(result)) return (false, figures);
        } else if (!_figuresHold(result)) {
            return (false, figures);
        }
        // Every word was checked to lie in the range of its type.
        figures.status = uint8(status);
        figures.bound = uint8(_word(result, 3));
        figures.engine = uint8(_word(result, 4));
        figures.environment = bytes32(_word(result, 5));
        figures.samples = uint32(_word(result, 6));
        figures.championScore = int64(_int(result, 7));
        figures.challengerScore = int64(_int(result, 8));
        figures.improvement = int64(_int(result, 9));
        figures.lower = int64(_int(result, 10));
        figures.upper = int64(_int(result, 11));
        figures.scoresRoot = bytes32(_word(result, 12));
        return (true, figures);
    }

    /// @notice Whose fault a status is (specification 5.1): 0 nobody, 1 optimizer, 2 owner.
    function faultOf(uint256 status) internal pure returns (uint256) {
        if (status == 0) return 0;
        return status <= LAST_OPTIMIZER_STATUS ? 1 : 2;
    }

    function _carriesNoFigures(bytes calldata result) private pure returns (bool) {
        uint256 any = _word(result, 3) | _word(result, 4);
        for (uint256 i = 6; i < 13; ++i) {
            any |= _word(result, i);
        }
        return any == 0;
    }

    function _figuresHold(bytes calldata result) private pure returns (bool) {
        if (_word(result, 3) != EMPIRICAL_BERNSTEIN || _word(result, 4) != LIBTORCH) return false;
        if (_word(result, 6) > type(uint32).max) return false;
        for (uint256 i = 7; i < 12; ++i) {
            int256 score = _int(result, i);
            if (score < type(int64).min || score > type(int64).max) return false;
        }
        int256 improvement = _int(result, 9);
        return _int(result, 10) <= improvement && improvement <= _int(result, 11);
    }

    function _word(bytes calldata result, uint256 index) private pure returns (uint256) {
        return uint256(bytes32(result[index * 32:index * 32 + 32]));
    }

    function _int(bytes calldata result, uint256 index) private pure returns (int256) {
        return int256(_word(result, index));
    }
}
