// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";

/// @title Tagged SHA-256 trees: docs/canonical.md section 6.
library Merkle {
    uint256 internal constant LEAF_BYTES = 256;

    /// @notice Levels above `leaves` leaves.
    function depth(uint256 leaves) internal pure returns (uint256 levels) {
        while (1 << levels < leaves) ++levels;
    }

    /// @notice Hash of a program's leaf: the encoding of a node.
    function nodeLeaf(bytes calldata node) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x00), node));
    }

    /// @notice Hash of a trace's leaf: a tensor root.
    function traceLeaf(bytes32 root) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x00), root));
    }

    /// @notice Root of a tensor from the hash of its tree.
    function tensorRoot(uint256 dtype, uint256 count, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x02), uint8(dtype), uint64(count), tree));
    }

    /// @notice Root of a program from the hash of its tree.
    function programRoot(uint16 version, uint32 nodes, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x03), version, nodes, tree));
    }

    /// @notice Root of a trace from the hash of its tree.
    function traceRoot(uint32 nodes, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(uint8(0x04), nodes, tree));
    }

    /// @notice Hash of the tree over `leaves` leaves, of which the one at `position` has hash `node`.
    /// @param path Siblings, lowest first: one for each level.
    function climb(bytes32 node, uint256 position, uint256 leaves, bytes32[] calldata path)
        internal
        pure
        returns (bytes32)
    {
        require(position < leaves, IStepVerifier.StepVerifier_LeafNotInTree(position, 1, leaves));
        uint256 levels = depth(leaves);
        require(path.length == levels, IStepVerifier.StepVerifier_WrongPathLength(levels, path.length));
        for (uint256 i; i < levels; ++i) {
            node = (position >> i) & 1 == 1
                ? sha256(abi.encodePacked(uint8(0x01), path[i], node))
                : sha256(abi.encodePacked(uint8(0x01), node, path[i]));
        }
        return node;
    }

    /// @notice Hash of the tree over `total` leaves of 256 bytes, from the run of `n` leaves from `first` on.
    /// @dev `1 <= n` and `first + n <= total` must hold. Hashes prefix and data as they lie in memory: the byte before
    /// a leaf is borrowed and given back. Level rows are built beyond the free memory pointer, which does not move.
    /// @param data Where the leaves lie in memory, at least 32 bytes above address 0x60.
    /// @param siblings Where the siblings lie in memory, `end` where they must end at the latest.
    /// @return tree The hash.
    /// @return next Where the siblings ended.
    function climbRun(uint256 data, uint256 first, uint256 n, uint256 total, uint256 siblings, uint256 end)
        internal
        view
        returns (bytes32 tree, uint256 next)
    {
        uint256 levels = depth(total);
        // A row moves one word down where it gets a left sibling: at most once a level; its prefix takes one more.
        uint256 row;
        assembly ("memory-safe") {
            row := add(mload(0x40), shl(5, add(levels, 1)))
        }
        _hashLeaves(data, n, row);
        next = siblings;
        unchecked {
            uint256 last = first + n - 1;
            for (; levels != 0; --levels) {
                (row, next) = _join(row, first, last, next, end);
                first >>= 1;
                last >>= 1;
            }
        }
        assembly ("memory-safe") {
            tree := mload(row)
        }
    }

    /// @dev Writes the hashes of `n` leaves at `data` to `row`.
    function _hashLeaves(uint256 data, uint256 n, uint256 row) private view {
        bool ok = true;
        assembly ("memory-safe") {
            for { let end := add(row, shl(5, n)) } lt(row, end) { row := add(row, 0x20) } {
                let before := mload(sub(data, 0x20))
                mstore8(sub(data, 1), 0x00)
                ok := and(ok, staticcall(gas(), 2, sub(data, 1), 257, row, 0x20))
                mstore(sub(data, 0x20), before)
                data := add(data, 256)
            }
        }
        require(ok, IStepVerifier.StepVerifier_OutOfGas());
    }

    /// @dev Completes the row of hashes `first` to `last` of a level with the siblings it lacks, and replaces it by the row
    /// above it. `first <= last` must hold. Prefixes and results only overwrite hashes already used:
    /// pair i's prefix is the last byte of word 2i − 1, its result word i.
    function _join(uint256 row, uint256 first, uint256 last, uint256 siblings, uint256 end)
        private
        view
        returns (uint256, uint256)
    {
        uint256 left = first & 1;
        uint256 right = 1 - (last & 1);
        require(end - siblings >= 32 * (left + right), IStepVerifier.StepVerifier_OpeningsTooShort());
        uint256 n;
        unchecked {
            n = last - first + 1;
        }
        bool ok = true;
        assembly ("memory-safe") {
            if left {
                row := sub(row, 0x20)
                mstore(row, mload(siblings))
                siblings := add(siblings, 0x20)
                n := add(n, 1)
            }
            if right {
                mstore(add(row, shl(5, n)), mload(siblings))
                siblings := add(siblings, 0x20)
                n := add(n, 1)
            }
            n := shr(1, n)
            for { let i := 0 } lt(i, n) { i := add(i, 1) } {
                let pair := add(row, shl(6, i))
                mstore8(sub(pair, 1), 0x01)
                ok := and(ok, staticcall(gas(), 2, sub(pair, 1), 65, add(row, shl(5, i)), 0x20))
            }
        }
        require(ok, IStepVerifier.StepVerifier_OutOfGas());
        return (row, siblings);
    }
}
