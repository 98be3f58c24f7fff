// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {LazyChat} from "../../../contracts/examples/LazyChat.sol";
import {Chats} from "../support/Chats.sol";

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
