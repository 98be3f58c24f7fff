// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {StdAssertions} from "forge-std/StdAssertions.sol";
import {Test} from "forge-std/Test.sol";
import {Coordinator, ProofRequest, Subscription} from "infernet-sdk/Coordinator.sol";
import {EIP712Coordinator} from "infernet-sdk/src/EIP712Coordinator.sol";
import {Inbox, InboxItem} from "infernet-sdk/Inbox.sol";
import {Registry} from "infernet-sdk/Registry.sol";
import {BaseConsumer} from "infernet-sdk/src/consumer/Base.sol";
import {CallbackConsumer} from "infernet/consumer/Callback.sol";
import {SubscriptionConsumer} from "infernet-sdk/consumer/Subscription.sol";
import {Allowlist} from "infernet-sdk/pattern/Allowlist.sol";
import {Delegator} from "infernet-sdk/pattern/Delegator.sol";
import {Fee} from "infernet-sdk/payments/Fee.sol";
import {IVerifier} from "infernet-sdk/payments/IVerifier.sol";
import {Wallet} from "infernet-sdk/payments/Wallet.sol";
import {WalletFactory} from "infernet-sdk/payments/WalletFactory.sol";
import {LibDeploy} from "infernet-sdk/test/lib/LibDeploy.sol";
import {LibSign} from "infernet-sdk/test/lib/LibSign.sol";
import {Coordinated} from "infernet-sdk/utility/Coordinated.sol";
import {Records, SubscriptionRecord} from "infernet-sdk/utility/Records.sol";
import {Reader} from "infernet-sdk/utility/Reader.sol";
import {PrintedSample} from "./support/PrintedSample.sol";

/// @notice Consumer, coordinator and allowlist in one, with errors and names that third parties declare
contract EverythingAtOnce is CallbackConsumer, EIP712Coordinator, Allowlist {
    using Records for SubscriptionRecord;

    error TransferFailed();
    error InsufficientFunds();
    error InsufficientAllowance();

    address public VERIFIER;
    address public ATTESTOR;
    bytes public data;
    uint256 public predictions;
    uint256 private CANCELLED;
    uint256 private FEE;

    constructor(address registry)
        CallbackConsumer(registry)
        EIP712Coordinator(Registry(registry))
        Allowlist(new address[](0))
    {}

    function fail(uint256 which) external pure {
        if (which == 0) revert TransferFailed();
        if (which == 1) revert InsufficientFunds();
        if (which == 2) revert InsufficientAllowance();
        if (which == 3) revert Coordinator.InvalidWallet();
        if (which == 4) revert EIP712Coordinator.SignerMismatch();
        if (which == 5) revert NodeNotAllowed();
        revert NotCoordinator();
    }

    /// @dev A name of the consumer's own, as an allowlist's author may choose it
    function _setAllowed(address, bool) private pure {}

    /// @dev Members that derived coordinators use. Stored terms are packed: as the struct, they are read
    function members(uint32 subscriptionId)
        external
        view
        returns (address owner, Subscription memory terms, uint256 share)
    {
        SubscriptionRecord storage record = subscriptions[subscriptionId];
        return (record.owner, record.read(), _calculateFee(1 ether, 511));
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
    ) internal override onlyAllowedNode(node) {}
}

/// @notice Heirs of what is seldom inherited from
contract LoggedFee is Fee {
    event OwnerIs(address owner);

    constructor() Fee(msg.sender, 500) {}

    function _initializeOwner(address newOwner) internal override {
        super._initializeOwner(newOwner);
        emit OwnerIs(newOwner);
    }

    function _setOwner(address newOwner) internal override {
        super._setOwner(newOwner);
        emit OwnerIs(newOwner);
    }
}

contract OpenWallet is Wallet {
    constructor(Registry registry) Wallet(registry, msg.sender) {}

    function empty(address token) external onlyOwner {
        _transferToken(token, msg.sender, _getUnlockedBalance(token));
    }
}

contract NoteBook is Inbox {
    constructor(Registry registry) Inbox(registry) {}

    function note(bytes calldata text) external returns (uint256 index) {
        return _write("notes", msg.sender, 0, 0, text, text, text);
    }
}

