// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Vm} from "forge-std/Vm.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator} from "../../contracts/Coordinator.sol";
import {IVerifier} from "../../contracts/payments/IVerifier.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {Payments} from "./support/Payments.sol";
import {Terms} from "./support/RecordingConsumer.sol";
import {TestVerifier} from "./support/TestVerifier.sol";
import {QuirkyToken, TestToken} from "./support/Tokens.sol";

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

/// @notice Verdicts after the delivery
contract CoordinatorFinalizeTest is Payments {
    uint32 private id;

    function setUp() public override {
        super.setUp();
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        _deliverPaid(alice, id, 1);
    }

    function _assertPaid() private view {
        _assertBalances(NATIVE, 0.107_31 ether, 0.094_89 ether, 1.7978 ether, 0);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0);
        assertEq(nodeWallet.allowance(alice, NATIVE), 1 ether);
    }

    function _assertSlashed() private view {
        _assertBalances(NATIVE, 0.107_31 ether, 0.094_89 ether, 0, 1.7978 ether);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0.7978 ether);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
    }

    function test_TrueVerdictPaysTheNode() public {
        vm.expectEmit(address(nodeWallet));
        emit Wallet.Escrow(alice, NATIVE, 1 ether, false);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Escrow(address(consumer), NATIVE, 0.7978 ether, false);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, address(nodeWallet), 0.7978 ether);
        vm.expectEmit(address(coordinator));
        emit Coordinator.ProofVerified(id, 1, alice, true, address(verifier), true);
        verifier.verdict(id, 1, alice, true);

        _assertPaid();
    }

    function test_FalseVerdictSlashesTheNode() public {
        vm.expectEmit(address(nodeWallet));
        emit Wallet.Escrow(alice, NATIVE, 1 ether, false);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Escrow(address(consumer), NATIVE, 0.7978 ether, false);
        vm.expectEmit(address(nodeWallet));
        emit Wallet.Transfer(alice, NATIVE, address(consumerWallet), 1 ether);
        vm.expectEmit(address(coordinator));
        emit Coordinator.ProofVerified(id, 1, alice, true, address(verifier), false);
        verifier.verdict(id, 1, alice, false);

        _assertSlashed();
    }

    function test_SettlementLogsNothingElse() public {
        vm.recordLogs();
        verifier.verdict(id, 1, alice, true);
        assertEq(vm.getRecordedLogs().length, 4);
    }

    function test_EverythingIsWithdrawableAfterTheVerdict() public {
        verifier.verdict(id, 1, alice, true);
        nodeWallet.withdraw(NATIVE, 1.7978 ether);
        assertEq(address(nodeWallet).balance, 0);
    }

    function test_VerdictCountsUpToTheLastSecond() public {
        vm.warp(START + 604_799);
        verifier.verdict(id, 1, alice, false);
        _assertSlashed();
    }

    function test_AtExpiryTheVerifierCanOnlyPay() public {
        vm.warp(START + 604_800);
        vm.expectEmit(address(coordinator));
        emit Coordinator.ProofVerified(id, 1, alice, false, address(verifier), false);
        verifier.verdict(id, 1, alice, false);
        _assertPaid();
    }

    function testFuzz_AfterExpiryAnyoneCanOnlyPay(uint32 late, bool valid) public {
        vm.warp(uint256(START) + 604_800 + bound(late, 0, 1000 days));
        vm.expectEmit(address(coordinator));
        emit Coordinator.ProofVerified(id, 1, alice, false, stranger, valid);
        vm.prank(stranger);
        coordinator.finalizeProofVerification(id, 1, alice, valid);
        _assertPaid();
    }

    function testFuzz_RevertWhen_AnotherThanTheVerifierSettlesInTime(address caller, uint32 early, bool valid)
        public
    {
        vm.assume(caller != address(verifier));
        vm.warp(START + bound(early, 0, 604_799));
        vm.expectRevert(Coordinator.UnauthorizedVerifier.selector);
        vm.prank(caller);
        coordinator.finalizeProofVerification(id, 1, alice, valid);
    }

    function test_RevertWhen_NothingAwaitsAVerdict() public {
        vm.expectRevert(Coordinator.ProofRequestNotFound.selector);
        verifier.verdict(id + 1, 1, alice, true);
        vm.expectRevert(Coordinator.ProofRequestNotFound.selector);
        verifier.verdict(id, 2, alice, true);
        vm.expectRevert(Coordinator.ProofRequestNotFound.selector);
        verifier.verdict(id, 1, bob, true);
    }

    function test_RevertWhen_SettledTwice() public {
        verifier.verdict(id, 1, alice, true);
        (uint32 expiry, Wallet wallet, uint256 escrowed) =
            coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(uint256(expiry) + uint160(address(wallet)) + escrowed, 0);

        vm.expectRevert(Coordinator.ProofRequestNotFound.selector);
        verifier.verdict(id, 1, alice, true);
    }

    function test_CancellationDoesNotTouchTheVerdict() public {
        consumer.cancel(id);
        verifier.verdict(id, 1, alice, true);
        _assertPaid();
    }

    /// @dev The verifier's fee is the one at delivery
    function test_LaterFeeChangesDoNotTouchTheVerdict() public {
        verifier.support(NATIVE, 0.9 ether);
        vm.prank(feeRecipient);
        fee.updateFee(0);
        verifier.verdict(id, 1, alice, true);
        _assertPaid();
    }

    function test_SlashedAnswerStillOccupiesItsSlot() public {
        verifier.verdict(id, 1, alice, false);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 1);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliverPaid(bob, id, 1);
    }
}

