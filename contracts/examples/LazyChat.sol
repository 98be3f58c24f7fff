// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {InboxItem} from "../Inbox.sol";
import {SubscriptionConsumer} from "../consumer/Subscription.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title LazyChat
/// @notice Asks a language model a question and leaves its answer in the inbox until somebody reads it
/// @dev Suits long answers that are read rarely, or off-chain only: the consumer stores a pointer, not the text
contract LazyChat is SubscriptionConsumer, AnswerDecoder {
    /// @dev Where an answer lies in the inbox
    struct Location {
        bytes32 containerId;
        address node;
        uint256 index;
    }

    /// @notice Container that answers
    string public containerId;

    /// @notice Where the answer to a question lies; all zero until answered
    mapping(uint32 => Location) public location;

    mapping(uint32 => bytes) private inputs;

    /// @notice A question was asked
    /// @param subscriptionId id of the request
    /// @param asker who asked
    event ChatRequested(uint32 indexed subscriptionId, address indexed asker);

    /// @notice A question was answered; `answer` reads it
    /// @param subscriptionId id of the request
    /// @param node address that delivered
    /// @param index position in the inbox
    event AnswerStored(uint32 indexed subscriptionId, address indexed node, uint256 index);

    /// @notice The question has not been answered
    error NotAnswered();

    /// @param registry address of the address book
    /// @param containerId_ id of a container that nodes run
    constructor(address registry, string memory containerId_) SubscriptionConsumer(registry) {
        containerId = containerId_;
    }

    /// @notice Asks a question
    /// @param question `abi.encode(string question)`
    /// @return subscriptionId id under which `answer` will find the answer
    function chatWithLLM(bytes memory question) external returns (uint32 subscriptionId) {
        // One interval without period is a one-time request; `lazy` is what `CallbackConsumer` does not offer.
        bool lazy = true;
        subscriptionId =
            _createComputeSubscription(containerId, 1, 0, 1, lazy, address(0), 0, address(0), address(0));
        inputs[subscriptionId] = question;
        emit ChatRequested(subscriptionId, msg.sender);
    }

    /// @notice Reads an answer
    /// @param subscriptionId id of the request
    /// @return text text of the model
    function answer(uint32 subscriptionId) external view returns (string memory text) {
        Location memory at = location[subscriptionId];
        if (at.containerId == 0) revert NotAnswered();
        return _readAnswer(INBOX.read(at.containerId, at.node, at.index).output);
    }

    /// @notice The question, as the container takes it
    /// @param subscriptionId id of the request
    /// @return input as given when it was asked; empty for an unknown id
    function getContainerInputs(uint32 subscriptionId, uint32, uint32, address)
        external
        view
        override
        returns (bytes memory input)
    {
        return inputs[subscriptionId];
    }

    /// @dev Called once per request, by the coordinator only, which wrote the item: where it lies is not for a node
    ///      to say. An unreadable answer is refused here, while another node can still give a better one
    function _receiveCompute(
        uint32 subscriptionId,
        uint32, // interval: always 1
        uint16, // redundancy: always 1
        address node,
        bytes calldata, // input: empty, since it lies in the inbox
        bytes calldata, // output: empty likewise
        bytes calldata, // proof: empty likewise
        bytes32 containerId_,
        uint256 index
    ) internal override {
        InboxItem memory item = INBOX.read(containerId_, node, index);
        _readAnswer(item.output);
        location[subscriptionId] = Location(containerId_, node, index);
        emit AnswerStored(subscriptionId, node, index);
    }
}
