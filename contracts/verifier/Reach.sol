// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Element} from "./Element.sol";
import {Merkle} from "./Merkle.sol";
import {Coordinate, Fn, Kind, NO_INDEX, Node, Operand} from "./Node.sol";

/// @title How much of an operand one element of a node can need, from the node alone: docs/canonical.md section 9.
/// @dev Nothing overflows: |coefficient| < 2^32, sizes of an operand have a product below 2^217, there are 16 axes, and
/// fold sizes have a product of at most 2^20.
library Reach {
    /// @dev The operand of a TREE that is its table of rows.
    uint256 private constant TREE_NODES = 1;

    /// @notice The most that is opened of an operand: leaves, in at most so many runs, of a tree of `depth` levels.
    struct Opening {
        uint256 leaves;
        uint256 runs;
        uint256 depth;
    }

    /// @notice How the reads of an operand along the fold's innermost axis come: `views` times its view is computed, the
    /// reads lie evenly in `segments` parts, `scattered` if neither side by side nor all in one place.
    struct Line {
        uint256 views;
        uint256 segments;
        bool scattered;
    }

    /// @dev What the fold axes do to reads of an operand. Sets of axes have bit k for axis k.
    struct Axes {
        uint256 moving;
        uint256 cut;
        bool ragged;
        uint256[] strides;
    }

    /// @notice How many of the first operands are read at every fold index.
    function folded(Node memory node) internal pure returns (uint256) {
        if (node.kind == Kind.FOLD) return node.fn == Fn.FOLD_DOT ? 2 : 1;
        return node.kind == Kind.RANK ? 1 : 0;
    }

    /// @notice The innermost fold axis that is longer than 1, and its size; an axis the node does not have and 1 where
    /// there is none.
    function innermost(Node memory node) internal pure returns (uint256 axis, uint256 size) {
        for (axis = node.dims.length; axis > node.rank; --axis) {
            size = _size(node, axis - 1);
            if (size > 1) return (axis - 1, size);
        }
        return (node.dims.length, 1);
    }

    /// @notice The most that any element needs of operand `slot`.
    function opening(Node memory node, uint256 slot) internal pure returns (Opening memory result) {
        Operand memory operand = node.operands[slot];
        uint256 total = leavesOf(operand.count, operand.dtype);
        result.depth = Merkle.depth(total);
        if (node.kind == Kind.TREE) {
            uint256 reads = total;
            if (slot != TREE_NODES) (reads,) = _along(node, slot);
            result.leaves = _min(_min(reads, node.parameter + 1), total);
            result.runs = result.leaves;
        } else if (node.kind == Kind.MAP || (slot >= folded(node) && slot < node.values)) {
            result.leaves = _min(1, total);
            result.runs = result.leaves;
        } else {
            (uint256 covering, uint256 apart) = _along(node, slot);
            result.leaves = _min(covering, total);
            result.runs = _min(apart, result.leaves);
        }
    }

    /// @notice How folded operand `slot` is read along the innermost axis.
    function line(Node memory node, uint256 slot) internal pure returns (Line memory) {
        (uint256 axis, uint256 size) = innermost(node);
        if (axis == node.dims.length) return Line(1, 1, false);
        Axes memory axes = _axes(node, slot);
        if (_has(axes.moving, axis)) return Line(size, size, false);
        uint256 stride = axes.strides[axis];
        bool far = stride * Element.size(node.operands[slot].dtype) > Merkle.LEAF_BYTES;
        uint256 segments = far ? size : _has(axes.cut, axis) ? _min(3, size) : 1;
        return Line(1, segments, stride > 1 || _descends(node, slot, axis));
    }

    /// @notice Leaves of a tensor.
    function leavesOf(uint256 count, uint256 dtype) internal pure returns (uint256) {
        return (count * Element.size(dtype) + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
    }

    /// @dev Leaves and runs that reads at all fold indices may touch, not limited to what the operand has.
    function _along(Node memory node, uint256 slot) private pure returns (uint256 leaves, uint256 apart) {
        Axes memory axes = _axes(node, slot);
        uint256 perLeaf = Merkle.LEAF_BYTES / Element.size(node.operands[slot].dtype);
        (uint256 segments, uint256 span, uint256 whole) = (1, 1, 1);
        apart = 1;
        uint256 done = 0;
        for (uint256 i = node.rank; i < node.dims.length; ++i) {
            uint256 axis = _nearest(node, axes.strides, done);
            done |= 1 << axis;
            (uint256 size, uint256 stride) = (_size(node, axis), axes.strides[axis]);
            if (_has(axes.moving, axis)) {
                segments *= size;
                apart *= size;
                continue;
            }
            if (size == 1 || stride == 0) continue;
            if (stride > span + perLeaf - 1) segments *= size;
            else span += stride * (size - 1);
            if (stride > whole + perLeaf - 1) apart *= size;
            else if (!_has(axes.cut, axis)) whole += stride * (size - 1);
        }
        leaves = segments * ((span - 1 + perLeaf - 1) / perLeaf + 1);
        if (axes.ragged) apart = leaves;
    }

    /// @dev The fold axis of least stride among those that are not `done`.
    function _nearest(Node memory node, uint256[] memory strides, uint256 done) private pure returns (uint256 axis) {
        uint256 least = type(uint256).max;
        for (uint256 i = node.rank; i < node.dims.length; ++i) {
            if (!_has(done, i) && strides[i] < least) (axis, least) = (i, strides[i]);
        }
    }

    function _axes(Node memory node, uint256 slot) private pure returns (Axes memory axes) {
        Coordinate[] memory coordinates = node.operands[slot].coordinates;
        axes.strides = new uint256[](node.dims.length);
        for (uint256 axis; axis < node.dims.length; ++axis) {
            int256 stride = _stride(coordinates, axis);
            axes.strides[axis] = uint256(stride < 0 ? -stride : stride);
        }
        for (uint256 d; d < coordinates.length; ++d) {
            Coordinate memory coordinate = coordinates[d];
            uint256 touched = _foldAxes(node, coordinate);
            if (_canLeave(node, coordinate)) {
                axes.cut |= touched;
                if (touched & (touched - (touched == 0 ? 0 : 1)) != 0) axes.ragged = true;
            }
            if (coordinate.index == NO_INDEX) continue;
            Coordinate[] memory inner = node.operands[coordinate.index].coordinates;
            for (uint256 e; e < inner.length; ++e) {
                axes.moving |= _foldAxes(node, inner[e]);
            }
        }
    }

    /// @dev Elements that a step along `axis` moves in the operand, indices aside.
    function _stride(Coordinate[] memory coordinates, uint256 axis) private pure returns (int256 stride) {
        int256 weight = 1;
        for (uint256 d = coordinates.length; d > 0;) {
            --d;
            stride += _coefficient(coordinates[d], axis) * weight;
            weight *= int256(coordinates[d].size);
        }
    }

    function _descends(Node memory node, uint256 slot, uint256 axis) private pure returns (bool) {
        return _stride(node.operands[slot].coordinates, axis) < 0;
    }

    function _coefficient(Coordinate memory coordinate, uint256 axis) private pure returns (int256) {
        uint256[] memory terms = coordinate.terms;
        for (uint256 i; i < terms.length; ++i) {
            if (terms[i] >> 32 == axis) return int32(uint32(terms[i]));
        }
        return 0;
    }

    /// @dev Whether a coordinate may be out of range at some indices, as far as the node says.
    function _canLeave(Node memory node, Coordinate memory coordinate) private pure returns (bool) {
        if (coordinate.index != NO_INDEX) return true;
        int256 least = coordinate.base;
        int256 greatest = least;
        for (uint256 i; i < coordinate.terms.length; ++i) {
            uint256 size = _size(node, coordinate.terms[i] >> 32);
            if (size == 0) continue;
            int256 reach = int32(uint32(coordinate.terms[i])) * int256(size - 1);
            if (reach < 0) least += reach;
            else greatest += reach;
        }
        return least < 0 || greatest >= int256(coordinate.size);
    }

    /// @dev The fold axes longer than 1 that a coordinate has terms on.
    function _foldAxes(Node memory node, Coordinate memory coordinate) private pure returns (uint256 axes) {
        for (uint256 i; i < coordinate.terms.length; ++i) {
            uint256 axis = coordinate.terms[i] >> 32;
            if (axis >= node.rank && _size(node, axis) > 1) axes |= 1 << axis;
        }
    }

    /// @dev Size of an axis; 1 for fold axes where nothing is folded, as nothing is then read at more than one fold index.
    function _size(Node memory node, uint256 axis) private pure returns (uint256) {
        return axis >= node.rank && node.foldCount == 0 ? 1 : node.dims[axis];
    }

    function _has(uint256 axes, uint256 axis) private pure returns (bool) {
        return (axes >> axis) & 1 == 1;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
