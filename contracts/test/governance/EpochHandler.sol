// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BlsSigner } from "../utils/BlsSigner.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Operators that come, go, lie, rotate and sleep, governance that changes its mind, and anybody who rolls in
/// pages of any size; with a plain model of who may count. Every epoch is checked when it is written.
///
/// What the model knows of an operator is a history: whether it was eligible without a break, which stakes and which
/// identities it had, each since a roll began. An epoch may hold of it only what it had in that time.
contract EpochHandler is GovernanceFixture {
    uint256 internal constant OPERATORS = 12;
    uint32 internal constant CAP = 9;

    struct Known {
        Identity id;
        bool isMember;
        uint256 openFaults;
        uint256 position;
        uint256 stake;
        // since the roll in progress began
        bool wasEligible;
        uint256 least;
        uint256 most;
        uint256 staleSecret;
        address staleSigner;
        uint256 readyAt; // for its next rotation
    }

    mapping(bytes32 action => uint256) public acted;

    address internal center = makeAddr("attestation center");
    Known[] internal known;
    address[CAP] internal holders;
    uint256 internal nextSecret = 5000;

    /* The roll in progress, as the model has it */
    uint256 internal rollStart;
    uint256 internal rollReach;
    bool internal needed;
    /// @dev Of operators with stake in the newest epoch.
    mapping(address operator => bool) internal inNewest;

    uint256[] internal openFaults;
    /// @dev Everything that an epoch says, at the time when it was written.
    mapping(uint32 epoch => bytes32) internal said;

    constructor() {
        setUp();
        governance.setAttestationCenter(center);
        governance.setOperatorCap(CAP);
        for (uint256 i; i < OPERATORS; ++i) {
            Known storage k = known.push();
            k.id = _identity(i);
        }
    }

    /* OPERATORS */

    function join(uint256 seed) external {
        Known storage k = _pick(seed);
        if (k.isMember) return;
        bytes memory data = _registration(k.id);
        uint256 free = CAP;
        for (uint256 i = CAP; i > 0; --i) {
            if (holders[i - 1] == address(0)) free = i - 1;
        }
        if (free == CAP) {
            vm.expectRevert(abi.encodeWithSelector(SetFull.selector, CAP));
            _register(k.id.operator, data);
            ++acted["join in vain"];
            return;
        }
        _register(k.id.operator, data);
        (k.isMember, k.position, holders[free]) = (true, free, k.id.operator);
        ++acted["join"];
    }

    function exit_(uint256 seed) external {
        Known storage k = _pick(seed);
        if (!k.isMember) return;
        uint256 before = gasleft();
        _leave(k.id.operator);
        vm.assertLt(before - gasleft(), 150_000, "exit grows");
        _left(k);
        ++acted["leave"];
    }

    function miss(uint256 seed) external {
        Known storage k = _pick(seed);
        vm.prank(center);
        governance.recordMisses(k.id.operator, uint32(1 + seed % 8));
        if (!k.isMember || governance.missesOf(k.id.operator).level <= 10) return;
        governance.ejectInactive(k.id.operator);
        _left(k);
        ++acted["eject"];
    }

    function _left(Known storage k) private {
        holders[k.position] = address(0);
        (k.isMember, k.wasEligible) = (false, false);
        if (inNewest[k.id.operator]) needed = true;
    }

    function rotate(uint256 seed) external {
        Known storage k = _pick(seed);
        if (!k.isMember || block.number < k.readyAt) return;
        Identity memory id = k.id;
        id.secret = ++nextSecret;
        if (seed % 2 == 0) {
            id.signer = address(uint160(uint256(keccak256(abi.encode(nextSecret)))));
        }
        bytes memory key = BlsSigner.publicKeyBytes(id.secret);
        bytes memory possession =
            BlsSigner.possession(id.secret, governance.possessionDigest(id.operator, key));
        vm.prank(id.operator);
        governance.rotateKey(key, possession, id.signer);
        k.id = id;
        k.readyAt = block.number + governance.maxSnapshotAge();
        ++acted["rotate"];
    }

    function restake(uint256 seed) external {
        Known storage k = _pick(seed);
        uint256 stake = seed % 5 == 0 ? 0 : seed % 1e24;
        eigen.setStake(k.id.operator, strategyA, stake);
        k.stake = stake;
        if (stake < k.least) k.least = stake;
        if (stake > k.most) k.most = stake;
        ++acted["restake"];
    }

    /* FAULTS */

    function lie(uint256 seed) external {
        Known storage k = _pick(seed);
        vm.prank(center);
        openFaults.push(
            governance.recordFault(k.id.operator, FaultKind.RejectedClaim, 1, bytes32(seed))
        );
        ++k.openFaults;
        (k.wasEligible, needed) = (false, true);
        ++acted["lie"];
    }

    function judge(uint256 seed) external {
        if (openFaults.length == 0) return;
        uint256 id = openFaults[openFaults.length - 1];
        Fault memory fault = governance.fault(id);
        Known storage k = _of(fault.operator);
        if (seed % 2 == 0 || !eigen.isSlashable(fault.operator)) {
            governance.vetoFault(id);
            ++acted["veto"];
        } else {
            if (block.number < fault.executableAt) mine(fault.executableAt - block.number);
            governance.executeFault(id);
            needed = true;
            k.stake = eigen.sharesOf(fault.operator, strategyA);
            if (k.stake < k.least) k.least = k.stake;
            ++acted["slash"];
        }
        openFaults.pop();
        --k.openFaults;
    }

    /* TIME AND GOVERNANCE */

    function pass(uint256 seed) external {
        mine(seed % 8 == 0 ? 60 : seed % 12);
        ++acted["pass"];
    }

    function pauseOrGoOn(uint256) external {
        if (governance.paused()) governance.unpause();
        else governance.pause();
        ++acted["pauseOrGoOn"];
    }

    function setTaskLife(uint256 seed) external {
        uint32 life = uint32(400 + seed % 200);
        if (life > governance.maxTaskLife() && governance.currentEpoch() != 0) needed = true;
        governance.setMaxTaskLife(life);
        ++acted["setTaskLife"];
    }

    /* ROLLING */

    function roll(uint256 seed) external {
        uint32 maxRows = seed % 4 == 0 ? type(uint32).max : uint32(1 + seed % 6);
        uint256 reach = governance.maxSnapshotAge() + governance.slashingHorizon();
        bool begins = rollStart == 0 || block.number > rollStart + governance.maxSnapshotAge() / 2
            || reach > rollReach;
        if (begins && !_mayBegin()) {
            (bool done,) = address(governance).call(abi.encodeCall(governance.rollEpoch, (maxRows)));
            vm.assertFalse(done, "rolled too soon");
            ++acted["roll too soon"];
            return;
        }
        (uint256 oldStart, uint256 oldReach) = (rollStart, rollReach);
        if (begins) {
            if (rollStart != 0) ++acted["roll anew"];
            (rollStart, rollReach) = (block.number, reach);
            _begin();
        }
        (bool ok, bytes memory answer) =
            address(governance).call(abi.encodeCall(governance.rollEpoch, (maxRows)));
        if (!ok) {
            // Nothing but that nobody has stake, in one call, keeps a roll from being done.
            vm.assertEq(bytes4(answer), NoStake.selector);
            vm.assertTrue(begins, "a roll in progress was refused");
            vm.assertFalse(_anybody(), "somebody has stake");
            // Undone: were there one in progress, it would still be there, and too old.
            (rollStart, rollReach) = (oldStart, oldReach);
            ++acted["roll without stake"];
            return;
        }
        uint32 epoch = abi.decode(answer, (uint32));
        if (epoch != 0) {
            _check(epoch);
            needed = false;
            rollStart = 0;
            ++acted[begins ? bytes32("roll at once") : bytes32("roll in pages")];
        } else if (governance.rollProgress().startBlock == 0) {
            vm.assertFalse(_anybody(), "dropped with stake");
            rollStart = 0;
            ++acted["roll dropped"];
        } else {
            ++acted["page"];
        }
    }

    function _mayBegin() private view returns (bool) {
        uint32 newest = governance.currentEpoch();
        if (newest == 0 || needed) return true;
        return block.number >= governance.epochHead(newest).snapshotBlock + governance.minEpochAge();
    }

    function _begin() private {
        for (uint256 i; i < OPERATORS; ++i) {
            Known storage k = known[i];
            k.wasEligible = k.isMember && k.openFaults == 0;
            (k.least, k.most) = (k.stake, k.stake);
            (k.staleSecret, k.staleSigner) = (k.id.secret, k.id.signer);
        }
    }

    /// @dev Whether anybody counted in this roll had stake all the time.
    function _anybody() private view returns (bool) {
        for (uint256 i; i < OPERATORS; ++i) {
            if (known[i].wasEligible && known[i].least > 0) return true;
        }
        return false;
    }

    /* WHAT AN EPOCH MAY SAY */

    function _check(uint32 epoch) private {
        EpochHead memory head = governance.epochHead(epoch);
        vm.assertEq(head.snapshotBlock, rollStart);
        uint256 sum;
        uint256 secrets;
        for (uint256 i; i < OPERATORS; ++i) {
            inNewest[known[i].id.operator] = false;
        }
        for (uint32 i; i < head.count; ++i) {
            (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key) =
                governance.epochRow(epoch, i);
            vm.assertEq(prefix, sum, "prefix");
            if (stake == 0) continue;
            sum += stake;
            Known storage k = _of(operator);
            vm.assertFalse(inNewest[operator], "counted twice");
            inNewest[operator] = true;
            vm.assertTrue(k.wasEligible, "left or at fault");
            vm.assertEq(k.position, i, "moved");
            vm.assertTrue(k.least <= stake && stake <= k.most, "stake it never had");
            uint256 secret = keccak256(key) == keccak256(BlsSigner.publicKeyBytes(k.id.secret))
                ? k.id.secret
                : k.staleSecret;
            vm.assertEq(key, BlsSigner.publicKeyBytes(secret), "key it never had");
            vm.assertTrue(signer == k.id.signer || signer == k.staleSigner, "signer");
            secrets += secret;
        }
        vm.assertEq(head.totalStake, sum, "total");
        vm.assertEq(head.aggregateKey, BlsSigner.publicKeyBytes(secrets), "aggregate");
        for (uint256 i; i < OPERATORS; ++i) {
            Known storage k = known[i];
            if (k.wasEligible && k.least > 0) {
                vm.assertTrue(inNewest[k.id.operator], "left out");
            }
        }
        said[epoch] = _says(epoch);
    }

    function _says(uint32 epoch) private view returns (bytes32) {
        EpochHead memory head = governance.epochHead(epoch);
        bytes32 all = keccak256(abi.encode(head, head.table.code, governance.evidenceUntil(epoch)));
        for (uint256 i; i < head.chunks.length; ++i) {
            all = keccak256(abi.encode(all, head.chunks[i].code));
        }
        return all;
    }

    /* WHAT ALWAYS HOLDS */

    function check() external view {
        for (uint32 epoch = 1; epoch <= governance.currentEpoch(); ++epoch) {
            vm.assertEq(_says(epoch), said[epoch], "a snapshot changed");
        }
        uint256 members;
        for (uint256 i; i < CAP; ++i) {
            address holder = holders[i];
            if (holder == address(0)) continue;
            vm.assertEq(governance.members()[members], holder, "members");
            vm.assertEq(governance.operatorInfo(holder).position, i + 1, "position");
            ++members;
        }
        vm.assertEq(governance.members().length, members, "number of members");
        if (governance.currentEpoch() != 0) {
            vm.assertEq(governance.rollNeeded(), needed, "roll needed");
        }
    }

    function _pick(uint256 seed) private view returns (Known storage) {
        return known[(seed >> 128) % OPERATORS];
    }

    function _of(address operator) private view returns (Known storage) {
        for (uint256 i; i < OPERATORS; ++i) {
            if (known[i].id.operator == operator) return known[i];
        }
        revert("no such operator");
    }
}
