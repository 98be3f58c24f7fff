// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {ECDSA} from "solady/utils/ECDSA.sol";
import {EIP712} from "solady/utils/EIP712.sol";
import {Coordinator, Subscription} from "./Coordinator.sol";
import {Registry} from "./Registry.sol";
import {Delegator} from "./pattern/Delegator.sol";

/// @title EIP712Coordinator
/// @notice Coordinator whose subscriptions can also be created off-chain, by the signature of the key that a
///         contract names (`Delegator`), together with their first delivery or apart from it
contract EIP712Coordinator is EIP712, Coordinator {
    /// @notice Version of the EIP-712 domain
    string public constant EIP712_VERSION = "1";

    /// @notice Name of the EIP-712 domain
    string public constant EIP712_NAME = "InfernetCoordinator";

    bytes32 private constant SUBSCRIPTION_TYPEHASH = keccak256(
        "Subscription(address owner,uint32 activeAt,uint32 period,uint32 frequency,uint16 redundancy,bytes32 containerId,bool lazy,address verifier,uint256 paymentAmount,address paymentToken,address wallet)"
    );

    bytes32 private constant DELEGATE_SUBSCRIPTION_TYPEHASH = keccak256(
        "DelegateSubscription(uint32 nonce,uint32 expiry,Subscription sub)Subscription(address owner,uint32 activeAt,uint32 period,uint32 frequency,uint16 redundancy,bytes32 containerId,bool lazy,address verifier,uint256 paymentAmount,address paymentToken,address wallet)"
    );

    /// @notice Highest nonce that created a subscription of an owner; 0 also before any did
    mapping(address => uint32) public maxSubscriberNonce;

    /// @notice Subscriptions created by signature: `keccak256(abi.encode(owner, nonce))` => id, 0 = none
    mapping(bytes32 => uint32) public delegateCreatedIds;

    /// @notice The signature is not by the signer that the owner names
    error SignerMismatch();

    /// @notice The time for submitting the signature is over
    error SignatureExpired();

    /// @param registry address book that names the fee registry, the inbox and the wallet factory
    constructor(Registry registry) Coordinator(registry) {}

    /// @notice Creates a subscription by signature, or finds the one that this owner and nonce created
    /// @dev A used nonce yields its subscription without looking at anything else: compare it with what you
    ///      expect through `getSubscription`. Anyone may submit a signature
    /// @param nonce of the owner's choice, each good for one subscription, in any order
    /// @param expiry the signature is void from this second on, UNIX seconds
    /// @param sub terms as signed, stored verbatim
    /// @param v of the signature, 27 or 28
    /// @param r of the signature
    /// @param s of the signature
    /// @return subscriptionId id of the subscription
    function createSubscriptionDelegatee(
        uint32 nonce,
        uint32 expiry,
        Subscription calldata sub,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public returns (uint32 subscriptionId) {
        bytes32 key = keccak256(abi.encode(sub.owner, nonce));
        subscriptionId = delegateCreatedIds[key];
        if (subscriptionId != 0) return subscriptionId;

        if (uint32(block.timestamp) >= expiry) revert SignatureExpired();
        address signer = ECDSA.recover(_delegationDigest(nonce, expiry, sub), v, r, s);
        if (signer != Delegator(sub.owner).getSigner()) revert SignerMismatch();

        subscriptionId = _storeSubscription(sub);
        delegateCreatedIds[key] = subscriptionId;
        emit SubscriptionCreated(subscriptionId);
        if (nonce > maxSubscriberNonce[sub.owner]) maxSubscriberNonce[sub.owner] = nonce;
    }

    /// @notice Creates or finds a subscription by signature and delivers an answer to it; the caller is the node
    /// @dev When the delivery fails, nothing is created
    /// @param nonce as in `createSubscriptionDelegatee`
    /// @param expiry as in `createSubscriptionDelegatee`
    /// @param sub as in `createSubscriptionDelegatee`
    /// @param v as in `createSubscriptionDelegatee`
    /// @param r as in `createSubscriptionDelegatee`
    /// @param s as in `createSubscriptionDelegatee`
    /// @param deliveryInterval as in `deliverCompute`
    /// @param input as in `deliverCompute`
    /// @param output as in `deliverCompute`
    /// @param proof as in `deliverCompute`
    /// @param nodeWallet as in `deliverCompute`
    function deliverComputeDelegatee(
        uint32 nonce,
        uint32 expiry,
        Subscription calldata sub,
        uint8 v,
        bytes32 r,
        bytes32 s,
        uint32 deliveryInterval,
        bytes memory input,
        bytes memory output,
        bytes memory proof,
        address nodeWallet
    ) external {
        _deliverResponse(
            createSubscriptionDelegatee(nonce, expiry, sub, v, r, s),
            deliveryInterval,
            input,
            output,
            proof,
            nodeWallet
        );
    }

    /// @dev Domain of the signatures
    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return (EIP712_NAME, EIP712_VERSION);
    }

    /// @dev The domain's name and version are constants
    function _domainNameAndVersionMayChange() internal pure override returns (bool) {
        return false;
    }

    /// @dev EIP-712 digest of a delegation. Encoding the struct as a whole yields its fields one word each,
    ///      which is what EIP-712 asks for members of these types
    function _delegationDigest(uint32 nonce, uint32 expiry, Subscription calldata sub)
        private
        view
        returns (bytes32 digest)
    {
        bytes32 subscriptionHash = keccak256(abi.encode(SUBSCRIPTION_TYPEHASH, sub));
        return _hashTypedData(
            keccak256(abi.encode(DELEGATE_SUBSCRIPTION_TYPEHASH, nonce, expiry, subscriptionHash))
        );
    }
}
