// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    IAvsGovernanceErrors,
    IAvsGovernanceEvents,
    IAvsGovernanceTypes,
    IEigenLayerLinks
} from "../interfaces/IAvsGovernance.sol";
import { IAllocationManager } from "../interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "../interfaces/eigenlayer/IDelegationManager.sol";

/// @title What AvsGovernance and its roller share: storage, timing, sets of positions
/// @dev Both inherit this first, so that slots are the same in both; nothing with storage may come before it. A
/// position is a bit of a word, so that sets of operators cost one slot each.
abstract contract GovernanceState is
    IAvsGovernanceTypes,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents,
    IEigenLayerLinks
{
    /// @dev One slot: what opening a task and every deadline read.
    /// @param pausedBlocks Blocks spent paused, the present pause not included.
    /// @param pausedAt Block in which the present pause began.
    struct Market {
        uint64 pausedBlocks;
        uint64 pausedAt;
        uint32 currentEpoch;
        bool paused;
        bool rollNeeded;
    }

    /// @dev One slot: a longer veto window waits, since stake of the epochs that are there was read for the
    /// shorter one.
    /// @param before What is in force until `from`.
    /// @param horizonBlock Last real block in which stake of any epoch that was written counts.
    struct VetoChange {
        uint32 before;
        uint64 from;
        uint64 horizonBlock;
    }

    /// @dev A member or former member.
    /// @param key Code contract with the 192 unpadded bytes of its newest BLS key.
    struct Member {
        address signer;
        uint32 position;
        uint32 openFaults;
        address key;
        uint48 registeredAt;
        uint48 rotatedAt;
        bytes32 keyHash;
    }

    /// @dev One slot.
    /// @param certifiableAge Blocks from the snapshot in which certificates are taken.
    /// @param evidenceWindow Blocks after that.
    struct Epoch {
        address table;
        uint40 snapshotBlock;
        uint32 certifiableAge;
        uint24 evidenceWindow;
    }

    /// @dev One slot; zeros while no roll is in progress.
    /// @param reach Blocks from the start through which stake that counts stays slashable.
    /// @param next Positions below have been read.
    /// @param chunksLeft One bit for each chunk still to be written.
    /// @param page The stakes that were read, in code contracts of which each names the one before.
    struct Roll {
        uint40 start;
        uint32 reach;
        uint16 next;
        uint8 chunksLeft;
        address page;
    }

    /// @dev One slot.
    /// @param since Real block in which `level` was right; a miss that drains moves it by `missDecay`.
    struct MissRecord {
        uint64 total;
        uint32 level;
        uint64 since;
    }

    /// @notice The operator set of this AVS.
    uint32 public constant OPERATOR_SET_ID = 0;

    uint256 internal constant WAD = 1e18;

    /// @inheritdoc IEigenLayerLinks
    IAllocationManager public immutable allocationManager;
    /// @inheritdoc IEigenLayerLinks
    IDelegationManager public immutable delegationManager;

    Market internal _market;
    Parameters internal _parameters;
    VetoChange internal _veto;
    StrategyWeight[] internal _strategies;

    mapping(address operator => Member) internal _memberOf;
    /// @dev Who holds a position or held it last.
    mapping(uint256 position => address operator) internal _operatorAt;

    /* Sets of positions */

    /// @dev Held by a member.
    uint256 internal _occupied;
    /// @dev Held by a member without open faults.
    uint256 internal _eligible;
    /// @dev Whose identity differs from that in the newest chunks.
    uint256 internal _dirty;
    /// @dev Whose stake counts in the roll in progress: eligible when it began, and ever since.
    uint256 internal _counted;

    /// @dev The newest chunks of identities.
    mapping(uint256 chunk => address) internal _chunks;
    mapping(uint32 epoch => Epoch) internal _epochs;
    Roll internal _roll;

    constructor(IAllocationManager allocationManager_, IDelegationManager delegationManager_) {
        allocationManager = allocationManager_;
        delegationManager = delegationManager_;
    }

    /* TIMING */

    function _slashingHorizon() internal view returns (uint64) {
        Parameters memory p = _parameters;
        return uint64(p.maxTaskLife) + p.maxAppealWindow + p.evidenceWindow + p.vetoWindow;
    }

    /// @dev Blocks from a snapshot to the last one in which a fault of a task that opens on it can be executed.
    function _neededReach() internal view returns (uint256) {
        return uint256(_parameters.maxSnapshotAge) + _slashingHorizon();
    }

    function _checkTiming() internal view {
        uint256 needed = _neededReach();
        uint256 delay = allocationManager.DEALLOCATION_DELAY();
        uint256 withdrawal = delegationManager.minWithdrawalDelayBlocks();
        if (withdrawal < delay) delay = withdrawal;
        if (needed >= delay) revert TimingExceedsDeallocation(needed, delay);
    }

    function _vetoWindowInForce() internal view returns (uint32) {
        return block.number < _veto.from ? _veto.before : _parameters.vetoWindow;
    }

    /* SHARED STEPS */

    function _strategyAddresses() internal view returns (address[] memory addresses) {
        addresses = new address[](_strategies.length);
        for (uint256 i; i < addresses.length; ++i) {
            addresses[i] = _strategies[i].strategy;
        }
    }

    /// @dev A member that left or is at fault counts neither in the roll in progress nor in one that begins.
    function _uncount(uint256 position) internal {
        _eligible &= ~_bit(position);
        _counted &= ~_bit(position);
    }

    function _certifiableUntil(Epoch memory entry) internal pure returns (uint64) {
        return uint64(entry.snapshotBlock) + entry.certifiableAge;
    }

    function _bit(uint256 position) internal pure returns (uint256) {
        return uint256(1) << position;
    }
}
