// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Ownable} from "solady/auth/Ownable.sol";
import {BaseConsumer} from "../consumer/Base.sol";
import {Delegator} from "../pattern/Delegator.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title DelegatedChat
/// @notice Receives answers to questions that its signer asks off-chain, without a transaction of its own
/// @dev The signer decides over everything in the subscription, also over payment from wallets that allow this
///      contract to spend. The question itself is not part of what is signed
contract DelegatedChat is BaseConsumer, Delegator, Ownable, AnswerDecoder {
    /// @notice Question of the later intervals of a recurring subscription, whose node has no off-chain input
    string public question;

    /// @notice Answers: subscription id => interval => position in the order of arrival, from 1 => text
    mapping(uint32 => mapping(uint32 => mapping(uint16 => string))) public answer;

    /// @notice A question was answered
    /// @param subscriptionId id of the subscription
    /// @param interval interval that was answered, from 1
    /// @param node address that delivered
    /// @param answer text of the model
    event AnswerReceived(
        uint32 indexed subscriptionId, uint32 indexed interval, address indexed node, string answer
    );

    /// @param registry address of the address book
    /// @param signer key whose signatures create subscriptions
    constructor(address registry, address signer) BaseConsumer(registry) Delegator(signer) {
        _initializeOwner(msg.sender);
    }

    /// @notice Replaces the signer; its unused signatures become void
    /// @param newSigner next signer
    function updateSigner(address newSigner) external onlyOwner {
        _updateSigner(newSigner);
    }

    /// @notice Sets the question of later intervals
    /// @param newQuestion text; empty means that there is none
    function setQuestion(string memory newQuestion) external onlyOwner {
        question = newQuestion;
    }

    /// @notice Ends a subscription, which only this contract can
    /// @param subscriptionId id of the subscription
    function cancel(uint32 subscriptionId) external onlyOwner {
        COORDINATOR.cancelSubscription(subscriptionId);
    }

    /// @notice The standing question, as the container takes it
    /// @return input `abi.encode(string question)`; empty where there is no question
    function getContainerInputs(uint32, uint32, uint32, address)
        external
        view
        override
        returns (bytes memory input)
    {
        return bytes(question).length == 0 ? bytes("") : abi.encode(question);
    }

    /// @dev Called by the coordinator for each answer. The signer may have asked for lazy delivery, and then the
    ///      answer lies in the inbox
    function _receiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata, // input
        bytes calldata output,
        bytes calldata, // proof
        bytes32 containerId,
        uint256 index
    ) internal override {
        string memory text =
            _readAnswer(containerId == 0 ? output : INBOX.read(containerId, node, index).output);
        answer[subscriptionId][interval][redundancy] = text;
        emit AnswerReceived(subscriptionId, interval, node, text);
    }
}
