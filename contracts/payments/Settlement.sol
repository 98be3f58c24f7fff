// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Coordinator} from "../Coordinator.sol";
import {IVerifier} from "./IVerifier.sol";
import {Wallet} from "./Wallet.sol";

/// @notice What the settlement of one answer needs to know
/// @param owner owner of the subscription, who spends from the consumer's wallet
/// @param token ERC20 address, or zero for the native coin
/// @param amount raw units that the answer costs; the node's collateral where a verifier judges it
/// @param consumerWallet wallet that pays
/// @param nodeWallet wallet that is paid, and holds the collateral
/// @param verifier judge of the proof, or zero
/// @param protocolFee protocol's rate in hundredths of a percent
/// @param feeRecipient who receives the protocol's fee
struct Payment {
    address owner;
    address token;
    uint256 amount;
    Wallet consumerWallet;
    Wallet nodeWallet;
    IVerifier verifier;
    uint16 protocolFee;
    address feeRecipient;
}

/// @title Settlement
/// @notice Who gets what for an answer, and which wallet pays or locks it
library Settlement {
    /// @dev Fee rate that means 100 %
    uint256 private constant FEE_SCALE = 10_000;

    /// @dev Share of an amount of raw units at a rate in hundredths of a percent, rounded down; panics (0x11) when
    ///      the product overflows
    function share(uint256 amount, uint256 rate) internal pure returns (uint256) {
        return amount * rate / FEE_SCALE;
    }

    /// @dev Pays the protocol its share and the node the rest, for an answer that no verifier judges
    function payNode(Payment memory payment) internal {
        uint256 protocolShare = _protocolShare(payment);
        payment.consumerWallet
            .cSplit(
                payment.owner,
                payment.token,
                payment.feeRecipient,
                protocolShare,
                address(payment.nodeWallet),
                payment.amount - protocolShare
            );
    }

    /// @dev Pays the protocol its share, and the verifier's fee to the verifier less the protocol's share of that.
    ///      Returns what is left for the node; panics (0x11) when the fee exceeds it
    function payVerifier(Payment memory payment) internal returns (uint256 escrow) {
        uint256 protocolShare = _protocolShare(payment);
        _pay(payment, payment.feeRecipient, protocolShare);
        if (!payment.verifier.isSupportedToken(payment.token)) {
            revert Coordinator.UnsupportedVerifierToken();
        }
        uint256 verifierFee = payment.verifier.fee(payment.token);
        escrow = payment.amount - protocolShare - verifierFee;
        uint256 shareOfFee = share(verifierFee, payment.protocolFee);
        _pay(payment, payment.feeRecipient, shareOfFee);
        _pay(payment, payment.verifier.getWallet(), verifierFee - shareOfFee);
    }

    /// @dev Locks the node's collateral, which is the full amount, then its reward
    function lock(Payment memory payment, address node, uint256 escrow) internal {
        payment.nodeWallet.cLock(node, payment.token, payment.amount);
        payment.consumerWallet.cLock(payment.owner, payment.token, escrow);
    }

    /// @dev Unlocks both sides' escrow, then pays the node's collateral to the consumer when `slashed`, else the
    ///      consumer's escrow to the node
    function unlock(Payment memory payment, address node, uint256 escrow, bool slashed) internal {
        payment.nodeWallet.cUnlock(node, payment.token, payment.amount);
        payment.consumerWallet.cUnlock(payment.owner, payment.token, escrow);
        if (slashed) {
            payment.nodeWallet.cTransfer(node, payment.token, address(payment.consumerWallet), payment.amount);
        } else {
            _pay(payment, address(payment.nodeWallet), escrow);
        }
    }

    /// @dev The doubled rate of the whole amount
    function _protocolShare(Payment memory payment) private pure returns (uint256 protocolShare) {
        protocolShare = share(payment.amount, 2 * uint256(payment.protocolFee));
        if (protocolShare > payment.amount) revert Coordinator.ProtocolFeeTooHigh();
    }

    /// @dev Pays from the consumer's wallet on behalf of the subscription's owner
    function _pay(Payment memory payment, address to, uint256 amount) private {
        payment.consumerWallet.cTransfer(payment.owner, payment.token, to, amount);
    }
}
