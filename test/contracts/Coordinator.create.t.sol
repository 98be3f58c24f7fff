// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {StdStorage, stdStorage} from "forge-std/StdStorage.sol";
import {Vm} from "forge-std/Vm.sol";
import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {Deployment} from "./support/Deployment.sol";
import {RecordingConsumer, Terms} from "./support/RecordingConsumer.sol";

contract CoordinatorCreateTest is Deployment {
    using stdStorage for StdStorage;

    function test_FirstIdIsOne() public {
        assertEq(coordinator.id(), 1);
        assertEq(consumer.subscribe(_once()), 1);
        assertEq(coordinator.id(), 2);
    }

    function test_IdsAreNeverReused() public {
        for (uint32 i = 1; i <= 4; i++) {
            assertEq(consumer.subscribe(_once()), i);
        }
        consumer.cancel(2);
        consumer.cancel(4);

        assertEq(consumer.subscribe(_once()), 5);
        assertEq(coordinator.id(), 6);
    }

    /// @dev The counter starts where two bytes end, as after that many subscriptions
    function test_IdsGoBeyondTwoBytes() public {
        stdstore.target(address(coordinator)).sig(coordinator.id.selector).checked_write(type(uint16).max);
        assertEq(consumer.subscribe(_once()), 65_535);
        assertEq(consumer.subscribe(_once()), 65_536);
        assertEq(coordinator.getSubscription(65_536).owner, address(consumer));
    }

    function test_StoresEveryField() public {
        Terms memory terms = Terms({
            containerId: "A,B,C",
            frequency: 3,
            period: 60,
            redundancy: 2,
            lazy: true,
            token: makeAddr("token"),
            amount: 123,
            wallet: makeAddr("wallet"),
            verifier: makeAddr("verifier")
        });

        Subscription memory stored = coordinator.getSubscription(consumer.subscribe(terms));

        assertEq(stored.owner, address(consumer));
        assertEq(stored.activeAt, START + 60);
        assertEq(stored.period, 60);
        assertEq(stored.frequency, 3);
        assertEq(stored.redundancy, 2);
        assertEq(stored.containerId, keccak256(abi.encode("A,B,C")));
        assertTrue(stored.lazy);
        assertEq(stored.verifier, terms.verifier);
        assertEq(stored.paymentAmount, 123);
        assertEq(stored.paymentToken, terms.token);
        assertEq(stored.wallet, terms.wallet);
    }

    function testFuzz_StoresTermsVerbatim(Terms memory terms) public {
        terms.period = uint32(bound(terms.period, 0, type(uint32).max - START));

        Subscription memory stored = coordinator.getSubscription(consumer.subscribe(terms));

        Subscription memory expected = Subscription(
            address(consumer),
            START + terms.period,
            terms.period,
            terms.frequency,
            terms.redundancy,
            keccak256(abi.encode(terms.containerId)),
            terms.lazy,
            payable(terms.verifier),
            terms.amount,
            terms.token,
            payable(terms.wallet)
        );
        assertEq(abi.encode(stored), abi.encode(expected));
    }

    /// @dev Positional construction and the ABI tuple: a swap of two fields shows here
    function test_SubscriptionEncodesInTheOrderOfItsTuple() public {
        Terms memory terms = _recurring(3, 60, 2);
        terms.token = makeAddr("token");
        terms.amount = 9;
        terms.wallet = makeAddr("wallet");
        terms.verifier = makeAddr("verifier");
        terms.lazy = true;
        uint32 id = consumer.subscribe(terms);

        (bool ok, bytes memory data) =
            address(coordinator).staticcall(abi.encodeWithSelector(bytes4(0xa17b920b), id));

        assertTrue(ok);
        assertEq(
            data,
            bytes.concat(
                abi.encode(address(consumer), START + 60, 60, 3, 2, CONTAINER_HASH),
                abi.encode(true, terms.verifier, 9, terms.token, terms.wallet)
            )
        );
    }

    function test_EmitsCreationAndNothingElse() public {
        vm.recordLogs();
        consumer.subscribe(_once());

        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].emitter, address(coordinator));
        assertEq(logs[0].topics.length, 2);
        assertEq(logs[0].topics[0], Coordinator.SubscriptionCreated.selector);
        assertEq(uint256(logs[0].topics[1]), 1);
        assertEq(logs[0].data, "");
    }

    function test_OneTimeRequestIsActiveAtOnce() public {
        assertEq(coordinator.getSubscription(consumer.subscribe(_once())).activeAt, START);
    }

    function test_RecurringSubscriptionStartsOnePeriodLater() public {
        assertEq(coordinator.getSubscription(consumer.subscribe(_recurring(2, 60, 1))).activeAt, START + 60);
    }

    function test_ClockIsTruncatedTo32Bits() public {
        vm.warp(uint256(1 << 32) + 100);
        assertEq(coordinator.getSubscription(consumer.subscribe(_recurring(2, 60, 1))).activeAt, 160);
    }

    function test_RevertWhen_FirstIntervalIsBeyondTheClock() public {
        Terms memory terms = _recurring(1, type(uint32).max - START, 1);
        consumer.subscribe(terms);

        terms.period++;
        vm.expectRevert(stdError.arithmeticError);
        consumer.subscribe(terms);
        assertEq(coordinator.id(), 2, "nothing is consumed");
    }

    function test_AcceptsSenselessTerms() public {
        Terms memory terms;
        uint32 id = consumer.subscribe(terms);
        assertEq(coordinator.getSubscription(id).owner, address(consumer));
        assertEq(coordinator.getSubscription(id).containerId, keccak256(abi.encode("")));
    }

    function test_UnknownIdReadsAsZeros() public view {
        Subscription memory none;
        assertEq(abi.encode(coordinator.getSubscription(0)), abi.encode(none));
        assertEq(abi.encode(coordinator.getSubscription(1)), abi.encode(none));
        assertEq(abi.encode(coordinator.getSubscription(type(uint32).max)), abi.encode(none));
    }
}