contract CoordinatorOverlapTest is Payments {
    function test_VerdictsOfRedundantAnswersAreIndependent() public {
        _fundConsumer(NATIVE, 2 ether);
        _fund(nodeWallet, NATIVE, 2 ether);
        nodeWallet.approve(alice, NATIVE, 1 ether);
        nodeWallet.approve(bob, NATIVE, 1 ether);
        Terms memory terms = _verified(NATIVE, 1 ether, 0.1 ether);
        terms.redundancy = 2;
        uint32 id = consumer.subscribe(terms);
        _deliverPaid(alice, id, 1);
        _deliverPaid(bob, id, 1);

        verifier.verdict(id, 1, bob, true);
        verifier.verdict(id, 1, alice, false);

        _assertBalances(NATIVE, 0.214_62 ether, 0.189_78 ether, 1.7978 ether, 1.7978 ether);
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
        assertEq(nodeWallet.allowance(bob, NATIVE), 1 ether);
    }

    function test_RequestsOfSuccessiveIntervalsOverlap() public {
        _fundConsumer(NATIVE, 2 ether);
        _fundNode(alice, NATIVE, 2 ether);
        Terms memory terms = _verified(NATIVE, 1 ether, 0.1 ether);
        terms.frequency = 2;
        terms.period = 60;
        uint32 id = consumer.subscribe(terms);
        vm.warp(START + 60);
        _deliverPaid(alice, id, 1);
        vm.warp(START + 120);
        _deliverPaid(alice, id, 2);

        vm.warp(START + 60 + 604_800);
        coordinator.finalizeProofVerification(id, 1, alice, false); // expired
        verifier.verdict(id, 2, alice, false); // in time

        _assertBalances(NATIVE, 0.214_62 ether, 0.189_78 ether, 1.7978 ether, 1.7978 ether);
    }

    function test_BlockedTokenLetsASettlementBeRetried() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.None);
        _fundConsumer(address(quirky), 100e6);
        _fundNode(alice, address(quirky), 100e6);
        uint32 id = consumer.subscribe(_verified(address(quirky), 100e6, 0));
        _deliverPaid(alice, id, 1);

        quirky.set(QuirkyToken.Quirk.Paused);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        verifier.verdict(id, 1, alice, true);

        quirky.set(QuirkyToken.Quirk.None);
        verifier.verdict(id, 1, alice, true);
        assertEq(quirky.balanceOf(address(nodeWallet)), 189_780_000);
    }

    function test_SettlementOfNothingAsksNoToken() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.RefusesZero);
        _fundConsumer(address(quirky), 100e6);
        _fundNode(alice, address(quirky), 100e6);
        uint32 id = consumer.subscribe(_verified(address(quirky), 100e6, 89_780_000));
        _deliverPaid(alice, id, 1);

        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), address(quirky), address(nodeWallet), 0);
        verifier.verdict(id, 1, alice, true);
    }

    function test_RevertWhen_ExpiryIsBeyondTheClock() public {
        vm.warp(type(uint32).max - 604_799);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        vm.expectRevert(stdError.arithmeticError);
        _deliverPaid(alice, id, 1);
    }

    /// @dev Around 64 bits, where an escrow takes a slot of its own
    function test_EscrowOfEverySizeIsKeptAndErased() public {
        uint256[5] memory escrows = [
            type(uint64).max - 1,
            type(uint64).max,
            uint256(type(uint64).max) + 1,
            type(uint128).max,
            type(uint256).max / 20_000
        ];
        vm.prank(feeRecipient);
        fee.updateFee(0);
        for (uint256 i = 0; i < escrows.length; i++) {
            token = new TestToken();
            _fundConsumer(address(token), escrows[i]);
            _fundNode(alice, address(token), escrows[i]);
            uint32 id = consumer.subscribe(_verified(address(token), escrows[i], 0));
            _deliverPaid(alice, id, 1);
            vm.record();
            (uint32 expiry, Wallet wallet, uint256 escrowed) =
                coordinator.proofRequests(_responseKey(id, 1, alice));
            (bytes32[] memory slots,) = vm.accesses(address(coordinator));
            assertEq(expiry, START + 604_800);
            assertEq(address(wallet), address(nodeWallet));
            assertEq(escrowed, escrows[i]);

            verifier.verdict(id, 1, alice, true);
            for (uint256 slot = 0; slot < slots.length; slot++) {
                assertEq(vm.load(address(coordinator), slots[slot]), 0);
            }
            assertEq(token.balanceOf(address(nodeWallet)), 2 * escrows[i]);
        }
    }

    /// @dev Beyond 2106 the clock starts again from zero
    function test_WindowFollowsTheTruncatedClock() public {
        vm.warp(uint256(1 << 32) + 100);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        _deliverPaid(alice, id, 1);
        (uint32 expiry,,) = coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(expiry, 604_900);

        vm.warp(uint256(1 << 32) + 604_899);
        vm.expectRevert(Coordinator.UnauthorizedVerifier.selector);
        coordinator.finalizeProofVerification(id, 1, alice, true);
        verifier.verdict(id, 1, alice, false);
        assertEq(address(nodeWallet).balance, 0);
    }

    /// @dev The order of foreign code in a delivery: tells a verifier that finalises inside its request that
    ///      everything is in place
    function test_VerifierIsAskedInOrder() public {
        verifier.set(TestVerifier.Mode.AtomicTrue);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));

        vm.startStateDiffRecording();
        _deliverPaid(alice, id, 1);
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();

        bytes4[4] memory order = [
            IVerifier.isSupportedToken.selector,
            IVerifier.fee.selector,
            IVerifier.getWallet.selector,
            IVerifier.requestProofVerification.selector
        ];
        uint256 seen;
        for (uint256 i = 0; i < accesses.length; i++) {
            if (accesses[i].account != address(verifier) || accesses[i].data.length < 4) continue;
            assertEq(bytes4(accesses[i].data), order[seen++]);
        }
        assertEq(seen, 4);
    }
}
