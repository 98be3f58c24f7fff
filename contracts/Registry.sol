// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title Registry
/// @notice Immutable address book through which the contracts of one deployment find each other
/// @dev Deployed first, with addresses computed from the deployer's next nonces. Nothing is validated: a
///      deployment must compare each entry with what it deployed (see `LibDeploy`)
contract Registry {
    /// @notice Coordinator of this deployment
    address public immutable COORDINATOR;

    /// @notice Inbox of this deployment
    address public immutable INBOX;

    /// @notice Reader of this deployment
    address public immutable READER;

    /// @notice Protocol fee registry of this deployment
    address public immutable FEE;

    /// @notice Factory whose wallets the coordinator accepts
    address public immutable WALLET_FACTORY;

    /// @param coordinator address of the coordinator
    /// @param inbox address of the inbox
    /// @param reader address of the reader
    /// @param fee address of the fee registry
    /// @param walletFactory address of the wallet factory
    constructor(address coordinator, address inbox, address reader, address fee, address walletFactory) {
        COORDINATOR = coordinator;
        INBOX = inbox;
        READER = reader;
        FEE = fee;
        WALLET_FACTORY = walletFactory;
    }
}
