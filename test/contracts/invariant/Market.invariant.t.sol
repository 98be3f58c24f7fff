// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {StdInvariant} from "forge-std/StdInvariant.sol";
import {Subscription} from "../../../contracts/Coordinator.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {Deployment} from "../support/Deployment.sol";
import {MarketHandler} from "./MarketHandler.sol";

/// @notice What holds whatever consumers, nodes, verifiers and owners do
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: default.invariant.depth = 128
/// forge-config: deep.invariant.depth = 500
contract MarketInvariantTest is StdInvariant, Deployment {
    MarketHandler private market;

    function setUp() public override {
        super.setUp();
        market = new MarketHandler(registry, feeRecipient);
        targetContract(address(market));
        bytes4[] memory actions = new bytes4[](10);
        actions[0] = market.subscribe.selector;
        actions[1] = market.cancel.selector;
        actions[2] = market.deliver.selector;
        actions[3] = market.settle.selector;
        actions[4] = market.settleAsStranger.selector;
        actions[5] = market.approve.selector;
        actions[6] = market.withdraw.selector;
        actions[7] = market.deposit.selector;
        actions[8] = market.setRates.selector;
        actions[9] = market.wait.selector;
        targetSelector(FuzzSelector(address(market), actions));
    }

    /// @dev Escrow in = paid out + given back + still locked, to the wei
    function invariant_EscrowIsAccountedFor() public view {
        for (uint256 t = 0; t < 2; t++) {
            address token = market.tokenAt(t);
            uint256 locked = 0;
            for (uint256 w = 0; w < 4; w++) {
                locked += market.lockedIn(market.walletAt(w), token);
            }
            assertEq(market.escrowedIn(token), market.paidOut(token) + market.givenBack(token) + locked);
        }
    }

    /// @dev What a wallet holds locked belongs to open proofs, and the wallet has it
    function invariant_LockedFundsAreOwedAndBacked() public view {
        for (uint256 t = 0; t < 2; t++) {
            address token = market.tokenAt(t);
            for (uint256 w = 0; w < 4; w++) {
                Wallet wallet = market.walletAt(w);
                assertEq(market.lockedIn(wallet, token), market.lockedByModel(wallet, token));
                assertGe(market.balanceOf(token, address(wallet)), market.lockedIn(wallet, token));
            }
        }
    }

    /// @dev The contracts neither make, lose nor keep a wei
    function invariant_FundsAreConserved() public view {
        for (uint256 t = 0; t < 2; t++) {
            address token = market.tokenAt(t);
            assertEq(market.holdings(token), 1000 ether);
            assertEq(market.balanceOf(token, address(coordinator)), 0);
        }
    }

    /// @dev An interval that is over or has not begun, and a cancelled subscription, are never answered
    function invariant_OnlyOpenIntervalsAreAnswered() public view {
        assertEq(market.deliveredOutOfTime(), 0);
    }

    /// @dev No node answers an interval twice
    function invariant_NodeAnswersAnIntervalOnce() public view {
        assertEq(market.deliveredAgain(), 0);
    }

    /// @dev Answers per interval never exceed the redundancy, and each is by a node of its own. After a call, this
    ///      looks at the subscription that was asked for answers
    function invariant_QuotaIsKept() public view {
        if (market.lastAsked() != 0) _checkQuota(market.lastAsked());
        assertEq(market.deliveries(), market.deliveriesReceived(), "each reached its consumer, once");
    }

    /// @dev At the end of a run, all subscriptions are looked at: none has changed by what was done to others
    function afterInvariant() public view {
        uint256 answers = 0;
        uint32[] memory ids = market.subscriptionIds();
        for (uint256 i = 0; i < ids.length; i++) {
            answers += _checkQuota(ids[i]);
        }
        assertEq(answers, market.deliveries(), "each was counted, once");
    }

    /// @dev Returns how many answers the coordinator counts for a subscription
    function _checkQuota(uint32 id) private view returns (uint256 answers) {
        Subscription memory sub = coordinator.getSubscription(id);
        for (uint32 interval = 0; interval <= 4; interval++) {
            uint16 count = coordinator.redundancyCount(_intervalKey(id, interval));
            assertLe(count, sub.redundancy);
            assertEq(count, market.answersTo(_intervalKey(id, interval)));
            uint16 nodes = 0;
            for (uint256 n = 0; n < 3; n++) {
                if (coordinator.nodeResponded(_responseKey(id, interval, market.nodeAt(n)))) nodes++;
            }
            assertEq(count, nodes);
            answers += count;
        }
    }
}
