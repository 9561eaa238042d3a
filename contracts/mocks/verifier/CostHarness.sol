// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Cost} from "../../verifier/Cost.sol";
import {Node} from "../../verifier/Node.sol";
import {NodeCodec} from "../../verifier/NodeCodec.sol";

/// @title `Cost` of encoded nodes. For tests only.
contract CostHarness {
    /// @notice Bytes and gas of the dearest one-step proof of each node; reverts where one is malformed.
    function costs(bytes[] calldata nodes) external pure returns (uint256[] memory results) {
        results = new uint256[](2 * nodes.length);
        for (uint256 i = 0; i < nodes.length; ++i) {
            Node memory node = NodeCodec.decode(nodes[i]);
            (results[2 * i], results[2 * i + 1]) = Cost.bound(node, nodes[i].length);
        }
    }
}
