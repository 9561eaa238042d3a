// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Chain, Demand, Game, Verdict} from "../interfaces/IDispute.sol";
import {ProgramRef} from "../interfaces/IStepVerifier.sol";
import {Layers, PositionKey} from "./Layers.sol";
import {Tensor, TensorLib} from "./Tensor.sol";

/// @notice An account's chain of demands, in one slot: see `Chain`.
struct ChainState {
    uint32 bonds;
    uint8 demands;
    uint40 demandedAt;
    PositionKey last;
}

/// @notice A game, in five slots and what is found by key. The fields are those of `Game`; the bond is in gwei.
struct GameState {
    address opener;
    Verdict verdict;
    uint40 challengedAt;
    uint32 nodeCount;
    uint40 windowEnd;
    uint40 postedAt;
    uint40 lastDue;
    uint40 latest;
    uint32 moveTime;
    uint32 openDemands;
    uint32 bonds;
    uint32 traceTime;
    uint32 proofPeriod;
    uint48 bond;
    bytes32 programRoot;
    bytes32 traceRoot;
    mapping(address account => ChainState) chains;
    mapping(PositionKey position => Demand) demands;
    mapping(uint32 node => Tensor) tensors;
}

/// @title The clocks of a game and who its finder is: docs/disputes.md sections 1, 2 and 4.
library GameStateLib {
    using SafeCast for uint256;
    using TensorLib for Tensor;

    /// @notice Lowering version of the programs that the verifier judges.
    uint16 internal constant VERSION = 1;

    /// @notice Programs of so many nodes bring their tensor roots with the trace.
    uint256 internal constant MAX_POSTED = 256;

    /// @notice The bond of a chain, in wei.
    function bondWei(GameState storage game) internal view returns (uint256) {
        return uint256(game.bond) * 1 gwei;
    }

    /// @notice The program, as the verifier wants it.
    function program(GameState storage game) internal view returns (ProgramRef memory) {
        return ProgramRef(game.programRoot, VERSION, game.nodeCount);
    }

    /// @notice Until when the trace can be posted: c + T.
    function traceDeadline(GameState storage game) internal view returns (uint256) {
        return uint256(game.challengedAt) + game.traceTime;
    }

    /// @notice Until when chains can be opened: E.
    function openingsEnd(GameState storage game) internal view returns (uint256) {
        (uint256 windowEnd, uint256 postedAt) = (game.windowEnd, game.postedAt);
        return (windowEnd > postedAt ? windowEnd : postedAt) + game.proofPeriod;
    }

    /// @notice From when on the game can be resolved: H.
    function end(GameState storage game) internal view returns (uint256) {
        (uint256 openings, uint256 latest) = (openingsEnd(game), game.latest);
        return (openings > latest ? openings : latest) + game.moveTime;
    }

    /// @notice Gives the next due: a move from now, and no earlier than the spacing after the last one.
    /// @param perMove Q.
    function nextDue(GameState storage game, uint256 perMove) internal returns (uint40 due) {
        uint256 moveTime = game.moveTime;
        uint256 fromNow = block.timestamp + moveTime;
        uint256 spaced = game.lastDue + (moveTime + perMove - 1) / perMove;
        due = (fromNow > spaced ? fromNow : spaced).toUint40();
        game.lastDue = due;
        extend(game, due);
    }

    /// @notice Remembers `time` if it is the latest of all due and all r + m.
    function extend(GameState storage game, uint256 time) internal {
        if (time > game.latest) game.latest = time.toUint40();
    }

    /// @notice The position of the trace's last layer that shows a tensor's root.
    function rootPosition(GameState storage game, uint32 tensor) internal view returns (PositionKey) {
        return Layers.showing(Layers.TRACE, game.nodeCount, tensor);
    }

    /// @notice Who first demanded, and had revealed, the position that shows a tensor's root; else the opener.
    function rootFinder(GameState storage game, uint32 tensor) internal view returns (address) {
        Demand memory shown = game.demands[rootPosition(game, tensor)];
        return shown.revealedAt == 0 ? game.opener : shown.owner;
    }

    /// @notice Who first demanded, and had revealed, the position that shows an element; else the finder of the root.
    function elementFinder(GameState storage game, uint32 node, uint256 element) internal view returns (address) {
        Tensor memory tensor = game.tensors[node];
        if (tensor.dtype == 0) return rootFinder(game, node);
        Demand memory shown = game.demands[Layers.showing(node, tensor.leaves(), tensor.leafOf(element))];
        return shown.revealedAt == 0 ? rootFinder(game, node) : shown.owner;
    }

    /// @notice The game as its readers get it.
    function toGame(GameState storage game) internal view returns (Game memory) {
        return Game({
            verdict: game.verdict,
            opener: game.opener,
            challengedAt: game.challengedAt,
            postedAt: game.postedAt,
            windowEnd: game.windowEnd,
            traceTime: game.traceTime,
            proofPeriod: game.proofPeriod,
            moveTime: game.moveTime,
            bond: bondWei(game),
            nodeCount: game.nodeCount,
            programRoot: game.programRoot,
            traceRoot: game.traceRoot,
            lastDue: game.lastDue,
            latest: game.latest,
            openDemands: game.openDemands,
            bonds: game.bonds
        });
    }

    /// @notice An account's chain as its readers get it.
    function toChain(ChainState memory chain) internal pure returns (Chain memory) {
        return Chain(chain.bonds, chain.demands, chain.demandedAt, Layers.positionOf(chain.last));
    }
}
