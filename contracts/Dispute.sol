// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Demands} from "./dispute/Demands.sol";
import {Games} from "./dispute/Games.sol";
import {ChainState, GameState, GameStateLib} from "./dispute/GameState.sol";
import {Finding, Judge, Shown} from "./dispute/Judge.sol";
import {IAnswerFaults, OutputElement} from "./interfaces/IAnswerFaults.sol";
import {Demand, GameId, IDispute, Position, Subject, Verdict} from "./interfaces/IDispute.sol";
import {IInferenceOracle} from "./interfaces/IInferenceOracle.sol";
import {IInputFaults, SourceClaim} from "./interfaces/IInputFaults.sol";
import {IProgramFaults, NodeOpening} from "./interfaces/IProgramFaults.sol";
import {IStepVerifier, StepProof} from "./interfaces/IStepVerifier.sol";
import {Model} from "./interfaces/Types.sol";

/// @title How games end: by proof, by silence, by time; and what happens to their bonds.
contract Dispute is Demands {
    using GameStateLib for GameState;

    uint256 private immutable UPHELD_SHARE;

    /// @param oracle The oracle; its dispute contract must be this one.
    /// @param maxDemands K.
    /// @param demandsPerMove Q.
    constructor(
        IInferenceOracle oracle,
        IStepVerifier stepVerifier,
        IProgramFaults programFaults,
        IInputFaults inputFaults,
        IAnswerFaults answerFaults,
        uint256 maxDemands,
        uint256 demandsPerMove
    )
        Games(oracle, new Judge(stepVerifier, programFaults, inputFaults, answerFaults))
        Demands(maxDemands, demandsPerMove)
    {
        require(oracle.dispute() == address(this), Dispute_BadParameters());
        UPHELD_SHARE = oracle.parameters().upheldShare;
    }

    // ------------------------------------------------------------------ proving

    /// @inheritdoc IDispute
    function proveStep(Subject calldata subject, StepProof calldata) external {
        _proveByTrace(subject);
    }

    /// @inheritdoc IDispute
    function proveConstant(Subject calldata subject, SourceClaim calldata) external {
        _proveByTrace(subject);
    }

    /// @inheritdoc IDispute
    function proveInput(Subject calldata subject, Model calldata, SourceClaim calldata, bytes calldata) external {
        _proveByTrace(subject);
    }

    /// @inheritdoc IDispute
    function proveInputRoot(Subject calldata subject, Model calldata, SourceClaim calldata, bytes32[] calldata)
        external
    {
        _proveByTrace(subject);
    }

    /// @inheritdoc IDispute
    function proveAnswer(Subject calldata subject, Model calldata, bytes calldata, OutputElement calldata) external {
        _proveByTrace(subject);
    }

    /// @inheritdoc IDispute
    function proveModel(Subject calldata subject, Model calldata) external {
        _proveByProgram(subject);
    }

    /// @inheritdoc IDispute
    function proveHeader(Subject calldata subject, Model calldata, uint16, uint32, bytes32) external {
        _proveByProgram(subject);
    }

    /// @inheritdoc IDispute
    function proveNode(Subject calldata subject, Model calldata, NodeOpening calldata) external {
        _proveByProgram(subject);
    }

    /// @inheritdoc IDispute
    function proveOperand(Subject calldata subject, Model calldata, NodeOpening calldata, uint256, NodeOpening calldata)
        external
    {
        _proveByProgram(subject);
    }

    /// @dev Ends a game by a proof of faults 1 to 3, which is the calldata.
    function _proveByTrace(Subject calldata subject) private {
        // Check
        GameId gameId = _idOf(subject);
        GameState storage game = _openGame(gameId);
        _requireTrace(gameId, game);
        _requireBefore(game.end());
        Finding memory found = _judge(game);
        // Effect
        address finder = game.opener;
        if (found.shown == Shown.ROOT) finder = game.rootFinder(found.tensor);
        if (found.shown == Shown.ELEMENT) finder = game.elementFinder(found.tensor, found.element);
        emit Proven(gameId, msg.sender, finder, found.fault, found.tensor, found.element);
        _refute(subject, game, finder);
    }

    /// @dev Ends a game by a proof of fault 4, which is the calldata.
    function _proveByProgram(Subject calldata subject) private {
        // Check
        GameId gameId = _idOf(subject);
        GameState storage game = _openGame(gameId);
        _requireBefore(game.postedAt == 0 ? game.traceDeadline() : game.end());
        Finding memory found = _judge(game);
        // Effect
        address opener = game.opener;
        emit Proven(gameId, msg.sender, opener, found.fault, found.tensor, found.element);
        game.verdict = Verdict.VOIDED;
        // Interaction
        ORACLE.void(subject.request, subject.answer, opener, opener);
    }

    /// @dev What the judge finds in this calldata; reverts where that is no fault.
    function _judge(GameState storage game) private view returns (Finding memory) {
        bytes memory asked = bytes.concat(msg.data, abi.encode(game.program(), game.traceRoot));
        return abi.decode(Address.functionStaticCall(address(JUDGE), asked), (Finding));
    }

    // ------------------------------------------------------------------ ending by time

    /// @inheritdoc IDispute
    function forfeitTrace(Subject calldata subject) external {
        GameId gameId = _idOf(subject);
        GameState storage game = _openGame(gameId);
        require(game.postedAt == 0, Dispute_TraceExists(gameId));
        _requireFrom(game.traceDeadline());
        emit TraceForfeited(gameId);
        _refute(subject, game, game.opener);
    }

    /// @inheritdoc IDispute
    function forfeitDemand(Subject calldata subject, Position calldata position) external {
        GameId gameId = _idOf(subject);
        GameState storage game = _openGame(gameId);
        Demand memory demanded = _unrevealed(game, position);
        _requireFrom(demanded.due);
        emit DemandForfeited(gameId, demanded.owner, position.tensor, position.layer, position.index);
        _refute(subject, game, demanded.owner);
    }

    /// @inheritdoc IDispute
    function resolve(Subject calldata subject) external nonReentrant {
        // Check
        GameId gameId = _idOf(subject);
        GameState storage game = _openGame(gameId);
        _requireTrace(gameId, game);
        require(game.openDemands == 0, Dispute_DemandsOpen(game.openDemands));
        _requireFrom(game.end());
        // Effect
        uint256 bonds = game.bonds * game.bondWei();
        uint256 credited = bonds * UPHELD_SHARE / 10_000;
        game.verdict = Verdict.UPHELD;
        game.bonds = 0;
        _credit(subject.answer.operator, credited);
        emit Upheld(gameId, subject.answer.operator, credited, bonds - credited);
        // Interaction
        _burn(bonds - credited);
        ORACLE.uphold(subject.request, subject.answer);
    }

    function _refute(Subject calldata subject, GameState storage game, address finder) private {
        game.verdict = Verdict.REFUTED;
        // Interaction
        ORACLE.refute(subject.request, subject.answer, finder, game.opener);
    }

    // ------------------------------------------------------------------ money

    /// @inheritdoc IDispute
    function claim(GameId gameId, address owner) external {
        GameState storage game = _game(gameId);
        ChainState storage chain = game.chains[owner];
        uint32 bonds = chain.bonds;
        require(
            bonds != 0 && (game.verdict == Verdict.REFUTED || game.verdict == Verdict.VOIDED),
            Dispute_NothingToClaim(owner)
        );
        uint256 amount = bonds * game.bondWei();
        chain.bonds = 0;
        game.bonds -= bonds;
        _credit(owner, amount);
        emit Claimed(gameId, owner, amount);
    }

    /// @inheritdoc IDispute
    function constants() external view returns (uint256 maxDemands, uint256 demandsPerMove, uint256 upheldShare) {
        return (MAX_DEMANDS, DEMANDS_PER_MOVE, UPHELD_SHARE);
    }
}
