// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32} from "./Float32.sol";

/// @title Builds packed float32 tensors: row-major, big-endian.
library TensorWriter {
    /// @notice Element `index` is not within the tensor's `count` elements.
    error TensorWriter_OutOfBounds(uint256 index, uint256 count);

    /// @notice A tensor of `count` zeros, float32.
    function float32s(uint256 count) internal pure returns (bytes memory) {
        return new bytes(4 * count);
    }

    /// @notice Sets an element to the float32 nearest to an integer, ties to even.
    function setInt(bytes memory tensor, uint256 index, int256 value) internal pure {
        setBits(tensor, index, Float32.fromInt(value));
    }

    /// @notice Sets an element to a float32 given as its bits.
    function setBits(bytes memory tensor, uint256 index, uint32 bits) internal pure {
        require(index < tensor.length / 4, TensorWriter_OutOfBounds(index, tensor.length / 4));
        for (uint256 i = 0; i < 4; ++i) {
            tensor[4 * index + i] = bytes1(uint8(bits >> (24 - 8 * i)));
        }
    }
}
