// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Registry} from "../Registry.sol";

/// @title Coordinated
/// @notice Mix-in whose modifier admits only the coordinator
abstract contract Coordinated {
    /// @dev Private, so that an inheriting contract may define a member of the same name
    address private immutable COORDINATOR;

    /// @notice The caller is not the coordinator
    error NotCoordinator();

    /// @dev Usable on view functions too
    modifier onlyCoordinator() {
        if (msg.sender != COORDINATOR) revert NotCoordinator();
        _;
    }

    /// @param registry address book that names the coordinator
    constructor(Registry registry) {
        COORDINATOR = registry.COORDINATOR();
    }
}
