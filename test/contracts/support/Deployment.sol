// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {EIP712Coordinator} from "../../../contracts/EIP712Coordinator.sol";
import {Inbox} from "../../../contracts/Inbox.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {Fee} from "../../../contracts/payments/Fee.sol";
import {WalletFactory} from "../../../contracts/payments/WalletFactory.sol";
import {Reader} from "../../../contracts/utility/Reader.sol";
import {LibDeploy} from "../lib/LibDeploy.sol";
import {RecordingConsumer, Terms} from "./RecordingConsumer.sol";

/// @notice A fresh deployment with one consumer and two nodes
abstract contract Deployment is Test {
    /// @dev 5.11 %, an awkward rate, so that rounding shows
    uint16 internal constant FEE_RATE = 511;
    uint32 internal constant START = 1_700_000_000;
    string internal constant CONTAINER = "container";
    bytes32 internal constant CONTAINER_HASH = keccak256(abi.encode(CONTAINER));
    bytes internal constant INPUT = "input";
    bytes internal constant OUTPUT = "output";
    bytes internal constant PROOF = "proof";

    address internal immutable feeRecipient = makeAddr("fee recipient");
    address internal immutable alice = makeAddr("node alice");
    address internal immutable bob = makeAddr("node bob");
    address internal immutable carol = makeAddr("node carol");
    address internal immutable stranger = makeAddr("stranger");

    Registry internal registry;
    EIP712Coordinator internal coordinator;
    Inbox internal inbox;
    Reader internal reader;
    Fee internal fee;
    WalletFactory internal factory;
    RecordingConsumer internal consumer;

    function setUp() public virtual {
        vm.warp(START);
        (registry, coordinator, inbox, reader, fee, factory) =
            LibDeploy.deployContracts(address(this), vm.getNonce(address(this)), feeRecipient, FEE_RATE);
        consumer = new RecordingConsumer(address(registry));
    }

    /// @dev A free request, answered once
    function _once() internal pure returns (Terms memory terms) {
        terms.containerId = CONTAINER;
        terms.frequency = 1;
        terms.redundancy = 1;
    }

    /// @dev A free subscription
    function _recurring(uint32 frequency, uint32 period, uint16 redundancy)
        internal
        pure
        returns (Terms memory terms)
    {
        terms = _once();
        terms.frequency = frequency;
        terms.period = period;
        terms.redundancy = redundancy;
    }

    /// @dev Delivers as `node`, without a wallet
    function _deliver(address node, uint32 id, uint32 interval) internal {
        _deliver(node, id, interval, address(0));
    }

    /// @dev Delivers as `node`, to be paid into `nodeWallet`
    function _deliver(address node, uint32 id, uint32 interval, address nodeWallet) internal {
        vm.prank(node);
        coordinator.deliverCompute(id, interval, INPUT, OUTPUT, PROOF, nodeWallet);
    }

    /// @dev Delivers as `node` and returns the revert data instead of reverting
    function _refusedDelivery(address node, uint32 id, uint32 interval)
        internal
        returns (bytes memory reason)
    {
        vm.prank(node);
        try coordinator.deliverCompute(id, interval, INPUT, OUTPUT, PROOF, address(0)) {
            revert("delivered");
        } catch (bytes memory data) {
            return data;
        }
    }

    function _intervalKey(uint32 id, uint32 interval) internal pure returns (bytes32) {
        return keccak256(abi.encode(id, interval));
    }

    function _responseKey(uint32 id, uint32 interval, address node) internal pure returns (bytes32) {
        return keccak256(abi.encode(id, interval, node));
    }
}
