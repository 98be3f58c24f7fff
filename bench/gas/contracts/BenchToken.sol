// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @notice Plain ERC20 that anyone may mint
contract BenchToken is ERC20 {
    function name() public pure override returns (string memory) {
        return "Bench";
    }

    function symbol() public pure override returns (string memory) {
        return "BENCH";
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
