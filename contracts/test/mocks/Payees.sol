// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IModelSubmission } from "../../src/interfaces/IModelSubmission.sol";

/// @dev A payee that refuses native payments.
contract RefusingPayee {
    error Refused();

    receive() external payable {
        revert Refused();
    }

    function withdraw(IModelSubmission market, address token, address to) external {
        market.withdraw(token, to);
    }
}

/// @dev A payee that calls somebody, such as the market, while it is paid.
contract ReenteringPayee {
    IModelSubmission private immutable _market;
    address private _target;
    bytes private _data;
    bool public callSucceeded;
    bytes public callAnswer;

    constructor(IModelSubmission market) {
        _market = market;
    }

    function setCall(address target, bytes calldata data) external {
        _target = target;
        _data = data;
    }

    function withdraw() external {
        _market.withdraw(address(0), address(this));
    }

    receive() external payable {
        (callSucceeded, callAnswer) = _target.call(_data);
    }
}
