// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FixedPoint} from "./FixedPoint.sol";

/// @title Sine and cosine to 122 bits. Error bounds and ranges are proven in docs/verifier-functions-trig.md.
/// @dev "Q128" is an unsigned integer in units of 2^-128. Unchecked throughout: the document shows that everything fits.
library FixedSine {
    uint256 internal constant ONE = 1 << 128;

    /// @dev π/2 in units of 2^-127, cut.
    uint256 private constant HALF_PI = 0xc90fdaa22168c234c4c6628b80dc1cd1;

    /// @dev The first 512 bits of 2/π: all that a float32 below 2^128 can ask for.
    uint256 private constant TWO_OVER_PI_HIGH = 0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561;
    uint256 private constant TWO_OVER_PI_LOW = 0xb7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484;

    /// @notice The angle m * 2^e, as `(quadrant * π/2) ± (a * 2^s)` with the latter at most π/4.
    /// @dev Relative error of `a` below 2^-125 (none for angles below 1/2).
    /// @param m From 2^23 to 2^24 - 1.
    /// @param e From -149 to 104.
    /// @return quadrant From 0 to 4.
    /// @return below Whether the sign is minus.
    /// @return a From 2^126 to 2^128 - 1.
    /// @return s At most -127.
    function reduce(uint256 m, int256 e) internal pure returns (uint256 quadrant, bool below, uint256 a, int256 s) {
        unchecked {
            if (e < -24) return (0, false, m << 104, e - 104); // below 1/2
            // Payne and Hanek: turns = m * 2^e * 2/π modulo 4, in units of 2^-254. Bits of 2/π that weigh 4 or more after
            // multiplication by 2^e fall out at the top.
            uint256 window = e < 2
                ? TWO_OVER_PI_HIGH >> uint256(2 - e)
                : (TWO_OVER_PI_HIGH << uint256(e - 2)) | (TWO_OVER_PI_LOW >> uint256(258 - e));
            uint256 turns = m * window;
            quadrant = turns >> 254;
            uint256 fraction = turns & (2 ** 254 - 1);
            below = fraction > 2 ** 253;
            if (below) {
                ++quadrant;
                fraction = 2 ** 254 - fraction;
            }
            (a, s) = FixedPoint.normalize(fraction, -254);
            a = (a * HALF_PI) >> 128;
            ++s;
        }
    }

    /// @notice (a * 2^s)² in Q128, cut.
    /// @param a Below 2^128.
    /// @param s At most -127.
    function square(uint256 a, int256 s) internal pure returns (uint256 t) {
        unchecked {
            t = (a * a) >> uint256(-2 * s - 128);
        }
    }

    /// @notice sin(x) / x in Q128 for x² = t in Q128, x at most π/4. Absolute error below 2^-122.
    function sineRatio(uint256 t) internal pure returns (uint256 sum) {
        unchecked {
            // 1 - t/(2·3) (1 - t/(4·5) (1 - … t/(28·29))), unrolled: a loop costs more than twice the gas.
            sum = ONE - t / 812;
            sum = ONE - ((sum * t) >> 128) / 702;
            sum = ONE - ((sum * t) >> 128) / 600;
            sum = ONE - ((sum * t) >> 128) / 506;
            sum = ONE - ((sum * t) >> 128) / 420;
            sum = ONE - ((sum * t) >> 128) / 342;
            sum = ONE - ((sum * t) >> 128) / 272;
            sum = ONE - ((sum * t) >> 128) / 210;
            sum = ONE - ((sum * t) >> 128) / 156;
            sum = ONE - ((sum * t) >> 128) / 110;
            sum = ONE - ((sum * t) >> 128) / 72;
            sum = ONE - ((sum * t) >> 128) / 42;
            sum = ONE - ((sum * t) >> 128) / 20;
            sum = ONE - ((sum * t) >> 128) / 6;
        }
    }

    /// @notice cos(x) in Q128 for x² = t in Q128, x at most π/4. Absolute error below 2^-126.
    function cosine(uint256 t) internal pure returns (uint256 sum) {
        unchecked {
            // 1 - t/(1·2) (1 - t/(3·4) (1 - … t/(29·30))).
            sum = ONE - t / 870;
            sum = ONE - ((sum * t) >> 128) / 756;
            sum = ONE - ((sum * t) >> 128) / 650;
            sum = ONE - ((sum * t) >> 128) / 552;
            sum = ONE - ((sum * t) >> 128) / 462;
            sum = ONE - ((sum * t) >> 128) / 380;
            sum = ONE - ((sum * t) >> 128) / 306;
            sum = ONE - ((sum * t) >> 128) / 240;
            sum = ONE - ((sum * t) >> 128) / 182;
            sum = ONE - ((sum * t) >> 128) / 132;
            sum = ONE - ((sum * t) >> 128) / 90;
            sum = ONE - ((sum * t) >> 128) / 56;
            sum = ONE - ((sum * t) >> 128) / 30;
            sum = ONE - ((sum * t) >> 128) / 12;
            sum = ONE - ((sum * t) >> 128) / 2;
        }
    }
}
