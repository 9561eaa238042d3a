// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ProgramRef} from "./IStepVerifier.sol";
import {Model} from "./Types.sol";

/// @notice A node of a program.
/// @param index Its place.
/// @param node Its encoding, or whatever bytes the program has there.
/// @param path Siblings from the node's leaf to the program's tree hash, lowest first.
struct NodeOpening {
    uint32 index;
    bytes node;
    bytes32[] path;
}

/// @title Judges programs: docs/canonical.md section 8, fault 4.
/// @notice Pure: the caller has checked the model's id. Calls yield a verdict or revert with an error below or one of
/// `IStepVerifier`'s.
interface IProgramFaults {
    /// @notice The program given is not the model's.
    error ProgramFaults_AnotherProgram(bytes32 given, bytes32 expected);

    /// @notice Version, count and tree hash lead to program root `actual`.
    error ProgramFaults_NotTheHeader(bytes32 actual);

    /// @notice The node does not have so many operands.
    error ProgramFaults_NoSuchOperand(uint256 operand, uint256 operands);

    /// @notice The second node opened is not the operand, which is node `expected`.
    error ProgramFaults_NotTheOperand(uint256 expected);

    /// @notice Whether the model contradicts itself: no nodes or more than 2^21, no outputs or more than nodes, an input
    /// or output of a dtype that does not exist, or a tolerance that is negative or not finite.
    /// @param model The model.
    function modelFault(Model calldata model) external pure returns (bool faulty);

    /// @notice Whether the program's root is of another version than this verifier's, or of another number of nodes than the
    /// model's.
    /// @param model The model.
    /// @param version Version under the model's program root.
    /// @param count Number of nodes under it.
    /// @param tree Hash of the tree under it.
    function headerFault(Model calldata model, uint16 version, uint32 count, bytes32 tree)
        external
        pure
        returns (bool faulty);

    /// @notice Whether a node is malformed, has an operand that is not an earlier node, is dearer to prove than section 9 or
    /// the model allow, or contradicts the model as an input or an output.
    /// @param model The model.
    /// @param program Its program.
    /// @param opening The node.
    function nodeFault(Model calldata model, ProgramRef calldata program, NodeOpening calldata opening)
        external
        pure
        returns (bool faulty);

    /// @notice Whether an operand has another dtype or count than the node says. Reverts where either node is malformed.
    /// @param model The model.
    /// @param program Its program.
    /// @param opening The node.
    /// @param operand Which operand.
    /// @param source The node that is the operand.
    function operandFault(
        Model calldata model,
        ProgramRef calldata program,
        NodeOpening calldata opening,
        uint256 operand,
        NodeOpening calldata source
    ) external pure returns (bool faulty);
}
