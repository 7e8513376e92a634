// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title What is signed about tasks (specification 2.4 to 2.7)
/// @notice All of it names the chain and the AttestationCenter that the tasks are of: what is signed for the one is
/// nothing to another, and another chain can check it all the same.
library Digests {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Zarathustra");
    bytes32 private constant VERSION_HASH = keccak256("1");

    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)");
    bytes32 internal constant TASK_TYPEHASH = keccak256(
        "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)"
    );
    bytes32 internal constant VOTE_TYPEHASH = keccak256(
        "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)"
    );

    uint8 internal constant PURPOSE_CLAIM = 1;
    uint8 internal constant PURPOSE_APPEAL = 2;
    uint8 internal constant VERDICT_APPROVE = 1;
    uint8 internal constant VERDICT_REJECT = 2;

    /// @notice The hash of a task (2.4).
    function task(
        uint256 chainId,
        address center,
        uint64 taskId,
        uint16 kind,
        uint32 epoch,
        bytes32 seed,
        bytes32 subjectHash
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(TASK_TYPEHASH, chainId, center, taskId, kind, epoch, seed, subjectHash)
        );
    }

    /// @notice The identity of a claim (2.6), which is the same whoever asks.
    function claimId(bytes32 taskHash, uint32 turn, address performer, bytes32 resultHash)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(taskHash, turn, performer, resultHash));
    }

    /// @notice What a performer's claim signer signs (2.6).
    function claim(
        uint256 chainId,
        address center,
        bytes32 taskHash,
        uint32 turn,
        address performer,
        bytes32 resultHash
    ) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chainId, center)
        );
        return MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(CLAIM_TYPEHASH, taskHash, turn, performer, resultHash))
        );
    }

    /// @notice What an operator's vote on a claim signs (2.7).
    function vote(
        uint256 chainId,
        address center,
        bytes32 taskHash,
        bytes32 claimId_,
        uint8 purpose,
        uint8 verdict
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(VOTE_TYPEHASH, chainId, center, taskHash, claimId_, purpose, verdict)
        );
    }
}
