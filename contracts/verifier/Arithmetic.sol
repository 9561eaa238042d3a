// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Binary32} from "./Binary32.sol";
import {Element} from "./Element.sol";
import {Floats} from "./Floats.sol";
import {Integers} from "./Integers.sol";
import {Fn} from "./Node.sol";

/// @title The exact MAP functions of docs/canonical.md section 3: all but PICK and WHERE, which choose what is read, the
/// functions from 0x30 on, and POW of floats.
/// @dev Operands are normalised, results too.
library Arithmetic {
    /// @notice The value of a function, rounded once. Reverts for a function that is not here.
    /// @param inDtype Dtype of the operands.
    /// @param outDtype Dtype of the result; `inDtype` but for CAST and comparisons.
    /// @param b Second operand; a function of one operand does not look at it.
    function map(uint256 fn, uint256 outDtype, uint256 inDtype, uint256 a, uint256 b) internal pure returns (uint256) {
        if (fn == Fn.CAST) return _cast(outDtype, inDtype, a);
        if (fn == Fn.EQUAL) return a == b && !_isNaN(inDtype, a) ? 1 : 0;
        if (fn == Fn.LESS) return _isLess(inDtype, a, b) ? 1 : 0;
        if (fn == Fn.AND) return a & b;
        if (fn == Fn.OR) return a | b;
        if (fn == Fn.XOR) return a ^ b;
        // slither-disable-next-line incorrect-exp -- an exclusive or is meant
        if (fn == Fn.NOT) return a ^ 1;
        return inDtype == Dtype.FLOAT ? Floats.compute(fn, a, b) : Integers.compute(fn, inDtype, a, b);
    }

    function _cast(uint256 to, uint256 from, uint256 a) private pure returns (uint256) {
        if (to == from) return a;
        if (to == Dtype.BOOL) return a == 0 ? 0 : 1;
        if (from == Dtype.FLOAT) return Integers.saturate(to, Floats.truncate(a));
        int256 value = Element.toInt(from, a);
        return to == Dtype.FLOAT ? Floats.fromInt(value) : Element.wrap(to, uint256(value));
    }

    function _isLess(uint256 dtype, uint256 a, uint256 b) private pure returns (bool) {
        return !_isNaN(dtype, a) && !_isNaN(dtype, b) && Element.order(dtype, a) < Element.order(dtype, b);
    }

    function _isNaN(uint256 dtype, uint256 a) private pure returns (bool) {
        return dtype == Dtype.FLOAT && Binary32.isNaN(a);
    }
}
