// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier, ProgramRef} from "../interfaces/IStepVerifier.sol";
import {Merkle} from "./Merkle.sol";

/// @title What belongs to a program or a trace: docs/canonical.md section 6.
library Membership {
    /// @notice Refuses bytes that are not node `index` of the program.
    /// @param path Siblings from the node's leaf to the program's tree hash, lowest first.
    function requireNode(ProgramRef calldata program, uint256 index, bytes calldata node, bytes32[] calldata path)
        internal
        pure
    {
        bytes32 tree = Merkle.climb(Merkle.nodeLeaf(node), index, program.count, path);
        bytes32 root = Merkle.programRoot(program.version, program.count, tree);
        require(root == program.root, IStepVerifier.StepVerifier_NotInProgram(root));
    }

    /// @notice Refuses a root that is not the one of tensor `index` in a trace of `count` tensors.
    /// @param path Siblings from the root to the trace's tree hash, lowest first.
    function requireTensor(uint32 count, bytes32 traceRoot, uint256 index, bytes32 root, bytes32[] calldata path)
        internal
        pure
    {
        bytes32 tree = Merkle.climb(Merkle.traceLeaf(root), index, count, path);
        bytes32 actual = Merkle.traceRoot(count, tree);
        require(actual == traceRoot, IStepVerifier.StepVerifier_NotInTrace(index, actual));
    }
}
