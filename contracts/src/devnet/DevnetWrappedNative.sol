// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { WETH } from "solady/tokens/WETH.sol";

/// @title The native token as an ERC-20, for local chains
/// @notice Public chains have their own.
contract DevnetWrappedNative is WETH { }
