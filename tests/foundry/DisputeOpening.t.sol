// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Chain, Game, GameId, IDispute, Subject, Verdict} from "contracts/interfaces/IDispute.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {AnswerRef, Model, Reason} from "contracts/interfaces/Types.sol";
import {Wallet} from "contracts/mocks/Wallet.sol";
import {Stage} from "./Stage.sol";

/// @dev How a game begins: docs/disputes.md sections 1 and 2.
contract DisputeOpening is Stage {
    bytes32 private constant TRACE_TYPEHASH = keccak256("Trace(bytes32 gameId,bytes32 root)");
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    // ------------------------------------------------------------------ deploying

    /// @dev A dispute contract that the oracle does not know could never end a game.
    function test_needsAnOracleThatKnowsIt() external {
        assertTrue(_isTaken(abi.encodeCall(this.raise, (7, 8))), "one that is known");
        bytes memory arguments = abi.encode(oracle, oracle, oracle, oracle, oracle, 7, 8);
        assertTrue(!_isTaken(abi.encodeCall(this.deploy, (arguments))), "one that is not");
    }

    /// @dev Without demands nothing could be found; K is kept in eight bits.
    function test_refusesConstantsOutOfRange() external {
        assertTrue(_isTaken(abi.encodeCall(this.raise, (1, 1))), "the least");
        assertTrue(_isTaken(abi.encodeCall(this.raise, (255, 2 ** 32 - 1))), "the most");
        uint256[2][4] memory constants = [[uint256(0), 8], [uint256(256), 8], [uint256(7), 0], [uint256(7), 2 ** 32]];
        for (uint256 i = 0; i < constants.length; ++i) {
            assertTrue(!_isTaken(abi.encodeCall(this.raise, (constants[i][0], constants[i][1]))), "out of range");
        }
    }

    function test_tellsItsConstants() external view {
        (uint256 maxDemands, uint256 demandsPerMove, uint256 upheldShare) = dispute.constants();
        assertEq(maxDemands, MAX_DEMANDS, "K");
        assertEq(demandsPerMove, DEMANDS_PER_MOVE, "Q");
        assertEq(upheldShare, 7_500, "share");
    }

    // ------------------------------------------------------------------ challenge

    /// @dev Programs and challengers read everything about a game from here.
    function test_challengeOpensAGame() external {
        _challenged(SMALL);
        Game memory game = _game();
        Model memory played = _program(SMALL).model;
        assertEq(uint256(game.verdict), uint256(Verdict.OPEN), "verdict");
        assertEq(game.opener, OPENER, "opener");
        assertEq(game.challengedAt, C, "c");
        assertEq(game.postedAt, 0, "p");
        assertEq(game.windowEnd, W, "W");
        assertEq(game.traceTime, TRACE_TIME, "T");
        assertEq(game.proofPeriod, PROOF_PERIOD, "P");
        assertEq(game.moveTime, MOVE_TIME, "m");
        assertEq(game.bond, BOND, "bond");
        assertEq(game.bonds, 1, "bonds");
        assertEq(game.nodeCount, played.nodeCount, "nodes");
        assertEq(game.programRoot, played.programRoot, "program");
        assertEq(dispute.endOf(id), 0, "no end without a trace");
        Chain memory chain = dispute.chainOf(id, OPENER);
        assertEq(chain.bonds, 1, "opener's bond");
        assertEq(chain.demands, 0, "opener's demands");
        assertEq(address(dispute).balance, BOND, "ether");
    }

    /// @dev The id binds request, attempt and commitment, as the documents say.
    function test_gameIdIsAHashOfContent() external {
        _answer(SMALL, _case(SMALL, 0).output);
        bytes32 request = keccak256(abi.encode(block.chainid, address(oracle), subject.request));
        bytes25 commitment = bytes25(keccak256(abi.encode(request, uint8(1), subject.answer)));
        bytes32 expected = keccak256(abi.encode(request, uint8(1), commitment));
        assertEq(GameId.unwrap(id), expected, "game id");
    }

    function test_attack_02_challengeInTheSecondTheWindowEnds() external {
        _answer(SMALL, _case(SMALL, 0).output);
        Model memory played = _program(SMALL).model;
        vm.warp(W);
        bytes32 request = keccak256(abi.encode(block.chainid, address(oracle), subject.request));
        _refuses(abi.encodeWithSelector(IInferenceOracle.InferenceOracle_Refused.selector, request, Reason.TOO_LATE));
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, played);
        vm.warp(W - 1);
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, played);
        _requireVerdict(Verdict.OPEN);
    }

    function test_challengeTakesExactlyTheBond() external {
        _answer(SMALL, _case(SMALL, 0).output);
        Model memory played = _program(SMALL).model;
        for (uint256 given = BOND - 1; given <= BOND + 1; given += 2) {
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBond.selector, given, BOND));
            vm.prank(OPENER);
            dispute.challenge{value: given}(subject.request, subject.answer, played);
        }
    }

    function test_challengeTakesOnlyTheRequestsModel() external {
        _answer(SMALL, _case(SMALL, 0).output);
        Model memory another = _program(LONG).model;
        _refuses(
            abi.encodeWithSelector(
                IDispute.Dispute_WrongModel.selector, subject.request.modelId, keccak256(abi.encode(another))
            )
        );
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, another);
    }

    function test_challengeTakesOnlyTheAnswerItself() external {
        _answer(SMALL, _case(SMALL, 0).output);
        Model memory played = _program(SMALL).model;
        AnswerRef memory another = _ref(operator, "another");
        bytes32 request = keccak256(abi.encode(block.chainid, address(oracle), subject.request));
        _refuses(
            abi.encodeWithSelector(IInferenceOracle.InferenceOracle_Refused.selector, request, Reason.WRONG_ANSWER)
        );
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, another, played);
    }

    function test_thereIsOneGameForAnAnswer() external {
        _challenged(SMALL);
        Model memory played = _program(SMALL).model;
        _refuses(abi.encodeWithSelector(IDispute.Dispute_AlreadyChallenged.selector, id));
        vm.prank(OTHER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, played);
    }

    /// @dev A game that has ended says nothing about the next attempt's answer.
    function test_attack_56_anOldGameCannotTouchTheNextAnswer() external {
        _challenged(SMALL);
        vm.warp(C + TRACE_TIME);
        dispute.forfeitTrace(subject);
        Subject memory old = subject;
        vm.deal(address(this), BOND);
        oracle.deposit{value: BOND}(operator);
        vm.prank(operator);
        oracle.answer(old.request, 2, output, SOFTWARE, MANIFEST);
        subject.attempt = 2;
        GameId next = dispute.idOf(subject);
        assertTrue(GameId.unwrap(next) != GameId.unwrap(id), "two games");
        vm.prank(OTHER);
        dispute.challenge{value: BOND}(old.request, old.answer, _program(SMALL).model);
        assertEq(dispute.gameOf(next).opener, OTHER, "opener of the second");
        Trace memory trace = _traceOf(_honest());
        _refuses(_over(Verdict.REFUTED));
        vm.prank(operator);
        dispute.postTrace(old, trace.root, trace.roots);
        _refuses(_over(Verdict.REFUTED));
        dispute.forfeitTrace(old);
    }

    // ------------------------------------------------------------------ the trace

    function test_traceBeforeItsDeadlineOnly() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        vm.warp(C + TRACE_TIME);
        _refuses(_tooLate(C + TRACE_TIME));
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
        vm.warp(C + TRACE_TIME - 1);
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
        assertEq(_game().postedAt, C + TRACE_TIME - 1, "p");
        assertEq(_game().traceRoot, trace.root, "root");
        assertEq(dispute.endOf(id), E + MOVE_TIME, "H");
    }

    /// @dev A trace after the window moves the end of openings.
    function test_openingsEndAProofPeriodAfterALateTrace() external {
        _answer(SMALL, _case(SMALL, 0).output);
        vm.warp(W - 1);
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, _program(SMALL).model);
        vm.warp(W + 5);
        Trace memory trace = _traceOf(_honest());
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
        assertEq(dispute.endOf(id), W + 5 + PROOF_PERIOD + MOVE_TIME, "H");
    }

    function test_traceIsPostedOnce() external {
        _played(SMALL, _honest());
        Trace memory trace = _traceOf(_honest());
        _refuses(abi.encodeWithSelector(IDispute.Dispute_TraceExists.selector, id));
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
    }

    function test_rootsMustBeThoseOfTheTrace() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        Trace memory another = _traceOf(_lieAt(Lying.NONSENSE, 2));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongRoot.selector, trace.root, another.root));
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, another.roots);
    }

    function test_smallProgramsBringAllRoots() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        uint256 nodes = trace.roots.length;
        for (uint256 given = 0; given <= nodes + 1; ++given) {
            if (given == nodes) continue;
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongRootCount.selector, nodes, given));
            vm.prank(operator);
            dispute.postTrace(subject, trace.root, new bytes32[](given));
        }
    }

    function test_largeProgramsBringNone() external {
        _challenged(LONG);
        Trace memory trace = _traceOf(_honest());
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongRootCount.selector, 0, trace.roots.length));
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, new bytes32[](0));
    }

    function test_attack_74_aTraceInTheOperatorsName() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_lieAt(Lying.NONSENSE, 2));
        bytes memory refusal = abi.encodeWithSelector(IDispute.Dispute_NotOperator.selector, operator);
        _refuses(refusal);
        vm.prank(OPENER);
        dispute.postTrace(subject, trace.root, trace.roots);
        bytes memory forged = _signFor(address(dispute), OPERATOR_KEY + 1, _hashOf(id, trace.root));
        _refuses(refusal);
        dispute.postTraceFor(subject, trace.root, trace.roots, forged);
    }

    function test_anyoneRelaysTheOperatorsTrace() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        bytes memory signature = _signFor(address(dispute), OPERATOR_KEY, _hashOf(id, trace.root));
        vm.prank(ANYONE);
        dispute.postTraceFor(subject, trace.root, trace.roots, signature);
        assertEq(_game().traceRoot, trace.root, "root");
    }

    /// @dev Of another game, of another root, for another contract, and with the other s.
    function test_attack_19_20_signaturesOfSomethingElse() external {
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        bytes[4] memory signatures;
        signatures[0] = _signFor(address(dispute), OPERATOR_KEY, _hashOf(GameId.wrap(bytes32(uint256(1))), trace.root));
        signatures[1] = _signFor(address(dispute), OPERATOR_KEY, _hashOf(id, keccak256("root")));
        signatures[2] = _signFor(address(oracle), OPERATOR_KEY, _hashOf(id, trace.root));
        signatures[3] = _signFor(address(dispute), OPERATOR_KEY, _hashOf(id, trace.root));
        signatures[3] = _mirrored(signatures[3]);
        for (uint256 i = 0; i < signatures.length; ++i) {
            _refuses(abi.encodeWithSelector(IDispute.Dispute_NotOperator.selector, operator));
            dispute.postTraceFor(subject, trace.root, trace.roots, signatures[i]);
        }
    }

    function test_walletsSignTraces() external {
        Wallet wallet = new Wallet(vm.addr(7));
        operator = address(wallet);
        _challenged(SMALL);
        Trace memory trace = _traceOf(_honest());
        bytes memory wrong = _signFor(address(dispute), 8, _hashOf(id, trace.root));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NotOperator.selector, operator));
        dispute.postTraceFor(subject, trace.root, trace.roots, wrong);
        dispute.postTraceFor(subject, trace.root, trace.roots, _signFor(address(dispute), 7, _hashOf(id, trace.root)));
        assertEq(_game().traceRoot, trace.root, "root");
    }

    function test_thereIsNoTraceWithoutAGame() external {
        _answer(SMALL, _case(SMALL, 0).output);
        _refuses(_over(Verdict.NONE));
        vm.prank(operator);
        dispute.postTrace(subject, 0, new bytes32[](7));
    }

    // ------------------------------------------------------------------ parts

    function raise(uint256 maxDemands, uint256 demandsPerMove) external {
        _deploySystem(maxDemands, demandsPerMove);
    }

    function deploy(bytes calldata arguments) external {
        vm.deployCode("Dispute.sol:Dispute", arguments);
    }

    function _isTaken(bytes memory call) private returns (bool taken) {
        (taken,) = address(this).call(call);
    }

    function _hashOf(GameId game, bytes32 root) private pure returns (bytes32) {
        return keccak256(abi.encode(TRACE_TYPEHASH, game, root));
    }

    /// @dev The same signature with the other s.
    function _mirrored(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, bytes32 s, bytes1 v) =
            abi.decode(bytes.concat(signature, new bytes(31)), (bytes32, bytes32, bytes1));
        return abi.encodePacked(r, ORDER - uint256(s), uint8(v) == 27 ? uint8(28) : uint8(27));
    }
}
