// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {LibRLP} from "solady/utils/LibRLP.sol";
import {EIP712Coordinator} from "../EIP712Coordinator.sol";
import {Inbox} from "../Inbox.sol";
import {Registry} from "../Registry.sol";
import {Fee} from "../payments/Fee.sol";
import {WalletFactory} from "../payments/WalletFactory.sol";
import {Reader} from "../utility/Reader.sol";

/// @title LibDeploy
/// @notice Deploys one set of contracts, in the order that fixes their addresses
library LibDeploy {
    // Callers match these strings, so that they cannot become custom errors.
    // solhint-disable gas-custom-errors

    /// @notice Deploys the six contracts by CREATE, one nonce each
    /// @dev The registry comes first and names the five others in advance; each is compared with what came out
    /// @param deployerAddress account or contract whose CREATEs follow
    /// @param initialNonce its next nonce
    /// @param initialFeeRecipient owner of the fee registry
    /// @param initialFee protocol fee rate, hundredths of a percent
    /// @return registry address book of the others
    /// @return coordinator coordinator
    /// @return inbox inbox
    /// @return reader reader
    /// @return fee fee registry
    /// @return walletFactory wallet factory
    function deployContracts(
        address deployerAddress,
        uint256 initialNonce,
        address initialFeeRecipient,
        uint16 initialFee
    )
        internal
        returns (
            Registry registry,
            EIP712Coordinator coordinator,
            Inbox inbox,
            Reader reader,
            Fee fee,
            WalletFactory walletFactory
        )
    {
        registry = _deployRegistry(deployerAddress, initialNonce);

        coordinator = new EIP712Coordinator(registry);
        require(registry.COORDINATOR() == address(coordinator), "Coordinator address mismatch");

        inbox = new Inbox(registry);
        require(registry.INBOX() == address(inbox), "Inbox address mismatch");

        reader = new Reader(registry);
        require(registry.READER() == address(reader), "Reader address mismatch");

        fee = new Fee(initialFeeRecipient, initialFee);
        require(registry.FEE() == address(fee), "Fee address mismatch");

        walletFactory = new WalletFactory(registry);
        require(registry.WALLET_FACTORY() == address(walletFactory), "WalletFactory address mismatch");
    }

    /// @dev Deploys the registry at `initialNonce` with the addresses of the next five nonces
    function _deployRegistry(address deployer, uint256 initialNonce) private returns (Registry registry) {
        return new Registry(
            LibRLP.computeAddress(deployer, initialNonce + 1),
            LibRLP.computeAddress(deployer, initialNonce + 2),
            LibRLP.computeAddress(deployer, initialNonce + 3),
            LibRLP.computeAddress(deployer, initialNonce + 4),
            LibRLP.computeAddress(deployer, initialNonce + 5)
        );
    }
}
