// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Vm} from "forge-std/Vm.sol";
import {Coordinator} from "../../contracts/Coordinator.sol";
import {InboxItem} from "../../contracts/Inbox.sol";
import {Deployment} from "./support/Deployment.sol";
import {Delivery, Terms} from "./support/RecordingConsumer.sol";

contract CoordinatorDeliverTest is Deployment {
    function test_EagerAnswerReachesTheConsumer() public {
        uint32 id = consumer.subscribe(_once());

        _deliver(alice, id, 1);

        Delivery memory expected = Delivery(id, 1, 1, alice, INPUT, OUTPUT, PROOF, 0, 0);
        assertEq(consumer.deliveryCount(), 1);
        assertEq(abi.encode(consumer.delivery(0)), abi.encode(expected));
        vm.expectRevert(stdError.indexOOBError);
        inbox.read(CONTAINER_HASH, alice, 0);
    }

    function test_LazyAnswerGoesToTheInbox() public {
        Terms memory terms = _once();
        terms.lazy = true;
        uint32 id = consumer.subscribe(terms);

        _deliver(alice, id, 1);

        Delivery memory expected = Delivery(id, 1, 1, alice, "", "", "", CONTAINER_HASH, 0);
        assertEq(abi.encode(consumer.delivery(0)), abi.encode(expected));
        InboxItem memory item = InboxItem(START, id, 1, INPUT, OUTPUT, PROOF);
        assertEq(abi.encode(inbox.read(CONTAINER_HASH, alice, 0)), abi.encode(item));
    }

    function test_LazyAndEagerSubscriptionsOfOneConsumerAreIndependent() public {
        Terms memory terms = _once();
        uint32 eager = consumer.subscribe(terms);
        terms.lazy = true;
        uint32 lazy = consumer.subscribe(terms);

        _deliver(alice, eager, 1);
        _deliver(alice, lazy, 1);

        assertEq(consumer.delivery(0).output, OUTPUT);
        assertEq(consumer.delivery(1).containerId, CONTAINER_HASH);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).subscriptionId, lazy);
        vm.expectRevert(stdError.indexOOBError);
        inbox.read(CONTAINER_HASH, alice, 1);
    }

    function test_EmitsFulfilledOnceAndNothingElse() public {
        uint32 id = consumer.subscribe(_once());

        vm.recordLogs();
        _deliver(alice, id, 1);

        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].emitter, address(coordinator));
        assertEq(logs[0].topics.length, 3);
        assertEq(logs[0].topics[0], Coordinator.SubscriptionFulfilled.selector);
        assertEq(uint256(logs[0].topics[1]), id);
        assertEq(logs[0].topics[2], bytes32(uint256(uint160(alice))));
        assertEq(logs[0].data, "");
    }

    function test_RedundantAnswersAreCountedInOrder() public {
        uint32 id = consumer.subscribe(_recurring(1, 0, 2));

        _deliver(alice, id, 1);
        _deliver(bob, id, 1);

        assertEq(consumer.delivery(0).redundancy, 1);
        assertEq(consumer.delivery(0).node, alice);
        assertEq(consumer.delivery(1).redundancy, 2);
        assertEq(consumer.delivery(1).node, bob);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 2);
        assertTrue(coordinator.nodeResponded(_responseKey(id, 1, alice)));
        assertTrue(coordinator.nodeResponded(_responseKey(id, 1, bob)));
        assertFalse(coordinator.nodeResponded(_responseKey(id, 1, carol)));
    }

    function test_RevertWhen_NodeAnswersTwice() public {
        uint32 id = consumer.subscribe(_recurring(1, 0, 2));
        _deliver(alice, id, 1);

        vm.expectRevert(Coordinator.NodeRespondedAlready.selector);
        _deliver(alice, id, 1);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 1);
    }

    function test_RevertWhen_QuotaIsFilled() public {
        uint32 id = consumer.subscribe(_recurring(1, 0, 2));
        _deliver(alice, id, 1);
        _deliver(bob, id, 1);

        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(carol, id, 1);
    }

    function test_RevertWhen_QuotaIsFilledAndNodeAnsweredToo() public {
        uint32 id = consumer.subscribe(_once());
        _deliver(alice, id, 1);

        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(alice, id, 1);
    }

    function test_NodeAnswersEachIntervalAnew() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        vm.warp(START + 60);
        _deliver(alice, id, 1);
        vm.warp(START + 120);
        _deliver(alice, id, 2);
        assertEq(consumer.delivery(1).interval, 2);
        assertEq(consumer.delivery(1).redundancy, 1);
    }

    function test_RevertWhen_NotActiveYet() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));

        vm.warp(START + 59);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, 1);

        vm.warp(START + 60);
        _deliver(alice, id, 1);
    }

    /// @dev The interval before activity wraps to 71582788; activity is judged first whatever is passed
    function test_RevertWhen_NotActiveYetWhateverTheInterval() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        uint32 wrapped = coordinator.getSubscriptionInterval(START + 60, 60);
        assertGt(wrapped, 2);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, wrapped);
    }

    function test_RevertWhen_IntervalIsOver() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        vm.warp(START + 120);
        vm.expectRevert(Coordinator.IntervalMismatch.selector);
        _deliver(alice, id, 1);
    }

    function test_RevertWhen_IntervalHasNotBegun() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        vm.warp(START + 119);
        vm.expectRevert(Coordinator.IntervalMismatch.selector);
        _deliver(alice, id, 2);
    }

    function testFuzz_RevertWhen_OneTimeRequestIsAnsweredForAnotherInterval(uint32 interval) public {
        vm.assume(interval != 1);
        uint32 id = consumer.subscribe(_once());
        vm.expectRevert(Coordinator.IntervalMismatch.selector);
        _deliver(alice, id, interval);
    }

    function test_RevertWhen_AllIntervalsAreOver() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        vm.warp(START + 180);
        vm.expectRevert(Coordinator.SubscriptionCompleted.selector);
        _deliver(alice, id, 3);
    }

    function test_LastSecondOfTheLastIntervalCounts() public {
        uint32 id = consumer.subscribe(_recurring(2, 60, 1));
        vm.warp(START + 179);
        _deliver(alice, id, 2);
        assertEq(consumer.deliveryCount(), 1);
    }

    function test_RevertWhen_IdIsUnknown() public {
        vm.expectRevert(Coordinator.SubscriptionNotFound.selector);
        _deliver(alice, 0, 1);
        vm.expectRevert(Coordinator.SubscriptionNotFound.selector);
        _deliver(alice, 1, 1);
    }

    function test_RevertWhen_FrequencyIsZero() public {
        uint32 id = consumer.subscribe(_recurring(0, 60, 1));
        vm.warp(START + 60);
        vm.expectRevert(Coordinator.SubscriptionCompleted.selector);
        _deliver(alice, id, 1);
    }

    function test_RevertWhen_RedundancyIsZero() public {
        uint32 id = consumer.subscribe(_recurring(1, 60, 0));
        vm.warp(START + 60);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(alice, id, 1);
    }

    function test_PeriodZeroServesOneIntervalWhateverTheFrequency() public {
        uint32 id = consumer.subscribe(_recurring(5, 0, 1));
        vm.warp(START + 1000 days);
        _deliver(alice, id, 1);

        vm.expectRevert(Coordinator.IntervalMismatch.selector);
        _deliver(alice, id, 2);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(bob, id, 1);
    }

    function test_SubscriptionCreatedAtTimeZeroIsDeliverable() public {
        vm.warp(0);
        uint32 id = consumer.subscribe(_once());
        assertEq(coordinator.getSubscription(id).activeAt, 0);
        _deliver(alice, id, 1);
        assertEq(consumer.deliveryCount(), 1);
    }

    /// @dev Beyond 2106 the clock starts again from zero
    function test_ActivityFollowsTheTruncatedClock() public {
        vm.warp(uint256(1 << 32) + 100);
        uint32 id = consumer.subscribe(_recurring(1, 60, 1));

        vm.warp(uint256(1 << 32) + 159);
        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(alice, id, 1);

        vm.warp(uint256(1 << 32) + 160);
        _deliver(alice, id, 1);
    }

    function test_UnpaidDeliveryIgnoresEverythingAboutPayment() public {
        Terms memory terms = _once();
        terms.wallet = makeAddr("no wallet");
        terms.token = makeAddr("no token");
        terms.verifier = makeAddr("no verifier");
        uint32 id = consumer.subscribe(terms);

        _deliver(alice, id, 1, makeAddr("no wallet either"));

        (uint32 expiry,,) = coordinator.proofRequests(_responseKey(id, 1, alice));
        assertEq(expiry, 0);
        assertEq(consumer.deliveryCount(), 1);
    }

    function testFuzz_BytesArriveUnchanged(
        bytes memory input,
        bytes memory output,
        bytes memory proof,
        bool lazy
    ) public {
        Terms memory terms = _once();
        terms.lazy = lazy;
        uint32 id = consumer.subscribe(terms);

        vm.prank(alice);
        coordinator.deliverCompute(id, 1, input, output, proof, address(0));

        if (lazy) {
            InboxItem memory item = inbox.read(CONTAINER_HASH, alice, 0);
            assertEq(abi.encode(item.input, item.output, item.proof), abi.encode(input, output, proof));
        } else {
            Delivery memory got = consumer.delivery(0);
            assertEq(abi.encode(got.input, got.output, got.proof), abi.encode(input, output, proof));
        }
    }

    /// @dev Delivers at any moment, and expects exactly what the rules of the time line say
    function testFuzz_AcceptsExactlyThePresentInterval(
        uint32 frequency,
        uint32 period,
        uint32 elapsed,
        uint32 interval
    ) public {
        frequency = uint32(bound(frequency, 0, 5));
        period = uint32(bound(period, 1, 100));
        elapsed = uint32(bound(elapsed, 0, 700));
        interval = uint32(bound(interval, 0, 8));
        uint32 id = consumer.subscribe(_recurring(frequency, period, 1));
        vm.warp(uint256(START) + elapsed);

        uint32 present = elapsed / period; // the first interval begins one period after creation
        if (present == 0) {
            vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        } else if (present != interval) {
            vm.expectRevert(Coordinator.IntervalMismatch.selector);
        } else if (interval > frequency) {
            vm.expectRevert(Coordinator.SubscriptionCompleted.selector);
        }
        _deliver(alice, id, interval);
    }

    function testFuzz_QuotaIsExact(uint16 redundancy) public {
        redundancy = uint16(bound(redundancy, 0, 20));
        uint32 id = consumer.subscribe(_recurring(1, 0, redundancy));
        for (uint160 i = 1; i <= redundancy; i++) {
            _deliver(address(i), id, 1);
        }
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(alice, id, 1);
        assertEq(consumer.deliveryCount(), redundancy);
    }

    function test_HighestRedundancyIsCountedWithoutOverflow() public {
        uint32 id = consumer.subscribe(_recurring(1, 0, type(uint16).max));
        bytes32 slot = keccak256(abi.encode(_intervalKey(id, 1), uint256(2)));
        vm.store(address(coordinator), slot, bytes32(uint256(type(uint16).max - 1)));
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), type(uint16).max - 1);

        _deliver(alice, id, 1);

        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliver(bob, id, 1);
    }
}
