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
