// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IFunctions} from "../interfaces/IFunctions.sol";
import {Binary32} from "./Binary32.sol";
import {Fn} from "./Node.sol";

/// @title Exact functions of float32: docs/canonical.md sections 2 and 3.
/// @dev Operands are normalised, results too.
library Floats {
    /// @dev Places by which a smaller addend is kept apart.
    uint256 private constant MAX_GAP = 64;
    uint256 private constant MINUS_ONE = Binary32.SIGN | Binary32.ONE;

    /// @notice The value of a function, rounded once.
    function compute(uint256 fn, uint256 x, uint256 y) internal pure returns (uint256) {
        if (fn == Fn.ADD) return _add(x, y);
        if (fn == Fn.SUB) return _add(x, Binary32.negate(y));
        if (fn == Fn.MUL) return _multiply(x, y);
        if (fn == Fn.DIV) return _divide(x, y);
        if (fn == Fn.MAX) return _extremum(x, y, false);
        if (fn == Fn.MIN) return _extremum(x, y, true);
        if (fn == Fn.ABS) return x & Binary32.MAGNITUDE;
        if (fn == Fn.NEG) return Binary32.negate(x);
        if (fn == Fn.SIGN) return _sign(x);
        if (fn == Fn.PRELU) return Binary32.isNegative(x) ? _multiply(x, y) : x;
        if (fn == Fn.SQRT) return _squareRoot(x);
        if (fn == Fn.RECIPROCAL) return _divide(Binary32.ONE, x);
        if (fn == Fn.FLOOR || fn == Fn.CEIL || fn == Fn.ROUND) return _toWhole(fn, x);
        revert IFunctions.Functions_UnknownFunction(fn);
    }

    /// @notice The float nearest to an integer.
    function fromInt(int256 value) internal pure returns (uint256) {
        unchecked {
            bool negative = value < 0;
            return Binary32.round(negative, uint256(negative ? -value : value), 0, false);
        }
    }

    /// @notice `x` toward zero, 0 for NaN, and at least 2^128 in magnitude for an infinity.
    function truncate(uint256 x) internal pure returns (int256) {
        unchecked {
            if (Binary32.isNaN(x)) return 0;
            if (!Binary32.isFinite(x)) return Binary32.isNegative(x) ? -int256(1 << 128) : int256(1 << 128);
            (bool negative, uint256 m, int256 e) = Binary32.unpack(x);
            int256 magnitude = int256(e < 0 ? m >> uint256(-e) : m << uint256(e));
            return negative ? -magnitude : magnitude;
        }
    }

    function _add(uint256 x, uint256 y) private pure returns (uint256) {
        unchecked {
            if (Binary32.isNaN(x) || Binary32.isNaN(y)) return Binary32.NAN;
            if (!Binary32.isFinite(x)) return Binary32.isFinite(y) || x == y ? x : Binary32.NAN;
            if (!Binary32.isFinite(y)) return y;
            if (x & Binary32.MAGNITUDE < y & Binary32.MAGNITUDE) (x, y) = (y, x);
            (bool negativeX, uint256 mx, int256 ex) = Binary32.unpack(x);
            (bool negativeY, uint256 my, int256 ey) = Binary32.unpack(y);
            // A y that is further away is taken for a larger one: below 2^-40 units of x, all but 0 round alike.
            uint256 gap = Math.min(uint256(ex - ey), MAX_GAP);
            mx <<= gap;
            return Binary32.round(negativeX, negativeX == negativeY ? mx + my : mx - my, ex - int256(gap), false);
        }
    }

    function _multiply(uint256 x, uint256 y) private pure returns (uint256) {
        unchecked {
            if (Binary32.isNaN(x) || Binary32.isNaN(y)) return Binary32.NAN;
            bool negative = (x ^ y) & Binary32.SIGN != 0;
            if (!Binary32.isFinite(x) || !Binary32.isFinite(y)) {
                return x == 0 || y == 0 ? Binary32.NAN : Binary32.infinity(negative);
            }
            (, uint256 mx, int256 ex) = Binary32.unpack(x);
            (, uint256 my, int256 ey) = Binary32.unpack(y);
            return Binary32.round(negative, mx * my, ex + ey, false);
        }
    }

    function _divide(uint256 x, uint256 y) private pure returns (uint256) {
        unchecked {
            if (Binary32.isNaN(x) || Binary32.isNaN(y)) return Binary32.NAN;
            bool negative = (x ^ y) & Binary32.SIGN != 0;
            if (!Binary32.isFinite(x)) return Binary32.isFinite(y) ? Binary32.infinity(negative) : Binary32.NAN;
            if (!Binary32.isFinite(y)) return 0;
            if (y == 0) return x == 0 ? Binary32.NAN : Binary32.infinity(negative);
            (, uint256 mx, int256 ex) = Binary32.unpack(x);
            (, uint256 my, int256 ey) = Binary32.unpack(y);
            // The quotient is above 2^(64 - 24), or 0: bits enough for what is cut off to be sticky.
            uint256 dividend = mx << 64;
            return Binary32.round(negative, dividend / my, ex - ey - 64, dividend % my != 0);
        }
    }

    function _extremum(uint256 x, uint256 y, bool least) private pure returns (uint256) {
        if (Binary32.isNaN(x) || Binary32.isNaN(y)) return Binary32.NAN;
        return (Binary32.order(x) < Binary32.order(y)) == least ? x : y;
    }

    function _sign(uint256 x) private pure returns (uint256) {
        if (x == 0 || Binary32.isNaN(x)) return x;
        return Binary32.isNegative(x) ? MINUS_ONE : Binary32.ONE;
    }

    function _squareRoot(uint256 x) private pure returns (uint256) {
        unchecked {
            if (Binary32.isNegative(x)) return Binary32.NAN;
            if (!Binary32.isFinite(x)) return x;
            (, uint256 m, int256 e) = Binary32.unpack(x);
            // An even exponent, and a root above 2^32, or 0: bits enough for what is cut off to be sticky.
            uint256 shift = e & 1 == 0 ? 64 : 65;
            m <<= shift;
            uint256 root = Math.sqrt(m);
            return Binary32.round(false, root, (e - int256(shift)) / 2, root * root != m);
        }
    }

    /// @dev FLOOR, CEIL and ROUND.
    function _toWhole(uint256 fn, uint256 x) private pure returns (uint256) {
        unchecked {
            if (!Binary32.isFinite(x)) return x;
            (bool negative, uint256 m, int256 e) = Binary32.unpack(x);
            if (e >= 0) return x;
            uint256 places = uint256(-e);
            uint256 whole = m >> places;
            uint256 rest = m - (whole << places);
            uint256 half = 1 << (places - 1);
            bool away;
            if (fn == Fn.ROUND) away = rest > half || (rest == half && whole & 1 == 1);
            else away = rest != 0 && negative == (fn == Fn.FLOOR);
            return Binary32.round(negative, away ? whole + 1 : whole, 0, false);
        }
    }
}
