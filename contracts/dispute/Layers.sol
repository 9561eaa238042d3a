// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Position} from "../interfaces/IDispute.sol";
import {Merkle} from "../verifier/Merkle.sol";

/// @notice A position as a storage key: tensor 32 | layer 8 | index 32, from the most significant bit.
type PositionKey is uint72;

using {_differ as !=} for PositionKey global;

function _differ(PositionKey a, PositionKey b) pure returns (bool) {
    return PositionKey.unwrap(a) != PositionKey.unwrap(b);
}

/// @title Layers of trees: docs/disputes.md section 3.
library Layers {
    /// @notice The tensor that stands for the trace.
    uint32 internal constant TRACE = type(uint32).max;

    /// @notice Levels of a layer, at most.
    uint256 internal constant LEVELS = 7;

    function key(Position calldata position) internal pure returns (PositionKey) {
        return _key(position.tensor, position.layer, position.index);
    }

    /// @notice The position a key stands for.
    function positionOf(PositionKey key_) internal pure returns (Position memory) {
        uint72 bits = PositionKey.unwrap(key_);
        return Position(uint32(bits >> 40), uint8(bits >> 32), uint32(bits));
    }

    /// @notice The position above, which must not be of layer 0.
    function above(Position calldata below) internal pure returns (PositionKey) {
        return _key(below.tensor, below.layer - 1, below.index >> LEVELS);
    }

    /// @notice The position that shows `leaf` in a tree of `leaves` leaves.
    function showing(uint32 tensor, uint256 leaves, uint256 leaf) internal pure returns (PositionKey) {
        uint256 depth = Merkle.depth(leaves);
        uint256 layer = _layers(depth) - 1;
        return _key(tensor, layer, leaf >> (depth - LEVELS * layer));
    }

    /// @notice Whether a tree of `leaves` leaves has the position; one without leaves has one, at its root.
    function exists(Position calldata position, uint256 leaves) internal pure returns (bool) {
        uint256 depth = Merkle.depth(leaves);
        if (position.layer >= _layers(depth)) return false;
        return position.index == 0 || uint256(position.index) << (depth - LEVELS * position.layer) < leaves;
    }

    /// @notice What a position that exists shows.
    /// @return levels Levels of its layer.
    /// @return height Levels of the tree below it: 0 where it shows leaves.
    /// @return nodes Nodes that are shown, from the left.
    function shape(Position calldata position, uint256 leaves)
        internal
        pure
        returns (uint256 levels, uint256 height, uint256 nodes)
    {
        uint256 below = Merkle.depth(leaves) - LEVELS * position.layer;
        levels = below < LEVELS ? below : LEVELS;
        height = below - levels;
        uint256 first = uint256(position.index) << levels;
        uint256 all = (leaves + (1 << height) - 1) >> height;
        nodes = all - first < 1 << levels ? all - first : 1 << levels;
    }

    /// @notice Hash of the subtree `levels` levels above what is shown; what is missing on the right is empty subtrees.
    /// @dev Works on a copy beyond the free memory pointer, which does not move: results only overwrite what is hashed
    /// already. A prefix is written over the byte before what it belongs to.
    /// @param data Leaves of `leafBytes` bytes each; hashes of 32 bytes where `leafBytes` is 0. At most 2^levels of them.
    /// @param height Height of what is shown: 0 for leaves.
    function fold(bytes calldata data, uint256 leafBytes, uint256 levels, uint256 height)
        internal
        view
        returns (bytes32 hash)
    {
        uint256 row;
        assembly ("memory-safe") {
            row := add(mload(0x40), 0x40)
            calldatacopy(row, data.offset, data.length)
        }
        uint256 spare = row + data.length + 0x40;
        uint256 nodes = data.length / 32;
        if (leafBytes != 0) {
            nodes = data.length / leafBytes;
            _hashLeaves(row, nodes, leafBytes);
            row -= 0x20;
        }
        if (nodes == 0) return 0;
        bytes32 empty = 0;
        for (uint256 level = 0; level < height; ++level) {
            empty = _above(empty, spare);
        }
        for (uint256 level = 0; level < levels; ++level) {
            if (nodes & 1 == 1) {
                assembly ("memory-safe") {
                    mstore(add(row, shl(5, nodes)), empty)
                }
                ++nodes;
            }
            nodes >>= 1;
            _hashPairs(row, nodes);
            empty = _above(empty, spare);
        }
        assembly ("memory-safe") {
            hash := mload(row)
        }
    }

    /// @dev Replaces `n` leaves of `size` bytes at `data` by their hashes, which begin a word before them.
    function _hashLeaves(uint256 data, uint256 n, uint256 size) private view {
        bool ok = true;
        assembly ("memory-safe") {
            let result := sub(data, 0x20)
            for { let end := add(result, shl(5, n)) } lt(result, end) { result := add(result, 0x20) } {
                mstore8(sub(data, 1), 0x00)
                ok := and(ok, staticcall(gas(), 2, sub(data, 1), add(size, 1), result, 0x20))
                data := add(data, size)
            }
        }
        require(ok, IStepVerifier.StepVerifier_OutOfGas());
    }

    /// @dev Replaces 2n hashes at `row` by those of the n nodes above them.
    function _hashPairs(uint256 row, uint256 n) private view {
        bool ok = true;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, n) { i := add(i, 1) } {
                let pair := add(row, shl(6, i))
                mstore8(sub(pair, 1), 0x01)
                ok := and(ok, staticcall(gas(), 2, sub(pair, 1), 65, add(row, shl(5, i)), 0x20))
            }
        }
        require(ok, IStepVerifier.StepVerifier_OutOfGas());
    }

    /// @dev The empty subtree above two empty subtrees; two words from `spare` on and the byte before are overwritten.
    function _above(bytes32 empty, uint256 spare) private view returns (bytes32 hash) {
        assembly ("memory-safe") {
            mstore(spare, empty)
            mstore(add(spare, 0x20), empty)
        }
        _hashPairs(spare, 1);
        assembly ("memory-safe") {
            hash := mload(spare)
        }
    }

    function _layers(uint256 depth) private pure returns (uint256) {
        return depth == 0 ? 1 : (depth + LEVELS - 1) / LEVELS;
    }

    function _key(uint256 tensor, uint256 layer, uint256 index) private pure returns (PositionKey) {
        return PositionKey.wrap(uint72(tensor << 40 | layer << 32 | index));
    }
}
