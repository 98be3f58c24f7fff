// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Coordinator} from "../../contracts/Coordinator.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {Payments} from "./support/Payments.sol";
import {Terms} from "./support/RecordingConsumer.sol";
import {TestVerifier} from "./support/TestVerifier.sol";

/// @notice Deliveries that ask a verifier
contract CoordinatorVerifierTest is Payments {
    function test_AtomicTrueVerdictPaysTheNode() public {
        verifier.set(TestVerifier.Mode.AtomicTrue);
        _fundConsumer(address(token), 50e6);
        _fundNode(alice, address(token), 50e6);
        uint32 id = consumer.subscribe(_verified(address(token), 40e6, 5e6));

        _deliverPaid(alice, id, 1);

        _assertBalances(address(token), 4_343_500, 4_744_500, 80_912_000, 10e6);
        assertEq(consumerWallet.allowance(address(consumer), address(token)), 10e6);
        assertEq(nodeWallet.allowance(alice, address(token)), 50e6);
        assertEq(consumer.deliveryCount(), 1);
    }

    function test_AtomicFalseVerdictSlashesAndStillDelivers() public {
        verifier.set(TestVerifier.Mode.AtomicFalse);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.111 ether));

        _deliverPaid(alice, id, 1);

        _assertBalances(NATIVE, 0.107_872_1 ether, 0.105_327_9 ether, 0, 1.7868 ether);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0.7868 ether);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
        assertEq(consumer.deliveryCount(), 1, "a false verdict does not stop the callback");
    }

    function test_OptimisticVerifierLeavesBothEscrowsLocked() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        _deliverPaid(alice, id, 1);

        _assertBalances(NATIVE, 0.107_31 ether, 0.094_89 ether, 1 ether, 0.7978 ether);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        consumerWallet.withdraw(NATIVE, 1);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        nodeWallet.withdraw(NATIVE, 1);
        (uint32 expiry, Wallet wallet, uint256 escrowed) =
            coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(expiry, START + 604_800);
        assertEq(address(wallet), address(nodeWallet));
        assertEq(escrowed, 0.7978 ether);
    }

    function test_VerifierIsToldWhatToVerify() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        _deliverPaid(alice, id, 1);
        assertEq(verifier.lastSubscriptionId(), id);
        assertEq(verifier.lastInterval(), 1);
        assertEq(verifier.lastNode(), alice);
        assertEq(verifier.lastProof(), PROOF);
    }

    function test_EmitsEveryStepInOrder() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, feeRecipient, 0.1022 ether);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, feeRecipient, 0.005_11 ether);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, verifierWallet, 0.094_89 ether);
        vm.expectEmit(address(nodeWallet));
        emit Wallet.Escrow(alice, NATIVE, 1 ether, true);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Escrow(address(consumer), NATIVE, 0.7978 ether, true);
        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionFulfilled(id, alice);
        _deliverPaid(alice, id, 1);
    }

    function test_AtomicVerdictSettlesBeforeFulfilment() public {
        verifier.set(TestVerifier.Mode.AtomicTrue);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        vm.expectEmit(address(nodeWallet));
        emit Wallet.Escrow(alice, NATIVE, 1 ether, false);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Escrow(address(consumer), NATIVE, 0.7978 ether, false);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, address(nodeWallet), 0.7978 ether);
        vm.expectEmit(address(coordinator));
        emit Coordinator.ProofVerified(id, 1, alice, true, address(verifier), true);
        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionFulfilled(id, alice);
        _deliverPaid(alice, id, 1);
    }

    function test_VerdictMayComeOnlyOnceEvenInsideTheRequest() public {
        verifier.set(TestVerifier.Mode.AtomicTwice);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        _deliverPaid(alice, id, 1);

        assertEq(verifier.secondReason(), abi.encodeWithSelector(Coordinator.ProofRequestNotFound.selector));
        assertEq(address(nodeWallet).balance, 1.7978 ether);
    }

    function test_RevertWhen_VerifierDoesNotTakeTheToken() public {
        _fundConsumer(address(token), 50e6);
        _fundNode(alice, address(token), 50e6);
        Terms memory terms = _paid(address(token), 40e6);
        terms.verifier = address(verifier);
        uint32 id = consumer.subscribe(terms);

        vm.expectRevert(Coordinator.UnsupportedVerifierToken.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_VerifierRefuses() public {
        verifier.set(TestVerifier.Mode.Refuses);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        vm.expectRevert(TestVerifier.Refused.selector);
        _deliverPaid(alice, id, 1);
        assertEq(consumer.deliveryCount(), 0);
    }

    function test_RevertWhen_VerifierHasNoCode() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.verifier = makeAddr("no verifier");
        uint32 id = consumer.subscribe(terms);

        vm.prank(alice);
        try coordinator.deliverCompute(id, 1, INPUT, OUTPUT, PROOF, address(nodeWallet)) {
            revert("delivered");
        } catch (bytes memory reason) {
            assertEq(reason, "");
        }
    }

    function test_RevertWhen_FeesExceedThePayment() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.8978 ether + 1));

        vm.expectRevert(stdError.arithmeticError);
        _deliverPaid(alice, id, 1);

        verifier.support(NATIVE, 0.8978 ether);
        _deliverPaid(alice, id, 1);
        (,, uint256 escrowed) = coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(escrowed, 0);
    }

    function test_RevertWhen_NodeAllowsNoCollateral() public {
        _fundConsumer(NATIVE, 1 ether);
        _fund(nodeWallet, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_NodeHasTooLittleCollateral() public {
        _fundConsumer(NATIVE, 1 ether);
        _fund(nodeWallet, NATIVE, 1 ether - 1);
        nodeWallet.approve(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_ConsumerCannotCoverTheEscrow() public {
        _fund(consumerWallet, NATIVE, 1 ether - 1);
        consumerWallet.approve(address(consumer), NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);
    }

    function testFuzz_EveryWeiIsAccountedFor(uint256 amount, uint256 verifierFee, uint16 rate, bool valid)
        public
    {
        amount = bound(amount, 1, type(uint128).max);
        rate = uint16(bound(rate, 0, 5000));
        uint256 p1 = amount * (2 * uint256(rate)) / 10_000;
        verifierFee = bound(verifierFee, 0, amount - p1);
        vm.prank(feeRecipient);
        fee.updateFee(rate);
        verifier.set(valid ? TestVerifier.Mode.AtomicTrue : TestVerifier.Mode.AtomicFalse);
        _fundConsumer(NATIVE, amount);
        _fundNode(alice, NATIVE, amount);
        uint32 id = consumer.subscribe(_verified(NATIVE, amount, verifierFee));

        _deliverPaid(alice, id, 1);

        uint256 p2 = verifierFee * rate / 10_000;
        uint256 escrow = amount - p1 - verifierFee;
        if (valid) {
            _assertBalances(NATIVE, p1 + p2, verifierFee - p2, amount + escrow, 0);
            assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0);
            assertEq(nodeWallet.allowance(alice, NATIVE), amount);
        } else {
            _assertBalances(NATIVE, p1 + p2, verifierFee - p2, 0, escrow + amount);
            assertEq(consumerWallet.allowance(address(consumer), NATIVE), escrow);
            assertEq(nodeWallet.allowance(alice, NATIVE), 0);
        }
    }
}
