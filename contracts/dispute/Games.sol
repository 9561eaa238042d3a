// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {PolicyLib} from "../PolicyLib.sol";
import {Chain, Demand, Game, GameId, IDispute, Position, Subject, Verdict} from "../interfaces/IDispute.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {AnswerRef, Model, ModelId, Policy, Request, RequestId} from "../interfaces/Types.sol";
import {Credits} from "./Credits.sol";
import {GameState, GameStateLib} from "./GameState.sol";
import {Judge} from "./Judge.sol";
import {Layers} from "./Layers.sol";
import {Subjects} from "./Subjects.sol";

/// @title Games, and how one begins: a challenge, then a trace.
abstract contract Games is Credits, EIP712 {
    using GameStateLib for GameState;
    using Layers for Position;
    using PolicyLib for Policy;
    using Subjects for Subject;

    bytes32 private constant TRACE_TYPEHASH = keccak256("Trace(bytes32 gameId,bytes32 root)");

    /// @notice Whose answers are disputed.
    IInferenceOracle public immutable ORACLE;
    /// @notice What judges nodes, revelations and proofs.
    Judge public immutable JUDGE;

    mapping(GameId gameId => GameState game) private _games;

    constructor(IInferenceOracle oracle, Judge judge) EIP712("Assay", "1") {
        ORACLE = oracle;
        JUDGE = judge;
    }

    // ------------------------------------------------------------------ opening

    /// @inheritdoc IDispute
    function challenge(Request calldata request, AnswerRef calldata answer, Model calldata model)
        external
        payable
        returns (GameId gameId)
    {
        // Check
        bytes32 modelId = keccak256(abi.encode(model));
        require(
            modelId == ModelId.unwrap(request.modelId), Dispute_WrongModel(ModelId.unwrap(request.modelId), modelId)
        );
        uint256 bond = request.policy.challengerBond();
        require(msg.value == bond, Dispute_WrongBond(msg.value, bond));
        RequestId requestId = Subjects.requestIdOf(request, address(ORACLE));
        (, uint8 attempt, uint40 answeredAt, bytes25 commitment,) = ORACLE.statusOf(requestId);
        gameId = Subjects.gameId(requestId, attempt, commitment);
        GameState storage game = _games[gameId];
        require(game.verdict == Verdict.NONE, Dispute_AlreadyChallenged(gameId));
        // Effect
        game.verdict = Verdict.OPEN;
        game.opener = msg.sender;
        game.challengedAt = uint40(block.timestamp);
        game.nodeCount = model.nodeCount;
        game.windowEnd = uint40(answeredAt + request.policy.window());
        game.moveTime = uint32(request.policy.moveTime());
        game.bonds = 1;
        game.traceTime = uint32(request.policy.traceTime());
        game.proofPeriod = uint32(request.policy.proofPeriod());
        game.bond = uint48(bond / 1 gwei);
        game.programRoot = model.programRoot;
        game.chains[msg.sender].bonds = 1;
        emit Challenged(gameId, requestId, msg.sender, answer.operator, attempt);
        // Interaction
        ORACLE.onChallenged(request, answer);
    }

    /// @inheritdoc IDispute
    function postTrace(Subject calldata subject, bytes32 root, bytes32[] calldata roots) external {
        address operator = subject.answer.operator;
        require(msg.sender == operator, Dispute_NotOperator(operator));
        _postTrace(_idOf(subject), root, roots);
    }

    /// @inheritdoc IDispute
    function postTraceFor(Subject calldata subject, bytes32 root, bytes32[] calldata roots, bytes calldata signature)
        external
    {
        address operator = subject.answer.operator;
        GameId gameId = _idOf(subject);
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(TRACE_TYPEHASH, gameId, root)));
        require(SignatureChecker.isValidSignatureNow(operator, digest, signature), Dispute_NotOperator(operator));
        _postTrace(gameId, root, roots);
    }

    function _postTrace(GameId gameId, bytes32 root, bytes32[] calldata roots) private {
        // Check
        GameState storage game = _openGame(gameId);
        require(game.postedAt == 0, Dispute_TraceExists(gameId));
        _requireBefore(game.traceDeadline());
        uint32 count = game.nodeCount;
        uint256 expected = count > GameStateLib.MAX_POSTED ? 0 : count;
        require(roots.length == expected, Dispute_WrongRootCount(expected, roots.length));
        if (count <= GameStateLib.MAX_POSTED) {
            _requireRoot(root, JUDGE.rootOf(count, roots));
        }
        // Effect
        game.postedAt = uint40(block.timestamp);
        game.traceRoot = root;
        emit TracePosted(gameId, root, roots);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDispute
    function idOf(Subject calldata subject) external view returns (GameId gameId) {
        return _idOf(subject);
    }

    /// @inheritdoc IDispute
    function gameOf(GameId gameId) external view returns (Game memory) {
        return _games[gameId].toGame();
    }

    /// @inheritdoc IDispute
    function endOf(GameId gameId) external view returns (uint256) {
        GameState storage game = _games[gameId];
        return game.postedAt == 0 ? 0 : game.end();
    }

    /// @inheritdoc IDispute
    function demandOf(GameId gameId, Position calldata position) external view returns (Demand memory) {
        return _games[gameId].demands[position.key()];
    }

    /// @inheritdoc IDispute
    function chainOf(GameId gameId, address owner) external view returns (Chain memory) {
        return GameStateLib.toChain(_games[gameId].chains[owner]);
    }

    // ------------------------------------------------------------------ checks

    function _idOf(Subject calldata subject) internal view returns (GameId) {
        return subject.gameIdOf(address(ORACLE));
    }

    /// @dev The game, whether it exists or not.
    function _game(GameId gameId) internal view returns (GameState storage) {
        return _games[gameId];
    }

    /// @dev The game; reverts where it is not played.
    function _openGame(GameId gameId) internal view returns (GameState storage game) {
        game = _games[gameId];
        require(game.verdict == Verdict.OPEN, Dispute_NotOpen(gameId, game.verdict));
    }

    function _requireTrace(GameId gameId, GameState storage game) internal view {
        require(game.postedAt != 0, Dispute_NoTrace(gameId));
    }

    function _requireBefore(uint256 deadline) internal view {
        require(block.timestamp < deadline, Dispute_TooLate(deadline));
    }

    function _requireFrom(uint256 time) internal view {
        require(block.timestamp >= time, Dispute_TooEarly(time));
    }

    function _requireRoot(bytes32 expected, bytes32 actual) internal pure {
        require(actual == expected, Dispute_WrongRoot(expected, actual));
    }
}
