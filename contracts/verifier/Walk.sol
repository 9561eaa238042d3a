// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Views} from "./Views.sol";

/// @title Reading the operands of a fold in order, in pieces that lie evenly in memory.
library Walk {
    /// @notice A walk over all fold indices in row-major order. `next` leads to its pieces.
    /// @param position Fold position of the piece's first read.
    /// @param length Reads in the piece; 0 before the first.
    /// @param place For each operand: where the piece's first read lies in memory, packed.
    /// @param stride For each operand: bytes from one read to the next.
    /// @param inRange For each operand: whether the piece is read in range, or is the fill.
    /// @param axis The axis the lines run along: the last of the node whose size is not 1.
    /// @param size Its size.
    /// @param i Index along it of the piece's first read.
    /// @param lines For each operand: the line the piece is part of.
    /// @param left For each operand: reads from the piece's first on that are known to lie evenly.
    struct Fold {
        uint256 position;
        uint256 length;
        uint256[] place;
        int256[] stride;
        bool[] inRange;
        uint256 axis;
        uint256 size;
        uint256 i;
        Views.Line[] lines;
        uint256[] left;
    }

    /// @notice A walk of operands 0 to `operands` − 1, before its first piece. Sets all fold indices to 0.
    function start(Views.Step memory s, uint256 operands) internal pure returns (Fold memory fold) {
        fold.place = new uint256[](operands);
        fold.stride = new int256[](operands);
        fold.inRange = new bool[](operands);
        fold.lines = new Views.Line[](operands);
        fold.left = new uint256[](operands);
        uint256[] memory dims = s.node.dims;
        uint256 rank = s.node.rank;
        for (uint256 axis = rank; axis < dims.length; ++axis) {
            s.indices[axis] = 0;
        }
        uint256 last = dims.length;
        while (last > rank && dims[last - 1] == 1) --last;
        (fold.axis, fold.size) = last > rank ? (last - 1, dims[last - 1]) : (dims.length, 1);
    }

    /// @notice Goes to the next piece; false where there is none.
    function next(Fold memory fold, Views.Step memory s) internal pure returns (bool) {
        unchecked {
            _step(fold, fold.length);
            if (fold.position == s.node.foldCount) return false;
            if (fold.i == fold.size) _nextLine(fold, s);
            uint256 length = fold.size - fold.i;
            for (uint256 slot; slot < fold.left.length; ++slot) {
                if (fold.left[slot] == 0) _refill(fold, s, slot);
                if (fold.left[slot] < length) length = fold.left[slot];
            }
            fold.length = length;
            return true;
        }
    }

    /// @dev Leaves `reads` reads behind.
    function _step(Fold memory fold, uint256 reads) private pure {
        unchecked {
            fold.position += reads;
            fold.i += reads;
            for (uint256 slot; slot < fold.left.length; ++slot) {
                fold.left[slot] -= reads;
                fold.place[slot] = uint256(int256(fold.place[slot]) + int256(reads) * fold.stride[slot]);
            }
        }
    }

    /// @dev Only called while reads are left, so an axis before this one has an index to raise.
    function _nextLine(Fold memory fold, Views.Step memory s) private pure {
        unchecked {
            uint256 axis = fold.axis - 1;
            while (s.indices[axis] + 1 == s.node.dims[axis]) {
                s.indices[axis] = 0;
                --axis;
            }
            ++s.indices[axis];
            fold.i = 0;
            for (uint256 slot; slot < fold.lines.length; ++slot) {
                fold.lines[slot].end = 0;
            }
        }
    }

    function _refill(Fold memory fold, Views.Step memory s, uint256 slot) private pure {
        Views.Line memory line = fold.lines[slot];
        if (fold.i >= line.end) {
            line = Views.aim(s, slot, fold.axis, fold.i, fold.size);
            fold.lines[slot] = line;
        }
        (fold.place[slot], fold.stride[slot], fold.left[slot], fold.inRange[slot]) =
            Views.segment(s, slot, line, fold.i);
    }
}
