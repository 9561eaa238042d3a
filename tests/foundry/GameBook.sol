// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Position, Subject, Verdict} from "contracts/interfaces/IDispute.sol";
import {Status} from "contracts/interfaces/Types.sol";
import {Book} from "./Book.sol";
import {Trees} from "./Trees.sol";

/// @dev The book's part on games: whether a move is possible, what it changes, who is paid. Written from docs/disputes.md.
abstract contract GameBook is Book {
    // ------------------------------------------------------------------ clocks

    function _isOpen(Play storage play) internal view returns (bool) {
        return play.verdict == Verdict.OPEN;
    }

    /// @dev W.
    function _windowEnd(Play storage play) internal view returns (uint256) {
        return play.answeredAt + WINDOW;
    }

    /// @dev c + T.
    function _traceEnd(Play storage play) internal view returns (uint256) {
        return play.challengedAt + TRACE_TIME;
    }

    /// @dev E, of a posted trace.
    function _openingsEnd(Play storage play) internal view returns (uint256) {
        return _greater(_windowEnd(play), play.postedAt) + PROOF_PERIOD;
    }

    /// @dev H, of a posted trace.
    function _end(Play storage play) internal view returns (uint256) {
        return _greater(_openingsEnd(play), play.latest) + MOVE_TIME;
    }

    function _mayPost(Play storage play) internal view returns (bool) {
        return _isOpen(play) && play.postedAt == 0 && _now() < _traceEnd(play);
    }

    function _mayProve(Play storage play) internal view returns (bool) {
        return _isOpen(play) && play.postedAt != 0 && _now() < _end(play);
    }

    function _mayVoid(Play storage play) internal view returns (bool) {
        return _mayPost(play) || _mayProve(play);
    }

    function _mayForfeitTrace(Play storage play) internal view returns (bool) {
        return _isOpen(play) && play.postedAt == 0 && _now() >= _traceEnd(play);
    }

    function _mayResolve(Play storage play) internal view returns (bool) {
        return _isOpen(play) && play.postedAt != 0 && play.open == 0 && _now() >= _end(play);
    }

    /// @dev Whether an account's next demand can be in a chain it has.
    function _mayContinue(uint256 index, address who) internal view returns (bool) {
        (Play storage play, Line storage line) = (_plays[index], _lines[index][who]);
        if (!_isOpen(play) || play.postedAt == 0 || line.bonds == 0 || line.demands == MAX_DEMANDS) return false;
        if (line.demands == 0) return _now() < _openingsEnd(play);
        uint256 revealedAt = _asked[index][line.last].revealedAt;
        return revealedAt != 0 && _now() < _greater(revealedAt, line.madeAt) + MOVE_TIME;
    }

    function _mayOpen(Play storage play) internal view returns (bool) {
        return _isOpen(play) && play.postedAt != 0 && _now() < _openingsEnd(play);
    }

    // ------------------------------------------------------------------ positions

    /// @dev Whether a position is there to be demanded.
    function _isDemandable(uint256 index, Program memory program, Position memory position)
        internal
        view
        returns (bool)
    {
        uint256 nodes = program.model.nodeCount;
        bool ofTrace = position.tensor == TRACE;
        if (ofTrace ? nodes <= MOST_ROOTS : position.tensor >= nodes || !_computes(program, position.tensor)) {
            return false;
        }
        uint256 leaves = _leaves(program, position.tensor);
        if (position.layer >= Trees.layersOf(leaves)) return false;
        uint256 height = Trees.depthOf(leaves) - Trees.LAYER_LEVELS * position.layer;
        if (position.index != 0 && position.index * 2 ** height >= leaves) return false;
        if (position.layer > 0) return _isRevealed(index, _above(position));
        return ofTrace || nodes <= MOST_ROOTS || _isRevealed(index, _rootPosition(nodes, position.tensor));
    }

    function _isRevealed(uint256 index, Position memory position) internal view returns (bool) {
        return _asked[index][_key(position)].revealedAt != 0;
    }

    /// @dev The last position that leads to a leaf.
    function _leafPosition(uint256 tensor, uint256 leaves, uint256 leaf) internal pure returns (Position memory) {
        uint256 layer = Trees.layersOf(leaves) - 1;
        uint256 levels = Trees.depthOf(leaves) - Trees.LAYER_LEVELS * layer;
        return Position(uint32(tensor), uint8(layer), uint32(leaf / 2 ** levels));
    }

    function _rootPosition(uint256 nodes, uint256 tensor) internal pure returns (Position memory) {
        return _leafPosition(TRACE, nodes, tensor);
    }

    function _above(Position memory position) internal pure returns (Position memory) {
        return Position(position.tensor, position.layer - 1, position.index / 128);
    }

    function _key(Position memory position) internal pure returns (bytes32) {
        return keccak256(abi.encode(position));
    }

    // ------------------------------------------------------------------ what moves change

    function _demanded(uint256 index, address who, Position memory position, bool opening) internal {
        (Play storage play, Line storage line) = (_plays[index], _lines[index][who]);
        if (opening) {
            ++play.bonds;
            ++line.bonds;
            line.demands = 0;
            held += _bond(_entries[play.entry]);
        }
        Asked storage asked = _asked[index][_key(position)];
        if (asked.owner == address(0)) {
            uint256 spacing = (MOVE_TIME + DEMANDS_PER_MOVE - 1) / DEMANDS_PER_MOVE;
            play.lastDue = _greater(_now() + MOVE_TIME, play.lastDue + spacing);
            play.latest = _greater(play.latest, play.lastDue);
            (asked.owner, asked.due) = (who, play.lastDue);
            play.positions.push(position);
            ++play.open;
        } else if (asked.revealedAt != 0) {
            play.latest = _greater(play.latest, _now() + MOVE_TIME);
        }
        ++line.demands;
        (line.last, line.madeAt) = (_key(position), _now());
    }

    function _revealed(uint256 index, Position memory position) internal {
        Play storage play = _plays[index];
        _asked[index][_key(position)].revealedAt = _now();
        play.latest = _greater(play.latest, _now() + MOVE_TIME);
        --play.open;
    }

    /// @dev Who first demanded, and had revealed, a position; else whom the tensor's root goes to.
    function _finder(uint256 index, Program memory program, uint256 tensor, uint256 element)
        internal
        view
        returns (address)
    {
        uint256 leaf = element * ELEMENT_BYTES / Trees.LEAF_BYTES;
        Asked storage asked = _asked[index][_key(_leafPosition(tensor, _leaves(program, tensor), leaf))];
        return asked.revealedAt != 0 ? asked.owner : _rootFinder(index, program, tensor);
    }

    function _rootFinder(uint256 index, Program memory program, uint256 tensor) internal view returns (address) {
        Asked storage asked = _asked[index][_key(_rootPosition(program.model.nodeCount, tensor))];
        return asked.revealedAt != 0 ? asked.owner : _plays[index].opener;
    }

    function _refuted(uint256 index, address finder, Ending ending) internal {
        Entry storage entry = _endGame(index, Verdict.REFUTED, ending);
        _slashed(entry, finder, _plays[index].opener);
        if (_named(entry) == address(0) && entry.attempt < MAX_ATTEMPTS) {
            ++entry.attempt;
            _move(entry, Status.REQUESTED);
        } else {
            _refunded(entry, Status.EXPIRED);
        }
    }

    function _voided(uint256 index, Ending ending) internal {
        Entry storage entry = _endGame(index, Verdict.VOIDED, ending);
        _slashed(entry, _plays[index].opener, _plays[index].opener);
        _refunded(entry, Status.VOID);
    }

    function _upheld(uint256 index) internal {
        Entry storage entry = _endGame(index, Verdict.UPHELD, Ending.UPHELD);
        uint256 bonds = _plays[index].bonds * _bond(entry);
        uint256 credited = bonds * UPHELD_SHARE / 10_000;
        (held, _plays[index].bonds) = (held - bonds, 0);
        burnt += bonds - credited;
        credit[entry.answer.operator] += credited;
        _finalised(entry);
    }

    function _endGame(uint256 index, Verdict verdict, Ending ending) private returns (Entry storage entry) {
        _agree(true, _isOpen(_plays[index]), "an end of a game");
        _plays[index].verdict = verdict;
        ++ended[ending];
        entry = _entries[_plays[index].entry];
    }

    function _slashed(Entry storage entry, address finder, address opener) private {
        uint256 toFinder = _bond(entry) * FINDER_SHARE / 10_000;
        uint256 toOpener = _bond(entry) * OPENER_SHARE / 10_000;
        owned[entry.answer.operator] -= _bond(entry);
        owned[finder] += toFinder;
        owned[opener] += toOpener;
        burnt += _bond(entry) - toFinder - toOpener;
    }

    function _subject(Play storage play) internal view returns (Subject memory) {
        return Subject(_entries[play.entry].request, play.answer, play.attempt);
    }
}
