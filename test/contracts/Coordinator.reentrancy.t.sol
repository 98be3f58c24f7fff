// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator} from "../../contracts/Coordinator.sol";
import {Payments} from "./support/Payments.sol";
import {Terms} from "./support/RecordingConsumer.sol";
import {HookedToken} from "./support/Tokens.sol";

/// @notice What foreign code reached inside a delivery or a settlement may do
contract CoordinatorReentrancyTest is Payments {
    bytes private constant REENTRANCY = hex"ab143c06";

    HookedToken private hooked;

    function setUp() public override {
        super.setUp();
        hooked = new HookedToken();
        _fundConsumer(address(hooked), 200e6);
        _fundNode(alice, address(hooked), 100e6);
    }

    function _delivery(uint32 id) private view returns (bytes memory) {
        return abi.encodeCall(coordinator.deliverCompute, (id, 1, INPUT, OUTPUT, PROOF, address(nodeWallet)));
    }

    function test_TokenCannotDeliverDuringADelivery() public {
        Terms memory terms = _paid(address(hooked), 100e6);
        terms.redundancy = 2;
        uint32 id = consumer.subscribe(terms);
        hooked.hook(address(coordinator), _delivery(id));

        _deliverPaid(alice, id, 1);

        assertFalse(hooked.hookSucceeded());
        assertEq(hooked.hookReason(), REENTRANCY);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 1);
    }

    /// @dev The lock is one for all subscriptions
    function test_TokenCannotDeliverAnotherSubscriptionEither() public {
        uint32 id = consumer.subscribe(_paid(address(hooked), 100e6));
        uint32 other = consumer.subscribe(_once());
        hooked.hook(address(coordinator), _delivery(other));
        _deliverPaid(alice, id, 1);
        assertEq(hooked.hookReason(), REENTRANCY);
    }

    function test_TokenMaySubscribeDuringADelivery() public {
        uint32 id = consumer.subscribe(_paid(address(hooked), 100e6));
        hooked.hook(
            address(coordinator),
            abi.encodeCall(
                coordinator.createSubscription,
                (CONTAINER, 1, 0, 1, false, address(0), 0, address(0), address(0))
            )
        );
        _deliverPaid(alice, id, 1);
        assertTrue(hooked.hookSucceeded());
        assertEq(coordinator.getSubscription(id + 1).owner, address(hooked));
    }

    function test_TokenCannotSettleTwice() public {
        uint32 id = consumer.subscribe(_verified(address(hooked), 100e6, 0));
        _deliverPaid(alice, id, 1);
        hooked.hook(
            address(coordinator), abi.encodeCall(coordinator.finalizeProofVerification, (id, 1, alice, true))
        );
        vm.warp(START + 604_800);

        coordinator.finalizeProofVerification(id, 1, alice, true);

        assertFalse(hooked.hookSucceeded());
        assertEq(hooked.hookReason(), abi.encodeWithSelector(Coordinator.ProofRequestNotFound.selector));
        assertEq(hooked.balanceOf(address(nodeWallet)), 189_780_000);
    }

    function test_LockIsFreeAfterADelivery() public {
        uint32 first = consumer.subscribe(_once());
        uint32 second = consumer.subscribe(_once());
        _deliver(alice, first, 1);
        _deliver(alice, second, 1);
        assertEq(consumer.deliveryCount(), 2);
    }
}
