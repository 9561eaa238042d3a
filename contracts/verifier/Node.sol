// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice What a node does.
enum Kind {
    INPUT,
    CONST,
    MAP,
    FOLD,
    TREE,
    RANK
}

/// @notice Why bytes are no node: the first rule of docs/canonical.md section 5 they break, in the order of reading.
enum Malformation {
    NONE,
    TOO_SHORT,
    BYTES_LEFT_OVER,
    UNKNOWN_KIND,
    UNKNOWN_FUNCTION,
    UNKNOWN_DTYPE,
    RANK_TOO_HIGH,
    RANK_DOES_NOT_FIT,
    OPERANDS_DO_NOT_FIT,
    DIMENSION_TOO_LARGE,
    TOO_MANY_ELEMENTS,
    FOLD_TOO_LONG,
    TREE_TOO_DEEP,
    FILL_TOO_LARGE,
    INDEX_NOT_ALLOWED,
    TERM_NOT_CANONICAL,
    DTYPES_DO_NOT_FIT,
    TABLE_VIEW_NOT_PLAIN
}

/// @notice A node of a canonical program: docs/canonical.md sections 4 and 5.
/// @param kind What it does.
/// @param fn Function of a MAP, FOLD or RANK.
/// @param dtype Element type of its tensor.
/// @param rank Iteration dimensions.
/// @param dims Iteration dimensions, then fold dimensions.
/// @param values The first operands, which are the function's; the others are index operands.
/// @param operands Operands.
/// @param count Elements of its tensor: the product of the iteration dimensions.
/// @param foldCount Product of the fold dimensions.
/// @param parameter Slot of an INPUT, root of a CONST, depth of a TREE.
struct Node {
    Kind kind;
    uint256 fn;
    uint256 dtype;
    uint256 rank;
    uint256[] dims;
    uint256 values;
    Operand[] operands;
    uint256 count;
    uint256 foldCount;
    uint256 parameter;
}

/// @notice An operand and its view.
/// @param node Index of the node whose tensor it is.
/// @param dtype That tensor's element type.
/// @param fill Bits a read out of range yields, as encoded.
/// @param count That tensor's elements: the product of the coordinates' sizes.
/// @param coordinates Coordinates of the view.
struct Operand {
    uint256 node;
    uint256 dtype;
    uint256 fill;
    uint256 count;
    Coordinate[] coordinates;
}

/// @notice One coordinate of a view: `base + Σ coefficient · it[axis]`, plus the value of operand `index`.
/// @param size Elements of the operand along it.
/// @param index The index operand's slot, or `NO_INDEX`.
/// @param base Its constant part.
/// @param terms Its terms as encoded, axes ascending: axis << 32 | coefficient, an i32 that is not 0.
struct Coordinate {
    uint256 size;
    uint256 index;
    int256 base;
    uint256[] terms;
}

/// @dev The index of a coordinate that has none.
uint256 constant NO_INDEX = 0xff;

/// @notice Codes of the functions that the verifier's parts tell apart by name.
library Fn {
    uint256 internal constant PICK = 0x00;
    uint256 internal constant CAST = 0x01;
    uint256 internal constant WHERE = 0x02;
    uint256 internal constant EQUAL = 0x03;
    uint256 internal constant LESS = 0x04;
    uint256 internal constant AND = 0x06;
    uint256 internal constant OR = 0x07;
    uint256 internal constant XOR = 0x08;
    uint256 internal constant NOT = 0x09;
    uint256 internal constant ADD = 0x10;
    uint256 internal constant SUB = 0x11;
    uint256 internal constant MUL = 0x12;
    uint256 internal constant DIV = 0x13;
    uint256 internal constant MAX = 0x14;
    uint256 internal constant MIN = 0x15;
    uint256 internal constant ABS = 0x16;
    uint256 internal constant NEG = 0x17;
    uint256 internal constant SIGN = 0x18;
    uint256 internal constant POW = 0x19;
    uint256 internal constant PRELU = 0x1a;
    uint256 internal constant FLOOR = 0x20;
    uint256 internal constant CEIL = 0x21;
    uint256 internal constant ROUND = 0x22;
    uint256 internal constant SQRT = 0x23;
    uint256 internal constant RECIPROCAL = 0x24;
    uint256 internal constant EXP = 0x30;
    uint256 internal constant ATANH = 0x39;
    uint256 internal constant ERF = 0x40;
    uint256 internal constant FOLD_DOT = 0x80;
    uint256 internal constant FOLD_SUM = 0x81;
    uint256 internal constant FOLD_MEAN = 0x82;
    uint256 internal constant FOLD_MAX = 0x83;
    uint256 internal constant FOLD_MIN = 0x84;
    uint256 internal constant FOLD_ARGMAX = 0x85;
    uint256 internal constant FOLD_ARGMIN = 0x86;
    uint256 internal constant FOLD_ANY = 0x87;
    uint256 internal constant FOLD_ALL = 0x88;
    uint256 internal constant RANK_DESCENDING = 0;
    uint256 internal constant RANK_ASCENDING = 1;
}
