// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Subscription} from "../../../contracts/Coordinator.sol";

/// @title LibSign
/// @notice Computes what a delegated subscription's signer signs, independently of the coordinator
/// @dev Names keep the spelling of the library that third-party tests were written against
library LibSign {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    string private constant SUBSCRIPTION_TYPE =
        "Subscription(address owner,uint32 activeAt,uint32 period,uint32 frequency,uint16 redundancy,bytes32 containerId,bool lazy,address verifier,uint256 paymentAmount,address paymentToken,address wallet)";

    string private constant DELEGATE_SUBSCRIPTION_TYPE =
        "DelegateSubscription(uint32 nonce,uint32 expiry,Subscription sub)";

    /// @notice EIP-712 domain separator on this chain
    /// @param name domain name
    /// @param version domain version
    /// @param verifyingContract address of the coordinator
    function getDomainSeperator(string memory name, string memory version, address verifyingContract)
        public
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                block.chainid,
                verifyingContract
            )
        );
    }

    /// @notice EIP-712 hash of a subscription
    /// @param sub terms
    function getStructHash(Subscription memory sub) public pure returns (bytes32) {
        // In two parts, since twelve values are more than the stack takes.
        return keccak256(
            bytes.concat(
                abi.encode(
                    keccak256(bytes(SUBSCRIPTION_TYPE)),
                    sub.owner,
                    sub.activeAt,
                    sub.period,
                    sub.frequency,
                    sub.redundancy
                ),
                abi.encode(
                    sub.containerId, sub.lazy, sub.verifier, sub.paymentAmount, sub.paymentToken, sub.wallet
                )
            )
        );
    }

    /// @notice EIP-712 hash of a delegation
    /// @param nonce nonce of the owner
    /// @param expiry second from which the signature is void
    /// @param sub terms
    function getStructHash(uint32 nonce, uint32 expiry, Subscription memory sub)
        public
        pure
        returns (bytes32)
    {
        bytes32 typeHash = keccak256(abi.encodePacked(DELEGATE_SUBSCRIPTION_TYPE, SUBSCRIPTION_TYPE));
        return keccak256(abi.encode(typeHash, nonce, expiry, getStructHash(sub)));
    }

    /// @notice EIP-712 digest of a delegation, ready to be signed
    /// @param name domain name
    /// @param version domain version
    /// @param verifyingContract address of the coordinator
    /// @param nonce nonce of the owner
    /// @param expiry second from which the signature is void
    /// @param sub terms
    function getTypedMessageHash(
        string memory name,
        string memory version,
        address verifyingContract,
        uint32 nonce,
        uint32 expiry,
        Subscription memory sub
    ) external view returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                hex"1901",
                getDomainSeperator(name, version, verifyingContract),
                getStructHash(nonce, expiry, sub)
            )
        );
    }
}