/// @notice A consumer that asserts, as those of tests do
contract AssertingConsumer is CallbackConsumer, StdAssertions {
    constructor(address registry) CallbackConsumer(registry) {}

    /// @dev By the names of the parameters, which a caller may use too
    function ask(bytes memory question) external returns (uint32) {
        return _requestCompute({
            containerId: "c",
            inputs: question,
            redundancy: 1,
            paymentToken: address(0),
            paymentAmount: 0,
            wallet: address(0),
            verifier: address(0)
        });
    }

    function _receiveCompute(
        uint32,
        uint32,
        uint16,
        address,
        bytes calldata,
        bytes calldata output,
        bytes calldata,
        bytes32,
        uint256
    ) internal override {
        assertEq(output, "answer");
    }
}

/// @notice Names that published consumers give to their own members
contract NamesakeConsumer is Delegator, SubscriptionConsumer, Allowlist {
    bytes public currentData;
    bytes[] public outputs;
    bytes public receivedOutput;
    bytes public containerInput;
    bytes public lastOutput;
    address public VERIFIER;

    error TransferFailed();

    event Approval(address indexed spender, uint256 amount);

    constructor(address registry)
        Delegator(msg.sender)
        SubscriptionConsumer(registry)
        Allowlist(new address[](0))
    {}

    function createSubscription() external returns (uint32) {
        return _createComputeSubscription("c", 1, 0, 1, true, address(0), 0, address(0), address(0));
    }

    function cancelSubscription(uint32 id) external {
        _cancelComputeSubscription(id);
    }

    function requestCompute() external {}

    function isRegistered() external view onlyAllowedNode(msg.sender) returns (bool) {
        return address(COORDINATOR) != address(INBOX);
    }
}

/// @notice Overrides through several levels, with a modifier and a call of the base's
contract MiddleConsumer is NamesakeConsumer {
    constructor(address registry) NamesakeConsumer(registry) {}

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
    ) internal virtual override onlyAllowedNode(node) {
        super._receiveCompute(
            subscriptionId, interval, redundancy, node, input, output, proof, containerId, index
        );
        lastOutput = output;
    }
}

/// @notice Leaves out `override`, as an implementer of an interface may
contract PlainVerifier is IVerifier {
    function getWallet() external view returns (address) {
        return address(this);
    }

    function isSupportedToken(address) external pure returns (bool) {
        return true;
    }

    function fee(address) external pure returns (uint256) {
        return 0;
    }

    function requestProofVerification(uint32, uint32, address, bytes calldata) external {}

    receive() external payable {}
}

