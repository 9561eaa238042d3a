// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice A recomputed element, and what it has been computed from.
/// @param bits The element, canonical.
/// @param dtype Element type of the node's tensor.
/// @param count Elements of the node's tensor.
/// @param operands For each operand, the node whose tensor it is.
/// @param roots For each operand, the root of the tensor opened for it; zero where none is opened.
struct Recomputed {
    uint256 bits;
    uint256 dtype;
    uint256 count;
    uint256[] operands;
    bytes32[] roots;
}

/// @title The part of the step verifier that computes; its errors are in `IStepVerifier`.
interface IRecomputer {
    /// @notice Recomputes one element of a node: docs/canonical.md section 7.
    /// @param node Encoding of the node.
    /// @param element Position of the element within the node's tensor.
    /// @param openings Openings of the operands.
    function recompute(bytes calldata node, uint256 element, bytes calldata openings)
        external
        view
        returns (Recomputed memory);
}
