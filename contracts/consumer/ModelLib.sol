// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Model, ModelId} from "../interfaces/Types.sol";

/// @title What a consumer needs to know of a model: its id and how long its packed input and output are.
library ModelLib {
    /// @notice The id of a model: `keccak256(abi.encode(model))`.
    function id(Model memory model) internal pure returns (ModelId) {
        return ModelId.wrap(keccak256(abi.encode(model)));
    }

    /// @notice Bytes of the packed input. Reverts for a dtype no model may have.
    function inputBytes(Model memory model) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < model.inputs.length; ++i) {
            total += _tensorBytes(model.inputs[i].dtype, model.inputs[i].shape);
        }
    }

    /// @notice Bytes of the packed output. Reverts for a dtype no model may have.
    function outputBytes(Model memory model) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < model.outputs.length; ++i) {
            total += _tensorBytes(model.outputs[i].dtype, model.outputs[i].shape);
        }
    }

    function _tensorBytes(uint8 dtype, uint32[] memory shape) private pure returns (uint256 size) {
        size = Dtype.size(dtype);
        for (uint256 axis = 0; axis < shape.length; ++axis) {
            size *= shape[axis];
        }
    }
}
