// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Subscription} from "../../../contracts/Coordinator.sol";
import {LibSign} from "../lib/LibSign.sol";
import {DelegatingConsumer} from "./DelegatingConsumer.sol";
import {Deployment} from "./Deployment.sol";

/// @notice A consumer that accepts what its signer signs, and nodes that deliver to it
abstract contract Delegation is Deployment {
    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    uint32 internal constant EXPIRY = START + 3600;

    uint256 internal signerKey;
    uint256 internal otherKey;
    DelegatingConsumer internal owner;

    function setUp() public virtual override {
        super.setUp();
        address signer;
        (signer, signerKey) = makeAddrAndKey("signer");
        (, otherKey) = makeAddrAndKey("another signer");
        owner = new DelegatingConsumer(address(registry), signer);
    }

    /// @dev Terms whose fields are all different
    function _terms() internal returns (Subscription memory) {
        return Subscription({
            owner: address(owner),
            activeAt: START,
            period: 60,
            frequency: 3,
            redundancy: 2,
            containerId: CONTAINER_HASH,
            lazy: false,
            verifier: payable(makeAddr("verifier")),
            paymentAmount: 0,
            paymentToken: makeAddr("token"),
            wallet: payable(makeAddr("wallet"))
        });
    }

    function _sign(uint256 key, uint32 nonce, uint32 expiry, Subscription memory sub)
        internal
        view
        returns (Signature memory sig)
    {
        bytes32 digest = LibSign.getTypedMessageHash(
            coordinator.EIP712_NAME(), coordinator.EIP712_VERSION(), address(coordinator), nonce, expiry, sub
        );
        (sig.v, sig.r, sig.s) = vm.sign(key, digest);
    }

    function _create(uint32 nonce, uint32 expiry, Subscription memory sub, Signature memory sig)
        internal
        returns (uint32)
    {
        return coordinator.createSubscriptionDelegatee(nonce, expiry, sub, sig.v, sig.r, sig.s);
    }

    function _create(uint32 nonce, Subscription memory sub) internal returns (uint32) {
        return _create(nonce, EXPIRY, sub, _sign(signerKey, nonce, EXPIRY, sub));
    }

    function _deliverDelegated(address node, uint32 nonce, Subscription memory sub, uint32 interval)
        internal
    {
        Signature memory sig = _sign(signerKey, nonce, EXPIRY, sub);
        vm.prank(node);
        coordinator.deliverComputeDelegatee(
            nonce, EXPIRY, sub, sig.v, sig.r, sig.s, interval, INPUT, OUTPUT, PROOF, address(0)
        );
    }

    function _createdId(uint32 nonce) internal view returns (uint32) {
        return coordinator.delegateCreatedIds(keccak256(abi.encode(address(owner), nonce)));
    }
}
