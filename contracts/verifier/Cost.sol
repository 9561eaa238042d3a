// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Merkle} from "./Merkle.sol";
import {Coordinate, Fn, Kind, NO_INDEX, Node, Operand} from "./Node.sol";
import {Reach} from "./Reach.sol";

/// @title What the dearest one-step proof of a node costs: docs/canonical.md section 9.
library Cost {
    uint256 internal constant MAX_BYTES = 120_000;
    uint256 internal constant MAX_GAS = 6_000_000;
    /// @dev Bytes and gas where an operand may need more runs than an opening can have.
    uint256 internal constant WITHOUT_BOUND = 2 ** 64 - 1;
    uint256 private constant MAX_RUNS = 255;

    uint256 private constant FIXED_BYTES = 4096 + 608;
    uint256 private constant PATH_BYTES = 21 * 32;
    uint256 private constant OPERAND_BYTES = 96;
    uint256 private constant RUN_BYTES = 8;

    uint256 private constant BASE_GAS = 21_000;
    uint256 private constant BYTE_GAS = 16;
    uint256 private constant FLOOR_BYTE_GAS = 40;

    uint256 private constant FIXED = 12_000;
    uint256 private constant PATH = 17_700;
    uint256 private constant DIM = 1_200;
    uint256 private constant OPERAND = 3_500;
    uint256 private constant COORDINATE = 500;
    uint256 private constant TERM = 250;
    uint256 private constant LEAF = 500;
    uint256 private constant RUN = 1_850;
    uint256 private constant SIBLING = 1_015;
    uint256 private constant VIEW = 1_800;
    uint256 private constant VIEW_COORDINATE = 640;
    uint256 private constant VIEW_TERM = 145;
    uint256 private constant VIEW_INDEX = 300;
    uint256 private constant FIND = 440;
    uint256 private constant LINE = 1_250;
    uint256 private constant SEGMENT = 1_550;
    uint256 private constant PIECE = 500;
    uint256 private constant SINGLE = 1_350;
    uint256 private constant PRODUCTS = 300;
    uint256 private constant WORD = 1_030;
    uint256 private constant PACK = 90;
    uint256 private constant INTEGER_TERM = 290;
    uint256 private constant INTEGER_PRODUCT = 200;
    uint256 private constant ORDER_TERM = 410;
    uint256 private constant FUNCTION = 4_500;
    uint256 private constant ELEMENTARY = 12_000;
    uint256 private constant POWER = 16_500;
    uint256 private constant BRANCH = 3_000;

    /// @dev A fold's lines along its innermost axis.
    struct Lines {
        uint256 number;
        uint256 size;
        uint256 pieces;
        uint256 scattered;
        Reach.Line[] reads;
    }

    /// @notice The most bytes and gas that a transaction needs which proves any one element of `node`; nothing for INPUT
    /// and CONST.
    /// @param encoded Bytes of the node's encoding.
    function bound(Node memory node, uint256 encoded) internal pure returns (uint256 size, uint256 price) {
        if (node.kind == Kind.INPUT || node.kind == Kind.CONST) return (0, 0);
        Reach.Opening[] memory openings = new Reach.Opening[](node.operands.length);
        for (uint256 i; i < openings.length; ++i) {
            openings[i] = Reach.opening(node, i);
            if (openings[i].runs > MAX_RUNS) return (WITHOUT_BOUND, WITHOUT_BOUND);
        }
        Lines memory lines = _lines(node);
        size = FIXED_BYTES + PATH_BYTES + encoded + OPERAND_BYTES * openings.length;
        price = _decoding(node) + _computing(node, openings, lines);

        uint256 resultDepth = Merkle.depth(Reach.leavesOf(node.count, node.dtype));
        (size, price) = _addOpening(size, price, Reach.Opening(1, 1, resultDepth));
        (uint256 first, uint256 end) = _alternatives(node);
        // slither-disable-next-line uninitialized-local -- zeroed memory is the smallest opening
        Reach.Opening memory chosen;
        for (uint256 i; i < openings.length; ++i) {
            if (i < first || i >= end) (size, price) = _addOpening(size, price, openings[i]);
            else chosen = _larger(chosen, openings[i]);
        }
        if (first < end) (size, price) = _addOpening(size, price, chosen);

        // Beyond its linear part, memory costs the square: openings, copies of rows, what pieces leave behind.
        uint256 words = size / 32 + node.foldCount / 4 + lines.number * lines.pieces;
        price = BYTE_GAS * size + price + words * words / 256;
        uint256 floor = FLOOR_BYTE_GAS * size;
        price = BASE_GAS + (price > floor ? price : floor);
    }

    /// @dev The operands of which one is opened: what PICK chooses from, WHERE's branches. From `first` to before `end`.
    function _alternatives(Node memory node) private pure returns (uint256 first, uint256 end) {
        if (node.kind != Kind.MAP) return (0, 0);
        if (node.fn == Fn.PICK) return (0, node.values);
        return node.fn == Fn.WHERE ? (1, node.values) : (0, 0);
    }

    function _larger(Reach.Opening memory a, Reach.Opening memory b) private pure returns (Reach.Opening memory) {
        if (a.leaves != b.leaves) return a.leaves > b.leaves ? a : b;
        return a.depth >= b.depth ? a : b;
    }

    /// @dev `size` and `price` with an opening and its tensor's path.
    function _addOpening(uint256 size, uint256 price, Reach.Opening memory o) private pure returns (uint256, uint256) {
        uint256 siblings = (o.leaves < 2 * o.runs ? o.leaves : 2 * o.runs) * o.depth;
        size += PATH_BYTES + RUN_BYTES * o.runs + Merkle.LEAF_BYTES * o.leaves + 32 * siblings;
        price += PATH + RUN * o.runs + LEAF * o.leaves + SIBLING * siblings;
        return (size, price);
    }

    function _decoding(Node memory node) private pure returns (uint256 price) {
        price = FIXED + PATH + DIM * node.dims.length + OPERAND * node.operands.length;
        for (uint256 i; i < node.operands.length; ++i) {
            (uint256 coordinates, uint256 terms) = _parts(node.operands[i]);
            price += COORDINATE * coordinates + TERM * terms;
        }
    }

    function _parts(Operand memory operand) private pure returns (uint256 coordinates, uint256 terms) {
        coordinates = operand.coordinates.length;
        for (uint256 d; d < coordinates; ++d) {
            terms += operand.coordinates[d].terms.length;
        }
    }

    function _computing(Node memory node, Reach.Opening[] memory openings, Lines memory lines)
        private
        pure
        returns (uint256 price)
    {
        if (node.kind == Kind.TREE) {
            uint256 branch = BRANCH + _finding(openings[1]) + _read(node, 0, openings);
            return node.parameter * branch + FUNCTION + _read(node, 2, openings);
        }
        if (node.kind == Kind.MAP) price = _function(node.fn);
        else price = lines.number * _line(node, openings, lines);
        // A RANK reads the element at the prover's position once more.
        (uint256 first, uint256 end) = node.kind == Kind.RANK ? (0, 1) : (Reach.folded(node), node.values);
        for (uint256 i = first; i < end; ++i) {
            price += _read(node, i, openings);
        }
    }

    function _function(uint256 fn) private pure returns (uint256) {
        if (fn == Fn.POW) return POWER;
        return fn >= Fn.EXP ? ELEMENTARY : FUNCTION;
    }

    function _read(Node memory node, uint256 slot, Reach.Opening[] memory openings) private pure returns (uint256) {
        return SEGMENT + _finding(openings[slot]) + _view(node, slot, openings);
    }

    /// @dev Finding a run by bisection.
    function _finding(Reach.Opening memory o) private pure returns (uint256) {
        uint256 steps;
        while (o.runs >> steps != 0) ++steps;
        return FIND * steps;
    }

    /// @dev Computing where a read is.
    function _view(Node memory node, uint256 slot, Reach.Opening[] memory openings)
        private
        pure
        returns (uint256 price)
    {
        price = VIEW + _affine(node.operands[slot]);
        Coordinate[] memory coordinates = node.operands[slot].coordinates;
        for (uint256 d; d < coordinates.length; ++d) {
            uint256 index = coordinates[d].index;
            if (index != NO_INDEX) price += VIEW_INDEX + _finding(openings[index]) + _affine(node.operands[index]);
        }
    }

    function _affine(Operand memory operand) private pure returns (uint256) {
        (uint256 coordinates, uint256 terms) = _parts(operand);
        return VIEW_COORDINATE * coordinates + VIEW_TERM * terms;
    }

    function _lines(Node memory node) private pure returns (Lines memory lines) {
        (, lines.size) = Reach.innermost(node);
        lines.number = node.foldCount / lines.size;
        uint256 folded = Reach.folded(node);
        lines.reads = new Reach.Line[](folded);
        uint256 segments = 1;
        for (uint256 i; i < folded; ++i) {
            lines.reads[i] = Reach.line(node, i);
            segments += lines.reads[i].segments;
            if (lines.reads[i].scattered) ++lines.scattered;
        }
        segments -= folded;
        lines.pieces = segments < lines.size ? segments : lines.size;
    }

    /// @dev One line of a fold.
    function _line(Node memory node, Reach.Opening[] memory openings, Lines memory lines)
        private
        pure
        returns (uint256 price)
    {
        price = LINE + PIECE * lines.pieces + _terms(node, lines);
        for (uint256 i; i < lines.reads.length; ++i) {
            price += lines.reads[i].views * _view(node, i, openings);
            price += lines.reads[i].segments * (SEGMENT + _finding(openings[i]));
        }
    }

    /// @dev The terms of a line.
    function _terms(Node memory node, Lines memory lines) private pure returns (uint256) {
        if (lines.pieces == lines.size) return SINGLE * lines.size;
        uint256 fn = node.fn;
        if (node.kind == Kind.RANK || (fn >= Fn.FOLD_MAX && fn <= Fn.FOLD_ARGMIN)) return ORDER_TERM * lines.size;
        if (node.dtype != Dtype.FLOAT) {
            return (fn == Fn.FOLD_DOT ? INTEGER_PRODUCT : INTEGER_TERM) * lines.size;
        }
        uint256 words = (lines.size + 7 * lines.pieces) / 8;
        return PRODUCTS * lines.pieces + WORD * words + PACK * lines.scattered * lines.size;
    }
}
