// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title AnswerDecoder
/// @notice Mix-in that reads the text out of what a node delivers for a language model
/// @dev A node delivers `abi.encode(bytes raw, bytes processed)`; the model's answer is `raw`, itself
///      `abi.encode(string)`. Hence two decodings
abstract contract AnswerDecoder {
    /// @notice The output holds no answer of the expected shape
    error UnreadableAnswer();

    /// @notice Decodes an output; reverts with whatever the decoder makes of a malformed one
    /// @dev External so that a call can fail without ending the caller; also of use off-chain
    /// @param output bytes as delivered
    /// @return answer text of the model
    function decodeAnswer(bytes calldata output) external pure returns (string memory answer) {
        (bytes memory raw,) = abi.decode(output, (bytes, bytes));
        return abi.decode(raw, (string));
    }

    /// @dev Decodes an output, or refuses the delivery by a revert with a name. Refusing is right: anyone may be
    ///      the node, and an accepted answer uses up the interval and is paid for. A refused one leaves the
    ///      request open for another node and costs the requester nothing, and the node reads in its simulation,
    ///      before it pays for gas, why. The contract itself keeps no trace and goes on working
    function _readAnswer(bytes memory output) internal view returns (string memory answer) {
        try this.decodeAnswer(output) returns (string memory decoded) {
            return decoded;
        } catch {
            revert UnreadableAnswer();
        }
    }
}
