// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAVSRegistrar } from "../../src/interfaces/eigenlayer/IAVSRegistrar.sol";
import { BLS } from "../../src/libraries/BLS.sol";
import { BlsSigner } from "../utils/BlsSigner.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Who becomes a member, and how one leaves.
contract RegistrationTest is GovernanceFixture {
    function test_register_storesKeySignerAndPosition() external {
        Identity memory a = _identity(1);
        bytes memory key = BlsSigner.publicKeyBytes(a.secret);
        vm.expectEmit(address(governance));
        emit OperatorRegistered(a.operator, a.signer, key);
        _register(a.operator, _registration(a));
        Identity memory b = _join(2, 1);

        Operator memory known = governance.operatorInfo(a.operator);
        vm.assertEq(known.signer, a.signer);
        vm.assertEq(known.position, 1);
        vm.assertEq(known.registeredAt, 10_000);
        vm.assertEq(known.openFaults, 0);
        vm.assertEq(known.keyHash, keccak256(key));
        vm.assertEq(governance.blsKey(a.operator), key);
        vm.assertEq(governance.operatorInfo(b.operator).position, 2);
        vm.assertEq(governance.members().length, 2);
    }

    function test_register_onlyByAllocationManager() external {
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        vm.expectRevert(abi.encodeWithSelector(NotAllocationManager.selector, id.operator));
        vm.prank(id.operator);
        IAVSRegistrar(address(governance))
            .registerOperator(id.operator, address(governance), _setIds(), data);
    }

    function test_register_refusesOtherAvs() external {
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        vm.expectRevert(abi.encodeWithSelector(WrongAvs.selector, address(this)));
        eigen.callRegister(address(governance), id.operator, address(this), _setIds(), data);
    }

    function test_register_refusesOtherOperatorSet() external {
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        uint32[] memory ids = new uint32[](2);
        ids[1] = 7;
        vm.expectRevert(abi.encodeWithSelector(WrongOperatorSet.selector, 7));
        eigen.callRegister(address(governance), id.operator, address(governance), ids, data);
    }

    function test_register_refusesNoOperatorSet() external {
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        vm.expectRevert(NoOperatorSet.selector);
        eigen.callRegister(
            address(governance), id.operator, address(governance), new uint32[](0), data
        );
    }

    function test_register_refusesTwice() external {
        Identity memory id = _join(1, 1);
        bytes memory data = _registration(id);
        vm.expectRevert(abi.encodeWithSelector(AlreadyRegistered.selector, id.operator));
        _register(id.operator, data);
    }

    function test_register_allowListModeTakesOnlyAllowed() external {
        governance.setAllowListMode(true);
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        vm.expectRevert(abi.encodeWithSelector(NotAllowed.selector, id.operator));
        _register(id.operator, data);

        vm.expectEmit(address(governance));
        emit OperatorAllowed(id.operator, true);
        governance.setAllowed(id.operator, true);
        _register(id.operator, data);
        vm.assertEq(governance.operatorInfo(id.operator).position, 1);
    }

    function test_register_refusesBeyondCap() external {
        governance.setOperatorCap(1);
        _join(1, 1);
        Identity memory id = _identity(2);
        bytes memory data = _registration(id);
        vm.expectRevert(abi.encodeWithSelector(SetFull.selector, 1));
        _register(id.operator, data);
    }

    /* KEYS */

    /// A rogue key: the attacker's own key less a victim's. With it, the sum of both would be the attacker's key,
    /// and it could sign for the victim. It cannot prove possession, for it does not know its secret.
    function test_register_refusesRogueKey() external {
        Identity memory victim = _join(1, 1);
        Identity memory thief = _identity(2);
        BLS.G2Point memory rogue = BlsSigner.publicKey(victim.secret);
        BLS.negate(rogue);
        BLS.addAssign(rogue, BlsSigner.publicKey(thief.secret));
        bytes memory key = BLS.toBytes(rogue);
        bytes memory possession =
            BlsSigner.possession(thief.secret, governance.possessionDigest(thief.operator, key));

        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, thief.operator));
        _register(thief.operator, abi.encode(key, possession, thief.signer));
    }

    function test_register_possessionIsBoundToOperator() external {
        Identity memory a = _identity(1);
        Identity memory b = _identity(2);
        bytes memory data = _registration(a);
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, b.operator));
        _register(b.operator, data);
    }

    function test_register_possessionIsBoundToRegistry() external {
        Identity memory id = _identity(1);
        bytes memory key = BlsSigner.publicKeyBytes(id.secret);
        bytes32 elsewhere = _deploy(_parameters()).possessionDigest(id.operator, key);
        bytes memory possession = BlsSigner.possession(id.secret, elsewhere);
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, id.operator));
        _register(id.operator, abi.encode(key, possession, id.signer));
    }

    function test_register_possessionIsBoundToChain() external {
        Identity memory id = _identity(1);
        bytes memory data = _registration(id);
        vm.chainId(777);
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, id.operator));
        _register(id.operator, data);
    }

    function test_register_refusesVoteAsPossession() external {
        Identity memory id = _identity(1);
        bytes memory key = BlsSigner.publicKeyBytes(id.secret);
        bytes memory vote = BlsSigner.toBytes(
            BlsSigner.vote(id.secret, governance.possessionDigest(id.operator, key))
        );
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, id.operator));
        _register(id.operator, abi.encode(key, vote, id.signer));
    }

    function test_register_refusesInfinity() external {
        Identity memory id = _identity(1);
        bytes memory data = abi.encode(new bytes(192), new bytes(96), id.signer);
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, id.operator));
        _register(id.operator, data);
    }

    function test_register_refusesWrongLengths() external {
        Identity memory id = _identity(1);
        vm.expectRevert(abi.encodeWithSelector(InvalidKeyLength.selector, 191));
        _register(id.operator, abi.encode(new bytes(191), new bytes(96), id.signer));

        bytes memory key = BlsSigner.publicKeyBytes(id.secret);
        vm.expectRevert(abi.encodeWithSelector(BLS.InvalidPointLength.selector, 97, 96));
        _register(id.operator, abi.encode(key, new bytes(97), id.signer));
    }

    function test_register_refusesKeyOfAnother() external {
        Identity memory a = _join(1, 1);
        Identity memory b = _identity(2);
        b.secret = a.secret;
        bytes32 keyHash = keccak256(BlsSigner.publicKeyBytes(a.secret));
        bytes memory data = _registration(b);
        vm.expectRevert(abi.encodeWithSelector(KeyInUse.selector, keyHash));
        _register(b.operator, data);

        // A key keeps its operator when that has left.
        _leave(a.operator);
        vm.expectRevert(abi.encodeWithSelector(KeyInUse.selector, keyHash));
        _register(b.operator, data);
    }

    function test_register_refusesSignerOfAnother() external {
        Identity memory a = _join(1, 1);
        Identity memory b = _identity(2);
        b.signer = a.signer;
        bytes memory data = _registration(b);
        vm.expectRevert(abi.encodeWithSelector(SignerInUse.selector, a.signer));
        _register(b.operator, data);
    }

    function test_register_refusesZeroSigner() external {
        Identity memory id = _identity(1);
        id.signer = address(0);
        bytes memory data = _registration(id);
        vm.expectRevert(ZeroAddress.selector);
        _register(id.operator, data);
    }

    /* LEAVING */

    /// Positions are kept, so a place becomes free, and the next one to join takes the lowest.
    function test_leave_freesThePlace() external {
        Identity memory a = _join(1, 1);
        Identity memory b = _join(2, 1);
        Identity memory c = _join(3, 1);
        vm.expectEmit(address(governance));
        emit OperatorDeregistered(b.operator);
        _leave(b.operator);
        _leave(a.operator);

        address[] memory members = governance.members();
        vm.assertEq(members.length, 1);
        vm.assertEq(members[0], c.operator);
        vm.assertEq(governance.operatorInfo(c.operator).position, 3);
        vm.assertEq(governance.operatorInfo(a.operator).position, 0);
        vm.expectRevert(abi.encodeWithSelector(NotMember.selector, a.operator));
        governance.blsKey(a.operator);

        Identity memory d = _join(4, 1);
        vm.assertEq(governance.operatorInfo(d.operator).position, 1);
        _register(b.operator, _registration(b));
        vm.assertEq(governance.operatorInfo(b.operator).position, 2);
        members = governance.members();
        vm.assertEq(members.length, 3);
        vm.assertEq(members[0], d.operator);
        vm.assertEq(members[1], b.operator);
        vm.assertEq(members[2], c.operator);
    }

    function test_leave_andComeBackWithSameOrNewKey() external {
        Identity memory id = _join(1, 1);
        _leave(id.operator);
        _register(id.operator, _registration(id));
        vm.assertEq(governance.operatorInfo(id.operator).position, 1);

        _leave(id.operator);
        id.secret = 77;
        _register(id.operator, _registration(id));
        vm.assertEq(governance.blsKey(id.operator), BlsSigner.publicKeyBytes(77));
    }

    function test_leave_onlyByAllocationManager() external {
        Identity memory id = _join(1, 1);
        vm.expectRevert(abi.encodeWithSelector(NotAllocationManager.selector, id.operator));
        vm.prank(id.operator);
        IAVSRegistrar(address(governance))
            .deregisterOperator(id.operator, address(governance), _setIds());
    }

    /// A revert would keep an operator in the set, so nothing that AllocationManager says makes one.
    function testFuzz_leave_neverRevertsForAllocationManager(
        address operator,
        address avs,
        uint32[] calldata ids
    ) external {
        _join(1, 1);
        eigen.callDeregister(address(governance), operator, avs, ids);
        eigen.callDeregister(address(governance), operator, address(governance), ids);
        vm.assertEq(governance.members().length, 1);
    }

    function test_leave_ignoresOtherAvsAndOtherSets() external {
        Identity memory id = _join(1, 1);
        uint32[] memory other = new uint32[](1);
        other[0] = 3;
        eigen.callDeregister(address(governance), id.operator, address(governance), other);
        eigen.callDeregister(address(governance), id.operator, address(this), _setIds());
        vm.assertEq(governance.operatorInfo(id.operator).position, 1);
    }

    function test_eject_removesThroughEigenLayer() external {
        Identity memory id = _join(1, 1);
        governance.ejectOperator(id.operator);
        vm.assertEq(governance.members().length, 0);
        vm.expectRevert(abi.encodeWithSelector(NotMember.selector, id.operator));
        governance.ejectOperator(id.operator);
    }

    function test_supportsAvs_itself() external view {
        IAVSRegistrar registrar = IAVSRegistrar(address(governance));
        vm.assertTrue(registrar.supportsAVS(address(governance)));
        vm.assertFalse(registrar.supportsAVS(address(this)));
    }
}
