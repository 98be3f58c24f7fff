// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {CallbackConsumer} from "../../../contracts/consumer/Callback.sol";

/// @dev Arguments of a subscription by name, all zero unless set
struct Terms {
    string containerId;
    uint32 frequency;
    uint32 period;
    uint16 redundancy;
    bool lazy;
    address token;
    uint256 amount;
    address wallet;
    address verifier;
}

/// @dev Arguments of one callback
struct Delivery {
    uint32 subscriptionId;
    uint32 interval;
    uint16 redundancy;
    address node;
    bytes input;
    bytes output;
    bytes proof;
    bytes32 containerId;
    uint256 index;
}

/// @notice Consumer that subscribes to anything for anyone and remembers every callback
contract RecordingConsumer is CallbackConsumer {
    Delivery[] private deliveries;

    constructor(address registry) CallbackConsumer(registry) {}

    function subscribe(Terms memory t) external returns (uint32) {
        return COORDINATOR.createSubscription(
            t.containerId,
            t.frequency,
            t.period,
            t.redundancy,
            t.lazy,
            t.token,
            t.amount,
            t.wallet,
            t.verifier
        );
    }

    function request(Terms memory t, bytes memory inputs) external returns (uint32) {
        return _requestCompute(t.containerId, inputs, t.redundancy, t.token, t.amount, t.wallet, t.verifier);
    }

    function cancel(uint32 subscriptionId) external {
        COORDINATOR.cancelSubscription(subscriptionId);
    }

    function deliveryCount() external view returns (uint256) {
        return deliveries.length;
    }

    function delivery(uint256 position) external view returns (Delivery memory) {
        return deliveries[position];
    }

    function _receiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof,
        bytes32 containerId,
        uint256 index
    ) internal virtual override {
        Delivery storage entry = deliveries.push();
        entry.subscriptionId = subscriptionId;
        entry.interval = interval;
        entry.redundancy = redundancy;
        entry.node = node;
        entry.input = input;
        entry.output = output;
        entry.proof = proof;
        entry.containerId = containerId;
        entry.index = index;
    }
}
