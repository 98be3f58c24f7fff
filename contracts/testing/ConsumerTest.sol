// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Test} from "forge-std/Test.sol";
import {Subscription} from "../Coordinator.sol";
import {EIP712Coordinator} from "../EIP712Coordinator.sol";
import {Inbox} from "../Inbox.sol";
import {Registry} from "../Registry.sol";
import {Fee} from "../payments/Fee.sol";
import {Wallet} from "../payments/Wallet.sol";
import {WalletFactory} from "../payments/WalletFactory.sol";
import {Reader} from "../utility/Reader.sol";
import {LibDeploy} from "./LibDeploy.sol";

/// @title ConsumerTest
/// @notice Base of a consumer's own forge tests: the real contracts, and a node that does as it is told
/// @dev Answer, answer twice, delay and fail, each in a line or two:
///
///          _answer(id, "42");
///          assertEq(_refusal(id, "43"), abi.encodeWithSelector(Coordinator.IntervalCompleted.selector));
///          _waitForInterval(id, 3);
///          (bool delivered,) = _deliver(node, id, "no answer at all");
///
///      `vm.expectRevert` does not go together with these, since they read the subscription first
abstract contract ConsumerTest is Test {
    /// @dev Answers unless another node is named
    address internal immutable node = makeAddr("node");

    Registry internal registry;
    EIP712Coordinator internal coordinator;
    Inbox internal inbox;
    Reader internal reader;
    Fee internal fee;
    WalletFactory internal walletFactory;

    /// @dev Receives what is paid for answers. The node owns it, and allows itself nothing
    Wallet internal nodeWallet;

    /// @notice Deploys everything, with a protocol fee of zero
    function setUp() public virtual {
        (registry, coordinator, inbox, reader, fee, walletFactory) = LibDeploy.deployContracts(
            address(this), vm.getNonce(address(this)), makeAddr("fee recipient"), 0
        );
        nodeWallet = Wallet(payable(walletFactory.createWallet(node)));
    }

    /// @dev Answers the present interval with a language model's text; fails the test when it is refused
    function _answer(uint32 subscriptionId, string memory text) internal {
        _answerAs(node, subscriptionId, text);
    }

    /// @dev The same as another node
    function _answerAs(address by, uint32 subscriptionId, string memory text) internal {
        (bool delivered, bytes memory reason) = _deliver(by, subscriptionId, _encodeAnswer(text));
        assertTrue(delivered, string.concat("the answer was refused: ", vm.toString(reason)));
    }

    /// @dev Answers and returns the revert data; fails the test when the answer is accepted
    function _refusal(uint32 subscriptionId, string memory text) internal returns (bytes memory reason) {
        return _refusalAs(node, subscriptionId, text);
    }

    /// @dev The same as another node
    function _refusalAs(address by, uint32 subscriptionId, string memory text)
        internal
        returns (bytes memory reason)
    {
        bool delivered;
        (delivered, reason) = _deliver(by, subscriptionId, _encodeAnswer(text));
        assertFalse(delivered, "the answer was accepted");
    }

    /// @dev Delivers any output for the present interval, without input and proof
    function _deliver(address by, uint32 subscriptionId, bytes memory output)
        internal
        returns (bool delivered, bytes memory reason)
    {
        return _deliverFor(by, subscriptionId, _presentInterval(subscriptionId), output);
    }

    /// @dev The same for an interval that is over, or has not begun
    function _deliverFor(address by, uint32 subscriptionId, uint32 interval, bytes memory output)
        internal
        returns (bool delivered, bytes memory reason)
    {
        vm.prank(by);
        try coordinator.deliverCompute(subscriptionId, interval, "", output, "", address(nodeWallet)) {
            delivered = true;
        } catch (bytes memory data) {
            reason = data;
        }
    }

    /// @dev Creates a wallet of this test's that holds an amount of native coin, all of which `spender` may spend
    function _fundedWallet(address spender, uint256 amount) internal returns (Wallet wallet) {
        wallet = Wallet(payable(walletFactory.createWallet(address(this))));
        vm.deal(address(wallet), amount);
        wallet.approve(spender, address(0), amount);
    }

    /// @dev Moves the clock to the first second of an interval; what lies between stays unanswered
    function _waitForInterval(uint32 subscriptionId, uint32 interval) internal {
        Subscription memory terms = coordinator.getSubscription(subscriptionId);
        vm.warp(uint256(terms.activeAt) + uint256(terms.period) * (interval - 1));
    }

    /// @dev Interval that an answer would be for
    function _presentInterval(uint32 subscriptionId) internal view returns (uint32 interval) {
        Subscription memory terms = coordinator.getSubscription(subscriptionId);
        return coordinator.getSubscriptionInterval(terms.activeAt, terms.period);
    }

    /// @dev What a node makes of a language model's answer
    function _encodeAnswer(string memory text) internal pure returns (bytes memory output) {
        return abi.encode(abi.encode(text), bytes(""));
    }
}
