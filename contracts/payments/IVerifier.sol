// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title IVerifier
/// @notice A contract that judges proofs: it names its payee, its tokens and its fee, and answers a request by
///         calling `Coordinator.finalizeProofVerification`, inside the request (atomic) or later (optimistic)
/// @dev The verifier is trusted by both sides: it is chosen by the consumer, and a hostile one can declare an
///      honest proof invalid and let the consumer collect the node's collateral. A node should deliver only
///      where it trusts the verifier (`Coordinator.getSubscription` shows it)
interface IVerifier {
    /// @notice Address that receives the verifier's fee
    /// @return payee any address; it need not come from the wallet factory
    function getWallet() external view returns (address payee);

    /// @notice Whether the verifier accepts its fee in `token`
    /// @param token ERC20 address, or zero for the native coin
    /// @return supported false makes a delivery fail with `UnsupportedVerifierToken`
    function isSupportedToken(address token) external view returns (bool supported);

    /// @notice Fee for one verification
    /// @param token ERC20 address, or zero for the native coin
    /// @return amount raw units of `token`
    function fee(address token) external view returns (uint256 amount);

    /// @notice Asks for the verification of a proof
    /// @dev Must admit only the coordinator: anyone else could flood the verifier with requests nobody paid for.
    ///      When it is called, the verifier has been paid, both escrows are locked and the request is stored
    /// @param subscriptionId subscription that was answered
    /// @param interval interval that was answered
    /// @param node address that delivered the answer
    /// @param proof bytes to verify
    function requestProofVerification(
        uint32 subscriptionId,
        uint32 interval,
        address node,
        bytes calldata proof
    ) external;

    /// @notice Accepts fees in the native coin
    receive() external payable;
}
