// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Subscription} from "../../contracts/Coordinator.sol";
import {Deployment} from "./support/Deployment.sol";

contract ReaderTest is Deployment {
    function setUp() public override {
        super.setUp();
        consumer.subscribe(_once());
        consumer.subscribe(_recurring(2, 60, 2));
        consumer.subscribe(_recurring(3, 90, 1));
    }

    function test_ReadsAHalfOpenRange() public view {
        Subscription[] memory batch = reader.readSubscriptionBatch(1, 3);
        assertEq(batch.length, 2);
        assertEq(abi.encode(batch[0]), abi.encode(coordinator.getSubscription(1)));
        assertEq(abi.encode(batch[1]), abi.encode(coordinator.getSubscription(2)));
    }

    function test_UnknownIdsReadAsZeros() public view {
        Subscription memory none;
        Subscription[] memory batch = reader.readSubscriptionBatch(0, 6);
        assertEq(batch.length, 6);
        assertEq(abi.encode(batch[0]), abi.encode(none));
        assertEq(batch[3].period, 90);
        assertEq(abi.encode(batch[4]), abi.encode(none));
    }

    function test_CancelledSubscriptionIsRead() public {
        consumer.cancel(2);
        Subscription[] memory batch = reader.readSubscriptionBatch(2, 3);
        assertEq(batch[0].activeAt, type(uint32).max);
        assertEq(batch[0].frequency, 2);
    }

    function test_EqualBoundsReadNothing() public view {
        assertEq(reader.readSubscriptionBatch(5, 5).length, 0);
    }

    function test_RevertWhen_RangeIsReversed() public {
        vm.expectRevert(stdError.arithmeticError);
        reader.readSubscriptionBatch(5, 0);
    }

    function test_ReadsAtTheEndOfTheIdSpace() public view {
        assertEq(reader.readSubscriptionBatch(type(uint32).max - 1, type(uint32).max).length, 1);
    }

    function test_ReadsCounts() public {
        vm.warp(START + 60);
        _deliver(alice, 2, 1);
        _deliver(bob, 2, 1);
        vm.warp(START + 120);
        _deliver(alice, 2, 2);
        consumer.cancel(2);

        uint16[] memory counts = reader.readRedundancyCountBatch(_ids(2, 2, 3, 9), _ids(1, 2, 1, 1));
        assertEq(counts.length, 4);
        assertEq(counts[0], 2);
        assertEq(counts[1], 1);
        assertEq(counts[2], 0);
        assertEq(counts[3], 0);
    }

    function test_LongerIntervalsAreIgnored() public view {
        assertEq(reader.readRedundancyCountBatch(new uint32[](1), new uint32[](3)).length, 1);
    }

    function test_RevertWhen_IntervalsAreShorter() public {
        vm.expectRevert(stdError.indexOOBError);
        reader.readRedundancyCountBatch(new uint32[](2), new uint32[](1));
    }

    function _ids(uint32 a, uint32 b, uint32 c, uint32 d) private pure returns (uint32[] memory list) {
        list = new uint32[](4);
        (list[0], list[1], list[2], list[3]) = (a, b, c, d);
    }
}
