// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Coordinator} from "../Coordinator.sol";
import {Inbox} from "../Inbox.sol";
import {Registry} from "../Registry.sol";

/// @title BaseConsumer
/// @notice Root of every consumer: receives answers from the coordinator and offers inputs to nodes
/// @dev Anyone may run a node. Without a verifier, an own check of the answer or `Allowlist`, a consumer takes
///      whatever the first sender delivers. A contract that implements `rawReceiveCompute` without this base
///      must check the caller itself
abstract contract BaseConsumer {
    /// @dev Coordinator that delivers to this contract
    Coordinator internal immutable COORDINATOR;

    /// @dev Inbox that holds answers to lazy subscriptions
    Inbox internal immutable INBOX;

    /// @notice The caller is not the coordinator
    error NotCoordinator();

    /// @param registry address of the address book
    constructor(address registry) {
        COORDINATOR = Coordinator(Registry(registry).COORDINATOR());
        INBOX = Inbox(Registry(registry).INBOX());
    }

    /// @notice Receives one answer from the coordinator
    /// @param subscriptionId subscription that was answered
    /// @param interval interval that was answered, from 1
    /// @param redundancy answers delivered in this interval, this one included
    /// @param node address that delivered
    /// @param input container input; empty when lazy
    /// @param output container output; empty when lazy
    /// @param proof proof of the output; empty when lazy
    /// @param containerId zero, or where the answer of a lazy subscription lies in the inbox
    /// @param index with `containerId` and `node`, the position in the inbox
    function rawReceiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof,
        bytes32 containerId,
        uint256 index
    ) external {
        if (msg.sender != address(COORDINATOR)) revert NotCoordinator();
        _receiveCompute(subscriptionId, interval, redundancy, node, input, output, proof, containerId, index);
    }

    /// @notice Input of the container for one interval; nodes call it off-chain
    /// @param subscriptionId subscription to answer
    /// @param interval interval to answer
    /// @param timestamp present time, UNIX seconds
    /// @param caller address of the asking node
    /// @return input opaque bytes; empty unless overridden
    function getContainerInputs(uint32 subscriptionId, uint32 interval, uint32 timestamp, address caller)
        external
        view
        virtual
        returns (bytes memory input)
    {}

    /// @dev Override to use the answer. For a lazy subscription (`containerId != 0`) the three byte strings are
    ///      empty and the answer is `INBOX.read(containerId, node, index)`. A revert refuses the delivery and
    ///      leaves the interval open. With a verifier the answer comes before its verdict, and a false verdict
    ///      does not stop it
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
    ) internal virtual {}
}