contract CoordinatorCancelTest is Deployment {
    function test_SetsTheSentinelAndKeepsTheRest() public {
        uint32 id = consumer.subscribe(_recurring(3, 60, 2));
        Subscription memory expected = coordinator.getSubscription(id);
        expected.activeAt = 4_294_967_295;

        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionCancelled(id);
        consumer.cancel(id);

        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
    }

    function test_CancellingAgainEmitsAgain() public {
        uint32 id = consumer.subscribe(_once());
        consumer.cancel(id);

        vm.expectEmit(address(coordinator));
        emit Coordinator.SubscriptionCancelled(id);
        consumer.cancel(id);
    }

    function test_CompletedSubscriptionCanBeCancelled() public {
        uint32 id = consumer.subscribe(_once());
        _deliver(alice, id, 1);
        consumer.cancel(id);
        assertEq(coordinator.getSubscription(id).activeAt, type(uint32).max);
    }

    function test_RevertWhen_CallerIsNotTheOwner() public {
        uint32 id = consumer.subscribe(_once());
        RecordingConsumer other = new RecordingConsumer(address(registry));

        vm.expectRevert(Coordinator.NotSubscriptionOwner.selector);
        other.cancel(id);
    }

    function test_RevertWhen_IdIsUnknown() public {
        vm.expectRevert(Coordinator.NotSubscriptionOwner.selector);
        consumer.cancel(1);
    }

    function test_RevertWhen_DeliveringAfterCancellation() public {
        uint32 id = consumer.subscribe(_recurring(3, 60, 2));
        vm.warp(START + 60);
        _deliver(alice, id, 1);
        consumer.cancel(id);

        vm.expectRevert(Coordinator.SubscriptionNotActive.selector);
        _deliver(bob, id, 1);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 1, "counts survive");
    }
}

contract CoordinatorIntervalTest is Deployment {
    function test_PeriodZeroIsAlwaysIntervalOne() public {
        assertEq(coordinator.getSubscriptionInterval(START, 0), 1);
        vm.warp(START + 1_000_000_000);
        assertEq(coordinator.getSubscriptionInterval(START, 0), 1);
        assertEq(coordinator.getSubscriptionInterval(type(uint32).max, 0), 1);
    }

    function testFuzz_WindowOfAnInterval(uint32 activeAt, uint32 period, uint32 k) public {
        period = uint32(bound(period, 1, 30 days));
        activeAt = uint32(bound(activeAt, 0, 2_000_000_000));
        k = uint32(bound(k, 1, 500));
        uint256 start = uint256(activeAt) + uint256(k - 1) * period;

        vm.warp(start);
        assertEq(coordinator.getSubscriptionInterval(activeAt, period), k, "first second");
        vm.warp(start + period - 1);
        assertEq(coordinator.getSubscriptionInterval(activeAt, period), k, "last second");
        vm.warp(start + period);
        assertEq(coordinator.getSubscriptionInterval(activeAt, period), k + 1, "one past");
    }

    /// @dev The same rule written in wide arithmetic
    function testFuzz_WrapsIn32Bits(uint256 time, uint32 activeAt, uint32 period) public {
        time = bound(time, 0, type(uint64).max);
        vm.assume(period > 0);
        vm.warp(time);
        uint256 elapsed = (time % 2 ** 32 + 2 ** 32 - activeAt) % 2 ** 32;
        assertEq(coordinator.getSubscriptionInterval(activeAt, period), (elapsed / period + 1) % 2 ** 32);
    }

    function test_BeforeActivityTheValueIsMeaningless() public {
        vm.warp(100);
        assertEq(coordinator.getSubscriptionInterval(160, 60), 71_582_788);
        assertEq(coordinator.getSubscriptionInterval(101, 1), 0);
    }
}
