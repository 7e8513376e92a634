// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IOthenticAvsLogic } from "../../src/interfaces/othentic/IOthenticAvsLogic.sol";

/// @dev A hook as somebody would write it for Othentic: it knows its attestation center and no one else, and counts.
contract OthenticHook is IOthenticAvsLogic {
    error NotAttestationCenter(address caller);

    address public attestationCenter;
    uint256 public befores;
    uint256 public afters;
    bool public isApproved;
    bytes public tpSignature;
    uint256[2] public taSignature;
    TaskInfo private _info;
    uint256[] private _attesters;

    function setAttestationCenter(address center) external {
        attestationCenter = center;
    }

    function beforeTaskSubmission(
        TaskInfo calldata taskInfo,
        bool isApproved_,
        bytes calldata tpSignature_,
        uint256[2] calldata taSignature_,
        uint256[] calldata attestersIds
    ) external {
        if (msg.sender != attestationCenter) {
            revert NotAttestationCenter(msg.sender);
        }
        ++befores;
        _info = taskInfo;
        isApproved = isApproved_;
        tpSignature = tpSignature_;
        taSignature = taSignature_;
        _attesters = attestersIds;
    }

    function afterTaskSubmission(
        TaskInfo calldata taskInfo,
        bool isApproved_,
        bytes calldata tpSignature_,
        uint256[2] calldata taSignature_,
        uint256[] calldata attestersIds
    ) external {
        if (msg.sender != attestationCenter) {
            revert NotAttestationCenter(msg.sender);
        }
        require(isApproved_ == isApproved && attestersIds.length == _attesters.length);
        require(keccak256(tpSignature_) == keccak256(tpSignature));
        require(taSignature_[0] == taSignature[0] && taSignature_[1] == taSignature[1]);
        require(keccak256(abi.encode(taskInfo)) == keccak256(abi.encode(_info)));
        ++afters;
    }

    function info() external view returns (TaskInfo memory) {
        return _info;
    }

    function attesters() external view returns (uint256[] memory) {
        return _attesters;
    }
}

/// @dev A hook that does harm, in the second of its calls.
contract HostileHook is IOthenticAvsLogic {
    error Refused(uint256 befores);

    enum Mode {
        Honest,
        Reverts,
        BurnsGas,
        ReturnsBomb,
        RevertsWithBomb,
        Calls
    }

    /// @dev Bytes of a bomb: more than may be copied with what `hookGas` leaves, less than it costs to make.
    uint256 private constant BOMB = 40_000;

    Mode public mode;
    uint256 public befores;
    uint256 public afters;
    address private _target;
    bytes private _data;
    bool public callSucceeded;
    bytes public callAnswer;

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setCall(address target, bytes calldata data) external {
        mode = Mode.Calls;
        (_target, _data) = (target, data);
    }

    function beforeTaskSubmission(
        TaskInfo calldata,
        bool,
        bytes calldata,
        uint256[2] calldata,
        uint256[] calldata
    ) external {
        ++befores;
    }

    function afterTaskSubmission(
        TaskInfo calldata,
        bool,
        bytes calldata,
        uint256[2] calldata,
        uint256[] calldata
    ) external {
        ++afters;
        if (mode == Mode.Reverts) revert Refused(befores);
        if (mode == Mode.BurnsGas) {
            while (true) { }
        }
        if (mode == Mode.ReturnsBomb || mode == Mode.RevertsWithBomb) {
            bool reverts = mode == Mode.RevertsWithBomb;
            uint256 size = BOMB;
            assembly ("memory-safe") {
                if reverts { revert(0x80, size) }
                return(0x80, size)
            }
        }
        if (mode == Mode.Calls) (callSucceeded, callAnswer) = _target.call(_data);
    }
}
