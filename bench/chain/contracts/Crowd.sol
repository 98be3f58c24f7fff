// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Coordinator} from "infernet/Coordinator.sol";

/// @title Crowd
/// @notice Owns as many subscriptions as a benchmark wants
contract Crowd {
    /// @notice Creates free subscriptions that ask for one answer an interval
    /// @param coordinator where they are created
    /// @param containerId container that they ask for
    /// @param frequency intervals
    /// @param period seconds of an interval
    /// @param count how many
    function subscribe(
        Coordinator coordinator,
        string calldata containerId,
        uint32 frequency,
        uint32 period,
        uint256 count
    ) external {
        for (uint256 made = 0; made < count; made++) {
            coordinator.createSubscription(
                containerId, frequency, period, 1, false, address(0), 0, address(0), address(0)
            );
        }
    }
}
