// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32} from "./Float32.sol";

/// @title Reads elements of packed tensors: row-major, big-endian.
/// @notice `offset` is the byte at which the tensor starts in `data`, `index` counts its elements. Every read is
/// checked against the end of `data`, not against the tensor's own.
/// @dev Data are taken from calldata, where a callback and `requireFinal` have them.
library TensorReader {
    /// @notice Element `index` of a tensor at `offset`, `size` bytes each, is not within `length` bytes.
    error TensorReader_OutOfBounds(uint256 offset, uint256 index, uint256 size, uint256 length);

    /// @notice An empty tensor has no greatest element.
    error TensorReader_Empty();

    /// @notice The bits of a float32; `Float32` gives them meaning.
    function float32At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint32) {
        return uint32(_read(data, offset, index, 4));
    }

    /// @notice The bits of a float16.
    function float16At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint16) {
        return uint16(_read(data, offset, index, 2));
    }

    /// @notice The bits of a float64.
    function float64At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint64) {
        return uint64(_read(data, offset, index, 8));
    }

    /// @notice An int8.
    function int8At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (int8) {
        return int8(uint8(_read(data, offset, index, 1)));
    }

    /// @notice An int16.
    function int16At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (int16) {
        return int16(uint16(_read(data, offset, index, 2)));
    }

    /// @notice An int32.
    function int32At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (int32) {
        return int32(uint32(_read(data, offset, index, 4)));
    }

    /// @notice An int64.
    function int64At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (int64) {
        return int64(uint64(_read(data, offset, index, 8)));
    }

    /// @notice A uint8.
    function uint8At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint8) {
        return uint8(_read(data, offset, index, 1));
    }

    /// @notice A uint16.
    function uint16At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint16) {
        return uint16(_read(data, offset, index, 2));
    }

    /// @notice A uint32.
    function uint32At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint32) {
        return uint32(_read(data, offset, index, 4));
    }

    /// @notice A uint64.
    function uint64At(bytes calldata data, uint256 offset, uint256 index) internal pure returns (uint64) {
        return uint64(_read(data, offset, index, 8));
    }

    /// @notice A bool: any byte but 0 is true.
    function boolAt(bytes calldata data, uint256 offset, uint256 index) internal pure returns (bool) {
        return _read(data, offset, index, 1) != 0;
    }

    /// @notice The place of the greatest of `count` float32, the first of equals; NaN counts only where all are NaN.
    function argMaxFloat32(bytes calldata data, uint256 offset, uint256 count) internal pure returns (uint256 best) {
        require(count != 0, TensorReader_Empty());
        uint32 greatest = float32At(data, offset, 0);
        for (uint256 i = 1; i < count; ++i) {
            uint32 bits = float32At(data, offset, i);
            bool firstNumber = Float32.isNaN(greatest) && !Float32.isNaN(bits);
            if (firstNumber || Float32.lessThan(greatest, bits)) (best, greatest) = (i, bits);
        }
    }

    function _read(bytes calldata data, uint256 offset, uint256 index, uint256 size)
        private
        pure
        returns (uint256 element)
    {
        unchecked {
            // No product or sum below wraps: the first two tests keep every term under 2^128.
            bool inside = offset <= data.length && index <= data.length && offset + (index + 1) * size <= data.length;
            require(inside, TensorReader_OutOfBounds(offset, index, size, data.length));
            assembly ("memory-safe") {
                element := shr(sub(256, mul(8, size)), calldataload(add(data.offset, add(offset, mul(index, size)))))
            }
        }
    }
}
