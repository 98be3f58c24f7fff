// SPDX-License-Identifier: MIT
pragma solidity ^0.8.13;

import {Wallet} from "./Wallet.sol";

/// @title WalletProxy
/// @notice Wallet that runs the code of a `Wallet`, at a sixth of the price of one
/// @dev What an account sees is a `Wallet`: owner, allowances, locked amounts and funds lie here, the code there.
///      That code has neither a self-destruct nor a delegate call, so that it can neither vanish nor change
contract WalletProxy {
    /// @dev Slot of the owner in `Wallet`, fixed by its base `Ownable`
    bytes32 private constant OWNER_SLOT = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffff74873927;

    address private immutable IMPLEMENTATION;

    /// @dev Nonce with which the factory created this wallet, which it states in place of the implementation's
    uint256 private immutable NONCE;

    /// @notice The owner changed; declared as in `Wallet`
    /// @param oldOwner previous owner
    /// @param newOwner present owner
    event OwnershipTransferred(address indexed oldOwner, address indexed newOwner);

    /// @dev Sets the owner here rather than through a call, for which `Wallet` would need a function that anyone
    ///      could try
    /// @param implementation a `Wallet` of the same registry
    /// @param nonce the factory's nonce for this contract
    /// @param initialOwner may withdraw and approve; zero is allowed
    constructor(address implementation, uint256 nonce, address initialOwner) {
        IMPLEMENTATION = implementation;
        NONCE = nonce;
        assembly ("memory-safe") {
            sstore(OWNER_SLOT, initialOwner)
        }
        emit OwnershipTransferred(address(0), initialOwner);
    }

    /// @notice Accepts deposits of the native coin, within the stipend of a plain transfer
    receive() external payable {}

    /// @notice Everything else but the wallet's nonce is the business of the implementation
    /// @dev Assembly, since revert data cannot be passed on unchanged without. The memory is written from its
    ///      start, which is safe because no Solidity code follows
    // solhint-disable-next-line no-complex-fallback
    fallback() external payable {
        address implementation = IMPLEMENTATION;
        uint256 nonce = NONCE;
        bytes4 nonceSelector = Wallet.FACTORY_NONCE.selector;
        assembly {
            calldatacopy(0, 0, calldatasize())
            if eq(shr(224, mload(0)), shr(224, nonceSelector)) {
                mstore(0, nonce)
                return(0, 32)
            }
            let success := delegatecall(gas(), implementation, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if success { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }
}
