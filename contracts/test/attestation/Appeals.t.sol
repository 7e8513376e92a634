// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceTypes } from "../../src/interfaces/IAvsGovernance.sol";
import { EpochTable } from "../../src/libraries/EpochTable.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev A certified claim is opened to the whole epoch again (3.6). Six operators have 100 each, so that five are more
/// than the quorum and four are not.
contract AppealsTest is AttestationFixture {
    address internal challenger = makeAddr("challenger");

    uint64 internal taskId;
    bytes32 internal claimId;
    Claim internal claim;
    FeeCommitment internal committed;
    uint64 internal certifiedAt;
    address internal performer;
    address internal first;

    function setUp() public override {
        super.setUp();
        vm.deal(challenger, 100 ether);
        taskId = _evaluating();
        claim = _claim(taskId, 0, RESULT);
        claimId = _claimId(taskId, claim, RESULT);
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        certifiedAt = governance.clock();
        performer = _at(taskId, claim.performerIndex).operator;
        first = _at(taskId, 0).operator;
        committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
    }

    function _appeal() private {
        vm.prank(challenger);
        center.appeal{ value: BOND }(taskId, committed);
    }

    function _decide(uint8 verdict, uint256 signers) private {
        center.submitAppeal(
            taskId, committed, verdict, _appealVotes(taskId, claimId, verdict, signers)
        );
    }

    function _deliver() private {
        center.deliver(taskId, claim.turn, performer, committed, RESULT);
    }

    function _untilFinal() private {
        mine(center.task(taskId).deadline - governance.clock());
    }

    /* FILING */

    function test_appeal_holdsEverythingBack() external {
        mine(_appealWindow() - 1);
        uint64 until = certifiedAt + _appealWindow() + APPEAL_VOTING;
        vm.expectEmit(address(center));
        emit Appealed(taskId, claimId, challenger, until);
        _appeal();
        Task memory task = center.task(taskId);
        vm.assertTrue(task.appealed);
        vm.assertEq(task.deadline, until);
        vm.assertEq(center.appealOf(claimId).challenger, challenger);

        // Where an appeal did not count, all of this would work from the end of the appeal window on.
        mine(APPEAL_VOTING);
        uint64 present = governance.clock();
        bytes memory early =
            abi.encodeWithSelector(AppealWindowOpen.selector, taskId, until, present);
        vm.expectRevert(early);
        _deliver();
        vm.expectRevert(early);
        _claimFees();
        vm.expectRevert(early);
        center.sweepFee(taskId, committed);
        mine(1);
        _deliver();
        _claimFees();
    }

    function test_appeal_withTheBondExactly() external {
        vm.deal(address(this), 100 ether);
        vm.expectRevert(abi.encodeWithSelector(WrongBond.selector, BOND - 1, BOND));
        center.appeal{ value: BOND - 1 }(taskId, committed);
        vm.expectRevert(abi.encodeWithSelector(WrongBond.selector, BOND + 1, BOND));
        center.appeal{ value: BOND + 1 }(taskId, committed);
    }

    function test_appeal_notAfterTheWindow() external {
        mine(_appealWindow());
        uint64 until = certifiedAt + _appealWindow();
        vm.expectRevert(abi.encodeWithSelector(AppealWindowClosed.selector, taskId, until, until));
        _appeal();
    }

    function test_appeal_onceAClaim() external {
        _appeal();
        vm.expectRevert(abi.encodeWithSelector(AlreadyAppealed.selector, claimId));
        _appeal();
        // Nor once the first was decided: else a claim could be held back again and again.
        _decide(1, ALL);
        vm.expectRevert(abi.encodeWithSelector(AlreadyAppealed.selector, claimId));
        _appeal();
    }

    function test_appeal_aCertifiedClaimOnly() external {
        uint64 other = _evaluating();
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, other, TaskState.Evaluating));
        center.appeal{ value: BOND }(other, committed);
        FeeCommitment memory wrong = committed;
        wrong.fee += 1;
        vm.expectRevert(abi.encodeWithSelector(WrongFeeCommitment.selector, taskId));
        center.appeal{ value: BOND }(taskId, wrong);
    }

    function test_appeal_whereTheKindHasAppeals() external {
        TaskDefinition memory d = _definition();
        d.appealVoting = 0;
        d.appealBond = 0;
        center.registerKind(2, d);
        uint64 other = center.openTask{ value: FEE }(2, SUBJECT);
        mine(FETCH_WINDOW + 1);
        _fix(other);
        Claim memory claim_ = _claim(other, 0, RESULT);
        bytes32 id = _claimId(other, claim_, RESULT);
        _submit(CertificateKind.Approve, other, claim_, RESULT, ALL);
        FeeCommitment memory c = committed;
        (c.claimId, c.performerIndex) = (id, claim_.performerIndex);
        vm.expectRevert(abi.encodeWithSelector(NoAppeal.selector, 2));
        center.appeal{ value: BOND }(other, c);
        vm.expectRevert(abi.encodeWithSelector(NoAppeal.selector, 2));
        center.appeal(other, c);
    }

    /* OVERTURNED */

    /// Everybody approved a lie; the challenger shows it, five correct themselves, one does not.
    function test_overturn_undoesTheCertificate() external {
        _feedFund(5 ether);
        _appeal();
        uint256 five = _others(OPERATORS, 5);
        uint256 creditBefore = center.credit(challenger);
        uint256 faultsBefore = governance.faultCount();
        _decide(2, five);

        Task memory task = center.task(taskId);
        vm.assertTrue(task.state == TaskState.Evaluating);
        vm.assertTrue(center.claimOutcome(claimId) == ClaimOutcome.Overturned);
        vm.assertEq(task.commitment, bytes32(0));
        vm.assertFalse(task.appealed);
        // The bond, and as much from the fund.
        vm.assertEq(center.credit(challenger) - creditBefore, 2 * BOND);
        vm.assertEq(center.fund().balance, 3 ether);
        vm.assertEq(center.liabilities(), address(center).balance);

        vm.assertEq(governance.faultCount(), faultsBefore + 1);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(faultsBefore + 1);
        vm.assertEq(fault.operator, performer);
        vm.assertTrue(fault.kind == IAvsGovernanceTypes.FaultKind.RejectedClaim);
        vm.assertEq(fault.claimId, claimId);

        // The logic never hears of the claim, nobody has a fee of it, and it cannot come again.
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Evaluating));
        _deliver();
        vm.expectRevert(abi.encodeWithSelector(WrongState.selector, taskId, TaskState.Evaluating));
        _claimFees();
        vm.assertEq(logic.calls(), 0);
    }

    /// The task is tried again as one that nobody certified: same seed, another turn, and its fee.
    function test_overturn_leadsToTheSecondTry() external {
        bytes32 seed = center.task(taskId).seed;
        _appeal();
        _decide(2, ALL);
        vm.assertFalse(center.expire(taskId));
        governance.rollEpoch(type(uint32).max);
        center.reopen(taskId);
        vm.assertEq(center.task(taskId).seed, seed);
        (uint32 turn,) = center.currentTurn(taskId);
        vm.assertGt(turn, claim.turn);
        Claim memory second = _claim(taskId, turn, "true");
        bytes32 secondId = _claimId(taskId, second, "true");
        uint256 voters = _voters(taskId);
        _submit(CertificateKind.Approve, taskId, second, "true", voters);
        FeeCommitment memory honest = FeeCommitment({
            epoch: 2,
            claimId: secondId,
            performerIndex: second.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        _untilFinal();
        center.deliver(taskId, turn, _at(taskId, second.performerIndex).operator, honest, "true");
        vm.assertEq(logic.lastResult(), "true");
    }

    /// No certificate is taken between the overturning and the second try, whose epoch leaves the liars out.
    function test_overturn_endsTheEpochsSay() external {
        _appeal();
        _decide(2, ALL);
        Claim memory second = _claim(taskId, 1, "lie");
        bytes32 id = _claimId(taskId, second, "lie");
        Certificate memory certificate = _certificate(CertificateKind.Approve, taskId, id, ALL);
        uint64 present = governance.clock();
        vm.expectRevert(abi.encodeWithSelector(DeadlinePassed.selector, taskId, present, present));
        center.submitTask(taskId, second, "lie", certificate);
    }

    function test_overturn_inTheSecondTryIsFinal() external {
        _appeal();
        _decide(2, ALL);
        center.expire(taskId);
        governance.rollEpoch(type(uint32).max);
        center.reopen(taskId);
        (uint32 turn,) = center.currentTurn(taskId);
        Claim memory second = _claim(taskId, turn, RESULT);
        bytes32 id = _claimId(taskId, second, RESULT);
        uint256 voters = _voters(taskId);
        _submit(CertificateKind.Approve, taskId, second, RESULT, voters);
        FeeCommitment memory c = committed;
        (c.epoch, c.claimId, c.performerIndex) = (2, id, second.performerIndex);
        vm.prank(challenger);
        center.appeal{ value: BOND }(taskId, c);
        center.submitAppeal(taskId, c, 2, _appealVotes(taskId, id, 2, voters));
        vm.assertTrue(center.expire(taskId));
        vm.assertEq(center.credit(address(this)), FEE);
    }

    function test_overturn_atMoreThanTheQuorum() external {
        _appeal();
        Votes memory four = _appealVotes(taskId, claimId, 2, _others(OPERATORS, 4));
        vm.expectRevert(abi.encodeWithSelector(QuorumNotReached.selector, 400, 600));
        center.submitAppeal(taskId, committed, 2, four);
    }

    /// Votes on the claim are no votes in the appeal: those who rejected it from the start have to say so again, with
    /// the reference engine.
    function test_overturn_notWithVotesOnTheClaim() external {
        _appeal();
        Votes memory votes;
        votes.nonSigners = _bitmap(0);
        votes.signature = _votes(taskId, claimId, 1, 2, ALL);
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.submitAppeal(taskId, committed, 2, votes);
        // Nor do votes to uphold overturn.
        votes.signature = _votes(taskId, claimId, 2, 1, ALL);
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.submitAppeal(taskId, committed, 2, votes);
    }

    function test_overturn_notWithoutAnAppeal() external {
        Votes memory votes = _appealVotes(taskId, claimId, 2, ALL);
        vm.expectRevert(abi.encodeWithSelector(NotAppealed.selector, claimId));
        center.submitAppeal(taskId, committed, 2, votes);
    }

    function test_overturn_notAfterTheVoting() external {
        _appeal();
        _untilFinal();
        Votes memory votes = _appealVotes(taskId, claimId, 2, ALL);
        uint64 until = governance.clock();
        vm.expectRevert(abi.encodeWithSelector(AppealWindowClosed.selector, taskId, until, until));
        center.submitAppeal(taskId, committed, 2, votes);
    }

    /// As long as the market is paused the clock of the appeal stands, but not that of the stake.
    function test_overturn_notOverASnapshotTooOld() external {
        _appeal();
        Votes memory votes = _appealVotes(taskId, claimId, 2, ALL);
        (, uint64 snapshotBlock, uint64 until) = governance.epochTable(1);
        governance.pause();
        mine(until - block.number + 1);
        vm.expectRevert(abi.encodeWithSelector(SnapshotTooOld.selector, 1, snapshotBlock, until));
        center.submitAppeal(taskId, committed, 2, votes);
    }

    function test_overturn_knownVerdictsOnly() external {
        _appeal();
        Votes memory votes = _appealVotes(taskId, claimId, 3, ALL);
        vm.expectRevert(abi.encodeWithSelector(UnknownVerdict.selector, 3));
        center.submitAppeal(taskId, committed, 3, votes);
        vm.expectRevert(abi.encodeWithSelector(UnknownVerdict.selector, 0));
        center.submitAppeal(taskId, committed, 0, votes);
    }

    function test_overturn_refusesAWrongBitmap() external {
        _appeal();
        Votes memory votes = _appealVotes(taskId, claimId, 2, ALL);
        votes.nonSigners[0] |= _bit(OPERATORS);
        vm.expectRevert(abi.encodeWithSelector(EpochTable.UnknownNonSigner.selector, OPERATORS));
        center.submitAppeal(taskId, committed, 2, votes);
        votes.nonSigners = new uint256[](2);
        vm.expectRevert(abi.encodeWithSelector(WrongBitmapLength.selector, 2, 1));
        center.submitAppeal(taskId, committed, 2, votes);
    }

    /// An empty fund pays nothing, and the bond returns all the same.
    function test_overturn_withAnEmptyFund() external {
        _appeal();
        _decide(2, ALL);
        vm.assertEq(center.credit(challenger), BOND);
        vm.prank(challenger);
        center.withdraw(challenger);
        vm.assertEq(challenger.balance, 100 ether);
    }

    /* UPHELD */

    /// A frivolous appeal costs its bond, and no time once the quorum has answered.
    function test_uphold_endsTheAppeal() external {
        _setFund(10 ether, 0);
        _appeal();
        vm.expectEmit(address(center));
        emit ClaimUpheld(taskId, claimId, challenger);
        _decide(1, _others(OPERATORS, 5));
        vm.assertEq(center.task(taskId).deadline, certifiedAt + _appealWindow());
        vm.assertEq(center.fund().balance, BOND);
        vm.assertEq(center.credit(challenger), 0);
        mine(_appealWindow());
        _deliver();
        vm.assertEq(logic.calls(), 1);
    }

    function test_uphold_atMoreThanTheQuorum() external {
        _appeal();
        Votes memory four = _appealVotes(taskId, claimId, 1, _others(OPERATORS, 4));
        vm.expectRevert(abi.encodeWithSelector(QuorumNotReached.selector, 400, 600));
        center.submitAppeal(taskId, committed, 1, four);
    }

    function test_uphold_isTheLastWord() external {
        _appeal();
        _decide(1, ALL);
        Votes memory votes = _appealVotes(taskId, claimId, 2, ALL);
        vm.expectRevert(abi.encodeWithSelector(NotAppealed.selector, claimId));
        center.submitAppeal(taskId, committed, 2, votes);
        vm.expectRevert(abi.encodeWithSelector(NotAppealed.selector, claimId));
        center.closeAppeal(taskId, committed);
    }

    /* UNDECIDED */

    function test_close_takesTheBond() external {
        _appeal();
        uint64 until = center.task(taskId).deadline;
        mine(until - 1 - governance.clock());
        vm.expectRevert(abi.encodeWithSelector(AppealOpen.selector, taskId, until, until - 1));
        center.closeAppeal(taskId, committed);
        mine(1);
        uint256 burned = BURN_ADDRESS.balance;
        vm.expectEmit(address(center));
        emit AppealClosed(taskId, claimId, challenger);
        center.closeAppeal(taskId, committed);
        // A fund without room takes nothing.
        vm.assertEq(BURN_ADDRESS.balance - burned, BOND);
        vm.assertEq(center.liabilities(), address(center).balance);
        vm.expectRevert(abi.encodeWithSelector(AppealDecided.selector, claimId));
        center.closeAppeal(taskId, committed);
        _deliver();
    }

    function test_close_notWithoutAnAppeal() external {
        vm.expectRevert(abi.encodeWithSelector(NotAppealed.selector, claimId));
        center.closeAppeal(taskId, committed);
    }

    /* CORRECTIONS */

    /// An aggregator that leaves a correction out makes nobody guilty.
    function test_corrections_addThoseWhoWereLeftOut() external {
        _appeal();
        uint256 five = _others(OPERATORS, 5);
        _decide(2, five);
        uint256 late = ALL & ~five;
        bytes32[4] memory vote = _votes(taskId, claimId, 2, 2, late);
        vm.expectEmit(address(center));
        emit Corrected(claimId, _bitmap(0));
        center.submitCorrections(taskId, committed, _bitmap(late), _bitmap(late), vote);
        // Added already.
        vm.expectRevert(abi.encodeWithSelector(WrongOverturning.selector, claimId));
        center.submitCorrections(taskId, committed, _bitmap(late), _bitmap(late), vote);
        vm.expectRevert(abi.encodeWithSelector(NotMissing.selector, 0, late));
        center.submitCorrections(taskId, committed, _bitmap(0), _bitmap(late), vote);
    }

    function test_corrections_areVotesInTheAppeal() external {
        _appeal();
        uint256 five = _others(OPERATORS, 5);
        _decide(2, five);
        uint256 late = ALL & ~five;
        bytes32[4] memory vote = _votes(taskId, claimId, 1, 2, late);
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.submitCorrections(taskId, committed, _bitmap(late), _bitmap(late), vote);
    }

    function test_corrections_withinTheirTime() external {
        _appeal();
        uint256 five = _others(OPERATORS, 5);
        _decide(2, five);
        uint64 until = governance.clock() + SUPPLEMENT_WINDOW;
        uint256 late = ALL & ~five;
        bytes32[4] memory vote = _votes(taskId, claimId, 2, 2, late);
        mine(SUPPLEMENT_WINDOW + 1);
        vm.expectRevert(
            abi.encodeWithSelector(CorrectionsClosed.selector, claimId, until, until + 1)
        );
        center.submitCorrections(taskId, committed, _bitmap(late), _bitmap(late), vote);
    }

    function test_corrections_ofAnOverturnedClaimOnly() external {
        bytes32[4] memory vote = _votes(taskId, claimId, 2, 2, 1);
        vm.expectRevert(abi.encodeWithSelector(NotOverturned.selector, claimId));
        center.submitCorrections(taskId, committed, _bitmap(1), _bitmap(1), vote);
    }

    /* DEFINITIONS */

    function test_register_refusesAppealsThatDoNotFit() external {
        TaskDefinition memory d = _definition();
        d.appealWindow = 71;
        _expectInvalid(d, "appealWindow");
        d = _definition();
        d.appealBond = 0;
        _expectInvalid(d, "appealBond");
        d = _definition();
        d.appealVoting = 0;
        _expectInvalid(d, "appealBond");
        d = _definition();
        d.appealWindow = 0;
        _expectInvalid(d, "appealVoting");
        d = _definition();
        d.supplementWindow = governance.evidenceWindow();
        _expectInvalid(d, "supplementWindow");
    }

    function _expectInvalid(TaskDefinition memory d, bytes32 field) private {
        vm.expectRevert(abi.encodeWithSelector(InvalidDefinition.selector, field));
        center.registerKind(7, d);
    }

    /* HELPERS */

    address internal constant BURN_ADDRESS = 0x000000000000000000000000000000000000dEaD;

    function _claimFees() private {
        uint64[] memory taskIds = new uint64[](1);
        uint32[] memory indices = new uint32[](1);
        FeeCommitment[] memory list = new FeeCommitment[](1);
        (taskIds[0], indices[0], list[0]) = (taskId, 0, committed);
        center.claimFees(first, taskIds, indices, list);
    }

    function _setFund(uint96 cap, uint64 reward) private {
        center.setFund(cap, reward);
    }

    /// @dev Fills the fund with the bonds of appeals that were upheld.
    function _feedFund(uint96 amount) private {
        _setFund(amount, 0);
        while (center.fund().balance < amount) {
            (uint64 id, FeeCommitment memory c) = _certified();
            center.appeal{ value: BOND }(id, c);
            center.submitAppeal(id, c, 1, _appealVotes(id, c.claimId, 1, ALL));
        }
    }
}
