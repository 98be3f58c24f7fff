// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Coordinator, Subscription} from "../../../contracts/Coordinator.sol";
import {Inbox} from "../../../contracts/Inbox.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {Fee} from "../../../contracts/payments/Fee.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../../contracts/payments/WalletFactory.sol";
import {RecordingConsumer, Terms} from "../support/RecordingConsumer.sol";
import {TestVerifier} from "../support/TestVerifier.sol";
import {TestToken} from "../support/Tokens.sol";

/// @notice Consumers, nodes, verifiers and owners who do anything in any order, next to a model of what must come
///         of it. Whatever the model forbids makes a call revert, and a call that reverts is a failure
contract MarketHandler is Test {
    struct OpenProof {
        uint32 id;
        uint32 interval;
        address node;
        Wallet nodeWallet;
        uint256 escrow;
    }

    uint256 private constant FUNDS = 1000 ether;

    Coordinator private immutable coordinator;
    Inbox private immutable inbox;
    Fee private immutable fee;
    address private immutable feeRecipient;
    address private immutable payee = makeAddr("verifier payee");

    RecordingConsumer[2] private consumers;
    TestVerifier[3] private verifiers;
    Wallet[4] private wallets;
    address[3] private nodes = [makeAddr("node 1"), makeAddr("node 2"), makeAddr("node 3")];
    address[2] private tokens;

    OpenProof[] private openProofs;
    uint32[] private ids;

    /// @dev What the wallets must hold locked
    mapping(Wallet => mapping(address => uint256)) public lockedByModel;

    mapping(address => uint256) public escrowedIn;
    mapping(address => uint256) public paidOut;
    mapping(address => uint256) public givenBack;
    uint256 public deliveries;

    /// @dev Answers that were accepted for an interval that was not open, or of a cancelled subscription
    uint256 public deliveredOutOfTime;

    /// @dev Answers that were accepted of a node that had answered the interval before
    uint256 public deliveredAgain;

    /// @dev Accepted answers by interval key, and whether a node's was by response key
    mapping(bytes32 => uint256) public answersTo;
    mapping(bytes32 => bool) private answered;

    /// @dev Subscription that was last asked to be answered; 0 before that
    uint32 public lastAsked;

    constructor(Registry registry, address feeRecipient_) {
        coordinator = Coordinator(registry.COORDINATOR());
        inbox = Inbox(registry.INBOX());
        fee = Fee(registry.FEE());
        feeRecipient = feeRecipient_;
        TestToken token = new TestToken();
        tokens[1] = address(token);
        deal(address(this), FUNDS);
        token.mint(address(this), FUNDS);

        for (uint256 i = 0; i < consumers.length; i++) {
            consumers[i] = new RecordingConsumer(address(registry));
        }
        for (uint256 i = 0; i < verifiers.length; i++) {
            verifiers[i] = new TestVerifier(registry, payee);
            verifiers[i].support(tokens[0], 0.01 ether);
            verifiers[i].support(tokens[1], 0.01 ether);
        }
        verifiers[1].set(TestVerifier.Mode.AtomicTrue);
        verifiers[2].set(TestVerifier.Mode.AtomicFalse);
        for (uint256 i = 0; i < wallets.length; i++) {
            wallets[i] = Wallet(payable(WalletFactory(registry.WALLET_FACTORY()).createWallet(address(this))));
            deposit(i, 0, 100 ether);
            deposit(i, 1, 100 ether);
            for (uint256 t = 0; t < tokens.length; t++) {
                for (uint256 n = 0; n < nodes.length; n++) {
                    wallets[i].approve(nodes[n], tokens[t], 50 ether);
                }
                for (uint256 c = 0; c < consumers.length; c++) {
                    wallets[i].approve(address(consumers[c]), tokens[t], 50 ether);
                }
            }
        }
    }

    receive() external payable {}

    // Actions

    function subscribe(uint256 seed, uint256 amount, bool lazy) external {
        if (ids.length == 20) return;
        uint256 verifier = seed % 6;
        Terms memory terms = Terms({
            containerId: "container",
            frequency: [uint32(1), 2, 3][seed / 6 % 3],
            period: [uint32(0), 1 days, 2 days][seed / 18 % 3],
            redundancy: [uint16(2), 3, 0, 1][seed / 54 % 4],
            lazy: lazy,
            token: tokens[seed / 216 % 2],
            amount: seed % 5 == 0 ? 0 : bound(amount, seed % 5 == 1 ? 1 : 1 ether, 10 ether),
            wallet: address(wallets[seed / 432 % 4]),
            verifier: verifier == 0 ? address(0) : address(verifiers[verifier < 3 ? verifier : 0])
        });
        ids.push(consumers[seed / 1728 % 2].subscribe(terms));
    }

    function cancel(uint256 seed) external {
        if (ids.length == 0 || seed % 8 != 0) return;
        uint32 id = ids[seed / 8 % ids.length];
        RecordingConsumer(coordinator.getSubscription(id).owner).cancel(id);
    }

    /// @dev The nodes answer one after another, most often for the present interval
    function deliver(uint256 seed, uint256 walletSeed) external {
        if (ids.length == 0) return;
        uint32 id = ids[seed % 2 == 0 ? ids.length - 1 : seed / 2 % ids.length];
        Subscription memory sub = coordinator.getSubscription(id);
        if (seed % 8 != 0 && block.timestamp < sub.activeAt && sub.activeAt != type(uint32).max) {
            vm.warp(sub.activeAt);
        }
        lastAsked = id;
        uint32 interval = coordinator.getSubscriptionInterval(sub.activeAt, sub.period);
        if (seed % 7 == 0) interval = [uint32(0), 1, 2, 3, 4][walletSeed % 5];
        for (uint256 n = 0; n < nodes.length; n++) {
            _deliver(id, sub, interval, nodes[n], wallets[(walletSeed >> n) % wallets.length]);
        }
    }

    function _deliver(uint32 id, Subscription memory sub, uint32 interval, address node, Wallet nodeWallet)
        private
    {
        bool open = _isOpen(sub, interval);
        bool allowed = open && _hasRoom(id, sub, interval, node);

        vm.prank(node);
        try coordinator.deliverCompute(id, interval, "in", "out", "proof", address(nodeWallet)) {
            if (!open) deliveredOutOfTime++;
            _recordAnswer(id, interval, node);
            _recordDelivery(id, sub, interval, node, nodeWallet);
        } catch {
            assertFalse(allowed && sub.paymentAmount == 0, "refused without a reason");
        }
    }

    /// @dev Must always succeed: nobody can veto a settlement
    function settle(uint256 seed, bool valid) external {
        if (openProofs.length == 0) return;
        uint256 position = seed % openProofs.length;
        OpenProof memory proof = openProofs[position];
        Subscription memory sub = coordinator.getSubscription(proof.id);
        (uint32 expiry,,) =
            coordinator.proofRequests(keccak256(abi.encode(proof.id, proof.interval, proof.node)));
        bool slashed = !valid && block.timestamp < expiry;

        vm.prank(block.timestamp < expiry ? sub.verifier : makeAddr("anyone"));
        coordinator.finalizeProofVerification(proof.id, proof.interval, proof.node, valid);

        _release(proof.nodeWallet, sub.paymentToken, sub.paymentAmount);
        _release(Wallet(sub.wallet), sub.paymentToken, proof.escrow);
        paidOut[sub.paymentToken] += slashed ? sub.paymentAmount : proof.escrow;
        givenBack[sub.paymentToken] += slashed ? proof.escrow : sub.paymentAmount;
        openProofs[position] = openProofs[openProofs.length - 1];
        openProofs.pop();
    }

    function settleAsStranger(uint256 seed, bool valid) external {
        if (openProofs.length == 0) return;
        OpenProof memory proof = openProofs[seed % openProofs.length];
        (uint32 expiry,,) =
            coordinator.proofRequests(keccak256(abi.encode(proof.id, proof.interval, proof.node)));
        if (block.timestamp >= expiry) return;
        vm.expectRevert(Coordinator.UnauthorizedVerifier.selector);
        coordinator.finalizeProofVerification(proof.id, proof.interval, proof.node, valid);
    }

    function approve(uint256 walletSeed, uint256 spenderSeed, uint256 tokenSeed, uint256 amount) external {
        address spender =
            spenderSeed % 2 == 0 ? nodes[spenderSeed / 2 % 3] : address(consumers[spenderSeed / 2 % 2]);
        if (amount % 4 != 0) amount = type(uint256).max;
        wallets[walletSeed % wallets.length].approve(spender, tokens[tokenSeed % 2], amount);
    }

    function withdraw(uint256 walletSeed, uint256 tokenSeed, uint256 amount) external {
        Wallet wallet = wallets[walletSeed % wallets.length];
        address token = tokens[tokenSeed % 2];
        uint256 balance = balanceOf(token, address(wallet));
        amount = bound(amount, 0, balance + 1);
        bool allowed = amount <= balance - lockedByModel[wallet][token];
        try wallet.withdraw(token, amount) {
            assertTrue(allowed, "withdrew what is locked");
        } catch {
            assertFalse(allowed, "kept what is free");
        }
    }

    function deposit(uint256 walletSeed, uint256 tokenSeed, uint256 amount) public {
        address wallet = address(wallets[walletSeed % wallets.length]);
        address token = tokens[tokenSeed % 2];
        amount = bound(amount, 0, balanceOf(token, address(this)));
        if (token == address(0)) {
            (bool ok,) = wallet.call{value: amount}("");
            assertTrue(ok);
        } else {
            assertTrue(TestToken(token).transfer(wallet, amount));
        }
    }

    function setRates(uint16 rate, uint256 verifierFee, uint256 seed) external {
        vm.prank(feeRecipient);
        fee.updateFee(seed % 16 == 0 ? rate : rate % 1000);
        verifiers[seed % 3].support(tokens[seed / 3 % 2], bound(verifierFee, 0, 0.5 ether));
    }

    function wait(uint32 elapsed) external {
        vm.warp(block.timestamp + bound(elapsed, 1, elapsed % 8 == 0 ? 8 days : 12 hours));
    }

    // The model

    function _isOpen(Subscription memory sub, uint32 interval) private view returns (bool) {
        if (sub.activeAt == type(uint32).max || block.timestamp < sub.activeAt) return false;
        uint256 present = sub.period == 0 ? 1 : (block.timestamp - sub.activeAt) / sub.period + 1;
        return interval == present && interval <= sub.frequency;
    }

    function _hasRoom(uint32 id, Subscription memory sub, uint32 interval, address node)
        private
        view
        returns (bool)
    {
        return coordinator.redundancyCount(keccak256(abi.encode(id, interval))) < sub.redundancy
            && !coordinator.nodeResponded(keccak256(abi.encode(id, interval, node)));
    }

    function _recordAnswer(uint32 id, uint32 interval, address node) private {
        bytes32 responseKey = keccak256(abi.encode(id, interval, node));
        if (answered[responseKey]) deliveredAgain++;
        answered[responseKey] = true;
        answersTo[keccak256(abi.encode(id, interval))]++;
    }

    function _recordDelivery(
        uint32 id,
        Subscription memory sub,
        uint32 interval,
        address node,
        Wallet nodeWallet
    ) private {
        deliveries++;
        if (sub.paymentAmount == 0 || sub.verifier != address(verifiers[0])) return;
        (,, uint256 escrow) = coordinator.proofRequests(keccak256(abi.encode(id, interval, node)));
        openProofs.push(OpenProof(id, interval, node, nodeWallet, escrow));
        lockedByModel[nodeWallet][sub.paymentToken] += sub.paymentAmount;
        lockedByModel[Wallet(sub.wallet)][sub.paymentToken] += escrow;
        escrowedIn[sub.paymentToken] += sub.paymentAmount + escrow;
    }

    function _release(Wallet wallet, address token, uint256 amount) private {
        lockedByModel[wallet][token] -= amount;
    }

    // What invariants look at

    /// @dev Reads what a wallet keeps private: slot 0 maps tokens to locked amounts
    function lockedIn(Wallet wallet, address token) public view returns (uint256) {
        return uint256(vm.load(address(wallet), keccak256(abi.encode(token, uint256(0)))));
    }

    function balanceOf(address token, address account) public view returns (uint256) {
        return token == address(0) ? account.balance : TestToken(token).balanceOf(account);
    }

    function tokenAt(uint256 position) external view returns (address) {
        return tokens[position];
    }

    function walletAt(uint256 position) external view returns (Wallet) {
        return wallets[position];
    }

    function nodeAt(uint256 position) external view returns (address) {
        return nodes[position];
    }

    function subscriptionIds() external view returns (uint32[] memory) {
        return ids;
    }

    /// @dev Sum over every account that may hold a token
    function holdings(address token) external view returns (uint256 sum) {
        sum = balanceOf(token, address(this)) + balanceOf(token, feeRecipient) + balanceOf(token, payee);
        for (uint256 i = 0; i < wallets.length; i++) {
            sum += balanceOf(token, address(wallets[i]));
        }
    }

    function deliveriesReceived() external view returns (uint256) {
        return consumers[0].deliveryCount() + consumers[1].deliveryCount();
    }
}
