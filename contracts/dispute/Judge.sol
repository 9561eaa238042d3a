// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAnswerFaults, OutputElement} from "../interfaces/IAnswerFaults.sol";
import {Fault, IDispute, Position, Revelation, Subject} from "../interfaces/IDispute.sol";
import {IInputFaults, SourceClaim} from "../interfaces/IInputFaults.sol";
import {IProgramFaults, NodeOpening} from "../interfaces/IProgramFaults.sol";
import {IStepVerifier, ProgramRef, StepProof} from "../interfaces/IStepVerifier.sol";
import {InputKind, Model, ModelId} from "../interfaces/Types.sol";
import {Merkle} from "../verifier/Merkle.sol";
import {Membership} from "../verifier/Membership.sol";
import {Kind, Node} from "../verifier/Node.sol";
import {NodeCodec} from "../verifier/NodeCodec.sol";
import {Specs} from "../verifier/Specs.sol";
import {Layers} from "./Layers.sol";
import {Tensor, TensorLib} from "./Tensor.sol";

/// @notice What must have been revealed for a fault to be found: whoever had it revealed is the finder.
/// @param NOTHING Nothing: the opener is.
/// @param ROOT The tensor's root.
/// @param ELEMENT The element.
enum Shown {
    NOTHING,
    ROOT,
    ELEMENT
}

/// @notice A fault.
/// @param fault Which.
/// @param shown What finding it took.
/// @param tensor The node it is in; 0 where it is in none.
/// @param element The element of the tensor; 0 where it is none.
struct Finding {
    Fault fault;
    Shown shown;
    uint32 tensor;
    uint64 element;
}

