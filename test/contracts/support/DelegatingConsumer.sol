// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Allowlist} from "../../../contracts/pattern/Allowlist.sol";
import {Delegator} from "../../../contracts/pattern/Delegator.sol";
import {RecordingConsumer} from "./RecordingConsumer.sol";

/// @notice Consumer with a signer and, once it is switched on, an allowlist
contract DelegatingConsumer is RecordingConsumer, Delegator, Allowlist {
    bool private restricted;

    constructor(address registry, address signer)
        RecordingConsumer(registry)
        Delegator(signer)
        Allowlist(new address[](0))
    {}

    function updateSigner(address newSigner) external {
        _updateSigner(newSigner);
    }

    function restrict() external {
        restricted = true;
    }

    function _receiveCompute(
        uint32 subscriptionId,
        uint32 interval,
        uint16 redundancy,
        address node,
        bytes calldata input,
        bytes calldata output,
        bytes calldata proof,
        bytes32 containerId,
        uint256 index
    ) internal override {
        if (restricted) _admit(node);
        super._receiveCompute(
            subscriptionId, interval, redundancy, node, input, output, proof, containerId, index
        );
    }

    function _admit(address node) private view onlyAllowedNode(node) {}
}
