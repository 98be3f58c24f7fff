// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {CallbackConsumer} from "../../../contracts/consumer/Callback.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";

/// @notice Consumer that goes back into the coordinator while an answer is being delivered to it
contract ReenteringChat is CallbackConsumer, AnswerDecoder {
    string public containerId;
    mapping(uint32 => string) public answer;

    /// @notice Why the coordinator refused a delivery from within a delivery
    bytes public refusal;

    /// @notice Question that was asked from within the delivery of the first answer, 0 until then
    uint32 public second;

    constructor(address registry, string memory containerId_) CallbackConsumer(registry) {
        containerId = containerId_;
    }

    function chatWithLLM(bytes memory inputs) public returns (uint32) {
        return _requestCompute(containerId, inputs, 1, address(0), 0, address(0), address(0));
    }

    function _receiveCompute(
        uint32 subscriptionId,
        uint32,
        uint16,
        address,
        bytes calldata,
        bytes calldata output,
        bytes calldata,
        bytes32,
        uint256
    ) internal override {
        answer[subscriptionId] = _readAnswer(output);
        if (second == 0) {
            _deliverAgain(subscriptionId, output);
            second = chatWithLLM(abi.encode("and one more?"));
        }
    }

    function _deliverAgain(uint32 subscriptionId, bytes calldata output) private {
        try COORDINATOR.deliverCompute(subscriptionId, 1, "", output, "", address(0)) {
            assert(false);
        } catch (bytes memory reason) {
            refusal = reason;
        }
    }
}
