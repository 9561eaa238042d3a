// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "./Types.sol";

/// @notice An element of an output tensor as a trace has it.
/// @param output The output, from 0.
/// @param element Position of the element within it.
/// @param run A leaf run of the output's tensor that has the element: first leaf, leaves, data, siblings.
/// @param path Siblings from the tensor's root to the trace's tree hash, lowest first.
struct OutputElement {
    uint32 output;
    uint64 element;
    bytes run;
    bytes32[] path;
}

/// @title Judges answers by traces: docs/canonical.md section 8, fault 3.
/// @notice Pure: model, trace root and answer are whatever the caller has bound to the dispute. Calls yield a verdict or
/// revert with an error below, one of `IStepVerifier`'s, or for a dtype no model may have `IModelRegistry`'s.
interface IAnswerFaults {
    /// @notice The model has no such output, or the output no such element.
    error AnswerFaults_NoSuchElement(uint256 output, uint256 element);

    /// @notice A tolerance is negative or not finite: a program fault.
    error AnswerFaults_BadTolerance(uint64 atol, uint64 rtol);

    /// @notice Whether the answer's length is wrong, or its element is not right by the trace's.
    /// @param model The model; the caller has checked its id.
    /// @param traceRoot Root of the trace.
    /// @param answer The packed output; the caller has checked its hash.
    /// @param claim The element; not looked at where the length is wrong.
    function answerFault(Model calldata model, bytes32 traceRoot, bytes calldata answer, OutputElement calldata claim)
        external
        view
        returns (bool faulty);
}
