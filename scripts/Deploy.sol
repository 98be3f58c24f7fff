// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Script} from "forge-std/Script.sol";
import {console} from "forge-std/console.sol";
import {EIP712Coordinator} from "../contracts/EIP712Coordinator.sol";
import {Inbox} from "../contracts/Inbox.sol";
import {Registry} from "../contracts/Registry.sol";
import {Fee} from "../contracts/payments/Fee.sol";
import {WalletFactory} from "../contracts/payments/WalletFactory.sol";
import {Reader} from "../contracts/utility/Reader.sol";
import {LibDeploy} from "../contracts/testing/LibDeploy.sol";

/// @title Deploy
/// @notice Deploys one set of contracts: `forge script scripts/Deploy.sol:Deploy --rpc-url $RPC_URL --broadcast`
contract Deploy is Script {
    /// @dev 5 %, in hundredths of a percent
    uint16 private constant INITIAL_FEE = 500;

    /// @notice Deploys from the account of the environment variable PRIVATE_KEY, which receives the fees
    function run() external {
        uint256 key = vm.envUint("PRIVATE_KEY");
        address deployer = vm.addr(key);

        vm.startBroadcast(key);
        (
            Registry registry,
            EIP712Coordinator coordinator,
            Inbox inbox,
            Reader reader,
            Fee fee,
            WalletFactory walletFactory
        ) = LibDeploy.deployContracts(deployer, vm.getNonce(deployer), deployer, INITIAL_FEE);
        vm.stopBroadcast();

        console.log("Registry         ", address(registry));
        console.log("EIP712Coordinator", address(coordinator));
        console.log("Inbox            ", address(inbox));
        console.log("Reader           ", address(reader));
        console.log("Fee              ", address(fee));
        console.log("WalletFactory    ", address(walletFactory));
    }
}
