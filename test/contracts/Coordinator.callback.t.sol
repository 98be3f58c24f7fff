// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {BaseConsumer} from "../../contracts/consumer/Base.sol";
import {AwkwardConsumer} from "./support/AwkwardConsumer.sol";
import {Deployment} from "./support/Deployment.sol";
import {Terms} from "./support/RecordingConsumer.sol";

contract CoordinatorCallbackTest is Deployment {
    AwkwardConsumer private awkward;

    function setUp() public override {
        super.setUp();
        awkward = new AwkwardConsumer(address(registry));
    }

    function test_RevertWhen_ConsumerRefusesWithItsOwnData() public {
        awkward.behave(AwkwardConsumer.Behaviour.Refuse);
        uint32 id = awkward.subscribe(_once());

        vm.expectRevert(abi.encodeWithSelector(AwkwardConsumer.Refused.selector, 7));
        _deliver(alice, id, 1);

        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 0);
        assertFalse(coordinator.nodeResponded(_responseKey(id, 1, alice)));
    }

    function test_RefusedLazyAnswerLeavesNoItem() public {
        awkward.behave(AwkwardConsumer.Behaviour.Refuse);
        Terms memory terms = _once();
        terms.lazy = true;
        uint32 id = awkward.subscribe(terms);

        vm.expectRevert(abi.encodeWithSelector(AwkwardConsumer.Refused.selector, 7));
        _deliver(alice, id, 1);

        assertEq(inbox.length(CONTAINER_HASH, alice), 0);
    }

    function test_RefusedAnswerLeavesTheIntervalOpen() public {
        awkward.behave(AwkwardConsumer.Behaviour.Refuse);
        uint32 id = awkward.subscribe(_once());
        vm.expectRevert(abi.encodeWithSelector(AwkwardConsumer.Refused.selector, 7));
        _deliver(alice, id, 1);

        awkward.behave(AwkwardConsumer.Behaviour.Accept);
        _deliver(alice, id, 1);
        assertEq(awkward.deliveryCount(), 1);
    }

    function test_RevertWhen_OwnerHasNoCode() public {
        vm.prank(stranger);
        uint32 id =
            coordinator.createSubscription(CONTAINER, 1, 0, 1, false, address(0), 0, address(0), address(0));
        assertEq(_refusedDelivery(alice, id, 1), "");
    }

    function test_RevertWhen_OwnerHasNoReceiver() public {
        vm.prank(address(reader));
        uint32 id =
            coordinator.createSubscription(CONTAINER, 1, 0, 1, false, address(0), 0, address(0), address(0));
        assertEq(_refusedDelivery(alice, id, 1), "");
    }

    function test_RevertWhen_CallbackReenters() public {
        awkward.behave(AwkwardConsumer.Behaviour.Reenter);
        uint32 id = awkward.subscribe(_recurring(1, 0, 2));
        vm.expectRevert(bytes4(0xab143c06)); // Reentrancy()
        _deliver(alice, id, 1);
    }

    function test_CaughtReentryLeavesTheCoordinatorUsable() public {
        awkward.behave(AwkwardConsumer.Behaviour.ReenterAndCatch);
        uint32 id = awkward.subscribe(_recurring(1, 0, 2));

        _deliver(alice, id, 1);
        _deliver(bob, id, 1);

        assertEq(awkward.deliveryCount(), 2);
    }

    function test_CallbackMayCreateAndCancel() public {
        awkward.behave(AwkwardConsumer.Behaviour.Manage);
        uint32 id = awkward.subscribe(_once());

        _deliver(alice, id, 1);

        assertEq(coordinator.getSubscription(id).activeAt, type(uint32).max);
        assertEq(coordinator.getSubscription(id + 1).owner, address(awkward));
    }

    function test_RevertWhen_StrangerCallsTheReceiver() public {
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        vm.prank(stranger);
        consumer.rawReceiveCompute(1, 1, 1, stranger, "", "forged", "", 0, 0);
    }

    function test_CoordinatorTakesNoCoin() public {
        deal(address(this), 1 ether);
        (bool ok,) = address(coordinator).call{value: 1}("");
        assertFalse(ok);
    }
}
