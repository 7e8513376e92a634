// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What an `improve` task is about, as one hash (specification 5.5)
library SubjectHash {
    bytes32 private constant SUBJECT_TYPEHASH = keccak256(
        "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)"
    );

    /// @param championCidHash Of the bytes of the champion's CID, as `challengerCidHash`.
    /// @param challengerSize Bytes.
    function compute(
        uint64 requestId,
        uint64 submissionId,
        bytes32 manifestDigest,
        bytes32 championDigest,
        bytes32 championCidHash,
        bytes32 challengerDigest,
        bytes32 challengerCidHash,
        uint64 challengerSize
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                SUBJECT_TYPEHASH,
                requestId,
                submissionId,
                manifestDigest,
                championDigest,
                championCidHash,
                challengerDigest,
                challengerCidHash,
                challengerSize
            )
        );
    }
}
