// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Coordinator} from "../../../contracts/Coordinator.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {IVerifier} from "../../../contracts/payments/IVerifier.sol";
import {Coordinated} from "../../../contracts/utility/Coordinated.sol";

/// @notice Verifier that looks at no proof and keeps its terms in its code, so that it adds as little as it can
abstract contract BenchVerifier is IVerifier, Coordinated {
    address private immutable PAYEE;
    uint256 private immutable FEE;

    constructor(Registry registry, address payee, uint256 fee_) Coordinated(registry) {
        PAYEE = payee;
        FEE = fee_;
    }

    receive() external payable {}

    function getWallet() external view returns (address) {
        return PAYEE;
    }

    function isSupportedToken(address) external pure returns (bool) {
        return true;
    }

    function fee(address) external view returns (uint256) {
        return FEE;
    }
}

/// @notice Answers later, when told
contract OptimisticBench is BenchVerifier {
    Coordinator private immutable JUDGED;

    constructor(Registry registry, address payee, uint256 fee_) BenchVerifier(registry, payee, fee_) {
        JUDGED = Coordinator(registry.COORDINATOR());
    }

    function requestProofVerification(uint32, uint32, address, bytes calldata) external onlyCoordinator {}

    function verdict(uint32 id, uint32 interval, address node, bool valid) external {
        JUDGED.finalizeProofVerification(id, interval, node, valid);
    }
}

/// @notice Finds every proof valid, inside the request
contract AtomicBench is BenchVerifier {
    constructor(Registry registry, address payee, uint256 fee_) BenchVerifier(registry, payee, fee_) {}

    function requestProofVerification(uint32 id, uint32 interval, address node, bytes calldata)
        external
        onlyCoordinator
    {
        Coordinator(msg.sender).finalizeProofVerification(id, interval, node, true);
    }
}
