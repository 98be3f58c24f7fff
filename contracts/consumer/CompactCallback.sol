// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {BaseConsumer} from "./Base.sol";

/// @title CompactCallbackConsumer
/// @notice Consumer of one-time requests whose inputs are kept on-chain as the code of a contract
/// @dev Inherit it in place of `CallbackConsumer`, whose members it has but for `subscriptionInputs`. From 96 bytes
///      of input on it is cheaper: 1 KiB costs a third
abstract contract CompactCallbackConsumer is BaseConsumer {
    /// @dev A contract may have 24 576 bytes (EIP-170), of which one is ours
    uint256 private constant MAX_INPUTS = 24_575;

    /// @dev Contracts whose code holds the inputs, by subscription id
    mapping(uint32 => address) private inputBlobs;

    /// @notice A request's inputs have more than 24 575 bytes
    error InputsTooLong();

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
        address blob = inputBlobs[subscriptionId];
        return blob == address(0) ? bytes("") : SSTORE2.read(blob);
    }

    /// @notice Requests one answer, pushed in the callback
    /// @dev Whoever may choose `wallet`, `paymentAmount` or `verifier` disposes of every allowance this contract
    ///      holds
    /// @param containerId comma-separated container names, first to last
    /// @param inputs opaque input of the first container, at most 24 575 bytes
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
        if (inputs.length > MAX_INPUTS) revert InputsTooLong();
        subscriptionId = COORDINATOR.createSubscription(
            containerId, 1, 0, redundancy, false, paymentToken, paymentAmount, wallet, verifier
        );
        if (inputs.length != 0) inputBlobs[subscriptionId] = SSTORE2.write(inputs);
    }
}
