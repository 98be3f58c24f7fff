// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

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
    /// @notice All items: container id => node => index => item
    mapping(bytes32 => mapping(address => InboxItem[])) public items;

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
        return items[containerId][node][index];
    }

    /// @notice Number of items of a container and a node
    /// @param containerId container
    /// @param node address the items are stored under
    /// @return count the next item's index
    function length(bytes32 containerId, address node) external view returns (uint256 count) {
        return items[containerId][node].length;
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
        InboxItem[] storage list = items[containerId][node];
        index = list.length;
        InboxItem storage item = list.push();
        item.timestamp = uint32(block.timestamp);
        item.subscriptionId = subscriptionId;
        item.interval = interval;
        item.input = input;
        item.output = output;
        item.proof = proof;
        emit NewInboxItem(containerId, node, index);
    }
}
