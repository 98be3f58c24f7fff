// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator, Subscription} from "../../contracts/Coordinator.sol";
import {InboxItem} from "../../contracts/Inbox.sol";
import {BaseConsumer} from "../../contracts/consumer/Base.sol";
import {CompactCallbackConsumer} from "../../contracts/consumer/CompactCallback.sol";
import {SubscriptionConsumer} from "../../contracts/consumer/Subscription.sol";
import {Deployment} from "./support/Deployment.sol";
import {Terms} from "./support/RecordingConsumer.sol";

/// @notice Overrides nothing
contract BareConsumer is BaseConsumer {
    constructor(address registry) BaseConsumer(registry) {}

    function readInbox(bytes32 containerId, address node, uint256 index)
        external
        view
        returns (InboxItem memory)
    {
        return INBOX.read(containerId, node, index);
    }

    function coordinatorAddress() external view returns (address) {
        return address(COORDINATOR);
    }
}

/// @notice Calls the base's empty receiver, and computes inputs without state
contract PureConsumer is SubscriptionConsumer {
    uint256 public received;

    constructor(address registry) SubscriptionConsumer(registry) {}

    function subscribe(Terms memory t) external returns (uint32) {
        return _createComputeSubscription(
            t.containerId,
            t.frequency,
            t.period,
            t.redundancy,
            t.lazy,
            t.token,
            t.amount,
            t.wallet,
            t.verifier
        );
    }

    function cancel(uint32 subscriptionId) external {
        _cancelComputeSubscription(subscriptionId);
    }

    function getContainerInputs(uint32 subscriptionId, uint32 interval, uint32 timestamp, address caller)
        external
        pure
        override
        returns (bytes memory)
    {
        return abi.encode(subscriptionId, interval, timestamp, caller);
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
    ) internal override {
        super._receiveCompute(
            subscriptionId, interval, redundancy, node, input, output, proof, containerId, index
        );
        received++;
    }
}

contract CompactConsumer is CompactCallbackConsumer {
    constructor(address registry) CompactCallbackConsumer(registry) {}

    function request(Terms memory t, bytes memory inputs) external returns (uint32) {
        return _requestCompute(t.containerId, inputs, t.redundancy, t.token, t.amount, t.wallet, t.verifier);
    }
}

contract BaseConsumerTest is Deployment {
    BareConsumer private bare;

    function setUp() public override {
        super.setUp();
        bare = new BareConsumer(address(registry));
    }

    function test_KnowsItsCoordinatorAndInbox() public {
        assertEq(bare.coordinatorAddress(), address(coordinator));
        vm.prank(alice);
        inbox.write(CONTAINER_HASH, INPUT, OUTPUT, PROOF);
        assertEq(
            abi.encode(bare.readInbox(CONTAINER_HASH, alice, 0)),
            abi.encode(inbox.read(CONTAINER_HASH, alice, 0))
        );
    }

    function test_HasNoInputsUnlessOverridden() public view {
        assertEq(bare.getContainerInputs(1, 1, START, alice), "");
    }

    function test_TakesAnswersUnlessOverridden() public {
        vm.prank(address(coordinator));
        bare.rawReceiveCompute(1, 1, 1, alice, INPUT, OUTPUT, PROOF, 0, 0);
    }

    function testFuzz_RevertWhen_AnotherThanTheCoordinatorDelivers(address caller) public {
        vm.assume(caller != address(coordinator));
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        vm.prank(caller);
        bare.rawReceiveCompute(1, 1, 1, caller, "", "", "", 0, 0);
    }
}

contract CallbackConsumerTest is Deployment {
    function test_RequestIsOneTimeAndEager() public {
        Terms memory terms = _once();
        terms.redundancy = 3;
        terms.token = makeAddr("token");
        terms.amount = 4;
        terms.wallet = makeAddr("wallet");
        terms.verifier = makeAddr("verifier");

        uint32 id = consumer.request(terms, INPUT);

        Subscription memory expected = Subscription(
            address(consumer),
            START,
            0,
            1,
            3,
            CONTAINER_HASH,
            false,
            payable(terms.verifier),
            4,
            terms.token,
            payable(terms.wallet)
        );
        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
    }

    function testFuzz_InputsAreKeptForEveryIntervalTimeAndCaller(
        bytes memory inputs,
        uint32 interval,
        uint32 timestamp,
        address caller
    ) public {
        consumer.request(_once(), "something else");
        uint32 id = consumer.request(_once(), inputs);
        assertEq(consumer.getContainerInputs(id, interval, timestamp, caller), inputs);
    }

    function test_UnknownIdHasNoInputs() public view {
        assertEq(consumer.getContainerInputs(1, 1, START, alice), "");
    }

    function test_InputsOutliveTheAnswer() public {
        uint32 id = consumer.request(_once(), INPUT);
        _deliver(alice, id, 1);
        assertEq(consumer.getContainerInputs(id, 1, START, alice), INPUT);
        assertEq(inbox.length(CONTAINER_HASH, alice), 0);
    }
}

