// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Element} from "./Element.sol";
import {Coordinate, NO_INDEX, Node, Operand} from "./Node.sol";
import {Openings} from "./Openings.sol";

/// @title Reading operands through views: docs/canonical.md section 4.
/// @dev Coordinates are computed without overflow checks. None can overflow: |base| <= 2^31, each of at most 16 terms is
/// below 2^31 · 2^31, an index element is below 2^64 in size. Row-major positions (products with sizes) are exact
/// wherever a read is in range: then no size is 0, their product is at most 2^36, and so is every factor; where a size is
/// 0, every read is out of range and the position, which may then wrap, is not used.
library Views {
    /// @notice Everything a step is computed from.
    /// @param node The node.
    /// @param openings Its operands as far as they are opened.
    /// @param fills For each operand a word of memory that begins with its fill, packed as an element is.
    /// @param indices Iteration indices, then fold indices, then one more that is always 0 and in no term.
    struct Step {
        Node node;
        Openings.Opening[] openings;
        uint256[] fills;
        uint256[] indices;
    }

    /// @notice Reads of one operand along one axis, from index `origin` until before `end`.
    /// @dev In range are those from `from` until before `to`; index i is then at position `flat + step · (i − origin)`.
    struct Line {
        uint256 origin;
        uint256 end;
        uint256 from;
        uint256 to;
        int256 flat;
        int256 step;
    }

    /// @notice The step of a node with opened operands, all indices 0.
    function begin(Node memory node, Openings.Opening[] memory openings) internal pure returns (Step memory s) {
        s.node = node;
        s.openings = openings;
        s.fills = new uint256[](node.operands.length);
        for (uint256 i; i < node.operands.length; ++i) {
            Operand memory operand = node.operands[i];
            s.fills[i] = Element.normalize(operand.dtype, operand.fill) << (256 - 8 * Element.size(operand.dtype));
        }
        s.indices = new uint256[](node.dims.length + 1);
    }

    /// @notice Sets the indices of the `axes` axes from `first` on to those of the row-major position `position`.
    function unravel(Step memory s, uint256 first, uint256 axes, uint256 position) internal pure {
        for (uint256 axis = first + axes; axis > first;) {
            --axis;
            uint256 size = s.node.dims[axis];
            s.indices[axis] = position % size;
            position /= size;
        }
    }

    /// @notice What operand `slot` reads as at the step's indices, normalised: an element, or the fill.
    function read(Step memory s, uint256 slot) internal pure returns (uint256 bits) {
        // slither-disable-next-line unused-return -- most functions do not ask which of the two it is
        (bits,) = readInRange(s, slot);
    }

    /// @notice The same, and whether the read is in range.
    function readInRange(Step memory s, uint256 slot) internal pure returns (uint256 bits, bool inRange) {
        uint256 still = s.node.dims.length;
        Line memory line = aim(s, slot, still, 0, 1);
        inRange = line.from < line.to;
        Operand memory operand = s.node.operands[slot];
        bits = inRange ? Openings.read(s.openings[slot], uint256(line.flat)) : operand.fill;
        bits = Element.normalize(operand.dtype, bits);
    }

    /// @notice Computes the line of reads of operand `slot` as index `axis` runs from `origin` to before `size`. Where a
    /// gathered coordinate changes along the axis, the line is one read long.
    function aim(Step memory s, uint256 slot, uint256 axis, uint256 origin, uint256 size)
        internal
        pure
        returns (Line memory line)
    {
        s.indices[axis] = origin;
        line.origin = origin;
        line.end = size;
        _project(s, s.node.operands[slot].coordinates, axis, line);
    }

    /// @dev Completes a line of which `origin` is known, and `end` if no gathered coordinate changes along it.
    function _project(Step memory s, Coordinate[] memory coordinates, uint256 axis, Line memory line) private pure {
        unchecked {
            uint256 from = 0;
            uint256 to = line.end - line.origin;
            int256 flat = 0;
            int256 stride = 0;
            for (uint256 d; d < coordinates.length; ++d) {
                Coordinate memory coordinate = coordinates[d];
                (int256 c, int256 slope, bool moves) = _along(s, coordinate, axis);
                if (moves) line.end = line.origin + 1;
                int256 bound = int256(coordinate.size);
                flat = flat * bound + c;
                stride = stride * bound + slope;
                (from, to) = _clip(c, slope, bound, from, to);
            }
            line.flat = flat;
            line.step = stride;
            uint256 reads = line.end - line.origin;
            if (to > reads) to = reads;
            if (from >= to) (from, to) = (reads, reads);
            line.from = line.origin + from;
            line.to = line.origin + to;
        }
    }

    /// @notice Where the reads of a line from index `i` on lie in memory: `length` of them, `stride` bytes apart, all in
    /// range or all the fill. `i` must be within the line.
    function segment(Step memory s, uint256 slot, Line memory line, uint256 i)
        internal
        pure
        returns (uint256 place, int256 stride, uint256 length, bool inRange)
    {
        unchecked {
            if (i < line.from || i >= line.to) {
                uint256[] memory fills = s.fills;
                assembly ("memory-safe") {
                    place := add(add(fills, 0x20), shl(5, slot))
                }
                return (place, 0, (i < line.from ? line.from : line.end) - i, false);
            }
            Openings.Opening memory opening = s.openings[slot];
            uint256 element = uint256(line.flat + line.step * int256(i - line.origin));
            (place, length) = Openings.locate(opening, element, line.step, line.to - i);
            return (place, line.step * int256(opening.elementBytes), length, true);
        }
    }

    /// @dev A coordinate at the step's indices, how much it grows with index `axis`, and whether its gathered part may change
    /// with it too.
    function _along(Step memory s, Coordinate memory coordinate, uint256 axis)
        private
        pure
        returns (int256 c, int256 slope, bool moves)
    {
        unchecked {
            (c, slope) = _affine(s.indices, coordinate, axis);
            if (coordinate.index != NO_INDEX) {
                int256 offset;
                (offset, moves) = _index(s, coordinate.index, axis);
                c += offset < 0 ? offset + int256(coordinate.size) : offset;
            }
        }
    }

    /// @dev A coordinate at the given indices without its index operand, and how much it grows with index `axis`.
    function _affine(uint256[] memory indices, Coordinate memory coordinate, uint256 axis)
        private
        pure
        returns (int256 c, int256 slope)
    {
        c = coordinate.base;
        uint256[] memory terms = coordinate.terms;
        assembly ("memory-safe") {
            let term := add(terms, 0x20)
            for { let end := add(term, shl(5, mload(terms))) } lt(term, end) { term := add(term, 0x20) } {
                let along := shr(32, mload(term))
                let coefficient := signextend(3, mload(term))
                c := add(c, mul(coefficient, mload(add(add(indices, 0x20), shl(5, along)))))
                if eq(along, axis) { slope := coefficient }
            }
        }
    }

    /// @dev The i from `from` to before `to` with 0 <= c + slope · i < size.
    function _clip(int256 c, int256 slope, int256 size, uint256 from, uint256 to)
        private
        pure
        returns (uint256, uint256)
    {
        unchecked {
            int256 low = 0; // the first i in range
            int256 high = 0; // the first after it that is not
            if (slope == 0) {
                return c >= 0 && c < size ? (from, to) : (to, to);
            } else if (slope > 0) {
                if (c < 0) low = (slope - 1 - c) / slope;
                if (c < size) high = (size - c + slope - 1) / slope;
            } else {
                if (c >= size) low = (c - size) / -slope + 1;
                if (c >= 0) high = c / -slope + 1;
            }
            if (uint256(low) > from) from = uint256(low);
            if (uint256(high) < to) to = uint256(high);
            return (from, to);
        }
    }

    /// @dev The value of index operand `slot` at the step's indices, and whether it may change with index `axis`.
    function _index(Step memory s, uint256 slot, uint256 axis) private pure returns (int256 value, bool moves) {
        unchecked {
            Operand memory operand = s.node.operands[slot];
            Coordinate[] memory coordinates = operand.coordinates;
            int256 flat = 0;
            bool inRange = true;
            for (uint256 d; d < coordinates.length; ++d) {
                (int256 c, int256 slope) = _affine(s.indices, coordinates[d], axis);
                int256 size = int256(coordinates[d].size);
                if (c < 0 || c >= size) inRange = false;
                if (slope != 0) moves = true;
                flat = flat * size + c;
            }
            uint256 bits = inRange ? Openings.read(s.openings[slot], uint256(flat)) : operand.fill;
            value = Element.toInt(operand.dtype, bits);
        }
    }
}
