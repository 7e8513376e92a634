// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsGovernanceAdmin, IAvsGovernanceCore } from "../interfaces/IAvsGovernance.sol";
import { IAVSRegistrar } from "../interfaces/eigenlayer/IAVSRegistrar.sol";
import { IAllocationManagerTypes } from "../interfaces/eigenlayer/IAllocationManager.sol";
import { BLS } from "../libraries/BLS.sol";
import { EpochTable } from "../libraries/EpochTable.sol";
import { MarketParameters } from "./MarketParameters.sol";
import { LibBit } from "solady/utils/LibBit.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title Members, their keys and their positions (specification 1.6)
abstract contract OperatorRegistry is MarketParameters, IAVSRegistrar {
    using EpochTable for address;

    bytes32 public constant POP_TYPEHASH = keccak256(
        "ZarathustraPossession(uint256 chainId,address registry,address operator,bytes key)"
    );

    /// @inheritdoc IAvsGovernanceCore
    mapping(address operator => bool) public isAllowed;

    mapping(bytes32 keyHash => address operator) private _keyOwner;
    mapping(address signer => address operator) private _signerOwner;

    modifier onlyAllocationManager() {
        if (msg.sender != address(allocationManager)) revert NotAllocationManager(msg.sender);
        _;
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setAllowed(address operator, bool allowed) external restricted {
        isAllowed[operator] = allowed;
        emit OperatorAllowed(operator, allowed);
    }

    /* THROUGH EIGENLAYER */

    /// @inheritdoc IAVSRegistrar
    function supportsAVS(address avs) external view returns (bool) {
        return avs == address(this);
    }

    /// @inheritdoc IAVSRegistrar
    function registerOperator(
        address operator,
        address avs,
        uint32[] calldata operatorSetIds,
        bytes calldata data
    ) external onlyAllocationManager {
        if (avs != address(this)) revert WrongAvs(avs);
        if (operatorSetIds.length == 0) revert NoOperatorSet();
        for (uint256 i; i < operatorSetIds.length; ++i) {
            if (operatorSetIds[i] != OPERATOR_SET_ID) revert WrongOperatorSet(operatorSetIds[i]);
        }
        if (_parameters.allowListMode && !isAllowed[operator]) revert NotAllowed(operator);
        Member storage member = _memberOf[operator];
        if (member.position != 0) revert AlreadyRegistered(operator);
        uint256 occupied = _occupied;
        uint256 cap = _parameters.operatorCap;
        if (LibBit.popCount(occupied) >= cap) revert SetFull(cap);

        (bytes memory key, bytes memory possession, address signer) =
            abi.decode(data, (bytes, bytes, address));
        _setIdentity(member, operator, key, possession, signer);

        // Fewer than 256 are held, so one is free; the lowest keeps tables short.
        uint256 position = LibBit.ffs(~occupied);
        _occupied = occupied | _bit(position);
        _dirty |= _bit(position);
        if (member.openFaults == 0) _eligible |= _bit(position);
        _operatorAt[position] = operator;
        member.position = uint32(position) + 1;
        member.registeredAt = uint48(block.number);
        emit OperatorRegistered(operator, signer, key);
    }

    /// @inheritdoc IAVSRegistrar
    /// @dev A revert would keep the operator in EigenLayer's set, so what does not concern us is ignored. The work
    /// does not grow with members, and depends on no roll.
    function deregisterOperator(address operator, address avs, uint32[] calldata operatorSetIds)
        external
        onlyAllocationManager
    {
        if (avs != address(this)) return;
        bool leaves;
        for (uint256 i; i < operatorSetIds.length; ++i) {
            if (operatorSetIds[i] == OPERATOR_SET_ID) leaves = true;
        }
        Member storage member = _memberOf[operator];
        if (!leaves || member.position == 0) return;

        uint256 position = member.position - 1;
        member.position = 0;
        _occupied &= ~_bit(position);
        _uncount(position);
        // One without stake in the newest table makes nobody roll. Where the row is another's, which held the
        // position before, that one's leaving made a roll necessary already.
        if (_epochs[_market.currentEpoch].table.hasStake(position)) _market.rollNeeded = true;
        emit OperatorDeregistered(operator);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function ejectOperator(address operator) external restricted {
        _eject(operator);
    }

    function _eject(address operator) internal {
        if (_memberOf[operator].position == 0) revert NotMember(operator);
        uint32[] memory ids = new uint32[](1);
        ids[0] = OPERATOR_SET_ID;
        allocationManager.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams({
                operator: operator, avs: address(this), operatorSetIds: ids
            })
        );
    }

    /* IDENTITIES */

    /// @inheritdoc IAvsGovernanceCore
    function rotateKey(bytes calldata key, bytes calldata possession, address signer) external {
        Member storage member = _memberOf[msg.sender];
        if (member.position == 0) revert NotMember(msg.sender);
        // The roller pays for writing a chunk, so nobody makes it dirty time and again.
        if (member.rotatedAt != 0) {
            uint256 rotatableAt = uint256(member.rotatedAt) + _parameters.maxSnapshotAge;
            if (block.number < rotatableAt) revert RotationTooSoon(block.number, rotatableAt);
        }
        _setIdentity(member, msg.sender, key, possession, signer);
        member.rotatedAt = uint48(block.number);
        _dirty |= _bit(member.position - 1);
        emit KeyRotated(msg.sender, signer, key);
    }

    /// @dev Key and signer belong for ever to the operator that first brought them, so that a signature always
    /// names one operator.
    function _setIdentity(
        Member storage member,
        address operator,
        bytes memory key,
        bytes memory possession,
        address signer
    ) private {
        if (key.length != BLS.G2_UNPADDED) revert InvalidKeyLength(key.length);
        if (signer == address(0)) revert ZeroAddress();
        bytes32 keyHash = keccak256(key);
        address keyOwner = _keyOwner[keyHash];
        if (keyOwner != address(0) && keyOwner != operator) revert KeyInUse(keyHash);
        address signerOwner = _signerOwner[signer];
        if (signerOwner != address(0) && signerOwner != operator) revert SignerInUse(signer);
        _checkPossession(operator, key, possession);

        _keyOwner[keyHash] = operator;
        _signerOwner[signer] = operator;
        member.signer = signer;
        // The same key need not be written again.
        if (member.keyHash != keyHash) {
            member.keyHash = keyHash;
            member.key = SSTORE2.write(key);
        }
    }

    /// @dev Without it an operator could register a key made of others' keys and sign for all of them.
    function _checkPossession(address operator, bytes memory key, bytes memory possession)
        private
        view
    {
        bool valid = BLS.verify(
            BLS.g1FromBytes(possession),
            BLS.g2FromBytes(key),
            abi.encodePacked(_possessionDigest(operator, key)),
            BLS.POSSESSION_TAG
        );
        if (!valid) revert InvalidPossession(operator);
    }

    /// @inheritdoc IAvsGovernanceCore
    function possessionDigest(address operator, bytes calldata key)
        external
        view
        returns (bytes32)
    {
        return _possessionDigest(operator, key);
    }

    function _possessionDigest(address operator, bytes memory key) private view returns (bytes32) {
        return keccak256(abi.encode(POP_TYPEHASH, block.chainid, address(this), operator, key));
    }

    /* VIEWS */

    /// @inheritdoc IAvsGovernanceCore
    function operatorInfo(address operator) external view returns (Operator memory) {
        Member storage member = _memberOf[operator];
        return Operator({
            signer: member.signer,
            position: member.position,
            registeredAt: member.registeredAt,
            rotatedAt: member.rotatedAt,
            openFaults: member.openFaults,
            keyHash: member.keyHash
        });
    }

    /// @inheritdoc IAvsGovernanceCore
    function members() external view returns (address[] memory operators) {
        uint256 occupied = _occupied;
        operators = new address[](LibBit.popCount(occupied));
        for (uint256 i; i < operators.length; ++i) {
            operators[i] = _operatorAt[LibBit.ffs(occupied)];
            occupied &= occupied - 1; // clears the bit just found
        }
    }

    /// @inheritdoc IAvsGovernanceCore
    function blsKey(address operator) external view returns (bytes memory) {
        Member storage member = _memberOf[operator];
        if (member.position == 0) revert NotMember(operator);
        return SSTORE2.read(member.key);
    }
}
