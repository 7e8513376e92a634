// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IAvsLogic } from "../../src/interfaces/IAvsLogic.sol";
import { ISeedSource } from "../../src/interfaces/ISeedSource.sol";

/// @dev Test double of a kind's logic: remembers what it heard, and fails in the way that the test says.
contract LogicDouble is IAvsLogic {
    enum Mood {
        Takes,
        Reverts,
        BurnsGas,
        RevertsAtLength
    }

    error Refused(uint64 taskId);

    Mood public mood;
    uint64 public lastTask;
    bytes public lastResult;
    uint256 public calls;
    uint256 public lastGas;

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function onCertified(uint64 taskId, bytes calldata result) external {
        uint256 gas = gasleft();
        if (mood == Mood.Reverts) revert Refused(taskId);
        if (mood == Mood.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (mood == Mood.RevertsAtLength) {
            assembly {
                revert(mload(0x40), 100000)
            }
        }
        lastTask = taskId;
        lastResult = result;
        lastGas = gas;
        ++calls;
    }
}

/// @dev Test double of a seed source: the proof is the randomness, right after the block.
contract SeedSourceDouble is ISeedSource {
    uint64 public constant reach = 8191;

    function randomness(uint64 seedBlock, bytes calldata proof) external view returns (bytes32) {
        if (block.number <= seedBlock) revert SeedBlockNotMined(seedBlock, block.number);
        if (block.number - seedBlock > reach) revert SeedBlockOutOfReach(seedBlock, block.number);
        if (proof.length != 32) revert InvalidSeedProof(seedBlock);
        return abi.decode(proof, (bytes32));
    }
}
