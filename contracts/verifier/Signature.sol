// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Element} from "./Element.sol";
import {Fn, Kind, Node} from "./Node.sol";

/// @title What the functions take and yield: docs/canonical.md section 3.
library Signature {
    /// @notice How many value operands a function may have; `least > most` where there is no such function.
    function arity(Kind kind, uint256 fn) internal pure returns (uint256 least, uint256 most) {
        if (kind == Kind.MAP) return _mapArity(fn);
        if (kind == Kind.FOLD) {
            if (fn == Fn.FOLD_DOT) return (2, 3);
            if (fn == Fn.FOLD_SUM) return (1, 2);
            return fn >= Fn.FOLD_MEAN && fn <= Fn.FOLD_ALL ? (1, 1) : (1, 0);
        }
        if (kind == Kind.RANK) return fn <= Fn.RANK_ASCENDING ? (1, 1) : (1, 0);
        if (fn != 0) return (1, 0);
        return kind == Kind.TREE ? (4, 4) : (0, 0);
    }

    /// @notice Whether the dtypes of a node, whose number of values fits, fit its function.
    function dtypesFit(Node memory node) internal pure returns (bool) {
        for (uint256 i = node.values; i < node.operands.length; ++i) {
            if (!Element.isInteger(node.operands[i].dtype)) return false;
        }
        if (node.kind == Kind.MAP) return _mapDtypesFit(node);
        if (node.kind == Kind.FOLD) {
            if (node.fn <= Fn.FOLD_MIN) return _all(node, 0, node.dtype) && Element.isNumeric(node.dtype);
            if (node.fn <= Fn.FOLD_ARGMIN) return _yieldsPosition(node);
            return _all(node, 0, Dtype.BOOL) && node.dtype == Dtype.BOOL;
        }
        if (node.kind == Kind.RANK) return _yieldsPosition(node);
        if (node.kind == Kind.TREE) {
            return node.dtype == Dtype.FLOAT && node.operands[0].dtype == Dtype.FLOAT
                && node.operands[1].dtype == Dtype.UINT32 && node.operands[2].dtype == Dtype.UINT32
                && node.operands[3].dtype == Dtype.FLOAT;
        }
        return true;
    }

    function _mapArity(uint256 fn) private pure returns (uint256 least, uint256 most) {
        if (fn == Fn.PICK) return (1, 8);
        if (fn == Fn.WHERE) return (3, 3);
        bool two = (fn >= Fn.EQUAL && fn <= Fn.XOR && fn != 0x05) || (fn >= Fn.ADD && fn <= Fn.MIN) || fn == Fn.POW
            || fn == Fn.PRELU;
        if (two) return (2, 2);
        bool one = fn == Fn.CAST || fn == Fn.NOT || (fn > Fn.MIN && fn <= Fn.SIGN)
            || (fn >= Fn.FLOOR && fn <= Fn.RECIPROCAL) || (fn >= Fn.EXP && fn <= Fn.ERF);
        return one ? (1, 1) : (1, 0);
    }

    function _mapDtypesFit(Node memory node) private pure returns (bool) {
        uint256 fn = node.fn;
        if (fn == Fn.PICK) return _all(node, 0, node.dtype);
        if (fn == Fn.CAST) return true;
        if (fn == Fn.WHERE) return node.operands[0].dtype == Dtype.BOOL && _all(node, 1, node.dtype);
        if (fn <= Fn.NOT) {
            uint256 dtype = node.operands[0].dtype;
            bool taken = fn == Fn.EQUAL || (fn == Fn.LESS ? Element.isNumeric(dtype) : dtype == Dtype.BOOL);
            return taken && _all(node, 0, dtype) && node.dtype == Dtype.BOOL;
        }
        if (fn <= Fn.PRELU) return _all(node, 0, node.dtype) && Element.isNumeric(node.dtype);
        return _all(node, 0, Dtype.FLOAT) && node.dtype == Dtype.FLOAT;
    }

    function _yieldsPosition(Node memory node) private pure returns (bool) {
        return Element.isNumeric(node.operands[0].dtype) && node.dtype == Dtype.INT64;
    }

    /// @dev Whether the values from operand `first` on are of `dtype`.
    function _all(Node memory node, uint256 first, uint256 dtype) private pure returns (bool) {
        for (uint256 i = first; i < node.values; ++i) {
            if (node.operands[i].dtype != dtype) return false;
        }
        return true;
    }
}
