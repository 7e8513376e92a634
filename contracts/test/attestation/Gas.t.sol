// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { AttestationFixture } from "./AttestationFixture.sol";

/// @dev Takes everything at no cost.
contract SilentLogic is IAvsLogic {
    function onCertified(uint64, bytes calldata) external { }
}

/// @dev What the frequent calls cost, without the transaction itself and what the logic does. Accounts and slots
/// are cold, as in a transaction of their own.
contract AttestationGasTest is AttestationFixture {
    uint32 internal constant MANY = 100;

    /// @dev As long as a result of the kind `improve`.
    bytes internal longResult = new bytes(416);

    function setUp() public override {
        super.setUp();
        vm.etch(address(logic), address(new SilentLogic()).code);
    }

    function _grow() private {
        governance.setOperatorCap(MANY);
        for (uint256 i = OPERATORS; i < MANY; ++i) {
            operators.push(_join(i, 100));
        }
        mine(20);
    }

    function _cool() private {
        (address table,,) = governance.epochTable(governance.currentEpoch());
        vm.cool(table);
        vm.cool(governance.epochHead(governance.currentEpoch()).chunks[0]);
        vm.cool(address(center));
        vm.cool(address(governance));
        vm.cool(address(logic));
    }

    function _snapshotSubmit(CertificateKind kind, uint256 signers, string memory name) private {
        uint64 taskId = _evaluating();
        Claim memory claim = _claim(taskId, 0, longResult);
        bytes32 claimId = _claimId(taskId, claim, longResult);
        Certificate memory certificate = _certificate(kind, taskId, claimId, signers);
        _cool();
        center.submitTask(taskId, claim, longResult, certificate);
        vm.snapshotGasLastCall("AttestationCenter", name);
    }

    function test_gas_submitTask_sixOperators() external {
        _snapshotSubmit(CertificateKind.Approve, ALL, "approve, 6 operators, all signed");
    }

    function test_gas_reject_sixOperators() external {
        _snapshotSubmit(CertificateKind.Reject, ALL, "reject, 6 operators, all signed");
    }

    function test_gas_hundredOperators() external {
        _grow();
        governance.rollEpoch(type(uint32).max);
        _snapshotSubmit(
            CertificateKind.Approve, _bit(MANY) - 1, "approve, 100 operators, all signed"
        );
    }

    function test_gas_openAndFixSeed() external {
        _open();
        _cool();
        uint64 taskId = _open();
        vm.snapshotGasLastCall("AttestationCenter", "openTask");
        mine(FETCH_WINDOW + 1);
        _cool();
        center.fixSeed(taskId, abi.encode(keccak256("randao")));
        vm.snapshotGasLastCall("AttestationCenter", "fixSeed, without the proof");
    }

    function test_gas_claimFees() external {
        uint64[] memory taskIds = new uint64[](10);
        FeeCommitment[] memory committed = new FeeCommitment[](10);
        for (uint256 i; i < 10; ++i) {
            (taskIds[i], committed[i]) = _certified();
        }
        mine(_appealWindow());
        uint32[] memory indices = new uint32[](10);
        address operator = _at(taskIds[0], 0).operator;
        _cool();
        center.claimFees(operator, taskIds, indices, committed);
        vm.snapshotGasLastCall("AttestationCenter", "claimFees, 10 tasks");
    }

    function test_gas_submitSupplement() external {
        uint256 late = _bit(5);
        (uint64 taskId, FeeCommitment memory committed) = _certifiedBy(ALL & ~late);
        bytes32[4] memory signature = _votes(taskId, committed.claimId, 1, 1, late);
        _cool();
        center.submitSupplement(taskId, committed, committed.nonSigners, signature);
        vm.snapshotGasLastCall("AttestationCenter", "submitSupplement, one late vote");
    }
}
