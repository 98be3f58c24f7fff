// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {LibRLP} from "solady/utils/LibRLP.sol";
import {Wallet} from "./Wallet.sol";

/// @title WalletOrigin
/// @notice Tells whether a factory created a wallet, without asking the factory
/// @dev A wallet states the nonce with which the factory created it. Address and nonce of the creator determine the
///      address of what is created, and only the factory can create anything there: that the addresses agree is
///      the proof, whatever the wallet is. This costs a call of the wallet, which a payment touches anyway
library WalletOrigin {
    /// @dev An account's first contract. A factory's first wallet is a whole one and states this nonce
    uint256 internal constant FIRST_NONCE = 1;

    /// @dev More wallets than there will ever be. Without a bound, a liar could search for a nonce that matches its
    ///      address among 2^256; with it, it would have to find one of 2^40 addresses for its contract
    uint256 private constant MAX_NONCE = type(uint40).max;

    /// @dev Whether `factory` created `wallet`; false, not a revert, whatever `wallet` does
    function isCreatedBy(address wallet, address factory) internal view returns (bool) {
        uint256 nonce = _statedNonce(wallet);
        return nonce <= MAX_NONCE && LibRLP.computeAddress(factory, nonce) == wallet;
    }

    /// @dev What `wallet` answers to `FACTORY_NONCE()`; the maximum if that is no answer. In assembly, since a call
    ///      in Solidity reverts when the account has no code or answers too little, and copies too long an answer
    function _statedNonce(address wallet) private view returns (uint256 nonce) {
        bytes4 selector = Wallet.FACTORY_NONCE.selector;
        assembly ("memory-safe") {
            mstore(0, selector)
            let success := staticcall(gas(), wallet, 0, 4, 0, 32)
            nonce := mload(0)
            if iszero(and(success, gt(returndatasize(), 31))) { nonce := not(0) }
        }
    }
}
