// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Malformation} from "../verifier/Node.sol";

/// @notice A program, as a model or a dispute names it.
/// @param root Program root.
/// @param version Lowering version.
/// @param count Nodes of the program; a trace of it has as many tensors.
struct ProgramRef {
    bytes32 root;
    uint16 version;
    uint32 count;
}

/// @notice A claim that element `element` of tensor `index` of a trace is not what its node says. The formats are those
/// of docs/canonical.md sections 5 to 7.
/// @param index The node.
/// @param node Its encoding.
/// @param nodePath Siblings from the node's leaf to the program's tree hash, lowest first.
/// @param element Position of the element within the node's tensor.
/// @param openings Openings of the operands.
/// @param operandPaths For each operand, siblings from its tensor root to the trace's tree hash; none where the operand is
/// not opened.
/// @param result A leaf run of the node's own tensor that has the element: first leaf, leaves, data, siblings.
/// @param resultPath Siblings from that tensor's root to the trace's tree hash.
struct StepProof {
    uint32 index;
    bytes node;
    bytes32[] nodePath;
    uint64 element;
    bytes openings;
    bytes32[][] operandPaths;
    bytes result;
    bytes32[] resultPath;
}

/// @title Recomputes single elements of canonical programs and judges traces by them.
/// @notice Pure: no storage, no owner, nothing but arithmetic. Every call yields a verdict, reverts with an error below,
/// or runs out of gas; running out of gas, which may surface as an empty revert, is never a verdict.
interface IStepVerifier {
    /// @notice The bytes encode no node; a program that commits to them has a program fault.
    /// @param malformation The first rule broken.
    error StepVerifier_MalformedNode(Malformation malformation);

    /// @notice INPUT and CONST nodes compute nothing.
    error StepVerifier_NothingToCompute();

    /// @notice The tensor has only `count` elements.
    error StepVerifier_ElementOutOfRange(uint256 element, uint256 count);

    /// @notice Openings end in the middle of a field, of a leaf or of siblings.
    error StepVerifier_OpeningsTooShort();

    /// @notice `length` bytes are left after the openings.
    error StepVerifier_BytesLeftOver(uint256 length);

    /// @notice A tree of `leaves` leaves has no `n` leaves from `first` on, or `n` is 0.
    error StepVerifier_LeafNotInTree(uint256 first, uint256 n, uint256 leaves);

    /// @notice A run begins at leaf `first`; after the run before it, it may begin at `least` at the earliest.
    error StepVerifier_RunsNotAscending(uint256 first, uint256 least);

    /// @notice Runs of one operand lead to different tree hashes.
    error StepVerifier_RunsOfDifferentTrees(bytes32 expected, bytes32 actual);

    /// @notice An element that has to be read is in no run of its tensor; `root` is zero where nothing of it is opened.
    error StepVerifier_ElementNotOpened(uint256 element, bytes32 root);

    /// @notice It is not element `hint` that exactly `place` others precede.
    error StepVerifier_WrongRank(uint256 hint, uint256 place);

    /// @notice A path needs one sibling for each of `levels` levels, and has `length`.
    error StepVerifier_WrongPathLength(uint256 levels, uint256 length);

    /// @notice There must be one list of siblings per operand, empty for operands that are not opened.
    error StepVerifier_WrongOperandPaths();

    /// @notice The node's encoding and path lead to program root `actual`.
    error StepVerifier_NotInProgram(bytes32 actual);

    /// @notice The root opened for tensor `index` and its path lead to trace root `actual`.
    error StepVerifier_NotInTrace(uint256 index, bytes32 actual);

    /// @notice An operand's node is not earlier than the node: a program fault, not a step fault.
    error StepVerifier_OperandNotEarlier(uint256 operandNode, uint256 index);

    /// @notice A call of the SHA-256 precompile failed, which it does for want of gas only.
    error StepVerifier_OutOfGas();

    /// @notice Recomputes one element of a node (docs/canonical.md section 7). Nothing says yet that node and operands
    /// belong to anything: compare the roots with a trace.
    /// @param node Encoding of the node.
    /// @param element Position of the element within the node's tensor.
    /// @param openings Openings of the operands.
    /// @return bits The element, canonical.
    /// @return roots Tensor root of each operand; zero for operands not opened.
    function recompute(bytes calldata node, uint256 element, bytes calldata openings)
        external
        view
        returns (uint256 bits, bytes32[] memory roots);

    /// @notice Whether a trace has a step fault where `proof` says (docs/canonical.md section 8).
    /// @dev Reverts where anything does not lead to the roots given.
    /// @param program The program.
    /// @param traceRoot Root of the trace.
    /// @param proof Node, openings and paths.
    /// @return faulty True: the trace's element is not the recomputed one, bit for bit. False: it is.
    function stepFault(ProgramRef calldata program, bytes32 traceRoot, StepProof calldata proof)
        external
        view
        returns (bool faulty);
}
