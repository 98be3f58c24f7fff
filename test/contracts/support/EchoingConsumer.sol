// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {CallbackConsumer} from "../../../contracts/consumer/Callback.sol";

/// @notice Consumer that refuses every delivery with what was delivered as its revert data
contract EchoingConsumer is CallbackConsumer {
    struct Place {
        uint256 row;
        string shelf;
    }

    error Misplaced(address by, Place place);

    constructor(address registry) CallbackConsumer(registry) {
        require(registry.code.length != 0, "no registry");
    }

    function request() external returns (uint32) {
        return _requestCompute("container", "", 1, address(0), 0, address(0), address(0));
    }

    function _receiveCompute(
        uint32,
        uint32,
        uint16,
        address,
        bytes calldata,
        bytes calldata output,
        bytes calldata,
        bytes32,
        uint256
    ) internal override {
        bytes memory data = output;
        if (data.length == 1) data[1] = 0;
        assembly ("memory-safe") {
            revert(add(data, 32), mload(data))
        }
    }
}
