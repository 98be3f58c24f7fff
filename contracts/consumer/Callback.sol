// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {BaseConsumer} from "./Base.sol";

/// @title CallbackConsumer
/// @notice Consumer of one-time requests whose inputs are kept on-chain
abstract contract CallbackConsumer is BaseConsumer {
    /// @dev Inputs by subscription id; never erased
    mapping(uint32 => bytes) internal subscriptionInputs;

    /// @param registry address of the address book
    constructor(address registry) BaseConsumer(registry) {}

    /// @notice Input given at the request; empty for an unknown id
    /// @param subscriptionId id that the request returned
    /// @return input the same for every interval, time and caller
    function getContainerInputs(uint32 subscriptionId, uint32, uint32, address)
        external
        view
        virtual
        override
        returns (bytes memory input)
    {
        return subscriptionInputs[subscriptionId];
    }

    /// @notice Requests one answer, pushed in the callback
    /// @dev Whoever may choose `wallet`, `paymentAmount` or
    ///      `verifier` disposes of every allowance this contract holds
    /// @param containerId comma-separated container names, first to last
    /// @param inputs opaque input of the first container
    /// @param redundancy number of nodes that may answer
    /// @param paymentToken ERC20 address, or zero for the native coin
    /// @param paymentAmount raw units paid per answer; 0 = free, and the other payment arguments are ignored
    /// @param wallet paying wallet, which must allow this contract to spend
    /// @param verifier judge of proofs, or zero
    /// @return subscriptionId id of the request
    function _requestCompute(
        string memory containerId,
        bytes memory inputs,
        uint16 redundancy,
        address paymentToken,
        uint256 paymentAmount,
        address wallet,
        address verifier
    ) internal returns (uint32 subscriptionId) {
        subscriptionId = COORDINATOR.createSubscription(
            containerId, 1, 0, redundancy, false, paymentToken, paymentAmount, wallet, verifier
        );
        subscriptionInputs[subscriptionId] = inputs;
    }
}
