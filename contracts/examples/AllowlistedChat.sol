// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Ownable} from "solady/auth/Ownable.sol";
import {CallbackConsumer} from "../consumer/Callback.sol";
import {Allowlist} from "../pattern/Allowlist.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title AllowlistedChat
/// @notice Asks a language model a question and believes known nodes only
contract AllowlistedChat is CallbackConsumer, Allowlist, Ownable, AnswerDecoder {
    /// @notice Container that answers
    string public containerId;

    /// @notice Answers by subscription id; empty until answered
    mapping(uint32 => string) public answer;

    /// @notice A question was asked
    /// @param subscriptionId id of the request
    /// @param asker who asked
    event ChatRequested(uint32 indexed subscriptionId, address indexed asker);

    /// @notice A question was answered
    /// @param subscriptionId id of the request
    /// @param node address that delivered
    /// @param answer text of the model
    event AnswerReceived(uint32 indexed subscriptionId, address indexed node, string answer);

    /// @param registry address of the address book
    /// @param containerId_ id of a container that the nodes run
    /// @param nodes addresses that may answer
    constructor(address registry, string memory containerId_, address[] memory nodes)
        CallbackConsumer(registry)
        Allowlist(nodes)
    {
        containerId = containerId_;
        _initializeOwner(msg.sender);
    }

    /// @notice Asks a question
    /// @param inputs `abi.encode(string question)`
    /// @return subscriptionId id under which `answer` will hold the answer
    function chatWithLLM(bytes memory inputs) external returns (uint32 subscriptionId) {
        subscriptionId = _requestCompute(containerId, inputs, 1, address(0), 0, address(0), address(0));
        emit ChatRequested(subscriptionId, msg.sender);
    }

    /// @notice Admits and dismisses nodes, also for questions that are still open
    /// @param nodes addresses to change
    /// @param statuses true admits, false dismisses; one per address
    function updateAllowlist(address[] memory nodes, bool[] memory statuses) external onlyOwner {
        _updateAllowlist(nodes, statuses);
    }

    /// @dev The modifier refuses the whole delivery of a stranger, so that the question stays open
    function _receiveCompute(
        uint32 subscriptionId,
        uint32, // interval: always 1
        uint16, // redundancy: always 1
        address node,
        bytes calldata, // input
        bytes calldata output,
        bytes calldata, // proof
        bytes32, // containerId: zero, since the answer is pushed
        uint256 // index
    ) internal override onlyAllowedNode(node) {
        _keepAnswer(subscriptionId, node, output);
    }

    /// @dev Apart, since modifier and arguments leave no room on the stack
    function _keepAnswer(uint32 subscriptionId, address node, bytes calldata output) private {
        string memory text = _readAnswer(output);
        answer[subscriptionId] = text;
        emit AnswerReceived(subscriptionId, node, text);
    }
}
