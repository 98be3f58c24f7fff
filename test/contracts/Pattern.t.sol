// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {stdError} from "forge-std/StdError.sol";
import {Allowlist} from "../../contracts/pattern/Allowlist.sol";
import {Delegator} from "../../contracts/pattern/Delegator.sol";
import {Deployment} from "./support/Deployment.sol";
import {RecordingConsumer} from "./support/RecordingConsumer.sol";

/// @notice Mixed in before the consumer
contract AllowlistedConsumer is Allowlist, RecordingConsumer {
    constructor(address registry, address[] memory nodes) Allowlist(nodes) RecordingConsumer(registry) {}

    function update(address[] memory nodes, bool[] memory statuses) external {
        _updateAllowlist(nodes, statuses);
    }

    function _receiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof,
        bytes32 containerId,
        uint256 index
    ) internal override onlyAllowedNode(node) {
        super._receiveCompute(
            subscriptionId, interval, redundancy, node, input, output, proof, containerId, index
        );
    }
}

contract AllowlistTest is Deployment {
    AllowlistedConsumer private allowlisted;

    function setUp() public override {
        super.setUp();
        allowlisted = new AllowlistedConsumer(address(registry), _list(alice, alice));
    }

    function _list(address first, address second) private pure returns (address[] memory nodes) {
        nodes = new address[](2);
        (nodes[0], nodes[1]) = (first, second);
    }

    function _statuses(bool first, bool second) private pure returns (bool[] memory statuses) {
        statuses = new bool[](2);
        (statuses[0], statuses[1]) = (first, second);
    }

    function test_StartsWithTheGivenNodes() public view {
        assertTrue(allowlisted.isAllowedNode(alice));
        assertFalse(allowlisted.isAllowedNode(bob));
    }

    function test_EmptyListAdmitsNobody() public {
        allowlisted = new AllowlistedConsumer(address(registry), new address[](0));
        assertFalse(allowlisted.isAllowedNode(alice));
        assertFalse(allowlisted.isAllowedNode(address(0)));
    }

    function test_OnlyAllowedNodesDeliver() public {
        uint32 id = allowlisted.subscribe(_once());
        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        _deliver(bob, id, 1);
        assertEq(coordinator.redundancyCount(_intervalKey(id, 1)), 0);

        _deliver(alice, id, 1);
        assertEq(allowlisted.deliveryCount(), 1);
    }

    function test_UpdatesTakeEffectPerDelivery() public {
        uint32 id = allowlisted.subscribe(_recurring(3, 60, 1));
        vm.warp(START + 60);
        _deliver(alice, id, 1);

        allowlisted.update(_list(alice, bob), _statuses(false, true));
        vm.warp(START + 120);
        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        _deliver(alice, id, 2);
        _deliver(bob, id, 2);

        allowlisted.update(_list(alice, bob), _statuses(true, false));
        vm.warp(START + 180);
        _deliver(alice, id, 3);
    }

    function test_LastDuplicateCounts() public {
        allowlisted.update(_list(bob, bob), _statuses(true, false));
        assertFalse(allowlisted.isAllowedNode(bob));
        allowlisted.update(_list(bob, bob), _statuses(false, true));
        assertTrue(allowlisted.isAllowedNode(bob));
    }

    function test_LongerStatusesAreIgnored() public {
        allowlisted.update(new address[](1), new bool[](3));
        assertFalse(allowlisted.isAllowedNode(address(0)));
    }

    function test_RevertWhen_StatusesAreShorter() public {
        vm.expectRevert(stdError.indexOOBError);
        allowlisted.update(_list(alice, bob), new bool[](1));
        assertTrue(allowlisted.isAllowedNode(alice), "nothing is half done");
    }

    function test_ChangesAreLogged() public {
        vm.expectEmit(address(allowlisted));
        emit Allowlist.AllowlistNodeUpdated(bob, true);
        vm.expectEmit(address(allowlisted));
        emit Allowlist.AllowlistNodeUpdated(alice, false);
        allowlisted.update(_list(bob, alice), _statuses(true, false));

        vm.expectEmit();
        emit Allowlist.AllowlistNodeUpdated(carol, true);
        new AllowlistedConsumer(address(registry), _list(carol, bob));
    }
}

contract DelegatorProbe is Delegator {
    constructor(address signer) Delegator(signer) {}

    function update(address signer) external {
        _updateSigner(signer);
    }
}

contract DelegatorTest is Test {
    function testFuzz_NamesItsSigner(address first, address second) public {
        vm.expectEmit();
        emit Delegator.DelegatorSignerUpdated(address(0), first);
        DelegatorProbe probe = new DelegatorProbe(first);
        assertEq(probe.getSigner(), first);

        vm.expectEmit(address(probe));
        emit Delegator.DelegatorSignerUpdated(first, second);
        probe.update(second);
        assertEq(probe.getSigner(), second);
    }
}
