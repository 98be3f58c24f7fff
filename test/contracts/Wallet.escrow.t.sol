// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Wallet} from "../../contracts/payments/Wallet.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {WalletCase} from "./support/WalletCase.sol";

/// @notice What is locked, and reserved by it
abstract contract WalletEscrow is WalletCase {
    function test_LockMovesAllowanceIntoEscrow() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 60);
        vm.expectEmit(address(wallet));
        emit Wallet.Escrow(b, address(token), 40, true);
        _lock(b, address(token), 40);
        assertEq(wallet.allowance(b, address(token)), 20);
    }

    function test_UnlockRestoresExactlyThatAllowance() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 60);
        _lock(b, address(token), 40);
        vm.expectEmit(address(wallet));
        emit Wallet.Escrow(b, address(token), 15, false);
        _unlock(b, address(token), 15);
        assertEq(wallet.allowance(b, address(token)), 35);
        _withdraw(address(token), 75);
    }

    function test_RevertWhen_LockingMoreThanUnlocked() public {
        token.mint(address(wallet), 100);
        _approve(c, address(token), 55);
        _lock(c, address(token), 30);
        _approve(b, address(token), 80);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _lock(b, address(token), 80);
        _lock(b, address(token), 40);
        assertEq(wallet.allowance(c, address(token)), 25);
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _lock(c, address(token), 30);
    }

    /// @dev Both are too small: the funds are named, in contrast to a transfer
    function test_LockTestsTheFundsFirst() public {
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _lock(b, NATIVE, 1);
    }

    function test_RevertWhen_UnlockingMoreThanLocked() public {
        deal(address(wallet), 10);
        _approve(b, NATIVE, 10);
        _lock(b, NATIVE, 4);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _unlock(b, NATIVE, 5);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _unlock(b, address(token), 1);
    }

    function test_EscrowOfTokensIsApart() public {
        deal(address(wallet), 10);
        token.mint(address(wallet), 10);
        _approve(b, NATIVE, 10);
        _lock(b, NATIVE, 10);
        _withdraw(address(token), 10);
    }

    function test_ApprovalDoesNotTouchWhatIsLocked() public {
        deal(address(wallet), 10);
        _approve(b, NATIVE, 10);
        _lock(b, NATIVE, 10);
        _approve(b, NATIVE, 3);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(NATIVE, 1);
        _unlock(b, NATIVE, 10);
        assertEq(wallet.allowance(b, NATIVE), 13);
    }

    function test_EscrowOfNothingIsLogged() public {
        vm.expectEmit(address(wallet));
        emit Wallet.Escrow(b, NATIVE, 0, true);
        _lock(b, NATIVE, 0);
        vm.expectEmit(address(wallet));
        emit Wallet.Escrow(b, NATIVE, 0, false);
        _unlock(b, NATIVE, 0);
    }

    function testFuzz_RevertWhen_AnotherThanTheCoordinatorSpends(address caller) public {
        vm.assume(caller != coordinator);
        vm.startPrank(caller);
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        wallet.cTransfer(b, NATIVE, payee, 0);
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        wallet.cLock(b, NATIVE, 0);
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        wallet.cUnlock(b, NATIVE, 0);
    }

    /// @dev Lock, unlock and transfer in any amounts keep balance = withdrawable + locked
    function testFuzz_LockedFundsAreReserved(uint128 balance, uint128 locked, uint128 paid, uint128 unlocked)
        public
    {
        locked = uint128(bound(locked, 0, balance));
        paid = uint128(bound(paid, 0, balance - locked));
        unlocked = uint128(bound(unlocked, 0, locked));
        token.mint(address(wallet), balance);
        _approve(b, address(token), locked);
        _approve(c, address(token), type(uint256).max);
        _lock(b, address(token), locked);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _transfer(c, address(token), uint256(balance) - locked + 1);
        _transfer(c, address(token), paid);
        _unlock(b, address(token), unlocked);

        uint256 free = uint256(balance) - paid - locked + unlocked;
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(address(token), free + 1);
        _withdraw(address(token), free);
        assertEq(token.balanceOf(address(wallet)), locked - unlocked);
    }
}

contract DirectWalletEscrowTest is WalletEscrow {
    constructor() WalletCase(Kind.Direct) {}
}

contract FirstWalletEscrowTest is WalletEscrow {
    constructor() WalletCase(Kind.First) {}
}

contract LaterWalletEscrowTest is WalletEscrow {
    constructor() WalletCase(Kind.Later) {}
}
