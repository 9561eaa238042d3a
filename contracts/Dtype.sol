// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IModelRegistry} from "./interfaces/IModelRegistry.sol";

/// @title Element types: the numbers of ONNX's `TensorProto.DataType`.
library Dtype {
    uint8 internal constant FLOAT = 1;
    uint8 internal constant UINT8 = 2;
    uint8 internal constant INT8 = 3;
    uint8 internal constant UINT16 = 4;
    uint8 internal constant INT16 = 5;
    uint8 internal constant INT32 = 6;
    uint8 internal constant INT64 = 7;
    uint8 internal constant BOOL = 9;
    uint8 internal constant FLOAT16 = 10;
    uint8 internal constant DOUBLE = 11;
    uint8 internal constant UINT32 = 12;
    uint8 internal constant UINT64 = 13;

    /// @dev Byte k is the element size of dtype k; zero: no such dtype.
    uint256 private constant SIZES = 0x0804080201000804020201010400;

    /// @notice Bytes of one element. Reverts for a dtype no model's input or output may have.
    function size(uint8 dtype) internal pure returns (uint256 bytes_) {
        bytes_ = dtype <= UINT64 ? (SIZES >> (8 * uint256(dtype))) & 0xff : 0;
        require(bytes_ != 0, IModelRegistry.ModelRegistry_UnknownDtype(dtype));
    }

    /// @notice Whether a model's input or output may have this dtype.
    function exists(uint8 dtype) internal pure returns (bool) {
        return dtype <= UINT64 && (SIZES >> (8 * uint256(dtype))) & 0xff != 0;
    }

    /// @notice Whether elements are floating-point numbers.
    function isFloat(uint8 dtype) internal pure returns (bool) {
        return dtype == FLOAT || dtype == FLOAT16 || dtype == DOUBLE;
    }
}
