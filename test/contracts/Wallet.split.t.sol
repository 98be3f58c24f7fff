// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {Coordinated} from "../../contracts/utility/Coordinated.sol";
import {HookedToken, QuirkyToken, TestToken} from "./support/Tokens.sol";
import {WalletCase} from "./support/WalletCase.sol";

/// @notice Two payments in one call
abstract contract WalletSplit is WalletCase {
    address private immutable protocol = makeAddr("protocol");

    function _split(address token_, uint256 first, uint256 second) private {
        vm.prank(coordinator);
        wallet.cSplit(b, token_, protocol, first, payee, second);
    }

    function test_PaysBothWithBothEvents() public {
        deal(address(wallet), 100);
        _approve(b, NATIVE, 90);

        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, NATIVE, protocol, 10);
        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, NATIVE, payee, 70);
        _split(NATIVE, 10, 70);

        assertEq(protocol.balance, 10);
        assertEq(payee.balance, 70);
        assertEq(address(wallet).balance, 20);
        assertEq(wallet.allowance(b, NATIVE), 10);
    }

    function test_SplitOfNothingIsLoggedTwice() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.RefusesZero);
        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, address(quirky), protocol, 0);
        vm.expectEmit(address(wallet));
        emit Wallet.Transfer(b, address(quirky), payee, 0);
        _split(address(quirky), 0, 0);
    }

    function testFuzz_RevertWhen_AnotherThanTheCoordinatorSplits(address caller) public {
        vm.assume(caller != coordinator);
        vm.expectRevert(Coordinated.NotCoordinator.selector);
        vm.prank(caller);
        wallet.cSplit(b, NATIVE, protocol, 0, payee, 0);
    }

    function test_RevertWhen_EitherAmountExceedsTheAllowance() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 50);
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _split(address(token), 51, 0);
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _split(address(token), 50, 1);
        vm.expectRevert(Wallet.InsufficientAllowance.selector);
        _split(address(token), 1, type(uint256).max);
        _split(address(token), 1, 49);
    }

    function test_RevertWhen_EitherAmountExceedsWhatIsUnlocked() public {
        token.mint(address(wallet), 100);
        _approve(b, address(token), 100);
        _approve(c, address(token), 40);
        _lock(c, address(token), 40);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _split(address(token), 61, 0);
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _split(address(token), 60, 1);
        _split(address(token), 30, 30);
        assertEq(token.balanceOf(address(wallet)), 40);
    }

    /// @dev Two calls of `cTransfer` are what a split stands for: same outcome, and same error
    function testFuzz_DoesWhatTwoTransfersDo(
        uint128 balance,
        uint128 locked,
        uint128 allowed,
        uint128 first,
        uint128 second
    ) public {
        locked = uint128(bound(locked, 0, balance));
        token.mint(address(wallet), balance);
        _approve(c, address(token), locked);
        _lock(c, address(token), locked);
        _approve(b, address(token), allowed);

        uint256 before_ = vm.snapshotState();
        bytes memory expected = _reasonOf(abi.encodeCall(this.transferTwice, (first, second)));
        uint256[3] memory balances = _balances();
        vm.revertToState(before_);

        bytes memory reason = _reasonOf(abi.encodeCall(this.splitOnce, (first, second)));
        assertEq(reason, expected);
        assertEq(abi.encode(_balances()), abi.encode(balances));
    }

    function transferTwice(uint256 first, uint256 second) external {
        vm.prank(coordinator);
        wallet.cTransfer(b, address(token), protocol, first);
        vm.prank(coordinator);
        wallet.cTransfer(b, address(token), payee, second);
    }

    function splitOnce(uint256 first, uint256 second) external {
        _split(address(token), first, second);
    }

    /// @dev What a call of this test reverts with, or nothing
    function _reasonOf(bytes memory call_) private returns (bytes memory reason) {
        (bool success, bytes memory data) = address(this).call(call_);
        if (!success) reason = data;
    }

    /// @dev What the split may move, and the allowance
    function _balances() private view returns (uint256[3] memory) {
        return [token.balanceOf(protocol), token.balanceOf(payee), wallet.allowance(b, address(token))];
    }

    /// @dev The allowance falls by both amounts before anyone is called
    function test_FirstRecipientFindsTheWholeAllowanceSpent() public {
        HookedToken hooked = new HookedToken();
        hooked.mint(address(wallet), 100);
        _approve(b, address(hooked), 60);
        hooked.hook(address(this), abi.encodeCall(this.allowanceIs, (hooked, 5)));
        _split(address(hooked), 15, 40);
        assertTrue(hooked.hookSucceeded());
    }

    function allowanceIs(HookedToken hooked, uint256 expected) external view {
        assertEq(wallet.allowance(b, address(hooked)), expected);
    }

    /// @dev An owner who is the first recipient's accomplice withdraws between the payments: the second one must
    ///      not be made from what is locked for others
    function test_RevertWhen_WithdrawalBetweenThePaymentsLeavesOnlyEscrow() public {
        HookedToken hooked = new HookedToken();
        hooked.mint(address(wallet), 100);
        _approve(c, address(hooked), 50);
        _lock(c, address(hooked), 50);
        _approve(b, address(hooked), 50);
        vm.prank(owner);
        wallet.transferOwnership(address(hooked));

        hooked.hook(address(wallet), abi.encodeCall(wallet.withdraw, (address(hooked), 40)));
        vm.expectRevert(Wallet.InsufficientFunds.selector);
        _split(address(hooked), 10, 40);

        hooked.hook(address(wallet), abi.encodeCall(wallet.withdraw, (address(hooked), 10)));
        _split(address(hooked), 10, 30);
        assertTrue(hooked.hookSucceeded());
        assertEq(hooked.balanceOf(address(wallet)), 50);
    }

    function test_CoinIsForcedUponBoth() public {
        vm.etch(protocol, hex"5f5ffd");
        vm.etch(payee, hex"5f5ffd");
        deal(address(wallet), 3);
        _approve(b, NATIVE, 3);
        _split(NATIVE, 1, 2);
        assertEq(protocol.balance, 1);
        assertEq(payee.balance, 2);
    }

    /// @dev As two transfers would: the first fails before the second is looked at
    function test_RefusedFirstPaymentIsReportedBeforeTheMissingAllowanceOfTheSecond() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.ReturnsFalse);
        quirky.mint(address(wallet), 3);
        _approve(b, address(quirky), 1);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _split(address(quirky), 1, 2);
    }

    function test_RevertWhen_TokenRefusesTheSecondPayment() public {
        SecondTransferRefuser refuser = new SecondTransferRefuser();
        refuser.mint(address(wallet), 3);
        _approve(b, address(refuser), 3);
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _split(address(refuser), 1, 2);
    }
}

contract DirectWalletSplitTest is WalletSplit {
    constructor() WalletCase(Kind.Direct) {}
}

contract FirstWalletSplitTest is WalletSplit {
    constructor() WalletCase(Kind.First) {}
}

contract LaterWalletSplitTest is WalletSplit {
    constructor() WalletCase(Kind.Later) {}
}

contract SecondTransferRefuser is TestToken {
    bool private once;

    function transfer(address to, uint256 amount) public override returns (bool) {
        require(!once, "once is enough");
        once = true;
        return super.transfer(to, amount);
    }
}
