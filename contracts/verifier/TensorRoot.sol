// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Merkle} from "./Merkle.sol";

/// @title Roots of tensors whose bytes are all at hand: docs/canonical.md section 6.
library TensorRoot {
    /// @notice Root of the tensor of `count` elements of `dtype` whose packed bytes are `data`.
    function compute(bytes calldata data, uint256 dtype, uint256 count) internal view returns (bytes32) {
        uint256 leaves = (data.length + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
        return Merkle.tensorRoot(dtype, count, leaves == 0 ? bytes32(0) : _tree(data, leaves));
    }

    /// @dev All leaves are one run. Its siblings are the empty subtrees to the right, on levels of odd length.
    function _tree(bytes calldata data, uint256 leaves) private view returns (bytes32 tree) {
        uint256 levels = Merkle.depth(leaves);
        bytes memory padded = new bytes(Merkle.LEAF_BYTES * leaves + 32 * levels);
        uint256 start;
        uint256 siblings;
        assembly ("memory-safe") {
            start := add(padded, 0x20)
            calldatacopy(start, data.offset, data.length)
            siblings := add(start, shl(8, leaves))
        }
        uint256 end = siblings;
        bytes32 empty = 0;
        for (uint256 level = 0; level < levels; ++level) {
            if (((leaves - 1) >> level) & 1 == 0) {
                assembly ("memory-safe") {
                    mstore(end, empty)
                }
                end += 32;
            }
            empty = sha256(abi.encodePacked(uint8(0x01), empty, empty));
        }
        // All siblings there are get used, so where they end says nothing.
        // slither-disable-next-line unused-return
        (tree,) = Merkle.climbRun(start, 0, leaves, leaves, siblings, end);
    }
}
