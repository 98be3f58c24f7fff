// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Vm} from "forge-std/Vm.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator} from "../../contracts/Coordinator.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";
import {Payments} from "./support/Payments.sol";
import {Terms} from "./support/RecordingConsumer.sol";
import {QuirkyToken, TestToken} from "./support/Tokens.sol";

contract CoordinatorPaymentTest is Payments {
    function test_PaysProtocolAndNodeInCoin() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));

        _deliverPaid(alice, id, 1);

        _assertBalances(NATIVE, 0.1022 ether, 0, 0.8978 ether, 0);
        assertEq(consumerWallet.allowance(address(consumer), NATIVE), 0);
        assertEq(consumer.deliveryCount(), 1);
    }

    /// @dev Wallets state their origin, the registry of fees its terms, and the wallet pays both at once: whoever
    ///      mocks one of the single questions changes nothing
    function test_DeliveryAsksOnceForWhatWasAskedOneByOne() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.mockCallRevert(
            address(factory), abi.encodeCall(WalletFactory.isValidWallet, address(nodeWallet)), ""
        );
        vm.mockCallRevert(address(fee), abi.encodeCall(fee.FEE, ()), "");
        vm.mockCallRevert(address(fee), abi.encodeCall(fee.FEE_RECIPIENT, ()), "");
        vm.mockCallRevert(address(consumerWallet), abi.encodePacked(Wallet.cTransfer.selector), "");

        _deliverPaid(alice, id, 1);

        _assertBalances(NATIVE, 0.1022 ether, 0, 0.8978 ether, 0);
    }

    function test_PaysProtocolAndNodeInTokens() public {
        _fundConsumer(address(token), 90e6);
        uint32 id = consumer.subscribe(_paid(address(token), 50e6));

        _deliverPaid(alice, id, 1);

        _assertBalances(address(token), 5_110_000, 0, 44_890_000, 40e6);
        assertEq(consumerWallet.allowance(address(consumer), address(token)), 40e6);
    }

    function test_EmitsBothTransfersThenFulfilled() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));

        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, feeRecipient, 0.1022 ether);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), NATIVE, address(nodeWallet), 0.8978 ether);
        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionFulfilled(id, alice);
        _deliverPaid(alice, id, 1);
    }

    function test_LogsNothingButTheThree() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.recordLogs();
        _deliverPaid(alice, id, 1);
        assertEq(vm.getRecordedLogs().length, 3);
    }

    function test_OpensNoProofRequestWithoutVerifier() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        _deliverPaid(alice, id, 1);
        (uint32 expiry,,) = coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(expiry, 0);
    }

    function test_LazyDeliveryIsPaidToo() public {
        _fundConsumer(NATIVE, 1 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.lazy = true;
        uint32 id = consumer.subscribe(terms);
        _deliverPaid(alice, id, 1);
        assertEq(address(nodeWallet).balance, 0.8978 ether);
        assertEq(inbox.length(CONTAINER_HASH, alice), 1);
    }

    function test_EachRedundantAnswerIsPaid() public {
        _fundConsumer(NATIVE, 2 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.redundancy = 2;
        uint32 id = consumer.subscribe(terms);

        _deliverPaid(alice, id, 1);
        _deliverPaid(bob, id, 1);

        _assertBalances(NATIVE, 0.2044 ether, 0, 1.7956 ether, 0);
    }

    function test_RateIsReadAtDelivery() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.prank(feeRecipient);
        fee.updateFee(0);

        _deliverPaid(alice, id, 1);

        _assertBalances(NATIVE, 0, 0, 1 ether, 0);
    }

    function test_FeeFollowsTheRecipient() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.prank(feeRecipient);
        fee.transferOwnership(stranger);

        _deliverPaid(alice, id, 1);

        assertEq(stranger.balance, 0.1022 ether);
    }

    function test_RenouncedRecipientBurnsNativeFees() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.prank(feeRecipient);
        fee.renounceOwnership();
        _deliverPaid(alice, id, 1);
        assertEq(address(0).balance, 0.1022 ether);
    }

    function test_NodeNeedsNoAllowanceToReceive() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        assertEq(nodeWallet.allowance(alice, NATIVE), 0);
        _deliverPaid(alice, id, 1);
        assertEq(address(nodeWallet).balance, 0.8978 ether);
    }

    function test_RevertWhen_NodeWalletIsForeign() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        Wallet foreign = new Wallet(registry, address(this));

        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliver(alice, id, 1, address(foreign));
        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliver(alice, id, 1, address(0));
    }

    function test_RevertWhen_ConsumerWalletIsForeign() public {
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.wallet = address(new Wallet(registry, address(this)));
        uint32 id = consumer.subscribe(terms);

        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliverPaid(alice, id, 1);
    }

    /// @dev Both wallets are foreign; the node's is looked up first
    function test_NodeWalletIsJudgedBeforeTheConsumers() public {
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.wallet = makeAddr("foreign");
        uint32 id = consumer.subscribe(terms);

        vm.expectCall(terms.wallet, "", 0);
        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliver(alice, id, 1, makeAddr("foreign too"));
    }

    /// @dev Whom a delivery calls, in this order: the node's and the consumer's wallet for their origin, the fee
    ///      registry for its terms, then the consumer's wallet for both payments
    function test_AsksWalletsAndFeeInOrder() public {
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));

        vm.startStateDiffRecording();
        _deliverPaid(alice, id, 1);
        Vm.AccountAccess[] memory accesses = vm.stopAndReturnStateDiff();

        address[4] memory asked =
            [address(nodeWallet), address(consumerWallet), address(fee), address(consumerWallet)];
        bytes4[4] memory questions = [
            Wallet.FACTORY_NONCE.selector,
            Wallet.FACTORY_NONCE.selector,
            fee.terms.selector,
            Wallet.cSplit.selector
        ];
        uint256 seen;
        for (uint256 i = 0; i < accesses.length && seen < 4; i++) {
            if (accesses[i].accessor != address(coordinator) || accesses[i].data.length < 4) continue;
            assertEq(accesses[i].account, asked[seen]);
            assertEq(bytes4(accesses[i].data), questions[seen++]);
        }
        assertEq(seen, 4);
    }

    function testFuzz_RevertWhen_AllowanceIsTooSmall(uint256 allowed) public {
        allowed = bound(allowed, 0, 1 ether - 1);
        _fund(consumerWallet, NATIVE, 1 ether);
        consumerWallet.approve(address(consumer), NATIVE, allowed);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));

        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _deliverPaid(alice, id, 1);
        _assertBalances(NATIVE, 0, 0, 0, 1 ether);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 0, "the slot stays open");
    }

    function test_RevertWhen_BalanceIsTooSmall() public {
        _fund(consumerWallet, NATIVE, 0.5 ether);
        consumerWallet.approve(address(consumer), NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_AllowanceOfAnotherConsumerIsOfNoUse() public {
        _fund(consumerWallet, NATIVE, 1 ether);
        consumerWallet.approve(stranger, NATIVE, 1 ether);
        consumerWallet.approve(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _deliverPaid(alice, id, 1);
    }

    function testFuzz_SplitsWithoutLossOrGain(uint256 amount, uint16 rate) public {
        amount = bound(amount, 1, type(uint128).max);
        rate = uint16(bound(rate, 0, 5000));
        vm.prank(feeRecipient);
        fee.updateFee(rate);
        _fundConsumer(NATIVE, amount);
        uint32 id = consumer.subscribe(_paid(NATIVE, amount));

        _deliverPaid(alice, id, 1);

        uint256 protocol = amount * (2 * uint256(rate)) / 10_000;
        _assertBalances(NATIVE, protocol, 0, amount - protocol, 0);
    }

    function testFuzz_RevertWhen_RateExceedsHalf(uint256 amount, uint16 rate) public {
        amount = bound(amount, 10_000, type(uint128).max);
        rate = uint16(bound(rate, 5001, type(uint16).max));
        vm.prank(feeRecipient);
        fee.updateFee(rate);
        _fundConsumer(NATIVE, amount);
        uint32 id = consumer.subscribe(_paid(NATIVE, amount));

        vm.expectRevert(Coordinator.ProtocolFeeTooHigh.selector);
        _deliverPaid(alice, id, 1);
    }

    /// @dev Rounding down keeps the share within a tiny amount, which was always accepted
    function test_HighRateOnATinyAmountStillFits() public {
        vm.prank(feeRecipient);
        fee.updateFee(9999);
        _fundConsumer(NATIVE, 1);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1));
        _deliverPaid(alice, id, 1);
        _assertBalances(NATIVE, 1, 0, 0, 0);
    }

    /// @dev Up to 160 bits an unjudged amount is kept in the verifier's place
    function testFuzz_AmountsOfAnySizeArePaidAndReadable(uint256 amount, bool large) public {
        amount = large
            ? bound(amount, type(uint160).max, type(uint256).max / 1022)
            : bound(amount, 1, type(uint160).max);
        _fundConsumer(address(token), amount);
        uint32 id = consumer.subscribe(_paid(address(token), amount));

        assertEq(coordinator.getSubscription(id).paymentAmount, amount);
        assertEq(coordinator.getSubscription(id).verifier, address(0));
        _deliverPaid(alice, id, 1);
        assertEq(token.balanceOf(address(nodeWallet)), amount - amount * 1022 / 10_000);
        assertEq(token.balanceOf(address(consumerWallet)), 0);
    }

    function test_RevertWhen_AmountTimesRateOverflows() public {
        uint256 amount = type(uint256).max / 1022 + 1;
        _fundConsumer(address(token), amount);
        uint32 id = consumer.subscribe(_paid(address(token), amount));
        vm.expectRevert(stdError.arithmeticError);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertingRecipientCannotBlockNativePayment() public {
        vm.etch(feeRecipient, hex"5f5ffd"); // reverts on every call
        _fundConsumer(NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_paid(NATIVE, 1 ether));
        _deliverPaid(alice, id, 1);
        assertEq(feeRecipient.balance, 0.1022 ether);
    }
}

/// @notice What each quirk of a token means for a delivery without verifier
contract CoordinatorTokenTest is Payments {
    function _deliverWith(QuirkyToken.Quirk quirk) private returns (QuirkyToken quirky, uint32 id) {
        quirky = new QuirkyToken(quirk);
        _fundConsumer(address(quirky), 100e6);
        id = consumer.subscribe(_paid(address(quirky), 100e6));
    }

    function test_TokenWithoutReturnValueIsAccepted() public {
        (QuirkyToken quirky, uint32 id) = _deliverWith(QuirkyToken.Quirk.ReturnsNothing);
        _deliverPaid(alice, id, 1);
        _assertBalances(address(quirky), 10_220_000, 0, 89_780_000, 0);
    }

    function test_RevertWhen_TokenReturnsFalse() public {
        (, uint32 id) = _deliverWith(QuirkyToken.Quirk.ReturnsFalse);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_TokenReturnsAnotherWordThanOne() public {
        (, uint32 id) = _deliverWith(QuirkyToken.Quirk.ReturnsTwo);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_TokenIsPausedWithoutItsOwnData() public {
        (, uint32 id) = _deliverWith(QuirkyToken.Quirk.Paused);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_TokenThatRefusesZeroIsNotAskedForZero() public {
        vm.prank(feeRecipient);
        fee.updateFee(0);
        (QuirkyToken quirky, uint32 id) = _deliverWith(QuirkyToken.Quirk.RefusesZero);
        vm.expectEmit(address(consumerWallet));
        emit Wallet.Transfer(address(consumer), address(quirky), feeRecipient, 0);
        _deliverPaid(alice, id, 1);
        _assertBalances(address(quirky), 0, 0, 100e6, 0);
    }

    /// @dev Not supported, and not detected: recipients get less than is logged
    function test_TokenThatChargesOnTransferPaysLess() public {
        (QuirkyToken quirky, uint32 id) = _deliverWith(QuirkyToken.Quirk.ChargesHalf);
        _deliverPaid(alice, id, 1);
        _assertBalances(address(quirky), 5_110_000, 0, 44_890_000, 0);
    }

    function test_RevertWhen_TokenHasNoCode() public {
        address nothing = makeAddr("no token");
        consumerWallet.approve(address(consumer), nothing, 1 ether);
        uint32 id = consumer.subscribe(_paid(nothing, 1 ether));
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _deliverPaid(alice, id, 1);
    }

    function test_RevertWhen_TokenRefusesTheZeroAddressAndTheRecipientIsZero() public {
        vm.prank(feeRecipient);
        fee.renounceOwnership();
        ZeroAddressRefuser refuser = new ZeroAddressRefuser();
        _fundConsumer(address(refuser), 100e6);
        uint32 id = consumer.subscribe(_paid(address(refuser), 100e6));
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }
}

contract ZeroAddressRefuser is TestToken {
    function transfer(address to, uint256 amount) public override returns (bool) {
        require(to != address(0), "zero address");
        return super.transfer(to, amount);
    }
}
