// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev An honest token that anybody can mint.
contract TestToken is ERC20 {
    constructor() ERC20("Test", "TEST") { }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @dev A token whose behaviour the test chooses, also after it was taken in as a reward.
contract HostileToken is ERC20 {
    enum Mode {
        Honest,
        FeeOnTransfer,
        Inflating,
        ReturnsFalse,
        MovesNothing,
        Reverts,
        Calls
    }

    Mode public mode;
    address private _target;
    bytes private _data;
    /// @dev Whether the call that was tried from within a transfer went through.
    bool public callSucceeded;
    bytes public callAnswer;

    constructor() ERC20("Hostile", "BAD") { }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @dev Transfers call `target` with `data` before they move anything.
    function setCall(address target, bytes calldata data) external {
        mode = Mode.Calls;
        _target = target;
        _data = data;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return _hostile(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _spendAllowance(from, msg.sender, amount);
        return _hostile(from, to, amount);
    }

    function _hostile(address from, address to, uint256 amount) private returns (bool) {
        if (mode == Mode.ReturnsFalse) return false;
        if (mode == Mode.MovesNothing) return true;
        require(mode != Mode.Reverts, "no transfers today");
        if (mode == Mode.Calls) (callSucceeded, callAnswer) = _target.call(_data);
        _transfer(from, to, amount);
        if (mode == Mode.FeeOnTransfer) _burn(to, 1);
        if (mode == Mode.Inflating) _mint(to, 1);
        return true;
    }
}
