// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice How a value between two representable ones is rounded.
/// @param DOWN Towards minus infinity.
/// @param UP Towards plus infinity.
/// @param TOWARD_ZERO To the smaller magnitude.
/// @param NEAREST_EVEN To the nearer; of two as near, the even one.
enum Rounding {
    DOWN,
    UP,
    TOWARD_ZERO,
    NEAREST_EVEN
}

/// @title float32 (IEEE 754 binary32) in its 32 bits: what it is, compares as and is worth in fixed point.
library Float32 {
    /// @notice The float is NaN or infinite and has no fixed-point value.
    error Float32_NotFinite(uint32 bits);

    /// @notice The value does not fit int256 with that many decimals.
    error Float32_Overflow(uint32 bits, uint256 decimals);

    /// @notice More decimals than `MAX_DECIMALS`.
    error Float32_TooManyDecimals(uint256 decimals);

    /// @notice Most decimals of a fixed-point value: `2^24 * 10^69` still fits 254 bits.
    uint256 internal constant MAX_DECIMALS = 69;

    uint32 internal constant INFINITY = 0x7f800000;

    uint32 private constant SIGN = 0x80000000;
    uint32 private constant MAGNITUDE = 0x7fffffff;
    uint32 private constant FRACTION = 0x007fffff;
    uint32 private constant HIDDEN_BIT = 0x00800000;

    /// @dev A finite float is `mantissa * 2^(exponent field - 150)`.
    uint256 private constant BIAS = 150;

    /// @notice Whether the float is not a number.
    function isNaN(uint32 bits) internal pure returns (bool) {
        return bits & MAGNITUDE > INFINITY;
    }

    /// @notice Whether the float is plus or minus infinity.
    function isInf(uint32 bits) internal pure returns (bool) {
        return bits & MAGNITUDE == INFINITY;
    }

    /// @notice `a < b` as IEEE 754 has it: false where either is NaN; the zeros are equal.
    function lessThan(uint32 a, uint32 b) internal pure returns (bool) {
        return !isNaN(a) && !isNaN(b) && _order(a) < _order(b);
    }

    /// @notice `a == b` as IEEE 754 has it: false where either is NaN; the zeros are equal.
    function equal(uint32 a, uint32 b) internal pure returns (bool) {
        return !isNaN(a) && !isNaN(b) && _order(a) == _order(b);
    }

    /// @notice `value * 10^decimals` as an integer, rounded once from the exact product.
    /// @dev Reverts for NaN, infinities, more than `MAX_DECIMALS` decimals, and what int256 cannot hold.
    function toFixed(uint32 bits, uint256 decimals, Rounding rounding) internal pure returns (int256) {
        require(bits & MAGNITUDE < INFINITY, Float32_NotFinite(bits));
        require(decimals <= MAX_DECIMALS, Float32_TooManyDecimals(decimals));
        bool negative = bits & SIGN != 0;
        (uint256 mantissa, uint256 exponent) = _parts(bits);
        uint256 scaled = mantissa * 10 ** decimals;
        if (exponent < BIAS) {
            scaled = _shiftRight(scaled, BIAS - exponent, negative, rounding);
        } else {
            uint256 shift = exponent - BIAS;
            require(scaled <= uint256(type(int256).max) >> shift, Float32_Overflow(bits, decimals));
            scaled <<= shift;
        }
        return negative ? -int256(scaled) : int256(scaled);
    }

    /// @notice The float32 nearest to an integer, ties to even; infinity from `2^128 - 2^103` on.
    function fromInt(int256 value) internal pure returns (uint32 bits) {
        bool negative = value < 0;
        uint256 magnitude = negative ? uint256(-(value + 1)) + 1 : uint256(value);
        if (magnitude == 0) return 0;
        uint256 length = Math.log2(magnitude) + 1;
        uint256 mantissa = length <= 24
            ? magnitude << (24 - length)
            : _shiftRight(magnitude, length - 24, false, Rounding.NEAREST_EVEN);
        // A mantissa rounded up to 2^24 carries into the exponent, as it should.
        uint256 packed = ((length + 125) << 23) + mantissa;
        bits = packed < INFINITY ? uint32(packed) : INFINITY;
        if (negative) bits |= SIGN;
    }

    /// @dev Mantissa and exponent field of a finite float; a subnormal has the field 1 without the hidden bit.
    function _parts(uint32 bits) private pure returns (uint256 mantissa, uint256 exponent) {
        mantissa = bits & FRACTION;
        exponent = (bits & MAGNITUDE) >> 23;
        if (exponent == 0) exponent = 1;
        else mantissa |= HIDDEN_BIT;
    }

    /// @dev A number that orders floats that are not NaN; both zeros are 0.
    function _order(uint32 bits) private pure returns (int256) {
        int256 magnitude = int256(uint256(bits & MAGNITUDE));
        return bits & SIGN == 0 ? magnitude : -magnitude;
    }

    /// @dev A magnitude divided by `2^shift`, rounded as the signed number it belongs to.
    function _shiftRight(uint256 magnitude, uint256 shift, bool negative, Rounding rounding)
        private
        pure
        returns (uint256 quotient)
    {
        quotient = magnitude >> shift;
        uint256 rest = magnitude - (quotient << shift);
        if (rest == 0 || rounding == Rounding.TOWARD_ZERO) return quotient;
        bool away;
        if (rounding == Rounding.NEAREST_EVEN) {
            uint256 half = 1 << (shift - 1);
            away = rest > half || (rest == half && quotient & 1 == 1);
        } else {
            away = negative == (rounding == Rounding.DOWN);
        }
        if (away) ++quotient;
    }
}
