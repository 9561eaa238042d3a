// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Model, ModelId} from "./Types.sol";

/// @title Announces models, mirrors and environments. Stores nothing, owns nothing.
/// @notice Whoever needs a field of a model passes the `Model` and compares its id: content is the only authority.
interface IModelRegistry {
    /// @notice A model was announced.
    /// @param modelId `keccak256(abi.encode(model))`.
    /// @param publisher Who announced it. Anyone may announce anything; the id binds the content, not the publisher.
    /// @param onnxDigest SHA-256 of the ONNX file, as claimed.
    /// @param model The whole model.
    /// @param uris Where the publisher says its files can be had.
    event ModelPublished(
        ModelId indexed modelId, address indexed publisher, bytes32 indexed onnxDigest, Model model, string[] uris
    );

    /// @notice Further places for a model's files.
    /// @param modelId The model.
    /// @param publisher Who says so.
    /// @param uris The places. What is fetched from there must match the model's digest and program.
    event MirrorsAdded(ModelId indexed modelId, address indexed publisher, string[] uris);

    /// @notice The manifest behind a manifest hash of some answers.
    /// @param manifestHash keccak256 of `manifest`.
    /// @param publisher Who announced it.
    /// @param manifest Canonical JSON: software, provider, CPU, OS, threads. Self-declared.
    event EnvironmentPublished(bytes32 indexed manifestHash, address indexed publisher, bytes manifest);

    /// @notice The model has no input or no output, or more than 16 of either.
    error ModelRegistry_SlotCount(uint256 inputs, uint256 outputs);

    /// @notice A tensor's dtype is not one a model's input or output may have.
    error ModelRegistry_UnknownDtype(uint8 dtype);

    /// @notice A tensor has more than eight axes.
    error ModelRegistry_RankTooLarge(uint256 rank);

    /// @notice A tensor has no elements, or is beyond what an input (2^28 elements) or output (64 KiB) may hold.
    error ModelRegistry_TensorSize(uint256 bytesOrElements);

    /// @notice A tolerance is infinite, NaN or negative, or given for an output that is no float.
    error ModelRegistry_BadTolerance(uint64 bits);

    /// @notice The manifest is empty or longer than 16 KiB.
    error ModelRegistry_ManifestSize(uint256 length);

    /// @notice There are no URIs to announce.
    error ModelRegistry_NoUris();

    /// @notice Announces a model. Announcing it twice does no harm.
    /// @param model The model; its specs and tolerances are checked, its program and digest are claims.
    /// @param uris Where its files can be had; may be empty.
    /// @return modelId Its id.
    function publish(Model calldata model, string[] calldata uris) external returns (ModelId modelId);

    /// @notice Announces further places for a model's files.
    /// @param modelId The model.
    /// @param uris The places, at least one.
    function addMirrors(ModelId modelId, string[] calldata uris) external;

    /// @notice Announces the manifest whose hash answers carry.
    /// @param manifest Canonical JSON, at most 16 KiB.
    /// @return manifestHash keccak256 of `manifest`.
    function publishEnvironment(bytes calldata manifest) external returns (bytes32 manifestHash);

    /// @notice The id of a model.
    /// @param model The model.
    /// @return modelId `keccak256(abi.encode(model))`.
    function idOf(Model calldata model) external pure returns (ModelId modelId);
}
