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
        uint32[] memory ids = market.subscriptionIds();
        for (uint256 i = 0; i < ids.length; i++) {
            for (uint32 interval = 0; interval <= 4; interval++) {
                for (uint256 n = 0; n < 3; n++) {
                    assertLe(market.answersBy(_responseKey(ids[i], interval, market.nodeAt(n))), 1);
                }
            }
        }
    }

    /// @dev Answers per interval never exceed the redundancy, and each is by a node of its own
    function invariant_QuotaIsKept() public view {
        uint256 answers = 0;
        uint32[] memory ids = market.subscriptionIds();
        for (uint256 i = 0; i < ids.length; i++) {
            Subscription memory sub = coordinator.getSubscription(ids[i]);
            for (uint32 interval = 1; interval <= sub.frequency; interval++) {
                uint16 count = coordinator.redundancyCount(_intervalKey(ids[i], interval));
                assertLe(count, sub.redundancy);
                uint16 nodes = 0;
                for (uint256 n = 0; n < 3; n++) {
                    if (coordinator.nodeResponded(_responseKey(ids[i], interval, market.nodeAt(n)))) nodes++;
                }
                assertEq(count, nodes);
                answers += count;
            }
        }
        assertEq(answers, market.deliveries());
        assertEq(answers, market.deliveriesReceived(), "each counted answer reached its consumer, once");
    }
}
