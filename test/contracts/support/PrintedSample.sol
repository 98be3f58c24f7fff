// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {console} from "forge-std/console.sol";
import {CallbackConsumer} from "infernet-sdk/consumer/Callback.sol";

/// @notice The sample of the user's guide with its lost lines and the console import restored, and nothing else
contract PrintedSample is CallbackConsumer {
    constructor(address registry) CallbackConsumer(registry) {}

    // Function to chat with LLM
    function chatWithLLM(bytes memory inputs) public {
        string memory containerId = "my-container";
        uint16 redundancy = 1;
        address paymentToken = address(0);
        uint256 paymentAmount = 0;
        address wallet = address(0);
        address verifier = address(0);

        _requestCompute(containerId, inputs, redundancy, paymentToken, paymentAmount, wallet, verifier);
        console.log("Requested compute");
    }

    // Function to receive the compute result
    function receiveCompute(bytes32 taskId, bytes memory output, bytes memory proof) public pure {
        console.log("Received output!");
        console.logBytes32(taskId);
        console.logBytes(output);
        console.logBytes(proof);
    }
}
