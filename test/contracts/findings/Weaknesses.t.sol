// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator, Subscription} from "../../../contracts/Coordinator.sol";
import {Allowlist} from "../../../contracts/pattern/Allowlist.sol";
import {Delegator} from "../../../contracts/pattern/Delegator.sol";
import {Fee} from "../../../contracts/payments/Fee.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../../contracts/payments/WalletFactory.sol";
import {LibSign} from "../lib/LibSign.sol";
import {DelegatorProbe} from "../Pattern.t.sol";
import {Payments} from "../support/Payments.sol";
import {RecordingConsumer, Terms} from "../support/RecordingConsumer.sol";
import {QuirkyToken} from "../support/Tokens.sol";

/// @notice Weaknesses of infernet-sdk v1 beyond its audits: one test or more per row, named after it. Where the
///         interface leaves no remedy, the test shows the effect that the guide for authors describes
contract WeaknessesTest is Payments {
    function _openProof(address node) private returns (uint32 id) {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(node, NATIVE, 1 ether);
        id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        _deliverPaid(node, id, 1);
    }

    /// @dev The wallet's owner pays itself through a second subscription, from what is locked for the first
    function test_W1_ConsumerCannotSpendTheNodesRewardElsewhere() public {
        uint32 id = _openProof(alice);
        RecordingConsumer accomplice = new RecordingConsumer(address(registry));
        consumerWallet.approve(address(accomplice), NATIVE, 1 ether);
        uint32 second = accomplice.subscribe(_paid(NATIVE, 0.7978 ether));

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(bob, second, 1);

        verifier.verdict(id, 1, alice, true);
        assertEq(address(nodeWallet).balance, 1.7978 ether);
    }

    /// @dev The node spends its collateral as a consumer would, before it is slashed
    function test_W1_NodeCannotSpendItsCollateralElsewhere() public {
        uint32 id = _openProof(alice);
        RecordingConsumer accomplice = new RecordingConsumer(address(registry));
        nodeWallet.approve(address(accomplice), NATIVE, 1 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.wallet = address(nodeWallet);
        uint32 second = accomplice.subscribe(terms);
        Wallet third = Wallet(payable(factory.createWallet(alice)));

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliver(bob, second, 1, address(third));

        verifier.verdict(id, 1, alice, false);
        assertEq(address(consumerWallet).balance, 1.7978 ether);
    }

    function test_W2_NodeCannotVetoASlashThroughItsAllowance() public {
        uint32 id = _openProof(alice);
        nodeWallet.approve(alice, NATIVE, type(uint256).max);

        verifier.verdict(id, 1, alice, false);

        assertEq(address(nodeWallet).balance, 0);
        assertEq(address(consumerWallet).balance, 1.7978 ether);
    }

    function test_W2_ConsumerCannotVetoAPaymentThroughItsAllowance() public {
        uint32 id = _openProof(alice);
        consumerWallet.approve(address(consumer), NATIVE, type(uint256).max);

        verifier.verdict(id, 1, alice, true);

        assertEq(address(nodeWallet).balance, 1.7978 ether);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), type(uint256).max - 0.7978 ether);
    }

    function testFuzz_W2_UnlockNeverFailsThroughTheAllowance(uint256 allowed, uint256 locked) public {
        locked = bound(locked, 0, 1e30);
        _fundConsumer(NATIVE, locked);
        vm.prank(address(coordinator));
        consumerWallet.cLock(address(consumer), NATIVE, locked);
        consumerWallet.approve(address(consumer), NATIVE, allowed);

        vm.prank(address(coordinator));
        consumerWallet.cUnlock(address(consumer), NATIVE, locked);

        uint256 expected = allowed > type(uint256).max - locked ? type(uint256).max : allowed + locked;
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), expected);
    }

    function test_W3_TokenWithoutCodeIsNoPayment() public {
        address nothing = makeAddr("no token");
        consumerWallet.approve(address(consumer), nothing, 1 ether);
        uint32 id = consumer.subscribe(_paid(nothing, 1 ether));
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);
        assertEq(consumer.deliveryCount(), 0);
    }

    function test_W4_TokenIsNotAskedToMoveNothing() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.RefusesZero);
        vm.prank(feeRecipient);
        fee.updateFee(0);
        _fundConsumer(address(quirky), 100e6);
        uint32 id = consumer.subscribe(_paid(address(quirky), 100e6));

        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), address(quirky), feeRecipient, 0);
        _deliverPaid(alice, id, 1);
    }

    function test_W4_RecipientOfNoCoinIsNotCalled() public {
        vm.prank(feeRecipient);
        fee.updateFee(0);
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.expectCall(feeRecipient, "", 0);
        _deliverPaid(alice, id, 1);
    }

    /// @dev No remedy within the interface: a node has to simulate, and to trust the verifier
    function test_W5_VerifierMayTakeTheWholeRewardAtDelivery() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        verifier.support(NATIVE, 0.8978 ether);

        _deliverPaid(alice, id, 1);

        (,, uint256 escrowed) = coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(escrowed, 0, "nothing for the node");
        assertEq(nodeWallet.allowance(alice, NATIVE), 0, "whose collateral is locked nevertheless");
    }

    function testFuzz_W6_TooHighARateFailsByName(uint16 rate) public {
        rate = uint16(bound(rate, 5001, type(uint16).max));
        vm.prank(feeRecipient);
        fee.updateFee(rate);
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.expectRevert(Coordinator.ProtocolFeeTooHigh.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_W7_RateChangeIsLogged() public {
        vm.expectEmit(address(fee));
        emit Fee.FeeUpdated(FEE_RATE, 7);
        vm.prank(feeRecipient);
        fee.updateFee(7);
    }

    function test_W7_SignerChangeIsLogged() public {
        DelegatorProbe probe = new DelegatorProbe(alice);
        vm.expectEmit(address(probe));
        emit Delegator.DelegatorSignerUpdated(alice, bob);
        probe.update(bob);
    }

    function test_W7_AllowlistChangeIsLogged() public {
        address[] memory nodes = new address[](1);
        nodes[0] = alice;
        vm.expectEmit();
        emit Allowlist.AllowlistNodeUpdated(alice, true);
        new AllowlistProbe(nodes);
    }

    function test_W8_LengthOfAnInboxIsReadable() public {
        assertEq(inbox.length(CONTAINER_HASH, alice), 0);
        vm.prank(alice);
        inbox.write(CONTAINER_HASH, INPUT, OUTPUT, PROOF);
        assertEq(inbox.length(CONTAINER_HASH, alice), 1);
    }

    /// @dev The topic is fixed: an indexer reads the terms back
    function test_W9_CreationLogsTheIdOnly() public {
        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionCreated(1);
        consumer.subscribe(_recurring(2, 60, 3));
        assertEq(coordinator.getSubscription(1).redundancy, 3);
    }

    /// @dev Published tests want it so: a node has to compare what it finds with what it expects
    function test_W10_UsedNonceHidesThatTheTermsDiffer() public {
        (SigningConsumer owner, uint256 key) = _signingConsumer();
        Subscription memory sub = _signedTerms(address(owner));
        _createSigned(key, 3, sub);

        sub.frequency = 99;
        assertEq(_createSigned(key, 3, sub), 1);
        assertEq(coordinator.getSubscription(1).frequency, 2);
    }

    /// @dev `delegateCreatedIds` tells what `maxSubscriberNonce` cannot
    function test_W11_UnusedAndNonceZeroLookAlike() public {
        (SigningConsumer owner, uint256 key) = _signingConsumer();
        bytes32 lookup = keccak256(abi.encode(address(owner), uint32(0)));
        assertEq(coordinator.maxSubscriberNonce(address(owner)), 0);
        assertEq(coordinator.delegateCreatedIds(lookup), 0);

        _createSigned(key, 0, _signedTerms(address(owner)));

        assertEq(coordinator.maxSubscriberNonce(address(owner)), 0);
        assertEq(coordinator.delegateCreatedIds(lookup), 1);
    }

    function test_W12_IntervalBeforeActivityIsMeaninglessButNotDeliverable() public {
        uint32 id = consumer.subscribe(_recurring(type(uint32).max, 60, 1));
        uint32 interval = coordinator.getSubscriptionInterval(START + 60, 60);
        assertGt(interval, 1);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, interval);
    }

    /// @dev Cheap, and yet at the address that the factory's nonce gives
    function test_W13_LaterWalletsAreCheap() public {
        uint256 before = gasleft();
        address wallet = factory.createWallet(alice);
        assertLt(before - gasleft(), 200_000);
        assertEq(wallet, vm.computeCreateAddress(address(factory), vm.getNonce(address(factory)) - 1));
    }

    /// @dev The conditions on which a wallet may be cheap
    function test_W13_FirstWalletAndDirectConstructionStayAsTheyWere() public {
        WalletFactory fresh = new WalletFactory(registry);
        assertEq(vm.getNonce(address(fresh)), 1);
        assertEq(fresh.createWallet(alice), vm.computeCreateAddress(address(fresh), 1));

        Wallet direct = new Wallet(registry, address(this));
        _fund(direct, NATIVE, 1 ether);
        direct.approve(alice, NATIVE, 1 ether);
        vm.prank(address(coordinator));
        direct.cTransfer(alice, NATIVE, bob, 0.4 ether);
        direct.withdraw(NATIVE, 0.6 ether);
        assertEq(bob.balance, 0.4 ether);
        assertEq(address(direct).balance, 0);
    }

    function test_W14_InputsAreNeverErased() public {
        uint32 id = consumer.request(_once(), INPUT);
        _deliver(alice, id, 1);
        assertEq(consumer.getContainerInputs(id, 1, START, alice), INPUT);
    }

    /// @dev Published tests want it so: the owner has to revoke again after the settlement
    function test_W15_RevokedAllowanceOfAConsumerComesBackAfterASlash() public {
        uint32 id = _openProof(alice);
        consumerWallet.approve(address(consumer), NATIVE, 0);
        nodeWallet.approve(alice, NATIVE, 0);

        verifier.verdict(id, 1, alice, false);

        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0.7978 ether);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
    }

    function test_W15_RevokedAllowanceOfANodeComesBackAfterAGoodVerdict() public {
        uint32 id = _openProof(alice);
        nodeWallet.approve(alice, NATIVE, 0);

        verifier.verdict(id, 1, alice, true);

        assertEq(nodeWallet.allowance(alice, NATIVE), 1 ether);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0);

        nodeWallet.approve(alice, NATIVE, 0);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0, "revoked for good");
    }

    /// @dev A cancelled subscription's `activeAt` is the last second of the 32-bit clock, and yet no activity
    function test_CancelledStaysCancelledInTheLastSecondOfTheClock() public {
        vm.warp(type(uint32).max - 10);
        uint32 id = consumer.subscribe(_once());
        uint32 recurring = consumer.subscribe(_recurring(2, 5, 1));
        consumer.cancel(id);
        consumer.cancel(recurring);

        vm.warp(type(uint32).max);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, 1);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, recurring, 1);
    }

    function _signingConsumer() private returns (SigningConsumer owner, uint256 key) {
        address signer;
        (signer, key) = makeAddrAndKey("signer");
        owner = new SigningConsumer(address(registry), signer);
    }

    function _signedTerms(address owner) private pure returns (Subscription memory) {
        return
            Subscription(owner, START, 60, 2, 1, CONTAINER_HASH, false, payable(0), 0, address(0), payable(0));
    }

    function _createSigned(uint256 key, uint32 nonce, Subscription memory sub) private returns (uint32) {
        bytes32 digest = LibSign.getTypedMessageHash(
            "InfernetCoordinator", "1", address(coordinator), nonce, START + 1, sub
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return coordinator.createSubscriptionDelegatee(nonce, START + 1, sub, v, r, s);
    }
}

contract SigningConsumer is RecordingConsumer, Delegator {
    constructor(address registry, address signer) RecordingConsumer(registry) Delegator(signer) {}
}

contract AllowlistProbe is Allowlist {
    constructor(address[] memory nodes) Allowlist(nodes) {}
}
