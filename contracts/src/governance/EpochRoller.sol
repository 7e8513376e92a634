// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceRolls } from "../interfaces/IAvsGovernance.sol";
import { IAllocationManager, OperatorSet } from "../interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "../interfaces/eigenlayer/IDelegationManager.sol";
import { BLS } from "../libraries/BLS.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { EpochWriter } from "../libraries/EpochWriter.sol";
import { GovernanceState } from "./GovernanceState.sol";
import { LibBit } from "solady/utils/LibBit.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title How epochs are rolled (specification 1.3): the extension of AvsGovernance
/// @notice AvsGovernance creates it and calls it by DELEGATECALL, on its own storage, because code is limited to
/// 24,576 bytes. Called directly it finds nobody.
/// @dev A roll goes through three stages: the chunks whose identities have changed, the stakes page by page, the
/// table. What makes it safe to stop between any two of them:
///
/// - A position counts when it was eligible at the start and ever since, so that its chunk, written at or before
///   the start or in the first stage, names the one operator that held it all the time.
/// - Stake is read for one horizon, counted from the start. What begins to leave after the start leaves after it.
/// - A roll too old, or begun under a shorter horizon, begins anew, so none that was left half done blocks.
contract EpochRoller is GovernanceState, IAvsGovernanceRolls {
    using EpochTable for address;

    /// @dev Stake of one operator is cut here, so that no strategy's shares can make a roll revert: the sum over
    /// all operators fits uint128.
    uint256 private constant MAX_STAKE = type(uint112).max;

    constructor(IAllocationManager allocationManager_, IDelegationManager delegationManager_)
        GovernanceState(allocationManager_, delegationManager_)
    { }

    /* ROLLING */

    /// @inheritdoc IAvsGovernanceRolls
    function rollEpoch(uint32 maxRows) external returns (uint32 epoch) {
        if (maxRows == 0) revert NoRows();
        Roll memory roll = _roll;
        bool begins = _mustBegin(roll);
        if (begins) roll = _begin();

        uint256 left = _writeChunks(roll, maxRows);
        if (roll.chunksLeft != 0 || left == 0) return _suspend(roll, begins);

        uint256 counted = _counted;
        uint256 end = _max(counted == 0 ? 0 : LibBit.fls(counted) + 1, roll.next);
        uint256 to = end - roll.next > left ? roll.next + left : end;
        uint128[] memory stakes = new uint128[](to);
        _readStakes(roll, counted, to, stakes);
        if (to < end) {
            roll.page = EpochWriter.writePage(roll.page, stakes, roll.next);
            roll.next = uint16(to);
            return _suspend(roll, begins);
        }
        return _finish(roll, counted, stakes, begins);
    }

    function _mustBegin(Roll memory roll) private view returns (bool) {
        if (roll.start == 0) return true;
        // The epoch would be of little use; or its stake would be slashable for too short.
        return
            block.number > roll.start + _parameters.maxSnapshotAge / 2
                || _neededReach() > roll.reach;
    }

    function _begin() private returns (Roll memory roll) {
        Market memory market = _market;
        if (market.currentEpoch != 0 && !market.rollNeeded) {
            uint256 rollableAt =
                uint256(_epochs[market.currentEpoch].snapshotBlock) + _parameters.minEpochAge;
            if (block.number < rollableAt) revert EpochTooYoung(block.number, rollableAt);
        }
        _checkTiming();
        roll.start = uint40(block.number);
        roll.reach = uint32(_neededReach());
        uint256 dirty = _dirty;
        for (uint256 chunk; dirty != 0; ++chunk) {
            if (dirty & _rowMask() != 0) roll.chunksLeft |= uint8(_bit(chunk));
            dirty >>= EpochTable.ROWS_PER_CHUNK;
        }
        _counted = _eligible;
    }

    function _suspend(Roll memory roll, bool begins) private returns (uint32) {
        _roll = roll;
        if (begins) emit RollStarted(roll.start, roll.start + roll.reach);
        return 0;
    }

    function _finish(Roll memory roll, uint256 counted, uint128[] memory stakes, bool begins)
        private
        returns (uint32 epoch)
    {
        EpochWriter.readPages(roll.page, stakes, roll.next);
        uint256 rows;
        uint128 total;
        for (uint256 i; i < stakes.length; ++i) {
            // One that left or is at fault since its stake was read.
            if (counted & _bit(i) == 0) stakes[i] = 0;
            if (stakes[i] == 0) continue;
            total += stakes[i];
            rows = i + 1;
        }
        if (begins) {
            if (rows == 0) revert NoStake();
        } else {
            delete _roll;
            // The next call finds out what there is now.
            if (rows == 0) return 0;
        }

        address[] memory chunks = new address[](EpochTable.chunksFor(rows));
        for (uint256 i; i < chunks.length; ++i) {
            chunks[i] = _chunks[i];
        }
        epoch = _market.currentEpoch + 1;
        _epochs[epoch] = Epoch({
            table: EpochWriter.writeTable(stakes, rows, chunks),
            snapshotBlock: roll.start,
            certifiableAge: _parameters.maxSnapshotAge + _parameters.maxTaskLife
                + _parameters.maxAppealWindow,
            evidenceWindow: uint24(_parameters.evidenceWindow)
        });
        _market.currentEpoch = epoch;
        _market.rollNeeded = false;
        uint64 horizonBlock = uint64(roll.start) + roll.reach;
        if (horizonBlock > _veto.horizonBlock) _veto.horizonBlock = horizonBlock;
        emit EpochRolled(epoch, roll.start, uint32(rows), total);
    }

    /* CHUNKS */

    /// @dev Writes chunks as long as they fit what is left of `maxRows`, the first in any case.
    function _writeChunks(Roll memory roll, uint256 maxRows) private returns (uint256 left) {
        left = maxRows;
        while (roll.chunksLeft != 0) {
            uint256 chunk = LibBit.ffs(roll.chunksLeft);
            uint256 first = EpochTable.ROWS_PER_CHUNK * chunk;
            uint256 dirty = _dirty >> first & _rowMask();
            uint256 rows = LibBit.fls(dirty) + 1;
            uint256 known = EpochWriter.rowsOf(_chunks[chunk]);
            if (rows < known) rows = known;
            if (rows > left && left != maxRows) return left;

            _writeChunk(chunk, first, dirty, rows);
            roll.chunksLeft &= uint8(~_bit(chunk));
            left = rows < left ? left - rows : 0;
        }
    }

    function _writeChunk(uint256 chunk, uint256 first, uint256 dirty, uint256 rows) private {
        _dirty &= ~(dirty << first);
        bytes memory data = EpochWriter.openChunk(_chunks[chunk], rows);
        while (dirty != 0) {
            uint256 row = LibBit.ffs(dirty);
            dirty &= dirty - 1; // clears the bit just found
            address operator = _operatorAt[first + row];
            Member storage member = _memberOf[operator];
            EpochWriter.setRow(data, row, operator, member.signer, SSTORE2.read(member.key));
        }
        _chunks[chunk] = SSTORE2.write(data);
    }

    function _rowMask() private pure returns (uint256) {
        return _bit(EpochTable.ROWS_PER_CHUNK) - 1;
    }

    /* STAKES */

    /// @dev Fills in the weighted stakes of the positions in `[roll.next, to)` that count.
    function _readStakes(Roll memory roll, uint256 counted, uint256 to, uint128[] memory stakes)
        private
        view
    {
        address[] memory operators = new address[](to - roll.next);
        uint256[] memory positions = new uint256[](to - roll.next);
        uint256 count;
        for (uint256 i = roll.next; i < to; ++i) {
            if (counted & _bit(i) == 0) continue;
            // Whom the chunk names is whom the table will name.
            address chunk = _chunks[i / EpochTable.ROWS_PER_CHUNK];
            positions[count] = i;
            (operators[count++],) = EpochTable.addressesIn(chunk, i % EpochTable.ROWS_PER_CHUNK);
        }
        if (count == 0) return;
        /// @solidity memory-safe-assembly
        assembly {
            // operators.length = count, which is not more
            mstore(operators, count)
        }
        StrategyWeight[] memory strategies = _strategies;
        uint256[][] memory shares = allocationManager.getMinimumSlashableStake(
            OperatorSet({ avs: address(this), id: OPERATOR_SET_ID }),
            operators,
            _strategyAddresses(),
            uint32(uint256(roll.start) + roll.reach)
        );
        for (uint256 i; i < count; ++i) {
            stakes[positions[i]] = _weigh(shares[i], strategies);
        }
    }

    function _weigh(uint256[] memory shares, StrategyWeight[] memory strategies)
        private
        pure
        returns (uint128)
    {
        uint256 stake;
        for (uint256 j; j < strategies.length; ++j) {
            // Cut before the product, which then cannot overflow, and after it.
            uint256 share = shares[j];
            if (share > type(uint128).max) share = type(uint128).max;
            stake += share * strategies[j].multiplier / WAD;
        }
        return uint128(stake > MAX_STAKE ? MAX_STAKE : stake);
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }

    /* VIEWS */

    /// @inheritdoc IAvsGovernanceRolls
    function rollProgress() external view returns (RollProgress memory progress) {
        Roll memory roll = _roll;
        if (roll.start == 0) return progress;
        uint256 counted = _counted;
        return RollProgress({
            startBlock: roll.start,
            horizonBlock: uint64(roll.start) + roll.reach,
            chunksLeft: uint32(LibBit.popCount(roll.chunksLeft)),
            rowsRead: roll.next,
            rows: uint32(_max(counted == 0 ? 0 : LibBit.fls(counted) + 1, roll.next))
        });
    }

    /// @inheritdoc IAvsGovernanceRolls
    function epochHead(uint32 epoch) external view returns (EpochHead memory) {
        Epoch memory entry = _knownEpoch(epoch);
        return EpochHead({
            snapshotBlock: entry.snapshotBlock,
            certifiableUntil: _certifiableUntil(entry),
            count: uint32(entry.table.count()),
            totalStake: entry.table.totalStake(),
            table: entry.table,
            chunks: entry.table.chunks(),
            aggregateKey: BLS.toBytes(entry.table.aggregateKey())
        });
    }

    /// @inheritdoc IAvsGovernanceRolls
    function epochRow(uint32 epoch, uint32 index)
        external
        view
        returns (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key)
    {
        address table = _knownEpoch(epoch).table;
        (operator, signer) = table.addressesAt(index);
        (stake, prefix) = table.stakeAt(index);
        key = BLS.toBytes(table.keyAt(index));
    }

    function _knownEpoch(uint32 epoch) private view returns (Epoch memory entry) {
        entry = _epochs[epoch];
        if (entry.table == address(0)) revert UnknownEpoch(epoch);
    }
}
