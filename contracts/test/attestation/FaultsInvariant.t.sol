// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceTypes } from "../../src/interfaces/IAvsGovernance.sol";
import { InvariantTest } from "../utils/Test.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Half of the operators are honest: they sign one verdict for a claim and purpose, and who was deceived corrects
/// itself. The others sign whatever they like, lie when it is their turn, and accuse anybody. Whatever they do, no
/// honest operator is at fault, and nobody is at fault or slashed twice for the same.
contract FaultsInvariantTest is AttestationFixture, InvariantTest {
    struct Overturned {
        uint64 taskId;
        FeeCommitment committed;
        uint256[] nonSigners;
    }

    Overturned[] internal overturned;
    mapping(bytes32 matter => bool) internal seen;
    mapping(bytes32 name => uint256) public acted;
    mapping(address operator => bool) internal honest;
    uint256 internal checked;

    function setUp() public override {
        super.setUp();
        for (uint256 i; i < OPERATORS / 2; ++i) {
            honest[operators[i].operator] = true;
        }
        center.setFund(10 ether, 1 ether);
        vm.deal(address(this), 1e9 ether);
        targetSelectors(address(this), _actions());
        targetContract(address(this));
        targetSender(makeAddr("anyone"));
    }

    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](4);
        actions[0] = this.equivocate.selector;
        actions[1] = this.overturn.selector;
        actions[2] = this.accuse.selector;
        actions[3] = this.execute.selector;
    }

    /* ACTIONS */

    /// @dev Votes on a claim by everybody, the dishonest on both sides, and an accusation of any who signed both.
    function equivocate(uint256 seed) external {
        uint64 taskId = _six();
        Task memory task = center.task(taskId);
        bytes32 claimId = bytes32(seed % 3);
        uint8 purpose = (seed >> 8) % 2 == 0 ? 1 : 2;
        uint256 liars = _liars(taskId);
        uint256 approving = (seed >> 16) & ALL | liars;
        uint256 rejecting = ALL & ~approving | liars;
        Votes memory approvals;
        Votes memory rejections;
        approvals.nonSigners = _bitmap(ALL & ~approving);
        approvals.signature = _votes(taskId, claimId, purpose, 1, approving);
        rejections.nonSigners = _bitmap(ALL & ~rejecting);
        rejections.signature = _votes(taskId, claimId, purpose, 2, rejecting);
        uint256 accused = (seed >> 24) & ALL;
        TaskContent memory content =
            TaskContent(taskId, KIND, task.epoch, task.seed, task.subjectHash);
        uint256 rounds = 1 + (seed >> 32) % 2;
        for (uint256 i; i < rounds; ++i) {
            try center.proveEquivocation(
                content, claimId, purpose, approvals, rejections, accused
            ) {
                acted["equivocation"]++;
                if (i != 0) acted["twice"]++;
            } catch {
                acted["equivocation in vain"]++;
            }
        }
    }

    /// @dev A lie that all approved is overturned by all but one.
    function overturn(uint256 seed) external {
        uint64 taskId = _six();
        Claim memory claim = _claim(taskId, 0, RESULT);
        if (honest[_at(taskId, claim.performerIndex).operator]) return;
        bytes32 claimId = _claimId(taskId, claim, RESULT);
        FeeCommitment memory committed = FeeCommitment({
            epoch: center.task(taskId).epoch,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        center.appeal{ value: BOND }(taskId, committed);
        uint256 left = _bit(seed % OPERATORS);
        center.submitAppeal(taskId, committed, 2, _appealVotes(taskId, claimId, 2, ALL & ~left));
        uint256[] memory nonSigners = _bitmap(left);
        if (left & _liars(taskId) == 0) {
            bytes32[4] memory vote = _votes(taskId, claimId, 2, 2, left);
            center.submitCorrections(taskId, committed, nonSigners, nonSigners, vote);
            nonSigners = _bitmap(0);
            acted["corrected"]++;
        }
        overturned.push(Overturned(taskId, committed, nonSigners));
        acted["overturned"]++;
    }

    function accuse(uint256 seed) external {
        if (overturned.length == 0) return;
        Overturned storage entry = overturned[seed % overturned.length];
        mine(seed >> 8 & 31);
        uint256 accused = seed >> 16 & 1 == 0 ? entry.nonSigners[0] : (seed >> 24) & ALL;
        try center.proveOverturnedApproval(
            entry.taskId, entry.committed, entry.nonSigners, accused
        ) {
            acted["overturned approval"]++;
        } catch {
            acted["overturned approval in vain"]++;
        }
    }

    function execute(uint256 seed) external {
        uint256 count = governance.faultCount();
        if (count == 0) return;
        IAvsGovernanceTypes.Fault memory fault = governance.fault(seed % count + 1);
        if (block.number < fault.executableAt) mine(fault.executableAt - block.number);
        try governance.executeFault(seed % count + 1) {
            acted["slash"]++;
        } catch {
            vm.assertTrue(fault.executed || fault.vetoed);
            acted["slash in vain"]++;
        }
    }

    /// @dev A task on an epoch in which all six count: what they are at fault for until then is vetoed.
    function _six() private returns (uint64 taskId) {
        for (uint256 id = 1; id <= governance.faultCount(); ++id) {
            IAvsGovernanceTypes.Fault memory fault = governance.fault(id);
            if (!fault.executed && !fault.vetoed) governance.vetoFault(id);
        }
        mine(1);
        if (!governance.epochUsable()) governance.rollEpoch(type(uint32).max);
        return _evaluating();
    }

    function _liars(uint64 taskId) private view returns (uint256 bits) {
        for (uint32 i; i < OPERATORS; ++i) {
            if (!honest[_at(taskId, i).operator]) bits |= _bit(i);
        }
    }

    /* INVARIANTS */

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 60
    function invariant_oneFaultForAMatter() public {
        uint256 executed;
        for (uint256 id = 1; id <= governance.faultCount(); ++id) {
            IAvsGovernanceTypes.Fault memory fault = governance.fault(id);
            if (fault.executed) ++executed;
            if (id <= checked) continue;
            checked = id;
            vm.assertFalse(honest[fault.operator], "an honest operator is at fault");
            bytes32 task = fault.kind == IAvsGovernanceTypes.FaultKind.Equivocation
                ? center.taskHash(fault.taskId)
                : bytes32(0);
            // Both purposes are a matter each; of two faults one is allowed to be of the other.
            bytes32 matter = keccak256(abi.encode(fault.operator, fault.kind, task, fault.claimId));
            if (fault.kind == IAvsGovernanceTypes.FaultKind.Equivocation && seen[matter]) {
                matter = keccak256(abi.encode(matter, "the other purpose"));
            }
            vm.assertFalse(seen[matter], "two faults for one matter");
            seen[matter] = true;
        }
        vm.assertEq(eigen.slashCount(), executed, "slashed once for each fault executed");
        vm.assertEq(center.liabilities(), address(center).balance);
    }

    /// @dev The same actions in a fixed order, so that it is certain that each of them was really done.
    function test_handler_doesEverything() external {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 240; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("faults", i)));
            (bool done,) = address(this).call(abi.encodeWithSelector(actions[i % 4], seed));
            vm.assertTrue(done);
            invariant_oneFaultForAMatter();
        }
        bytes32 first = "equivocation";
        bytes32[8] memory done_ = [
            first,
            "equivocation in vain",
            "corrected",
            "overturned",
            "overturned approval",
            "overturned approval in vain",
            "slash",
            "slash in vain"
        ];
        for (uint256 i; i < done_.length; ++i) {
            vm.assertGt(acted[done_[i]], 0, string(abi.encodePacked(done_[i])));
        }
        vm.assertEq(acted["twice"], 0);
    }
}
