// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {CallbackConsumer} from "../consumer/Callback.sol";
import {AnswerDecoder} from "./AnswerDecoder.sol";

/// @title ChatConsumer
/// @notice Asks a language model a question and keeps its answer
/// @dev Free and open: anyone may ask, and the first node to answer is believed. Where the answer matters, admit
///      known nodes only (`Allowlist`) or name a verifier
contract ChatConsumer is CallbackConsumer, AnswerDecoder {
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
    /// @param containerId_ id of a container that nodes run, e.g. `tgi_client_inference_service`
    constructor(address registry, string memory containerId_) CallbackConsumer(registry) {
        containerId = containerId_;
    }

    /// @notice Asks a question
    /// @param inputs `abi.encode(string question)`
    /// @return subscriptionId id under which `answer` will hold the answer
    function chatWithLLM(bytes memory inputs) public returns (uint32 subscriptionId) {
        uint16 redundancy = 1;
        address paymentToken = address(0);
        uint256 paymentAmount = 0;
        address wallet = address(0);
        address verifier = address(0);
        subscriptionId =
            _requestCompute(containerId, inputs, redundancy, paymentToken, paymentAmount, wallet, verifier);
        emit ChatRequested(subscriptionId, msg.sender);
    }

    /// @dev Called once per request, by the coordinator only
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
    ) internal override {
        string memory text = _readAnswer(output);
        answer[subscriptionId] = text;
        emit AnswerReceived(subscriptionId, node, text);
    }
}
