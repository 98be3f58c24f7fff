// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title Allowlist
/// @notice Mix-in that restricts which nodes may answer; put `onlyAllowedNode(node)` on `_receiveCompute`
/// @dev Without private functions: a consumer could not name its own alike
abstract contract Allowlist {
    mapping(address => bool) private allowedNodes;

    /// @notice The node is not on the list
    error NodeNotAllowed();

    /// @notice A node was allowed or disallowed
    /// @param node address of the node
    /// @param allowed its status from now on
    event AllowlistNodeUpdated(address indexed node, bool allowed);

    /// @param node address that must be on the list
    modifier onlyAllowedNode(address node) {
        if (!allowedNodes[node]) revert NodeNotAllowed();
        _;
    }

    /// @param initialAllowed nodes allowed from the start
    constructor(address[] memory initialAllowed) {
        for (uint256 i = 0; i < initialAllowed.length; i++) {
            allowedNodes[initialAllowed[i]] = true;
            emit AllowlistNodeUpdated(initialAllowed[i], true);
        }
    }

    /// @notice Whether a node may answer; nodes ask before they pay for a transaction
    /// @param node address of the node
    /// @return allowed its present status
    function isAllowedNode(address node) external view returns (bool allowed) {
        return allowedNodes[node];
    }

    /// @notice Assigns pairwise in order, so that the last of several entries for a node counts
    /// @dev Panics (0x32) when `statuses` is shorter than `nodes`
    /// @param nodes addresses to change
    /// @param statuses their new statuses
    function _updateAllowlist(address[] memory nodes, bool[] memory statuses) internal {
        for (uint256 i = 0; i < nodes.length; i++) {
            allowedNodes[nodes[i]] = statuses[i];
            emit AllowlistNodeUpdated(nodes[i], statuses[i]);
        }
    }
}
