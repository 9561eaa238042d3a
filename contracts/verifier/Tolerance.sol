// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Binary32} from "./Binary32.sol";
import {Element} from "./Element.sol";

/// @title Whether an element of an answer is right: docs/canonical.md section 8, fault 3. Compared exactly.
library Tolerance {
    /// @dev Bits of float64 +infinity: those of every finite number without a sign are below.
    uint64 private constant INFINITY = 0x7ff0000000000000;
    uint64 private constant FRACTION = 2 ** 52 - 1;
    uint64 private constant HIDDEN_BIT = 2 ** 52;

    /// @dev The number `mantissa * 2^exponent`, |mantissa| < 2^117.
    struct Number {
        int256 mantissa;
        int256 exponent;
    }

    /// @notice Whether these bits of a float64 are a tolerance: finite and without a sign.
    function isValid(uint64 bits) internal pure returns (bool) {
        return bits < INFINITY;
    }

    /// @notice Whether `answer` is right where `canonical` is the element, both normalised, and both tolerances valid.
    function isRight(uint256 dtype, uint256 answer, uint256 canonical, uint64 atol, uint64 rtol)
        internal
        pure
        returns (bool)
    {
        if (answer == canonical) return true;
        if (dtype == Dtype.FLOAT && !(Binary32.isFinite(answer) && Binary32.isFinite(canonical))) return false;
        Number memory a = _value(dtype, answer);
        Number memory c = _value(dtype, canonical);
        bool above = Element.order(dtype, answer) > Element.order(dtype, canonical);
        Number memory relative = _float64(rtol);
        relative.mantissa *= c.mantissa < 0 ? -c.mantissa : c.mantissa;
        relative.exponent += c.exponent;
        // atol + rtol · |c| − |a − c|
        Number[4] memory terms = [_float64(atol), relative, a, c];
        Number memory larger = above ? a : c;
        larger.mantissa = -larger.mantissa;
        return !_isSumNegative(terms);
    }

    /// @dev An element as a number.
    function _value(uint256 dtype, uint256 bits) private pure returns (Number memory) {
        if (dtype != Dtype.FLOAT) return Number(Element.toInt(dtype, bits), 0);
        (bool negative, uint256 mantissa, int256 exponent) = Binary32.unpack(bits);
        return Number(negative ? -int256(mantissa) : int256(mantissa), exponent);
    }

    function _float64(uint64 bits) private pure returns (Number memory) {
        uint64 field = bits >> 52;
        uint64 fraction = bits & FRACTION;
        return field == 0
            ? Number(int256(uint256(fraction)), -1074)
            : Number(int256(uint256(fraction | HIDDEN_BIT)), int256(uint256(field)) - 1075);
    }

    /// @dev Adds from the highest exponent down. The terms still to come are below 2^119 together, in units of the next
    /// one: a sum that is further from 0 has its sign for good, and no other ever needs 256 bits.
    function _isSumNegative(Number[4] memory terms) private pure returns (bool) {
        _sort(terms);
        int256 sum = 0;
        int256 exponent = terms[0].exponent;
        for (uint256 i = 0; i < 4; ++i) {
            uint256 down = uint256(exponent - terms[i].exponent);
            if (sum != 0 && (down >= 120 || _isFar(sum))) return sum < 0;
            if (sum != 0) sum *= int256(1 << down);
            sum += terms[i].mantissa;
            exponent = terms[i].exponent;
        }
        return sum < 0;
    }

    function _isFar(int256 sum) private pure returns (bool) {
        return sum >= 2 ** 120 || sum <= -(2 ** 120);
    }

    /// @dev Highest exponent first.
    function _sort(Number[4] memory terms) private pure {
        for (uint256 i = 1; i < 4; ++i) {
            for (uint256 j = i; j > 0 && terms[j - 1].exponent < terms[j].exponent; --j) {
                (terms[j - 1], terms[j]) = (terms[j], terms[j - 1]);
            }
        }
    }
}
