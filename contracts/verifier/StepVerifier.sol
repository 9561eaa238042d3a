// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRecomputer, Recomputed} from "../interfaces/IRecomputer.sol";
import {IStepVerifier, ProgramRef, StepProof} from "../interfaces/IStepVerifier.sol";
import {Membership} from "./Membership.sol";
import {Openings} from "./Openings.sol";

/// @title The judge of single steps.
contract StepVerifier is IStepVerifier {
    /// @notice What computes.
    IRecomputer public immutable RECOMPUTER;

    constructor(IRecomputer recomputer) {
        RECOMPUTER = recomputer;
    }

    /// @inheritdoc IStepVerifier
    function recompute(bytes calldata node, uint256 element, bytes calldata openings)
        external
        view
        returns (uint256 bits, bytes32[] memory roots)
    {
        Recomputed memory step = RECOMPUTER.recompute(node, element, openings);
        return (step.bits, step.roots);
    }

    /// @inheritdoc IStepVerifier
    function stepFault(ProgramRef calldata program, bytes32 traceRoot, StepProof calldata proof)
        external
        view
        returns (bool faulty)
    {
        Membership.requireNode(program, proof.index, proof.node, proof.nodePath);

        Recomputed memory step = RECOMPUTER.recompute(proof.node, proof.element, proof.openings);
        _requireOperands(program.count, traceRoot, proof, step);

        Openings.Input memory input = Openings.start(proof.result);
        Openings.Opening memory result = Openings.open(input, 1, step.dtype, step.count);
        Openings.finish(input);
        Membership.requireTensor(program.count, traceRoot, proof.index, result.root, proof.resultPath);
        return Openings.read(result, proof.element) != step.bits;
    }

    /// @dev Refuses operands that are not opened against the trace's own tensors.
    function _requireOperands(uint32 count, bytes32 traceRoot, StepProof calldata proof, Recomputed memory step)
        private
        pure
    {
        uint256 operands = step.operands.length;
        require(proof.operandPaths.length == operands, StepVerifier_WrongOperandPaths());
        for (uint256 i; i < operands; ++i) {
            bytes32[] calldata path = proof.operandPaths[i];
            uint256 index = step.operands[i];
            require(index < proof.index, StepVerifier_OperandNotEarlier(index, proof.index));
            if (step.roots[i] == 0) require(path.length == 0, StepVerifier_WrongOperandPaths());
            else Membership.requireTensor(count, traceRoot, index, step.roots[i], path);
        }
    }
}
