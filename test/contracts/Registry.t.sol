// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {EIP712Coordinator} from "../../contracts/EIP712Coordinator.sol";
import {Inbox} from "../../contracts/Inbox.sol";
import {Registry} from "../../contracts/Registry.sol";
import {Fee} from "../../contracts/payments/Fee.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {Reader} from "../../contracts/utility/Reader.sol";
import {LibDeploy} from "./lib/LibDeploy.sol";

contract RegistryTest is Test {
    function testFuzz_KeepsWhatItIsGiven(address a, address b, address c, address d, address e) public {
        Registry registry = new Registry(a, b, c, d, e);
        assertEq(registry.COORDINATOR(), a);
        assertEq(registry.INBOX(), b);
        assertEq(registry.READER(), c);
        assertEq(registry.FEE(), d);
        assertEq(registry.WALLET_FACTORY(), e);
    }
}

contract CoordinatedProbe is Coordinated {
    /// @dev The same name as the private member of the base
    address public constant COORDINATOR = address(1);

    constructor(Registry registry) Coordinated(registry) {}

    function probe() external view onlyCoordinator returns (bool) {
        return true;
    }
}

contract CoordinatedTest is Test {
    function testFuzz_AdmitsTheCoordinatorOnly(address coordinator, address caller) public {
        vm.assume(caller != coordinator);
        CoordinatedProbe probe =
            new CoordinatedProbe(new Registry(coordinator, address(0), address(0), address(0), address(0)));
        vm.prank(coordinator);
        assertTrue(probe.probe());
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        vm.prank(caller);
        probe.probe();
    }
}

contract DeploymentTest is Test {
    address private constant DEVELOPMENT_DEPLOYER = 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC;

    /// @dev Third-party configurations hard-code these
    function test_DevelopmentAddressesAreThePublishedOnes() public {
        vm.startPrank(DEVELOPMENT_DEPLOYER);
        (
            Registry registry,
            EIP712Coordinator coordinator,
            Inbox inbox,
            Reader reader,
            Fee fee,
            WalletFactory factory
        ) = LibDeploy.deployContracts(DEVELOPMENT_DEPLOYER, 0, DEVELOPMENT_DEPLOYER, 0);
        vm.stopPrank();

        assertEq(address(registry), 0x663F3ad617193148711d28f5334eE4Ed07016602);
        assertEq(address(coordinator), 0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1);
        assertEq(address(inbox), 0x8438Ad1C834623CfF278AB6829a248E37C2D7E3f);
        assertEq(address(reader), 0xBC9129Dc0487fc2E169941C75aABC539f208fb01);
        assertEq(address(fee), 0x6e989C01a3e3A94C973A62280a72EC335598490e);
        assertEq(address(factory), 0xF6168876932289D073567f347121A267095f3DD6);
        assertEq(factory.createWallet(address(this)), 0x60985ee8192B322c3CAbA97A9A9f7298bdc4335C);
    }

    function test_DeploymentTakesSixNonces() public {
        uint64 nonce = vm.getNonce(address(this));
        (Registry registry, EIP712Coordinator coordinator,,, Fee fee,) =
            LibDeploy.deployContracts(address(this), nonce, address(7), 8);
        assertEq(vm.getNonce(address(this)), nonce + 6);
        assertEq(registry.COORDINATOR(), address(coordinator));
        assertEq(fee.FEE_RECIPIENT(), address(7));
        assertEq(fee.FEE(), 8);
    }

    function test_RevertWhen_NonceIsWrong() public {
        vm.expectRevert(bytes("Coordinator address mismatch"));
        this.deploy(vm.getNonce(address(this)) + 1);
    }

    function deploy(uint256 nonce) external {
        LibDeploy.deployContracts(address(this), nonce, address(7), 8);
    }
}
