// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Ownable} from "solady/auth/Ownable.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {MissingReturnToken} from "weird-erc20/MissingReturns.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {BrokenToken, HookedToken, QuirkyToken, ShortBalanceToken} from "./support/Tokens.sol";
import {WalletCase} from "./support/WalletCase.sol";

/// @notice What comes into a wallet and goes out of it
abstract contract WalletFunds is WalletCase {
    // Deposits and withdrawals

    function testFuzz_CoinComesAndGoes(uint256 amount) public {
        amount = bound(amount, 0, 1e30);
        deal(address(this), amount);
        (bool ok,) = address(wallet).call{value: amount}("");
        assertTrue(ok);

        vm.expectEmit(address(wallet));
        emit Wallet.Withdrawl(NATIVE, amount);
        _withdraw(NATIVE, amount);
        assertEq(owner.balance, amount);
    }

    function testFuzz_TokensComeAndGo(uint256 amount) public {
        token.mint(address(wallet), amount);
        vm.expectEmit(address(wallet));
        emit Wallet.Withdrawl(address(token), amount);
        _withdraw(address(token), amount);
        assertEq(token.balanceOf(owner), amount);
    }

    function test_DepositEmitsNothing() public {
        deal(address(this), 1);
        vm.recordLogs();
        payable(address(wallet)).transfer(1); // within the stipend of 2300 gas
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(address(wallet).balance, 1);
    }

    function test_TokenWithoutReturnValueComesAndGoes() public {
        MissingReturnToken silent = new MissingReturnToken(5);
        silent.transfer(address(wallet), 5);
        _withdraw(address(silent), 5);
        assertEq(silent.balanceOf(owner), 5);
    }

    function test_RevertWhen_StrangerWithdraws() public {
        vm.expectRevert(Ownable.Unauthorized.selector);
        wallet.withdraw(NATIVE, 0);
    }

    function test_RevertWhen_WithdrawingMoreThanUnlocked() public {
        token.mint(address(wallet), 100);
        _approve(c, address(token), 30);
        _lock(c, address(token), 30);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(address(token), 71);
        _withdraw(address(token), 70);
        assertEq(token.balanceOf(owner), 70);
    }

    function test_WithdrawingNothingCallsNobody() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.RefusesZero);
        vm.expectEmit(address(wallet));
        emit Wallet.Withdrawl(address(quirky), 0);
        _withdraw(address(quirky), 0);
    }

    // Allowances

    function test_ApprovalSetsAndDoesNotAdd() public {
        vm.expectEmit(address(wallet));
        emit Wallet.Approval(b, address(token), 90);
        _approve(b, address(token), 90);
        _approve(b, address(token), 80);
        assertEq(wallet.allowance(b, address(token)), 80);
        assertEq(wallet.allowance(b, NATIVE), 0, "per token");
        assertEq(wallet.allowance(c, address(token)), 0, "per spender");
    }

    function test_RevertWhen_StrangerApproves() public {
        vm.expectRevert(Ownable.Unauthorized.selector);
        vm.prank(coordinator);
        wallet.approve(b, NATIVE, 1);
    }

    // Transfers

    function test_TransfersExactlyTheAllowance() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 60);

        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _transfer(b, address(token), 61);

        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, address(token), payee, 60);
        _transfer(b, address(token), 60);
        assertEq(token.balanceOf(payee), 60);
        assertEq(wallet.allowance(b, address(token)), 0);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(address(token), 41);
        _withdraw(address(token), 40);
    }

    function test_TransferOfNothingIsLogged() public {
        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, address(token), payee, 0);
        _transfer(b, address(token), 0);
    }

    /// @dev Both are too small: the allowance is named
    function test_TransferTestsTheAllowanceFirst() public {
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _transfer(b, NATIVE, 1);
    }

    function test_RevertWhen_TransferExceedsTheBalance() public {
        _approve(b, NATIVE, 2);
        deal(address(wallet), 1);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _transfer(b, NATIVE, 2);
    }

    function test_TransferForOneSpenderLeavesAnothersLockAlone() public {
        token.mint(address(wallet), 70);
        _approve(c, address(token), 25);
        _lock(c, address(token), 25);
        _approve(b, address(token), 25);

        _transfer(b, address(token), 25);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(address(token), 21);
        _withdraw(address(token), 20);
    }

    function test_CoinIsForcedUponAPayeeThatRejectsIt() public {
        vm.etch(payee, hex"5f5ffd");
        deal(address(wallet), 5);
        _approve(b, NATIVE, 5);
        _transfer(b, NATIVE, 5);
        assertEq(payee.balance, 5);
    }

    /// @dev A payee that burns all gas gets 100 000 of it
    function test_PayeeCannotBurnMuchGas() public {
        vm.etch(payee, hex"5b5f56"); // loops
        deal(address(wallet), 5);
        _approve(b, NATIVE, 5);
        uint256 before = gasleft();
        _transfer(b, NATIVE, 5);
        assertLt(before - gasleft(), 250_000);
        assertEq(payee.balance, 5);
    }

    function test_RevertWhen_TokenRefuses() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.Paused);
        quirky.mint(address(wallet), 5);
        _approve(b, address(quirky), 5);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _transfer(b, address(quirky), 5);
    }

    // Odd tokens

    function test_ShrunkenBalanceIsInsufficientAndNoPanic() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 100);
        _approve(c, address(token), 100);
        _lock(b, address(token), 60);
        token.burn(address(wallet), 50);

        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _withdraw(address(token), 1);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _lock(c, address(token), 1);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _transfer(c, address(token), 1);
        _unlock(b, address(token), 60);
        _withdraw(address(token), 50);
    }

    function test_UnreadableBalanceCountsAsZero() public {
        address[3] memory tokens =
            [address(new ShortBalanceToken()), address(new BrokenToken()), makeAddr("no code")];
        for (uint256 i = 0; i < tokens.length; i++) {
            _approve(b, tokens[i], 1);
            vm.expectRevert(Wallet.InsufficientFunds.selector);
            _lock(b, tokens[i], 1);
            vm.expectRevert(Wallet.InsufficientFunds.selector);
            _transfer(b, tokens[i], 1);
            vm.expectRevert(Wallet.InsufficientFunds.selector);
            _withdraw(tokens[i], 1);
        }
    }

    /// @dev The allowance falls before the token is called
    function test_TokenThatReentersFindsTheAllowanceSpent() public {
        HookedToken hooked = new HookedToken();
        hooked.mint(address(wallet), 100);
        _approve(b, address(hooked), 60);
        hooked.hook(address(this), abi.encodeCall(this.allowanceIs, (hooked, 0)));
        _transfer(b, address(hooked), 60);
        assertTrue(hooked.hookSucceeded());
    }

    function allowanceIs(HookedToken hooked, uint256 expected) external view {
        assertEq(wallet.allowance(b, address(hooked)), expected);
    }
}

contract DirectWalletFundsTest is WalletFunds {
    constructor() WalletCase(Kind.Direct) {}
}

contract FirstWalletFundsTest is WalletFunds {
    constructor() WalletCase(Kind.First) {}
}

contract LaterWalletFundsTest is WalletFunds {
    constructor() WalletCase(Kind.Later) {}
}
