// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Deployment} from "./Deployment.sol";

/// @notice A question, an answer, and nodes that deliver it to one of the examples
abstract contract Chats is Deployment {
    string internal constant QUESTION = "Can shrimp actually fry rice fr?";
    string internal constant ANSWER = unicode"Shrimp cannot 🍤";

    /// @dev What a node makes of a container's answer
    function _output(string memory answer) internal pure returns (bytes memory) {
        return abi.encode(abi.encode(answer), bytes(""));
    }

    function _answer(address node, uint32 id, uint32 interval, bytes memory output) internal {
        vm.prank(node);
        coordinator.deliverCompute(id, interval, "", output, "", address(0));
    }

    /// @dev Outputs that hold no answer: nothing, a dry run's word of zeros, one encoding too few, cut short
    function _unreadableOutputs() internal pure returns (bytes[4] memory) {
        return [
            bytes(""),
            abi.encode(0),
            abi.encode(ANSWER),
            abi.encode(abi.encodePacked(bytes32(uint256(32)), bytes32(uint256(99))), bytes(""))
        ];
    }
}
