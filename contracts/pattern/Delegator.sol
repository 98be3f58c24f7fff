// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title Delegator
/// @notice Mix-in that names one key whose signatures may create subscriptions for this contract
/// @dev Only plain account keys: contract signatures (ERC-1271) are not supported
abstract contract Delegator {
    address private signer;

    /// @notice The signer was replaced
    /// @param oldSigner previous signer, whose unused signatures are void
    /// @param newSigner present signer
    event DelegatorSignerUpdated(address indexed oldSigner, address indexed newSigner);

    /// @param signer_ initial signer; zero means that no signature is accepted
    constructor(address signer_) {
        _updateSigner(signer_);
    }

    /// @notice Address whose signatures are accepted
    /// @return current present signer
    function getSigner() external view returns (address current) {
        return signer;
    }

    /// @notice Replaces the signer; existing subscriptions stay
    /// @param newSigner next signer
    function _updateSigner(address newSigner) internal {
        emit DelegatorSignerUpdated(signer, newSigner);
        signer = newSigner;
    }
}
