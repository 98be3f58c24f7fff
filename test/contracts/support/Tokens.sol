// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @notice Well-behaved token that anyone may mint
contract TestToken is ERC20 {
    function name() public pure override returns (string memory) {
        return "Test";
    }

    function symbol() public pure override returns (string memory) {
        return "TEST";
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function burn(address from, uint256 amount) external {
        _burn(from, amount);
    }
}

/// @notice Returns whatever bytes it is told from `transfer`, or reverts, or moves nothing
contract QuirkyToken is TestToken {
    enum Quirk {
        None,
        ReturnsNothing,
        ReturnsFalse,
        ReturnsTwo,
        Paused,
        RefusesZero,
        ChargesHalf
    }

    error Paused();

    Quirk public quirk;

    constructor(Quirk quirk_) {
        quirk = quirk_;
    }

    function set(Quirk quirk_) external {
        quirk = quirk_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (quirk == Quirk.Paused) revert Paused();
        if (quirk == Quirk.RefusesZero) require(amount > 0, "zero");
        if (quirk == Quirk.ReturnsFalse) return false;
        _transfer(msg.sender, to, amount);
        if (quirk == Quirk.ChargesHalf) _burn(to, amount / 2);
        if (quirk == Quirk.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        if (quirk == Quirk.ReturnsTwo) {
            assembly {
                mstore(0, 2)
                return(0, 32)
            }
        }
        return true;
    }
}

/// @notice Calls a target once, in the next transfer, after the balances moved
contract HookedToken is TestToken {
    address private target;
    bytes private data;
    bool public hookSucceeded;
    bytes public hookReason;

    function hook(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        _transfer(msg.sender, to, amount);
        if (target != address(0)) {
            address once = target;
            target = address(0);
            (hookSucceeded, hookReason) = once.call(data);
        }
        return true;
    }
}

/// @notice Answers `balanceOf` with fewer than 32 bytes
contract ShortBalanceToken {
    function balanceOf(address) external pure {
        assembly {
            mstore(0, not(0))
            return(0, 31)
        }
    }
}

/// @notice Refuses every call, `balanceOf` included
contract BrokenToken {
    fallback() external {
        revert("broken");
    }
}
