// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";

/// @dev Test double of a kind's logic: remembers what it heard, or refuses it.
contract LogicDouble is IAvsLogic {
    error Refused(uint64 taskId);

    bool public refuses;
    uint64 public lastTask;
    bytes public lastResult;
    uint256 public calls;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function onCertified(uint64 taskId, bytes calldata result) external {
        if (refuses) revert Refused(taskId);
        lastTask = taskId;
        lastResult = result;
        ++calls;
    }
}

/// @dev Test double of a seed source: the proof is the randomness, right after the block.
contract SeedSourceDouble is ISeedSource {
    uint64 public constant reach = 8191;
    bytes32 public constant scheme = "double";

    function randomness(uint64 seedBlock, uint64, bytes calldata proof)
        external
        view
        returns (bytes32)
    {
        if (block.number <= seedBlock) revert SeedBlockNotMined(seedBlock, block.number);
        if (block.number - seedBlock > reach) revert SeedBlockOutOfReach(seedBlock, block.number);
        if (proof.length != 32) revert InvalidSeedProof(seedBlock);
        return abi.decode(proof, (bytes32));
    }

    function target(uint64) external pure returns (uint64) {
        return 0;
    }
}
