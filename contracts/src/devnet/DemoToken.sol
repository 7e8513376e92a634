// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token without worth, for local chains
/// @notice Anybody can make any amount of it. It serves as stake and as reward on a devnet and must
/// not be deployed where it could be taken for money.
contract DemoToken is ERC20 {
    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) { }

    /// @notice Makes `amount` (18 decimals) for `account`. By anyone.
    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
