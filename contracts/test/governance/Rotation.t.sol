// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BlsSigner } from "../utils/BlsSigner.sol";
import { GovernanceFixture } from "./GovernanceFixture.sol";

/// @dev Rotation of keys with overlap (1.6).
contract RotationTest is GovernanceFixture {
    Identity internal a;
    Identity internal b;

    function setUp() public override {
        super.setUp();
        a = _join(1, 10);
        b = _join(2, 20);
        _rollAll();
        mine(20);
    }

    function _rotate(Identity memory id) private {
        (bytes memory key, bytes memory possession) = _proof(id);
        vm.prank(id.operator);
        governance.rotateKey(key, possession, id.signer);
    }

    function _proof(Identity memory id)
        private
        view
        returns (bytes memory key, bytes memory possession)
    {
        key = BlsSigner.publicKeyBytes(id.secret);
        possession = BlsSigner.possession(id.secret, governance.possessionDigest(id.operator, key));
    }

    function _checkRow(uint32 epoch, Identity memory id) private view {
        (address operator, address signer,,, bytes memory key) = governance.epochRow(epoch, 0);
        vm.assertEq(operator, id.operator);
        vm.assertEq(signer, id.signer);
        vm.assertEq(key, BlsSigner.publicKeyBytes(id.secret));
    }

    /// Votes in flight stay valid: the epoch that is there keeps the old key, the next one has the new.
    function test_rotate_countsFromTheNextEpoch() external {
        Identity memory renewed = a;
        renewed.secret = 42;
        renewed.signer = makeAddr("new signer");
        bytes memory key = BlsSigner.publicKeyBytes(42);
        vm.expectEmit(address(governance));
        emit KeyRotated(a.operator, renewed.signer, key);
        _rotate(renewed);

        _checkRow(1, a);
        vm.assertEq(governance.blsKey(a.operator), key);
        Operator memory info = governance.operatorInfo(a.operator);
        vm.assertEq(info.signer, renewed.signer);
        vm.assertEq(info.rotatedAt, 10_020);
        vm.assertEq(info.keyHash, keccak256(key));
        vm.assertFalse(governance.rollNeeded());

        _rollAll();
        _checkRow(1, a);
        _checkRow(2, renewed);
        vm.assertEq(
            governance.epochHead(1).aggregateKey, BlsSigner.publicKeyBytes(a.secret + b.secret)
        );
        vm.assertEq(governance.epochHead(2).aggregateKey, BlsSigner.publicKeyBytes(42 + b.secret));
    }

    function test_rotate_byMembersOnly() external {
        Identity memory stranger = _identity(3);
        (bytes memory key, bytes memory possession) = _proof(stranger);
        vm.expectRevert(abi.encodeWithSelector(NotMember.selector, stranger.operator));
        vm.prank(stranger.operator);
        governance.rotateKey(key, possession, stranger.signer);

        _leave(a.operator);
        (key, possession) = _proof(a);
        vm.expectRevert(abi.encodeWithSelector(NotMember.selector, a.operator));
        vm.prank(a.operator);
        governance.rotateKey(key, possession, a.signer);
    }

    function test_rotate_refusesWhatRegistrationRefuses() external {
        Identity memory renewed = a;
        renewed.secret = 42;
        (bytes memory key, bytes memory possession) = _proof(renewed);

        vm.expectRevert(abi.encodeWithSelector(InvalidKeyLength.selector, 191));
        vm.prank(a.operator);
        governance.rotateKey(new bytes(191), possession, a.signer);
        vm.expectRevert(ZeroAddress.selector);
        vm.prank(a.operator);
        governance.rotateKey(key, possession, address(0));
        vm.expectRevert(abi.encodeWithSelector(SignerInUse.selector, b.signer));
        vm.prank(a.operator);
        governance.rotateKey(key, possession, b.signer);

        // The possession is that of another operator.
        vm.expectRevert(abi.encodeWithSelector(InvalidPossession.selector, b.operator));
        vm.prank(b.operator);
        governance.rotateKey(key, possession, b.signer);

        // The key is another's, although its possession is proved.
        renewed = b;
        renewed.operator = a.operator;
        (key, possession) = _proof(renewed);
        vm.expectRevert(abi.encodeWithSelector(KeyInUse.selector, keccak256(key)));
        vm.prank(a.operator);
        governance.rotateKey(key, possession, a.signer);
    }

    /// Old identities stay the operator's, so that no old signature ever names another.
    function test_rotate_oldIdentitiesAreNobodyElses() external {
        Identity memory renewed = a;
        renewed.secret = 42;
        renewed.signer = makeAddr("new signer");
        _rotate(renewed);

        Identity memory c = _identity(3);
        c.secret = a.secret;
        bytes memory data = _registration(c);
        bytes32 keyHash = keccak256(BlsSigner.publicKeyBytes(a.secret));
        vm.expectRevert(abi.encodeWithSelector(KeyInUse.selector, keyHash));
        _register(c.operator, data);
        c = _identity(3);
        c.signer = a.signer;
        data = _registration(c);
        vm.expectRevert(abi.encodeWithSelector(SignerInUse.selector, a.signer));
        _register(c.operator, data);

        // It may go back to them itself.
        mine(100);
        _rotate(a);
        _rollAll();
        _checkRow(2, a);
    }

    /// Each rotation makes whoever rolls pay for a chunk.
    function test_rotate_notTimeAndAgain() external {
        Identity memory renewed = a;
        renewed.secret = 42;
        _rotate(renewed);
        renewed.secret = 43;
        mine(99);
        (bytes memory key, bytes memory possession) = _proof(renewed);
        vm.expectRevert(abi.encodeWithSelector(RotationTooSoon.selector, 10_119, 10_120));
        vm.prank(a.operator);
        governance.rotateKey(key, possession, a.signer);
        mine(1);
        _rotate(renewed);
    }

    /// Of a key that was replaced before any epoch had it, nothing is left in the tables.
    function test_rotate_andLeaveAndComeBack() external {
        Identity memory renewed = a;
        renewed.secret = 42;
        _rotate(renewed);
        _leave(a.operator);
        renewed.secret = 43;
        _register(a.operator, _registration(renewed));
        _rollAll();
        _checkRow(2, renewed);
    }
}
