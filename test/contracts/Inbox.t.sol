// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {stdError} from "forge-std/StdError.sol";
import {Inbox, InboxItem} from "../../contracts/Inbox.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {Deployment} from "./support/Deployment.sol";
import {Terms} from "./support/RecordingConsumer.sol";

contract InboxTest is Deployment {
    bytes32 private constant OTHER_CONTAINER = keccak256("other");

    function _write(address node, bytes32 containerId, bytes memory output) private returns (uint256) {
        vm.prank(node);
        return inbox.write(containerId, INPUT, output, PROOF);
    }

    function test_DirectWriteIsBoundToNoSubscription() public {
        vm.expectEmit(address(inbox));
        emit Inbox.NewInboxItem(CONTAINER_HASH, stranger, 0);
        assertEq(_write(stranger, CONTAINER_HASH, OUTPUT), 0);

        InboxItem memory expected = InboxItem(START, 0, 0, INPUT, OUTPUT, PROOF);
        assertEq(abi.encode(inbox.read(CONTAINER_HASH, stranger, 0)), abi.encode(expected));
    }

    function test_CoordinatorWritesForANode() public {
        vm.expectEmit(address(inbox));
        emit Inbox.NewInboxItem(CONTAINER_HASH, alice, 0);
        vm.prank(address(coordinator));
        assertEq(inbox.writeViaCoordinator(CONTAINER_HASH, alice, 8, 9, INPUT, OUTPUT, PROOF), 0);

        InboxItem memory expected = InboxItem(START, 8, 9, INPUT, OUTPUT, PROOF);
        assertEq(abi.encode(inbox.read(CONTAINER_HASH, alice, 0)), abi.encode(expected));
    }

    function testFuzz_RevertWhen_AnotherWritesAsCoordinator(address caller) public {
        vm.assume(caller != address(coordinator));
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        vm.prank(caller);
        inbox.writeViaCoordinator(CONTAINER_HASH, caller, 1, 1, INPUT, OUTPUT, PROOF);
    }

    function testFuzz_ReadsBackAnyBytes(
        bytes32 containerId,
        address node,
        bytes memory input,
        bytes memory output,
        bytes memory proof
    ) public {
        vm.prank(node);
        inbox.write(containerId, input, output, proof);

        InboxItem memory expected = InboxItem(START, 0, 0, input, output, proof);
        assertEq(abi.encode(inbox.read(containerId, node, 0)), abi.encode(expected));
        (uint32 timestamp, uint32 id, uint32 interval, bytes memory i, bytes memory o, bytes memory p) =
            inbox.items(containerId, node, 0);
        assertEq(abi.encode(InboxItem(timestamp, id, interval, i, o, p)), abi.encode(expected));
    }

    /// @dev Around every length at which bytes change their place: nothing, too few for a blob, too many for one
    function test_ReadsBackBytesOfEveryLength() public {
        uint256[10] memory sizes = [uint256(0), 1, 31, 32, 33, 24_570, 24_571, 24_572, 24_577, 40_000];
        for (uint256 i = 0; i < sizes.length; i++) {
            for (uint256 part = 0; part < 3; part++) {
                bytes memory filled = new bytes(sizes[i]);
                if (sizes[i] > 0) (filled[0], filled[sizes[i] - 1]) = (0x01, 0x02);
                InboxItem memory expected = InboxItem(START, 0, 0, "", "", "");
                if (part == 0) expected.input = filled;
                if (part == 1) expected.output = filled;
                if (part == 2) expected.proof = filled;

                vm.prank(alice);
                uint256 index = inbox.write(CONTAINER_HASH, expected.input, expected.output, expected.proof);

                assertEq(
                    keccak256(abi.encode(inbox.read(CONTAINER_HASH, alice, index))),
                    keccak256(abi.encode(expected))
                );
            }
        }
    }

    /// @dev Forge itself sets no limit to a contract's code, chains do (EIP-170)
    function test_NoBlobExceedsTheCodeSizeLimit() public {
        uint64 nonce = vm.getNonce(address(inbox));
        vm.startPrank(alice);
        inbox.write(CONTAINER_HASH, "", new bytes(24_571), "");
        assertEq(vm.computeCreateAddress(address(inbox), nonce).code.length, 24_576);
        inbox.write(CONTAINER_HASH, "", new bytes(24_572), "");
        assertEq(vm.getNonce(address(inbox)), nonce + 1, "no contract for the longer one");
    }

    /// @dev All three parts together exceed what a contract may hold
    function test_ReadsBackThreeLongParts() public {
        bytes memory long = new bytes(10_000);
        long[9999] = 0x01;
        vm.prank(alice);
        inbox.write(CONTAINER_HASH, long, long, long);
        InboxItem memory expected = InboxItem(START, 0, 0, long, long, long);
        assertEq(keccak256(abi.encode(inbox.read(CONTAINER_HASH, alice, 0))), keccak256(abi.encode(expected)));
    }

    function test_EmptyItemIsAnItem() public {
        vm.prank(alice);
        inbox.write(CONTAINER_HASH, "", "", "");
        assertEq(inbox.length(CONTAINER_HASH, alice), 1);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).timestamp, START);
    }

    function test_IndicesCountPerContainerAndNode() public {
        assertEq(_write(alice, CONTAINER_HASH, "first"), 0);
        assertEq(_write(alice, OTHER_CONTAINER, "other container"), 0);
        assertEq(_write(bob, CONTAINER_HASH, "other node"), 0);
        vm.warp(START + 1);
        assertEq(_write(alice, CONTAINER_HASH, "second"), 1);

        assertEq(inbox.read(CONTAINER_HASH, alice, 0).output, "first");
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).timestamp, START);
        assertEq(inbox.read(CONTAINER_HASH, alice, 1).output, "second");
        assertEq(inbox.read(CONTAINER_HASH, alice, 1).timestamp, START + 1);
        assertEq(inbox.read(OTHER_CONTAINER, alice, 0).output, "other container");
        assertEq(inbox.read(CONTAINER_HASH, bob, 0).output, "other node");
        assertEq(inbox.length(CONTAINER_HASH, alice), 2);
        assertEq(inbox.length(CONTAINER_HASH, bob), 1);
        assertEq(inbox.length(OTHER_CONTAINER, bob), 0);
    }

    function test_DirectWritesAndDeliveriesShareOneList() public {
        _write(alice, CONTAINER_HASH, "direct");
        Terms memory terms = _once();
        terms.lazy = true;
        uint32 id = consumer.subscribe(terms);
        _deliver(alice, id, 1);

        assertEq(inbox.read(CONTAINER_HASH, alice, 0).subscriptionId, 0);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).interval, 0);
        assertEq(inbox.read(CONTAINER_HASH, alice, 1).subscriptionId, id);
        assertEq(inbox.read(CONTAINER_HASH, alice, 1).interval, 1);
        assertEq(consumer.delivery(0).index, 1);
    }

    function test_TimestampIsTruncatedTo32Bits() public {
        vm.warp(uint256(1 << 32) + 5);
        _write(alice, CONTAINER_HASH, OUTPUT);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).timestamp, 5);
    }

    function test_RevertWhen_ReadingBeyondTheEnd() public {
        _write(alice, CONTAINER_HASH, OUTPUT);
        vm.expectRevert(stdError.indexOOBError);
        inbox.read(CONTAINER_HASH, alice, 1);
    }

    function test_RevertWhen_GettingBeyondTheEndWithoutData() public view {
        (bool ok, bytes memory reason) =
            address(inbox).staticcall(abi.encodeCall(inbox.items, (CONTAINER_HASH, alice, 0)));
        assertFalse(ok);
        assertEq(reason, "");
    }

    function test_TakesNoCoin() public {
        deal(address(this), 1);
        (bool ok,) = address(inbox).call{value: 1}("");
        assertFalse(ok);
    }
}
