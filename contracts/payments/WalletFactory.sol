// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Registry} from "../Registry.sol";
import {Wallet} from "./Wallet.sol";
import {WalletOrigin} from "./WalletOrigin.sol";
import {WalletProxy} from "./WalletProxy.sol";

/// @title WalletFactory
/// @notice Creates wallets; the coordinator accepts no others
/// @dev The first wallet is a whole one and lends its code to the later ones. It takes the factory's first nonce,
///      on which a published address depends, so that the code cannot be deployed beforehand. Wallets are not
///      remembered: each can prove its origin (`WalletOrigin`)
contract WalletFactory {
    using WalletOrigin for address;

    Registry private immutable REGISTRY;

    address private firstWallet;

    /// @dev Nonce of the next wallet. The factory creates nothing else, so that this is its own nonce
    uint64 private nextNonce = uint64(WalletOrigin.FIRST_NONCE);

    /// @notice A wallet was created
    /// @param caller who asked for it; anyone may create a wallet for anyone
    /// @param owner who owns it
    /// @param wallet its address
    event WalletCreated(address indexed caller, address indexed owner, address wallet);

    /// @param registry address book the wallets are bound to
    constructor(Registry registry) {
        REGISTRY = registry;
    }

    /// @notice Creates a wallet
    /// @dev By plain CREATE, so that its address follows from the factory's nonce; panics (0x01) on a chain where it
    ///      does not, since no wallet could be paid there
    /// @param initialOwner may withdraw and approve; zero is allowed
    /// @return wallet address of the new wallet
    function createWallet(address initialOwner) external returns (address wallet) {
        uint64 nonce = nextNonce++;
        if (nonce == WalletOrigin.FIRST_NONCE) {
            wallet = address(new Wallet(REGISTRY, initialOwner));
            firstWallet = wallet;
        } else {
            wallet = address(new WalletProxy(firstWallet, nonce, initialOwner));
        }
        assert(wallet.isCreatedBy(address(this)));
        emit WalletCreated(msg.sender, initialOwner, wallet);
    }

    /// @notice Whether this factory created `wallet`
    /// @param wallet address to look up
    /// @return valid true for ever once created, whoever owns it
    function isValidWallet(address wallet) external view returns (bool valid) {
        return wallet.isCreatedBy(address(this));
    }
}
