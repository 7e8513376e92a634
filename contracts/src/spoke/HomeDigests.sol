// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISpokeTypes } from "../interfaces/ISpoke.sol";
import { MessageHashUtils } from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title What operators sign at home, taken on another chain (specification 2.4 to 2.7 and 5.5)
library HomeDigests {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant CLAIM_TYPEHASH =
        keccak256("Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)");
    bytes32 private constant TASK_TYPEHASH = keccak256(
        "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)"
    );
    bytes32 private constant VOTE_TYPEHASH = keccak256(
        "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)"
    );
    bytes32 private constant SUBJECT_TYPEHASH = keccak256(
        "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)"
    );
    uint8 private constant PURPOSE_CLAIM = 1;
    uint8 private constant VERDICT_APPROVE = 1;

    function task(uint256 chainId, address center, ISpokeTypes.ResultProof calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                TASK_TYPEHASH,
                chainId,
                center,
                proof.taskId,
                proof.kind,
                proof.epoch,
                proof.seed,
                proof.subjectHash
            )
        );
    }

    /// @notice What a performer's claim signer signs.
    function claim(
        uint256 chainId,
        address center,
        bytes32 taskHash,
        uint32 turn,
        address performer,
        bytes32 resultHash
    ) internal pure returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Zarathustra"), keccak256("1"), chainId, center)
        );
        return MessageHashUtils.toTypedDataHash(
            domain, keccak256(abi.encode(CLAIM_TYPEHASH, taskHash, turn, performer, resultHash))
        );
    }

    /// @notice What an attester that approves a claim signs.
    function approval(uint256 chainId, address center, bytes32 taskHash, bytes32 claimId)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                VOTE_TYPEHASH, chainId, center, taskHash, claimId, PURPOSE_CLAIM, VERDICT_APPROVE
            )
        );
    }

    function subject(ISpokeTypes.Subject calldata subject_) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUBJECT_TYPEHASH, subject_));
    }
}
