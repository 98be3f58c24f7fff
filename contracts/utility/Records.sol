// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {ProofRequest, Subscription} from "../Coordinator.sol";
import {IVerifier} from "../payments/IVerifier.sol";
import {Payment} from "../payments/Settlement.sol";
import {Wallet} from "../payments/Wallet.sol";

/// @notice Where the amount of a subscription is
/// @dev A subscription that pays and has no verifier has its amount in the verifier's place, unless the amount is
///      larger than that
enum Amount {
    Zero,
    InVerifiersPlace,
    InOwnSlot
}

/// @notice A `Subscription` in four or five slots instead of seven, of which a free delivery into a callback reads two
/// @dev The token is split over the gaps of two slots
struct SubscriptionRecord {
    address owner;
    uint32 activeAt;
    uint32 period;
    uint32 frequency;
    uint160 verifierOrAmount;
    uint16 redundancy;
    bool lazy;
    Amount amountPlace;
    uint64 tokenLow;
    address payable wallet;
    uint96 tokenHigh;
    uint256 largeAmount;
    bytes32 containerId;
}

/// @notice A `ProofRequest` in one slot, or in two where the escrow has 64 bits or more
/// @dev `escrow` at its maximum means that `largeEscrow` holds the amount
struct ProofRecord {
    uint32 expiry;
    Wallet nodeWallet;
    uint64 escrow;
    uint256 largeEscrow;
}

/// @title Records
/// @notice Packs what the coordinator stores, and names the keys under which it does
library Records {
    /// @dev Key of all answers to one interval
    function intervalKey(uint32 subscriptionId, uint32 interval) internal pure returns (bytes32 key) {
        return keccak256(abi.encode(subscriptionId, interval));
    }

    /// @dev Key of one node's answer
    function responseKey(uint32 subscriptionId, uint32 interval, address node)
        internal
        pure
        returns (bytes32 key)
    {
        return keccak256(abi.encode(subscriptionId, interval, node));
    }

    /// @dev Stores terms in slots that are still zero, so that zeros need no write
    function write(SubscriptionRecord storage record, Subscription memory terms) internal {
        (Amount amountPlace, uint160 verifierOrAmount) = _place(terms.verifier, terms.paymentAmount);
        record.owner = terms.owner;
        record.activeAt = terms.activeAt;
        record.period = terms.period;
        record.frequency = terms.frequency;
        record.verifierOrAmount = verifierOrAmount;
        record.redundancy = terms.redundancy;
        record.lazy = terms.lazy;
        record.amountPlace = amountPlace;
        record.tokenLow = uint64(uint160(terms.paymentToken));
        record.containerId = terms.containerId;
        uint96 tokenHigh = uint96(uint160(terms.paymentToken) >> 64);
        if (terms.wallet != address(0)) record.wallet = terms.wallet;
        if (tokenHigh != 0) record.tokenHigh = tokenHigh;
        if (amountPlace == Amount.InOwnSlot) record.largeAmount = terms.paymentAmount;
    }

    /// @dev Puts the terms together again
    function read(SubscriptionRecord storage record) internal view returns (Subscription memory terms) {
        terms.owner = record.owner;
        terms.activeAt = record.activeAt;
        terms.period = record.period;
        terms.frequency = record.frequency;
        terms.redundancy = record.redundancy;
        terms.containerId = record.containerId;
        terms.lazy = record.lazy;
        terms.verifier = payable(verifier(record));
        terms.paymentAmount = amount(record);
        terms.paymentToken = token(record);
        terms.wallet = record.wallet;
    }

    /// @dev The payment token
    function token(SubscriptionRecord storage record) internal view returns (address) {
        return address(uint160(record.tokenHigh) << 64 | record.tokenLow);
    }

    /// @dev What the settlement of one answer needs of the terms; the protocol's fee is not among them
    function payment(SubscriptionRecord storage record, Wallet nodeWallet)
        internal
        view
        returns (Payment memory payment_)
    {
        payment_.owner = record.owner;
        payment_.token = token(record);
        payment_.amount = amount(record);
        payment_.verifier = IVerifier(payable(verifier(record)));
        payment_.consumerWallet = Wallet(record.wallet);
        payment_.nodeWallet = nodeWallet;
    }

    /// @dev Whether answers are paid
    function isPaid(SubscriptionRecord storage record) internal view returns (bool) {
        return record.amountPlace != Amount.Zero;
    }

    /// @dev Raw units per answer
    function amount(SubscriptionRecord storage record) internal view returns (uint256) {
        return record.amountPlace == Amount.InVerifiersPlace ? record.verifierOrAmount : record.largeAmount;
    }

    /// @dev The judge of proofs, or zero
    function verifier(SubscriptionRecord storage record) internal view returns (address) {
        return record.amountPlace == Amount.InVerifiersPlace ? address(0) : address(record.verifierOrAmount);
    }

    /// @dev Where an amount goes, and what goes into the verifier's place
    function _place(address verifier_, uint256 amount_) private pure returns (Amount, uint160) {
        if (amount_ == 0) return (Amount.Zero, uint160(verifier_));
        if (verifier_ != address(0) || amount_ > type(uint160).max) {
            return (Amount.InOwnSlot, uint160(verifier_));
        }
        return (Amount.InVerifiersPlace, uint160(amount_));
    }

    /// @dev Stores a request in slots that are still zero
    function write(ProofRecord storage record, ProofRequest memory request) internal {
        record.expiry = request.expiry;
        record.nodeWallet = request.nodeWallet;
        if (request.consumerEscrowed < type(uint64).max) {
            record.escrow = uint64(request.consumerEscrowed);
        } else {
            record.escrow = type(uint64).max;
            record.largeEscrow = request.consumerEscrowed;
        }
    }

    /// @dev Puts the request together again
    function read(ProofRecord storage record) internal view returns (ProofRequest memory request) {
        request.expiry = record.expiry;
        request.nodeWallet = record.nodeWallet;
        uint64 escrow = record.escrow;
        request.consumerEscrowed = escrow == type(uint64).max ? record.largeEscrow : escrow;
    }

    /// @dev Zeroes the slots
    function erase(ProofRecord storage record) internal {
        if (record.escrow == type(uint64).max) record.largeEscrow = 0;
        record.expiry = 0;
        record.nodeWallet = Wallet(payable(0));
        record.escrow = 0;
    }
}
