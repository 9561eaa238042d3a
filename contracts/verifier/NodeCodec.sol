// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Element} from "./Element.sol";
import {Coordinate, Kind, Malformation, NO_INDEX, Node, Operand} from "./Node.sol";
import {Signature} from "./Signature.sol";

/// @title Nodes from their bytes: docs/canonical.md section 5. The only place that decides whether a node is malformed.
library NodeCodec {
    uint256 private constant MAX_RANK = 8;
    uint256 private constant MAX_OPERANDS = 8;
    uint256 private constant MAX_DIMENSION = 2 ** 31 - 1;
    uint256 private constant MAX_BYTES = 2 ** 28 * 256;
    uint256 private constant MAX_FOLD = 2 ** 20;
    uint256 private constant MAX_DEPTH = 4096;

    /// @dev What is left of the encoding, as calldata positions. Reading beyond the end sets `short` and yields zeros.
    struct Input {
        uint256 position;
        uint256 end;
        bool short;
    }

    /// @notice The node that `data` encodes; reverts where it is malformed.
    function decode(bytes calldata data) internal pure returns (Node memory node) {
        Malformation malformation;
        (malformation, node) = parse(data);
        require(malformation == Malformation.NONE, IStepVerifier.StepVerifier_MalformedNode(malformation));
    }

    /// @notice The node that `data` encodes, and `NONE`; or why it encodes none, and a node not to be used.
    /// @dev Never reverts. Memory and loops are bounded by the limits, whatever the bytes are.
    function parse(bytes calldata data) internal pure returns (Malformation malformation, Node memory node) {
        Input memory input;
        assembly ("memory-safe") {
            mstore(input, data.offset)
            mstore(add(input, 0x20), add(data.offset, data.length))
        }
        malformation = _read(input, node);
        if (input.short) return (Malformation.TOO_SHORT, node);
        if (malformation != Malformation.NONE) return (malformation, node);
        if (input.position != input.end) return (Malformation.BYTES_LEFT_OVER, node);
        if (!Signature.dtypesFit(node)) return (Malformation.DTYPES_DO_NOT_FIT, node);
        if (node.kind == Kind.TREE && !(_isPlain(node.operands[1]) && _isPlain(node.operands[3]))) {
            return (Malformation.TABLE_VIEW_NOT_PLAIN, node);
        }
    }

    function _read(Input memory input, Node memory node) private pure returns (Malformation) {
        // u8 kind · u8 fn · u8 dtype · u8 R · u8 F · u8 operands · u8 values
        uint256 head = _take(input, 7);
        if (head >> 48 > uint256(type(Kind).max)) return Malformation.UNKNOWN_KIND;
        node.kind = Kind(head >> 48);
        node.fn = uint8(head >> 40);
        (uint256 least, uint256 most) = Signature.arity(node.kind, node.fn);
        if (least > most) return Malformation.UNKNOWN_FUNCTION;
        node.dtype = uint8(head >> 32);
        if (Element.size(node.dtype) == 0) return Malformation.UNKNOWN_DTYPE;

        node.rank = uint8(head >> 24);
        uint256 foldRank = uint8(head >> 16);
        if (node.rank > MAX_RANK || foldRank > MAX_RANK) return Malformation.RANK_TOO_HIGH;
        if (!_ranksFit(node.kind, node.rank, foldRank)) return Malformation.RANK_DOES_NOT_FIT;

        uint256 operands = uint8(head >> 8);
        node.values = uint8(head);
        if (
            node.values < least || node.values > most || operands < node.values || operands > MAX_OPERANDS
                || (most == 0 && operands != 0)
        ) return Malformation.OPERANDS_DO_NOT_FIT;

        Malformation malformation = _readDimensions(input, node, foldRank);
        if (malformation != Malformation.NONE) return malformation;

        if (node.kind == Kind.CONST) node.parameter = _take(input, 32);
        if (node.kind == Kind.INPUT || node.kind == Kind.TREE) node.parameter = _take(input, 2);
        if (node.kind == Kind.TREE && node.parameter > MAX_DEPTH) return Malformation.TREE_TOO_DEEP;

        node.operands = new Operand[](operands);
        for (uint256 i; i < operands; ++i) {
            malformation = _readOperand(input, node, i);
            if (malformation != Malformation.NONE) return malformation;
        }
        return Malformation.NONE;
    }

    function _ranksFit(Kind kind, uint256 rank, uint256 foldRank) private pure returns (bool) {
        if (kind == Kind.FOLD) return true;
        if (kind == Kind.RANK) return rank >= 1;
        if (kind == Kind.TREE) return rank >= 1 && foldRank == 1;
        return foldRank == 0;
    }

    function _readDimensions(Input memory input, Node memory node, uint256 foldRank)
        private
        pure
        returns (Malformation)
    {
        uint256 axes = node.rank + foldRank;
        node.dims = new uint256[](axes);
        node.count = 1;
        node.foldCount = 1;
        for (uint256 i; i < axes; ++i) {
            uint256 size = _take(input, 4);
            if (size > MAX_DIMENSION) return Malformation.DIMENSION_TOO_LARGE;
            node.dims[i] = size;
            // Eight factors below 2^31 each: no overflow.
            if (i < node.rank) node.count *= size;
            else node.foldCount *= size;
        }
        if (node.count * Element.size(node.dtype) > MAX_BYTES) return Malformation.TOO_MANY_ELEMENTS;
        return node.foldCount > MAX_FOLD ? Malformation.FOLD_TOO_LONG : Malformation.NONE;
    }

    function _readOperand(Input memory input, Node memory node, uint256 slot) private pure returns (Malformation) {
        Operand memory operand = node.operands[slot];
        // u32 node · u8 dtype · u8 r · u64 fill
        uint256 head = _take(input, 14);
        operand.node = head >> 80;
        operand.dtype = uint8(head >> 72);
        uint256 size = Element.size(operand.dtype);
        if (size == 0) return Malformation.UNKNOWN_DTYPE;
        uint256 rank = uint8(head >> 64);
        if (rank > MAX_RANK) return Malformation.RANK_TOO_HIGH;
        operand.fill = uint64(head);
        if (operand.fill >= (Element.isNumeric(operand.dtype) ? 1 << (8 * size) : 2)) {
            return Malformation.FILL_TOO_LARGE;
        }
        operand.count = 1;
        operand.coordinates = new Coordinate[](rank);
        for (uint256 d; d < rank; ++d) {
            Malformation malformation = _readCoordinate(input, node, slot, operand.coordinates[d]);
            if (malformation != Malformation.NONE) return malformation;
            operand.count *= operand.coordinates[d].size;
        }
        return operand.count * size > MAX_BYTES ? Malformation.TOO_MANY_ELEMENTS : Malformation.NONE;
    }

    function _readCoordinate(Input memory input, Node memory node, uint256 slot, Coordinate memory coordinate)
        private
        pure
        returns (Malformation)
    {
        // u32 D · u8 index · i32 base · u8 terms
        uint256 head = _take(input, 10);
        coordinate.size = head >> 48;
        if (coordinate.size > MAX_DIMENSION) return Malformation.DIMENSION_TOO_LARGE;
        coordinate.index = uint8(head >> 40);
        if (
            coordinate.index != NO_INDEX
                && (slot >= node.values || coordinate.index < node.values || coordinate.index >= node.operands.length)
        ) return Malformation.INDEX_NOT_ALLOWED;
        coordinate.base = int32(uint32(head >> 8));

        uint256 axes = node.dims.length;
        if (uint8(head) > axes) return Malformation.TERM_NOT_CANONICAL;
        uint256[] memory terms = new uint256[](uint8(head));
        coordinate.terms = terms;
        uint256 least = 0;
        for (uint256 i; i < terms.length; ++i) {
            // u8 axis · i32 coefficient
            uint256 term = _take(input, 5);
            uint256 axis = term >> 32;
            if (axis < least || axis >= axes || uint32(term) == 0) return Malformation.TERM_NOT_CANONICAL;
            least = axis + 1;
            terms[i] = term;
        }
        return Malformation.NONE;
    }

    /// @dev Whether a view only states a count: one coordinate, base 0, no terms, no index.
    function _isPlain(Operand memory operand) private pure returns (bool) {
        if (operand.coordinates.length != 1) return false;
        Coordinate memory coordinate = operand.coordinates[0];
        return coordinate.base == 0 && coordinate.terms.length == 0 && coordinate.index == NO_INDEX;
    }

    /// @dev The next `size` bytes, 1 to 32, as a number.
    function _take(Input memory input, uint256 size) private pure returns (uint256 value) {
        unchecked {
            if (input.end - input.position < size) {
                input.short = true;
                return 0;
            }
            uint256 position = input.position;
            assembly ("memory-safe") {
                value := shr(sub(256, shl(3, size)), calldataload(position))
            }
            input.position = position + size;
        }
    }
}
