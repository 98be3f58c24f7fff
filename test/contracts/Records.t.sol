// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Terms} from "./support/RecordingConsumer.sol";
import {Payments} from "./support/Payments.sol";

/// @notice How many slots the coordinator writes: the packing shows nowhere else but in the price
contract RecordsTest is Payments {
    /// @dev Slots met while counting: without the optimizer, one is written field by field
    mapping(bytes32 => bool) private seen;

    /// @dev Distinct slots of the coordinator that were written since `vm.record`
    function _written() private returns (uint256 count) {
        (, bytes32[] memory writes) = vm.accesses(address(coordinator));
        for (uint256 i = 0; i < writes.length; i++) {
            if (!seen[writes[i]]) count++;
            seen[writes[i]] = true;
        }
        for (uint256 i = 0; i < writes.length; i++) {
            delete seen[writes[i]];
        }
    }

    /// @dev Slots of a subscription beside the counter of ids
    function _slotsOf(Terms memory terms) private returns (uint256) {
        vm.record();
        consumer.subscribe(terms);
        return _written() - 1;
    }

    function test_FreeSubscriptionTakesThree() public {
        assertEq(_slotsOf(_once()), 3);
    }

    function test_WalletTakesOneMore() public {
        assertEq(_slotsOf(_paid(NATIVE, 0)), 4);
    }

    function test_TokenFitsIntoGaps() public {
        assertEq(_slotsOf(_paid(address(token), 0)), 4);
        Terms memory terms = _once();
        terms.token = address(uint160(type(uint64).max));
        assertEq(_slotsOf(terms), 3, "low part alone");
        terms.token = address(uint160(1) << 64);
        assertEq(_slotsOf(terms), 4, "high part alone");
    }

    function test_AmountTakesTheVerifiersPlace() public {
        assertEq(_slotsOf(_paid(NATIVE, 1)), 4);
        assertEq(_slotsOf(_paid(NATIVE, type(uint160).max)), 4);
        assertEq(_slotsOf(_paid(NATIVE, uint256(type(uint160).max) + 1)), 5);
    }

    function test_VerifierMovesTheAmountToASlotOfItsOwn() public {
        assertEq(_slotsOf(_verified(NATIVE, 0, 0)), 4);
        assertEq(_slotsOf(_verified(NATIVE, 1, 0)), 5);
    }

    /// @dev Slots of a proof request, at its creation and at its end: what a delivery writes beside them are the
    ///      lock, the count and the node's mark
    function _slotsOfProof(uint256 escrow) private returns (uint256 created, uint256 erased) {
        vm.prank(feeRecipient);
        fee.updateFee(0);
        _fundConsumer(NATIVE, escrow);
        _fundNode(alice, NATIVE, escrow);
        uint32 id = consumer.subscribe(_verified(NATIVE, escrow, 0));

        vm.record();
        _deliverPaid(alice, id, 1);
        created = _written() - 3;
        vm.record();
        verifier.verdict(id, 1, alice, true);
        erased = _written();
    }

    function test_ProofTakesOne() public {
        (uint256 created, uint256 erased) = _slotsOfProof(type(uint64).max - 1);
        assertEq(created, 1);
        assertEq(erased, 1);
    }

    function test_ProofOfALargeEscrowTakesTwo() public {
        (uint256 created, uint256 erased) = _slotsOfProof(type(uint64).max);
        assertEq(created, 2);
        assertEq(erased, 2);
    }
}
