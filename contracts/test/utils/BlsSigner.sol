// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { BLS } from "../../src/libraries/BLS.sol";

/// @title Keys and signatures for tests, by the multiplication precompiles of EIP-2537
/// @dev Secret keys are small known numbers here. What `BLS` accepts is established with vectors of other
/// implementations; this only makes votes for tests of what uses it.
library BlsSigner {
    error PrecompileFailed(address precompile);

    /// @notice `secret · g2`.
    function publicKey(uint256 secret) internal view returns (BLS.G2Point memory key) {
        bytes memory output = _call(
            address(0x0e),
            abi.encodePacked(
                uint256(0x024aa2b2f08f0a91260805272dc51051),
                uint256(0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8),
                uint256(0x13e02b6052719f607dacd3a088274f65),
                uint256(0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e),
                uint256(0x0ce5d527727d6e118cc9cdc6da2e351a),
                uint256(0xadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801),
                uint256(0x0606c4a02ea734cc32acd2b02bc28b99),
                uint256(0xcb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be),
                secret
            )
        );
        return abi.decode(output, (BLS.G2Point));
    }

    /// @notice The 192 unpadded bytes of a public key.
    function publicKeyBytes(uint256 secret) internal view returns (bytes memory) {
        return BLS.toBytes(publicKey(secret));
    }

    /// @notice A vote: signature of a digest under the tag of votes.
    function vote(uint256 secret, bytes32 digest) internal view returns (BLS.G1Point memory) {
        return sign(secret, abi.encodePacked(digest), BLS.VOTE_TAG);
    }

    /// @notice A proof of possession over `digest`, 96 unpadded bytes.
    function possession(uint256 secret, bytes32 digest) internal view returns (bytes memory) {
        return toBytes(sign(secret, abi.encodePacked(digest), BLS.POSSESSION_TAG));
    }

    /// @notice `secret · H(message)`.
    function sign(uint256 secret, bytes memory message, bytes memory tag)
        internal
        view
        returns (BLS.G1Point memory)
    {
        BLS.G1Point memory hashed = BLS.hashToG1(message, tag);
        return abi.decode(_call(address(0x0c), abi.encode(hashed, secret)), (BLS.G1Point));
    }

    function add(BLS.G1Point memory a, BLS.G1Point memory b)
        internal
        view
        returns (BLS.G1Point memory)
    {
        return abi.decode(_call(address(0x0b), abi.encode(a, b)), (BLS.G1Point));
    }

    /// @notice A signature in the four words of a certificate.
    function toWords(BLS.G1Point memory point) internal pure returns (bytes32[4] memory) {
        return [point.xHi, point.xLo, point.yHi, point.yLo];
    }

    /// @notice The 96 unpadded bytes of a signature.
    function toBytes(BLS.G1Point memory point) internal pure returns (bytes memory) {
        return abi.encodePacked(
            uint128(uint256(point.xHi)), point.xLo, uint128(uint256(point.yHi)), point.yLo
        );
    }

    function _call(address precompile, bytes memory input) private view returns (bytes memory) {
        (bool ok, bytes memory output) = precompile.staticcall(input);
        if (!ok || output.length == 0) revert PrecompileFailed(precompile);
        return output;
    }
}
