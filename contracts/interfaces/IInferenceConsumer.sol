// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {RequestId} from "./Types.sol";

/// @title What a contract implements to receive final answers.
interface IInferenceConsumer {
    /// @notice Called once by the oracle with a final answer, with exactly the gas the request fixed.
    /// @dev Check that the caller is the oracle. A revert is recorded; anyone may have the delivery tried again.
    /// @param requestId The request this contract made.
    /// @param output The packed output: tensors in order, row-major, big-endian.
    function onInference(RequestId requestId, bytes calldata output) external;
}
