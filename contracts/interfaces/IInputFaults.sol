// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ProgramRef} from "./IStepVerifier.sol";
import {Model} from "./Types.sol";

/// @notice An INPUT or CONST node of a program, and the root that a trace has for its tensor.
/// @param index The node.
/// @param node Its encoding.
/// @param nodePath Siblings from the node's leaf to the program's tree hash, lowest first.
/// @param root The tensor's root in the trace.
/// @param tracePath Siblings from that root to the trace's tree hash, lowest first.
struct SourceClaim {
    uint32 index;
    bytes node;
    bytes32[] nodePath;
    bytes32 root;
    bytes32[] tracePath;
}

/// @title Judges the INPUT and CONST tensors of traces: docs/canonical.md section 8, fault 1.
/// @notice Pure: model, program, trace root and input are whatever the caller has bound to the dispute. Calls yield a
/// verdict or revert with an error below or one of `IStepVerifier`'s.
interface IInputFaults {
    /// @notice The node is not of the kind the function judges.
    error InputFaults_WrongKind();

    /// @notice The node's slot, dtype or count contradict the model: a program fault.
    error InputFaults_ContradictsModel(uint256 slot);

    /// @notice Whether the trace has another root for a CONST node than the node itself.
    /// @param program The program.
    /// @param traceRoot Root of the trace.
    /// @param claim Node and tensor root.
    function constantFault(ProgramRef calldata program, bytes32 traceRoot, SourceClaim calldata claim)
        external
        view
        returns (bool faulty);

    /// @notice Whether the trace's root for an INPUT node is not the one of its bytes in the request's input.
    /// @dev An input whose length is not the model's has no right root: whoever answers such a request is at fault.
    /// @param model The model; the caller has checked its id.
    /// @param program The program.
    /// @param traceRoot Root of the trace.
    /// @param claim Node and tensor root.
    /// @param input The packed input; the caller has checked its hash.
    function inputFault(
        Model calldata model,
        ProgramRef calldata program,
        bytes32 traceRoot,
        SourceClaim calldata claim,
        bytes calldata input
    ) external view returns (bool faulty);

    /// @notice The same for a request that carries its input as tensor roots.
    /// @param model The model; the caller has checked its id.
    /// @param program The program.
    /// @param traceRoot Root of the trace.
    /// @param claim Node and tensor root.
    /// @param roots One root per input, in slot order; the caller has checked the hash of them.
    function inputRootFault(
        Model calldata model,
        ProgramRef calldata program,
        bytes32 traceRoot,
        SourceClaim calldata claim,
        bytes32[] calldata roots
    ) external view returns (bool faulty);
}
