// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator} from "../../contracts/Coordinator.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {Payments} from "./support/Payments.sol";

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
