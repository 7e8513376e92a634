// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { OthenticAdapter } from "../../src/compat/OthenticAdapter.sol";
import { IAttestationCenter } from "../../src/interfaces/IAttestationCenter.sol";
import { IAvsGovernance } from "../../src/interfaces/IAvsGovernance.sol";
import {
    IOthenticAvsLogic,
    IOthenticEvents,
    IOthenticTypes
} from "../../src/interfaces/othentic/IOthenticAvsLogic.sol";
import { AttestationFixture } from "../attestation/AttestationFixture.sol";
import { HostileHook, OthenticHook } from "../mocks/OthenticHooks.sol";

/// @dev Kinds whose logic is an adapter: one with a hook as Othentic's users write them, one with a hook that does
/// harm. The test is the source of both.
abstract contract OthenticFixture is AttestationFixture, IOthenticEvents {
    uint16 internal constant HOOKED = 7;
    uint16 internal constant HOSTILE = 8;
    uint256 internal constant HOOK_GAS = 2_000_000;

    OthenticHook internal hook;
    OthenticAdapter internal adapter;
    HostileHook internal hostile;
    OthenticAdapter internal hostileAdapter;

    function setUp() public virtual override {
        super.setUp();
        hook = new OthenticHook();
        adapter = _newAdapter(hook, HOOK_GAS);
        hook.setAttestationCenter(address(adapter));
        hostile = new HostileHook();
        hostileAdapter = _newAdapter(hostile, HOOK_GAS);
        _registerKind(HOOKED, adapter);
        _registerKind(HOSTILE, hostileAdapter);
    }

    function _newAdapter(IOthenticAvsLogic hook_, uint256 hookGas)
        internal
        returns (OthenticAdapter)
    {
        return new OthenticAdapter(center, governance, hook_, hookGas);
    }

    function _registerKind(uint16 kind, OthenticAdapter logic_) private {
        TaskDefinition memory definition = _definition();
        definition.logic = logic_;
        center.registerKind(kind, definition);
    }

    /// @dev A task, the claim of its first turn, and what a certificate by `signers` commits to.
    struct Case {
        uint64 taskId;
        Claim claim;
        bytes32 claimId;
        address performer;
        FeeCommitment committed;
    }

    function _claimed(uint16 kind) internal returns (Case memory c) {
        c.taskId = center.openTask{ value: FEE }(kind, SUBJECT);
        mine(FETCH_WINDOW + 1);
        _fix(c.taskId);
        c.claim = _claim(c.taskId, 0, RESULT);
        c.claimId = _claimId(c.taskId, c.claim, RESULT);
        c.performer = _at(c.taskId, c.claim.performerIndex).operator;
    }

    function _certifiedCase(uint16 kind, uint256 signers) internal returns (Case memory c) {
        c = _claimed(kind);
        _submit(CertificateKind.Approve, c.taskId, c.claim, RESULT, signers);
        c.committed = FeeCommitment({
            epoch: center.task(c.taskId).epoch,
            claimId: c.claimId,
            performerIndex: c.claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(ALL & ~signers)
        });
    }

    function _delivered(uint16 kind, uint256 signers) internal returns (Case memory c) {
        c = _certifiedCase(kind, signers);
        mine(_definition().appealWindow);
        center.deliver(c.taskId, c.claim.turn, c.performer, c.committed, RESULT);
    }

    function _rejected(uint16 kind) internal returns (Case memory c) {
        c = _claimed(kind);
        uint256 voters = _others(c.claim.performerIndex, 5);
        _submit(CertificateKind.Reject, c.taskId, c.claim, RESULT, voters);
    }

    function _proof(bytes32 claimId) internal pure returns (string memory) {
        return vm.toString(claimId);
    }
}

