// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {stdError} from "forge-std/StdError.sol";
import {Ownable} from "solady/auth/Ownable.sol";
import {Registry} from "../../contracts/Registry.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";

contract WalletFactoryTest is Test {
    address private immutable coordinator = makeAddr("coordinator");
    address private immutable owner = makeAddr("owner");

    Registry private registry;
    WalletFactory private factory;

    function setUp() public {
        registry = new Registry(coordinator, address(0), address(0), address(0), address(0));
        factory = new WalletFactory(registry);
    }

    function test_AddressFollowsFromTheFactorysNonce() public {
        for (uint256 i = 0; i < 4; i++) {
            address predicted = vm.computeCreateAddress(address(factory), vm.getNonce(address(factory)));
            assertEq(factory.createWallet(owner), predicted);
        }
    }

    function test_FirstWalletTakesTheFirstNonce() public {
        assertEq(vm.getNonce(address(factory)), 1);
        assertEq(factory.createWallet(owner), vm.computeCreateAddress(address(factory), 1));
    }

    function testFuzz_LogsWhoAskedAndWhoOwns(address caller, address initialOwner) public {
        for (uint256 i = 0; i < 2; i++) {
            address predicted = vm.computeCreateAddress(address(factory), vm.getNonce(address(factory)));
            vm.expectEmit(predicted);
            emit Ownable.OwnershipTransferred(address(0), initialOwner);
            vm.expectEmit(address(factory));
            emit WalletFactory.WalletCreated(caller, initialOwner, predicted);
            vm.prank(caller);
            factory.createWallet(initialOwner);
        }
    }

    function test_LogsNothingElse() public {
        for (uint256 i = 0; i < 2; i++) {
            vm.recordLogs();
            factory.createWallet(owner);
            assertEq(vm.getRecordedLogs().length, 2);
        }
    }

    function test_OnlyItsOwnWalletsAreValid() public {
        address first = factory.createWallet(owner);
        address second = factory.createWallet(owner);
        assertTrue(factory.isValidWallet(first));
        assertTrue(factory.isValidWallet(second));
        assertFalse(factory.isValidWallet(address(new Wallet(registry, owner))));
        assertFalse(factory.isValidWallet(new WalletFactory(registry).createWallet(owner)));
        assertFalse(factory.isValidWallet(address(0)));
    }

    function test_RevertWhen_ItsNonceIsNotWhatItCounts() public {
        factory.createWallet(owner);
        vm.setNonce(address(factory), 7);
        vm.expectRevert(stdError.assertionError);
        factory.createWallet(owner);
    }

    function test_WalletStaysValidWhoeverOwnsIt() public {
        Wallet wallet = Wallet(payable(factory.createWallet(address(this))));
        wallet.transferOwnership(owner);
        assertTrue(factory.isValidWallet(address(wallet)));
    }

    function test_WalletsShareNothing() public {
        Wallet first = Wallet(payable(factory.createWallet(address(this))));
        Wallet second = Wallet(payable(factory.createWallet(owner)));
        Wallet third = Wallet(payable(factory.createWallet(address(this))));
        first.approve(owner, address(0), 7);
        deal(address(second), 3);

        assertEq(second.allowance(owner, address(0)), 0);
        assertEq(third.allowance(owner, address(0)), 0);
        first.renounceOwnership();
        assertEq(second.owner(), owner);
        assertEq(third.owner(), address(this));
        vm.prank(owner);
        second.withdraw(address(0), 3);
        assertEq(owner.balance, 3);
    }

    function test_CreatedWalletObeysTheCoordinator() public {
        for (uint256 i = 0; i < 2; i++) {
            Wallet wallet = Wallet(payable(factory.createWallet(owner)));
            vm.expectRevert(Wallet.InsufficientFunds.selector);
            vm.prank(coordinator);
            wallet.cLock(owner, address(0), 1);
        }
    }
}
