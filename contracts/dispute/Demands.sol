// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Demand, GameId, IDispute, Position, Revelation} from "../interfaces/IDispute.sol";
import {Games} from "./Games.sol";
import {ChainState, GameState, GameStateLib} from "./GameState.sol";
import {Layers, PositionKey} from "./Layers.sol";
import {Tensor, TensorLib} from "./Tensor.sol";

/// @title What of a trace is demanded, and what is revealed of it.
abstract contract Demands is Games {
    using GameStateLib for GameState;
    using TensorLib for Tensor;
    using Layers for Position;

    uint256 internal immutable MAX_DEMANDS;
    uint256 internal immutable DEMANDS_PER_MOVE;

    constructor(uint256 maxDemands, uint256 demandsPerMove) {
        require(
            maxDemands != 0 && maxDemands <= type(uint8).max && demandsPerMove != 0
                && demandsPerMove <= type(uint32).max,
            Dispute_BadParameters()
        );
        MAX_DEMANDS = maxDemands;
        DEMANDS_PER_MOVE = demandsPerMove;
    }

    // ------------------------------------------------------------------ demanding

    /// @inheritdoc IDispute
    function openChain(GameId gameId, Position calldata position, bytes calldata node, bytes32[] calldata nodePath)
        external
        payable
    {
        // Check
        GameState storage game = _openGame(gameId);
        _requireTrace(gameId, game);
        _requireBefore(game.openingsEnd());
        uint256 bond = game.bondWei();
        require(msg.value == bond, Dispute_WrongBond(msg.value, bond));
        // Effect
        ++game.bonds;
        ChainState storage chain = game.chains[msg.sender];
        ++chain.bonds;
        chain.demands = 0;
        emit ChainOpened(gameId, msg.sender);
        _demand(gameId, game, chain, position, node, nodePath);
    }

    /// @inheritdoc IDispute
    function demand(GameId gameId, Position calldata position, bytes calldata node, bytes32[] calldata nodePath)
        external
    {
        GameState storage game = _openGame(gameId);
        _requireTrace(gameId, game);
        ChainState storage chain = game.chains[msg.sender];
        uint256 demands = chain.demands;
        require(chain.bonds != 0 && demands < MAX_DEMANDS, Dispute_NoChain(msg.sender));
        if (demands == 0) {
            _requireBefore(game.openingsEnd());
        } else {
            uint256 revealedAt = game.demands[chain.last].revealedAt;
            require(revealedAt != 0, Dispute_LastDemandOpen());
            uint256 demandedAt = chain.demandedAt;
            _requireBefore((revealedAt > demandedAt ? revealedAt : demandedAt) + game.moveTime);
        }
        _demand(gameId, game, chain, position, node, nodePath);
    }

    function _demand(
        GameId gameId,
        GameState storage game,
        ChainState storage chain,
        Position calldata position,
        bytes calldata node,
        bytes32[] calldata nodePath
    ) private {
        // Check
        _requireDemandable(game, position, node, nodePath);
        PositionKey key = position.key();
        Demand storage demanded = game.demands[key];
        // Effect
        uint40 due = demanded.due;
        if (demanded.owner == address(0)) {
            due = game.nextDue(DEMANDS_PER_MOVE);
            demanded.owner = msg.sender;
            demanded.due = due;
            ++game.openDemands;
        } else if (demanded.revealedAt != 0) {
            game.extend(block.timestamp + game.moveTime);
        }
        ++chain.demands;
        chain.demandedAt = uint40(block.timestamp);
        chain.last = key;
        emit Demanded(gameId, msg.sender, position.tensor, position.layer, position.index, due);
    }

    /// @dev What docs/disputes.md section 3 asks of a position; the first demand in a tensor enters dtype and count.
    function _requireDemandable(
        GameState storage game,
        Position calldata position,
        bytes calldata node,
        bytes32[] calldata nodePath
    ) private {
        uint256 leaves = game.nodeCount;
        if (position.tensor == Layers.TRACE) {
            _requirePossible(leaves > GameStateLib.MAX_POSTED, position);
        } else {
            Tensor memory tensor = game.tensors[position.tensor];
            if (tensor.dtype == 0) tensor = _enter(game, position, node, nodePath);
            leaves = tensor.leaves();
        }
        _requirePossible(
            position.exists(leaves) && (position.layer == 0 || game.demands[position.above()].revealedAt != 0), position
        );
    }

    /// @dev Keeps dtype and count of a tensor whose root is shown, from its node.
    function _enter(
        GameState storage game,
        Position calldata position,
        bytes calldata node,
        bytes32[] calldata nodePath
    ) private returns (Tensor memory tensor) {
        uint32 index = position.tensor;
        uint32 nodes = game.nodeCount;
        _requirePossible(
            index < nodes
                && (nodes <= GameStateLib.MAX_POSTED || game.demands[game.rootPosition(index)].revealedAt != 0),
            position
        );
        require(node.length != 0, Dispute_WrongNode(index));
        bool isSource;
        (tensor, isSource) = JUDGE.tensorOf(game.program(), index, node, nodePath);
        _requirePossible(!isSource, position);
        game.tensors[index] = tensor;
    }

    function _requirePossible(bool possible, Position calldata position) private pure {
        require(possible, Dispute_CannotDemand(position.tensor, position.layer, position.index));
    }

    // ------------------------------------------------------------------ revealing

    /// @inheritdoc IDispute
    function reveal(GameId gameId, Revelation calldata revelation) external {
        _reveal(gameId, _openGame(gameId), revelation);
    }

    /// @inheritdoc IDispute
    function revealMany(GameId gameId, Revelation[] calldata revelations) external {
        GameState storage game = _openGame(gameId);
        for (uint256 i = 0; i < revelations.length; ++i) {
            if (game.demands[revelations[i].position.key()].revealedAt == 0) _reveal(gameId, game, revelations[i]);
        }
    }

    /// @dev A demand that waits to be revealed or forfeited.
    function _unrevealed(GameState storage game, Position calldata position)
        internal
        view
        returns (Demand storage demanded)
    {
        demanded = game.demands[position.key()];
        require(demanded.owner != address(0), Dispute_NotDemanded(position.tensor, position.layer, position.index));
        require(demanded.revealedAt == 0, Dispute_AlreadyRevealed(position.tensor, position.layer, position.index));
    }

    function _reveal(GameId gameId, GameState storage game, Revelation calldata revelation) private {
        // Check
        Position calldata position = revelation.position;
        Demand storage demanded = _unrevealed(game, position);
        _requireBefore(demanded.due);
        // The judge is stateless and no other than this contract's own; each item of a list pays for itself.
        // slither-disable-next-line calls-loop
        _requireRoot(game.traceRoot, JUDGE.revealedRoot(game.nodeCount, game.tensors[position.tensor], revelation));
        // Effect
        demanded.revealedAt = uint40(block.timestamp);
        --game.openDemands;
        game.extend(block.timestamp + game.moveTime);
        emit Revealed(gameId, position.tensor, position.layer, position.index, revelation.data);
    }
}
