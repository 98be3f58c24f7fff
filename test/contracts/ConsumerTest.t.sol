// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator} from "../../contracts/Coordinator.sol";
import {AnswerDecoder} from "../../contracts/examples/AnswerDecoder.sol";
import {PaidChat} from "../../contracts/examples/PaidChat.sol";
import {ScheduledChat} from "../../contracts/examples/ScheduledChat.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {ConsumerTest} from "../../contracts/testing/ConsumerTest.sol";
import {RecordingConsumer, Terms} from "./support/RecordingConsumer.sol";

/// @notice The kit for authors, used as an author uses it
contract ConsumerTestTest is ConsumerTest {
    ScheduledChat private chat;
    uint32 private id;

    function setUp() public override {
        super.setUp();
        chat = new ScheduledChat(address(registry), "container");
        id = chat.schedule(new string[](3), 60, 2);
        _waitForInterval(id, 1);
    }

    function test_Answers() public {
        _answer(id, "42");
        assertEq(chat.answer(id, 1, 1), "42");
    }

    function test_AnswersTwice() public {
        _answer(id, "42");
        assertEq(_refusal(id, "43"), abi.encodeWithSelector(Coordinator.NodeRespondedAlready.selector));
        _answerAs(makeAddr("second"), id, "44");
        assertEq(
            _refusalAs(makeAddr("third"), id, "45"),
            abi.encodeWithSelector(Coordinator.IntervalCompleted.selector)
        );
        assertEq(chat.answer(id, 1, 2), "44");
    }

    function test_Delays() public {
        assertEq(_presentInterval(id), 1);
        _waitForInterval(id, 3);
        assertEq(_presentInterval(id), 3);
        (bool delivered, bytes memory reason) = _deliverFor(node, id, 1, _encodeAnswer("too late"));
        assertFalse(delivered);
        assertEq(reason, abi.encodeWithSelector(Coordinator.IntervalMismatch.selector));
        _answer(id, "late");
        assertEq(chat.answer(id, 1, 1), "");
        assertEq(chat.answer(id, 3, 1), "late");
    }

    function test_Fails() public {
        (bool delivered, bytes memory reason) = _deliver(node, id, "no answer at all");
        assertFalse(delivered);
        assertEq(reason, abi.encodeWithSelector(AnswerDecoder.UnreadableAnswer.selector));
    }

    function test_IsPaid() public {
        PaidChat paid = new PaidChat(address(registry), "container", address(0), 1 ether);
        _answer(paid.chatWithLLM{value: 1 ether}(abi.encode("question?")), "42");
        assertEq(address(nodeWallet).balance, 1 ether);
    }

    function test_IsPaidFromAWallet() public {
        RecordingConsumer consumer = new RecordingConsumer(address(registry));
        Terms memory terms;
        (terms.frequency, terms.redundancy, terms.amount) = (1, 2, 1 ether);
        terms.wallet = address(_fundedWallet(address(consumer), 1 ether));
        uint32 paid = consumer.subscribe(terms);
        _answer(paid, "42");
        assertEq(address(nodeWallet).balance, 1 ether);
        assertEq(
            _refusalAs(makeAddr("second"), paid, "43"),
            abi.encodeWithSelector(Wallet.InsufficientAllowance.selector)
        );
    }

    /// @dev What a failing author sees
    function test_RevertWhen_AnAnswerIsRefusedUnexpectedly() public {
        _answer(id, "42");
        vm.expectRevert(bytes("the answer was refused: 0x88a21e4f"));
        this.answerAgain();
    }

    function answerAgain() external {
        _answer(id, "43");
    }
}
