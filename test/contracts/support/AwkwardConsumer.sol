// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {RecordingConsumer} from "./RecordingConsumer.sol";

/// @notice Refuses, re-enters or subscribes in its callback, as told
contract AwkwardConsumer is RecordingConsumer {
    error Refused(uint256 reason);

    enum Behaviour {
        Accept,
        Refuse,
        Reenter,
        ReenterAndCatch,
        Manage
    }

    Behaviour private behaviour;

    constructor(address registry) RecordingConsumer(registry) {}

    function behave(Behaviour behaviour_) external {
        behaviour = behaviour_;
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
    ) internal override {
        super._receiveCompute(
            subscriptionId, interval, redundancy, node, input, output, proof, containerId, index
        );
        if (behaviour == Behaviour.Refuse) revert Refused(7);
        if (behaviour == Behaviour.Reenter) {
            COORDINATOR.deliverCompute(subscriptionId, interval, input, output, proof, address(0));
        }
        if (behaviour == Behaviour.ReenterAndCatch) {
            try COORDINATOR.deliverCompute(subscriptionId, interval, input, output, proof, address(0)) {
                assert(false);
            } catch (bytes memory reason) {
                assert(keccak256(reason) == keccak256(hex"ab143c06"));
            }
        }
        if (behaviour == Behaviour.Manage) {
            COORDINATOR.createSubscription("next", 1, 0, 1, false, address(0), 0, address(0), address(0));
            COORDINATOR.cancelSubscription(subscriptionId);
        }
    }
}
