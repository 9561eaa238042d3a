// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {InferenceConsumer} from "../consumer/InferenceConsumer.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Model, Policy, RequestId} from "../interfaces/Types.sol";

/// @title Stores each final answer whole.
contract StoringConsumer is InferenceConsumer {
    /// @notice The final answer of a request; empty until it arrives.
    mapping(RequestId requestId => bytes output) public outputOf;

    /// @param oracle The oracle to ask.
    /// @param model The model to ask for.
    constructor(IInferenceOracle oracle, Model memory model) InferenceConsumer(oracle, model) {}

    /// @notice Asks; the ether sent pays the fee, and what exceeds it stays here for the next.
    function ask(bytes calldata input, Policy calldata policy, uint32 callbackGas, bytes32 salt)
        external
        payable
        returns (RequestId requestId)
    {
        return _request(input, policy, callbackGas, salt);
    }

    /// @inheritdoc InferenceConsumer
    function _onInference(RequestId requestId, bytes calldata output) internal override {
        outputOf[requestId] = output;
    }
}
