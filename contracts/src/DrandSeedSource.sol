// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ISeedSource } from "./interfaces/ISeedSource.sol";
import { BLS } from "./libraries/BLS.sol";
import { RlpHeader } from "./libraries/RlpHeader.sol";
import { SeedBlocks } from "./libraries/SeedBlocks.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Seeds from the rounds of a drand network
/// @notice Scheme `bls-unchained-g1-rfc9380`, that of the network quicknet: keys in G2, signatures in G1 over
/// sha256 of the round's number, randomness the sha256 of the signature's compressed form (specification 2.3).
/// A task's round is fixed when the task opens, by the time at which its seed block is expected. Operators fetch until
/// that block, so the round is of use only when it was not public before: the proof holds the seed block's header, and
/// where that block came too late for the round, the task gets no seed at all and expires.
contract DrandSeedSource is ISeedSource {
    /// @notice A constructor argument is out of bounds.
    error InvalidParameter(bytes32 name);
    /// @notice The key is not the canonical form of a point of the right subgroup, or infinity.
    error InvalidKey();
    /// @notice The proof is too short to be a signature and a header.
    error SeedProofTooShort(uint256 length);
    /// @notice The seed block came too late: the task's round was public less than a block time after it, or before.
    /// @param publicAt When the round is public, Unix time.
    /// @param minedAt The seed block's time.
    error RoundBeforeSeedBlock(uint64 round, uint256 publicAt, uint256 minedAt);

    /// @notice Ciphersuite of the rounds' signatures.
    bytes public constant TAG = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

    /// @inheritdoc ISeedSource
    bytes32 public constant scheme = "bls-unchained-g1-rfc9380";

    /// @inheritdoc ISeedSource
    uint64 public constant reach = SeedBlocks.REACH;

    /// @notice Longest margin and period, seconds. Both together pass within `reach` where a block takes a second.
    uint64 public constant MAX_MARGIN = 3600;

    /// @dev Flags of a point's compressed form, in the 16 bytes that begin its x: it is compressed; y is the larger of
    /// the two roots.
    uint256 private constant COMPRESSED = 1 << 127;
    uint256 private constant LARGER = 1 << 125;

    /// @dev (p - 1) / 2 of the base field, in two words; a y above it is the larger root.
    uint256 private constant HALF_HI = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LO =
        0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @notice Time of round 1, Unix seconds.
    uint64 public immutable genesis;
    /// @notice Seconds from a round to the next.
    uint64 public immutable period;
    /// @notice Seconds from a block of this chain to the next, as a rule.
    uint64 public immutable blockTime;
    /// @notice Seconds from when the seed block is expected to its round. The block can be late by this less
    /// `blockTime`.
    uint64 public immutable margin;

    bytes32 private immutable KEY_0;
    bytes32 private immutable KEY_1;
    bytes32 private immutable KEY_2;
    bytes32 private immutable KEY_3;
    bytes32 private immutable KEY_4;
    bytes32 private immutable KEY_5;

    /// @param key_ The network's public key: 192 bytes unpadded, in the order of EIP-2537.
    constructor(
        uint64 genesis_,
        uint64 period_,
        uint64 blockTime_,
        uint64 margin_,
        bytes memory key_
    ) {
        // forge-lint: disable-next-line(block-timestamp) once, when it is deployed
        if (genesis_ == 0 || genesis_ > block.timestamp) {
            revert InvalidParameter("genesis");
        }
        if (period_ == 0 || period_ > MAX_MARGIN) revert InvalidParameter("period");
        if (blockTime_ == 0) revert InvalidParameter("blockTime");
        if (margin_ < blockTime_ || margin_ > MAX_MARGIN) revert InvalidParameter("margin");
        BLS.G2Point memory point = BLS.g2FromBytes(key_);
        if (!BLS.isKey(point)) revert InvalidKey();

        (genesis, period, blockTime, margin) = (genesis_, period_, blockTime_, margin_);
        (KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5) =
            abi.decode(key_, (bytes32, bytes32, bytes32, bytes32, bytes32, bytes32));
    }

    /// @inheritdoc ISeedSource
    function randomness(uint64 seedBlock, uint64 round, bytes calldata proof)
        external
        view
        returns (bytes32)
    {
        bytes32 blockHash = SeedBlocks.hashOf(seedBlock);
        if (proof.length <= BLS.G1_UNPADDED) revert SeedProofTooShort(proof.length);
        (bytes32 headerHash, uint256 minedAt) = RlpHeader.readTime(proof[BLS.G1_UNPADDED:]);
        if (headerHash != blockHash) revert InvalidSeedProof(seedBlock);
        uint256 publicAt = timeOf(round);
        if (minedAt + blockTime > publicAt) revert RoundBeforeSeedBlock(round, publicAt, minedAt);

        BLS.G1Point memory signature = BLS.g1FromBytes(proof[:BLS.G1_UNPADDED]);
        bytes memory message = abi.encodePacked(sha256(abi.encodePacked(round)));
        if (!BLS.verify(signature, BLS.g2FromBytes(key()), message, TAG)) {
            revert InvalidSeedProof(seedBlock);
        }
        return sha256(_compress(signature));
    }

    /// @inheritdoc ISeedSource
    /// @dev The first round that is public no earlier than `margin` after the seed block's expected time.
    function target(uint64 seedBlock) external view returns (uint64) {
        uint256 ahead = seedBlock > block.number ? seedBlock - block.number : 0;
        uint256 from = block.timestamp + ahead * blockTime + margin;
        return SafeCast.toUint64(1 + (from - genesis + period - 1) / period);
    }

    /// @notice When a round is public, Unix time.
    function timeOf(uint64 round) public view returns (uint256) {
        return genesis + (round == 0 ? 0 : uint256(round - 1) * period);
    }

    /// @notice The network's public key: 192 bytes unpadded, in the order of EIP-2537.
    function key() public view returns (bytes memory) {
        return abi.encodePacked(KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5);
    }

    /// @dev The 48 bytes of ZCash's form, which drand hashes.
    function _compress(BLS.G1Point memory point) private pure returns (bytes memory) {
        uint256 yHi = uint256(point.yHi);
        bool larger = yHi > HALF_HI || yHi == HALF_HI && uint256(point.yLo) > HALF_LO;
        uint256 first = uint256(point.xHi) | COMPRESSED | (larger ? LARGER : 0);
        // forge-lint: disable-next-line(unsafe-typecast) x is below the modulus, which `verify` has checked
        return abi.encodePacked(uint128(first), point.xLo);
    }
}
