// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import { IRewardsCoordinator } from "../../src/interfaces/eigenlayer/IRewardsCoordinator.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @dev Test double of EigenLayer's RewardsCoordinator: takes the tokens, keeps what was submitted. The real one is
/// exercised on a local chain.
contract RewardsCoordinatorDouble is IRewardsCoordinator {
    error NotTheAvs(address caller);
    error SubmissionsPaused();

    uint32 public constant CALCULATION_INTERVAL_SECONDS = 86_400;

    bool public paused;
    OperatorDirectedRewardsSubmission private _last;
    uint256 public count;

    function setPaused(bool paused_) external {
        paused = paused_;
    }

    function createOperatorDirectedAVSRewardsSubmission(
        address avs,
        OperatorDirectedRewardsSubmission[] calldata submissions
    ) external {
        if (msg.sender != avs) revert NotTheAvs(msg.sender);
        if (paused) revert SubmissionsPaused();
        for (uint256 i; i < submissions.length; ++i) {
            uint256 sum;
            for (uint256 j; j < submissions[i].operatorRewards.length; ++j) {
                sum += submissions[i].operatorRewards[j].amount;
            }
            require(IERC20(submissions[i].token).transferFrom(msg.sender, address(this), sum));
            _last = submissions[i];
            ++count;
        }
    }

    function last() external view returns (OperatorDirectedRewardsSubmission memory) {
        return _last;
    }
}
