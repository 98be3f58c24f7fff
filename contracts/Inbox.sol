// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {Registry} from "./Registry.sol";
import {Coordinated} from "./utility/Coordinated.sol";

/// @notice One stored answer
/// @param timestamp time of the write, UNIX seconds
/// @param subscriptionId subscription that was answered; 0 for a direct write
/// @param interval interval that was answered; 0 for a direct write
/// @param input opaque container input
/// @param output opaque container output
/// @param proof opaque proof
struct InboxItem {
    uint32 timestamp;
    uint32 subscriptionId;
    uint32 interval;
    bytes input;
    bytes output;
    bytes proof;
}

/// @title Inbox
/// @notice Append-only store of answers by container and node
/// @dev Anyone may write under its own address, for any container. Whoever reads an item must check its
///      `subscriptionId` and `interval`: only the coordinator can set them
contract Inbox is Coordinated {
    /// @dev What is kept of an item in its one slot
    struct Entry {
        uint32 timestamp;
        uint32 subscriptionId;
        uint32 interval;
        address blob;
    }

    /// @dev The bytes of an item that has no blob
    struct Payload {
        bytes input;
        bytes output;
        bytes proof;
    }

    /// @dev Below this many bytes, plain storage is cheaper than a contract
    uint256 private constant MIN_BLOB = 32;

    /// @dev A contract may have 24 576 bytes (EIP-170), of which one and a header of four are ours
    uint256 private constant MAX_BLOB = 24_571;

    /// @dev Items by container id and node. Their bytes are kept as the code of a contract, which costs a third of
    ///      storage: two lengths of 16 bits, input, output, proof
    mapping(bytes32 => mapping(address => Entry[])) private entries;

    /// @dev Bytes too few or too many for a blob, by container id, node and index
    mapping(bytes32 => mapping(address => mapping(uint256 => Payload))) private payloads;

    /// @notice An item was stored
    /// @param containerId container it belongs to
    /// @param node address it is stored under
    /// @param index its position in the list of that container and node
    event NewInboxItem(bytes32 indexed containerId, address indexed node, uint256 index);

    /// @param registry address book that names the coordinator
    constructor(Registry registry) Coordinated(registry) {}

    /// @notice Stores an item of the caller, bound to no subscription
    /// @param containerId container it belongs to; not checked
    /// @param input opaque
    /// @param output opaque
    /// @param proof opaque
    /// @return index position in the list of this container and the caller
    function write(bytes32 containerId, bytes calldata input, bytes calldata output, bytes calldata proof)
        external
        returns (uint256 index)
    {
        return _write(containerId, msg.sender, 0, 0, input, output, proof);
    }

    /// @notice Stores the answer of a node to a subscription
    /// @param containerId container of the subscription
    /// @param node address that delivered
    /// @param subscriptionId subscription that was answered
    /// @param interval interval that was answered
    /// @param input opaque
    /// @param output opaque
    /// @param proof opaque
    /// @return index position in the list of this container and node
    function writeViaCoordinator(
        bytes32 containerId,
        address node,
        uint32 subscriptionId,
        uint32 interval,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof
    ) external onlyCoordinator returns (uint256 index) {
        return _write(containerId, node, subscriptionId, interval, input, output, proof);
    }

    /// @notice Reads an item; an index beyond the end panics (0x32)
    /// @param containerId container it belongs to
    /// @param node address it is stored under
    /// @param index position in their list, from 0
    /// @return item the item
    function read(bytes32 containerId, address node, uint256 index)
        external
        view
        returns (InboxItem memory item)
    {
        return _read(containerId, node, index);
    }

    /// @notice Reads an item as single values; an index beyond the end reverts without data
    /// @param containerId container it belongs to
    /// @param node address it is stored under
    /// @param index position in their list, from 0
    /// @return timestamp time of the write, UNIX seconds
    /// @return subscriptionId subscription that was answered; 0 for a direct write
    /// @return interval interval that was answered; 0 for a direct write
    /// @return input opaque
    /// @return output opaque
    /// @return proof opaque
    function items(bytes32 containerId, address node, uint256 index)
        external
        view
        returns (
            uint32 timestamp,
            uint32 subscriptionId,
            uint32 interval,
            bytes memory input,
            bytes memory output,
            bytes memory proof
        )
    {
        // As the getter of a public array does, which this once was.
        // solhint-disable-next-line gas-custom-errors
        if (index >= entries[containerId][node].length) revert();
        InboxItem memory item = _read(containerId, node, index);
        return (item.timestamp, item.subscriptionId, item.interval, item.input, item.output, item.proof);
    }

    /// @notice Number of items of a container and a node
    /// @param containerId container
    /// @param node address the items are stored under
    /// @return count the next item's index
    function length(bytes32 containerId, address node) external view returns (uint256 count) {
        return entries[containerId][node].length;
    }

    /// @dev Appends to the list of (containerId, node) and returns the index
    function _write(
        bytes32 containerId,
        address node,
        uint32 subscriptionId,
        uint32 interval,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof
    ) internal returns (uint256 index) {
        Entry[] storage list = entries[containerId][node];
        index = list.length;
        Entry storage entry = list.push();
        entry.timestamp = uint32(block.timestamp);
        entry.subscriptionId = subscriptionId;
        entry.interval = interval;
        entry.blob = _store(payloads[containerId][node][index], input, output, proof);
        emit NewInboxItem(containerId, node, index);
    }

    /// @dev Keeps the bytes in a blob, whose address is returned, or else in `payload`
    function _store(
        Payload storage payload,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof
    ) private returns (address blob) {
        uint256 size = input.length + output.length + proof.length;
        if (size >= MIN_BLOB && size <= MAX_BLOB) {
            return SSTORE2.write(
                abi.encodePacked(uint16(input.length), uint16(output.length), input, output, proof)
            );
        }
        if (input.length != 0) payload.input = input;
        if (output.length != 0) payload.output = output;
        if (proof.length != 0) payload.proof = proof;
    }

    /// @dev Puts an item together again
    function _read(bytes32 containerId, address node, uint256 index)
        private
        view
        returns (InboxItem memory item)
    {
        Entry storage entry = entries[containerId][node][index];
        item.timestamp = entry.timestamp;
        item.subscriptionId = entry.subscriptionId;
        item.interval = entry.interval;
        address blob = entry.blob;
        if (blob == address(0)) {
            Payload storage payload = payloads[containerId][node][index];
            item.input = payload.input;
            item.output = payload.output;
            item.proof = payload.proof;
        } else {
            uint32 lengths = uint32(bytes4(SSTORE2.read(blob, 0, 4)));
            uint256 outputStart = 4 + (lengths >> 16);
            uint256 proofStart = outputStart + (lengths & 0xffff);
            item.input = SSTORE2.read(blob, 4, outputStart);
            item.output = SSTORE2.read(blob, outputStart, proofStart);
            item.proof = SSTORE2.read(blob, proofStart);
        }
    }
}
