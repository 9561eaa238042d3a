// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IProgramFaults, NodeOpening} from "../interfaces/IProgramFaults.sol";
import {ProgramRef} from "../interfaces/IStepVerifier.sol";
import {Model} from "../interfaces/Types.sol";
import {Dtype} from "../Dtype.sol";
import {Cost} from "./Cost.sol";
import {Membership} from "./Membership.sol";
import {Merkle} from "./Merkle.sol";
import {Kind, Malformation, Node, Operand} from "./Node.sol";
import {NodeCodec} from "./NodeCodec.sol";
import {Specs} from "./Specs.sol";
import {Tolerance} from "./Tolerance.sol";

/// @title Judges programs.
contract ProgramFaults is IProgramFaults {
    uint16 private constant VERSION = 1;
    uint256 private constant MAX_NODES = 2 ** 21;

    /// @inheritdoc IProgramFaults
    function modelFault(Model calldata model) external pure returns (bool faulty) {
        uint256 outputs = model.outputs.length;
        if (model.nodeCount > MAX_NODES || outputs == 0 || outputs > model.nodeCount) return true;
        for (uint256 i = 0; i < model.inputs.length; ++i) {
            if (!Dtype.exists(model.inputs[i].dtype)) return true;
        }
        for (uint256 i = 0; i < outputs; ++i) {
            if (!Dtype.exists(model.outputs[i].dtype)) return true;
            if (!Tolerance.isValid(model.outputs[i].atol) || !Tolerance.isValid(model.outputs[i].rtol)) return true;
        }
        return false;
    }

    /// @inheritdoc IProgramFaults
    function headerFault(Model calldata model, uint16 version, uint32 count, bytes32 tree)
        external
        pure
        returns (bool faulty)
    {
        bytes32 root = Merkle.programRoot(version, count, tree);
        require(root == model.programRoot, ProgramFaults_NotTheHeader(root));
        return version != VERSION || count != model.nodeCount;
    }

    /// @inheritdoc IProgramFaults
    function nodeFault(Model calldata model, ProgramRef calldata program, NodeOpening calldata opening)
        external
        pure
        returns (bool faulty)
    {
        _requireNode(model, program, opening);
        (Malformation malformation, Node memory node) = NodeCodec.parse(opening.node);
        return malformation != Malformation.NONE || !_operandsAreEarlier(node, opening.index)
            || _isTooDear(model, node, opening.node.length)
            || (node.kind == Kind.INPUT && !Specs.isInput(model, node.parameter, node.dtype, node.count))
            || _isWrongOutput(model, program.count, opening.index, node);
    }

    /// @inheritdoc IProgramFaults
    function operandFault(
        Model calldata model,
        ProgramRef calldata program,
        NodeOpening calldata opening,
        uint256 operand,
        NodeOpening calldata source
    ) external pure returns (bool faulty) {
        _requireNode(model, program, opening);
        _requireNode(model, program, source);
        Operand[] memory operands = NodeCodec.decode(opening.node).operands;
        require(operand < operands.length, ProgramFaults_NoSuchOperand(operand, operands.length));
        Operand memory stated = operands[operand];
        require(stated.node == source.index, ProgramFaults_NotTheOperand(stated.node));
        Node memory node = NodeCodec.decode(source.node);
        return node.dtype != stated.dtype || node.count != stated.count;
    }

    function _requireNode(Model calldata model, ProgramRef calldata program, NodeOpening calldata opening)
        private
        pure
    {
        require(program.root == model.programRoot, ProgramFaults_AnotherProgram(program.root, model.programRoot));
        Membership.requireNode(program, opening.index, opening.node, opening.path);
    }

    function _operandsAreEarlier(Node memory node, uint256 index) private pure returns (bool) {
        for (uint256 i = 0; i < node.operands.length; ++i) {
            if (node.operands[i].node >= index) return false;
        }
        return true;
    }

    function _isTooDear(Model calldata model, Node memory node, uint256 encoded) private pure returns (bool) {
        (uint256 size, uint256 price) = Cost.bound(node, encoded);
        return size > Cost.MAX_BYTES || price > Cost.MAX_GAS || price > model.worstLeafGas;
    }

    /// @dev The last nodes are the model's outputs.
    function _isWrongOutput(Model calldata model, uint256 count, uint256 index, Node memory node)
        private
        pure
        returns (bool)
    {
        uint256 outputs = model.outputs.length;
        if (index + outputs < count || outputs > count) return false;
        return !Specs.isOutput(model, index + outputs - count, node.dtype, node.count);
    }
}
