// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Ownable} from "solady/auth/Ownable.sol";
import {Subscription} from "../../../contracts/Coordinator.sol";
import {AnswerDecoder} from "../../../contracts/examples/AnswerDecoder.sol";
import {DelegatedChat} from "../../../contracts/examples/DelegatedChat.sol";
import {LibSign} from "../lib/LibSign.sol";
import {Chats} from "../support/Chats.sol";

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
