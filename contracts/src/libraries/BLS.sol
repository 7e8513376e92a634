// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title BLS signatures on BLS12-381, keys in G2 and signatures in G1
/// @notice Verification and key arithmetic over the precompiles of EIP-2537.
/// @dev Two forms of a point are in use:
///
/// - unpadded (storage, contract code, calldata of keys): coordinates of 48 bytes, big-endian;
///   G1 is `x ‖ y` (96 bytes), G2 is `x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1` (192 bytes);
/// - padded (memory): each coordinate in two words, as the precompiles take it. The structs below
///   have exactly that layout, and so has `bytes32[4]` for G1.
///
/// What the precompiles check, and hence what this library leaves to them: top bytes of a padded
/// coordinate are zero, coordinates are below the field's modulus, points are on the curve; and, in
/// the pairing only, that points are in the subgroup of prime order. Infinity (all zeros) is a valid
/// point for them; `verify` refuses it.
library BLS {
    /// @notice A padded point of G1.
    struct G1Point {
        bytes32 xHi;
        bytes32 xLo;
        bytes32 yHi;
        bytes32 yLo;
    }

    /// @notice A padded point of G2; `x = x0 + x1·u`.
    struct G2Point {
        bytes32 x0Hi;
        bytes32 x0Lo;
        bytes32 x1Hi;
        bytes32 x1Lo;
        bytes32 y0Hi;
        bytes32 y0Lo;
        bytes32 y1Hi;
        bytes32 y1Lo;
    }

    /// @notice An unpadded point has the wrong number of bytes.
    error InvalidPointLength(uint256 length, uint256 expected);
    /// @notice A point is not canonical or not on the curve.
    error InvalidPoint();
    /// @notice A domain separation tag is longer than 255 bytes.
    error TagTooLong(uint256 length);
    /// @notice A precompile that hashing needs failed: not on this chain, or out of gas.
    error HashToCurveFailed();

    /// @notice Ciphersuite of votes (specification 2.7).
    bytes internal constant VOTE_TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    /// @notice Ciphersuite of proofs of possession (specification 2.8).
    bytes internal constant POSSESSION_TAG = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

    uint256 internal constant G1_UNPADDED = 96;
    uint256 internal constant G2_UNPADDED = 192;

    /// @dev Modulus of the base field, in two words.
    uint256 private constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LO =
        0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// @dev The generator of G2, negated, in the order of `G2Point`.
    uint256 private constant NEG_G2_X0_HI = 0x024aa2b2f08f0a91260805272dc51051;
    uint256 private constant NEG_G2_X0_LO =
        0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8;
    uint256 private constant NEG_G2_X1_HI = 0x13e02b6052719f607dacd3a088274f65;
    uint256 private constant NEG_G2_X1_LO =
        0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e;
    uint256 private constant NEG_G2_Y0_HI = 0x0d1b3cc2c7027888be51d9ef691d77bc;
    uint256 private constant NEG_G2_Y0_LO =
        0xb679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa;
    uint256 private constant NEG_G2_Y1_HI = 0x13fa4d4a0ad8b1ce186ed5061789213d;
    uint256 private constant NEG_G2_Y1_LO =
        0x993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed;

    /* VERIFICATION */

    /// @notice Whether `signature` is `key`'s signature of `message`: e(signature, -g2)·e(H(message), key) = 1.
    /// @dev False for anything malformed: infinity as key or signature, coordinates that are not canonical,
    /// points off the curve or outside the subgroup. Warning: also false when the precompile runs out
    /// of gas, so a caller must revert on false and never act on it.
    /// @param message Any bytes; the protocol signs 32-byte digests.
    /// @param tag Domain separation tag of the ciphersuite, at most 255 bytes.
    function verify(
        G1Point memory signature,
        G2Point memory key,
        bytes memory message,
        bytes memory tag
    ) internal view returns (bool valid) {
        if (isInfinity(signature) || isInfinity(key)) return false;
        G1Point memory hashed = hashToG1(message, tag);
        /// @solidity memory-safe-assembly
        assembly {
            // input = abi.encode(signature, -g2, hashed, key), beyond the free pointer.
            let input := mload(0x40)
            mcopy(input, signature, 0x80)
            mstore(add(input, 0x080), NEG_G2_X0_HI)
            mstore(add(input, 0x0a0), NEG_G2_X0_LO)
            mstore(add(input, 0x0c0), NEG_G2_X1_HI)
            mstore(add(input, 0x0e0), NEG_G2_X1_LO)
            mstore(add(input, 0x100), NEG_G2_Y0_HI)
            mstore(add(input, 0x120), NEG_G2_Y0_LO)
            mstore(add(input, 0x140), NEG_G2_Y1_HI)
            mstore(add(input, 0x160), NEG_G2_Y1_LO)
            mcopy(add(input, 0x180), hashed, 0x80)
            mcopy(add(input, 0x200), key, 0x100)
            // valid = PAIRING_CHECK(input) answers one word, which is 1.
            let ok := staticcall(gas(), 0x0f, input, 0x300, 0x00, 0x20)
            valid := and(and(ok, eq(returndatasize(), 0x20)), eq(mload(0x00), 1))
        }
    }

    /// @notice Whether a point can be a key: canonical, in the subgroup of prime order, not infinity.
    /// @dev Costs a pairing, and for anything else all gas that the precompile gets.
    function isKey(G2Point memory point) internal view returns (bool) {
        if (isInfinity(point)) return false;
        // PAIRING_CHECK(infinity, point): 1 for any point of the subgroup, and an error for any other.
        (bool ok, bytes memory answer) =
            address(0x0f).staticcall(bytes.concat(new bytes(0x80), abi.encode(point)));
        return ok && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }

    /// @notice RFC 9380 `hash_to_curve` of suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    function hashToG1(bytes memory message, bytes memory tag)
        internal
        view
        returns (G1Point memory point)
    {
        if (tag.length > 255) revert TagTooLong(tag.length);
        bool ok;
        /// @solidity memory-safe-assembly
        assembly {
            // expand_message_xmd(message, tag, 128), section 5.3.1, beyond the free pointer:
            // b0 = sha256(zeros(64) ‖ message ‖ uint16(128) ‖ uint8(0) ‖ tag ‖ uint8(tag.length))
            let length := mload(message)
            let tagLength := mload(tag)
            let input := mload(0x40)
            mstore(input, 0)
            mstore(add(input, 0x20), 0)
            mcopy(add(input, 0x40), add(message, 0x20), length)
            // `index` is where the byte before the tag lies: 0 for b0, i for b_i.
            let index := add(add(input, 0x42), length)
            mstore(sub(index, 2), shl(240, 128))
            mstore8(index, 0)
            mcopy(add(index, 1), add(tag, 0x20), tagLength)
            mstore8(add(add(index, 1), tagLength), tagLength)
            let end := add(add(index, 2), tagLength)
            ok := staticcall(gas(), 0x02, input, sub(end, input), 0x00, 0x20)
            let b0 := mload(0x00)

            // b_i = sha256((b0 ^ b_{i-1}) ‖ uint8(i) ‖ tag ‖ uint8(tag.length)), b_0 counting as zero there.
            // The same tail serves all four; the word before `index` takes b0 ^ b_{i-1}.
            let block_ := sub(index, 0x20)
            let blockLength := sub(end, block_)

            // Input of MODEXP, after that: uint256(64) ‖ uint256(1) ‖ uint256(64) ‖ base(64) ‖ uint8(1) ‖ p(64).
            // With a modulus padded to 64 bytes the answer is a padded field element.
            let power := add(end, 0x20)
            let base := add(power, 0x60)
            mstore(power, 64)
            mstore(add(power, 0x20), 1)
            mstore(add(power, 0x40), 64)
            mstore8(add(power, 0xa0), 1)
            mstore(add(power, 0xa1), P_HI)
            mstore(add(power, 0xc1), P_LO)

            // `points` takes the two mapped points for G1ADD.
            let points := add(power, 0x100)
            let previous := 0
            for { let i := 0 } lt(i, 2) { i := add(i, 1) } {
                // base = b_{2i+1} ‖ b_{2i+2}
                mstore(block_, xor(b0, previous))
                mstore8(index, add(mul(i, 2), 1))
                ok := and(ok, staticcall(gas(), 0x02, block_, blockLength, base, 0x20))
                mstore(block_, xor(b0, mload(base)))
                mstore8(index, add(mul(i, 2), 2))
                ok := and(ok, staticcall(gas(), 0x02, block_, blockLength, add(base, 0x20), 0x20))
                previous := mload(add(base, 0x20))
                // points[i] = MAP_FP_TO_G1(base mod p)
                let mapped := add(points, mul(i, 0x80))
                ok := and(ok, staticcall(gas(), 0x05, power, 0xe1, mapped, 0x40))
                ok := and(ok, staticcall(gas(), 0x10, mapped, 0x40, mapped, 0x80))
            }
            // point = G1ADD(points[0], points[1]); the map has cleared the cofactor.
            ok := and(ok, staticcall(gas(), 0x0b, points, 0x100, point, 0x80))
            ok := and(ok, eq(returndatasize(), 0x80))
        }
        if (!ok) revert HashToCurveFailed();
    }

    /* ARITHMETIC IN G2 */

    /// @notice `sum += term`. Reverts with InvalidPoint when either is not on the curve.
    function addAssign(G2Point memory sum, G2Point memory term) internal view {
        bool ok;
        /// @solidity memory-safe-assembly
        assembly {
            // sum = G2ADD(sum, term)
            let input := mload(0x40)
            mcopy(input, sum, 0x100)
            mcopy(add(input, 0x100), term, 0x100)
            ok := staticcall(gas(), 0x0d, input, 0x200, sum, 0x100)
            ok := and(ok, eq(returndatasize(), 0x100))
        }
        if (!ok) revert InvalidPoint();
    }

    /// @notice `point = -point`, for a point with canonical coordinates.
    function negate(G2Point memory point) internal pure {
        /// @solidity memory-safe-assembly
        assembly {
            // c = (p - c) mod p, where p - 0 would not be canonical.
            function negateCoordinate(place) {
                let hi := mload(place)
                let lo := mload(add(place, 0x20))
                if or(hi, lo) {
                    mstore(place, sub(sub(P_HI, hi), gt(lo, P_LO)))
                    mstore(add(place, 0x20), sub(P_LO, lo))
                }
            }
            negateCoordinate(add(point, 0x80))
            negateCoordinate(add(point, 0xc0))
        }
    }

    function isInfinity(G1Point memory point) internal pure returns (bool) {
        return (point.xHi | point.xLo | point.yHi | point.yLo) == 0;
    }

    function isInfinity(G2Point memory point) internal pure returns (bool) {
        return (point.x0Hi | point.x0Lo | point.x1Hi | point.x1Lo | point.y0Hi | point.y0Lo
                    | point.y1Hi | point.y1Lo) == 0;
    }

    /* FORMS OF POINTS */

    /// @notice A signature as certificates carry it: padded, in four words.
    function g1FromWords(bytes32[4] memory words) internal pure returns (G1Point memory) {
        return G1Point({ xHi: words[0], xLo: words[1], yHi: words[2], yLo: words[3] });
    }

    /// @notice Pads 96 bytes. Checks the length and nothing else.
    function g1FromBytes(bytes memory unpadded) internal pure returns (G1Point memory point) {
        if (unpadded.length != G1_UNPADDED) {
            revert InvalidPointLength(unpadded.length, G1_UNPADDED);
        }
        /// @solidity memory-safe-assembly
        assembly {
            // point.x = (uint128(unpadded[0:16]), unpadded[16:48]), point.y likewise from 48.
            mstore(point, shr(128, mload(add(unpadded, 0x20))))
            mstore(add(point, 0x20), mload(add(unpadded, 0x30)))
            mstore(add(point, 0x40), shr(128, mload(add(unpadded, 0x50))))
            mstore(add(point, 0x60), mload(add(unpadded, 0x60)))
        }
    }

    /// @notice Pads 192 bytes. Checks the length and nothing else.
    function g2FromBytes(bytes memory unpadded) internal pure returns (G2Point memory point) {
        if (unpadded.length != G2_UNPADDED) {
            revert InvalidPointLength(unpadded.length, G2_UNPADDED);
        }
        uint256 from;
        /// @solidity memory-safe-assembly
        assembly {
            from := add(unpadded, 0x20)
        }
        padG2(from, point);
    }

    /// @notice Pads the 192 bytes that lie in memory at `from` into `point`.
    function padG2(uint256 from, G2Point memory point) internal pure {
        /// @solidity memory-safe-assembly
        assembly {
            // point.x0 = (uint128(from[0:16]), from[16:48]), and so on every 48 bytes.
            mstore(point, shr(128, mload(from)))
            mstore(add(point, 0x20), mload(add(from, 0x10)))
            mstore(add(point, 0x40), shr(128, mload(add(from, 0x30))))
            mstore(add(point, 0x60), mload(add(from, 0x40)))
            mstore(add(point, 0x80), shr(128, mload(add(from, 0x60))))
            mstore(add(point, 0xa0), mload(add(from, 0x70)))
            mstore(add(point, 0xc0), shr(128, mload(add(from, 0x90))))
            mstore(add(point, 0xe0), mload(add(from, 0xa0)))
        }
    }

    /// @notice The 192 unpadded bytes of a point.
    function toBytes(G2Point memory point) internal pure returns (bytes memory unpadded) {
        return abi.encodePacked(
            uint128(uint256(point.x0Hi)),
            point.x0Lo,
            uint128(uint256(point.x1Hi)),
            point.x1Lo,
            uint128(uint256(point.y0Hi)),
            point.y0Lo,
            uint128(uint256(point.y1Hi)),
            point.y1Lo
        );
    }
}
