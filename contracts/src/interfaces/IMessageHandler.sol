// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title A bridge that brings snapshots, for those who want one instead of certificates
/// @notice The contract of a bridge on this chain. A Spoke that governance gave one takes what it passes to
/// `ISpoke.handleSnapshot`, without signatures: the bridge alone vouches for it.
interface IMessageHandler {
    /// @notice Whose messages it passes on, and no others: the chain, and the contract there that sends them.
    function origin() external view returns (uint256 chainId, address sender);
}
