// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {OutputElement} from "contracts/interfaces/IAnswerFaults.sol";
import {Position, Revelation} from "contracts/interfaces/IDispute.sol";
import {SourceClaim} from "contracts/interfaces/IInputFaults.sol";
import {NodeOpening} from "contracts/interfaces/IProgramFaults.sol";
import {StepProof} from "contracts/interfaces/IStepVerifier.sol";
import {Programs} from "./Programs.sol";
import {Trees} from "./Trees.sol";

/// @dev Traces, right and wrong, what can be revealed of them and what can be proven against them.
abstract contract Traces is Programs {
    /// @dev How a trace is wrong.
    /// @param NOTHING It is the canonical one.
    /// @param ELEMENT An element of a tensor is another.
    /// @param PADDING There is something behind the last element of a tensor.
    /// @param HEADER A tensor's root has another count.
    /// @param NONSENSE A tensor's root is the root of nothing.
    /// @param FOREST The trace's root is the root of nothing; only where no tensor roots are posted.
    enum Lying {
        NOTHING,
        ELEMENT,
        PADDING,
        HEADER,
        NONSENSE,
        FOREST
    }

    /// @param how How the trace is wrong.
    /// @param tensor Where.
    /// @param element Where within it.
    /// @param covered Whether the output's tensor is what was answered.
    struct Lie {
        Lying how;
        uint256 tensor;
        uint256 element;
        bool covered;
    }

    /// @dev A trace as its maker knows it; tensors are padded to whole leaves.
    struct Trace {
        bytes[] tensors;
        bytes32[] roots;
        bytes32[][] rows;
        bytes32 root;
    }

    /// @dev What is wrong with a posted trace, as whoever has the canonical one finds it.
    /// @param ANSWER Nothing: it is the answer that differs.
    /// @param SOURCE The root of an INPUT or CONST.
    /// @param STEP An element of a computed tensor.
    /// @param SILENCE Something that cannot be revealed.
    enum Goal {
        ANSWER,
        SOURCE,
        STEP,
        SILENCE
    }

    struct Target {
        Goal goal;
        uint256 tensor;
        uint256 element;
        uint256 leaf;
    }

    uint32 internal constant TRACE = type(uint32).max;
    uint256 internal constant ELEMENT_BYTES = 4;

    // ------------------------------------------------------------------ making

    /// @param output The answer, which a covered lie is in line with.
    function _trace(Program memory program, Case memory truth, Lie memory lie, bytes memory output)
        internal
        pure
        returns (Trace memory trace)
    {
        uint256 nodes = program.model.nodeCount;
        trace.tensors = new bytes[](truth.tensors.length);
        for (uint256 i = 0; i < truth.tensors.length; ++i) {
            trace.tensors[i] = truth.tensors[i];
        }
        trace.roots = new bytes32[](nodes);
        for (uint256 i = 0; i < nodes; ++i) {
            trace.roots[i] = i < truth.roots.length ? truth.roots[i] : keccak256(abi.encode(i));
        }
        if (truth.tensors.length > 0) _distort(program, trace, lie, output);
        trace.rows = Trees.overRoots(trace.roots);
        bytes32 tree = lie.how == Lying.FOREST ? keccak256("forest") : Trees.hashOf(trace.rows);
        trace.root = Trees.bindTrace(nodes, tree);
    }

    function _distort(Program memory program, Trace memory trace, Lie memory lie, bytes memory output) private pure {
        uint256 k = lie.tensor;
        bytes[] memory tensors = trace.tensors;
        if (lie.covered && output.length == tensors[tensors.length - 1].length) {
            tensors[tensors.length - 1] = bytes.concat(output);
            _bind(program, trace, tensors.length - 1, 0);
        }
        if (lie.how == Lying.ELEMENT) {
            bytes memory changed = bytes.concat(tensors[k]);
            changed[ELEMENT_BYTES * lie.element + 1] ^= 0x40;
            tensors[k] = changed;
            _bind(program, trace, k, 0);
        } else if (lie.how == Lying.PADDING) {
            bytes memory padded = Trees.pad(tensors[k]);
            padded[padded.length - 1] = 0x01;
            tensors[k] = padded;
            _bind(program, trace, k, 0);
        } else if (lie.how == Lying.HEADER) {
            _bind(program, trace, k, 1);
        } else if (lie.how == Lying.NONSENSE) {
            trace.roots[k] = keccak256("nonsense");
        }
    }

    function _bind(Program memory program, Trace memory trace, uint256 k, uint64 more) private pure {
        bytes32[][] memory rows = Trees.overTensor(Trees.pad(trace.tensors[k]));
        trace.roots[k] = Trees.bindTensor(program.dtypes[k], program.counts[k] + more, Trees.hashOf(rows));
    }

    /// @dev A lie that `program` has room for, now and then in its first two nodes, which compute nothing.
    function _lie(Program memory program, uint256 seed) internal pure returns (Lie memory lie) {
        lie.how = Lying(seed % (uint256(type(Lying).max) + 1));
        if (lie.how == Lying.FOREST && program.nodes.length <= MOST_ROOTS) lie.how = Lying.ELEMENT;
        lie.covered = (seed >> 8) % 2 == 0;
        lie.tensor = (seed >> 16) % ((seed >> 24) % 4 == 0 ? 2 : program.nodes.length);
        uint256 count = program.counts[lie.tensor];
        if (lie.how == Lying.ELEMENT || lie.how == Lying.PADDING) {
            if (count == 0) lie.how = Lying.HEADER;
            else if ((count * ELEMENT_BYTES) % Trees.LEAF_BYTES == 0) lie.how = Lying.ELEMENT;
        }
        if (count > 0) lie.element = (seed >> 32) % count;
    }

    // ------------------------------------------------------------------ finding

    /// @dev The first thing that is wrong with a trace, by the canonical one.
    function _target(Program memory program, Case memory truth, Trace memory trace, Lie memory lie)
        internal
        pure
        returns (Target memory target)
    {
        if (lie.how == Lying.FOREST) return Target(Goal.SILENCE, TRACE, 0, 0);
        uint256 k = 0;
        while (k < trace.roots.length && trace.roots[k] == truth.roots[k]) ++k;
        if (k == trace.roots.length) return target;
        target.tensor = k;
        if (!_computes(program, k)) {
            target.goal = Goal.SOURCE;
            return target;
        }
        target.goal = lie.tensor == k && lie.how >= Lying.PADDING ? Goal.SILENCE : Goal.STEP;
        (bytes memory mine, bytes memory theirs) = (Trees.pad(truth.tensors[k]), Trees.pad(trace.tensors[k]));
        uint256 place = Trees.firstDifference(mine, theirs);
        if (place == mine.length) return target;
        (target.element, target.leaf) = (place / ELEMENT_BYTES, place / Trees.LEAF_BYTES);
    }

    /// @dev Whether a position of a wrong trace can be shown.
    function _canReveal(Program memory program, Lie memory lie, Position memory position) internal pure returns (bool) {
        if (position.tensor == TRACE) return lie.how != Lying.FOREST;
        if (lie.how == Lying.FOREST) return false;
        if (position.tensor != lie.tensor) return true;
        if (lie.how == Lying.HEADER || lie.how == Lying.NONSENSE) return false;
        if (lie.how != Lying.PADDING) return true;
        uint256 leaves = _leaves(program, position.tensor);
        (uint256 row,, uint256 end) = Trees.shown(leaves, position.layer, position.index);
        return row != 0 || end != leaves;
    }

    // ------------------------------------------------------------------ showing

    function _leaves(Program memory program, uint256 tensor) internal pure returns (uint256) {
        return
            tensor == TRACE ? program.model.nodeCount : Trees.leafCount(uint256(program.counts[tensor]) * ELEMENT_BYTES);
    }

    function _revelation(Program memory program, Trace memory trace, Position memory position)
        internal
        pure
        returns (Revelation memory shown)
    {
        bool ofTrace = position.tensor == TRACE;
        bytes memory padded;
        bytes32[][] memory rows = trace.rows;
        if (!ofTrace) {
            padded = Trees.pad(trace.tensors[position.tensor]);
            rows = Trees.overTensor(padded);
            shown.tracePath = Trees.path(trace.rows, 0, position.tensor);
        }
        uint256 leaves = _leaves(program, position.tensor);
        (uint256 row, uint256 first, uint256 end) = Trees.shown(leaves, position.layer, position.index);
        shown.position = position;
        if (row == 0 && !ofTrace) {
            shown.data = Trees.slice(padded, Trees.LEAF_BYTES * first, Trees.LEAF_BYTES * end);
        } else {
            bytes32[] memory nodes = row == 0 ? trace.roots : rows[row];
            for (uint256 i = first; i < end; ++i) {
                shown.data = bytes.concat(shown.data, nodes[i]);
            }
        }
        shown.path = Trees.path(rows, Trees.depthOf(leaves) - Trees.LAYER_LEVELS * position.layer, position.index);
    }

    // ------------------------------------------------------------------ proving

    function _opening(Program memory program, uint256 node) internal pure returns (NodeOpening memory) {
        bytes32[] memory path = Trees.path(Trees.overLeaves(program.nodes), 0, node);
        return NodeOpening(uint32(node), program.nodes[node], path);
    }

    function _sourceClaim(Program memory program, Trace memory trace, uint256 node)
        internal
        pure
        returns (SourceClaim memory)
    {
        NodeOpening memory opening = _opening(program, node);
        return
            SourceClaim(opening.index, opening.node, opening.path, trace.roots[node], Trees.path(trace.rows, 0, node));
    }

    /// @dev Operands are opened whole.
    function _stepProof(Program memory program, Trace memory trace, uint256 node, uint256 element)
        internal
        pure
        returns (StepProof memory proof)
    {
        NodeOpening memory opening = _opening(program, node);
        (proof.index, proof.node, proof.nodePath) = (opening.index, opening.node, opening.path);
        proof.element = uint64(element);
        uint32[] memory operands = program.operands[node];
        proof.operandPaths = new bytes32[][](operands.length);
        for (uint256 i = 0; i < operands.length; ++i) {
            bytes memory padded = Trees.pad(trace.tensors[operands[i]]);
            bytes32[][] memory rows = Trees.overTensor(padded);
            uint32 leaves = uint32(rows[0].length);
            proof.openings =
                bytes.concat(proof.openings, hex"01", bytes4(0), bytes4(leaves), padded, Trees.pathOfAll(rows));
            proof.operandPaths[i] = Trees.path(trace.rows, 0, operands[i]);
        }
        proof.result = _run(trace, node, element);
        proof.resultPath = Trees.path(trace.rows, 0, node);
    }

    function _outputElement(Trace memory trace, uint256 element) internal pure returns (OutputElement memory) {
        uint256 node = trace.tensors.length - 1;
        return OutputElement(0, uint64(element), _run(trace, node, element), Trees.path(trace.rows, 0, node));
    }

    /// @dev The leaf of an element, opened.
    function _run(Trace memory trace, uint256 tensor, uint256 element) private pure returns (bytes memory) {
        bytes memory padded = Trees.pad(trace.tensors[tensor]);
        uint256 leaf = element * ELEMENT_BYTES / Trees.LEAF_BYTES;
        bytes memory data = Trees.slice(padded, Trees.LEAF_BYTES * leaf, Trees.LEAF_BYTES * (leaf + 1));
        bytes32[] memory path = Trees.path(Trees.overTensor(padded), 0, leaf);
        return bytes.concat(bytes4(uint32(leaf)), bytes4(uint32(1)), data, abi.encodePacked(path));
    }
}
