// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @dev Trees whole and in memory, as docs/canonical.md section 6 and docs/disputes.md section 3 have them; written apart
/// from the contracts. `rows[0]` holds the leaves' hashes, the last row the tree's.
library Trees {
    uint256 internal constant LEAF_BYTES = 256;
    uint256 internal constant LAYER_LEVELS = 7;

    function leafCount(uint256 size) internal pure returns (uint256) {
        return (size + LEAF_BYTES - 1) / LEAF_BYTES;
    }

    function depthOf(uint256 leaves) internal pure returns (uint256 depth) {
        while (2 ** depth < leaves) ++depth;
    }

    function layersOf(uint256 leaves) internal pure returns (uint256) {
        uint256 depth = depthOf(leaves);
        return depth == 0 ? 1 : (depth + LAYER_LEVELS - 1) / LAYER_LEVELS;
    }

    function leafHash(bytes memory leaf) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"00", leaf));
    }

    function bindTensor(uint8 dtype, uint64 count, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"02", dtype, count, tree));
    }

    function bindTrace(uint256 nodes, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"04", uint32(nodes), tree));
    }

    function bindProgram(uint256 version, uint256 nodes, bytes32 tree) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"03", uint16(version), uint32(nodes), tree));
    }

    /// @dev The tree over leaf hashes.
    function over(bytes32[] memory hashes) internal pure returns (bytes32[][] memory rows) {
        rows = new bytes32[][](depthOf(hashes.length) + 1);
        rows[0] = hashes.length == 0 ? new bytes32[](1) : hashes;
        for (uint256 level = 1; level < rows.length; ++level) {
            bytes32[] memory below = rows[level - 1];
            bytes32[] memory row = new bytes32[]((below.length + 1) / 2);
            for (uint256 i = 0; i < row.length; ++i) {
                bytes32 right = 2 * i + 1 < below.length ? below[2 * i + 1] : empty(level - 1);
                row[i] = inner(below[2 * i], right);
            }
            rows[level] = row;
        }
    }

    /// @dev The tree over leaves of any length.
    function overLeaves(bytes[] memory leaves) internal pure returns (bytes32[][] memory) {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = leafHash(leaves[i]);
        }
        return over(hashes);
    }

    /// @dev The tree over tensor roots.
    function overRoots(bytes32[] memory roots) internal pure returns (bytes32[][] memory) {
        bytes32[] memory hashes = new bytes32[](roots.length);
        for (uint256 i = 0; i < roots.length; ++i) {
            hashes[i] = sha256(abi.encodePacked(hex"00", roots[i]));
        }
        return over(hashes);
    }

    /// @dev The tree over a tensor's bytes, which are whole leaves.
    function overTensor(bytes memory padded) internal pure returns (bytes32[][] memory) {
        bytes32[] memory hashes = new bytes32[](padded.length / LEAF_BYTES);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = leafHash(slice(padded, LEAF_BYTES * i, LEAF_BYTES * (i + 1)));
        }
        return over(hashes);
    }

    function hashOf(bytes32[][] memory rows) internal pure returns (bytes32) {
        return rows[rows.length - 1][0];
    }

    /// @dev What leads from node `index` of a row to the tree's hash, lowest first.
    function path(bytes32[][] memory rows, uint256 row, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](rows.length - 1 - row);
        for (uint256 i = 0; i < siblings.length; ++i) {
            uint256 sibling = (index >> i) ^ 1;
            siblings[i] = sibling < rows[row + i].length ? rows[row + i][sibling] : empty(row + i);
        }
    }

    /// @dev What leads from all leaves, opened as one run, to the tree's hash: the empty subtrees to their right.
    function pathOfAll(bytes32[][] memory rows) internal pure returns (bytes memory siblings) {
        for (uint256 level = 0; level + 1 < rows.length; ++level) {
            if (rows[level].length % 2 == 1) siblings = bytes.concat(siblings, empty(level));
        }
    }

    /// @dev The nodes that a layer shows, as first and end within their row, and the row.
    function shown(uint256 leaves, uint256 layer, uint256 index)
        internal
        pure
        returns (uint256 row, uint256 first, uint256 end)
    {
        uint256 depth = depthOf(leaves);
        uint256 bottom = LAYER_LEVELS * (layer + 1) < depth ? LAYER_LEVELS * (layer + 1) : depth;
        row = depth - bottom;
        uint256 width = 2 ** (bottom - LAYER_LEVELS * layer);
        uint256 nodes = (leaves + 2 ** row - 1) / 2 ** row;
        first = index * width;
        end = first + width < nodes ? first + width : nodes;
    }

    function empty(uint256 level) internal pure returns (bytes32 hash) {
        for (uint256 i = 0; i < level; ++i) {
            hash = inner(hash, hash);
        }
    }

    function inner(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"01", left, right));
    }

    function pad(bytes memory data) internal pure returns (bytes memory) {
        return slice(data, 0, LEAF_BYTES * leafCount(data.length));
    }

    /// @dev Where two of the same length, a multiple of 32, first differ: at a multiple of 4; their length where they do not.
    function firstDifference(bytes memory a, bytes memory b) internal pure returns (uint256 place) {
        for (; place < a.length; place += 32) {
            uint256 different;
            assembly ("memory-safe") {
                let index := add(place, 0x20)
                different := xor(mload(add(a, index)), mload(add(b, index)))
            }
            if (different == 0) continue;
            while (different >> 224 == 0) (different <<= 32, place += 4);
            return place;
        }
    }

    /// @dev Bytes `start` to `end`, zeros where there are none.
    function slice(bytes memory data, uint256 start, uint256 end) internal pure returns (bytes memory part) {
        part = new bytes(end - start);
        uint256 there = data.length > start ? data.length - start : 0;
        if (there > part.length) there = part.length;
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(data, 0x20), start), there)
        }
    }
}
