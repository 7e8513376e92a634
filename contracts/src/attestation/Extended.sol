// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";

/// @title A contract whose functions lie in several pieces of code
/// @notice Code is limited to 24,576 bytes. What a piece does not know itself it hands to the next one, which runs on
/// the storage and the balance of the contract that was called. The pieces are fixed when they are created.
abstract contract Extended {
    /// @notice The next piece; zero for the last one. At the contract's own address, the first after its own.
    address public immutable extension;

    /// @notice Money came without a call.
    error NoFunction();

    constructor(address extension_) {
        extension = extension_;
    }

    receive() external payable {
        revert NoFunction();
    }

    /// @dev Payable for the functions of other pieces that are; the others refuse money themselves. Unknown functions
    /// are refused by the last piece: there is no code at zero.
    fallback(bytes calldata input) external payable returns (bytes memory) {
        return Address.functionDelegateCall(extension, input);
    }
}
