// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {LibRLP} from "solady/utils/LibRLP.sol";
import {Coordinator} from "../../contracts/Coordinator.sol";
import {Wallet} from "../../contracts/payments/Wallet.sol";
import {WalletFactory} from "../../contracts/payments/WalletFactory.sol";
import {WalletProxy} from "../../contracts/payments/WalletProxy.sol";
import {Payments} from "./support/Payments.sol";
import {Terms} from "./support/RecordingConsumer.sol";

/// @notice Gives any answer to any call
contract AnyAnswer {
    bytes private answer;
    bool private refuses;

    function set(bytes calldata answer_, bool refuses_) external {
        (answer, refuses) = (answer_, refuses_);
    }

    fallback() external {
        bytes memory data = answer;
        bool refuses_ = refuses;
        assembly {
            if refuses_ { revert(add(data, 32), mload(data)) }
            return(add(data, 32), mload(data))
        }
    }
}

/// @notice A wallet that was not created by the factory is paid nothing, whatever it says
contract WalletOriginTest is Payments {
    AnyAnswer private liar;
    uint32 private id;

    function setUp() public override {
        super.setUp();
        liar = new AnyAnswer();
        _fundConsumer(NATIVE, 10 ether);
        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.redundancy = 1000;
        id = consumer.subscribe(terms);
    }

    /// @dev Neither the node's nor the consumer's wallet may be the liar
    function _assertRefused(address wallet) private {
        assertFalse(factory.isValidWallet(wallet));
        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliver(alice, id, 1, wallet);

        Terms memory terms = _paid(NATIVE, 1 ether);
        terms.wallet = wallet;
        uint32 other = consumer.subscribe(terms);
        vm.expectRevert(Coordinator.InvalidWallet.selector);
        _deliverPaid(alice, other, 1);
    }

    function testFuzz_LiarIsRefusedWhateverNonceItStates(uint256 nonce) public {
        liar.set(abi.encode(nonce), false);
        _assertRefused(address(liar));
    }

    function test_LiarIsRefusedWithTheNonceOfAnyRealWallet() public {
        for (uint256 nonce = 0; nonce < 5; nonce++) {
            liar.set(abi.encode(nonce), false);
            _assertRefused(address(liar));
        }
    }

    function test_WhatIsNoAnswerIsRefused() public {
        uint256 nonce = vm.getNonce(address(this)) - 1;
        while (LibRLP.computeAddress(address(this), nonce) != address(liar)) nonce--;
        // Even for its true creator, the liar must state its nonce in a whole word and without reverting.
        WalletFactory creator = WalletFactory(address(this));
        liar.set(abi.encode(nonce), false);
        assertTrue(_isCreatedBy(address(liar), address(creator)));
        liar.set(abi.encode(nonce, "and more"), false);
        assertTrue(_isCreatedBy(address(liar), address(creator)));
        liar.set(abi.encode(nonce), true);
        assertFalse(_isCreatedBy(address(liar), address(creator)));
        liar.set(abi.encodePacked(uint248(nonce)), false);
        assertFalse(_isCreatedBy(address(liar), address(creator)));
        liar.set("", false);
        assertFalse(_isCreatedBy(address(liar), address(creator)));
    }

    /// @dev Asks a factory that is put in the creator's place
    function _isCreatedBy(address wallet, address creator) private returns (bool) {
        vm.etch(creator, address(factory).code);
        return WalletFactory(creator).isValidWallet(wallet);
    }

    function test_NobodyIsAtTheAddressOfTheNextWallet() public {
        _assertRefused(vm.computeCreateAddress(address(factory), vm.getNonce(address(factory))));
        _assertRefused(makeAddr("account without code"));
    }

    /// @dev A copy of a wallet's code, nonce and all, is at another address
    function test_CopyOfAWalletIsRefused() public {
        address copy = makeAddr("copy");
        vm.etch(copy, address(nodeWallet).code);
        assertEq(Wallet(payable(copy)).FACTORY_NONCE(), nodeWallet.FACTORY_NONCE());
        _assertRefused(copy);
        _assertRefused(address(new Wallet(registry, address(this))));
        _assertRefused(address(new WalletProxy(address(consumerWallet), 1, address(this))));
        _assertRefused(new WalletFactory(registry).createWallet(address(this)));
    }

    function test_WalletsStateTheirNonce() public {
        assertEq(consumerWallet.FACTORY_NONCE(), 1);
        assertEq(nodeWallet.FACTORY_NONCE(), 2);
        for (uint256 nonce = 3; nonce < 300; nonce++) {
            address wallet = factory.createWallet(alice);
            assertEq(Wallet(payable(wallet)).FACTORY_NONCE(), nonce);
            assertTrue(factory.isValidWallet(wallet));
        }
    }

    /// @dev Longer nonces than a test can count to, by setting the factory's
    function testFuzz_EveryNonceIsProof(uint40 nonce) public {
        nonce = uint40(bound(nonce, 3, type(uint40).max));
        _setNonce(nonce);
        address wallet = factory.createWallet(address(this));
        assertTrue(factory.isValidWallet(wallet));
        _deliver(alice, id, 1, wallet);
        assertEq(wallet.balance, 0.8978 ether);
    }

    /// @dev Without a bound, a liar could search its nonce among all words
    function test_NonceBeyondTheBoundIsNoProof() public {
        uint64 last = type(uint40).max;
        _setNonce(last);
        assertTrue(factory.isValidWallet(factory.createWallet(alice)));

        address beyond = vm.computeCreateAddress(address(factory), last + 1);
        vm.etch(beyond, address(liar).code);
        AnyAnswer(beyond).set(abi.encode(last + 1), false);
        _assertRefused(beyond);
    }

    /// @dev The factory keeps its next nonce in one slot with its first wallet
    function _setNonce(uint64 nonce) private {
        vm.setNonce(address(factory), nonce);
        vm.store(address(factory), 0, bytes32(uint256(nonce) << 160 | uint160(address(consumerWallet))));
    }

    /// @dev The fallback answers the one question itself and passes on everything else, shorter calls included
    function test_ProxyPassesOnWhatOnlyResemblesTheQuestion() public {
        bytes memory question = abi.encodeCall(Wallet.FACTORY_NONCE, ());
        (bool success, bytes memory answer) =
            address(nodeWallet).staticcall(abi.encodePacked(question, "tail"));
        assertTrue(success);
        assertEq(answer, abi.encode(2));

        (success, answer) = address(nodeWallet).call(hex"d50256");
        assertFalse(success);
        (success, answer) = address(nodeWallet).call(hex"d5025624");
        assertFalse(success);
    }
}
