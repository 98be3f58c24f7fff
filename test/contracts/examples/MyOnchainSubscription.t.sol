// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {BaseConsumer} from "../../../contracts/consumer/Base.sol";
import {MyOnchainSubscription} from "../../../contracts/examples/MyOnchainSubscription.sol";
import {Chats} from "../support/Chats.sol";

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
