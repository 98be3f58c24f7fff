// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {SubscriptionConsumer} from "../consumer/Subscription.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title ScheduledChat
/// @notice Asks a list of questions, one per interval, and keeps every answer
contract ScheduledChat is SubscriptionConsumer, AnswerDecoder {
    /// @notice Container that answers
    string public containerId;

    /// @notice Who scheduled a subscription, and may cancel it
    mapping(uint32 => address) public scheduler;

    /// @notice Answers: subscription id => interval => position in the order of arrival, from 1 => text
    mapping(uint32 => mapping(uint32 => mapping(uint16 => string))) public answer;

    mapping(uint32 => string[]) private questions;

    /// @notice A list of questions was scheduled
    /// @param subscriptionId id of the subscription
    /// @param scheduler who scheduled it
    /// @param questions how many questions, and so intervals, there are
    event ChatScheduled(uint32 indexed subscriptionId, address indexed scheduler, uint256 questions);

    /// @notice A question was answered
    /// @param subscriptionId id of the subscription
    /// @param interval interval that was answered, from 1
    /// @param node address that delivered
    /// @param answer text of the model
    event AnswerReceived(
        uint32 indexed subscriptionId, uint32 indexed interval, address indexed node, string answer
    );

    /// @notice Only who scheduled a subscription may cancel it
    error NotScheduler();

    /// @param registry address of the address book
    /// @param containerId_ id of a container that nodes run
    constructor(address registry, string memory containerId_) SubscriptionConsumer(registry) {
        containerId = containerId_;
    }

    /// @notice Schedules questions, the first of them one period from now
    /// @param questions_ one per interval, in order
    /// @param period seconds per interval, at least 1 unless there is one question only
    /// @param redundancy number of nodes that may answer each question
    /// @return subscriptionId id of the subscription
    function schedule(string[] memory questions_, uint32 period, uint16 redundancy)
        external
        returns (uint32 subscriptionId)
    {
        subscriptionId = _createComputeSubscription(
            containerId,
            uint32(questions_.length),
            period,
            redundancy,
            false,
            address(0),
            0,
            address(0),
            address(0)
        );
        scheduler[subscriptionId] = msg.sender;
        for (uint256 i = 0; i < questions_.length; i++) {
            questions[subscriptionId].push(questions_[i]);
        }
        emit ChatScheduled(subscriptionId, msg.sender, questions_.length);
    }

    /// @notice Ends a subscription of the caller
    /// @param subscriptionId id of the subscription
    function cancel(uint32 subscriptionId) external {
        if (scheduler[subscriptionId] != msg.sender) revert NotScheduler();
        _cancelComputeSubscription(subscriptionId);
    }

    /// @notice The question of an interval, as the container takes it
    /// @param subscriptionId id of the subscription
    /// @param interval interval, from 1
    /// @return input `abi.encode(string question)`; empty where there is no question
    function getContainerInputs(uint32 subscriptionId, uint32 interval, uint32, address)
        external
        view
        override
        returns (bytes memory input)
    {
        string[] storage list = questions[subscriptionId];
        if (interval == 0 || interval > list.length) return "";
        return abi.encode(list[interval - 1]);
    }

    /// @dev Called by the coordinator for each answer
    function _receiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata, // input
        bytes calldata output,
        bytes calldata, // proof
        bytes32, // containerId: zero, since the answer is pushed
        uint256 // index
    ) internal override {
        string memory text = _readAnswer(output);
        answer[subscriptionId][interval][redundancy] = text;
        emit AnswerReceived(subscriptionId, interval, node, text);
    }
}
