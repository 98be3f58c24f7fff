// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Ownable} from "solady/auth/Ownable.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {BaseConsumer} from "../../contracts/consumer/Base.sol";
import {AllowlistedChat} from "../../contracts/examples/AllowlistedChat.sol";
import {AnswerDecoder} from "../../contracts/examples/AnswerDecoder.sol";
import {ChatConsumer} from "../../contracts/examples/ChatConsumer.sol";
import {DelegatedChat} from "../../contracts/examples/DelegatedChat.sol";
import {LazyChat} from "../../contracts/examples/LazyChat.sol";
import {MyOnchainSubscription} from "../../contracts/examples/MyOnchainSubscription.sol";
import {PaidChat} from "../../contracts/examples/PaidChat.sol";
import {ScheduledChat} from "../../contracts/examples/ScheduledChat.sol";
import {Allowlist} from "../../contracts/pattern/Allowlist.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {LibSign} from "./lib/LibSign.sol";
import {Deployment} from "./support/Deployment.sol";
import {TestToken} from "./support/Tokens.sol";

abstract contract Chats is Deployment {
    string internal constant QUESTION = "Can shrimp actually fry rice fr?";
    string internal constant ANSWER = unicode"Shrimp cannot 🍤";

    /// @dev What a node makes of a container's answer
    function _output(string memory answer) internal pure returns (bytes memory) {
        return abi.encode(abi.encode(answer), bytes(""));
    }

    function _answer(address node, uint32 id, uint32 interval, bytes memory output) internal {
        vm.prank(node);
        coordinator.deliverCompute(id, interval, "", output, "", address(0));
    }

    /// @dev Outputs that hold no answer: nothing, a dry run's word of zeros, one encoding too few, cut short
    function _unreadableOutputs() internal pure returns (bytes[4] memory) {
        return [
            bytes(""),
            abi.encode(0),
            abi.encode(ANSWER),
            abi.encode(abi.encodePacked(bytes32(uint256(32)), bytes32(uint256(99))), bytes(""))
        ];
    }
}

contract ChatConsumerTest is Chats {
    ChatConsumer private chat;

    function setUp() public override {
        super.setUp();
        chat = new ChatConsumer(address(registry), CONTAINER);
    }

    function test_AsksForOneFreeAnswer() public {
        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionCreated(1);
        vm.expectEmit(address(chat));
        emit ChatConsumer.ChatRequested(1, stranger);
        vm.prank(stranger);
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));

        Subscription memory expected = Subscription(
            address(chat), START, 0, 1, 1, CONTAINER_HASH, false, payable(0), 0, address(0), payable(0)
        );
        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
        assertEq(chat.getContainerInputs(id, 1, START, alice), abi.encode(QUESTION));
        assertEq(chat.containerId(), CONTAINER);
        assertEq(chat.answer(id), "");
    }

    function test_KeepsTheAnswer() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectEmit(address(chat));
        emit ChatConsumer.AnswerReceived(id, alice, ANSWER);
        _answer(alice, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
    }

    function testFuzz_KeepsAnyAnswer(string memory text) public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        _answer(alice, id, 1, _output(text));
        assertEq(chat.answer(id), text);
        assertEq(chat.decodeAnswer(_output(text)), text);
    }

    function test_EachCallIsARequestOfItsOwn() public {
        uint32 first = chat.chatWithLLM(abi.encode("one?"));
        uint32 second = chat.chatWithLLM(abi.encode("two?"));
        _answer(alice, second, 1, _output("two"));
        _answer(alice, first, 1, _output("one"));
        assertEq(chat.answer(first), "one");
        assertEq(chat.answer(second), "two");
    }

    function test_RevertWhen_AnsweredTwice() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        _answer(alice, id, 1, _output(ANSWER));
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _answer(bob, id, 1, _output("other"));
    }

    function test_UnreadableAnswerIsRefusedAndTheRequestStaysOpen() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        bytes[4] memory outputs = _unreadableOutputs();
        for (uint256 i = 0; i < outputs.length; i++) {
            vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
            _answer(alice, id, 1, outputs[i]);
        }
        _answer(bob, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
    }

    function test_RevertWhen_AnswerIsForged() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        vm.prank(stranger);
        chat.rawReceiveCompute(id, 1, 1, stranger, "", _output("forged"), "", 0, 0);
    }
}

