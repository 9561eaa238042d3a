// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Binary32} from "./Binary32.sol";

/// @title Elements of canonical tensors, as bits: docs/canonical.md section 1.
library Element {
    /// @dev Byte k is the element size of dtype k; zero: canonical programs have no such dtype.
    uint256 private constant SIZES = 0x0804000001000804020201010400;
    /// @dev Bit k is set for the signed integers: 3, 5, 6 and 7.
    uint256 private constant SIGNED = 0xe8;

    /// @notice Where NaN stands in the order of floats.
    int256 internal constant NAN = int256(Binary32.NAN);

    /// @notice Bytes of an element; 0 where `dtype` is none of section 1's.
    function size(uint256 dtype) internal pure returns (uint256) {
        return dtype <= Dtype.UINT64 ? (SIZES >> (8 * dtype)) & 0xff : 0;
    }

    function isSigned(uint256 dtype) internal pure returns (bool) {
        return (SIGNED >> dtype) & 1 == 1;
    }

    /// @notice Whether an existing `dtype` is float32 or an integer.
    function isNumeric(uint256 dtype) internal pure returns (bool) {
        return dtype != Dtype.BOOL;
    }

    /// @notice Whether an existing `dtype` is an integer.
    function isInteger(uint256 dtype) internal pure returns (bool) {
        return dtype != Dtype.BOOL && dtype != Dtype.FLOAT;
    }

    /// @notice An element as it is read.
    function normalize(uint256 dtype, uint256 bits) internal pure returns (uint256) {
        if (dtype == Dtype.FLOAT) return Binary32.normalize(bits);
        if (dtype == Dtype.BOOL) return bits == 0 ? 0 : 1;
        return bits;
    }

    /// @notice The value of an integer's bits.
    function toInt(uint256 dtype, uint256 bits) internal pure returns (int256) {
        return isSigned(dtype) ? int256(_signExtend(bits, size(dtype))) : int256(bits);
    }

    /// @notice A number that orders as the elements do, equal for elements that read as equal. NaN comes last, as `NAN`.
    function order(uint256 dtype, uint256 bits) internal pure returns (int256) {
        if (dtype != Dtype.FLOAT) return toInt(dtype, bits);
        unchecked {
            uint256 magnitude = bits & Binary32.MAGNITUDE;
            if (magnitude > Binary32.INFINITY) return NAN;
            return bits == magnitude ? int256(magnitude) : -int256(magnitude);
        }
    }

    /// @notice The bits of an integer, modulo 2^bits of its dtype.
    function wrap(uint256 dtype, uint256 value) internal pure returns (uint256) {
        return value & ((1 << (8 * size(dtype))) - 1);
    }

    function _signExtend(uint256 bits, uint256 bytes_) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := signextend(sub(bytes_, 1), bits)
        }
    }
}
