// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {ReentrancyGuard} from "solady/utils/ReentrancyGuard.sol";
import {Inbox} from "./Inbox.sol";
import {Registry} from "./Registry.sol";
import {BaseConsumer} from "./consumer/Base.sol";
import {Fee} from "./payments/Fee.sol";
import {Payment, Settlement} from "./payments/Settlement.sol";
import {Wallet} from "./payments/Wallet.sol";
import {WalletOrigin} from "./payments/WalletOrigin.sol";
import {ProofRecord, Records, SubscriptionRecord} from "./utility/Records.sol";

/// @notice Terms of a subscription
/// @dev Order and names of the fields are part of the ABI and of the EIP-712 type
/// @param owner creator and recipient of answers; zero means that no such subscription exists
/// @param activeAt first second at which answers are accepted, UNIX seconds; 4294967295 means cancelled
/// @param period seconds per interval; 0 = one interval without end
/// @param frequency number of intervals
/// @param redundancy number of distinct nodes that may answer each interval
/// @param containerId hash of the container list, `keccak256(abi.encode(string))`
/// @param lazy true: answers are kept in the inbox; false: they are pushed in the callback
/// @param verifier judge of proofs, or zero; ignored when unpaid
/// @param paymentAmount raw units per answer; 0 = unpaid
/// @param paymentToken ERC20 address, or zero for the native coin
/// @param wallet paying wallet; ignored when unpaid
struct Subscription {
    address owner;
    uint32 activeAt;
    uint32 period;
    uint32 frequency;
    uint16 redundancy;
    bytes32 containerId;
    bool lazy;
    address payable verifier;
    uint256 paymentAmount;
    address paymentToken;
    address payable wallet;
}

/// @notice A proof that awaits its verdict
/// @param expiry from this second on the node is paid without a verdict, UNIX seconds; 0 means no such request
/// @param nodeWallet wallet that holds the node's collateral
/// @param consumerEscrowed raw units locked in the consumer's wallet for the node
struct ProofRequest {
    uint32 expiry;
    Wallet nodeWallet;
    uint256 consumerEscrowed;
}

