// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceTypes } from "../../src/interfaces/IAvsGovernance.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Whoever shows that operators signed what no honest one signs has them put at fault (3.7).
contract EvidenceTest is AttestationFixture {
    address internal reporter = makeAddr("reporter");
    uint64 internal taskId;
    bytes32 internal claimId;
    Claim internal claim;
    TaskContent internal content;

    function setUp() public override {
        super.setUp();
        taskId = _evaluating();
        claim = _claim(taskId, 0, RESULT);
        claimId = _claimId(taskId, claim, RESULT);
        Task memory task = center.task(taskId);
        content = TaskContent(taskId, KIND, task.epoch, task.seed, task.subjectHash);
    }

    /// @dev Votes on the claim by the positions whose bit is set.
    function _by(uint8 purpose, uint8 verdict, uint256 signers)
        private
        view
        returns (Votes memory votes)
    {
        votes.nonSigners = _bitmap(ALL & ~signers);
        votes.signature = _votes(taskId, claimId, purpose, verdict, signers);
    }

    function _prove(Votes memory approvals, Votes memory rejections, uint256 accused) private {
        vm.prank(reporter);
        center.proveEquivocation(content, claimId, 1, approvals, rejections, accused);
    }

    function _expectNotAtFault(uint256 position) private {
        vm.expectRevert(abi.encodeWithSelector(NotAtFault.selector, position));
    }

    /* EQUIVOCATION */

    function test_equivocation_fromTwoVotes() external {
        vm.expectEmit(address(center));
        emit EvidenceTaken(1, claimId, reporter, _bit(3), 0);
        _prove(_by(1, 1, _bit(3)), _by(1, 2, _bit(3)), _bit(3));
        vm.assertEq(governance.faultCount(), 1);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(1);
        vm.assertEq(fault.operator, _at(taskId, 3).operator);
        vm.assertTrue(fault.kind == IAvsGovernanceTypes.FaultKind.Equivocation);
        vm.assertEq(fault.taskId, taskId);
        vm.assertEq(fault.claimId, claimId);
    }

    /// Two certificates on one claim: whoever is in both.
    function test_equivocation_fromTwoCertificates() external {
        uint256 approving = 31; // 0 to 4
        uint256 rejecting = 62; // 1 to 5
        _prove(_by(1, 1, approving), _by(1, 2, rejecting), approving & rejecting);
        vm.assertEq(governance.faultCount(), 4);
        for (uint32 i = 1; i < 5; ++i) {
            vm.assertEq(governance.fault(i).operator, _at(taskId, i).operator);
        }
    }

    function test_equivocation_inAnAppeal() external {
        Votes memory approvals = _by(2, 1, _bit(3));
        Votes memory rejections = _by(2, 2, _bit(3));
        center.proveEquivocation(content, claimId, 2, approvals, rejections, _bit(3));
        vm.assertEq(governance.faultCount(), 1);
    }

    /// Who approves a claim and finds in an appeal that it was wrong has done what it should.
    function test_equivocation_notAcrossPurposes() external {
        Votes memory approvals = _by(1, 1, _bit(3));
        Votes memory rejections = _by(2, 2, _bit(3));
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.proveEquivocation(content, claimId, 1, approvals, rejections, _bit(3));
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.proveEquivocation(content, claimId, 2, approvals, rejections, _bit(3));
    }

    /// Two claims of one task can both be right, and one right and one wrong.
    function test_equivocation_notAcrossClaims() external {
        Votes memory approvals = _by(1, 1, _bit(3));
        Votes memory rejections;
        rejections.nonSigners = _bitmap(ALL & ~_bit(3));
        rejections.signature = _votes(taskId, keccak256("other claim"), 1, 2, _bit(3));
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.proveEquivocation(content, claimId, 1, approvals, rejections, _bit(3));
    }

    /// The seed is in what votes sign: after a reorganisation a claim is another one.
    function test_equivocation_notAcrossSeeds() external {
        Votes memory approvals = _by(1, 1, _bit(3));
        Votes memory rejections = _by(1, 2, _bit(3));
        content.seed = keccak256("another seed");
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.proveEquivocation(content, claimId, 1, approvals, rejections, _bit(3));
    }

    /// One verdict twice is no equivocation.
    function test_equivocation_needsBothVerdicts() external {
        Votes memory approvals = _by(1, 1, _bit(3));
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        center.proveEquivocation(content, claimId, 1, approvals, approvals, _bit(3));
    }

    function test_equivocation_framesNobody() external {
        Votes memory approvals = _by(1, 1, 31);
        Votes memory rejections = _by(1, 2, 62);
        // Only approved; only rejected; not in the table; everybody.
        _expectNotAtFault(0);
        _prove(approvals, rejections, _bit(0));
        _expectNotAtFault(5);
        _prove(approvals, rejections, _bit(5));
        _expectNotAtFault(OPERATORS);
        _prove(approvals, rejections, _bit(OPERATORS));
        _expectNotAtFault(5);
        _prove(approvals, rejections, ALL);
        // A bitmap that names others than those who signed.
        rejections.nonSigners = _bitmap(ALL & ~uint256(61));
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        _prove(approvals, rejections, _bit(2));
    }

    function test_equivocation_nobodySigned() external {
        Votes memory none;
        none.nonSigners = _bitmap(ALL);
        vm.expectRevert(abi.encodeWithSelector(InvalidAggregate.selector, claimId));
        _prove(none, none, _bit(0));
    }

    /// One fault for a matter, in whatever order and by whatever evidence it is shown.
    function test_equivocation_onceForAMatter() external {
        Votes memory approvals = _by(1, 1, 31);
        Votes memory rejections = _by(1, 2, 62);
        _prove(_by(1, 1, _bit(3)), _by(1, 2, _bit(3)), _bit(3));
        vm.expectRevert(abi.encodeWithSelector(NobodyNew.selector, _bit(3)));
        _prove(approvals, rejections, _bit(3));
        // With others only those are new.
        _prove(approvals, rejections, 30);
        vm.assertEq(governance.faultCount(), 4);
        vm.expectRevert(abi.encodeWithSelector(NobodyNew.selector, 30));
        _prove(approvals, rejections, 30);
        vm.expectRevert(abi.encodeWithSelector(NobodyNew.selector, 0));
        _prove(approvals, rejections, 0);
    }

    /// Evidence is taken as long as what it leads to can be executed while the stake is there.
    function test_equivocation_whileStakeCanBeSlashed() external {
        Votes memory approvals = _by(1, 1, _bit(3));
        Votes memory rejections = _by(1, 2, _bit(3));
        uint64 until = governance.evidenceUntil(1);
        mine(until - block.number);
        uint256 state = vm.snapshotState();
        _prove(approvals, rejections, _bit(3));
        vm.revertToState(state);
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(EvidenceTooLate.selector, 1, until, until + 1));
        _prove(approvals, rejections, _bit(3));
    }

    function test_equivocation_unknownEpoch() external {
        content.epoch = 7;
        Votes memory approvals = _by(1, 1, _bit(3));
        vm.expectRevert(abi.encodeWithSelector(EvidenceTooLate.selector, 7, 0, block.number));
        _prove(approvals, approvals, _bit(3));
    }

    /* REWARDS */

    function _fill(uint96 amount, uint64 reward) private {
        center.setFund(amount, reward);
        while (center.fund().balance < amount) {
            (uint64 id, FeeCommitment memory c) = _certified();
            center.appeal{ value: BOND }(id, c);
            center.submitAppeal(id, c, 1, _appealVotes(id, c.claimId, 1, ALL));
        }
    }

    /// By the stake of those at fault: 1/6 of the most for each.
    function test_reward_byStake() external {
        _fill(10 ether, 3 ether);
        _prove(_by(1, 1, 31), _by(1, 2, 62), _bit(2));
        vm.assertEq(center.credit(reporter), 0.5 ether);
        _prove(_by(1, 1, 31), _by(1, 2, 62), 30);
        vm.assertEq(center.credit(reporter), 2 ether);
        vm.assertEq(center.fund().balance, 8 ether);
        vm.assertEq(center.liabilities(), address(center).balance);
    }

    /// Who puts itself at fault with little stake earns as little: a reward for each fault would pay for it.
    function test_reward_doesNotPayForFaults() external {
        _fill(10 ether, 3 ether);
        operators.push(_join(OPERATORS, 1));
        mine(20);
        governance.rollEpoch(type(uint32).max);
        (uint64 id, FeeCommitment memory c) = _certifiedBy(ALL | _bit(6));
        Task memory task = center.task(id);
        TaskContent memory dust = TaskContent(id, KIND, task.epoch, task.seed, task.subjectHash);
        Votes memory approvals;
        approvals.nonSigners = _bitmap(ALL);
        approvals.signature = _votes(id, c.claimId, 1, 1, _bit(6));
        Votes memory rejections;
        rejections.nonSigners = _bitmap(ALL);
        rejections.signature = _votes(id, c.claimId, 1, 2, _bit(6));
        address self = operators[6].operator;
        vm.prank(self);
        center.proveEquivocation(dust, c.claimId, 1, approvals, rejections, _bit(6));
        // 3 ether / 601
        vm.assertEq(center.credit(self), 4_991_680_532_445_923);
    }

    function test_reward_whatTheFundHas() external {
        _fill(2 ether, 2 ether);
        _prove(_by(1, 1, ALL), _by(1, 2, ALL), _bit(1));
        vm.assertEq(center.credit(reporter), 333_333_333_333_333_333);
        _prove(_by(1, 1, ALL), _by(1, 2, ALL), ALL);
        vm.assertEq(center.credit(reporter), 333_333_333_333_333_333 * 6);
        vm.assertEq(center.fund().balance, 2);
        claimId = keccak256("another claim");
        _prove(_by(1, 1, ALL), _by(1, 2, ALL), _bit(1));
        vm.assertEq(center.credit(reporter), 2 ether);
        vm.assertEq(center.fund().balance, 0);
    }

    function test_fund_isBounded() external {
        uint96 most = 10_000 ether;
        center.setFund(most, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(FundOutOfBounds.selector, most + 1, most));
        center.setFund(most + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(FundOutOfBounds.selector, 3, 2));
        center.setFund(2, 3);
        vm.assertEq(center.fund().cap, most);
        vm.assertEq(center.fund().reward, 1 ether);
    }

    function test_fund_byGovernanceOnly() external {
        _expectUnauthorized(makeAddr("stranger"));
        center.setFund(1, 1);
    }

    /// Above the cap nothing is kept, and a lower cap takes nothing out.
    function test_fund_keepsUpToItsCap() external {
        _fill(3 ether, 0);
        vm.assertEq(center.fund().balance, 3 ether);
        center.setFund(1 ether, 0);
        (uint64 id, FeeCommitment memory c) = _certified();
        center.appeal{ value: BOND }(id, c);
        uint256 burned = address(0xdEaD).balance;
        center.submitAppeal(id, c, 1, _appealVotes(id, c.claimId, 1, ALL));
        vm.assertEq(center.fund().balance, 3 ether);
        vm.assertEq(address(0xdEaD).balance - burned, BOND);
    }

    /* APPROVALS THAT AN APPEAL OVERTURNED */

    /// @dev A claim that an appeal overturned, and what is known of it.
    function _overturned(uint256 approvers, uint256 rejecters)
        private
        returns (FeeCommitment memory committed, uint256[] memory nonSigners)
    {
        _submit(CertificateKind.Approve, taskId, claim, RESULT, approvers);
        committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(ALL & ~approvers)
        });
        center.appeal{ value: BOND }(taskId, committed);
        center.submitAppeal(taskId, committed, 2, _appealVotes(taskId, claimId, 2, rejecters));
        nonSigners = _bitmap(ALL & ~rejecters);
    }

    function _accuse(FeeCommitment memory committed, uint256[] memory nonSigners, uint256 accused)
        private
    {
        vm.prank(reporter);
        center.proveOverturnedApproval(taskId, committed, nonSigners, accused);
    }

    function test_overturnedApproval_isAFault() external {
        uint256 silent = _bit((claim.performerIndex + 1) % 6);
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL, ALL & ~silent);
        mine(SUPPLEMENT_WINDOW + 1);
        _accuse(committed, nonSigners, silent);
        vm.assertEq(governance.faultCount(), 2);
        IAvsGovernanceTypes.Fault memory fault = governance.fault(2);
        vm.assertTrue(fault.kind == IAvsGovernanceTypes.FaultKind.OverturnedApproval);
        vm.assertEq(fault.operator, _at(taskId, (claim.performerIndex + 1) % 6).operator);
        vm.expectRevert(abi.encodeWithSelector(NobodyNew.selector, silent));
        _accuse(committed, nonSigners, silent);
    }

    function test_overturnedApproval_notOfWhoCorrectedItself() external {
        uint256 silent = _bit((claim.performerIndex + 1) % 6);
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL, ALL & ~silent);
        mine(SUPPLEMENT_WINDOW + 1);
        uint256 corrected = (claim.performerIndex + 2) % 6;
        _expectNotAtFault(corrected);
        _accuse(committed, nonSigners, _bit(corrected));
        _expectNotAtFault(OPERATORS);
        _accuse(committed, nonSigners, _bit(OPERATORS));
    }

    /// Who neither approved nor voted in the appeal did nothing wrong.
    function test_overturnedApproval_notOfWhoNeverApproved() external {
        uint256 absent = (claim.performerIndex + 1) % 6;
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL & ~_bit(absent), ALL & ~_bit(absent));
        mine(SUPPLEMENT_WINDOW + 1);
        _expectNotAtFault(absent);
        _accuse(committed, nonSigners, _bit(absent));
    }

    /// The performer was put at fault when its claim was overturned, and once is enough.
    function test_overturnedApproval_notOfThePerformer() external {
        uint256 performer = claim.performerIndex;
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL, ALL & ~_bit(performer));
        mine(SUPPLEMENT_WINDOW + 1);
        _expectNotAtFault(performer);
        _accuse(committed, nonSigners, _bit(performer));
    }

    function test_overturnedApproval_notBeforeCorrectionsAreIn() external {
        uint256 silent = _bit((claim.performerIndex + 1) % 6);
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL, ALL & ~silent);
        uint64 until = governance.clock() + SUPPLEMENT_WINDOW;
        mine(SUPPLEMENT_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(CorrectionsOpen.selector, claimId, until, until));
        _accuse(committed, nonSigners, silent);
        // In the last moment, it corrects itself.
        bytes32[4] memory vote = _votes(taskId, claimId, 2, 2, silent);
        center.submitCorrections(taskId, committed, nonSigners, _bitmap(silent), vote);
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(WrongOverturning.selector, claimId));
        _accuse(committed, nonSigners, silent);
        _expectNotAtFault((claim.performerIndex + 1) % 6);
        _accuse(committed, _bitmap(0), silent);
    }

    function test_overturnedApproval_ofAnOverturnedClaimOnly() external {
        _submit(CertificateKind.Approve, taskId, claim, RESULT, ALL);
        FeeCommitment memory committed = FeeCommitment({
            epoch: 1,
            claimId: claimId,
            performerIndex: claim.performerIndex,
            fee: FEE,
            nonSigners: _bitmap(0)
        });
        vm.expectRevert(abi.encodeWithSelector(NotOverturned.selector, claimId));
        _accuse(committed, _bitmap(ALL), 1);
    }

    function test_overturnedApproval_whileStakeCanBeSlashed() external {
        uint256 silent = _bit((claim.performerIndex + 1) % 6);
        (FeeCommitment memory committed, uint256[] memory nonSigners) =
            _overturned(ALL, ALL & ~silent);
        uint64 until = governance.evidenceUntil(1);
        mine(until - block.number + 1);
        vm.expectRevert(abi.encodeWithSelector(EvidenceTooLate.selector, 1, until, until + 1));
        _accuse(committed, nonSigners, silent);
    }
}
