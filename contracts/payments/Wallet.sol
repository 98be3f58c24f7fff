// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Ownable} from "solady/auth/Ownable.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {Registry} from "../Registry.sol";
import {Coordinated} from "../utility/Coordinated.sol";

/// @title Wallet
/// @notice Holds native coin and ERC20 tokens of one owner, who grants spenders (consumer contracts, node
///         addresses) a limit per token within which the coordinator pays and locks
/// @dev Throughout, token `address(0)` is the native coin and amounts are raw units. Locked amounts are
///      reserved: neither the owner nor another payment can spend them. Tokens that charge on transfer or
///      whose balances change by themselves are not supported
contract Wallet is Ownable, Coordinated {
    using FixedPointMathLib for uint256;
    using SafeTransferLib for address;

    /// @dev Per token, the sum locked for all spenders
    mapping(address => uint256) private lockedBalance;

    /// @notice What a spender may still spend or lock: spender => token => amount
    mapping(address => mapping(address => uint256)) public allowance;

    /// @notice The unlocked balance is too small, or more was to be unlocked than is locked
    error InsufficientFunds();

    /// @notice The spender's allowance is too small
    error InsufficientAllowance();

    /// @notice The owner withdrew funds; the spelling is part of the ABI
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units
    event Withdrawl(address token, uint256 amount);

    /// @notice The owner set a spender's allowance
    /// @param spender consumer contract or node address
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units it may spend from now on
    event Approval(address indexed spender, address token, uint256 amount);

    /// @notice An amount was locked or unlocked on behalf of a spender
    /// @param spender whose allowance was lowered or raised by it
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units
    /// @param locked true: locked; false: unlocked
    event Escrow(address indexed spender, address token, uint256 amount, bool locked);

    /// @notice An amount was paid on behalf of a spender
    /// @param spender whose allowance was used
    /// @param token ERC20 address, or zero for the native coin
    /// @param to recipient
    /// @param amount raw units
    event Transfer(address indexed spender, address token, address indexed to, uint256 amount);

    /// @param registry address book that names the coordinator
    /// @param initialOwner may withdraw and approve; zero is allowed
    constructor(Registry registry, address initialOwner) Coordinated(registry) {
        _initializeOwner(initialOwner);
    }

    /// @notice Nonce with which a factory created this wallet, if one did
    /// @dev What this is good for stands in `WalletOrigin`. Of a factory's wallets only the first runs this code
    ///      itself; the later ones are proxies, which state their own nonce
    /// @return nonce 1, a contract's first
    function FACTORY_NONCE() external pure returns (uint256 nonce) {
        return 1;
    }

    /// @notice Sends unlocked funds to the owner
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units, at most the unlocked balance
    function withdraw(address token, uint256 amount) external onlyOwner {
        if (amount > _getUnlockedBalance(token)) revert InsufficientFunds();

        _transferToken(token, msg.sender, amount);
        emit Withdrawl(token, amount);
    }

    /// @notice Sets, not adds to, what `spender` may spend of `token`
    /// @dev Does not touch what is already locked for the spender: unlocking adds to the value set here, so that
    ///      a revocation made while an answer awaits its verdict has to be repeated after the settlement
    /// @param spender consumer contract or node address
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units
    function approve(address spender, address token, uint256 amount) external onlyOwner {
        allowance[spender][token] = amount;
        emit Approval(spender, token, amount);
    }

    /// @notice Pays on behalf of a spender
    /// @param spender whose allowance is used
    /// @param token ERC20 address, or zero for the native coin
    /// @param to recipient
    /// @param amount raw units
    function cTransfer(address spender, address token, address to, uint256 amount) external onlyCoordinator {
        uint256 allowed = allowance[spender][token];
        if (amount > allowed) revert InsufficientAllowance();
        if (amount > _getUnlockedBalance(token)) revert InsufficientFunds();

        allowance[spender][token] = allowed - amount;
        _pay(spender, token, to, amount);
    }

    /// @notice Pays two recipients on behalf of a spender: two calls of `cTransfer` in one, with both events
    /// @dev The allowance is lowered by both amounts before anyone is called. The second amount is checked after the
    ///      first payment, whose failure is the one to report, and which may do anything, withdraw as the owner for
    ///      one: the amount is compared with what is left by then
    /// @param spender whose allowance is used
    /// @param token ERC20 address, or zero for the native coin
    /// @param first recipient that is paid first
    /// @param firstAmount raw units
    /// @param second recipient that is paid next
    /// @param secondAmount raw units
    function cSplit(
        address spender,
        address token,
        address first,
        uint256 firstAmount,
        address second,
        uint256 secondAmount
    ) external onlyCoordinator {
        uint256 allowed = allowance[spender][token];
        if (firstAmount > allowed) revert InsufficientAllowance();
        if (firstAmount > _getUnlockedBalance(token)) revert InsufficientFunds();
        allowed -= firstAmount;

        allowance[spender][token] = allowed.zeroFloorSub(secondAmount);
        _pay(spender, token, first, firstAmount);
        if (secondAmount > allowed) revert InsufficientAllowance();
        if (secondAmount > _getUnlockedBalance(token)) revert InsufficientFunds();
        _pay(spender, token, second, secondAmount);
    }

    /// @notice Moves an amount from a spender's allowance into escrow
    /// @param spender whose allowance is used
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units
    function cLock(address spender, address token, uint256 amount) external onlyCoordinator {
        if (amount > _getUnlockedBalance(token)) revert InsufficientFunds();
        uint256 allowed = allowance[spender][token];
        if (amount > allowed) revert InsufficientAllowance();

        allowance[spender][token] = allowed - amount;
        lockedBalance[token] += amount;
        emit Escrow(spender, token, amount, true);
    }

    /// @notice Moves an amount from escrow back into a spender's allowance
    /// @dev The allowance saturates: an overflow here would let the owner veto a settlement by approving the
    ///      maximum while the amount is locked
    /// @param spender whose allowance is restored
    /// @param token ERC20 address, or zero for the native coin
    /// @param amount raw units
    function cUnlock(address spender, address token, uint256 amount) external onlyCoordinator {
        uint256 locked = lockedBalance[token];
        if (amount > locked) revert InsufficientFunds();

        lockedBalance[token] = locked - amount;
        uint256 allowed = allowance[spender][token];
        bool overflows = amount > type(uint256).max - allowed;
        allowance[spender][token] = overflows ? type(uint256).max : allowed + amount;
        emit Escrow(spender, token, amount, false);
    }

    /// @notice Accepts deposits of the native coin
    receive() external payable {}

    /// @dev Raw units that may be withdrawn, paid or locked: zero, not a panic, when a token's balance fell below
    ///      what is locked
    function _getUnlockedBalance(address token) internal view returns (uint256 unlocked) {
        uint256 balance = token == address(0) ? address(this).balance : token.balanceOf(address(this));
        return balance.zeroFloorSub(lockedBalance[token]);
    }

    /// @dev Pays what has been taken from the spender's allowance
    function _pay(address spender, address token, address to, uint256 amount) private {
        _transferToken(token, to, amount);
        emit Transfer(spender, token, to, amount);
    }

    /// @dev An amount of zero calls nobody, since some tokens refuse it. The native coin is forced upon a
    ///      recipient that rejects it or needs more than 100 000 gas, so that no payee can block a payment
    function _transferToken(address token, address to, uint256 amount) internal {
        if (amount == 0) return;
        if (token == address(0)) {
            to.forceSafeTransferETH(amount);
        } else {
            token.safeTransfer(to, amount);
        }
    }
}
