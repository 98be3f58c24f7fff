// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Ownable} from "solady/auth/Ownable.sol";
import {AllowlistedChat} from "../../../contracts/examples/AllowlistedChat.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {Allowlist} from "../../../contracts/pattern/Allowlist.sol";
import {Chats} from "../support/Chats.sol";

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
