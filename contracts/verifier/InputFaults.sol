// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IInputFaults, SourceClaim} from "../interfaces/IInputFaults.sol";
import {ProgramRef} from "../interfaces/IStepVerifier.sol";
import {Model} from "../interfaces/Types.sol";
import {Membership} from "./Membership.sol";
import {Kind, Node} from "./Node.sol";
import {NodeCodec} from "./NodeCodec.sol";
import {Specs} from "./Specs.sol";
import {TensorRoot} from "./TensorRoot.sol";

/// @title Judges INPUT and CONST tensors.
contract InputFaults is IInputFaults {
    /// @inheritdoc IInputFaults
    function constantFault(ProgramRef calldata program, bytes32 traceRoot, SourceClaim calldata claim)
        external
        pure
        returns (bool faulty)
    {
        Node memory node = _open(program, traceRoot, claim, Kind.CONST);
        return claim.root != bytes32(node.parameter);
    }

    /// @inheritdoc IInputFaults
    function inputFault(
        Model calldata model,
        ProgramRef calldata program,
        bytes32 traceRoot,
        SourceClaim calldata claim,
        bytes calldata input
    ) external view returns (bool faulty) {
        Node memory node = _openInput(model, program, traceRoot, claim);
        uint256 slots = model.inputs.length;
        (uint256 start, uint256 stop, uint256 length) = (0, 0, 0);
        for (uint256 slot = 0; slot < slots; ++slot) {
            if (slot == node.parameter) start = length;
            length += Specs.size(model.inputs[slot].dtype, model.inputs[slot].shape);
            if (slot == node.parameter) stop = length;
        }
        if (length != input.length) return true;
        return claim.root != TensorRoot.compute(input[start:stop], node.dtype, node.count);
    }

    /// @inheritdoc IInputFaults
    function inputRootFault(
        Model calldata model,
        ProgramRef calldata program,
        bytes32 traceRoot,
        SourceClaim calldata claim,
        bytes32[] calldata roots
    ) external pure returns (bool faulty) {
        Node memory node = _openInput(model, program, traceRoot, claim);
        return roots.length != model.inputs.length || claim.root != roots[node.parameter];
    }

    function _openInput(
        Model calldata model,
        ProgramRef calldata program,
        bytes32 traceRoot,
        SourceClaim calldata claim
    ) private pure returns (Node memory node) {
        node = _open(program, traceRoot, claim, Kind.INPUT);
        require(
            Specs.isInput(model, node.parameter, node.dtype, node.count), InputFaults_ContradictsModel(node.parameter)
        );
    }

    function _open(ProgramRef calldata program, bytes32 traceRoot, SourceClaim calldata claim, Kind kind)
        private
        pure
        returns (Node memory node)
    {
        Membership.requireNode(program, claim.index, claim.node, claim.nodePath);
        Membership.requireTensor(program.count, traceRoot, claim.index, claim.root, claim.tracePath);
        node = NodeCodec.decode(claim.node);
        require(node.kind == kind, InputFaults_WrongKind());
    }
}
