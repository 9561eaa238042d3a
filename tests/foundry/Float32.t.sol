// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32, Rounding} from "contracts/consumer/Float32.sol";
import {ConsumerHarness} from "contracts/mocks/ConsumerHarness.sol";
import {Test} from "./Vm.sol";

/// @dev float32 against its definition: fixed point is the integer next to `±mantissa * 2^e * 10^decimals` on the side that the
/// rounding names, checked by comparing exact integers, without a shift or a rounding of the library's own.
contract Float32Test is Test {
    ConsumerHarness private immutable HARNESS = new ConsumerHarness();

    function testFuzz_fixed_point_lies_next_to_the_exact_value(uint32 bits, uint256 decimals, uint8 how) external view {
        decimals %= 20;
        Rounding rounding = Rounding(how % 4);
        uint256 exponent = (bits >> 23) & 0xff;
        // Denominators beyond 2^140 would leave 256 bits here; the library's whole range is tested from Python.
        exponent = 10 + exponent % 150;
        bits = (bits & 0x807fffff) | uint32(exponent << 23);
        int256 value = int256(uint256((bits & 0x7fffff) | 0x800000) * 10 ** decimals);
        if (bits >> 31 == 1) value = -value;
        int256 given = HARNESS.toFixed(bits, decimals, rounding);
        if (exponent >= 150) {
            assertEq(given, value * int256(2 ** (exponent - 150)), "whole");
            return;
        }
        int256 denominator = int256(2 ** (150 - exponent));
        int256 gap = given * denominator - value;
        if (rounding == Rounding.DOWN) assertTrue(gap <= 0 && gap > -denominator, "down");
        if (rounding == Rounding.UP) assertTrue(gap >= 0 && gap < denominator, "up");
        if (rounding == Rounding.TOWARD_ZERO) {
            int256 inwards = value < 0 ? gap : -gap;
            assertTrue(inwards >= 0 && inwards < denominator, "toward zero");
        }
        if (rounding == Rounding.NEAREST_EVEN) {
            int256 distance = gap < 0 ? -gap : gap;
            assertTrue(2 * distance < denominator || (2 * distance == denominator && given % 2 == 0), "nearest");
        }
    }

    function testFuzz_an_integer_of_24_bits_comes_back_from_float32(int24 value) external view {
        assertEq(HARNESS.toFixed(HARNESS.fromInt(value), 0, Rounding.DOWN), value, "round trip");
    }

    /// @dev The float32 of an integer is at least as near as both its neighbours, and even where one is as near.
    function testFuzz_float32_of_an_integer_is_the_nearest(int128 value) external view {
        vm.assume(value != 0 && value > type(int128).min);
        uint32 bits = HARNESS.fromInt(value);
        int256 distance = _distance(bits, value);
        for (uint256 i = 0; i < 2; ++i) {
            uint32 other = i == 0 ? bits + 1 : bits - 1;
            if (Float32.isInf(other) || bits << 1 == 0) continue;
            int256 further = _distance(other, value);
            assertTrue(distance < further || (distance == further && bits & 1 == 0), "nearest");
        }
    }

    function testFuzz_comparison_agrees_with_fixed_point(uint32 a, uint32 b) external view {
        (bool less, bool same) = HARNESS.compare(a, b);
        if (Float32.isNaN(a) || Float32.isNaN(b)) {
            assertTrue(!less && !same, "NaN compares with nothing");
            return;
        }
        (int256 x, int256 y) = (_rank(a), _rank(b));
        assertTrue(less == (x < y) && same == (x == y), "order");
    }

    /// @dev `2^149` times the value of a finite float fits 278 bits; so compare sign, exponent and fraction one by one.
    function _rank(uint32 bits) private pure returns (int256) {
        int256 exponent = int256(uint256((bits >> 23) & 0xff));
        int256 rank = exponent * 2 ** 23 + int256(uint256(bits & 0x7fffff));
        return bits >> 31 == 1 ? -rank : rank;
    }

    function _distance(uint32 bits, int256 value) private view returns (int256) {
        int256 difference = HARNESS.toFixed(bits, 0, Rounding.DOWN) - value;
        return difference < 0 ? -difference : difference;
    }
}
