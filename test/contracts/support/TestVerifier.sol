// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator} from "../../../contracts/Coordinator.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {IVerifier} from "../../../contracts/payments/IVerifier.sol";
import {Coordinated} from "../../../contracts/utility/Coordinated.sol";

/// @notice Verifier that answers as told: never by itself, or inside the request
contract TestVerifier is IVerifier, Coordinated {
    enum Mode {
        Optimistic,
        AtomicTrue,
        AtomicFalse,
        AtomicTwice,
        Refuses
    }

    error Refused();

    Coordinator private immutable coordinator;

    address public override getWallet;
    mapping(address => bool) public override isSupportedToken;
    mapping(address => uint256) public override fee;
    Mode private mode;
    bytes public secondReason;

    uint32 public lastSubscriptionId;
    uint32 public lastInterval;
    address public lastNode;
    bytes public lastProof;

    constructor(Registry registry, address wallet) Coordinated(registry) {
        coordinator = Coordinator(registry.COORDINATOR());
        getWallet = wallet;
    }

    function support(address token, uint256 amount) external {
        isSupportedToken[token] = true;
        fee[token] = amount;
    }

    function set(Mode mode_) external {
        mode = mode_;
    }

    function verdict(uint32 subscriptionId, uint32 interval, address node, bool valid) external {
        coordinator.finalizeProofVerification(subscriptionId, interval, node, valid);
    }

    function requestProofVerification(
        uint32 subscriptionId,
        uint32 interval,
        address node,
        bytes calldata proof
    ) external onlyCoordinator {
        if (mode == Mode.Refuses) revert Refused();
        (lastSubscriptionId, lastInterval, lastNode, lastProof) = (subscriptionId, interval, node, proof);
        if (mode == Mode.Optimistic) return;

        coordinator.finalizeProofVerification(subscriptionId, interval, node, mode != Mode.AtomicFalse);
        if (mode == Mode.AtomicTwice) {
            try coordinator.finalizeProofVerification(subscriptionId, interval, node, true) {
                assert(false);
            } catch (bytes memory reason) {
                secondReason = reason;
            }
        }
    }

    receive() external payable {}
}
