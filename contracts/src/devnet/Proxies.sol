// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

// OpenZeppelin's proxies, named here so that they are compiled: the local deployment puts EigenLayer's
// contracts behind them.
import { UpgradeableBeacon } from "@openzeppelin/contracts/proxy/beacon/UpgradeableBeacon.sol";
import {
    TransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
