// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Test} from "forge-std/Test.sol";
import {Registry} from "../../../contracts/Registry.sol";
import {Wallet} from "../../../contracts/payments/Wallet.sol";

/// @notice Token whose balances are all that it has
contract SymbolicToken {
    mapping(address => uint256) public balanceOf;

    function set(address account, uint256 amount) external {
        balanceOf[account] = amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[msg.sender] -= amount;
        unchecked {
            // As in any token, the supply is what keeps this from overflowing.
            balanceOf[to] += amount;
        }
        return true;
    }
}

/// @notice What the wallet's accounts do for every input and from every state; halmos takes the arguments of
///         `check_` functions as symbols, so that each of them is a proof and not a sample
/// @dev This contract is the wallet's coordinator. A state is written straight into the wallet's storage: what
///      holds for all of them holds for the reachable ones
abstract contract WalletCheck is Test {
    address internal constant OWNER = address(0xA11CE);
    address internal constant PAYEE = address(0xBEEF);
    address internal constant SECOND_PAYEE = address(0xCAFE);
    address internal constant NATIVE = address(0);
    uint256 internal constant LOCKED_SLOT = 0;
    uint256 internal constant ALLOWANCE_SLOT = 1;

    Wallet internal wallet;
    address internal token;

    function setUp() public virtual {
        Registry registry = new Registry(address(this), address(0), address(0), address(0), address(0));
        wallet = new Wallet(registry, OWNER);
    }

    /// @dev Gives the wallet funds; everything else has none
    function _fund(uint256 balance) internal virtual;

    function _balance(address account) internal view virtual returns (uint256);

    function _state(address spender, uint256 balance, uint256 locked, uint256 allowed) internal {
        _fund(balance);
        vm.store(address(wallet), _lockedSlot(token), bytes32(locked));
        vm.store(address(wallet), _allowanceSlot(spender), bytes32(allowed));
        assertEq(wallet.allowance(spender, token), allowed);
    }

    function _locked() internal view returns (uint256) {
        return uint256(vm.load(address(wallet), _lockedSlot(token)));
    }

    function _lockedSlot(address token_) private pure returns (bytes32) {
        return keccak256(abi.encode(token_, LOCKED_SLOT));
    }

    function _allowanceSlot(address spender) private view returns (bytes32) {
        return keccak256(abi.encode(token, keccak256(abi.encode(spender, ALLOWANCE_SLOT))));
    }

    function _unlocked(uint256 balance, uint256 locked) internal pure returns (uint256) {
        return balance > locked ? balance - locked : 0;
    }

    function check_LockMovesAllowanceIntoEscrow(
        address spender,
        uint256 amount,
        uint256 balance,
        uint256 locked,
        uint256 allowed
    ) external {
        _state(spender, balance, locked, allowed);
        bool mayLock = amount <= _unlocked(balance, locked) && amount <= allowed;
        try wallet.cLock(spender, token, amount) {
            assert(mayLock);
            assert(wallet.allowance(spender, token) == allowed - amount);
            assert(_locked() == locked + amount);
            assert(_locked() <= balance || amount == 0);
            assert(_balance(address(wallet)) == balance);
        } catch {
            assert(!mayLock);
        }
    }

    function check_UnlockFailsForWhatIsNotLockedOnly(
        address spender,
        uint256 amount,
        uint256 balance,
        uint256 locked,
        uint256 allowed
    ) external {
        _state(spender, balance, locked, allowed);
        try wallet.cUnlock(spender, token, amount) {
            assert(amount <= locked);
            assert(_locked() == locked - amount);
            uint256 after_ = wallet.allowance(spender, token);
            assert(
                allowed > type(uint256).max - amount
                    ? after_ == type(uint256).max
                    : after_ == allowed + amount
            );
            assert(_balance(address(wallet)) == balance);
        } catch {
            assert(amount > locked);
        }
    }

    function check_TransferSpendsWhatIsAllowedAndNotLocked(
        address spender,
        uint256 amount,
        uint256 balance,
        uint256 locked,
        uint256 allowed
    ) external {
        _state(spender, balance, locked, allowed);
        bool mayPay = amount <= _unlocked(balance, locked) && amount <= allowed;
        try wallet.cTransfer(spender, token, PAYEE, amount) {
            assert(mayPay);
            assert(wallet.allowance(spender, token) == allowed - amount);
            assert(_locked() == locked);
            assert(_balance(address(wallet)) == balance - amount);
            assert(_balance(PAYEE) == amount);
        } catch {
            assert(!mayPay);
        }
    }

    /// @dev What is free and allowed pays both. The state is built from its parts, since sums are easier to decide
    ///      than differences
    function check_SplitPaysBoth(
        address spender,
        uint128 first,
        uint128 second,
        uint128 locked,
        uint128 free,
        uint128 allowedBesides
    ) external {
        uint256 both = uint256(first) + second;
        _state(spender, both + locked + free, locked, both + allowedBesides);
        bytes memory split =
            abi.encodeCall(Wallet.cSplit, (spender, token, PAYEE, first, SECOND_PAYEE, second));
        (bool paid,) = address(wallet).call(split);
        assert(paid);
        assert(wallet.allowance(spender, token) == allowedBesides);
        assert(_locked() == locked);
        assert(_balance(address(wallet)) == uint256(locked) + free);
        assert(_balance(PAYEE) == first);
        assert(_balance(SECOND_PAYEE) == second);
    }

    function check_SplitSpendsWhatIsAllowedAndNotLocked(
        address spender,
        uint256 first,
        uint256 second,
        uint256 balance,
        uint256 locked,
        uint256 allowed
    ) external {
        _state(spender, balance, locked, allowed);
        bytes memory split =
            abi.encodeCall(Wallet.cSplit, (spender, token, PAYEE, first, SECOND_PAYEE, second));
        (bool paid,) = address(wallet).call(split);
        if (!paid) return;
        assert(first <= _unlocked(balance, locked));
        assert(second <= _unlocked(balance - first, locked));
        assert(first <= allowed && second <= allowed - first);
    }

    function check_WithdrawalLeavesEscrow(uint256 amount, uint256 balance, uint256 locked) external {
        _state(OWNER, balance, locked, 0);
        vm.prank(OWNER);
        try wallet.withdraw(token, amount) {
            assert(amount <= _unlocked(balance, locked));
            assert(_locked() == locked);
            assert(_balance(address(wallet)) == balance - amount);
            assert(_balance(OWNER) == amount);
        } catch {
            assert(amount > _unlocked(balance, locked));
        }
    }

    /// @dev W1 and W2: between the lock and the settlement the owner may do what it likes. The state is built from
    ///      its parts, since sums are easier to decide than differences
    function check_OwnerCannotStopASettlement(
        address spender,
        uint128 amount,
        uint128 lockedElsewhere,
        uint128 free,
        uint256 withdrawn,
        uint256 approved
    ) external {
        uint256 locked = lockedElsewhere;
        uint256 balance = locked + amount + free;
        _state(spender, balance, locked, amount);
        wallet.cLock(spender, token, amount);

        vm.startPrank(OWNER);
        (bool done,) = address(wallet).call(abi.encodeCall(Wallet.withdraw, (token, withdrawn)));
        wallet.approve(spender, token, approved);
        vm.stopPrank();

        // A revert of the check itself would count as no counterexample.
        (bool unlocked,) = address(wallet).call(abi.encodeCall(Wallet.cUnlock, (spender, token, amount)));
        assert(unlocked);
        (bool paid,) = address(wallet).call(abi.encodeCall(Wallet.cTransfer, (spender, token, PAYEE, amount)));
        assert(paid);
        assert(_locked() == locked);
        assert(_balance(address(wallet)) == balance - amount - (done ? withdrawn : 0));
        assert(_balance(PAYEE) == amount);
    }

    function check_AccountsOfOthersStay(
        address spender,
        address other,
        address otherToken,
        uint256 amount,
        uint256 balance,
        uint256 allowed
    ) external {
        vm.assume(other != spender || otherToken != token);
        _state(spender, balance, 0, allowed);
        uint256 before_ = wallet.allowance(other, otherToken);
        vm.assume(amount <= balance && amount <= allowed);
        wallet.cLock(spender, token, amount);
        assert(wallet.allowance(other, otherToken) == before_);
        wallet.cUnlock(spender, token, amount);
        assert(wallet.allowance(other, otherToken) == before_);
        wallet.cTransfer(spender, token, PAYEE, amount);
        assert(wallet.allowance(other, otherToken) == before_);
    }

    function check_OnlyTheCoordinatorPaysAndLocks(address caller, address spender, address to, uint256 amount)
        external
    {
        vm.assume(caller != address(this));
        _state(spender, type(uint128).max, type(uint64).max, type(uint128).max);
        vm.startPrank(caller);
        (bool paid,) = address(wallet).call(abi.encodeCall(Wallet.cTransfer, (spender, token, to, amount)));
        (bool split,) =
            address(wallet).call(abi.encodeCall(Wallet.cSplit, (spender, token, to, amount, to, amount)));
        (bool locked,) = address(wallet).call(abi.encodeCall(Wallet.cLock, (spender, token, amount)));
        (bool unlocked,) = address(wallet).call(abi.encodeCall(Wallet.cUnlock, (spender, token, amount)));
        vm.stopPrank();
        assert(!paid && !split && !locked && !unlocked);
    }

    function check_OnlyTheOwnerWithdrawsAndApproves(address caller, address spender, uint256 amount)
        external
    {
        vm.assume(caller != OWNER);
        _state(spender, type(uint128).max, 0, 0);
        vm.startPrank(caller);
        (bool withdrawn,) = address(wallet).call(abi.encodeCall(Wallet.withdraw, (token, amount)));
        (bool approved,) = address(wallet).call(abi.encodeCall(Wallet.approve, (spender, token, amount)));
        vm.stopPrank();
        assert(!withdrawn && !approved);
    }
}

contract NativeWalletCheck is WalletCheck {
    function _fund(uint256 balance) internal override {
        // More than there ever can be would overflow the payee's balance.
        vm.assume(balance <= 3 * uint256(type(uint128).max));
        vm.deal(address(wallet), balance);
        vm.deal(PAYEE, 0);
        vm.deal(SECOND_PAYEE, 0);
        vm.deal(OWNER, 0);
    }

    function _balance(address account) internal view override returns (uint256) {
        return account.balance;
    }
}

contract TokenWalletCheck is WalletCheck {
    function setUp() public override {
        super.setUp();
        token = address(new SymbolicToken());
    }

    function _fund(uint256 balance) internal override {
        SymbolicToken(token).set(address(wallet), balance);
    }

    function _balance(address account) internal view override returns (uint256) {
        return SymbolicToken(token).balanceOf(account);
    }
}
