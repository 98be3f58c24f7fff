// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Subscription} from "../../../contracts/Coordinator.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {ScheduledChat} from "../../../contracts/examples/ScheduledChat.sol";
import {Chats} from "../support/Chats.sol";

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
