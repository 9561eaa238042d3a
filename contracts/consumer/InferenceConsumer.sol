// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {PolicyLib} from "../PolicyLib.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {InputKind, Model, ModelId, Policy, Request, RequestId} from "../interfaces/Types.sol";
import {ModelLib} from "./ModelLib.sol";

/// @title Base of a contract that asks one model for inferences and receives the final answers.
/// @notice Write `_onInference`, call `_request`, and let refunds out with `_withdrawFromOracle`.
/// @dev To receive refunds the contract needs a `receive` function, or withdraws them to somebody else.
abstract contract InferenceConsumer is IInferenceConsumer {
    using ModelLib for Model;

    /// @notice The oracle asked, and the only caller `onInference` accepts.
    IInferenceOracle public immutable ORACLE;

    /// @notice The model asked.
    ModelId public immutable MODEL_ID;

    /// @notice Bytes of the model's packed input.
    uint256 public immutable INPUT_BYTES;

    /// @notice Bytes of the model's packed output.
    uint256 public immutable OUTPUT_BYTES;

    /// @notice Somebody other than the oracle called `onInference`.
    error InferenceConsumer_NotOracle(address caller);

    /// @notice The input is not as long as the model's.
    error InferenceConsumer_InputLength(uint256 given, uint256 expected);

    /// @notice The answer is not as long as the model's output: it was wrong, and nobody challenged it.
    error InferenceConsumer_OutputLength(uint256 given, uint256 expected);

    /// @notice Neither the call nor the contract holds the ether for the fee.
    error InferenceConsumer_BalanceBelowFee(uint256 balance, uint256 fee);

    /// @param oracle The oracle to ask.
    /// @param model The model to ask for. What its id binds is what will run, or the answer can be refuted.
    constructor(IInferenceOracle oracle, Model memory model) {
        ORACLE = oracle;
        MODEL_ID = model.id();
        INPUT_BYTES = model.inputBytes();
        OUTPUT_BYTES = model.outputBytes();
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(RequestId requestId, bytes calldata output) external {
        require(msg.sender == address(ORACLE), InferenceConsumer_NotOracle(msg.sender));
        require(output.length == OUTPUT_BYTES, InferenceConsumer_OutputLength(output.length, OUTPUT_BYTES));
        _onInference(requestId, output);
    }

    /// @notice Takes a final answer. What it reverts with is recorded and delivery can be tried again.
    /// @param requestId The request this contract made.
    /// @param output The packed output, of the model's length.
    function _onInference(RequestId requestId, bytes calldata output) internal virtual;

    /// @notice Asks for an inference and pays the policy's fee from what the contract holds, this call's ether included.
    /// @param input The packed input; its length is checked before anything else.
    /// @param policy The terms.
    /// @param callbackGas Gas for `onInference`, exactly; zero: no callback.
    /// @param salt Anything that makes the request unlike this contract's others.
    /// @return requestId The request's id.
    function _request(bytes memory input, Policy memory policy, uint32 callbackGas, bytes32 salt)
        internal
        returns (RequestId requestId)
    {
        require(input.length == INPUT_BYTES, InferenceConsumer_InputLength(input.length, INPUT_BYTES));
        uint256 fee = PolicyLib.feeOf(policy);
        require(address(this).balance >= fee, InferenceConsumer_BalanceBelowFee(address(this).balance, fee));
        return ORACLE.request{value: fee}(
            Request({
                requester: address(this),
                salt: salt,
                modelId: MODEL_ID,
                inputKind: InputKind.BYTES,
                inputHash: keccak256(input),
                policy: policy,
                callbackGas: callbackGas
            }),
            input
        );
    }

    /// @notice Takes refunded fees out of the oracle.
    /// @param amount In wei.
    /// @param to Where they go; this contract itself needs a `receive` function.
    function _withdrawFromOracle(uint256 amount, address payable to) internal {
        ORACLE.withdraw(amount, to);
    }
}