/// @dev What a hook written for Othentic hears, and what the adapter refuses.
contract OthenticAdapterTest is OthenticFixture {
    function test_run_callsBothHooksWithTheCertifiedClaim() external {
        uint32 performer = _claimedIndex();
        _checkRun(ALL & ~_bit((performer + 1) % 6));
    }

    /// Its claim counts for the quorum without its vote, and the hook has it as the performer.
    function test_run_withoutThePerformersVote() external {
        _checkRun(ALL & ~_bit(_claimedIndex()));
    }

    function _checkRun(uint256 signers) private {
        Case memory c = _delivered(HOOKED, signers);
        vm.expectEmit(address(adapter));
        emit TaskSubmitted(
            // forge-lint: disable-next-line(unsafe-typecast) a small number
            c.performer,
            uint32(c.taskId),
            _proof(c.claimId),
            RESULT,
            HOOKED,
            _ids(signers)
        );
        vm.prank(makeAddr("anyone"));
        vm.assertTrue(adapter.run(c.taskId, c.claim, c.committed, RESULT));

        vm.assertEq(hook.befores(), 1);
        vm.assertEq(hook.afters(), 1);
        vm.assertTrue(hook.isApproved());
        vm.assertEq(hook.tpSignature(), c.claim.signature);
        vm.assertEq(hook.taSignature(0), 0);
        vm.assertEq(hook.taSignature(1), 0);
        IOthenticTypes.TaskInfo memory info = hook.info();
        vm.assertEq(info.proofOfTask, _proof(c.claimId));
        vm.assertEq(info.data, RESULT);
        vm.assertEq(info.taskPerformer, c.performer);
        vm.assertEq(info.taskDefinitionId, HOOKED);
        _assertIds(hook.attesters(), _ids(signers));
        vm.assertTrue(adapter.outcomeOf(c.claimId) == OthenticAdapter.Outcome.Done);
    }

    /// Who joined the certificate by a supplement is an attester from then on.
    function test_run_afterASupplement() external {
        uint32 performer = _claimedIndex();
        uint256 late = _bit((performer + 1) % 6);
        Case memory c = _certifiedCase(HOOKED, ALL & ~late);
        bytes32[4] memory votes = _votes(c.taskId, c.claimId, 1, 1, late);
        center.submitSupplement(c.taskId, c.committed, _bitmap(late), votes);
        mine(_definition().appealWindow);
        c.committed.nonSigners = _bitmap(0);
        center.deliver(c.taskId, 0, c.performer, c.committed, RESULT);
        FeeCommitment memory before = c.committed;
        before.nonSigners = _bitmap(late);
        vm.expectPartialRevert(OthenticAdapter.WrongFeeCommitment.selector);
        adapter.run(c.taskId, c.claim, before, RESULT);
        c.committed.nonSigners = _bitmap(0);
        adapter.run(c.taskId, c.claim, c.committed, RESULT);
        _assertIds(hook.attesters(), _ids(ALL));
    }

    function test_runRejected_tellsOfARejectedClaim() external {
        Case memory c = _rejected(HOOKED);
        vm.expectEmit(address(adapter));
        // forge-lint: disable-next-line(unsafe-typecast) a small number
        emit TaskRejected(
            c.performer, uint32(c.taskId), _proof(c.claimId), RESULT, HOOKED, new uint256[](0)
        );
        vm.assertTrue(adapter.runRejected(c.taskId, c.claim, RESULT));
        vm.assertFalse(hook.isApproved());
        vm.assertEq(hook.afters(), 1);
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.AlreadyRun.selector, c.claimId));
        adapter.runRejected(c.taskId, c.claim, RESULT);
    }

    function test_runRejected_refusesOtherClaimsAndKinds() external {
        Case memory c = _claimed(HOOKED);
        vm.expectRevert(
            abi.encodeWithSelector(
                OthenticAdapter.NotRejected.selector, c.claimId, ClaimOutcome.None
            )
        );
        adapter.runRejected(c.taskId, c.claim, RESULT);
        Case memory other = _rejected(HOSTILE);
        vm.expectRevert(
            abi.encodeWithSelector(
                OthenticAdapter.OtherLogic.selector, other.taskId, address(hostileAdapter)
            )
        );
        adapter.runRejected(other.taskId, other.claim, RESULT);
        vm.expectPartialRevert(UnknownKind.selector);
        adapter.runRejected(99, c.claim, RESULT);
    }

    function test_run_onlyWhatWasDelivered() external {
        Case memory c = _certifiedCase(HOOKED, ALL);
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.NotDelivered.selector, c.taskId));
        adapter.run(c.taskId, c.claim, c.committed, RESULT);
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.NotDelivered.selector, 99));
        adapter.run(99, c.claim, c.committed, RESULT);
    }

    function test_run_once() external {
        Case memory c = _delivered(HOOKED, ALL);
        adapter.run(c.taskId, c.claim, c.committed, RESULT);
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.AlreadyRun.selector, c.claimId));
        adapter.run(c.taskId, c.claim, c.committed, RESULT);
    }

    /// Nobody makes up attesters, results, turns, performers or signatures.
    function test_run_theCertifiedClaimOnly() external {
        Case memory c = _delivered(HOOKED, ALL);
        FeeCommitment memory forged = c.committed;
        forged.nonSigners = _bitmap(1);
        bytes32 given = center.feeCommitmentOf(c.taskId, forged);
        bytes32 committed = center.task(c.taskId).commitment;
        vm.expectRevert(
            abi.encodeWithSelector(
                OthenticAdapter.WrongFeeCommitment.selector, c.taskId, given, committed
            )
        );
        adapter.run(c.taskId, c.claim, forged, RESULT);
        c.committed.nonSigners = _bitmap(0);

        // The performer's own signature of another result.
        Claim memory other = _claim(c.taskId, 0, "other");
        bytes32 id = _claimId(c.taskId, other, "other");
        vm.expectRevert(
            abi.encodeWithSelector(OthenticAdapter.NotCertified.selector, id, c.claimId)
        );
        adapter.run(c.taskId, other, c.committed, "other");
        vm.expectPartialRevert(OthenticAdapter.WrongClaimSigner.selector);
        adapter.run(c.taskId, c.claim, c.committed, "other");
        vm.expectPartialRevert(OthenticAdapter.WrongClaimSigner.selector);
        adapter.run(c.taskId, other, c.committed, RESULT);
        other.signature = "";
        vm.expectRevert(
            abi.encodeWithSelector(
                OthenticAdapter.WrongClaimSigner.selector,
                address(0),
                _at(c.taskId, c.claim.performerIndex).signer
            )
        );
        adapter.run(c.taskId, other, c.committed, RESULT);
        uint32 index = (c.claim.performerIndex + 1) % 6;
        Claim memory by = _claimBy(c.taskId, 0, index, _at(c.taskId, index), RESULT);
        vm.expectRevert(
            abi.encodeWithSelector(
                OthenticAdapter.WrongPerformer.selector, index, c.claim.performerIndex
            )
        );
        adapter.run(c.taskId, by, c.committed, RESULT);
        vm.assertEq(hook.befores(), 0);
    }

    function test_onCertified_onlyAttestationCenter() external {
        address stranger = makeAddr("stranger");
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(OthenticAdapter.NotAttestationCenter.selector, stranger)
        );
        adapter.onCertified(1, RESULT);
    }

    function test_callHook_onlyItself() external {
        IOthenticTypes.TaskInfo memory info;
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.NotSelf.selector, address(this)));
        adapter.callHook(1, info, true, "", new uint256[](0));
    }

    function test_constructor_refuses() external {
        IAttestationCenter noCenter;
        IAvsGovernance noGovernance;
        uint256 low = adapter.MIN_HOOK_GAS();
        uint256 high = adapter.MAX_HOOK_GAS();
        vm.expectRevert(OthenticAdapter.ZeroAddress.selector);
        new OthenticAdapter(noCenter, governance, hook, HOOK_GAS);
        vm.expectRevert(OthenticAdapter.ZeroAddress.selector);
        new OthenticAdapter(center, noGovernance, hook, HOOK_GAS);
        IOthenticAvsLogic empty = IOthenticAvsLogic(makeAddr("empty"));
        vm.expectRevert(abi.encodeWithSelector(OthenticAdapter.NoCode.selector, empty));
        _newAdapter(empty, HOOK_GAS);
        for (uint256 i; i < 2; ++i) {
            uint256 amount = i == 0 ? low - 1 : high + 1;
            vm.expectRevert(
                abi.encodeWithSelector(OthenticAdapter.GasOutOfBounds.selector, amount, low, high)
            );
            _newAdapter(hook, amount);
        }
        vm.assertEq(_newAdapter(hook, low).hookGas(), low);
        vm.assertEq(_newAdapter(hook, high).hookGas(), high);
    }

    /// @dev Whose turn it will be in the next task: the seed follows from the task's number.
    function _claimedIndex() private returns (uint32 index) {
        uint256 state = vm.snapshotState();
        index = _claimed(HOOKED).claim.performerIndex;
        vm.revertToState(state);
    }

    /// @dev Positions count from 0, their numbers from 1.
    function _ids(uint256 signers) private pure returns (uint256[] memory ids) {
        ids = new uint256[](OPERATORS);
        uint256 count;
        for (uint256 i; i < OPERATORS; ++i) {
            if (signers >> i & 1 != 0) ids[count++] = i + 1;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    function _assertIds(uint256[] memory found, uint256[] memory expected) private pure {
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(expected)));
    }
}

