// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { AvsGovernance } from "../../src/AvsGovernance.sol";
import {
    IAvsGovernance,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents,
    IAvsGovernanceTypes
} from "../../src/interfaces/IAvsGovernance.sol";
import {
    IAllocationManager,
    IAllocationManagerTypes
} from "../../src/interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "../../src/interfaces/eigenlayer/IDelegationManager.sol";
import { AllocationManagerDouble, DelegationManagerDouble } from "../mocks/EigenLayerDoubles.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { Test } from "../utils/Test.sol";
import { AccessManager } from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @dev AvsGovernance over doubles of EigenLayer, with two strategies of which a share of the second weighs half.
/// The test is the administrator.
abstract contract GovernanceSetUp is Test, IAvsGovernanceTypes {
    /// @param secret Its BLS key.
    /// @param signerKey Private key of its claim signer.
    struct Identity {
        address operator;
        address signer;
        uint256 signerKey;
        uint256 secret;
    }

    uint32 internal constant DEALLOCATION_DELAY = 1000;
    uint32 internal constant WITHDRAWAL_DELAY = 900;
    uint64 internal constant GUARDIAN = 1;

    AccessManager internal manager;
    AllocationManagerDouble internal eigen;
    DelegationManagerDouble internal delegation;
    IAvsGovernance internal governance;
    address internal strategyA;
    address internal strategyB;

    function setUp() public virtual {
        vm.roll(10_000);
        manager = new AccessManager(address(this));
        eigen = new AllocationManagerDouble(DEALLOCATION_DELAY);
        delegation = new DelegationManagerDouble(WITHDRAWAL_DELAY);
        governance = _deploy(_parameters());
        (strategyA, strategyB) = (address(0xA000), address(0xB000));
        governance.setUpAvs("ipfs://metadata", _weights());
    }

    function _deploy(Parameters memory parameters) internal returns (IAvsGovernance) {
        AvsGovernance deployed = new AvsGovernance(
            address(manager),
            IAllocationManager(address(eigen)),
            IDelegationManager(address(delegation)),
            parameters
        );
        return IAvsGovernance(address(deployed));
    }

    /// @dev Horizon 680; 780 with the snapshot's age.
    function _parameters() internal pure returns (Parameters memory) {
        return Parameters({
            maxSnapshotAge: 100,
            minEpochAge: 20,
            maxTaskLife: 500,
            maxAppealWindow: 100,
            evidenceWindow: 50,
            vetoWindow: 30,
            operatorCap: 50,
            missLimit: 10,
            missDecay: 40,
            wadsToSlash: 0.1e18,
            allowListMode: false
        });
    }

    function _weights() internal view returns (StrategyWeight[] memory weights) {
        weights = new StrategyWeight[](2);
        weights[0] = StrategyWeight({ strategy: strategyA, multiplier: 1e18 });
        weights[1] = StrategyWeight({ strategy: strategyB, multiplier: 0.5e18 });
    }

    /* OPERATORS */

    function _identity(uint256 number) internal returns (Identity memory id) {
        id.operator = makeAddr(string.concat("operator ", vm.toString(number)));
        (id.signer, id.signerKey) = makeAddrAndKey(string.concat("signer ", vm.toString(number)));
        id.secret = 1000 + number;
    }

    function _registration(Identity memory id) internal view returns (bytes memory) {
        bytes memory key = BlsSigner.publicKeyBytes(id.secret);
        bytes memory possession =
            BlsSigner.possession(id.secret, governance.possessionDigest(id.operator, key));
        return abi.encode(key, possession, id.signer);
    }

    function _register(address operator, bytes memory data) internal {
        eigen.registerForOperatorSets(
            operator,
            IAllocationManagerTypes.RegisterParams({
                avs: address(governance), operatorSetIds: _setIds(), data: data
            })
        );
    }

    /// @dev Operator `number` joins with a stake of strategy A.
    function _join(uint256 number, uint256 stake) internal returns (Identity memory id) {
        id = _identity(number);
        eigen.setStake(id.operator, strategyA, stake);
        _register(id.operator, _registration(id));
    }

    function _leave(address operator) internal {
        vm.prank(operator);
        eigen.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams({
                operator: operator, avs: address(governance), operatorSetIds: _setIds()
            })
        );
    }

    function _setIds() internal pure returns (uint32[] memory ids) {
        ids = new uint32[](1);
    }

    /* EPOCHS */

    /// @dev Writes an epoch in one call.
    function _rollAll() internal returns (uint32) {
        return governance.rollEpoch(type(uint32).max);
    }

    /// @dev Stake of an operator in an epoch, which has no more than one row with stake for it.
    function _stakeIn(uint32 epoch, address operator) internal view returns (uint128 stake) {
        uint32 rows = governance.epochHead(epoch).count;
        for (uint32 i; i < rows; ++i) {
            (address holder,, uint128 here,,) = governance.epochRow(epoch, i);
            if (here == 0 || holder != operator) continue;
            vm.assertEq(stake, 0, "counted twice");
            stake = here;
        }
    }

    /* ACCESS */

    function _expectUnauthorized(address caller) internal {
        vm.expectRevert(abi.encodeWithSignature("AccessManagedUnauthorized(address)", caller));
        vm.prank(caller);
    }
}

/// @dev The same, with the errors and events by name.
abstract contract GovernanceFixture is
    GovernanceSetUp,
    IAvsGovernanceErrors,
    IAvsGovernanceEvents
{ }
