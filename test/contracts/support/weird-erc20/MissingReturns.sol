// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

/// @title MissingReturnToken
/// @notice Token whose functions return nothing, under the name and path by which third-party tests import one
contract MissingReturnToken {
    string public constant name = "Token";
    string public constant symbol = "TKN";
    uint8 public constant decimals = 18;

    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Approval(address indexed src, address indexed guy, uint256 wad);
    event Transfer(address indexed src, address indexed dst, uint256 wad);

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function approve(address guy, uint256 wad) external {
        allowance[msg.sender][guy] = wad;
        emit Approval(msg.sender, guy, wad);
    }

    function transfer(address dst, uint256 wad) external {
        _move(msg.sender, dst, wad);
    }

    function transferFrom(address src, address dst, uint256 wad) external {
        allowance[src][msg.sender] -= wad;
        _move(src, dst, wad);
    }

    function _move(address src, address dst, uint256 wad) private {
        balanceOf[src] -= wad;
        balanceOf[dst] += wad;
        emit Transfer(src, dst, wad);
    }
}
