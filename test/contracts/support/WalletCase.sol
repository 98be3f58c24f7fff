// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../../contracts/payments/WalletFactory.sol";
import {TestToken} from "./Tokens.sol";

/// @notice One wallet and those who deal with it. Every way a wallet comes into being behaves the same, so that each
///         group of tests runs once per kind
abstract contract WalletCase is Test {
    enum Kind {
        /// Built without a factory
        Direct,
        /// The first of its factory, a whole one too
        First,
        /// A later one of its factory, which is a proxy
        Later
    }

    address internal constant NATIVE = address(0);

    address internal immutable coordinator = makeAddr("coordinator");
    address internal immutable owner = makeAddr("owner");
    address internal immutable payee = makeAddr("payee");
    address internal immutable b = makeAddr("spender b");
    address internal immutable c = makeAddr("spender c");

    Kind private immutable kind;

    Registry internal registry;
    TestToken internal token;
    Wallet internal wallet;

    constructor(Kind kind_) {
        kind = kind_;
    }

    function setUp() public virtual {
        registry = new Registry(coordinator, address(0), address(0), address(0), address(0));
        token = new TestToken();
        wallet = _createWallet(owner);
    }

    function _createWallet(address initialOwner) internal returns (Wallet) {
        if (kind == Kind.Direct) return new Wallet(registry, initialOwner);
        WalletFactory factory = new WalletFactory(registry);
        if (kind == Kind.Later) factory.createWallet(makeAddr("somebody else"));
        return Wallet(payable(factory.createWallet(initialOwner)));
    }

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
}
