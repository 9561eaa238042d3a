// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Model, OutputSpec, TensorSpec} from "../interfaces/Types.sol";

/// @title What a model declares of its tensors, which may be anything.
library Specs {
    /// @dev No tensor has as many elements or bytes; sums of such numbers do not overflow.
    uint256 private constant MANY = 2 ** 128;

    /// @notice Elements of a tensor of this shape; `MANY` stands for that many and more.
    function count(uint32[] calldata shape) internal pure returns (uint256 elements) {
        elements = 1;
        for (uint256 i = 0; i < shape.length; ++i) {
            elements *= shape[i];
            if (elements > MANY) elements = MANY;
        }
    }

    /// @notice Bytes of such a tensor; reverts for a dtype that no model may have.
    function size(uint8 dtype, uint32[] calldata shape) internal pure returns (uint256) {
        return count(shape) * Dtype.size(dtype);
    }

    /// @notice Bytes of an answer; reverts for a dtype that no model may have.
    function outputBytes(Model calldata model) internal pure returns (uint256 length) {
        for (uint256 i = 0; i < model.outputs.length; ++i) {
            length += size(model.outputs[i].dtype, model.outputs[i].shape);
        }
    }

    /// @notice Whether the model has an input `slot` of this dtype and count.
    function isInput(Model calldata model, uint256 slot, uint256 dtype, uint256 elements) internal pure returns (bool) {
        if (slot >= model.inputs.length) return false;
        TensorSpec calldata spec = model.inputs[slot];
        return spec.dtype == dtype && count(spec.shape) == elements;
    }

    /// @notice Whether output `slot`, which must be one of the model's, is of this dtype and count.
    function isOutput(Model calldata model, uint256 slot, uint256 dtype, uint256 elements)
        internal
        pure
        returns (bool)
    {
        OutputSpec calldata spec = model.outputs[slot];
        return spec.dtype == dtype && count(spec.shape) == elements;
    }
}