/// @title Coordinator
/// @notice Holds subscriptions, takes answers from nodes, routes them to consumers and settles payments and proofs
/// @dev Anyone may subscribe and anyone may answer. Nothing is reserved for a paid subscription before an answer
///      arrives, and the answer is public as soon as it is sent. All times are truncated to 32 bits
contract Coordinator is ReentrancyGuard {
    using Settlement for Payment;
    using WalletOrigin for address;
    using Records for SubscriptionRecord;
    using Records for ProofRecord;

    /// @dev `activeAt` of a cancelled subscription
    uint32 private constant CANCELLED = type(uint32).max;

    /// @dev Seconds a verifier has for its verdict
    uint32 private constant VERIFICATION_WINDOW = 1 weeks;

    /// @dev Private like the next two: consumers that are coordinators too inherit an `INBOX` from `BaseConsumer`
    Fee private immutable FEE;

    Inbox private immutable INBOX;

    address private immutable WALLET_FACTORY;

    /// @notice Id of the next subscription; the first is 1
    uint32 public id = 1;

    /// @notice Whether a node answered: `keccak256(abi.encode(subscriptionId, interval, node))` => answered
    mapping(bytes32 => bool) public nodeResponded;

    /// @notice Answers delivered: `keccak256(abi.encode(subscriptionId, interval))` => count
    mapping(bytes32 => uint16) public redundancyCount;

    /// @dev Open proof requests: `keccak256(abi.encode(subscriptionId, interval, node))` => request
    mapping(bytes32 => ProofRecord) private requests;

    /// @dev Subscriptions by id
    mapping(uint32 => SubscriptionRecord) internal subscriptions;

    /// @notice The node's or the consumer's wallet was not created by the wallet factory
    error InvalidWallet();

    /// @notice The interval is not the present one
    error IntervalMismatch();

    /// @notice All answers of the interval have been delivered
    error IntervalCompleted();

    /// @notice The verification window is open and the caller is not the verifier
    error UnauthorizedVerifier();

    /// @notice The node answered this interval before
    error NodeRespondedAlready();

    /// @notice No subscription has this id
    error SubscriptionNotFound();

    /// @notice No proof awaits a verdict under this id, interval and node
    error ProofRequestNotFound();

    /// @notice The caller does not own the subscription
    error NotSubscriptionOwner();

    /// @notice All intervals of the subscription are over
    error SubscriptionCompleted();

    /// @notice The subscription is cancelled or not active yet
    error SubscriptionNotActive();

    /// @notice The verifier does not take the payment token
    error UnsupportedVerifierToken();

    /// @notice Twice the protocol's fee rate exceeds the whole payment
    error ProtocolFeeTooHigh();

    /// @notice A subscription was created
    /// @param id its id
    event SubscriptionCreated(uint32 indexed id);

    /// @notice A subscription was cancelled
    /// @param id its id
    event SubscriptionCancelled(uint32 indexed id);

    /// @notice A node's answer was delivered
    /// @param id subscription that was answered
    /// @param node address that delivered
    event SubscriptionFulfilled(uint32 indexed id, address indexed node);

    /// @notice A proof request was settled
    /// @param id subscription
    /// @param interval interval
    /// @param node address that delivered
    /// @param active whether the verification window was still open
    /// @param verifier who settled it; anyone once the window is over
    /// @param valid verdict as given; without effect once the window is over
    event ProofVerified(
        uint32 indexed id,
        uint32 indexed interval,
        address indexed node,
        bool active,
        address verifier,
        bool valid
    );

    /// @param registry address book that names the fee registry, the inbox and the wallet factory
    constructor(Registry registry) {
        FEE = Fee(registry.FEE());
        INBOX = Inbox(registry.INBOX());
        WALLET_FACTORY = registry.WALLET_FACTORY();
    }

    /// @notice Reads a subscription
    /// @param subscriptionId id
    /// @return subscription its terms; all-zero when there is none
    function getSubscription(uint32 subscriptionId) external view returns (Subscription memory subscription) {
        return subscriptions[subscriptionId].read();
    }

    /// @notice Reads a proof request that awaits its verdict
    /// @param key `keccak256(abi.encode(subscriptionId, interval, node))`
    /// @return expiry from this second on the node is paid without a verdict; 0 means no such request
    /// @return nodeWallet wallet that holds the node's collateral
    /// @return consumerEscrowed raw units locked in the consumer's wallet for the node
    function proofRequests(bytes32 key)
        external
        view
        returns (uint32 expiry, Wallet nodeWallet, uint256 consumerEscrowed)
    {
        ProofRequest memory request = requests[key].read();
        return (request.expiry, request.nodeWallet, request.consumerEscrowed);
    }

    /// @notice Subscribes the caller to a container
    /// @dev No argument is checked and nothing is reserved; what is wrong shows at the delivery. The first
    ///      interval starts one period after now
    /// @param containerId comma-separated container names, first to last
    /// @param frequency number of intervals
    /// @param period seconds per interval; 0 = one interval, at once and without end
    /// @param redundancy number of nodes that may answer each interval
    /// @param lazy true: answers are kept in the inbox; false: they are pushed in the callback
    /// @param paymentToken ERC20 address, or zero for the native coin
    /// @param paymentAmount raw units paid per answer; 0 = unpaid
    /// @param wallet paying wallet, which must allow the caller to spend
    /// @param verifier judge of proofs, or zero
    /// @return subscriptionId id of the subscription
    function createSubscription(
        string memory containerId,
        uint32 frequency,
        uint32 period,
        uint16 redundancy,
        bool lazy,
        address paymentToken,
        uint256 paymentAmount,
        address wallet,
        address verifier
    ) external returns (uint32 subscriptionId) {
        Subscription memory subscription;
        subscription.owner = msg.sender;
        subscription.activeAt = uint32(block.timestamp) + period;
        subscription.period = period;
        subscription.frequency = frequency;
        subscription.redundancy = redundancy;
        subscription.containerId = keccak256(abi.encode(containerId));
        subscription.lazy = lazy;
        subscription.verifier = payable(verifier);
        subscription.paymentAmount = paymentAmount;
        subscription.paymentToken = paymentToken;
        subscription.wallet = payable(wallet);
        subscriptionId = _storeSubscription(subscription);
        emit SubscriptionCreated(subscriptionId);
    }

    /// @notice Cancels a subscription of the caller; its terms stay readable and open proofs can still be settled
    /// @param subscriptionId id; it may be cancelled, completed or both already
    function cancelSubscription(uint32 subscriptionId) external {
        SubscriptionRecord storage subscription = subscriptions[subscriptionId];
        if (subscription.owner != msg.sender) revert NotSubscriptionOwner();

        subscription.activeAt = CANCELLED;
        emit SubscriptionCancelled(subscriptionId);
    }

    /// @notice Delivers an answer; the caller is the node
    /// @dev A revert of the consumer undoes the whole delivery with its own revert data
    /// @param subscriptionId subscription to answer
    /// @param deliveryInterval interval to answer, which must be the present one
    /// @param input container input
    /// @param output container output
    /// @param proof proof of the output
    /// @param nodeWallet wallet that is paid and holds the collateral; ignored when unpaid
    function deliverCompute(
        uint32 subscriptionId,
        uint32 deliveryInterval,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof,
        address nodeWallet
    ) public {
        _deliverResponse(subscriptionId, deliveryInterval, input, output, proof, nodeWallet);
    }

    /// @notice Settles a proof: by the verifier while the window is open, afterwards by anyone for the node
    /// @dev Not behind the lock of `deliverCompute`, since an atomic verifier answers while it is held. The
    ///      request is gone before the first external call, so that a nested repeat finds none
    /// @param subscriptionId subscription that was answered
    /// @param interval interval that was answered
    /// @param node address that delivered
    /// @param valid true pays the node, false pays its collateral to the consumer; ignored once the window is over
    function finalizeProofVerification(uint32 subscriptionId, uint32 interval, address node, bool valid)
        external
    {
        ProofRecord storage record = requests[Records.responseKey(subscriptionId, interval, node)];
        ProofRequest memory request = record.read();
        record.erase();
        if (request.expiry == 0) revert ProofRequestNotFound();

        SubscriptionRecord storage subscription = subscriptions[subscriptionId];
        bool active = uint32(block.timestamp) < request.expiry;
        if (active && msg.sender != subscription.verifier()) revert UnauthorizedVerifier();

        Payment memory payment = subscription.payment(request.nodeWallet);
        payment.unlock(node, request.consumerEscrowed, active && !valid);
        emit ProofVerified(subscriptionId, interval, node, active, msg.sender, valid);
    }

    /// @notice Interval of a subscription at this moment, from 1; meaningless before `activeAt`
    /// @param activeAt first second of interval 1, UNIX seconds
    /// @param period seconds per interval; 0 = always interval 1
    /// @return interval floor((now - activeAt) / period) + 1, wrapping
    function getSubscriptionInterval(uint32 activeAt, uint32 period) public view returns (uint32 interval) {
        if (period == 0) return 1;
        unchecked {
            return (uint32(block.timestamp) - activeAt) / period + 1;
        }
    }

    /// @dev Assigns the next id and stores the terms as given
    function _storeSubscription(Subscription memory subscription) internal returns (uint32 subscriptionId) {
        unchecked {
            subscriptionId = id++;
        }
        subscriptions[subscriptionId].write(subscription);
    }

    /// @dev Delivers an answer as the node `msg.sender`. The bytes are in memory since a delegated delivery has too
    ///      many arguments for the stack otherwise
    function _deliverResponse(
        uint32 subscriptionId,
        uint32 interval,
        bytes memory input,
        bytes memory output,
        bytes memory proof,
        address nodeWallet
    ) internal nonReentrant {
        uint16 count = _recordResponse(subscriptionId, interval);
        SubscriptionRecord storage subscription = subscriptions[subscriptionId];
        if (subscription.isPaid()) {
            _payForDelivery(subscription, subscriptionId, interval, proof, nodeWallet);
        }
        if (subscription.lazy) {
            _deliverLazily(subscription, subscriptionId, interval, count, input, output, proof);
        } else {
            BaseConsumer(subscription.owner)
                .rawReceiveCompute(subscriptionId, interval, count, msg.sender, input, output, proof, 0, 0);
        }
        emit SubscriptionFulfilled(subscriptionId, msg.sender);
    }

    /// @dev Share of an amount of raw units at a rate in hundredths of a percent, rounded down; panics (0x11) when
    ///      the product overflows
    function _calculateFee(uint256 amount, uint16 fee) internal pure returns (uint256 share) {
        return Settlement.share(amount, fee);
    }

    /// @dev Checks that the caller may answer now, counts the answer and returns how many there are
    function _recordResponse(uint32 subscriptionId, uint32 interval) private returns (uint16 count) {
        SubscriptionRecord storage subscription = subscriptions[subscriptionId];
        if (subscription.owner == address(0)) revert SubscriptionNotFound();

        uint32 activeAt = subscription.activeAt;
        // In its last second the 32-bit clock equals the sentinel, which must not revive what was cancelled.
        if (activeAt == CANCELLED || uint32(block.timestamp) < activeAt) revert SubscriptionNotActive();
        if (interval != getSubscriptionInterval(activeAt, subscription.period)) revert IntervalMismatch();
        if (interval > subscription.frequency) revert SubscriptionCompleted();

        bytes32 intervalKey = Records.intervalKey(subscriptionId, interval);
        count = redundancyCount[intervalKey];
        if (count == subscription.redundancy) revert IntervalCompleted();
        redundancyCount[intervalKey] = ++count;

        bytes32 responseKey = Records.responseKey(subscriptionId, interval, msg.sender);
        if (nodeResponded[responseKey]) revert NodeRespondedAlready();
        nodeResponded[responseKey] = true;
    }

    /// @dev Pays for an answer, or asks the verifier and locks both sides' escrow
    function _payForDelivery(
        SubscriptionRecord storage subscription,
        uint32 subscriptionId,
        uint32 interval,
        bytes memory proof,
        address nodeWallet
    ) private {
        if (!nodeWallet.isCreatedBy(WALLET_FACTORY)) revert InvalidWallet();
        Payment memory payment = subscription.payment(Wallet(payable(nodeWallet)));
        if (!address(payment.consumerWallet).isCreatedBy(WALLET_FACTORY)) revert InvalidWallet();

        (payment.protocolFee, payment.feeRecipient) = FEE.terms();
        if (address(payment.verifier) == address(0)) {
            payment.payNode();
        } else {
            _requestVerification(payment, subscriptionId, interval, proof);
        }
    }

    /// @dev Pays the verifier and locks both sides' escrow, then asks the verifier, which may settle at once: by
    ///      then everything a settlement touches is in place
    function _requestVerification(
        Payment memory payment,
        uint32 subscriptionId,
        uint32 interval,
        bytes memory proof
    ) private {
        uint256 escrow = payment.payVerifier();
        payment.lock(msg.sender, escrow);
        uint32 expiry = uint32(block.timestamp) + VERIFICATION_WINDOW;
        requests[Records.responseKey(
                subscriptionId, interval, msg.sender
            )].write(ProofRequest(expiry, payment.nodeWallet, escrow));
        payment.verifier.requestProofVerification(subscriptionId, interval, msg.sender, proof);
    }

    /// @dev Keeps the answer in the inbox and tells the consumer where
    function _deliverLazily(
        SubscriptionRecord storage subscription,
        uint32 subscriptionId,
        uint32 interval,
        uint16 count,
        bytes memory input,
        bytes memory output,
        bytes memory proof
    ) private {
        bytes32 containerId = subscription.containerId;
        uint256 index = INBOX.writeViaCoordinator(
            containerId, msg.sender, subscriptionId, interval, input, output, proof
        );
        BaseConsumer(subscription.owner)
            .rawReceiveCompute(subscriptionId, interval, count, msg.sender, "", "", "", containerId, index);
    }
}
