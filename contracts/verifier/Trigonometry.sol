// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IFunctions} from "../interfaces/IFunctions.sol";
import {Binary32} from "./Binary32.sol";
import {FixedArctangent} from "./FixedArctangent.sol";
import {FixedErrorFunction} from "./FixedErrorFunction.sol";
import {FixedSine} from "./FixedSine.sol";

/// @title SIN, COS, TAN, ASIN, ACOS, ATAN and ERF of docs/canonical.md section 3, correctly rounded.
/// @dev Every result but the special ones is irrational, and further from a rounding boundary than the error of what is
/// rounded here: docs/verifier-functions-trig.md. So the bits cut off are always sticky.
contract Trigonometry is IFunctions {
    uint256 private constant SIN = 0x3a;
    uint256 private constant COS = 0x3b;
    uint256 private constant TAN = 0x3c;
    uint256 private constant ASIN = 0x3d;
    uint256 private constant ACOS = 0x3e;
    uint256 private constant ATAN = 0x3f;
    uint256 private constant ERF = 0x40;

    /// @dev 2^-12 in float32.
    uint256 private constant TINY = 0x39800000;

    /// @dev 3.921875: from here on erf is above 1 - 2^-25 and rounds to 1.
    uint256 private constant ERF_IS_ONE = 0x407b0000;

    /// @dev π/2 in units of 2^-255, cut.
    uint256 private constant HALF_PI = 0xc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22;

    /// @inheritdoc IFunctions
    function compute(uint256 fn, uint256 x, uint256) external pure returns (uint256 bits) {
        if (fn < SIN || fn > ERF) revert Functions_UnknownFunction(fn);
        if (Binary32.isNaN(x)) return Binary32.NAN;
        if (fn == ERF) return _erf(x);
        if (fn == ACOS) return _arccos(x);
        // For |x| < 2^-12, cos x > 1 - 2^-25 rounds to 1. What is left is odd and x (1 + d) with |d| < 2^-25: it rounds to x.
        if (x & Binary32.MAGNITUDE < TINY) return fn == COS ? Binary32.ONE : x;
        if (fn == ATAN) return _arctan(x);
        if (fn == ASIN) return _arcsin(x);
        return _circular(fn, x);
    }

    /// @dev SIN, COS or TAN.
    function _circular(uint256 fn, uint256 x) private pure returns (uint256) {
        unchecked {
            if (Binary32.isInfinite(x)) return Binary32.NAN;
            (bool negative, uint256 m, int256 e) = Binary32.unpack(x);
            (uint256 quadrant, bool below, uint256 a, int256 s) = FixedSine.reduce(m, e);
            uint256 t = FixedSine.square(a, s);
            // |x| = quadrant * π/2 ± θ. From here on `below` is the sign of the result for |x|.
            if (fn == TAN) {
                uint256 sine = a * FixedSine.sineRatio(t);
                uint256 cosine = FixedSine.cosine(t);
                if (quadrant & 1 == 0) return Binary32.round(negative != below, sine / cosine, s, true);
                return Binary32.round(negative == below, (cosine << 127) / (sine >> 128), -255 - s, true);
            }
            if (fn == COS) {
                ++quadrant; // cos x = sin(|x| + π/2)
                negative = false;
            }
            if (quadrant & 2 != 0) negative = !negative;
            if (quadrant & 1 != 0) return Binary32.round(negative, FixedSine.cosine(t), -128, true);
            return Binary32.round(negative != below, a * FixedSine.sineRatio(t), s - 128, true);
        }
    }

    function _arctan(uint256 x) private pure returns (uint256) {
        unchecked {
            (bool negative, uint256 z, int256 e) = Binary32.unpack(x);
            if (Binary32.isInfinite(x)) return Binary32.round(negative, HALF_PI, -255, true);
            z <<= 104; // |x| = z * 2^(e - 104)
            if (x & Binary32.MAGNITUDE <= Binary32.ONE) {
                return Binary32.round(negative, FixedArctangent.arctan(z, uint256(-23 - e)), e - 232, true);
            }
            // arctan x = π/2 - arctan(1/x)
            uint256 s = uint256(e + 23);
            uint256 r = FixedArctangent.arctan((1 << 254) / z, s);
            return Binary32.round(negative, HALF_PI - (r >> s), -255, true);
        }
    }

    function _arcsin(uint256 x) private pure returns (uint256) {
        unchecked {
            if (x & Binary32.MAGNITUDE > Binary32.ONE) return Binary32.NAN;
            (bool negative, uint256 z, int256 e) = Binary32.unpack(x);
            z <<= 104; // |x| = z * 2^-(127 + s)
            uint256 s = uint256(-23 - e);
            // arcsin x = 2 arctan(x / (1 + √(1 - x²)))
            z = (z << 127) / (FixedArctangent.ONE + _cathetus(z >> s));
            return Binary32.round(negative, FixedArctangent.arctan(z, s), e - 231, true);
        }
    }

    function _arccos(uint256 x) private pure returns (uint256) {
        unchecked {
            if (x & Binary32.MAGNITUDE > Binary32.ONE) return Binary32.NAN;
            (bool negative, uint256 z, int256 e) = Binary32.unpack(x);
            z = (z << 127) >> uint256(-e);
            // arccos |x| = 2 arctan(√(1 - x²) / (1 + |x|)), which is 0 for 1.
            z = (_cathetus(z) << 127) / (FixedArctangent.ONE + z);
            uint256 r = FixedArctangent.arctan(z, 0);
            // arccos x = π - arccos |x|
            return Binary32.round(false, negative ? HALF_PI - r : r, -254, true);
        }
    }

    function _erf(uint256 x) private pure returns (uint256) {
        if (x == 0) return 0;
        (bool negative, uint256 m, int256 e) = Binary32.unpack(x);
        if (x & Binary32.MAGNITUDE >= ERF_IS_ONE) return negative ? Binary32.SIGN | Binary32.ONE : Binary32.ONE;
        (uint256 r, int256 s) = FixedErrorFunction.erf(m, e);
        return Binary32.round(negative, r, s, true);
    }

    /// @dev √(1 - z²) in units of 2^-127, cut, for z at most 1 in the same.
    function _cathetus(uint256 z) private pure returns (uint256) {
        unchecked {
            return Math.sqrt(FixedArctangent.ONE_SQUARED - z * z);
        }
    }
}