/// @title What nodes, revelations and proofs are worth in a game. Stateless: the dispute contract says what game.
/// @dev The functions of proofs have the dispute contract's names and arguments. It passes on its calldata as they came, and
/// behind them the game: `ProgramRef` and trace root. So a proof is decoded once, here.
contract Judge {
    using Layers for Position;
    using TensorLib for Tensor;

    uint256 private constant GAME_BYTES = 128;

    IStepVerifier public immutable STEP_VERIFIER;
    IProgramFaults public immutable PROGRAM_FAULTS;
    IInputFaults public immutable INPUT_FAULTS;
    IAnswerFaults public immutable ANSWER_FAULTS;

    constructor(
        IStepVerifier stepVerifier,
        IProgramFaults programFaults,
        IInputFaults inputFaults,
        IAnswerFaults answerFaults
    ) {
        STEP_VERIFIER = stepVerifier;
        PROGRAM_FAULTS = programFaults;
        INPUT_FAULTS = inputFaults;
        ANSWER_FAULTS = answerFaults;
    }

    // ------------------------------------------------------------------ nodes and revelations

    /// @notice Dtype and count of node `index` of a program.
    /// @param path Siblings from the node's leaf to the program's tree hash, lowest first.
    /// @return tensor Dtype and count.
    /// @return isSource Whether the node is an INPUT or CONST.
    function tensorOf(ProgramRef calldata program, uint32 index, bytes calldata encoded, bytes32[] calldata path)
        external
        pure
        returns (Tensor memory tensor, bool isSource)
    {
        Membership.requireNode(program, index, encoded, path);
        Node memory node = NodeCodec.decode(encoded);
        // A count is below 2^36.
        return (Tensor(uint8(node.dtype), uint64(node.count)), node.kind == Kind.INPUT || node.kind == Kind.CONST);
    }

    /// @notice The root of the trace of `nodes` tensors that tensor roots lead to.
    function rootOf(uint32 nodes, bytes32[] calldata roots) external view returns (bytes32) {
        // Its offset and its length are written.
        // slither-disable-next-line write-after-write
        bytes calldata data;
        assembly ("memory-safe") {
            data.offset := roots.offset
            data.length := shl(5, roots.length)
        }
        return Merkle.traceRoot(nodes, Layers.fold(data, 32, Merkle.depth(nodes), 0));
    }

    /// @notice The root of the trace of `nodes` tensors that a revelation of a position that exists leads to.
    /// @param tensor Dtype and count of the position's tensor; not looked at for a position of the trace.
    function revealedRoot(uint32 nodes, Tensor calldata tensor, Revelation calldata revelation)
        external
        view
        returns (bytes32)
    {
        uint32 index = revelation.position.tensor;
        if (index == Layers.TRACE) {
            _requirePath(0, revelation.tracePath);
            return Merkle.traceRoot(nodes, _treeOf(revelation, nodes, 32));
        }
        bytes32 tree = _treeOf(revelation, tensor.leaves(), Merkle.LEAF_BYTES);
        _requireNoPadding(tensor, revelation);
        _requirePath(Merkle.depth(nodes), revelation.tracePath);
        bytes32 root = Merkle.tensorRoot(tensor.dtype, tensor.count, tree);
        return Merkle.traceRoot(nodes, Merkle.climb(Merkle.traceLeaf(root), index, nodes, revelation.tracePath));
    }

    /// @dev Hash of the tree of `leaves` leaves that a revelation leads to.
    function _treeOf(Revelation calldata revelation, uint256 leaves, uint256 leafBytes) private view returns (bytes32) {
        Position calldata position = revelation.position;
        (uint256 levels, uint256 height, uint256 shown) = position.shape(leaves);
        uint256 length = shown * (height == 0 ? leafBytes : 32);
        require(revelation.data.length == length, IDispute.Dispute_WrongLength(length, revelation.data.length));
        _requirePath(Layers.LEVELS * position.layer, revelation.path);
        bytes32 hash = Layers.fold(revelation.data, height == 0 ? leafBytes : 0, levels, height);
        return Merkle.climb(hash, position.index, 1 << revelation.path.length, revelation.path);
    }

    /// @dev Refuses bytes behind the tensor's last element, where that is shown.
    function _requireNoPadding(Tensor memory tensor, Revelation calldata revelation) private pure {
        uint256 leaves = tensor.leaves();
        uint32 index = revelation.position.tensor;
        if (leaves == 0 || revelation.position.key() != Layers.showing(index, leaves, leaves - 1)) return;
        uint256 padding = Merkle.LEAF_BYTES * leaves - tensor.size();
        bytes calldata behind = revelation.data[revelation.data.length - padding:];
        for (uint256 i = 0; i < padding; i += 32) {
            require(bytes32(behind[i:]) == 0, IDispute.Dispute_PaddingNotZero());
        }
    }

    function _requirePath(uint256 expected, bytes32[] calldata path) private pure {
        require(path.length == expected, IDispute.Dispute_WrongPath(expected, path.length));
    }

    // ------------------------------------------------------------------ faults 1 to 3

    function proveStep(Subject calldata, StepProof calldata proof) external view returns (Finding memory) {
        (ProgramRef memory program, bytes32 traceRoot) = _game();
        _requireFault(STEP_VERIFIER.stepFault(program, traceRoot, proof));
        return Finding(Fault.STEP, Shown.ELEMENT, proof.index, proof.element);
    }

    function proveConstant(Subject calldata, SourceClaim calldata claim) external view returns (Finding memory) {
        (ProgramRef memory program, bytes32 traceRoot) = _game();
        _requireFault(INPUT_FAULTS.constantFault(program, traceRoot, claim));
        return Finding(Fault.CONSTANT, Shown.ROOT, claim.index, 0);
    }

    function proveInput(
        Subject calldata subject,
        Model calldata model,
        SourceClaim calldata claim,
        bytes calldata input
    ) external view returns (Finding memory) {
        _requireModel(subject, model);
        _requireInput(subject, InputKind.BYTES, keccak256(input));
        (ProgramRef memory program, bytes32 traceRoot) = _game();
        _requireFault(INPUT_FAULTS.inputFault(model, program, traceRoot, claim, input));
        return Finding(Fault.INPUT, Shown.ROOT, claim.index, 0);
    }

    function proveInputRoot(
        Subject calldata subject,
        Model calldata model,
        SourceClaim calldata claim,
        bytes32[] calldata roots
    ) external view returns (Finding memory) {
        _requireModel(subject, model);
        _requireInput(subject, InputKind.ROOT, keccak256(abi.encodePacked(roots)));
        (ProgramRef memory program, bytes32 traceRoot) = _game();
        _requireFault(INPUT_FAULTS.inputRootFault(model, program, traceRoot, claim, roots));
        return Finding(Fault.INPUT, Shown.ROOT, claim.index, 0);
    }

    function proveAnswer(
        Subject calldata subject,
        Model calldata model,
        bytes calldata output,
        OutputElement calldata claim
    ) external view returns (Finding memory) {
        _requireModel(subject, model);
        _requireBytes(subject.answer.outputHash, keccak256(output));
        (, bytes32 traceRoot) = _game();
        _requireFault(ANSWER_FAULTS.answerFault(model, traceRoot, output, claim));
        // A wrong length needs nothing of the trace, and the claim beside it may name any element.
        if (output.length != Specs.outputBytes(model)) return Finding(Fault.ANSWER, Shown.NOTHING, 0, 0);
        return Finding(
            Fault.ANSWER, Shown.ELEMENT, uint32(model.nodeCount - model.outputs.length + claim.output), claim.element
        );
    }

    // ------------------------------------------------------------------ fault 4

    function proveModel(Subject calldata subject, Model calldata model) external view returns (Finding memory) {
        _requireModel(subject, model);
        _requireFault(PROGRAM_FAULTS.modelFault(model));
        return Finding(Fault.MODEL, Shown.NOTHING, 0, 0);
    }

    function proveHeader(Subject calldata subject, Model calldata model, uint16 version, uint32 count, bytes32 tree)
        external
        view
        returns (Finding memory)
    {
        _requireModel(subject, model);
        _requireFault(PROGRAM_FAULTS.headerFault(model, version, count, tree));
        return Finding(Fault.HEADER, Shown.NOTHING, 0, 0);
    }

    function proveNode(Subject calldata subject, Model calldata model, NodeOpening calldata opening)
        external
        view
        returns (Finding memory)
    {
        _requireModel(subject, model);
        (ProgramRef memory program,) = _game();
        _requireFault(PROGRAM_FAULTS.nodeFault(model, program, opening));
        return Finding(Fault.NODE, Shown.NOTHING, opening.index, 0);
    }

    function proveOperand(
        Subject calldata subject,
        Model calldata model,
        NodeOpening calldata opening,
        uint256 operand,
        NodeOpening calldata source
    ) external view returns (Finding memory) {
        _requireModel(subject, model);
        (ProgramRef memory program,) = _game();
        _requireFault(PROGRAM_FAULTS.operandFault(model, program, opening, operand, source));
        return Finding(Fault.OPERAND, Shown.NOTHING, opening.index, 0);
    }

    // ------------------------------------------------------------------ parts

    /// @dev The game that the dispute contract has put behind its calldata.
    function _game() private pure returns (ProgramRef memory program, bytes32 traceRoot) {
        (program, traceRoot) = abi.decode(msg.data[msg.data.length - GAME_BYTES:], (ProgramRef, bytes32));
    }

    function _requireModel(Subject calldata subject, Model calldata model) private pure {
        bytes32 actual = keccak256(abi.encode(model));
        bytes32 expected = ModelId.unwrap(subject.request.modelId);
        require(actual == expected, IDispute.Dispute_WrongModel(expected, actual));
    }

    /// @dev Packed inputs and packed roots are hashed alike: which of them it is, the request says.
    function _requireInput(Subject calldata subject, InputKind kind, bytes32 actual) private pure {
        _requireBytes(subject.request.inputKind == kind ? subject.request.inputHash : bytes32(0), actual);
    }

    function _requireBytes(bytes32 expected, bytes32 actual) private pure {
        require(actual == expected, IDispute.Dispute_WrongBytes(expected, actual));
    }

    function _requireFault(bool faulty) private pure {
        require(faulty, IDispute.Dispute_NoFault());
    }
}
