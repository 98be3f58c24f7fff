// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Coordinator} from "../../../contracts/Coordinator.sol";
import {BaseConsumer} from "../../../contracts/consumer/Base.sol";
import {Payments} from "../support/Payments.sol";
import {TestVerifier} from "../support/TestVerifier.sol";
import {QuirkyToken} from "../support/Tokens.sol";

/// @notice Findings of Zellic on infernet-sdk v1.1, one test or more each. Where the finding was accepted, the test
///         shows the effect that the guide for authors describes
contract ZellicTest is Payments {
    /// @dev Accepted: the answer comes before the verdict
    function test_Zellic_3_1_AnswerIsDeliveredBeforeAnOptimisticVerdict() public {
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        _deliverPaid(alice, id, 1);
        assertEq(consumer.deliveryCount(), 1);
        verifier.verdict(id, 1, alice, false);
        assertEq(consumer.deliveryCount(), 1);
    }

    function test_Zellic_3_1_AtomicFalseVerdictDoesNotStopTheCallback() public {
        verifier.set(TestVerifier.Mode.AtomicFalse);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        _deliverPaid(alice, id, 1);
        assertEq(consumer.deliveryCount(), 1);
    }

    /// @dev What an author who needs certainty does
    function test_Zellic_3_1_VerifierThatRevertsStopsTheCallback() public {
        verifier.set(TestVerifier.Mode.Refuses);
        _fundConsumer(NATIVE, 1 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        vm.expectRevert(TestVerifier.Refused.selector);
        _deliverPaid(alice, id, 1);
        assertEq(consumer.deliveryCount(), 0);
    }

    /// @dev Accepted: the slash is the compensation
    function test_Zellic_3_2_InvalidAnswerCountsTowardsRedundancy() public {
        verifier.set(TestVerifier.Mode.AtomicFalse);
        _fundConsumer(NATIVE, 2 ether);
        _fundNode(alice, NATIVE, 1 ether);
        uint32 id = consumer.subscribe(_verified(NATIVE, 1 ether, 0));
        _deliverPaid(alice, id, 1);
        vm.expectRevert(Coordinator.IntervalCompleted.selector);
        _deliverPaid(bob, id, 1);
    }

    function test_Zellic_4_1_TokensGoThroughASafeRoutine() public {
        QuirkyToken quirky = new QuirkyToken(QuirkyToken.Quirk.ReturnsNothing);
        _fundConsumer(address(quirky), 2 ether);
        uint32 id = consumer.subscribe(_paid(address(quirky), 1 ether));
        _deliverPaid(alice, id, 1);

        quirky.set(QuirkyToken.Quirk.ReturnsFalse);
        id = consumer.subscribe(_paid(address(quirky), 1 ether));
        vm.expectRevert(SafeTransferLib.TransferFailed.selector);
        _deliverPaid(alice, id, 1);
    }

    /// @dev Without a verifier, an allowlist or a check of its own, a consumer believes anyone
    function test_Zellic_4_2_OpenConsumerBelievesAnyone() public {
        uint32 id = consumer.subscribe(_once());
        vm.prank(stranger);
        coordinator.deliverCompute(id, 1, "", "made up", "", address(0));
        assertEq(consumer.delivery(0).output, "made up");
    }

    function test_Zellic_4_2_BaseConsumerChecksItsCaller() public {
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        vm.prank(stranger);
        consumer.rawReceiveCompute(1, 1, 1, alice, "", "made up", "", 0, 0);
    }
}
