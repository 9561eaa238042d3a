// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IFunctions} from "../interfaces/IFunctions.sol";
import {Binary32} from "./Binary32.sol";
import {FixedPoint} from "./FixedPoint.sol";
import {Power} from "./Power.sol";

/// @title Exponentials, logarithms, hyperbolic functions and powers of float32, correctly rounded.
/// @dev Every function computes a number closer to the exact value than any exact value is to a rounding boundary, and
/// rounds that; the cases that lie on a boundary are taken first. docs/verifier-functions-exp.md has the proofs.
contract Elementary is IFunctions {
    uint256 private constant POW = 0x19;
    uint256 private constant EXP = 0x30;
    uint256 private constant LOG = 0x31;
    uint256 private constant SIGMOID = 0x32;
    uint256 private constant SOFTPLUS = 0x33;
    uint256 private constant TANH = 0x34;
    uint256 private constant SINH = 0x35;
    uint256 private constant COSH = 0x36;
    uint256 private constant ASINH = 0x37;
    uint256 private constant ACOSH = 0x38;
    uint256 private constant ATANH = 0x39;

    uint256 private constant ONE = FixedPoint.ONE;

    /// @dev 1/2, 2^-12, 2^7 and 2^64 in float32.
    uint256 private constant HALF = 0x3f000000;
    uint256 private constant TINY = 0x39800000;
    uint256 private constant EXP_LIMIT = 0x43000000;
    uint256 private constant SQUARE_LIMIT = 0x5f800000;

    /// @inheritdoc IFunctions
    function compute(uint256 fn, uint256 x, uint256 y) external pure returns (uint256 bits) {
        if (fn == POW) return Power.pow(x, y);
        if (fn < EXP || fn > ATANH) revert Functions_UnknownFunction(fn);
        if (Binary32.isNaN(x)) return x;
        if (fn == EXP) return _exp(x);
        if (fn == LOG) return _log(x);
        if (fn == SIGMOID) return _sigmoid(x);
        if (fn == SOFTPLUS) return _softplus(x);
        if (fn == COSH) return _cosh(x);
        if (fn == ACOSH) return _acosh(x);
        // What is left is odd and x (1 + θ) with |θ| < x²/2 < 2^-25 for |x| < 2^-12: it rounds to x.
        if (x & Binary32.MAGNITUDE < TINY) return x;
        if (fn == TANH) return _tanh(x);
        if (fn == SINH) return _sinh(x);
        if (fn == ASINH) return _asinh(x);
        return _atanh(x);
    }

    function _exp(uint256 x) private pure returns (uint256) {
        if (x == 0) return Binary32.ONE;
        (uint256 p, int256 k) = _exponential(x);
        return Binary32.round(false, p, k - 127, true);
    }

    function _log(uint256 x) private pure returns (uint256) {
        if (x == 0) return Binary32.NEGATIVE_INFINITY;
        if (Binary32.isNegative(x)) return Binary32.NAN;
        if (x == Binary32.ONE) return 0;
        if (x == Binary32.INFINITY) return x;
        (, uint256 m, int256 e) = Binary32.unpack(x);
        return _roundLn(m, e);
    }

    /// @dev E / (1 + E) with E = e^x.
    function _sigmoid(uint256 x) private pure returns (uint256) {
        if (x == 0) return HALF;
        (uint256 p, int256 k) = _exponential(x);
        unchecked {
            // Numerator and denominator in units of 2^-127, both divided by 2^k if that is above 1.
            uint256 d = k < 0 ? ONE + (p >> uint256(-k)) : p + (ONE >> uint256(k));
            return Binary32.round(false, (p << 127) / d, k < 0 ? k - 127 : -127, true);
        }
    }

    /// @dev ln(1 + E) with E = e^x.
    function _softplus(uint256 x) private pure returns (uint256) {
        // x + e^-x with e^-x < 2^-184 rounds to x.
        if (!Binary32.isNegative(x) && x >= EXP_LIMIT) return x;
        (uint256 p, int256 k) = _exponential(x);
        unchecked {
            if (k >= 0) return _roundLn(p + (ONE >> uint256(k)), k - 127);
            if (k >= -2) return _roundLn(ONE + (p >> uint256(-k)), -127);
            // E < 1/4: 2 artanh(E / (2 + E)), which does not lose the low bits of E.
            uint256 z = (p << 127) / (2 * ONE + (p >> uint256(-k)));
            return Binary32.round(false, FixedPoint.doubleAtanh(z, uint256(127 - k)), k - 126, true);
        }
    }

    /// @dev (E - 1/E) / (E + 1/E) with E = e^|x|.
    function _tanh(uint256 x) private pure returns (uint256) {
        (uint256 p, uint256 q,) = _exponentials(x);
        unchecked {
            return Binary32.round(Binary32.isNegative(x), ((p - q) << 127) / (p + q), -127, true);
        }
    }

    /// @dev (E - 1/E) / 2 with E = e^|x|.
    function _sinh(uint256 x) private pure returns (uint256) {
        (uint256 p, uint256 q, int256 k) = _exponentials(x);
        unchecked {
            return Binary32.round(Binary32.isNegative(x), p - q, k - 128, true);
        }
    }

    /// @dev (E + 1/E) / 2 with E = e^|x|.
    function _cosh(uint256 x) private pure returns (uint256) {
        if (x == 0) return Binary32.ONE;
        (uint256 p, uint256 q, int256 k) = _exponentials(x);
        unchecked {
            return Binary32.round(false, p + q, k - 128, true);
        }
    }

    /// @dev ln(|x| + √(x² + 1)), with the sign of x.
    function _asinh(uint256 x) private pure returns (uint256) {
        if (Binary32.isInfinite(x)) return x;
        (uint256 m, int256 e) = _addRoot(x & Binary32.MAGNITUDE, true);
        uint256 bits = _roundLn(m, e);
        return Binary32.isNegative(x) ? Binary32.negate(bits) : bits;
    }

    /// @dev ln(x + √(x² - 1)).
    function _acosh(uint256 x) private pure returns (uint256) {
        if (Binary32.isNegative(x) || x < Binary32.ONE) return Binary32.NAN;
        if (x == Binary32.ONE) return 0;
        if (x == Binary32.INFINITY) return x;
        (uint256 m, int256 e) = _addRoot(x, false);
        return _roundLn(m, e);
    }

    /// @dev ln((1 + |x|) / (1 - |x|)) / 2, with the sign of x.
    function _atanh(uint256 x) private pure returns (uint256) {
        uint256 magnitude = x & Binary32.MAGNITUDE;
        if (magnitude > Binary32.ONE) return Binary32.NAN;
        bool negative = Binary32.isNegative(x);
        if (magnitude == Binary32.ONE) return Binary32.infinity(negative);
        (, uint256 m, int256 e) = Binary32.unpack(magnitude);
        unchecked {
            uint256 one = 1 << uint256(-e); // at most 2^35
            (, uint256 r, int256 s) = FixedPoint.ln(((one + m) << 200) / (one - m), -200);
            return Binary32.round(negative, r, s - 1, true);
        }
    }

    /// @dev ln(m * 2^e), rounded; m * 2^e is not 1.
    function _roundLn(uint256 m, int256 e) private pure returns (uint256) {
        (bool negative, uint256 r, int256 s) = FixedPoint.ln(m, e);
        return Binary32.round(negative, r, s, true);
    }

    /// @dev e^x as p * 2^(k - 127) for x not 0; beyond ±128, infinities included, e^±128.
    function _exponential(uint256 x) private pure returns (uint256 p, int256 k) {
        bool negative = Binary32.isNegative(x);
        (, uint256 m, int256 e) = Binary32.unpack(Math.min(x & Binary32.MAGNITUDE, EXP_LIMIT));
        return FixedPoint.exp(negative, m, e);
    }

    /// @dev e^|x| and e^-|x| for x not 0, as p * 2^(k - 127) and q * 2^(k - 127).
    function _exponentials(uint256 x) private pure returns (uint256 p, uint256 q, int256 k) {
        (p, k) = _exponential(x & Binary32.MAGNITUDE);
        unchecked {
            q = (2 ** 254 / p) >> uint256(2 * k);
        }
    }

    /// @dev x + √(x² ± 1) as m * 2^e, cut, for finite x >= 2^-12; for x > 1 with minus.
    function _addRoot(uint256 bits, bool plus) private pure returns (uint256 m, int256 e) {
        uint256 x;
        (, x, e) = Binary32.unpack(bits);
        unchecked {
            if (bits >= SQUARE_LIMIT) return (x, e + 1); // 2x; the ±1 changes the logarithm by less than 2^-129
            // x and 1 as integers in units of 2^e, e <= 0.
            if (e > 0) (x, e) = (x << uint256(e), 0);
            uint256 one = 1 << uint256(-e);
            uint256 square = plus ? x * x + one * one : x * x - one * one;
            uint256 shift = (255 - Math.log2(square)) / 2;
            m = (x << shift) + Math.sqrt(square << (2 * shift));
            e -= int256(shift);
        }
    }
}
