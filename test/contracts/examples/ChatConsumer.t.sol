// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator, Subscription} from "../../../contracts/Coordinator.sol";
import {BaseConsumer} from "../../../contracts/consumer/Base.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {ChatConsumer} from "../../../contracts/examples/ChatConsumer.sol";
import {Chats} from "../support/Chats.sol";

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