contract MyOnchainSubscriptionTest is Chats {
    MyOnchainSubscription private sample;

    function setUp() public override {
        super.setUp();
        sample = new MyOnchainSubscription(address(registry));
    }

    function test_AsksTheContainerOfTheSample() public {
        vm.expectEmit(address(sample));
        emit MyOnchainSubscription.ComputeRequested(bytes32(uint256(1)));
        sample.chatWithLLM(abi.encode(QUESTION));
        assertEq(coordinator.getSubscription(1).containerId, keccak256(abi.encode("my-container")));
        assertEq(sample.getContainerInputs(1, 1, START, alice), abi.encode(QUESTION));
    }

    function test_HandsTheAnswerToItsOwnReceiver() public {
        sample.chatWithLLM(abi.encode(QUESTION));
        vm.expectEmit(address(sample));
        emit MyOnchainSubscription.OutputReceived(bytes32(uint256(1)), _output(ANSWER), "");
        _answer(alice, 1, 1, _output(ANSWER));
    }

    function test_RevertWhen_ReceiverIsCalledByAnother() public {
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        vm.prank(stranger);
        sample.receiveCompute(bytes32(uint256(1)), _output("forged"), "");
    }
}

contract ScheduledChatTest is Chats {
    ScheduledChat private chat;

    function setUp() public override {
        super.setUp();
        chat = new ScheduledChat(address(registry), CONTAINER);
    }

    function _questions() private pure returns (string[] memory questions) {
        questions = new string[](2);
        (questions[0], questions[1]) = ("first?", "second?");
    }

    function test_SchedulesOneIntervalPerQuestion() public {
        vm.expectEmit(address(chat));
        emit ScheduledChat.ChatScheduled(1, address(this), 2);
        uint32 id = chat.schedule(_questions(), 60, 2);

        Subscription memory expected = Subscription(
            address(chat), START + 60, 60, 2, 2, CONTAINER_HASH, false, payable(0), 0, address(0), payable(0)
        );
        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
        assertEq(chat.scheduler(id), address(this));
    }

    function test_InputsChangePerInterval() public {
        uint32 id = chat.schedule(_questions(), 60, 1);
        assertEq(chat.getContainerInputs(id, 1, START, alice), abi.encode("first?"));
        assertEq(chat.getContainerInputs(id, 2, START, alice), abi.encode("second?"));
        assertEq(chat.getContainerInputs(id, 0, START, alice), "");
        assertEq(chat.getContainerInputs(id, 3, START, alice), "");
        assertEq(chat.getContainerInputs(id + 1, 1, START, alice), "");
    }

    function test_KeepsEveryAnswer() public {
        uint32 id = chat.schedule(_questions(), 60, 2);
        vm.warp(START + 60);
        vm.expectEmit(address(chat));
        emit ScheduledChat.AnswerReceived(id, 1, alice, "alice's first");
        _answer(alice, id, 1, _output("alice's first"));
        _answer(bob, id, 1, _output("bob's first"));
        vm.warp(START + 120);
        _answer(bob, id, 2, _output("bob's second"));

        assertEq(chat.answer(id, 1, 1), "alice's first");
        assertEq(chat.answer(id, 1, 2), "bob's first");
        assertEq(chat.answer(id, 2, 1), "bob's second");
    }

    function test_UnreadableAnswerIsRefused() public {
        uint32 id = chat.schedule(_questions(), 60, 1);
        vm.warp(START + 60);
        vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
        _answer(alice, id, 1, "");
    }

    function test_SchedulerCancels() public {
        uint32 id = chat.schedule(_questions(), 60, 1);
        vm.expectRevert(ScheduledChat.NotScheduler.selector);
        vm.prank(stranger);
        chat.cancel(id);
        chat.cancel(id);
        assertEq(coordinator.getSubscription(id).activeAt, type(uint32).max);
    }
}