/// @notice What source code written against the SDK relies upon; most of it is that this file compiles
contract SourceTest is Test {
    function test_EverythingAtOnceFitsTheCodeSizeLimit() public {
        Registry registry = new Registry(address(0), address(0), address(0), address(0), address(0));
        assertLt(address(new EverythingAtOnce(address(registry))).code.length, 24_576);
    }

    function test_MembersForDerivedCoordinators() public {
        Registry registry = new Registry(address(0), address(0), address(0), address(0), address(0));
        EverythingAtOnce everything = new EverythingAtOnce(address(registry));
        everything.createSubscription("c", 1, 0, 1, false, address(0), 0, address(0), address(0));
        (address owner, Subscription memory terms, uint256 share) = everything.members(1);
        assertEq(owner, address(this));
        assertEq(abi.encode(terms), abi.encode(everything.getSubscription(1)));
        assertEq(share, 0.0511 ether);
    }

    function test_MembersForOtherHeirs() public {
        Registry registry = new Registry(address(this), address(0), address(0), address(0), address(0));
        LoggedFee fee = new LoggedFee();
        vm.expectEmit(address(fee));
        emit LoggedFee.OwnerIs(address(1));
        fee.transferOwnership(address(1));
        assertEq(fee.FEE_RECIPIENT(), address(1));

        OpenWallet wallet = new OpenWallet(registry);
        deal(address(wallet), 1 ether);
        wallet.empty(address(0));
        assertEq(address(wallet).balance, 0);

        NoteBook book = new NoteBook(registry);
        assertEq(book.note("text"), 0);
        assertEq(book.read("notes", address(this), 0).output, "text");
    }

    function test_ArgumentsHaveTheirNames() public {
        (Registry registry, EIP712Coordinator coordinator,,,,) =
            LibDeploy.deployContracts(address(this), vm.getNonce(address(this)), address(1), 500);
        AssertingConsumer consumer = new AssertingConsumer(address(registry));
        uint32 id = consumer.ask("question");
        vm.expectRevert("assertion failed: 0x6f74686572 != 0x616e73776572");
        coordinator.deliverCompute({
            subscriptionId: id,
            deliveryInterval: 1,
            input: "",
            output: "other",
            proof: "",
            nodeWallet: address(0)
        });
        coordinator.deliverCompute({
            subscriptionId: id,
            deliveryInterval: 1,
            input: "",
            output: "answer",
            proof: "",
            nodeWallet: address(0)
        });
        assertEq(coordinator.redundancyCount(keccak256(abi.encode(id, uint32(1)))), 1);
    }

    /// @dev Withdrawals come here
    receive() external payable {}

    function test_QualifiedErrorsAreReachable() public {
        EverythingAtOnce everything = new EverythingAtOnce(
            address(new Registry(address(0), address(0), address(0), address(0), address(0)))
        );
        bytes4[7] memory errors = [
            EverythingAtOnce.TransferFailed.selector,
            Wallet.InsufficientFunds.selector,
            Wallet.InsufficientAllowance.selector,
            Coordinator.InvalidWallet.selector,
            EIP712Coordinator.SignerMismatch.selector,
            Allowlist.NodeNotAllowed.selector,
            Coordinated.NotCoordinator.selector
        ];
        for (uint256 i = 0; i < errors.length; i++) {
            vm.expectRevert(errors[i]);
            everything.fail(i);
        }
        assertEq(BaseConsumer.NotCoordinator.selector, Coordinated.NotCoordinator.selector);
    }

    function test_PlainAddressesConvert() public pure {
        address plain = address(7);
        assertEq(address(Coordinator(plain)), plain);
        assertEq(address(EIP712Coordinator(plain)), plain);
        assertEq(address(Inbox(plain)), plain);
        assertEq(address(Reader(plain)), plain);
        assertEq(address(Fee(plain)), plain);
        assertEq(address(Registry(plain)), plain);
        assertEq(address(WalletFactory(plain)), plain);
        assertEq(address(BaseConsumer(plain)), plain);
        assertEq(address(Wallet(payable(plain))), plain);
        assertEq(address(Coordinator(EIP712Coordinator(plain))), plain);
    }

    function test_StructsConstructByPositionAndByName() public pure {
        Subscription memory byPosition = Subscription(
            address(1),
            2,
            3,
            4,
            5,
            bytes32(uint256(6)),
            true,
            payable(address(8)),
            9,
            address(10),
            payable(address(11))
        );
        Subscription memory byName = Subscription({
            owner: address(1),
            activeAt: 2,
            period: 3,
            frequency: 4,
            redundancy: 5,
            containerId: bytes32(uint256(6)),
            lazy: true,
            verifier: payable(address(8)),
            paymentAmount: 9,
            paymentToken: address(10),
            wallet: payable(address(11))
        });
        assertEq(abi.encode(byPosition), abi.encode(byName));

        ProofRequest memory proof = ProofRequest(1, Wallet(payable(address(2))), 3);
        assertEq(proof.expiry, 1);
        assertEq(address(proof.nodeWallet), address(2));
        assertEq(proof.consumerEscrowed, 3);

        InboxItem memory item = InboxItem(1, 2, 3, "4", "5", "6");
        assertEq(item.timestamp, 1);
        assertEq(item.subscriptionId, 2);
        assertEq(item.interval, 3);
        assertEq(item.input, "4");
        assertEq(item.output, "5");
        assertEq(item.proof, "6");
    }

    function test_LibrariesAreImportableByTheirOldPaths() public {
        (Registry registry,,,,,) =
            LibDeploy.deployContracts(address(this), vm.getNonce(address(this)), address(1), 500);
        assertEq(Fee(registry.FEE()).FEE(), 500);
        Subscription memory sub;
        assertEq(LibSign.getStructHash(1, 2, sub), LibSign.getStructHash(1, 2, sub));
        assertTrue(
            LibSign.getDomainSeperator("a", "1", address(1))
                != LibSign.getDomainSeperator("b", "1", address(1))
        );
    }

    function test_SampleCompilesAsPrinted() public {
        (Registry registry, EIP712Coordinator coordinator,,,,) =
            LibDeploy.deployContracts(address(this), vm.getNonce(address(this)), address(1), 500);
        PrintedSample sample = new PrintedSample(address(registry));
        sample.chatWithLLM(abi.encode("Can shrimp actually fry rice fr?"));
        assertEq(coordinator.getSubscription(1).owner, address(sample));
    }

    function test_ConsumersOfManyLevelsCompile() public {
        Registry registry = new Registry(address(1), address(2), address(0), address(0), address(0));
        MiddleConsumer middle = new MiddleConsumer(address(registry));
        vm.expectRevert(Allowlist.NodeNotAllowed.selector);
        middle.isRegistered();
        assertEq(middle.getSigner(), address(this));
        assertTrue(new PlainVerifier().isSupportedToken(address(0)));
    }
}
