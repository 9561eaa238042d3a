// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title e^x and ln x to 119 bits and more. Error bounds and ranges are proven in docs/verifier-functions-exp.md.
/// @dev Values are `m * 2^e`; "Q127" is an unsigned integer in units of 2^-127. Unchecked throughout: the document shows
/// for each product, sum and shift that it fits.
library FixedPoint {
    uint256 internal constant ONE = 1 << 127;

    /// @dev ln 2 in units of 2^-128, cut.
    uint256 private constant LN2 = 0xb17217f7d1cf79abc9e3b39803f2f6af;
    /// @dev 1 / ln 2 in units of 2^-127, cut.
    uint256 private constant LOG2E = 0xb8aa3b295c17f0bbbe87fed0691d3e88;
    /// @dev The square root of 2 in units of 2^-127, cut.
    uint256 private constant SQRT2 = 0xb504f333f9de6484597d89b3754abe9f;

    /// @notice e^x for x = ±m * 2^e, with |x| cut to 128.
    /// @dev e^128 overflows and e^-128 underflows every float32 result. Relative error below 2^-119, and below 2^-124
    /// for |x| < 1.
    /// @param m At least 1.
    /// @return p The value is `p * 2^(k - 127)`, 2^127 <= p < 2^128.
    /// @return k From -185 to 184.
    function exp(bool negative, uint256 m, int256 e) internal pure returns (uint256 p, int256 k) {
        unchecked {
            (m, e) = normalize(m, e);
            if (e >= 7 - 127) (m, e) = (ONE, 7 - 127);
            // x / ln 2 in units of 2^-128; m * LOG2E is in units of 2^(e - 127).
            int256 t = int256((m * LOG2E) >> uint256(-(e + 1)));
            if (negative) t = -t;
            k = t >> 128;
            p = _exp2(uint256(t) & (2 ** 128 - 1));
        }
    }

    /// @notice ln x for x = m * 2^e, |e| < 2^10.
    /// @dev Relative error below 2^-123 in addition to what m in excess of 128 bits is cut; ln 1 is 0.
    /// @param m At least 1.
    /// @return negative The value is `±r * 2^s`.
    /// @return r Below 2^140.
    /// @return s Its exponent.
    function ln(uint256 m, int256 e) internal pure returns (bool negative, uint256 r, int256 s) {
        unchecked {
            // x = a / 2^127 * 2^k = (1 + z) / (1 - z) * 2^k, where z = ±n / d and |z| <= 3 - 2√2.
            (uint256 a, int256 k) = normalize(m, e);
            k += 127;
            bool below = a > SQRT2;
            if (below) ++k;
            uint256 n = below ? 2 * ONE - a : a - ONE;
            uint256 d = below ? 2 * ONE + a : a + ONE;
            if (n != 0) {
                uint256 shift = 255 - Math.log2(n);
                r = doubleAtanh((n << shift) / d, shift);
                if (k == 0) return (below, r, 1 - int256(shift));
                r >>= shift - 129;
            }
            negative = k < 0;
            uint256 whole = uint256(negative ? -k : k) * LN2;
            r = negative == below ? whole + r : whole - r;
            s = -128;
        }
    }

    /// @notice 2 artanh z for z = n / 2^s <= 3 - 2√2, as `r * 2^(1 - s)`.
    /// @dev Relative error below 2^-124; never above the exact value.
    /// @param n In [2^125, 2^128).
    /// @param s Below 2^254.
    function doubleAtanh(uint256 n, uint256 s) internal pure returns (uint256 r) {
        unchecked {
            uint256 w = (n * n) >> (2 * s - 127);
            // 1 + w/3 + w²/5 + … + w²⁴/49 by Horner's rule, unrolled: a loop costs three times the gas.
            uint256 sum = ONE / 49;
            sum = ONE / 47 + ((w * sum) >> 127);
            sum = ONE / 45 + ((w * sum) >> 127);
            sum = ONE / 43 + ((w * sum) >> 127);
            sum = ONE / 41 + ((w * sum) >> 127);
            sum = ONE / 39 + ((w * sum) >> 127);
            sum = ONE / 37 + ((w * sum) >> 127);
            sum = ONE / 35 + ((w * sum) >> 127);
            sum = ONE / 33 + ((w * sum) >> 127);
            sum = ONE / 31 + ((w * sum) >> 127);
            sum = ONE / 29 + ((w * sum) >> 127);
            sum = ONE / 27 + ((w * sum) >> 127);
            sum = ONE / 25 + ((w * sum) >> 127);
            sum = ONE / 23 + ((w * sum) >> 127);
            sum = ONE / 21 + ((w * sum) >> 127);
            sum = ONE / 19 + ((w * sum) >> 127);
            sum = ONE / 17 + ((w * sum) >> 127);
            sum = ONE / 15 + ((w * sum) >> 127);
            sum = ONE / 13 + ((w * sum) >> 127);
            sum = ONE / 11 + ((w * sum) >> 127);
            sum = ONE / 9 + ((w * sum) >> 127);
            sum = ONE / 7 + ((w * sum) >> 127);
            sum = ONE / 5 + ((w * sum) >> 127);
            sum = ONE / 3 + ((w * sum) >> 127);
            sum = ONE + ((w * sum) >> 127);
            r = (n * sum) >> 127;
        }
    }

    /// @notice The same value with m in [2^127, 2^128), cut.
    /// @param m At least 1.
    function normalize(uint256 m, int256 e) internal pure returns (uint256, int256) {
        unchecked {
            uint256 top = Math.log2(m);
            return (top > 127 ? m >> (top - 127) : m << (127 - top), e + int256(top) - 127);
        }
    }

    /// @dev 2^(f / 2^128) in Q127, for f < 2^128: relative error below 2^-125, never above the exact value.
    function _exp2(uint256 f) private pure returns (uint256 p) {
        unchecked {
            uint256 r = (f * LN2) >> 129;
            // 1 + r/1 (1 + r/2 (1 + … r/30)), unrolled: a loop costs three times the gas.
            p = ONE + r / 30;
            p = ONE + (r * p) / (29 * ONE);
            p = ONE + (r * p) / (28 * ONE);
            p = ONE + (r * p) / (27 * ONE);
            p = ONE + (r * p) / (26 * ONE);
            p = ONE + (r * p) / (25 * ONE);
            p = ONE + (r * p) / (24 * ONE);
            p = ONE + (r * p) / (23 * ONE);
            p = ONE + (r * p) / (22 * ONE);
            p = ONE + (r * p) / (21 * ONE);
            p = ONE + (r * p) / (20 * ONE);
            p = ONE + (r * p) / (19 * ONE);
            p = ONE + (r * p) / (18 * ONE);
            p = ONE + (r * p) / (17 * ONE);
            p = ONE + (r * p) / (16 * ONE);
            p = ONE + (r * p) / (15 * ONE);
            p = ONE + (r * p) / (14 * ONE);
            p = ONE + (r * p) / (13 * ONE);
            p = ONE + (r * p) / (12 * ONE);
            p = ONE + (r * p) / (11 * ONE);
            p = ONE + (r * p) / (10 * ONE);
            p = ONE + (r * p) / (9 * ONE);
            p = ONE + (r * p) / (8 * ONE);
            p = ONE + (r * p) / (7 * ONE);
            p = ONE + (r * p) / (6 * ONE);
            p = ONE + (r * p) / (5 * ONE);
            p = ONE + (r * p) / (4 * ONE);
            p = ONE + (r * p) / (3 * ONE);
            p = ONE + (r * p) / (2 * ONE);
            p = ONE + ((r * p) >> 127);
        }
    }
}
