// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Script} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";
import {EIP712Coordinator} from "../contracts/EIP712Coordinator.sol";
import {Inbox} from "../contracts/Inbox.sol";
import {Registry} from "../contracts/Registry.sol";
import {Fee} from "../contracts/payments/Fee.sol";
import {WalletFactory} from "../contracts/payments/WalletFactory.sol";
import {Reader} from "../contracts/utility/Reader.sol";
import {LibDeploy} from "../contracts/testing/LibDeploy.sol";

/// @title Deploy
/// @notice Deploys one set of contracts, and records it as `scripts/deploy.py` does:
///         `FOUNDRY_PROFILE=release forge script scripts/Deploy.sol:Deploy --rpc-url $RPC_URL --broadcast`
contract Deploy is Script {
    /// @dev 5 %, in hundredths of a percent
    uint16 private constant INITIAL_FEE = 500;

    string private constant FOLDER = "deployments";

    /// @dev Key of the JSON object that is put together here
    string private constant ROOT = "deployment";

    /// @notice The deployment file names a registry that is on the chain
    /// @param path file to move aside before a new set is deployed
    /// @param registry the registry it names
    error AlreadyDeployed(string path, address registry);

    /// @notice Deploys from the account of the environment variable PRIVATE_KEY, which receives the fees
    function run() external {
        uint256 key = vm.envUint("PRIVATE_KEY");
        address deployer = vm.addr(key);
        string memory path = string.concat(FOLDER, "/", vm.toString(block.chainid), ".json");
        _refuseToForget(path);

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

        _note("Registry", address(registry));
        _note("EIP712Coordinator", address(coordinator));
        _note("Inbox", address(inbox));
        _note("Reader", address(reader));
        _note("Fee", address(fee));
        _record(_note("WalletFactory", address(walletFactory)), path);
    }

    /// @dev Overwrites the file of a local chain that is gone, and no other
    function _refuseToForget(string memory path) private view {
        if (!vm.exists(path)) return;
        address registry = vm.parseJsonAddress(vm.readFile(path), ".Registry.address");
        if (registry.code.length != 0) revert AlreadyDeployed(path, registry);
    }

    /// @dev Prints a contract and adds its entry; returns the JSON so far. The transaction is not known before it
    ///      is sent, and its block is not either: the present one is given, since no log can be older
    function _note(string memory name, address at) private returns (string memory json) {
        console.log(name, at);
        string memory hashes = vm.readFile("scripts/abi_hashes.json");
        vm.serializeAddress(name, "address", at);
        vm.serializeUint(name, "block", block.number);
        vm.serializeString(name, "abiHash", vm.parseJsonString(hashes, string.concat(".", name)));
        string memory entry = vm.serializeString(
            name, "version", vm.parseTomlString(vm.readFile("pyproject.toml"), ".project.version")
        );
        return vm.serializeString(ROOT, name, entry);
    }

    /// @dev Writes the file, unless this is a rehearsal without `--broadcast`
    function _record(string memory json, string memory path) private {
        if (!vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) return;
        vm.createDir(FOLDER, true);
        vm.writeJson(json, path);
        console.log("recorded in", path);
    }
}
