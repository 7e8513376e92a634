// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { MarketParameters } from "./governance/MarketParameters.sol";
import { IAvsGovernance, IAvsGovernanceAdmin } from "./interfaces/IAvsGovernance.sol";
import { IAVSRegistrar } from "./interfaces/eigenlayer/IAVSRegistrar.sol";
import {
    IAllocationManager,
    IAllocationManagerTypes,
    OperatorSet
} from "./interfaces/eigenlayer/IAllocationManager.sol";
import { IDelegationManager } from "./interfaces/eigenlayer/IDelegationManager.sol";
import { BLS } from "./libraries/BLS.sol";
import { EpochTable } from "./libraries/EpochTable.sol";
import { SSTORE2 } from "solady/utils/SSTORE2.sol";

/// @title Operators, epochs, faults, parameters and the market's clock
/// @notice The AVS of EigenLayer's core and its own registrar. It holds no money and moves none.
/// @dev Deployment: AccessManager, this contract, AttestationCenter, then `setAttestationCenter` and `setUpAvs`.
contract AvsGovernance is MarketParameters, IAVSRegistrar {
    using EpochTable for address;

    /// @dev A member or former member.
    /// @param key Code contract with the 192 unpadded bytes of its BLS key.
    struct Member {
        address signer;
        uint32 position;
        uint64 registeredAt;
        address key;
        uint32 openFaults;
        bytes32 keyHash;
    }

    /// @dev One slot.
    struct Epoch {
        address table;
        uint48 snapshotBlock;
        uint48 certifiableUntil;
    }

    /// @notice The operator set of this AVS.
    uint32 public constant OPERATOR_SET_ID = 0;

    bytes32 public constant POP_TYPEHASH = keccak256(
        "ZarathustraPossession(uint256 chainId,address registry,address operator,bytes key)"
    );

    /// @dev Stake of one operator is cut here, so that no strategy's shares can make a roll revert: the sum over
    /// all operators fits uint128.
    uint256 private constant MAX_STAKE = type(uint112).max;

    /// @inheritdoc IAvsGovernance
    address public attestationCenter;
    /// @inheritdoc IAvsGovernance
    mapping(address operator => bool) public isAllowed;

    StrategyWeight[] private _strategies;
    address[] private _members;
    mapping(address operator => Member) private _memberOf;
    mapping(bytes32 keyHash => address operator) private _keyOwner;
    mapping(address signer => address operator) private _signerOwner;

    mapping(uint32 epoch => Epoch) private _epochs;

    /// @inheritdoc IAvsGovernance
    uint256 public faultCount;
    mapping(uint256 faultId => Fault) private _faults;

    /// @param authority An AccessManager.
    /// @param allocationManager_ EigenLayer's AllocationManager.
    /// @param delegationManager_ EigenLayer's DelegationManager.
    constructor(
        address authority,
        IAllocationManager allocationManager_,
        IDelegationManager delegationManager_,
        Parameters memory initial
    ) MarketParameters(authority, allocationManager_, delegationManager_, initial) { }

    modifier onlyAllocationManager() {
        if (msg.sender != address(allocationManager)) revert NotAllocationManager(msg.sender);
        _;
    }

    /* SET-UP */

    /// @inheritdoc IAvsGovernanceAdmin
    function setAttestationCenter(address attestationCenter_) external restricted {
        if (attestationCenter_ == address(0)) revert ZeroAddress();
        if (attestationCenter != address(0)) revert AlreadySet();
        attestationCenter = attestationCenter_;
        emit AttestationCenterSet(attestationCenter_);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function setUpAvs(string calldata metadataURI, StrategyWeight[] calldata strategies)
        external
        restricted
    {
        if (_strategies.length != 0) revert AlreadySet();
        if (strategies.length == 0) revert NoStrategies();

        address[] memory addresses = new address[](strategies.length);
        address last;
        for (uint256 i; i < strategies.length; ++i) {
            StrategyWeight calldata weight = strategies[i];
            if (weight.strategy <= last || weight.multiplier == 0) {
                revert InvalidStrategy(weight.strategy);
            }
            last = addresses[i] = weight.strategy;
            _strategies.push(weight);
            emit StrategySet(weight.strategy, weight.multiplier);
        }

        IAllocationManagerTypes.CreateSetParams[] memory sets =
            new IAllocationManagerTypes.CreateSetParams[](1);
        sets[0] = IAllocationManagerTypes.CreateSetParams({
            operatorSetId: OPERATOR_SET_ID, strategies: addresses
        });
        allocationManager.updateAVSMetadataURI(address(this), metadataURI);
        allocationManager.createOperatorSets(address(this), sets);
        allocationManager.setAVSRegistrar(address(this), address(this));
    }

    /// @inheritdoc IAvsGovernance
    function strategyWeights() external view returns (StrategyWeight[] memory) {
        return _strategies;
    }

    /* OPERATORS */

    /// @inheritdoc IAvsGovernanceAdmin
    function setAllowed(address operator, bool allowed) external restricted {
        isAllowed[operator] = allowed;
        emit OperatorAllowed(operator, allowed);
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function ejectOperator(address operator) external restricted {
        if (_memberOf[operator].position == 0) revert NotMember(operator);
        uint32[] memory ids = new uint32[](1);
        ids[0] = OPERATOR_SET_ID;
        allocationManager.deregisterFromOperatorSets(
            IAllocationManagerTypes.DeregisterParams({
                operator: operator, avs: address(this), operatorSetIds: ids
            })
        );
    }

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
        if (_memberOf[operator].position != 0) revert AlreadyRegistered(operator);
        if (_members.length >= _parameters.operatorCap) revert SetFull(_parameters.operatorCap);

        (bytes memory key, bytes memory possession, address signer) =
            abi.decode(data, (bytes, bytes, address));
        bytes32 keyHash = _claimIdentity(operator, key, signer);
        _checkPossession(operator, key, possession);

        _members.push(operator);
        Member storage member = _memberOf[operator];
        member.signer = signer;
        member.position = uint32(_members.length);
        member.registeredAt = uint64(block.number);
        // The same key need not be written again by one that comes back.
        if (member.keyHash != keyHash) {
            member.keyHash = keyHash;
            member.key = SSTORE2.write(key);
        }
        emit OperatorRegistered(operator, signer, key);
    }

    /// @inheritdoc IAVSRegistrar
    /// @dev A revert would keep the operator in EigenLayer's set, so what does not concern us is ignored.
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
        uint32 position = member.position;
        if (!leaves || position == 0) return;

        address last = _members[_members.length - 1];
        _members[position - 1] = last;
        _memberOf[last].position = position;
        _members.pop();
        member.position = 0;

        // One that joined after the newest snapshot is not in its table.
        if (member.registeredAt <= _epochs[_market.currentEpoch].snapshotBlock) {
            _market.rollNeeded = true;
        }
        emit OperatorDeregistered(operator);
    }

    /// @dev Key and signer belong for ever to the operator that first brought them, so that a signature always
    /// names one operator.
    function _claimIdentity(address operator, bytes memory key, address signer)
        private
        returns (bytes32 keyHash)
    {
        if (key.length != BLS.G2_UNPADDED) revert InvalidKeyLength(key.length);
        if (signer == address(0)) revert ZeroAddress();
        keyHash = keccak256(key);
        address keyOwner = _keyOwner[keyHash];
        if (keyOwner != address(0) && keyOwner != operator) revert KeyInUse(keyHash);
        address signerOwner = _signerOwner[signer];
        if (signerOwner != address(0) && signerOwner != operator) revert SignerInUse(signer);
        _keyOwner[keyHash] = operator;
        _signerOwner[signer] = operator;
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

    /// @inheritdoc IAvsGovernance
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

    /// @inheritdoc IAvsGovernance
    function operatorInfo(address operator) external view returns (Operator memory) {
        Member storage member = _memberOf[operator];
        return Operator({
            signer: member.signer,
            position: member.position,
            registeredAt: member.registeredAt,
            openFaults: member.openFaults,
            keyHash: member.keyHash
        });
    }

    /// @inheritdoc IAvsGovernance
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IAvsGovernance
    function blsKey(address operator) external view returns (bytes memory) {
        Member storage member = _memberOf[operator];
        if (member.position == 0) revert NotMember(operator);
        return SSTORE2.read(member.key);
    }

    /* EPOCHS */

    /// @inheritdoc IAvsGovernance
    function rollEpoch() external returns (uint32 epoch) {
        Market memory market = _market;
        if (market.currentEpoch != 0 && !market.rollNeeded) {
            uint256 rollableAt =
                uint256(_epochs[market.currentEpoch].snapshotBlock) + _parameters.minEpochAge;
            if (block.number < rollableAt) revert EpochTooYoung(block.number, rollableAt);
        }

        EpochTable.Row[] memory rows = _snapshot();
        if (rows.length == 0) revert NoStake();
        address table = EpochTable.write(rows);

        epoch = market.currentEpoch + 1;
        _epochs[epoch] = Epoch({
            table: table,
            snapshotBlock: uint48(block.number),
            certifiableUntil: uint48(block.number + _certifiableAge())
        });
        _market.currentEpoch = epoch;
        _market.rollNeeded = false;
        emit EpochRolled(epoch, uint64(block.number), uint32(rows.length), table.totalStake());
    }

    /// @dev A row for each member that is not at fault and has stake.
    function _snapshot() private view returns (EpochTable.Row[] memory rows) {
        address[] memory operators = _withoutFault();
        uint256[] memory stakes = _stakesOf(operators);

        rows = new EpochTable.Row[](operators.length);
        uint256 count;
        for (uint256 i; i < operators.length; ++i) {
            if (stakes[i] == 0) continue;
            Member storage member = _memberOf[operators[i]];
            rows[count++] = EpochTable.Row({
                operator: operators[i],
                signer: member.signer,
                stake: uint128(stakes[i]),
                key: SSTORE2.read(member.key)
            });
        }
        /// @solidity memory-safe-assembly
        assembly {
            // rows.length = count, which is not more
            mstore(rows, count)
        }
    }

    function _withoutFault() private view returns (address[] memory operators) {
        operators = _members;
        uint256 count;
        for (uint256 i; i < operators.length; ++i) {
            if (_memberOf[operators[i]].openFaults == 0) operators[count++] = operators[i];
        }
        /// @solidity memory-safe-assembly
        assembly {
            // operators.length = count, which is not more
            mstore(operators, count)
        }
    }

    /// @dev Weighted stake that stays slashable until the last block in which a fault of a task that opens on
    /// this snapshot can be executed.
    function _stakesOf(address[] memory operators) private view returns (uint256[] memory stakes) {
        stakes = new uint256[](operators.length);
        if (operators.length == 0) return stakes;
        StrategyWeight[] memory strategies = _strategies;
        uint256[][] memory shares = allocationManager.getMinimumSlashableStake(
            OperatorSet({ avs: address(this), id: OPERATOR_SET_ID }),
            operators,
            _strategyAddresses(),
            uint32(block.number + _parameters.maxSnapshotAge + slashingHorizon())
        );
        for (uint256 i; i < operators.length; ++i) {
            uint256 stake;
            for (uint256 j; j < strategies.length; ++j) {
                // Cut before the product, which then cannot overflow, and after it.
                uint256 share = shares[i][j];
                if (share > type(uint128).max) share = type(uint128).max;
                stake += share * strategies[j].multiplier / WAD;
            }
            stakes[i] = stake > MAX_STAKE ? MAX_STAKE : stake;
        }
    }

    function _strategyAddresses() private view returns (address[] memory addresses) {
        addresses = new address[](_strategies.length);
        for (uint256 i; i < addresses.length; ++i) {
            addresses[i] = _strategies[i].strategy;
        }
    }

    /// @inheritdoc IAvsGovernance
    function currentEpoch() external view returns (uint32) {
        return _market.currentEpoch;
    }

    /// @inheritdoc IAvsGovernance
    function rollNeeded() external view returns (bool) {
        return _market.rollNeeded;
    }

    /// @inheritdoc IAvsGovernance
    function epochUsable() external view returns (bool) {
        Market memory market = _market;
        if (market.currentEpoch == 0 || market.rollNeeded) return false;
        uint256 snapshotBlock = _epochs[market.currentEpoch].snapshotBlock;
        return block.number <= snapshotBlock + _parameters.maxSnapshotAge;
    }

    /// @inheritdoc IAvsGovernance
    function epochTable(uint32 epoch)
        external
        view
        returns (address table, uint64 snapshotBlock, uint64 certifiableUntil)
    {
        Epoch memory entry = _epochs[epoch];
        return (entry.table, entry.snapshotBlock, entry.certifiableUntil);
    }

    /// @inheritdoc IAvsGovernance
    function epochHead(uint32 epoch) external view returns (EpochHead memory) {
        Epoch memory entry = _knownEpoch(epoch);
        return EpochHead({
            snapshotBlock: entry.snapshotBlock,
            certifiableUntil: entry.certifiableUntil,
            count: uint32(entry.table.count()),
            totalStake: entry.table.totalStake(),
            table: entry.table,
            keyChunks: entry.table.keyChunks(),
            aggregateKey: BLS.toBytes(entry.table.aggregateKey())
        });
    }

    /// @inheritdoc IAvsGovernance
    function epochRow(uint32 epoch, uint32 index)
        external
        view
        returns (address operator, address signer, uint128 stake, uint128 prefix, bytes memory key)
    {
        address table = _knownEpoch(epoch).table;
        (operator, signer) = table.addressesAt(index);
        (stake, prefix) = table.stakeAt(index);
        key = BLS.toBytes(table.keyAt(index));
    }

    function _knownEpoch(uint32 epoch) private view returns (Epoch memory entry) {
        entry = _epochs[epoch];
        if (entry.table == address(0)) revert UnknownEpoch(epoch);
    }

    /* FAULTS */

    /// @inheritdoc IAvsGovernance
    function recordFault(address operator, FaultKind kind, uint64 taskId, bytes32 claimId)
        external
        returns (uint256 faultId)
    {
        if (msg.sender != attestationCenter) revert NotAttestationCenter(msg.sender);
        faultId = ++faultCount;
        uint64 executableAt = uint64(block.number + _parameters.vetoWindow);
        _faults[faultId] = Fault({
            operator: operator,
            kind: kind,
            executed: false,
            vetoed: false,
            executableAt: executableAt,
            taskId: taskId,
            claimId: claimId
        });
        ++_memberOf[operator].openFaults;
        _market.rollNeeded = true;
        emit FaultRecorded(faultId, operator, kind, taskId, claimId, executableAt);
    }

    /// @inheritdoc IAvsGovernance
    function executeFault(uint256 faultId) external {
        Fault storage entry = _openFault(faultId);
        if (block.number < entry.executableAt) {
            revert FaultNotExecutable(faultId, entry.executableAt, block.number);
        }
        address operator = entry.operator;
        entry.executed = true;
        --_memberOf[operator].openFaults;
        _market.rollNeeded = true;
        uint256 wads = _parameters.wadsToSlash;
        emit FaultExecuted(faultId, operator, wads);

        address[] memory strategies = _strategyAddresses();
        uint256[] memory wadsOf = new uint256[](strategies.length);
        for (uint256 i; i < wadsOf.length; ++i) {
            wadsOf[i] = wads;
        }
        allocationManager.slashOperator(
            address(this),
            IAllocationManagerTypes.SlashingParams({
                operator: operator,
                operatorSetId: OPERATOR_SET_ID,
                strategies: strategies,
                wadsToSlash: wadsOf,
                description: "Zarathustra: claim rejected by a quorum"
            })
        );
    }

    /// @inheritdoc IAvsGovernanceAdmin
    function vetoFault(uint256 faultId) external restricted {
        Fault storage entry = _openFault(faultId);
        entry.vetoed = true;
        --_memberOf[entry.operator].openFaults;
        emit FaultVetoed(faultId, entry.operator);
    }

    function _openFault(uint256 faultId) private view returns (Fault storage entry) {
        entry = _faults[faultId];
        if (entry.kind == FaultKind.None) revert UnknownFault(faultId);
        if (entry.executed) revert FaultAlreadyExecuted(faultId);
        if (entry.vetoed) revert FaultIsVetoed(faultId);
    }

    /// @inheritdoc IAvsGovernance
    function fault(uint256 faultId) external view returns (Fault memory) {
        return _faults[faultId];
    }
}