contract CompactCallbackConsumerTest is Deployment {
    CompactConsumer private compact;

    function setUp() public override {
        super.setUp();
        compact = new CompactConsumer(address(registry));
    }

    function test_RequestIsTheSameAsACallbackConsumers() public {
        Terms memory terms = _once();
        terms.redundancy = 3;
        terms.token = makeAddr("token");
        terms.amount = 4;
        terms.wallet = makeAddr("wallet");
        terms.verifier = makeAddr("verifier");

        Subscription memory expected = coordinator.getSubscription(consumer.request(terms, INPUT));
        expected.owner = address(compact);
        uint32 id = compact.request(terms, INPUT);
        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
    }

    function testFuzz_InputsAreKeptForEveryIntervalTimeAndCaller(
        bytes memory inputs,
        uint32 interval,
        uint32 timestamp,
        address caller
    ) public {
        compact.request(_once(), "something else");
        uint32 id = compact.request(_once(), inputs);
        assertEq(compact.getContainerInputs(id, interval, timestamp, caller), inputs);
    }

    function test_UnknownIdHasNoInputs() public view {
        assertEq(compact.getContainerInputs(1, 1, START, alice), "");
    }

    function test_RevertWhen_InputsFitNoContract() public {
        bytes memory inputs = new bytes(24_575);
        inputs[24_574] = 0x01;
        uint32 id = compact.request(_once(), inputs);
        assertEq(keccak256(compact.getContainerInputs(id, 1, START, alice)), keccak256(inputs));

        inputs = new bytes(24_576);
        vm.expectRevert(CompactCallbackConsumer.InputsTooLong.selector);
        compact.request(_once(), inputs);
    }

    function test_OneKibibyteCostsLessThanHalf() public {
        bytes memory inputs = new bytes(1024);
        for (uint256 i = 0; i < inputs.length; i++) {
            inputs[i] = 0x01;
        }
        uint256 before = gasleft();
        consumer.request(_once(), inputs);
        uint256 plain = before - gasleft();
        before = gasleft();
        compact.request(_once(), inputs);
        assertLt(before - gasleft(), plain / 2);
    }
}

contract SubscriptionConsumerTest is Deployment {
    PureConsumer private subscriber;

    function setUp() public override {
        super.setUp();
        subscriber = new PureConsumer(address(registry));
    }

    function test_PassesEveryArgument() public {
        Terms memory terms = Terms(CONTAINER, 5, 60, 2, true, makeAddr("t"), 9, makeAddr("w"), makeAddr("v"));
        uint32 id = subscriber.subscribe(terms);
        Subscription memory expected = Subscription(
            address(subscriber),
            START + 60,
            60,
            5,
            2,
            CONTAINER_HASH,
            true,
            payable(terms.verifier),
            9,
            terms.token,
            payable(terms.wallet)
        );
        assertEq(abi.encode(coordinator.getSubscription(id)), abi.encode(expected));
    }

    function test_OneLazyAnswerIsASubscriptionToo() public {
        Terms memory terms = _once();
        terms.lazy = true;
        uint32 id = subscriber.subscribe(terms);
        _deliver(alice, id, 1);
        assertEq(subscriber.received(), 1);
        assertEq(inbox.read(CONTAINER_HASH, alice, 0).subscriptionId, id);
    }

    function test_InputsMayBePure() public view {
        assertEq(subscriber.getContainerInputs(1, 2, 3, alice), abi.encode(1, 2, 3, alice));
    }

    function test_CancelsItsOwn() public {
        uint32 id = subscriber.subscribe(_recurring(2, 60, 1));
        subscriber.cancel(id);
        assertEq(coordinator.getSubscription(id).activeAt, type(uint32).max);
    }

    function test_RevertWhen_CancellingAnothers() public {
        uint32 id = consumer.subscribe(_once());
        vm.expectRevert(Coordinator.NotSubscriptionOwner.selector);
        subscriber.cancel(id);
    }
}
