// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Coordinator, Subscription} from "../Coordinator.sol";
import {Registry} from "../Registry.sol";
import {Records} from "./Records.sol";

/// @title Reader
/// @notice Batch views for off-chain use
contract Reader {
    Coordinator private immutable COORDINATOR;

    /// @param registry address book that names the coordinator
    constructor(Registry registry) {
        COORDINATOR = Coordinator(registry.COORDINATOR());
    }

    /// @notice Reads the subscriptions of a range of ids
    /// @param startId first id
    /// @param endId one past the last id; panics (0x11) when below `startId`
    /// @return subscriptions one per id in order; all-zero where none exists
    function readSubscriptionBatch(uint32 startId, uint32 endId)
        external
        view
        returns (Subscription[] memory subscriptions)
    {
        uint32 count = endId - startId;
        subscriptions = new Subscription[](count);
        for (uint32 i = 0; i < count; i++) {
            subscriptions[i] = COORDINATOR.getSubscription(startId + i);
        }
    }

    /// @notice Reads how many answers were delivered, per pair of subscription and interval
    /// @param ids subscription ids
    /// @param intervals their intervals; panics (0x32) when shorter than `ids`, ignored beyond its length
    /// @return counts one per pair in order; 0 where nothing was delivered
    function readRedundancyCountBatch(uint32[] calldata ids, uint32[] calldata intervals)
        external
        view
        returns (uint16[] memory counts)
    {
        counts = new uint16[](ids.length);
        for (uint256 i = 0; i < ids.length; i++) {
            counts[i] = COORDINATOR.redundancyCount(Records.intervalKey(ids[i], intervals[i]));
        }
    }
}
