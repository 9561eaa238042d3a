// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Position} from "contracts/interfaces/IDispute.sol";
import {Status} from "contracts/interfaces/Types.sol";
import {Rivals} from "./Rivals.sol";

/// @dev Honest operators and the honest challenger. They are as late as they may be: time stops in the last second of each
/// of their deadlines, and there they move. What they know of a trace is what is revealed. Two of three dishonest operators play like
/// honest ones, with what they have; the others do nothing of themselves.
abstract contract Honest is Rivals {
    uint256 private constant NEVER = type(uint256).max;

    /// @dev More stops than any wait can have; honest actors who do not get on are a finding.
    uint256 private constant MOST_STOPS = 400;

    /// @dev Mostly not much longer than a move may take.
    function wait(uint256 time) public {
        _waitUntil(_now() + bound(time / 4, 0, time % 4 == 0 ? ANSWER_TIME : MOVE_TIME + 1));
    }

    /// @dev Honest actors may also be quick: all they can do now.
    function hurry() public {
        _moveAll(NEVER);
    }

    /// @dev Also stops where the clocks of one of the last games turn, and tries what either side could do.
    function _waitUntil(uint256 time) internal {
        (, uint256 index) = _game(time);
        for (uint256 stops = 0; stops < MOST_STOPS; ++stops) {
            _moveAll(_now());
            uint256 next = _less(_moveAll(0), _turn(index));
            _agree(true, next > _now(), "an honest move");
            if (next >= time || next <= _now()) {
                vm.warp(time);
                return;
            }
            vm.warp(next);
            if (index < _plays.length && _isOpen(_plays[index])) _try(index);
        }
        _agree(true, false, "what an honest actor wants to do");
    }

    /// @dev Makes the honest moves whose last second is `until` or earlier, and tells the earliest last second of the others.
    function _moveAll(uint256 until) private returns (uint256 next) {
        next = NEVER;
        for (uint256 place = 0; place < _entries.length; ++place) {
            next = _less(next, _moveFor(place, until));
        }
    }

    function _moveFor(uint256 place, uint256 until) private returns (uint256 next) {
        Entry storage entry = _entries[place];
        next = NEVER;
        bool isWrong = entry.watched && !entry.right;
        if (entry.status == Status.ANSWERED && isWrong) {
            uint256 last = entry.time + WINDOW - 1;
            if (_now() > last) return NEVER;
            if (until < last) return last;
            _challenge(place, account(WATCHER), _program(entry.model).model, false, 0);
        }
        if (entry.status != Status.DISPUTED) return next;
        uint256 index = entry.play - 1;
        if (_isHonest(entry.answer.operator) || _plays[index].plan % 3 != 0) next = _defend(index, until);
        if (isWrong) next = _less(next, _pursue(index, until));
    }

    // ------------------------------------------------------------------ the operator

    function _defend(uint256 index, uint256 until) private returns (uint256 next) {
        Play storage play = _plays[index];
        next = NEVER;
        if (play.postedAt == 0) {
            if (!_mayPost(play)) return NEVER;
            if (until < _traceEnd(play) - 1) return _traceEnd(play) - 1;
            _post(index, _lieFor(index, play.plan / 3), Way.DIRECT);
        }
        Program memory program = _program(_entries[play.entry].model);
        for (uint256 i = 0; i < play.positions.length; ++i) {
            Position memory position = play.positions[i];
            uint256 last = _asked[index][_key(position)].due - 1;
            if (!_mayReveal(index, program, position)) continue;
            if (until < last) next = _less(next, last);
            else _reveal(index, position, false);
        }
    }

    // ------------------------------------------------------------------ the challenger

    function _pursue(uint256 index, uint256 until) private returns (uint256) {
        Play storage play = _plays[index];
        if (_isBroken(_entries[play.entry].model)) return _expose(index, until);
        if (play.postedAt == 0) {
            if (_mayForfeitTrace(play)) _forfeitTrace(index);
            return NEVER;
        }
        Program memory program = _program(_entries[play.entry].model);
        (bool wanted, Position memory position) = _wanted(index, program);
        if (!wanted) {
            if (until < _end(play) - 1) return _end(play) - 1;
            _prove(index, account(WATCHER), 0);
            return NEVER;
        }
        if (_mayForfeit(index, position)) {
            _forfeitDemand(index, position);
            return NEVER;
        }
        return _ask(index, program, position, until);
    }

    /// @dev What must be revealed before anything can be proven: the way to the first leaf that differs.
    function _wanted(uint256 index, Program memory program) private view returns (bool, Position memory position) {
        Target memory target = _plays[index].target;
        if (target.goal == Goal.ANSWER) return (false, position);
        if (target.tensor == TRACE || _computes(program, target.tensor)) {
            return _wantedOnWay(index, program, target.tensor, target.leaf);
        }
        if (program.nodes.length <= MOST_ROOTS) return (false, position);
        return _wantedOnWay(index, program, TRACE, target.tensor);
    }

    /// @dev What is not revealed yet; or, as one who does not see what others do in time, what comes after the own last demand.
    function _wantedOnWay(uint256 index, Program memory program, uint256 tensor, uint256 leaf)
        private
        view
        returns (bool, Position memory position)
    {
        if (_plays[index].plan / 2 % 2 == 0) return _next(index, program, tensor, leaf);
        Line storage line_ = _lines[index][account(WATCHER)];
        Position[] memory way = _way(program, tensor, leaf);
        if (line_.demands == 0) return (true, way[0]);
        uint256 i = 0;
        while (_key(way[i]) != line_.last) ++i;
        if (_isRevealed(index, way[i])) ++i;
        return i < way.length ? (true, way[i]) : (false, position);
    }

    /// @dev Demands what is wanted, in the chain it has or in a new one; also what others have demanded.
    function _ask(uint256 index, Program memory program, Position memory position, uint256 until)
        private
        returns (uint256)
    {
        address me = account(WATCHER);
        Line storage line = _lines[index][me];
        bool isMine = line.demands > 0;
        if (isMine && line.last == _key(position)) return NEVER;
        uint256 last = _openingsEnd(_plays[index]) - 1;
        if (isMine) {
            last = _greater(_asked[index][line.last].revealedAt, line.madeAt) + MOVE_TIME - 1;
        }
        if (until < last) return last;
        _agree(true, _now() <= last, "the honest challenger's time");
        if (_now() <= last) _demand(index, me, program, position, line.bonds == 0, false);
        return NEVER;
    }

    /// @dev A program fault: before the trace if it is not posted, else before the end.
    function _expose(uint256 index, uint256 until) private returns (uint256) {
        Play storage play = _plays[index];
        if (_mayForfeitTrace(play)) {
            _forfeitTrace(index);
            return NEVER;
        }
        uint256 last = (play.postedAt == 0 ? _traceEnd(play) : _end(play)) - 1;
        if (until < last) return last;
        _prove(index, account(WATCHER), play.plan);
        return NEVER;
    }
}
