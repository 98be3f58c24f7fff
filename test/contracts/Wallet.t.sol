// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "solady/auth/Ownable.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {MissingReturnToken} from "weird-erc20/MissingReturns.sol";
import {Registry} from "../../contracts/Registry.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {BrokenToken, HookedToken, QuirkyToken, ShortBalanceToken, TestToken} from "./support/Tokens.sol";

/// @notice Every way a wallet comes into being behaves the same: see the two contracts at the end
abstract contract WalletBehaviour is Test {
    address internal constant NATIVE = address(0);

    address internal immutable coordinator = makeAddr("coordinator");
    address internal immutable owner = makeAddr("owner");
    address internal immutable payee = makeAddr("payee");
    address internal immutable b = makeAddr("spender b");
    address internal immutable c = makeAddr("spender c");

    Registry internal registry;
    TestToken internal token;
    Wallet internal wallet;

    function setUp() public virtual {
        registry = new Registry(coordinator, address(0), address(0), address(0), address(0));
        token = new TestToken();
        wallet = _createWallet(owner);
    }

    function _createWallet(address initialOwner) internal virtual returns (Wallet);

    function _approve(address spender, address token_, uint256 amount) internal {
        vm.prank(owner);
        wallet.approve(spender, token_, amount);
    }

    function _lock(address spender, address token_, uint256 amount) internal {
        vm.prank(coordinator);
        wallet.cLock(spender, token_, amount);
    }

    function _unlock(address spender, address token_, uint256 amount) internal {
        vm.prank(coordinator);
        wallet.cUnlock(spender, token_, amount);
    }

    function _transfer(address spender, address token_, uint256 amount) internal {
        vm.prank(coordinator);
        wallet.cTransfer(spender, token_, payee, amount);
    }

    function _withdraw(address token_, uint256 amount) internal {
        vm.prank(owner);
        wallet.withdraw(token_, amount);
    }

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

    // Escrow

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

    // Ownership

    function test_OwnershipMovesAtOnce() public {
        vm.expectEmit(address(wallet));
        emit Ownable.OwnershipTransferred(owner, payee);
        vm.prank(owner);
        wallet.transferOwnership(payee);
        assertEq(wallet.owner(), payee);
        vm.expectRevert(Ownable.Unauthorized.selector);
        _withdraw(NATIVE, 0);
    }

    function test_OwnershipIsHandedOverOnRequest() public {
        vm.prank(payee);
        wallet.requestOwnershipHandover();
        assertEq(wallet.ownershipHandoverExpiresAt(payee), block.timestamp + 172_800);
        vm.prank(owner);
        wallet.completeOwnershipHandover(payee);
        assertEq(wallet.owner(), payee);
    }

    function test_RevertWhen_HandoverIsTooLateOrCancelled() public {
        vm.prank(payee);
        wallet.requestOwnershipHandover();
        vm.warp(block.timestamp + 172_801);
        vm.startPrank(owner);
        vm.expectRevert(Ownable.NoHandoverRequest.selector);
        wallet.completeOwnershipHandover(payee);
        vm.stopPrank();

        vm.startPrank(payee);
        wallet.requestOwnershipHandover();
        wallet.cancelOwnershipHandover();
        vm.stopPrank();
        vm.startPrank(owner);
        vm.expectRevert(Ownable.NoHandoverRequest.selector);
        wallet.completeOwnershipHandover(payee);
        vm.expectRevert(Ownable.NewOwnerIsZeroAddress.selector);
        wallet.transferOwnership(address(0));
    }

    function test_RenouncedWalletStillServesItsAllowances() public {
        deal(address(wallet), 5);
        _approve(b, NATIVE, 5);
        vm.prank(owner);
        wallet.renounceOwnership();
        assertEq(wallet.owner(), address(0));
        _transfer(b, NATIVE, 5);
        vm.expectRevert(Ownable.Unauthorized.selector);
        _approve(b, NATIVE, 5);
    }

    function test_ZeroMayOwnAWallet() public {
        assertEq(_createWallet(address(0)).owner(), address(0));
    }
}

/// @notice A wallet built without the factory
contract DirectWalletTest is WalletBehaviour {
    function _createWallet(address initialOwner) internal override returns (Wallet wallet_) {
        vm.expectEmit();
        emit Ownable.OwnershipTransferred(address(0), initialOwner);
        return new Wallet(registry, initialOwner);
    }
}

/// @notice The first wallet of a factory
contract FirstFactoryWalletTest is WalletBehaviour {
    function _createWallet(address initialOwner) internal override returns (Wallet) {
        return Wallet(payable(new WalletFactory(registry).createWallet(initialOwner)));
    }
}

/// @notice A later wallet of a factory
contract LaterFactoryWalletTest is WalletBehaviour {
    function _createWallet(address initialOwner) internal override returns (Wallet) {
        WalletFactory factory = new WalletFactory(registry);
        factory.createWallet(makeAddr("somebody else"));
        return Wallet(payable(factory.createWallet(initialOwner)));
    }
}

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
