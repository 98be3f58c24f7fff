// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Ownable} from "solady/auth/Ownable.sol";
import {Fee} from "../../contracts/payments/Fee.sol";

contract FeeTest is Test {
    address private immutable recipient = makeAddr("recipient");

    function test_StartsAsConstructed() public {
        vm.expectEmit();
        emit Ownable.OwnershipTransferred(address(0), recipient);
        Fee fee = new Fee(recipient, 511);
        assertEq(fee.FEE(), 511);
        assertEq(fee.owner(), recipient);
        assertEq(fee.FEE_RECIPIENT(), recipient);
    }

    function testFuzz_OwnerSetsAnyRate(address owner, uint16 initial, uint16 rate) public {
        Fee fee = new Fee(owner, initial);
        vm.expectEmit(address(fee));
        emit Fee.FeeUpdated(initial, rate);
        vm.prank(owner);
        fee.updateFee(rate);
        assertEq(fee.FEE(), rate);
    }

    function testFuzz_RevertWhen_AnotherSetsTheRate(address caller) public {
        vm.assume(caller != recipient);
        Fee fee = new Fee(recipient, 511);
        vm.expectRevert(Ownable.Unauthorized.selector);
        vm.prank(caller);
        fee.updateFee(0);
    }

    function test_RecipientFollowsOwnership() public {
        Fee fee = new Fee(address(this), 511);
        fee.transferOwnership(recipient);
        assertEq(fee.FEE_RECIPIENT(), recipient);
        fee.requestOwnershipHandover();
        vm.prank(recipient);
        fee.completeOwnershipHandover(address(this));
        assertEq(fee.FEE_RECIPIENT(), address(this));
        assertEq(fee.owner(), address(this));
        fee.renounceOwnership();
        assertEq(fee.FEE_RECIPIENT(), address(0));
        assertEq(fee.FEE(), 511);
    }

    function testFuzz_TermsAreRateAndRecipient(address owner, uint16 rate) public {
        Fee fee = new Fee(owner, rate);
        (uint16 stated, address payee) = fee.terms();
        assertEq(stated, rate);
        assertEq(payee, owner);
    }

    function test_ZeroMayReceive() public {
        assertEq(new Fee(address(0), 0).FEE_RECIPIENT(), address(0));
    }
}
