// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

interface IOthenticTypes {
    /// @notice A task as Othentic's contracts hand it on. Names and order are theirs.
    struct TaskInfo {
        string proofOfTask;
        bytes data;
        address taskPerformer;
        uint16 taskDefinitionId;
    }
}

/// @title The hook of a service written for Othentic
/// @notice Declared anew from the public ABI.
interface IOthenticAvsLogic is IOthenticTypes {
    function beforeTaskSubmission(
        TaskInfo calldata taskInfo,
        bool isApproved,
        bytes calldata tpSignature,
        uint256[2] calldata taSignature,
        uint256[] calldata attestersIds
    ) external;

    function afterTaskSubmission(
        TaskInfo calldata taskInfo,
        bool isApproved,
        bytes calldata tpSignature,
        uint256[2] calldata taSignature,
        uint256[] calldata attestersIds
    ) external;
}

/// @notice The events by which programs written for Othentic follow tasks. Names and order of fields are theirs.
interface IOthenticEvents {
    event TaskSubmitted(
        address indexed operator,
        uint32 taskNumber,
        string proofOfTask,
        bytes data,
        uint16 indexed taskDefinitionId,
        uint256[] attestersIds
    );
    event TaskRejected(
        address indexed operator,
        uint32 taskNumber,
        string proofOfTask,
        bytes data,
        uint16 indexed taskDefinitionId,
        uint256[] attestersIds
    );
}
