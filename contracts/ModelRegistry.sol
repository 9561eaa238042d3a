// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "./Dtype.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {Model, ModelId, OutputSpec, TensorSpec} from "./interfaces/Types.sol";

/// @title Announces models, mirrors and environments.
contract ModelRegistry is IModelRegistry {
    uint256 private constant MAX_SLOTS = 16;
    uint256 private constant MAX_RANK = 8;
    uint256 private constant MAX_INPUT_ELEMENTS = 2 ** 28;
    uint256 private constant MAX_OUTPUT_BYTES = 65_536;
    uint256 private constant MAX_MANIFEST_BYTES = 16_384;

    /// @dev Bits of float64 +infinity: every finite value that is not negative is below.
    uint64 private constant INFINITY = 0x7ff0000000000000;

    /// @inheritdoc IModelRegistry
    function publish(Model calldata model, string[] calldata uris) external returns (ModelId modelId) {
        (uint256 inputs, uint256 outputs) = (model.inputs.length, model.outputs.length);
        require(
            inputs > 0 && inputs <= MAX_SLOTS && outputs > 0 && outputs <= MAX_SLOTS,
            ModelRegistry_SlotCount(inputs, outputs)
        );
        for (uint256 i = 0; i < inputs; ++i) {
            TensorSpec calldata spec = model.inputs[i];
            // Called to revert on an unknown dtype.
            // slither-disable-next-line unused-return
            Dtype.size(spec.dtype);
            _count(spec.shape);
        }
        uint256 outputBytes = 0;
        for (uint256 i = 0; i < outputs; ++i) {
            OutputSpec calldata spec = model.outputs[i];
            outputBytes += _count(spec.shape) * Dtype.size(spec.dtype);
            _checkTolerance(spec.dtype, spec.atol);
            _checkTolerance(spec.dtype, spec.rtol);
        }
        require(outputBytes <= MAX_OUTPUT_BYTES, ModelRegistry_TensorSize(outputBytes));
        modelId = idOf(model);
        emit ModelPublished(modelId, msg.sender, model.onnxDigest, model, uris);
    }

    /// @inheritdoc IModelRegistry
    function addMirrors(ModelId modelId, string[] calldata uris) external {
        require(uris.length != 0, ModelRegistry_NoUris());
        emit MirrorsAdded(modelId, msg.sender, uris);
    }

    /// @inheritdoc IModelRegistry
    function publishEnvironment(bytes calldata manifest) external returns (bytes32 manifestHash) {
        require(
            manifest.length != 0 && manifest.length <= MAX_MANIFEST_BYTES, ModelRegistry_ManifestSize(manifest.length)
        );
        manifestHash = keccak256(manifest);
        emit EnvironmentPublished(manifestHash, msg.sender, manifest);
    }

    /// @inheritdoc IModelRegistry
    function idOf(Model calldata model) public pure returns (ModelId modelId) {
        return ModelId.wrap(keccak256(abi.encode(model)));
    }

    /// @dev Elements of a tensor, within the caps.
    function _count(uint32[] calldata shape) private pure returns (uint256 count) {
        require(shape.length <= MAX_RANK, ModelRegistry_RankTooLarge(shape.length));
        count = 1;
        for (uint256 i = 0; i < shape.length; ++i) {
            count *= shape[i];
            require(count <= MAX_INPUT_ELEMENTS, ModelRegistry_TensorSize(count));
        }
        require(count != 0, ModelRegistry_TensorSize(0));
    }

    function _checkTolerance(uint8 dtype, uint64 bits) private pure {
        require(bits < INFINITY && (bits == 0 || Dtype.isFloat(dtype)), ModelRegistry_BadTolerance(bits));
    }
}
