// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title float32 (IEEE 754-2019 binary32) in its 32 bits, and the one rounding of docs/canonical.md section 2.
/// @dev `bits` are always below 2^32. Everything but `normalize` takes normalised bits: one zero, one NaN. Nothing here
/// reverts.
library Binary32 {
    uint256 internal constant ONE = 0x3f800000;
    uint256 internal constant INFINITY = 0x7f800000;
    uint256 internal constant NEGATIVE_INFINITY = 0xff800000;
    uint256 internal constant NAN = 0x7fc00000;

    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant MAGNITUDE = 0x7fffffff;
    uint256 private constant FRACTION = 0x007fffff;
    uint256 private constant HIDDEN_BIT = 0x00800000;

    /// @dev Exponent of the unit in the last place of the smallest and of the largest finite numbers.
    int256 private constant MIN_UNIT = -149;
    int256 private constant MAX_UNIT = 104;

    /// @notice The bits as an element reads: every NaN is `NAN`, −0 is +0.
    function normalize(uint256 bits) internal pure returns (uint256) {
        if (bits & MAGNITUDE > INFINITY) return NAN;
        return bits == SIGN ? 0 : bits;
    }

    function isNaN(uint256 bits) internal pure returns (bool) {
        return bits == NAN;
    }

    function isInfinite(uint256 bits) internal pure returns (bool) {
        return bits & MAGNITUDE == INFINITY;
    }

    function isFinite(uint256 bits) internal pure returns (bool) {
        return bits & MAGNITUDE < INFINITY;
    }

    function isNegative(uint256 bits) internal pure returns (bool) {
        return bits & SIGN != 0;
    }

    /// @notice `-x`, normalised.
    function negate(uint256 bits) internal pure returns (uint256) {
        return bits == 0 || bits == NAN ? bits : bits ^ SIGN;
    }

    /// @notice An infinity of the given sign.
    function infinity(bool negative) internal pure returns (uint256) {
        return negative ? NEGATIVE_INFINITY : INFINITY;
    }

    /// @notice A number that orders as the floats do; NaN comes after +infinity.
    function order(uint256 bits) internal pure returns (int256) {
        int256 magnitude = int256(bits & MAGNITUDE);
        return isNegative(bits) ? -magnitude : magnitude;
    }

    /// @notice A finite float as `±mantissa * 2^exponent`.
    /// @return negative Whether it is below zero.
    /// @return mantissa Below 2^24; at least 2^23 unless the float is subnormal or zero.
    /// @return exponent From −149 to 104.
    function unpack(uint256 bits) internal pure returns (bool negative, uint256 mantissa, int256 exponent) {
        unchecked {
            negative = isNegative(bits);
            mantissa = bits & FRACTION;
            uint256 field = (bits & MAGNITUDE) >> 23;
            if (field == 0) return (negative, mantissa, MIN_UNIT);
            return (negative, mantissa | HIDDEN_BIT, int256(field) - 150);
        }
    }

    /// @notice The float nearest to `±(m + d) * 2^e`, ties to even; `d` is 0, or with `sticky` unknown in 0 < d < 1.
    /// @dev With `sticky`, m must have at least 25 bits or e be at most −150, so that every d rounds alike.
    /// @param m Any number.
    /// @param e Exponent of m's unit, |e| < 2^200.
    function round(bool negative, uint256 m, int256 e, bool sticky) internal pure returns (uint256 bits) {
        unchecked {
            if (m == 0) return 0; // At most d * 2^-150, less than half of the smallest subnormal.
            // The exponent of the result's unit: 24 bits, or fewer for subnormals.
            int256 unit = int256(Math.log2(m)) - 23 + e;
            if (unit < MIN_UNIT) unit = MIN_UNIT;
            if (unit > MAX_UNIT) return infinity(negative);
            int256 shift = unit - e;
            uint256 mantissa = 0;
            if (shift <= 0) {
                mantissa = m << uint256(-shift);
            } else if (shift <= 256) {
                mantissa = m >> uint256(shift);
                uint256 half = 1 << uint256(shift - 1);
                uint256 rest = m & (half | (half - 1));
                if (rest > half || (rest == half && (sticky || mantissa & 1 == 1))) ++mantissa;
            } // else less than half of the smallest subnormal: 0
            if (mantissa == 0) return 0;
            // The hidden bit, and a mantissa rounded up to 2^24, carry into the exponent field as they should, up to INFINITY.
            bits = (uint256(unit - MIN_UNIT) << 23) + mantissa;
            if (negative) bits |= SIGN;
        }
    }
}
