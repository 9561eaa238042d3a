// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {PolicyLib} from "../PolicyLib.sol";
import {Float32, Rounding} from "../consumer/Float32.sol";
import {ModelLib} from "../consumer/ModelLib.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {TensorWriter} from "../consumer/TensorWriter.sol";
import {Model, ModelId, Policy, Terms} from "../interfaces/Types.sol";

/// @title The internal libraries as external functions. For tests only.
contract ConsumerHarness {
    function pack(Terms calldata terms) external pure returns (Policy memory) {
        return PolicyLib.pack(terms);
    }

    function unpack(Policy calldata policy) external pure returns (Terms memory) {
        return PolicyLib.unpack(policy);
    }

    function amounts(Policy calldata policy) external pure returns (uint256 fee, uint256 own, uint256 challenger) {
        return (PolicyLib.fee(policy), PolicyLib.operatorBond(policy), PolicyLib.challengerBond(policy));
    }

    function feeOf(Policy calldata policy) external pure returns (uint256) {
        return PolicyLib.feeOf(policy);
    }

    function dtypeSize(uint8 dtype) external pure returns (uint256) {
        return Dtype.size(dtype);
    }

    function isFloat(uint8 dtype) external pure returns (bool) {
        return Dtype.isFloat(dtype);
    }

    function model(Model calldata given) external pure returns (ModelId id, uint256 input, uint256 output) {
        return (ModelLib.id(given), ModelLib.inputBytes(given), ModelLib.outputBytes(given));
    }

    function toFixed(uint32 bits, uint256 decimals, Rounding rounding) external pure returns (int256) {
        return Float32.toFixed(bits, decimals, rounding);
    }

    function fromInt(int256 value) external pure returns (uint32) {
        return Float32.fromInt(value);
    }

    function compare(uint32 a, uint32 b) external pure returns (bool less, bool same) {
        return (Float32.lessThan(a, b), Float32.equal(a, b));
    }

    function classify(uint32 bits) external pure returns (bool nan, bool infinite) {
        return (Float32.isNaN(bits), Float32.isInf(bits));
    }

    function argMax(bytes calldata data, uint256 offset, uint256 count) external pure returns (uint256) {
        return TensorReader.argMaxFloat32(data, offset, count);
    }

    function writeInts(uint256 count, int256[] calldata values) external pure returns (bytes memory tensor) {
        tensor = TensorWriter.float32s(count);
        for (uint256 i = 0; i < values.length; ++i) {
            TensorWriter.setInt(tensor, i, values[i]);
        }
    }

    function float32At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint32) {
        return TensorReader.float32At(d, offset, i);
    }

    function float16At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint16) {
        return TensorReader.float16At(d, offset, i);
    }

    function float64At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint64) {
        return TensorReader.float64At(d, offset, i);
    }

    function int8At(bytes calldata d, uint256 offset, uint256 i) external pure returns (int8) {
        return TensorReader.int8At(d, offset, i);
    }

    function int16At(bytes calldata d, uint256 offset, uint256 i) external pure returns (int16) {
        return TensorReader.int16At(d, offset, i);
    }

    function int32At(bytes calldata d, uint256 offset, uint256 i) external pure returns (int32) {
        return TensorReader.int32At(d, offset, i);
    }

    function int64At(bytes calldata d, uint256 offset, uint256 i) external pure returns (int64) {
        return TensorReader.int64At(d, offset, i);
    }

    function uint8At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint8) {
        return TensorReader.uint8At(d, offset, i);
    }

    function uint16At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint16) {
        return TensorReader.uint16At(d, offset, i);
    }

    function uint32At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint32) {
        return TensorReader.uint32At(d, offset, i);
    }

    function uint64At(bytes calldata d, uint256 offset, uint256 i) external pure returns (uint64) {
        return TensorReader.uint64At(d, offset, i);
    }

    function boolAt(bytes calldata d, uint256 offset, uint256 i) external pure returns (bool) {
        return TensorReader.boolAt(d, offset, i);
    }
}
