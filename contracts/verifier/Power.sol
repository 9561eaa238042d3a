// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Binary32} from "./Binary32.sol";
import {FixedPoint} from "./FixedPoint.sol";

/// @title x^y of float32, correctly rounded: IEEE 754-2019 section 9.2.1 `pow`, with zero as +0.
/// @dev docs/verifier-functions-exp.md has the proofs.
library Power {
    /// @notice x^y of normalised bits.
    function pow(uint256 x, uint256 y) internal pure returns (uint256) {
        if (x == Binary32.ONE || y == 0) return Binary32.ONE;
        if (Binary32.isNaN(x) || Binary32.isNaN(y)) return Binary32.NAN;
        bool falling = Binary32.isNegative(y);
        uint256 magnitude = x & Binary32.MAGNITUDE;
        if (Binary32.isInfinite(y)) {
            if (magnitude == Binary32.ONE) return Binary32.ONE;
            return (magnitude > Binary32.ONE) == falling ? 0 : Binary32.INFINITY;
        }
        if (x == 0) return falling ? Binary32.INFINITY : 0;

        // y = ±n * 2^s, n odd.
        (, uint256 n, int256 s) = _unpackOdd(y);
        bool negative = Binary32.isNegative(x) && s == 0;
        if (Binary32.isInfinite(x)) return falling ? 0 : Binary32.infinity(negative);
        if (Binary32.isNegative(x) && s < 0) return Binary32.NAN;

        (bool short, uint256 m, int256 e) = _shortPower(magnitude, falling, n, s);
        if (short) return Binary32.round(negative, m, e, false);
        (m, e) = _longPower(magnitude, falling, n, s);
        return Binary32.round(negative, m, e, true);
    }

    /// @dev x^y for y = ±n * 2^s, n odd, where that is m * 2^e with m odd and below 2^25: exactly the values that a
    /// float32 or the middle between two of them may have. x > 0, and not 1 for s < 0.
    function _shortPower(uint256 x, bool falling, uint256 n, int256 s)
        private
        pure
        returns (bool short, uint256 m, int256 e)
    {
        (, uint256 odd, int256 exponent) = _unpackOdd(x);
        unchecked {
            // For y = ±n / 2^j x must be a 2^j-th power. Ends: neither `odd` > 1 nor an exponent but 0 has every root.
            for (; s < 0; ++s) {
                if (exponent & 1 == 1) return (false, 0, 0);
                uint256 root = Math.sqrt(odd);
                if (root * root != odd) return (false, 0, 0);
                (odd, exponent) = (root, exponent / 2);
            }
            e = exponent * int256(n << uint256(s));
            if (falling) e = -e;
            if (odd == 1) return (true, 1, e);
            // 1 / odd is no binary fraction, and 3^16 > 2^25.
            if (falling || s > 3 || n << uint256(s) > 15) return (false, 0, 0);
            m = odd;
            for (uint256 i = n << uint256(s); i > 1 && m < 2 ** 25; --i) {
                m *= odd;
            }
            return (m < 2 ** 25, m, e);
        }
    }

    /// @dev x^y for y = ±n * 2^s, n < 2^24, x > 0 and not 1, as m * 2^e with a relative error below 2^-115.
    function _longPower(uint256 x, bool falling, uint256 n, int256 s) private pure returns (uint256 m, int256 e) {
        (, m, e) = Binary32.unpack(x);
        (bool negative, uint256 logarithm, int256 unit) = FixedPoint.ln(m, e);
        unchecked {
            (m, e) = FixedPoint.exp(negative != falling, logarithm * n, unit + s);
            return (m, e - 127);
        }
    }

    /// @dev A finite float other than zero as ±m * 2^e with m odd.
    function _unpackOdd(uint256 bits) private pure returns (bool negative, uint256 m, int256 e) {
        (negative, m, e) = Binary32.unpack(bits);
        unchecked {
            uint256 zeros = Math.log2(m & (0 - m));
            return (negative, m >> zeros, e + int256(zeros));
        }
    }
}
