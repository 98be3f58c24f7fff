// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {Deployment} from "./Deployment.sol";
import {Terms} from "./RecordingConsumer.sol";
import {TestVerifier} from "./TestVerifier.sol";
import {TestToken} from "./Tokens.sol";

/// @notice A deployment with funded wallets, a token and a verifier
abstract contract Payments is Deployment {
    address internal constant NATIVE = address(0);

    address internal immutable verifierWallet = makeAddr("verifier wallet");

    TestToken internal token;
    Wallet internal consumerWallet;
    Wallet internal nodeWallet;
    TestVerifier internal verifier;

    /// @dev The test owns both wallets
    function setUp() public virtual override {
        super.setUp();
        token = new TestToken();
        consumerWallet = Wallet(payable(factory.createWallet(address(this))));
        nodeWallet = Wallet(payable(factory.createWallet(address(this))));
        verifier = new TestVerifier(registry, verifierWallet);
    }

    /// @dev Withdrawals of the test's wallets come back here
    receive() external payable {}

    /// @dev One answer, paid from the consumer's wallet
    function _paid(address token_, uint256 amount) internal view returns (Terms memory terms) {
        terms = _once();
        terms.token = token_;
        terms.amount = amount;
        terms.wallet = address(consumerWallet);
    }

    /// @dev The same, with a verifier that charges `verifierFee`
    function _verified(address token_, uint256 amount, uint256 verifierFee)
        internal
        returns (Terms memory terms)
    {
        terms = _paid(token_, amount);
        terms.verifier = address(verifier);
        verifier.support(token_, verifierFee);
    }

    function _fund(Wallet wallet, address token_, uint256 amount) internal {
        if (token_ == NATIVE) deal(address(wallet), address(wallet).balance + amount);
        else TestToken(token_).mint(address(wallet), amount);
    }

    /// @dev Funds the consumer's wallet and allows the consumer to spend as much
    function _fundConsumer(address token_, uint256 amount) internal {
        _fund(consumerWallet, token_, amount);
        consumerWallet.approve(address(consumer), token_, amount);
    }

    /// @dev Funds the node's wallet and allows `node` to lock as much
    function _fundNode(address node, address token_, uint256 amount) internal {
        _fund(nodeWallet, token_, amount);
        nodeWallet.approve(node, token_, amount);
    }

    function _balance(address token_, address account) internal view returns (uint256) {
        return token_ == NATIVE ? account.balance : TestToken(token_).balanceOf(account);
    }

    function _deliverPaid(address node, uint32 id, uint32 interval) internal {
        _deliver(node, id, interval, address(nodeWallet));
    }

    function _assertBalances(
        address token_,
        uint256 protocol,
        uint256 verifier_,
        uint256 node,
        uint256 consumer_
    ) internal view {
        assertEq(_balance(token_, feeRecipient), protocol, "protocol");
        assertEq(_balance(token_, verifierWallet), verifier_, "verifier");
        assertEq(_balance(token_, address(nodeWallet)), node, "node wallet");
        assertEq(_balance(token_, address(consumerWallet)), consumer_, "consumer wallet");
    }
}
