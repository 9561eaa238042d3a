// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Arctangents to 112 bits and more. Error bounds and ranges are proven in docs/verifier-functions-trig.md.
/// @dev "Q127" is an unsigned integer in units of 2^-127. Unchecked throughout: the document shows that everything fits.
library FixedArctangent {
    uint256 internal constant ONE = 1 << 127;
    uint256 internal constant ONE_SQUARED = 1 << 254;

    /// @dev 1 in Q128, the format of the series.
    uint256 private constant SERIES_ONE = 1 << 128;

    /// @notice arctan(z * 2^-(127 + s)) = r * 2^-(255 + s).
    /// @dev Relative error below 2^-121 in addition to that of z, for z of 2^126 and more.
    /// @param z At most 2^127 if s is 0, else below 2^128: the tangent is at most 1.
    function arctan(uint256 z, uint256 s) internal pure returns (uint256 r) {
        unchecked {
            // tan(φ/2) = tan φ / (1 + √(1 + tan² φ)), twice. The units of z double too: it ends as 4 tan(φ/4).
            for (uint256 i = 0; i < 2; ++i) {
                uint256 y = z >> (s + i);
                z = (z << 128) / (ONE + _hypotenuse(y));
            }
            uint256 x = z >> (s + 2);
            r = z * _series((x * x) >> 126);
        }
    }

    /// @dev √(1 + y²) in units of 2^-127, for y at most 1 in the same; to less than 1 unit.
    function _hypotenuse(uint256 y) private pure returns (uint256 root) {
        unchecked {
            uint256 square = y * y;
            // Newton's method from 1 + y²/2; unlike any number, 1 to 2 needs no search for a first guess.
            root = ONE + (square >> 128);
            square += ONE_SQUARED;
            root = (root + square / root) >> 1;
            root = (root + square / root) >> 1;
            root = (root + square / root) >> 1;
            root = (root + square / root) >> 1;
            root = (root + square / root) >> 1;
        }
    }

    /// @dev 1 - t/3 + t²/5 - … + t²⁴/49 by Horner's rule, in Q128; unrolled: a loop costs more than twice the gas.
    function _series(uint256 t) private pure returns (uint256 sum) {
        unchecked {
            sum = SERIES_ONE / 49;
            sum = SERIES_ONE / 47 - ((sum * t) >> 128);
            sum = SERIES_ONE / 45 - ((sum * t) >> 128);
            sum = SERIES_ONE / 43 - ((sum * t) >> 128);
            sum = SERIES_ONE / 41 - ((sum * t) >> 128);
            sum = SERIES_ONE / 39 - ((sum * t) >> 128);
            sum = SERIES_ONE / 37 - ((sum * t) >> 128);
            sum = SERIES_ONE / 35 - ((sum * t) >> 128);
            sum = SERIES_ONE / 33 - ((sum * t) >> 128);
            sum = SERIES_ONE / 31 - ((sum * t) >> 128);
            sum = SERIES_ONE / 29 - ((sum * t) >> 128);
            sum = SERIES_ONE / 27 - ((sum * t) >> 128);
            sum = SERIES_ONE / 25 - ((sum * t) >> 128);
            sum = SERIES_ONE / 23 - ((sum * t) >> 128);
            sum = SERIES_ONE / 21 - ((sum * t) >> 128);
            sum = SERIES_ONE / 19 - ((sum * t) >> 128);
            sum = SERIES_ONE / 17 - ((sum * t) >> 128);
            sum = SERIES_ONE / 15 - ((sum * t) >> 128);
            sum = SERIES_ONE / 13 - ((sum * t) >> 128);
            sum = SERIES_ONE / 11 - ((sum * t) >> 128);
            sum = SERIES_ONE / 9 - ((sum * t) >> 128);
            sum = SERIES_ONE / 7 - ((sum * t) >> 128);
            sum = SERIES_ONE / 5 - ((sum * t) >> 128);
            sum = SERIES_ONE / 3 - ((sum * t) >> 128);
            sum = SERIES_ONE - ((sum * t) >> 128);
        }
    }
}
