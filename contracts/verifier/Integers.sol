// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IFunctions} from "../interfaces/IFunctions.sol";
import {Element} from "./Element.sol";
import {Fn} from "./Node.sol";

/// @title Functions of integers: docs/canonical.md section 3.
/// @dev Values have at most 64 bits, so that no sum, product or quotient leaves 256; all that does not is right modulo 2^256, hence
/// modulo 2^bits.
library Integers {
    /// @notice The value of a function of one dtype, modulo 2^bits.
    function compute(uint256 fn, uint256 dtype, uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            int256 x = Element.toInt(dtype, a);
            int256 y = Element.toInt(dtype, b);
            int256 result = 0;
            if (fn == Fn.ADD) result = x + y;
            else if (fn == Fn.SUB) result = x - y;
            else if (fn == Fn.MUL) result = x * y;
            else if (fn == Fn.DIV) result = y == 0 ? int256(0) : x / y;
            else if (fn == Fn.MAX) result = x > y ? x : y;
            else if (fn == Fn.MIN) result = x < y ? x : y;
            else if (fn == Fn.ABS) result = x < 0 ? -x : x;
            else if (fn == Fn.NEG) result = -x;
            else if (fn == Fn.SIGN) result = x < 0 ? int256(-1) : x == 0 ? int256(0) : int256(1);
            else if (fn == Fn.POW) result = _power(x, y);
            else if (fn == Fn.PRELU) result = x < 0 ? x * y : x;
            else revert IFunctions.Functions_UnknownFunction(fn);
            return Element.wrap(dtype, uint256(result));
        }
    }

    /// @notice The integer of `dtype` nearest to `value`.
    function saturate(uint256 dtype, int256 value) internal pure returns (uint256) {
        unchecked {
            uint256 bits = 8 * Element.size(dtype);
            int256 least = Element.isSigned(dtype) ? -int256(1 << (bits - 1)) : int256(0);
            int256 most = least + int256((1 << bits) - 1);
            if (value < least) value = least;
            if (value > most) value = most;
            return Element.wrap(dtype, uint256(value));
        }
    }

    /// @dev x^n modulo 2^256, toward zero.
    function _power(int256 x, int256 n) private pure returns (int256) {
        unchecked {
            if (n >= 0) return int256(uint256(x) ** uint256(n));
            if (x == -1) return n & 1 == 0 ? int256(1) : int256(-1);
            return x == 1 ? int256(1) : int256(0);
        }
    }
}
