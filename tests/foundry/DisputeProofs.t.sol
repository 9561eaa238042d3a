// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {OutputElement} from "contracts/interfaces/IAnswerFaults.sol";
import {IDispute, Verdict} from "contracts/interfaces/IDispute.sol";
import {SourceClaim} from "contracts/interfaces/IInputFaults.sol";
import {NodeOpening} from "contracts/interfaces/IProgramFaults.sol";
import {StepProof} from "contracts/interfaces/IStepVerifier.sol";
import {InputKind, Request, Status} from "contracts/interfaces/Types.sol";
import {Stage} from "./Stage.sol";
import {Trees} from "./Trees.sol";

/// @dev Games that end by a proof, and who found the fault: docs/disputes.md sections 2 and 4.
contract DisputeProofs is Stage {
    uint256 private constant INPUT_NODE = 0;
    uint256 private constant CONST_NODE = 1;
    uint256 private constant DOTS = 2;
    uint256 private constant WIDE = 3;
    uint256 private constant SUMS = 5;
    uint256 private constant OUT = 6;
    uint256 private constant H = E + MOVE_TIME;

    // ------------------------------------------------------------------ when

    function test_attack_02_provenInTheSecondTheGameEnds() external {
        _played(SMALL, _lieAt(Lying.ELEMENT, SUMS));
        StepProof memory proof = _step(_lieAt(Lying.ELEMENT, SUMS), SUMS, 0);
        vm.warp(H);
        _refuses(_tooLate(H));
        dispute.proveStep(subject, proof);
        vm.warp(H - 1);
        vm.prank(ANYONE);
        dispute.proveStep(subject, proof);
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    function test_faultsOfATraceNeedOne() external {
        _challenged(SMALL);
        Program memory program = _program(SMALL);
        StepProof memory proof = _step(_honest(), SUMS, 0);
        SourceClaim memory claim = _source(_honest(), CONST_NODE);
        bytes memory input = _case(SMALL, 0).input;
        OutputElement memory element = _outputElement(_traceOf(_honest()), 0);
        bytes memory refusal = abi.encodeWithSelector(IDispute.Dispute_NoTrace.selector, id);
        _refuses(refusal);
        dispute.proveStep(subject, proof);
        _refuses(refusal);
        dispute.proveConstant(subject, claim);
        _refuses(refusal);
        dispute.proveInput(subject, program.model, claim, input);
        _refuses(refusal);
        dispute.proveInputRoot(subject, program.model, claim, new bytes32[](1));
        _refuses(refusal);
        dispute.proveAnswer(subject, program.model, output, element);
    }

    function test_attack_59_programFaultsBeforeTheTrace() external {
        _challenged(INTOLERABLE);
        Program memory program = _program(INTOLERABLE);
        vm.warp(C + TRACE_TIME);
        _refuses(_tooLate(C + TRACE_TIME));
        dispute.proveModel(subject, program.model);
        vm.warp(C + TRACE_TIME - 1);
        vm.prank(ANYONE);
        dispute.proveModel(subject, program.model);
        _requireVoided();
    }

    function test_programFaultsAfterTheTrace() external {
        _challenged(BROKEN);
        Program memory program = _program(BROKEN);
        _post(_honest());
        NodeOpening memory opening = _opening(program, 1);
        vm.warp(H);
        _refuses(_tooLate(H));
        dispute.proveNode(subject, program.model, opening);
        vm.warp(H - 1);
        dispute.proveNode(subject, program.model, opening);
        _requireVoided();
    }

    function test_anEndedGameTakesNoProof() external {
        _played(SMALL, _lieAt(Lying.ELEMENT, SUMS));
        StepProof memory proof = _step(_lieAt(Lying.ELEMENT, SUMS), SUMS, 0);
        dispute.proveStep(subject, proof);
        _refuses(_over(Verdict.REFUTED));
        dispute.proveStep(subject, proof);
        Program memory program = _program(SMALL);
        _refuses(_over(Verdict.REFUTED));
        dispute.proveModel(subject, program.model);
    }

    // ------------------------------------------------------------------ each fault

    function test_attack_39_aWrongConstant() external {
        _played(SMALL, _lieAt(Lying.ELEMENT, CONST_NODE));
        dispute.proveConstant(subject, _source(_lieAt(Lying.ELEMENT, CONST_NODE), CONST_NODE));
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    function test_attack_39_aWrongInput() external {
        _played(SMALL, _lieAt(Lying.ELEMENT, INPUT_NODE));
        SourceClaim memory claim = _source(_lieAt(Lying.ELEMENT, INPUT_NODE), INPUT_NODE);
        Program memory program = _program(SMALL);
        bytes memory input = _case(SMALL, 0).input;
        bytes memory another = bytes.concat(input, hex"00");
        bytes32 hash = subject.request.inputHash;
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBytes.selector, hash, keccak256(another)));
        dispute.proveInput(subject, program.model, claim, another);
        dispute.proveInput(subject, program.model, claim, input);
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    /// @dev A request's input is bytes or roots, though both are hashed alike.
    function test_bytesAreNotTakenForRoots() external {
        _played(SMALL, _honest());
        SourceClaim memory claim = _source(_honest(), INPUT_NODE);
        Program memory program = _program(SMALL);
        bytes memory input = _case(SMALL, 0).input;
        bytes32[] memory asRoots =
            abi.decode(bytes.concat(bytes32(uint256(32)), bytes32(input.length / 32), input), (bytes32[]));
        bytes32 hash = keccak256(abi.encodePacked(asRoots));
        assertEq(hash, subject.request.inputHash, "hashed alike");
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBytes.selector, 0, hash));
        dispute.proveInputRoot(subject, program.model, claim, asRoots);
    }

    function test_aWrongInputRoot() external {
        Request memory made = _newRequest(address(this), 1, _policy(address(0), 0, BOND_GWEI), 0);
        made.inputKind = InputKind.ROOT;
        _answerRequest(made, SMALL, _case(SMALL, 0).output);
        _challenge();
        _post(_lieAt(Lying.ELEMENT, INPUT_NODE));
        SourceClaim memory claim = _source(_lieAt(Lying.ELEMENT, INPUT_NODE), INPUT_NODE);
        Program memory program = _program(SMALL);
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _case(SMALL, 0).roots[0];
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBytes.selector, 0, keccak256(abi.encodePacked(roots))));
        dispute.proveInput(subject, program.model, claim, abi.encodePacked(roots));
        dispute.proveInputRoot(subject, program.model, claim, roots);
        _requireVerdict(Verdict.REFUTED);
    }

    function test_attack_39_aWrongAnswerWithARightTrace() external {
        bytes memory wrong = _case(SMALL, 0).output;
        wrong[1] ^= 0x40;
        _challengedWith(SMALL, wrong);
        _post(_honest());
        Program memory program = _program(SMALL);
        OutputElement memory element = _outputElement(_traceOf(_honest()), 0);
        bytes memory right = _case(SMALL, 0).output;
        bytes32 hash = subject.answer.outputHash;
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBytes.selector, hash, keccak256(right)));
        dispute.proveAnswer(subject, program.model, right, element);
        dispute.proveAnswer(subject, program.model, wrong, element);
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    function test_attack_23_anAnswerOfAnotherLength() external {
        bytes memory wrong = bytes.concat(_case(SMALL, 0).output, hex"00000000");
        _challengedWith(SMALL, wrong);
        _post(_honest());
        _enterChain(OTHER, _at(OUT, 0, 0));
        _reveal(_honest(), _at(OUT, 0, 0));
        OutputElement memory element = _outputElement(_traceOf(_honest()), 0);
        vm.prank(OTHER);
        dispute.proveAnswer(subject, _program(SMALL).model, wrong, element);
        // Nothing had to be revealed, whatever the claim names.
        _requirePaid(OPENER);
    }

    function test_aWrongHeader() external {
        _challenged(MISCOUNTED);
        Program memory program = _program(MISCOUNTED);
        bytes32 tree = Trees.hashOf(Trees.overLeaves(program.nodes));
        dispute.proveHeader(subject, program.model, 1, uint32(program.nodes.length), tree);
        _requireVoided();
    }

    function test_attack_40_aWrongOperand() external {
        _challenged(BROKEN);
        Program memory program = _program(BROKEN);
        dispute.proveOperand(subject, program.model, _opening(program, 2), 0, _opening(program, 0));
        _requireVoided();
    }

    // ------------------------------------------------------------------ no fault

    function test_attack_09_nothingWrongIsNoProof() external {
        _played(SMALL, _honest());
        Program memory program = _program(SMALL);
        Trace memory trace = _traceOf(_honest());
        bytes memory refusal = abi.encodeWithSelector(IDispute.Dispute_NoFault.selector);
        StepProof memory proof = _step(_honest(), WIDE, 8_000);
        SourceClaim memory claim = _source(_honest(), CONST_NODE);
        _refuses(refusal);
        dispute.proveStep(subject, proof);
        _refuses(refusal);
        dispute.proveConstant(subject, claim);
        claim = _source(_honest(), INPUT_NODE);
        bytes memory input = _case(SMALL, 0).input;
        _refuses(refusal);
        dispute.proveInput(subject, program.model, claim, input);
        OutputElement memory element = _outputElement(trace, 3);
        _refuses(refusal);
        dispute.proveAnswer(subject, program.model, output, element);
        _refuses(refusal);
        dispute.proveModel(subject, program.model);
        bytes32 tree = Trees.hashOf(Trees.overLeaves(program.nodes));
        _refuses(refusal);
        dispute.proveHeader(subject, program.model, 1, uint32(program.nodes.length), tree);
        (NodeOpening memory opening, NodeOpening memory operand) = (_opening(program, WIDE), _opening(program, DOTS));
        _refuses(refusal);
        dispute.proveNode(subject, program.model, opening);
        _refuses(refusal);
        dispute.proveOperand(subject, program.model, opening, 0, operand);
        _requireVerdict(Verdict.OPEN);
    }

    function test_proofsNeedTheRequestsModel() external {
        _played(SMALL, _honest());
        Program memory another = _program(INTOLERABLE);
        bytes memory refusal = abi.encodeWithSelector(
            IDispute.Dispute_WrongModel.selector, subject.request.modelId, keccak256(abi.encode(another.model))
        );
        _refuses(refusal);
        dispute.proveModel(subject, another.model);
        OutputElement memory element = _outputElement(_traceOf(_honest()), 3);
        _refuses(refusal);
        dispute.proveAnswer(subject, another.model, output, element);
    }

    // ------------------------------------------------------------------ who found it

    /// @dev A copied proof earns nothing: its sender's address is not asked for.
    function test_attack_10_whoHadTheLeafRevealedIsTheFinder() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, WIDE);
        _played(SMALL, lie);
        _enterChain(OTHER, _at(WIDE, 0, 0));
        _reveal(lie, _at(WIDE, 0, 0));
        _openChain(THIRD, _at(WIDE, 1, 0));
        _openChain(OTHER, _at(WIDE, 1, 0));
        _reveal(lie, _at(WIDE, 1, 0));
        StepProof memory proof = _step(lie, WIDE, 0);
        vm.prank(ANYONE);
        dispute.proveStep(subject, proof);
        _requirePaid(THIRD);
    }

    /// @dev Demanded is not revealed, and another leaf is another's.
    function test_aLeafNotRevealedHasNoFinder() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, WIDE);
        _played(SMALL, lie);
        _enterChain(OTHER, _at(WIDE, 0, 0));
        _reveal(lie, _at(WIDE, 0, 0));
        _openChain(THIRD, _at(WIDE, 1, 1));
        _reveal(lie, _at(WIDE, 1, 1));
        _openChain(OTHER, _at(WIDE, 1, 0));
        StepProof memory proof = _step(lie, WIDE, 0);
        vm.prank(OTHER);
        dispute.proveStep(subject, proof);
        _requirePaid(OPENER);
    }

    function test_whoHadTheOutputRevealedFindsAWrongAnswer() external {
        bytes memory wrong = _case(SMALL, 0).output;
        wrong[1] ^= 0x40;
        _challengedWith(SMALL, wrong);
        _post(_honest());
        _enterChain(OTHER, _at(OUT, 0, 0));
        _reveal(_honest(), _at(OUT, 0, 0));
        OutputElement memory element = _outputElement(_traceOf(_honest()), 0);
        vm.prank(ANYONE);
        dispute.proveAnswer(subject, _program(SMALL).model, wrong, element);
        _requirePaid(OTHER);
    }

    function test_whoHadTheRootRevealedIsTheFinderWhereNoLeafWas() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, 9);
        _played(LONG, lie);
        _openChain(OTHER, _at(TRACE, 0, 0));
        _reveal(lie, _at(TRACE, 0, 0));
        _demand(OTHER, _at(TRACE, 1, 2));
        _reveal(lie, _at(TRACE, 1, 2));
        _enterChain(THIRD, _at(9, 0, 0));
        StepProof memory proof = _step(lie, 9, 0);
        vm.prank(ANYONE);
        dispute.proveStep(subject, proof);
        _requirePaid(OTHER);
    }

    function test_theLeafCountsMoreThanTheRoot() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, 9);
        _played(LONG, lie);
        _openChain(OTHER, _at(TRACE, 0, 0));
        _reveal(lie, _at(TRACE, 0, 0));
        _demand(OTHER, _at(TRACE, 1, 2));
        _reveal(lie, _at(TRACE, 1, 2));
        _enterChain(THIRD, _at(9, 0, 0));
        _reveal(lie, _at(9, 0, 0));
        StepProof memory proof = _step(lie, 9, 0);
        vm.prank(OTHER);
        dispute.proveStep(subject, proof);
        _requirePaid(THIRD);
    }

    function test_whoHadTheRootRevealedFindsAWrongConstant() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, CONST_NODE);
        _played(LONG, lie);
        _openChain(OTHER, _at(TRACE, 0, 0));
        _reveal(lie, _at(TRACE, 0, 0));
        _openChain(THIRD, _at(TRACE, 1, 0));
        _reveal(lie, _at(TRACE, 1, 0));
        dispute.proveConstant(subject, _source(lie, CONST_NODE));
        _requirePaid(THIRD);
    }

    /// @dev Demanded is not revealed.
    function test_aRootNotRevealedHasNoFinder() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, CONST_NODE);
        _played(LONG, lie);
        _openChain(OTHER, _at(TRACE, 0, 0));
        _reveal(lie, _at(TRACE, 0, 0));
        _openChain(THIRD, _at(TRACE, 1, 0));
        dispute.proveConstant(subject, _source(lie, CONST_NODE));
        _requirePaid(OPENER);
    }

    function test_theOpenerIsTheFinderWhereNobodyDemandedAnything() external {
        Lie memory lie = _lieAt(Lying.ELEMENT, 9);
        _played(LONG, lie);
        StepProof memory proof = _step(lie, 9, 0);
        vm.prank(OTHER);
        dispute.proveStep(subject, proof);
        _requirePaid(OPENER);
    }

    // ------------------------------------------------------------------ parts

    function _step(Lie memory lie, uint256 tensor, uint256 element) private view returns (StepProof memory) {
        return _stepProof(_program(model), _traceOf(lie), tensor, element);
    }

    function _source(Lie memory lie, uint256 tensor) private view returns (SourceClaim memory) {
        return _sourceClaim(_program(model), _traceOf(lie), tensor);
    }

    function _requireVoided() private view {
        _requireVerdict(Verdict.VOIDED);
        _requirePaid(OPENER);
        (Status status,,,,) = oracle.statusOf(oracle.idOf(subject.request));
        assertEq(uint256(status), uint256(Status.VOID), "the request is void");
    }
}
