// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {Allowlist} from "../../contracts/pattern/Allowlist.sol";
import {Delegation} from "./support/Delegation.sol";

contract DelegatedDeliveryTest is Delegation {
    function test_CreatesAndDeliversAtOnce() public {
        _deliverDelegated(alice, 0, _terms(), 1);

        assertEq(_createdId(0), 1);
        assertTrue(coordinator.nodeResponded(_responseKey(1, 1, alice)));
        assertEq(owner.delivery(0).subscriptionId, 1);
        assertEq(owner.delivery(0).node, alice);
        assertEq(owner.delivery(0).input, INPUT);
        assertEq(owner.delivery(0).output, OUTPUT);
        assertEq(owner.delivery(0).proof, PROOF);
    }

    function test_CreatesAndDeliversLazily() public {
        Subscription memory sub = _terms();
        sub.lazy = true;
        _deliverDelegated(alice, 0, sub, 1);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).output, OUTPUT);
        assertEq(owner.delivery(0).containerId, CONTAINER_HASH);
    }

    function test_SecondNodeUsesTheSameSignature() public {
        Subscription memory sub = _terms();
        _deliverDelegated(alice, 0, sub, 1);
        _deliverDelegated(bob, 0, sub, 1);
        assertEq(coordinator.id(), 2);
        assertEq(owner.delivery(1).redundancy, 2);

        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        vm.prank(carol);
        coordinator.deliverComputeDelegatee(
            0, EXPIRY, sub, sig.v, sig.r, sig.s, 1, INPUT, OUTPUT, PROOF, address(0)
        );
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(carol, 1, 1);
    }

    function test_LaterIntervalsAreDeliveredDirectly() public {
        _deliverDelegated(alice, 0, _terms(), 1);
        vm.warp(START + 60);
        _deliver(alice, 1, 2);
        assertEq(owner.delivery(1).interval, 2);
    }

    function test_FailedDeliveryCreatesNothing() public {
        owner.restrict();
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 3, EXPIRY, sub);

        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        vm.prank(alice);
        coordinator.deliverComputeDelegatee(
            3, EXPIRY, sub, sig.v, sig.r, sig.s, 1, INPUT, OUTPUT, PROOF, address(0)
        );

        assertEq(coordinator.id(), 1);
        assertEq(_createdId(3), 0);
        assertEq(coordinator.maxSubscriberNonce(address(owner)), 0);
    }

    function test_RevertWhen_BornCancelled() public {
        Subscription memory sub = _terms();
        sub.activeAt = type(uint32).max;
        _create(0, sub);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, 1, 1);
    }

    function test_RevertWhen_CreatedAfterItsEnd() public {
        Subscription memory sub = _terms();
        sub.activeAt = START - 300;
        _create(0, sub);
        vm.expectRevert(Coordinator.SubscriptionCompleted.selector);
        _deliver(alice, 1, 6);
    }

    function test_CreatedLateStartsWithALaterInterval() public {
        Subscription memory sub = _terms();
        sub.activeAt = START - 60;
        _deliverDelegated(alice, 0, sub, 2);
        assertEq(owner.delivery(0).interval, 2);
    }

    function test_RevertWhen_NotActiveYet() public {
        Subscription memory sub = _terms();
        sub.activeAt = START + 1;
        _create(0, sub);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, 1, 1);
    }

    function testFuzz_BytesArriveUnchanged(bytes memory input, bytes memory output, bytes memory proof)
        public
    {
        Subscription memory sub = _terms();
        Signature memory sig = _sign(signerKey, 0, EXPIRY, sub);
        vm.prank(alice);
        coordinator.deliverComputeDelegatee(
            0, EXPIRY, sub, sig.v, sig.r, sig.s, 1, input, output, proof, address(0)
        );
        assertEq(
            abi.encode(owner.delivery(0).input, owner.delivery(0).output, owner.delivery(0).proof),
            abi.encode(input, output, proof)
        );
    }
}
