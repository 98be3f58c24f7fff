// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {CallbackConsumer} from "../../../contracts/consumer/Callback.sol";
import {Payments} from "../support/Payments.sol";
import {Terms} from "../support/RecordingConsumer.sol";

/// @notice Consumer that throws answers away
contract IdleConsumer is CallbackConsumer {
    constructor(address registry) CallbackConsumer(registry) {}

    function request(bytes calldata input) external returns (uint32) {
        return _requestCompute("container", input, 1, address(0), 0, address(0), address(0));
    }

    function subscribe(Terms calldata terms) external returns (uint32) {
        return COORDINATOR.createSubscription(
            terms.containerId,
            terms.frequency,
            terms.period,
            terms.redundancy,
            terms.lazy,
            terms.token,
            terms.amount,
            terms.wallet,
            terms.verifier
        );
    }
}

/// @notice One call per test, so that `.gas-snapshot` shows what a change does to it. Whole transactions on the
///         release build are measured by `make bench-gas`
contract CoreGas is Payments {
    IdleConsumer private idle;
    bytes private input = new bytes(64);
    uint32 private free;
    uint32 private lazy;
    uint32 private recurring;
    uint32 private paidNative;
    uint32 private paidToken;
    uint32 private optimistic;
    uint32 private awaitingVerdict;

    function setUp() public override {
        super.setUp();
        idle = new IdleConsumer(address(registry));
        address[2] memory tokens = [NATIVE, address(token)];
        for (uint256 i = 0; i < tokens.length; i++) {
            _fund(consumerWallet, tokens[i], 10 ether);
            _fund(nodeWallet, tokens[i], 10 ether);
            consumerWallet.approve(address(idle), tokens[i], 10 ether);
            nodeWallet.approve(alice, tokens[i], 10 ether);
        }

        free = idle.subscribe(_once());
        Terms memory terms = _once();
        terms.lazy = true;
        lazy = idle.subscribe(terms);
        recurring = idle.subscribe(_recurring(24, 1 hours, 1));
        paidNative = idle.subscribe(_paid(NATIVE, 1 ether));
        paidToken = idle.subscribe(_paid(address(token), 1 ether));
        optimistic = idle.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        awaitingVerdict = idle.subscribe(_verified(NATIVE, 1 ether, 0.1 ether));
        _deliverPaid(alice, awaitingVerdict, 1);
    }

    function test_Gas_RequestFree() external {
        idle.request(input);
    }

    function test_Gas_DeliverFree() external {
        _deliver(alice, free, 1);
    }

    function test_Gas_DeliverLazily() external {
        _deliver(alice, lazy, 1);
    }

    function test_Gas_DeliverPaidInEther() external {
        _deliverPaid(alice, paidNative, 1);
    }

    function test_Gas_DeliverPaidInTokens() external {
        _deliverPaid(alice, paidToken, 1);
    }

    function test_Gas_DeliverToAnOptimisticVerifier() external {
        _deliverPaid(alice, optimistic, 1);
    }

    function test_Gas_FinalizeValid() external {
        verifier.verdict(awaitingVerdict, 1, alice, true);
    }

    function test_Gas_FinalizeSlashed() external {
        verifier.verdict(awaitingVerdict, 1, alice, false);
    }

    function test_Gas_Cancel() external {
        vm.prank(address(idle));
        coordinator.cancelSubscription(recurring);
    }

    function test_Gas_CreateWallet() external {
        factory.createWallet(alice);
    }
}
