// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Ownable} from "solady/auth/Ownable.sol";
import {WalletCase} from "./support/WalletCase.sol";

/// @notice Who owns a wallet
abstract contract WalletOwnership is WalletCase {
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

contract DirectWalletOwnershipTest is WalletOwnership {
    constructor() WalletCase(Kind.Direct) {}
}

contract FirstWalletOwnershipTest is WalletOwnership {
    constructor() WalletCase(Kind.First) {}
}

contract LaterWalletOwnershipTest is WalletOwnership {
    constructor() WalletCase(Kind.Later) {}
}
