// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator} from "../../../contracts/Coordinator.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {PaidChat} from "../../../contracts/examples/PaidChat.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {Chats} from "../support/Chats.sol";
import {TestToken} from "../support/Tokens.sol";

contract PaidChatTest is Chats {
    uint256 private constant PRICE = 1 ether;

    PaidChat private inCoin;
    PaidChat private inTokens;
    TestToken private token;
    address private nodeWallet;

    function setUp() public override {
        super.setUp();
        token = new TestToken();
        inCoin = new PaidChat(address(registry), CONTAINER, address(0), PRICE);
        inTokens = new PaidChat(address(registry), CONTAINER, address(token), PRICE);
        nodeWallet = factory.createWallet(alice);
        deal(stranger, 2 * PRICE);
        token.mint(stranger, 2 * PRICE);
        vm.prank(stranger);
        token.approve(address(inTokens), 2 * PRICE);
    }

    function _ask(PaidChat chat, uint256 value) private returns (uint32) {
        vm.prank(stranger);
        return chat.chatWithLLM{value: value}(abi.encode(QUESTION));
    }

    function _answerPaid(uint32 id) private {
        vm.prank(alice);
        coordinator.deliverCompute(id, 1, "", _output(ANSWER), "", nodeWallet);
    }

    function test_AskerPaysTheNodeInCoin() public {
        uint32 id = _ask(inCoin, PRICE);
        assertEq(address(inCoin.WALLET()).balance, PRICE);
        assertEq(inCoin.payer(id), stranger);
        assertEq(inCoin.getContainerInputs(id, 1, START, alice), abi.encode(QUESTION));

        vm.expectEmit(address(inCoin));
        emit PaidChat.AnswerReceived(id, alice, ANSWER);
        _answerPaid(id);

        assertEq(inCoin.answer(id), ANSWER);
        assertEq(nodeWallet.balance, 0.8978 ether);
        assertEq(feeRecipient.balance, 0.1022 ether);
        assertEq(stranger.balance, PRICE);
        assertEq(address(inCoin.WALLET()).balance, 0);
    }

    function test_AskerPaysTheNodeInTokens() public {
        vm.expectEmit(address(inTokens));
        emit PaidChat.ChatRequested(1, stranger);
        uint32 id = _ask(inTokens, 0);
        _answerPaid(id);
        assertEq(inTokens.answer(id), ANSWER);
        assertEq(token.balanceOf(nodeWallet), 0.8978 ether);
        assertEq(token.balanceOf(stranger), PRICE);
    }

    function test_RevertWhen_PaymentIsWrong() public {
        uint256[3] memory values = [uint256(0), PRICE - 1, PRICE + 1];
        for (uint256 i = 0; i < values.length; i++) {
            vm.expectRevert(PaidChat.WrongPayment.selector);
            _ask(inCoin, values[i]);
        }
        vm.expectRevert(PaidChat.WrongPayment.selector);
        _ask(inTokens, PRICE);
    }

    function test_RevertWhen_TokensAreNotApproved() public {
        vm.prank(stranger);
        token.approve(address(inTokens), PRICE - 1);
        vm.expectRevert(SafeTransferLib.TransferFromFailed.selector);
        _ask(inTokens, 0);
        assertEq(coordinator.id(), 1);
    }

    function test_UnansweredQuestionIsRefunded() public {
        uint32 coin = _ask(inCoin, PRICE);
        uint32 tokens = _ask(inTokens, 0);

        vm.startPrank(stranger);
        vm.expectEmit(address(inCoin));
        emit PaidChat.Refunded(coin, stranger);
        inCoin.refund(coin);
        inTokens.refund(tokens);
        vm.stopPrank();

        assertEq(stranger.balance, 2 * PRICE);
        assertEq(token.balanceOf(stranger), 2 * PRICE);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _answerPaid(coin);
    }

    function test_RevertWhen_RefundIsNotDue() public {
        uint32 id = _ask(inCoin, PRICE);
        vm.expectRevert(PaidChat.NotPayer.selector);
        inCoin.refund(id);

        vm.startPrank(stranger);
        inCoin.refund(id);
        vm.expectRevert(PaidChat.NotPayer.selector);
        inCoin.refund(id);
        vm.stopPrank();

        id = _ask(inCoin, PRICE);
        _answerPaid(id);
        vm.expectRevert(PaidChat.NotPayer.selector);
        vm.prank(stranger);
        inCoin.refund(id);
    }

    function test_NobodyElseDisposesOfTheWallet() public {
        Wallet wallet = inCoin.WALLET();
        assertEq(wallet.owner(), address(inCoin));
        deal(address(this), 1);
        (bool ok, bytes memory reason) = address(inCoin).call{value: 1}("");
        assertFalse(ok);
        assertEq(reason, abi.encodeWithSelector(PaidChat.NotWallet.selector));
    }

    function test_UnreadableAnswerIsNotPaid() public {
        uint32 id = _ask(inCoin, PRICE);
        vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
        vm.prank(alice);
        coordinator.deliverCompute(id, 1, "", "", "", nodeWallet);
        assertEq(address(inCoin.WALLET()).balance, PRICE);
    }
}
