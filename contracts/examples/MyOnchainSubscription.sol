// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {CallbackConsumer} from "../consumer/Callback.sol";

/// @title MyOnchainSubscription
/// @notice The shortest consumer: asks, and receives through a function of its own naming
contract MyOnchainSubscription is CallbackConsumer {
    /// @notice A question was asked
    /// @param taskId id under which the answer will come
    event ComputeRequested(bytes32 indexed taskId);

    /// @notice A question was answered
    /// @param taskId id of the request
    /// @param output `abi.encode(bytes raw, bytes processed)`, where `raw` is `abi.encode(string answer)`
    /// @param proof empty unless a verifier asked for one
    event OutputReceived(bytes32 indexed taskId, bytes output, bytes proof);

    /// @param registry address of the address book
    constructor(address registry) CallbackConsumer(registry) {}

    /// @notice Asks a question
    /// @param inputs `abi.encode(string question)`
    function chatWithLLM(bytes memory inputs) public {
        string memory containerId = "my-container";
        uint16 redundancy = 1;
        address paymentToken = address(0);
        uint256 paymentAmount = 0;
        address wallet = address(0);
        address verifier = address(0);
        uint32 subscriptionId =
            _requestCompute(containerId, inputs, redundancy, paymentToken, paymentAmount, wallet, verifier);
        emit ComputeRequested(bytes32(uint256(subscriptionId)));
    }

    /// @notice Receives the answer
    /// @dev Without the check of the caller anyone could forge an answer. `_receiveCompute` calls it inside the
    ///      coordinator's call, and is the only way in: the coordinator itself knows only `rawReceiveCompute`
    /// @param taskId subscription id
    /// @param output `abi.encode(bytes raw, bytes processed)`, where `raw` is `abi.encode(string answer)`
    /// @param proof empty unless a verifier asked for one
    function receiveCompute(bytes32 taskId, bytes memory output, bytes memory proof) public {
        if (msg.sender != address(COORDINATOR)) revert NotCoordinator();
        emit OutputReceived(taskId, output, proof);
    }

    /// @dev Hands the coordinator's delivery on
    function _receiveCompute(
        uint32 subscriptionId,
        uint32,
        uint16,
        address,
        bytes calldata,
        bytes calldata output,
        bytes calldata proof,
        bytes32,
        uint256
    ) internal override {
        receiveCompute(bytes32(uint256(subscriptionId)), output, proof);
    }
}
