// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Binary32} from "./Binary32.sol";

/// @notice An exact sum of float32 products.
/// @param lanes Positive and negative part of each of four lanes, in turn. Lane k counts units of 2^(128k − 300).
/// @param special Which of NaN, +infinity and −infinity are among the terms: bits 0, 1 and 2.
struct Sum {
    uint256[8] lanes;
    uint256 special;
}

/// @dev A magnitude: 128 bits in each limb, units of 2^-300, 2^-172 and 2^-44; all the rest in `top`, units of 2^84.
struct Limbs {
    uint256 limb0;
    uint256 limb1;
    uint256 limb2;
    uint256 top;
}

/// @title Exact sums of float32 products: docs/canonical.md sections 2 and 3, DOT, SUM and MEAN.
/// @dev A finite float is m * 2^(f − 150), m < 2^24, f its exponent field, or 1 where the field is 0. A product is
/// ma * mb * 2^(e − 300) with e = fa + fb from 2 to 508, so it adds `ma * mb << (e & 127)`, below 2^(48 + 127), to lane
/// e >> 7. The parts of a lane hold 2^81 terms without overflow: any fold (2^20 terms) fits, with room to spare.
/// Elements may be raw: every NaN counts as NaN, −0 as 0.
library Accumulator {
    uint256 private constant NAN = 1;
    uint256 private constant POSITIVE_INFINITY = 2;
    uint256 private constant NEGATIVE_INFINITY = 4;

    /// @dev Exponent of lane 0's unit.
    int256 private constant LOWEST = -300;

    /// @dev Fields of a float32, in each of the eight of a word.
    uint256 private constant EACH = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    uint256 private constant EXPONENTS = 0x7f8000007f8000007f8000007f8000007f8000007f8000007f8000007f800000;
    uint256 private constant FRACTIONS = 0x007fffff007fffff007fffff007fffff007fffff007fffff007fffff007fffff;
    uint256 private constant EXPONENT_UNITS = 0x0080000000800000008000000080000000800000008000000080000000800000;
    /// @dev Twice `EXPONENT_UNITS`.
    uint256 private constant EXPONENT_TWOS = 0x0100000001000000010000000100000001000000010000000100000001000000;
    /// @dev Where a lane's number stands in the sum of two exponents, the sign's place beside it, and the shift.
    uint256 private constant LANE_NUMBERS = 0xc0000000c0000000c0000000c0000000c0000000c0000000c0000000c0000000;
    uint256 private constant LANE_SIGNS = 0x2000000020000000200000002000000020000000200000002000000020000000;
    uint256 private constant SHIFTS = 0x0000007f0000007f0000007f0000007f0000007f0000007f0000007f0000007f;
    uint256 private constant MANTISSA = 0xffffff;

    /// @notice Adds `x`.
    function addTerm(Sum memory sum, uint256 x) internal pure {
        addProduct(sum, x, Binary32.ONE);
    }

    /// @notice Adds `a * b`.
    function addProduct(Sum memory sum, uint256 a, uint256 b) internal pure {
        unchecked {
            if (!Binary32.isFinite(a) || !Binary32.isFinite(b)) return _addSpecials(sum, a, b);
            (bool negativeA, uint256 mantissaA, int256 exponentA) = Binary32.unpack(a);
            (bool negativeB, uint256 mantissaB, int256 exponentB) = Binary32.unpack(b);
            uint256 e = uint256(exponentA + exponentB - LOWEST);
            sum.lanes[2 * (e >> 7) + (negativeA != negativeB ? 1 : 0)] += (mantissaA * mantissaB) << (e & 127);
        }
    }

    /// @notice Adds `n` elements from memory, as `addProducts` adds products.
    function addTerms(Sum memory sum, uint256 first, int256 stride, uint256 n) internal pure {
        uint256[1] memory one = [Binary32.ONE << 224];
        uint256 atOne;
        assembly ("memory-safe") {
            atOne := one
        }
        addProducts(sum, first, stride, atOne, 0, n);
    }

    /// @notice Adds the products of `n` pairs of elements, four big-endian bytes each, in memory.
    /// @dev About 126 gas a product, and 70 more for each operand whose stride is neither 4 nor 0.
    /// @param a Address of the first operand's first element.
    /// @param strideA Bytes from one element to the next; 0 and negative strides are fine.
    function addProducts(Sum memory sum, uint256 a, int256 strideA, uint256 b, int256 strideB, uint256 n)
        internal
        pure
    {
        unchecked {
            if (n == 1) return addProduct(sum, _word(a) >> 224, _word(b) >> 224);
            uint256 mark = _freeMemory();
            uint256 stepA;
            uint256 stepB;
            (a, stepA) = _packed(a, strideA, n);
            (b, stepB) = _packed(b, strideB, n);
            uint256 kept = type(uint256).max;
            while (n != 0) {
                if (n < 8) {
                    kept = ~(kept >> (32 * n));
                    n = 8;
                }
                _addWords(sum, _word(a) & kept, _word(b) & kept);
                a += stepA;
                b += stepB;
                n -= 8;
            }
            _release(mark);
        }
    }

    /// @notice The sum divided by `divisor`, rounded once; NaN if `divisor` is 0.
    /// @param divisor Below 2^128.
    function finish(Sum memory sum, uint256 divisor) internal pure returns (uint256 bits) {
        unchecked {
            uint256 special = sum.special;
            if (divisor == 0 || special & NAN != 0) return Binary32.NAN;
            if (special != 0) {
                if (special == (POSITIVE_INFINITY | NEGATIVE_INFINITY)) return Binary32.NAN;
                return Binary32.infinity(special == NEGATIVE_INFINITY);
            }
            (bool negative, Limbs memory q) = _magnitude(sum.lanes);
            uint256 rest;
            (q.top, rest) = (q.top / divisor, q.top % divisor);
            (q.limb2, rest) = _divide(rest, q.limb2, divisor);
            (q.limb1, rest) = _divide(rest, q.limb1, divisor);
            (q.limb0, rest) = _divide(rest, q.limb0, divisor);
            if (q.top >> 128 != 0) return Binary32.infinity(negative); // at least 2^212
            // What follows the highest 128 bits, or fewer if there are no more, only decides ties.
            if (q.top != 0) {
                uint256 m = (q.top << 128) | q.limb2;
                return Binary32.round(negative, m, LOWEST + 256, (q.limb1 | q.limb0 | rest) != 0);
            }
            if (q.limb2 != 0) {
                uint256 m = (q.limb2 << 128) | q.limb1;
                return Binary32.round(negative, m, LOWEST + 128, (q.limb0 | rest) != 0);
            }
            return Binary32.round(negative, (q.limb1 << 128) | q.limb0, LOWEST, rest != 0);
        }
    }

    /// @dev The sum of all lanes as a sign and a magnitude.
    function _magnitude(uint256[8] memory lanes) private pure returns (bool negative, Limbs memory limbs) {
        unchecked {
            int256 lane0 = int256(lanes[0] - lanes[1]);
            int256 lane1 = int256(lanes[2] - lanes[3]);
            int256 lane2 = int256(lanes[4] - lanes[5]);
            int256 lane3 = int256(lanes[6] - lanes[7]);
            negative = _carry(limbs, lane0, lane1, lane2, lane3);
            if (negative) _carry(limbs, -lane0, -lane1, -lane2, -lane3);
        }
    }

    /// @dev Sets `limbs` to the sum of the lanes. Yields whether it is negative; then `limbs` are of no use.
    function _carry(Limbs memory limbs, int256 lane0, int256 lane1, int256 lane2, int256 lane3)
        private
        pure
        returns (bool negative)
    {
        unchecked {
            lane1 += lane0 >> 128;
            lane2 += lane1 >> 128;
            lane3 += lane2 >> 128;
            limbs.limb0 = uint128(uint256(lane0));
            limbs.limb1 = uint128(uint256(lane1));
            limbs.limb2 = uint128(uint256(lane2));
            limbs.top = uint256(lane3);
            return lane3 < 0;
        }
    }

    /// @dev One step of a long division by `divisor` with limbs of 128 bits.
    function _divide(uint256 carried, uint256 limb, uint256 divisor) private pure returns (uint256, uint256) {
        unchecked {
            uint256 dividend = (carried << 128) | limb;
            return (dividend / divisor, dividend % divisor);
        }
    }

    /// @dev Adds the eight products of the float32s in two words.
    function _addWords(Sum memory sum, uint256 a, uint256 b) private pure {
        unchecked {
            uint256 fieldA = a & EXPONENTS;
            uint256 fieldB = b & EXPONENTS;
            // A field of 255 carries into the sign's place.
            if (((fieldA + EXPONENT_UNITS) | (fieldB + EXPONENT_UNITS)) & SIGNS != 0) {
                _addSpecials(sum, a, b);
                return;
            }
            // A field that is not 0 does so when 255 is added: that bit moved to bit 23 is the hidden bit.
            uint256 hiddenA = ((fieldA + EXPONENTS) & SIGNS) >> 8;
            uint256 hiddenB = ((fieldB + EXPONENTS) & SIGNS) >> 8;
            // e = fa + fb, with 1 for 0, in bits 23 to 31: the lane's number on top, the shift below it.
            uint256 e = fieldA + fieldB + EXPONENT_TWOS - hiddenA - hiddenB;
            // The top byte of each product's 32 bits: 32 times the place of the lane's part in `Sum.lanes`.
            uint256 places = (e & LANE_NUMBERS) | (((a ^ b) >> 2) & LANE_SIGNS);
            // The lowest byte: how far to shift the product.
            uint256 shifts = (e >> 23) & SHIFTS;
            a = (a & FRACTIONS) | hiddenA;
            b = (b & FRACTIONS) | hiddenB;
            _addShifted(sum.lanes, a, b, places, shifts);
        }
    }

    /// @dev Notes the NaNs and infinities among the eight products of two words. The finite ones do not matter beside them.
    function _addSpecials(Sum memory sum, uint256 a, uint256 b) private pure {
        unchecked {
            // Each of these numbers speaks by its sign bits: set where the field is 255, the element not 0, it is NaN.
            uint256 specialA = (a & EXPONENTS) + EXPONENT_UNITS;
            uint256 specialB = (b & EXPONENTS) + EXPONENT_UNITS;
            uint256 nonzeroA = (a & ~SIGNS) + ~SIGNS;
            uint256 nonzeroB = (b & ~SIGNS) + ~SIGNS;
            uint256 nan = ((a & ~SIGNS) + FRACTIONS) | ((b & ~SIGNS) + FRACTIONS);
            nan |= (specialA & ~nonzeroB) | (specialB & ~nonzeroA);
            uint256 infinite = (specialA | specialB) & SIGNS;
            if (nan & SIGNS != 0) sum.special |= NAN;
            if (infinite & ~(a ^ b) != 0) sum.special |= POSITIVE_INFINITY;
            if (infinite & (a ^ b) != 0) sum.special |= NEGATIVE_INFINITY;
        }
    }

    /// @dev Adds the eight products of the mantissas in two words, each shifted, where it belongs.
    function _addShifted(uint256[8] memory lanes, uint256 a, uint256 b, uint256 places, uint256 shifts) private pure {
        assembly ("memory-safe") {
            let lane := add(lanes, byte(0, places))
            let product := mul(shr(224, a), shr(224, b))
            mstore(lane, add(mload(lane), shl(byte(3, shifts), product)))
            lane := add(lanes, byte(4, places))
            product := mul(and(shr(192, a), MANTISSA), and(shr(192, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(7, shifts), product)))
            lane := add(lanes, byte(8, places))
            product := mul(and(shr(160, a), MANTISSA), and(shr(160, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(11, shifts), product)))
            lane := add(lanes, byte(12, places))
            product := mul(and(shr(128, a), MANTISSA), and(shr(128, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(15, shifts), product)))
            lane := add(lanes, byte(16, places))
            product := mul(and(shr(96, a), MANTISSA), and(shr(96, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(19, shifts), product)))
            lane := add(lanes, byte(20, places))
            product := mul(and(shr(64, a), MANTISSA), and(shr(64, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(23, shifts), product)))
            lane := add(lanes, byte(24, places))
            product := mul(and(shr(32, a), MANTISSA), and(shr(32, b), MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(27, shifts), product)))
            lane := add(lanes, byte(28, places))
            product := mul(and(a, MANTISSA), and(b, MANTISSA))
            mstore(lane, add(mload(lane), shl(byte(31, shifts), product)))
        }
    }

    /// @dev The elements as words of eight: the first word's address, and the bytes from a word to the next. Elements that are
    /// not packed are copied to free memory; one that repeats fills a single word.
    function _packed(uint256 first, int256 stride, uint256 n) private pure returns (uint256 words, uint256 step) {
        if (stride == 4) return (first, 32);
        assembly ("memory-safe") {
            words := mload(0x40)
            switch stride
            case 0 {
                mstore(words, mul(shr(224, mload(first)), EACH))
                mstore(0x40, add(words, 32))
            }
            default {
                step := 32
                let to := words
                // Each store overwrites what the one before wrote behind its element.
                for { let end := add(words, shl(2, n)) } lt(to, end) { to := add(to, 4) } {
                    mstore(to, mload(first))
                    first := add(first, stride)
                }
                mstore(0x40, and(add(to, 63), not(31)))
            }
        }
    }

    function _word(uint256 place) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(place)
        }
    }

    function _freeMemory() private pure returns (uint256 mark) {
        assembly ("memory-safe") {
            mark := mload(0x40)
        }
    }

    /// @dev Gives back memory allocated since `mark`.
    function _release(uint256 mark) private pure {
        assembly ("memory-safe") {
            mstore(0x40, mark)
        }
    }
}
