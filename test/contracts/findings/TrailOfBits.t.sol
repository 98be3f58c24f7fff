// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Vm} from "forge-std/Vm.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator} from "../../../contracts/Coordinator.sol";
import {Allowlist} from "../../../contracts/pattern/Allowlist.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../../contracts/payments/WalletFactory.sol";
import {Coordinated} from "../../../contracts/utility/Coordinated.sol";
import {AllowlistedConsumer} from "../Pattern.t.sol";
import {AwkwardConsumer} from "../support/AwkwardConsumer.sol";
import {Payments} from "../support/Payments.sol";
import {Terms} from "../support/RecordingConsumer.sol";
import {TestVerifier} from "../support/TestVerifier.sol";
import {HookedToken, QuirkyToken} from "../support/Tokens.sol";

/// @notice Claims to hold collateral, and holds nothing
contract FakeWallet {
    function cLock(address, address, uint256) external {}

    function cUnlock(address, address, uint256) external {}

    function cTransfer(address, address, address, uint256) external {}
}

/// @notice Findings of Trail of Bits (TOB-RITUAL-n and appendix A) on infernet-sdk v1.1, one test or more each.
///         Where the finding was accepted, the test shows the effect that the guide for authors describes
contract TrailOfBitsTest is Payments {
    function test_TOB_RITUAL_1_WalletOfUnknownOriginIsRefused() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        address fake = address(new FakeWallet());

        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliver(alice, id, 1, fake);

        Terms memory terms = _verified(NATIVE, 1 ether, 0);
        terms.wallet = fake;
        id = consumer.subscribe(terms);
        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliverPaid(alice, id, 1);
    }

    /// @dev Accepted: the answer is public once sent. But no on-chain state uses an answer that was not paid
    function test_TOB_RITUAL_2_WithdrawalBeforeDeliveryUndoesTheDelivery() public {
        _fundConsumer(NATIVE, 1 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.lazy = true;
        uint32 id = consumer.subscribe(terms);
        consumerWallet.withdraw(NATIVE, 1 ether);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);

        assertEq(consumer.deliveryCount(), 0);
        assertEq(inbox.length(CONTAINER_HASH, alice), 0);
        assertFalse(coordinator.nodeResponded(_responseKey(id, 1, alice)));
    }

    /// @dev Accepted: nodes opt in. The loss is limited to the amount, and the verifier is readable beforehand
    function test_TOB_RITUAL_3_HostileVerifierTakesTheCollateralAndNoMore() public {
        verifier.set(TestVerifier.Mode.AtomicFalse);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 5 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        assertEq(coordinator.getSubscription(id).verifier, address(verifier));

        _deliverPaid(alice, id, 1);

        assertEq(address(nodeWallet).balance, 4 ether);
    }

    function test_TOB_RITUAL_4_EveryChangeOfFundsIsLogged() public {
        vm.recordLogs();
        Wallet wallet = Wallet(payable(factory.createWallet(address(this))));
        wallet.approve(address(consumer), NATIVE, 1 ether);
        _fund(wallet, NATIVE, 2 ether);
        wallet.withdraw(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        Terms memory terms = _verified(NATIVE, 1 ether, 0);
        terms.wallet = address(wallet);
        uint32 id = consumer.subscribe(terms);
        _deliverPaid(alice, id, 1);
        verifier.verdict(id, 1, alice, true);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32[6] memory topics = [
            WalletFactory.WalletCreated.selector,
            Wallet.Approval.selector,
            Wallet.Withdrawl.selector,
            Wallet.Transfer.selector,
            Wallet.Escrow.selector,
            Coordinator.ProofVerified.selector
        ];
        for (uint256 t = 0; t < topics.length; t++) {
            bool seen = false;
            for (uint256 i = 0; i < logs.length; i++) {
                seen = seen || logs[i].topics[0] == topics[t];
            }
            assertTrue(seen);
        }
    }

    function test_TOB_RITUAL_5_TokenWithoutReturnValuePays() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.ReturnsNothing);
        _fundConsumer(address(quirky), 1 ether);
        uint32 id = consumer.subscribe(_paid(address(quirky), 1 ether));
        _deliverPaid(alice, id, 1);
        assertEq(quirky.balanceOf(address(nodeWallet)), 0.8978 ether);
    }

    function test_TOB_RITUAL_5_TokenThatReturnsFalseDoesNot() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.ReturnsFalse);
        _fundConsumer(address(quirky), 1 ether);
        uint32 id = consumer.subscribe(_paid(address(quirky), 1 ether));
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_TOB_RITUAL_5_FailingRecipientCannotBlock() public {
        vm.etch(verifierWallet, hex"5f5ffd");
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        _deliverPaid(alice, id, 1);
        assertEq(verifierWallet.balance, 0.094_89 ether);
    }

    /// @dev Left to nodes: they see the consumer's own revert data in a simulation, and hopeless deliveries are
    ///      refused before any foreign code runs
    function test_TOB_RITUAL_6_FailingCallbackIsVisibleAsItself() public {
        AwkwardConsumer hostile = new AwkwardConsumer(address(registry));
        hostile.behave(AwkwardConsumer.Behaviour.Refuse);
        uint32 id = hostile.subscribe(_recurring(type(uint32).max, 0, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(AwkwardConsumer.Refused.selector, 7));
        _deliver(alice, id, 1);
    }

    function test_TOB_RITUAL_6_HopelessDeliveryIsCheapToRefuse() public {
        uint32 id = consumer.subscribe(_once());
        _deliver(alice, id, 1);
        vm.expectCall(address(consumer), "", 0);
        vm.prank(bob);
        uint256 before = gasleft();
        try coordinator.deliverCompute(id, 1, INPUT, OUTPUT, PROOF, address(0)) {
            revert("delivered");
        } catch {
            assertLt(before - gasleft(), 30_000);
        }
    }

    /// @dev Accepted for open subscriptions
    function test_TOB_RITUAL_7_OpenSubscriptionIsFirstComeFirstServed() public {
        uint32 id = consumer.subscribe(_once());
        _deliver(stranger, id, 1);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(alice, id, 1);
        assertEq(consumer.delivery(0).node, stranger, "the consumer is told who answered");
    }

    function test_TOB_RITUAL_7_AllowlistStopsCopiedAnswers() public {
        address[] memory nodes = new address[](1);
        nodes[0] = alice;
        AllowlistedConsumer allowlisted = new AllowlistedConsumer(address(registry), nodes);
        uint32 id = allowlisted.subscribe(_once());
        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        _deliver(stranger, id, 1);
        _deliver(alice, id, 1);
    }

    function test_TOB_RITUAL_8_CreatorOfAWalletIsLogged() public {
        address predicted = vm.computeCreateAddress(address(factory), vm.getNonce(address(factory)));
        vm.expectEmit(address(factory));
        emit WalletFactory.WalletCreated(stranger, alice, predicted);
        vm.prank(stranger);
        factory.createWallet(alice);
    }

    function test_TOB_RITUAL_9_ReenteringVerifierSettlesOnce() public {
        verifier.set(TestVerifier.Mode.AtomicTwice);
        _fundConsumer(NATIVE, 5 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        _deliverPaid(alice, id, 1);
        assertEq(verifier.secondReason(), abi.encodeWithSelector(Coordinator.ProofRequestNotFound.selector));
        assertEq(address(nodeWallet).balance, 1.7978 ether);
    }

    function test_TOB_RITUAL_9_ReenteringTokenSettlesOnce() public {
        HookedToken hooked = new HookedToken();
        _fundConsumer(address(hooked), 5 ether);
        _fundNode(alice, address(hooked), 1 ether);
        uint32 id = consumer.subscribe(_verified(address(hooked), 1 ether, 0));
        _deliverPaid(alice, id, 1);
        vm.warp(START + 604_800);
        hooked.hook(
            address(coordinator), abi.encodeCall(coordinator.finalizeProofVerification, (id, 1, alice, true))
        );
        coordinator.finalizeProofVerification(id, 1, alice, true);
        assertEq(hooked.hookReason(), abi.encodeWithSelector(Coordinator.ProofRequestNotFound.selector));
        assertEq(hooked.balanceOf(address(nodeWallet)), 1.8978 ether);
    }

    function test_TOB_RITUAL_A1_FeeScaleIsTenThousand() public {
        vm.prank(feeRecipient);
        fee.updateFee(1);
        _fundConsumer(NATIVE, 10_000);
        uint32 id = consumer.subscribe(_paid(NATIVE, 10_000));
        _deliverPaid(alice, id, 1);
        assertEq(feeRecipient.balance, 2);
    }

    /// @dev A full-width comparison would find the sentinel in the past
    function test_TOB_RITUAL_A2_CancelledStaysCancelledBeyond32Bits() public {
        uint32 id = consumer.subscribe(_once());
        consumer.cancel(id);
        vm.warp(uint256(type(uint32).max) + 1);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, 1);
        vm.warp(uint256(type(uint32).max) + START);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, 1);
    }

    function test_TOB_RITUAL_A3_VerifierAdmitsTheCoordinatorOnly() public {
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        vm.prank(stranger);
        verifier.requestProofVerification(1, 1, alice, PROOF);
    }
}
