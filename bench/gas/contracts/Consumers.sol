// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {CallbackConsumer} from "../../../contracts/consumer/Callback.sol";
import {CompactCallbackConsumer} from "../../../contracts/consumer/CompactCallback.sol";
import {SubscriptionConsumer} from "../../../contracts/consumer/Subscription.sol";
import {Delegator} from "../../../contracts/pattern/Delegator.sol";

/// @dev Container of every measured subscription
string constant CONTAINER = "container";

/// @dev Terms that the measured transactions vary
struct Terms {
    uint32 frequency;
    uint32 period;
    uint16 redundancy;
    bool lazy;
    address token;
    uint256 amount;
    address wallet;
    address verifier;
}

/// @notice Requests whose answers are thrown away: what is left is the price of the coordinator
contract CallbackBench is CallbackConsumer {
    constructor(address registry) CallbackConsumer(registry) {}

    function request(bytes calldata input) external {
        _requestCompute(CONTAINER, input, 1, address(0), 0, address(0), address(0));
    }
}

/// @notice Subscriptions whose answers are thrown away, by call or by the signature of `signer`
contract SubscriptionBench is SubscriptionConsumer, Delegator {
    constructor(address registry, address signer) SubscriptionConsumer(registry) Delegator(signer) {}

    /// @dev As an author writes it: the terms are the contract's, not the caller's
    function subscribeHourly() external {
        _createComputeSubscription(CONTAINER, 24, 1 hours, 1, false, address(0), 0, address(0), address(0));
    }

    function subscribe(Terms calldata terms) external {
        _createComputeSubscription(
            CONTAINER,
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

    function cancel(uint32 id) external {
        _cancelComputeSubscription(id);
    }
}

/// @notice The same requests, with their input kept as code
contract CompactBench is CompactCallbackConsumer {
    constructor(address registry) CompactCallbackConsumer(registry) {}

    function request(bytes calldata input) external {
        _requestCompute(CONTAINER, input, 1, address(0), 0, address(0), address(0));
    }
}
