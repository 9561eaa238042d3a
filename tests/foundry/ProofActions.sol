// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAnswerFaults, OutputElement} from "contracts/interfaces/IAnswerFaults.sol";
import {IDispute, Subject} from "contracts/interfaces/IDispute.sol";
import {SourceClaim} from "contracts/interfaces/IInputFaults.sol";
import {InputKind, Model} from "contracts/interfaces/Types.sol";
import {Kind} from "contracts/verifier/Node.sol";
import {DemandActions} from "./DemandActions.sol";
import {Trees} from "./Trees.sol";

/// @dev Proofs: right ones, which end games, and useless ones, which do nothing. Every call is held to the book.
abstract contract ProofActions is DemandActions {
    /// @dev By anybody, who finds what is wrong as an honest challenger does, but need not have it revealed.
    function prove(uint256 which, uint256 who, uint256 how) public {
        (bool there, uint256 index) = _game(which);
        if (there) _prove(index, account(who), how);
    }

    function _prove(uint256 index, address prover, uint256 how) internal {
        Entry storage entry = _entries[_plays[index].entry];
        if (_isBroken(entry.model)) _proveProgram(index, prover, how);
        else if (_plays[index].postedAt == 0) _useless(index, prover, how);
        else _proveTrace(index, prover, how);
    }

    /// @dev A proof that proves nothing.
    function waste(uint256 which, uint256 who, uint256 how) public {
        (bool there, uint256 index) = _game(which);
        if (there && !_isBroken(_entries[_plays[index].entry].model)) _useless(index, account(who), how);
    }

    // ------------------------------------------------------------------ faults 1 to 3

    function _proveTrace(uint256 index, address prover, uint256 how) private {
        Play storage play = _plays[index];
        Entry storage entry = _entries[play.entry];
        Program memory program = _program(entry.model);
        Case memory truth = _case(entry.model, entry.which);
        Trace memory trace = _trace(program, truth, play.lie, play.output);
        Target memory target = play.target;
        if (target.goal == Goal.SILENCE || target.goal == Goal.ANSWER && play.right) {
            _useless(index, prover, how);
            return;
        }
        bytes memory call;
        Ending ending = Ending.STEP;
        address finder = _finder(index, program, target.tensor, target.element);
        if (target.goal == Goal.STEP) {
            call = abi.encodeCall(
                IDispute.proveStep, (_subject(play), _stepProof(program, trace, target.tensor, target.element))
            );
        } else if (target.goal == Goal.SOURCE) {
            ending = program.kinds[target.tensor] == uint8(Kind.CONST) ? Ending.CONSTANT : Ending.INPUT;
            finder = _rootFinder(index, program, target.tensor);
            call = _sourceCall(index, program, truth, _sourceClaim(program, trace, target.tensor));
        } else {
            (ending, finder) = (Ending.ANSWER, play.opener);
            uint256 element = 0;
            if (play.output.length == truth.output.length) {
                element = Trees.firstDifference(Trees.pad(play.output), Trees.pad(truth.output)) / ELEMENT_BYTES;
                finder = _finder(index, program, program.nodes.length - 1, element);
            }
            call = abi.encodeCall(
                IDispute.proveAnswer, (_subject(play), program.model, play.output, _outputElement(trace, element))
            );
        }
        bool did = _call(prover, call);
        _agree(_mayProve(play), did, "prove");
        if (did) _refuted(index, finder, ending);
    }

    function _sourceCall(uint256 index, Program memory program, Case memory truth, SourceClaim memory claim_)
        private
        view
        returns (bytes memory)
    {
        Subject memory subject = _subject(_plays[index]);
        if (program.kinds[claim_.index] == uint8(Kind.CONST)) {
            return abi.encodeCall(IDispute.proveConstant, (subject, claim_));
        }
        if (subject.request.inputKind == InputKind.BYTES) {
            return abi.encodeCall(IDispute.proveInput, (subject, program.model, claim_, truth.input));
        }
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = truth.roots[0];
        return abi.encodeCall(IDispute.proveInputRoot, (subject, program.model, claim_, roots));
    }

    // ------------------------------------------------------------------ fault 4

    function _proveProgram(uint256 index, address prover, uint256 how) private {
        Play storage play = _plays[index];
        uint256 model = _entries[play.entry].model;
        Program memory program = _program(model);
        (bytes memory call, Ending ending) =
            (abi.encodeCall(IDispute.proveModel, (_subject(play), program.model)), Ending.MODEL);
        if (model == MISCOUNTED) {
            bytes32 tree = Trees.hashOf(Trees.overLeaves(program.nodes));
            call = abi.encodeCall(
                IDispute.proveHeader, (_subject(play), program.model, 1, uint32(program.nodes.length), tree)
            );
            ending = Ending.HEADER;
        } else if (model == BROKEN && how % 2 == 0) {
            call = abi.encodeCall(IDispute.proveNode, (_subject(play), program.model, _opening(program, 1)));
            ending = Ending.NODE;
        } else if (model == BROKEN) {
            call = abi.encodeCall(
                IDispute.proveOperand, (_subject(play), program.model, _opening(program, 2), 0, _opening(program, 0))
            );
            ending = Ending.OPERAND;
        }
        bool did = _call(prover, call);
        _agree(_mayVoid(play), did, "prove a program fault");
        if (did) _voided(index, ending);
    }

    // ------------------------------------------------------------------ nothing

    /// @dev Of a sound model. What it opens is of the canonical trace: it leads elsewhere, or to nothing wrong.
    function _useless(uint256 index, address prover, uint256 how) private {
        Play storage play = _plays[index];
        Entry storage entry = _entries[play.entry];
        Program memory program = _program(entry.model);
        Case memory truth = _case(entry.model, entry.which);
        Lie memory none;
        Trace memory trace = _trace(program, truth, none, "");
        uint256 node = 2 + how / 16 % (program.nodes.length - 2);
        Subject memory subject = _subject(play);
        bytes memory call;
        if (how % 8 < 2) {
            if (program.counts[node] == 0) --node;
            uint256 element = how / 4096 % program.counts[node];
            if (how % 8 == 1) ++subject.attempt;
            call = abi.encodeCall(IDispute.proveStep, (subject, _stepProof(program, trace, node, element)));
        } else if (how % 8 < 4) {
            call = _sourceCall(index, program, truth, _sourceClaim(program, trace, how % 2));
        } else if (how % 8 == 4) {
            bytes memory output = play.right ? play.output : truth.output;
            OutputElement memory element = _outputElement(trace, how / 16 % (output.length / ELEMENT_BYTES));
            call = abi.encodeCall(IDispute.proveAnswer, (subject, program.model, output, element));
        } else if (how % 8 == 5) {
            call = abi.encodeCall(IDispute.proveModel, (subject, program.model));
        } else if (how % 8 == 6) {
            bytes32 tree = Trees.hashOf(Trees.overLeaves(program.nodes));
            call = abi.encodeCall(IDispute.proveHeader, (subject, program.model, 1, program.model.nodeCount, tree));
        } else {
            call = how % 16 < 8
                ? abi.encodeCall(IDispute.proveNode, (subject, program.model, _opening(program, node)))
                : abi.encodeCall(
                    IDispute.proveOperand,
                    (subject, program.model, _opening(program, node), 0, _opening(program, program.operands[node][0]))
                );
        }
        _agree(false, _call(prover, call), "a useless proof");
    }

    function _call(address prover, bytes memory call) internal returns (bool did) {
        vm.prank(prover);
        (did,) = address(dispute).call(call);
    }
}
