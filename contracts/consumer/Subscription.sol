// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {BaseConsumer} from "./Base.sol";

/// @title SubscriptionConsumer
/// @notice Consumer of recurring subscriptions, and of one-time ones that are answered into the inbox
/// @dev Override `getContainerInputs` to give nodes an input per interval
abstract contract SubscriptionConsumer is BaseConsumer {
    /// @param registry address of the address book
    constructor(address registry) BaseConsumer(registry) {}

    /// @notice Subscribes; the first interval starts one period after now
    /// @param containerId comma-separated container names, first to last
    /// @param frequency number of intervals
    /// @param period seconds per interval; 0 = one interval, at once and without end
    /// @param redundancy number of nodes that may answer each interval
    /// @param lazy true: answers go to the inbox; false: they are pushed in the callback
    /// @param paymentToken ERC20 address, or zero for the native coin
    /// @param paymentAmount raw units paid per answer; 0 = free, and the other payment arguments are ignored
    /// @param wallet paying wallet, which must allow this contract to spend
    /// @param verifier judge of proofs, or zero
    /// @return subscriptionId id of the subscription
    function _createComputeSubscription(
        string memory containerId,
        uint32 frequency,
        uint32 period,
        uint16 redundancy,
        bool lazy,
        address paymentToken,
        uint256 paymentAmount,
        address wallet,
        address verifier
    ) internal returns (uint32 subscriptionId) {
        return COORDINATOR.createSubscription(
            containerId, frequency, period, redundancy, lazy, paymentToken, paymentAmount, wallet, verifier
        );
    }

    /// @notice Cancels a subscription of this contract
    /// @param subscriptionId id that the subscription returned
    function _cancelComputeSubscription(uint32 subscriptionId) internal {
        COORDINATOR.cancelSubscription(subscriptionId);
    }
}