contract DelegatedChatTest is Chats {
    DelegatedChat private chat;
    uint256 private key;

    function setUp() public override {
        super.setUp();
        address signer;
        (signer, key) = makeAddrAndKey("signer");
        chat = new DelegatedChat(address(registry), signer);
    }

    struct Signed {
        Subscription sub;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function _ask(bool lazy) private view returns (Signed memory signed) {
        signed.sub = Subscription(
            address(chat), START, 60, 2, 1, CONTAINER_HASH, lazy, payable(0), 0, address(0), payable(0)
        );
        bytes32 digest = LibSign.getTypedMessageHash(
            "InfernetCoordinator", "1", address(coordinator), 5, START + 10, signed.sub
        );
        (signed.v, signed.r, signed.s) = vm.sign(key, digest);
    }

    function _answerDelegated(Signed memory signed) private {
        vm.prank(alice);
        coordinator.deliverComputeDelegatee(
            5, START + 10, signed.sub, signed.v, signed.r, signed.s, 1, "", _output(ANSWER), "", address(0)
        );
    }

    function test_ReceivesAnswersToWhatItsSignerAsked() public {
        Signed memory signed = _ask(false);
        vm.expectEmit(address(chat));
        emit DelegatedChat.AnswerReceived(1, 1, alice, ANSWER);
        _answerDelegated(signed);
        assertEq(chat.answer(1, 1, 1), ANSWER);
    }

    function test_ReadsLazyAnswersFromTheInbox() public {
        _answerDelegated(_ask(true));
        assertEq(chat.answer(1, 1, 1), ANSWER);
    }

    function test_UnreadableAnswerIsRefused() public {
        _answerDelegated(_ask(false));
        vm.warp(START + 60);
        vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
        _answer(alice, 1, 2, "");
    }

    function test_OffersItsStandingQuestionToLaterIntervals() public {
        assertEq(chat.getContainerInputs(1, 2, START, alice), "");
        chat.setQuestion(QUESTION);
        assertEq(chat.question(), QUESTION);
        assertEq(chat.getContainerInputs(1, 2, START, alice), abi.encode(QUESTION));
    }

    function test_OwnerReplacesTheSignerAndCancels() public {
        _answerDelegated(_ask(false));
        chat.updateSigner(stranger);
        assertEq(chat.getSigner(), stranger);
        chat.cancel(1);
        assertEq(coordinator.getSubscription(1).activeAt, type(uint32).max);
    }

    function test_RevertWhen_AnotherThanTheOwnerDecides() public {
        vm.startPrank(stranger);
        vm.expectRevert(Ownable.Unauthorized.selector);
        chat.updateSigner(stranger);
        vm.expectRevert(Ownable.Unauthorized.selector);
        chat.cancel(1);
        vm.expectRevert(Ownable.Unauthorized.selector);
        chat.setQuestion("");
    }
}

contract AllowlistedChatTest is Chats {
    AllowlistedChat private chat;

    function setUp() public override {
        super.setUp();
        chat = new AllowlistedChat(address(registry), CONTAINER, _nodes(alice));
    }

    function _nodes(address node) private pure returns (address[] memory nodes) {
        nodes = new address[](1);
        nodes[0] = node;
    }

    function test_KnownNodeAnswers() public {
        vm.expectEmit(address(chat));
        emit AllowlistedChat.ChatRequested(1, address(this));
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        assertEq(chat.getContainerInputs(id, 1, START, alice), abi.encode(QUESTION));

        vm.expectEmit(address(chat));
        emit AllowlistedChat.AnswerReceived(id, alice, ANSWER);
        _answer(alice, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
    }

    function test_RevertWhen_StrangerAnswers() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        _answer(bob, id, 1, _output("forged"));
        _answer(alice, id, 1, _output(ANSWER));
    }

    function test_OwnerAdmitsNodes() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        bool[] memory statuses = new bool[](1);
        statuses[0] = true;
        chat.updateAllowlist(_nodes(bob), statuses);
        _answer(bob, id, 1, _output(ANSWER));

        vm.expectRevert(Ownable.Unauthorized.selector);
        vm.prank(stranger);
        chat.updateAllowlist(_nodes(stranger), statuses);
    }

    function test_UnreadableAnswerIsRefused() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
        _answer(alice, id, 1, "");
    }
}

contract LazyChatTest is Chats {
    LazyChat private chat;

    function setUp() public override {
        super.setUp();
        chat = new LazyChat(address(registry), CONTAINER);
    }

    function test_ReadsTheAnswerFromTheInbox() public {
        vm.expectEmit(address(chat));
        emit LazyChat.ChatRequested(1, address(this));
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        assertEq(chat.getContainerInputs(id, 1, START, alice), abi.encode(QUESTION));
        assertTrue(coordinator.getSubscription(id).lazy);

        vm.expectEmit(address(chat));
        emit LazyChat.AnswerStored(id, alice, 0);
        _answer(alice, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
        (bytes32 containerId, address node, uint256 index) = chat.location(id);
        assertEq(abi.encode(containerId, node, index), abi.encode(CONTAINER_HASH, alice, 0));
    }

    function test_RevertWhen_NotAnswered() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectRevert(LazyChat.NotAnswered.selector);
        chat.answer(id);
    }

    /// @dev A node's own writes change nothing, whatever they claim
    function test_DirectWritesAreNoAnswers() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.prank(alice);
        inbox.write(CONTAINER_HASH, "", _output("not an answer"), "");
        _answer(alice, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
    }

    function test_UnreadableAnswerIsRefusedAndTheRequestStaysOpen() public {
        uint32 id = chat.chatWithLLM(abi.encode(QUESTION));
        vm.expectRevert(AnswerDecoder.UnreadableAnswer.selector);
        _answer(alice, id, 1, "");
        assertEq(inbox.length(CONTAINER_HASH, alice), 0);
        _answer(bob, id, 1, _output(ANSWER));
        assertEq(chat.answer(id), ANSWER);
    }
}

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