/// @dev Hooks that do harm: the certificate and the delivery stand, and anyone can try the hook again.
contract HostileHookTest is OthenticFixture {
    function _run(Case memory c) private returns (bool) {
        return hostileAdapter.run(c.taskId, c.claim, c.committed, RESULT);
    }

    function _assertUntouched(Case memory c, OthenticAdapter.Outcome outcome) private view {
        vm.assertTrue(center.task(c.taskId).delivered);
        vm.assertTrue(hostileAdapter.outcomeOf(c.claimId) == outcome);
        vm.assertEq(hostile.befores(), 0);
        vm.assertEq(hostile.afters(), 0);
    }

    function test_hook_failureIsRecordedAndRetried() external {
        Case memory c = _delivered(HOSTILE, ALL);
        hostile.setMode(HostileHook.Mode.Reverts);
        bytes memory reason = abi.encodeWithSelector(HostileHook.Refused.selector, 1);
        for (uint256 i; i < 2; ++i) {
            vm.expectEmit(address(hostileAdapter));
            emit OthenticAdapter.HookFailed(c.taskId, c.claimId, reason);
            vm.assertFalse(_run(c));
            // What the first of the two calls did is undone with the second.
            _assertUntouched(c, OthenticAdapter.Outcome.Failed);
        }
        hostile.setMode(HostileHook.Mode.Honest);
        vm.prank(makeAddr("anyone"));
        vm.assertTrue(_run(c));
        vm.assertEq(hostile.befores(), 1);
        vm.assertEq(hostile.afters(), 1);
    }

    function test_hook_thatBurnsAllGas() external {
        hostile.setMode(HostileHook.Mode.BurnsGas);
        Case memory c = _delivered(HOSTILE, ALL);
        uint256 left = gasleft();
        vm.assertFalse(_run(c));
        vm.assertLt(left - gasleft(), HOOK_GAS + 400_000);
        _assertUntouched(c, OthenticAdapter.Outcome.Failed);
        hostile.setMode(HostileHook.Mode.Honest);
        vm.assertTrue(_run(c));
    }

    function test_hook_thatRevertsWithABomb() external {
        hostile.setMode(HostileHook.Mode.RevertsWithBomb);
        Case memory c = _delivered(HOSTILE, ALL);
        vm.expectEmit(address(hostileAdapter));
        emit OthenticAdapter.HookFailed(c.taskId, c.claimId, new bytes(hostileAdapter.MAX_REASON()));
        // With no more than it asks for, the failure is recorded.
        bytes memory input =
            abi.encodeCall(hostileAdapter.run, (c.taskId, c.claim, c.committed, RESULT));
        (bool ok, bytes memory answer) =
            address(hostileAdapter).call{ gas: HOOK_GAS + HOOK_GAS / 63 + 180_000 }(input);
        vm.assertTrue(ok);
        vm.assertFalse(abi.decode(answer, (bool)));
        _assertUntouched(c, OthenticAdapter.Outcome.Failed);
    }

    function test_hook_thatReturnsABomb() external {
        hostile.setMode(HostileHook.Mode.ReturnsBomb);
        Case memory c = _delivered(HOSTILE, ALL);
        vm.assertTrue(_run(c));
    }

    function test_hook_cannotRunItsTaskAgain() external {
        Case memory c = _delivered(HOSTILE, ALL);
        bytes memory again =
            abi.encodeCall(hostileAdapter.run, (c.taskId, c.claim, c.committed, RESULT));
        hostile.setCall(address(hostileAdapter), again);
        vm.assertTrue(_run(c));
        vm.assertFalse(hostile.callSucceeded());
        vm.assertEq(
            hostile.callAnswer(),
            abi.encodeWithSelector(OthenticAdapter.AlreadyRun.selector, c.claimId)
        );
        vm.assertEq(hostile.afters(), 1);
    }

    /// A run from within a run has the full gas of its own or none: the other task's hook cannot be starved.
    function test_hook_cannotStarveAnotherTask() external {
        Case memory c = _delivered(HOSTILE, ALL);
        Case memory other = _delivered(HOOKED, ALL);
        bytes memory call =
            abi.encodeCall(adapter.run, (other.taskId, other.claim, other.committed, RESULT));
        hostile.setCall(address(adapter), call);
        vm.assertTrue(_run(c));
        // Two million do not hold another two million.
        vm.assertFalse(hostile.callSucceeded());
        vm.assertEq(hook.afters(), 0);
        vm.assertTrue(adapter.run(other.taskId, other.claim, other.committed, RESULT));
    }

    /// Whatever gas a caller brings, the hook has its own in full, or the call reverts and leaves no trace: nobody
    /// makes an honest hook fail.
    function test_run_noGasLimitMakesAnHonestHookFail(uint256 gasLimit) external {
        gasLimit = bound(gasLimit, 100_000, 2 * HOOK_GAS);
        Case memory c = _delivered(HOSTILE, ALL);
        bytes memory input =
            abi.encodeCall(hostileAdapter.run, (c.taskId, c.claim, c.committed, RESULT));
        (bool ok,) = address(hostileAdapter).call{ gas: gasLimit }(input);
        OthenticAdapter.Outcome outcome = hostileAdapter.outcomeOf(c.claimId);
        vm.assertTrue(outcome == (ok ? OthenticAdapter.Outcome.Done : OthenticAdapter.Outcome.None));
        vm.assertTrue(ok || gasLimit < HOOK_GAS + 400_000);
        vm.assertFalse(ok && gasLimit < HOOK_GAS);
    }

    function test_run_saysHowMuchGasItNeeds() external {
        Case memory c = _delivered(HOSTILE, ALL);
        vm.expectPartialRevert(OthenticAdapter.TooLittleGas.selector);
        hostileAdapter.run{ gas: HOOK_GAS }(c.taskId, c.claim, c.committed, RESULT);
    }
}
