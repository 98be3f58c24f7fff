// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Coordinator} from "../../../contracts/Coordinator.sol";
import {Registry} from "../../../contracts/Registry.sol";

/// @notice Coordinator whose fee arithmetic can be called
contract FeeArithmetic is Coordinator {
    constructor(Registry registry) Coordinator(registry) {}

    function calculateFee(uint256 amount, uint16 fee) external pure returns (uint256) {
        return _calculateFee(amount, fee);
    }
}

/// @notice Whom one delivery pays how much, for every amount, protocol rate and verifier fee; halmos takes the
///         arguments of `check_` functions as symbols, so that each of them is a proof and not a sample
/// @dev This contract is everybody else: consumer, both wallets, fee registry and verifier. The wallet factory is
///      the account that created it
contract FeeCheck is Test {
    address internal constant PROTOCOL = address(0xFEE);
    address internal constant PAYEE = address(0xC0DE);
    /// @dev Who deploys tests, with its first nonce
    address internal constant CREATOR = 0x1804c8AB1F12E6bbf3894d4083f33e07309d1f38;
    uint256 internal constant SCALE = 10_000;

    FeeArithmetic internal coordinator;
    uint16 internal protocolFee;
    uint256 internal verifierFee;
    mapping(address => uint256) internal paid;
    uint256[] internal locks;

    function setUp() public {
        coordinator =
            new FeeArithmetic(new Registry(address(0), address(0), address(0), address(this), CREATOR));
    }

    /// @dev What the formula means (rounding down, at most the whole) is division of 256-bit words, which no
    ///      solver decides in useful time; the fuzz tests of payments have that
    function check_ShareFollowsTheFormula(uint256 amount, uint16 rate) external view {
        uint256 product;
        unchecked {
            product = amount * rate;
        }
        bool fits = amount == 0 || rate == product / amount;
        try coordinator.calculateFee(amount, rate) returns (uint256 share) {
            assert(fits && share == product / SCALE);
        } catch {
            assert(!fits);
        }
    }

    function check_ProtocolAndNodeShareTheAmount(uint256 amount, uint16 rate) external {
        vm.assume(0 < amount && amount <= type(uint128).max);
        uint256 share = amount * (2 * uint256(rate)) / SCALE;
        if (_deliver(amount, rate, address(0), 0)) {
            assert(share <= amount);
            assert(paid[PROTOCOL] == share);
            assert(paid[address(this)] == amount - share);
            assert(paid[PAYEE] == 0);
            assert(locks.length == 0);
        } else {
            assert(share > amount);
        }
    }

    function check_WithAVerifierEveryUnitIsPaidOrLocked(uint256 amount, uint16 rate, uint256 fee_) external {
        vm.assume(0 < amount && amount <= type(uint128).max && fee_ <= type(uint128).max);
        uint256 share = amount * (2 * uint256(rate)) / SCALE;
        bool covered = share <= amount && fee_ <= amount - share;
        if (_deliver(amount, rate, address(this), fee_)) {
            assert(covered);
            assert(locks.length == 2);
            // The node's collateral is the whole amount; its reward is what nobody else gets.
            assert(locks[0] == amount);
            assert(paid[PROTOCOL] + paid[PAYEE] + locks[1] == amount);
            assert(paid[PROTOCOL] - share == fee_ * rate / SCALE);
            assert(paid[PROTOCOL] - share + paid[PAYEE] == fee_);
            assert(paid[address(this)] == 0);
        } else {
            assert(!covered || fee_ * rate / SCALE > fee_);
        }
    }

    /// @dev Subscribes and answers; returns whether the answer was accepted
    function _deliver(uint256 amount, uint16 rate, address verifier, uint256 fee_)
        private
        returns (bool accepted)
    {
        (protocolFee, verifierFee) = (rate, fee_);
        uint32 id =
            coordinator.createSubscription("", 1, 0, 1, false, address(0), amount, address(this), verifier);
        (accepted,) = address(coordinator)
            .call(abi.encodeCall(Coordinator.deliverCompute, (id, 1, "", "", "", address(this))));
    }

    function rawReceiveCompute(
        uint32,
        uint32,
        uint16,
        address,
        bytes calldata,
        bytes calldata,
        bytes calldata,
        bytes32,
        uint256
    ) external {}

    function FACTORY_NONCE() external pure returns (uint256) {
        return 1;
    }

    function terms() external view returns (uint16, address) {
        return (protocolFee, PROTOCOL);
    }

    function cSplit(
        address,
        address,
        address first,
        uint256 firstAmount,
        address second,
        uint256 secondAmount
    ) external {
        paid[first] += firstAmount;
        paid[second] += secondAmount;
    }

    function cTransfer(address, address, address to, uint256 amount) external {
        paid[to] += amount;
    }

    function cLock(address, address, uint256 amount) external {
        locks.push(amount);
    }

    function isSupportedToken(address) external pure returns (bool) {
        return true;
    }

    function fee(address) external view returns (uint256) {
        return verifierFee;
    }

    function getWallet() external pure returns (address) {
        return PAYEE;
    }

    function requestProofVerification(uint32, uint32, address, bytes calldata) external {}
}
