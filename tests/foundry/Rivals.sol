// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDispute, Position, Revelation} from "contracts/interfaces/IDispute.sol";
import {ProofActions} from "./ProofActions.sol";

/// @dev Tries, without doing it, what either side could do now: at each second exactly one side may act on a clock, and never
/// can an answer be both upheld and refuted.
abstract contract Rivals is ProofActions {
    error Outcome(bool success);

    function rival(uint256 which) public {
        (bool there, uint256 index) = _game(which);
        if (there && _isOpen(_plays[index])) _try(index);
    }

    function _try(uint256 index) internal {
        Play storage play = _plays[index];
        bool forfeits = _would(address(this), abi.encodeCall(IDispute.forfeitTrace, (_subject(play))));
        _agree(_mayForfeitTrace(play), forfeits, "forfeitTrace");
        if (play.postedAt == 0) {
            Lie memory none;
            Trace memory trace = _traceOf(index, none);
            bytes32[] memory roots = trace.roots.length > MOST_ROOTS ? new bytes32[](0) : trace.roots;
            bytes memory posting = abi.encodeCall(IDispute.postTrace, (_subject(play), trace.root, roots));
            _agree(true, forfeits != _would(play.answer.operator, posting), "one side's turn for the trace");
        }
        for (uint256 i = 0; i < play.positions.length; ++i) {
            if (!_isRevealed(index, play.positions[i]) && _tryDemand(index, play.positions[i])) forfeits = true;
        }
        bool upholds = _would(address(this), abi.encodeCall(IDispute.resolve, (_subject(play))));
        _agree(_mayResolve(play), upholds, "resolve");
        _agree(false, upholds && (forfeits || play.open > 0 || _mayProve(play)), "upholding what can be refuted");
    }

    function _tryDemand(uint256 index, Position memory position) private returns (bool forfeits) {
        Play storage play = _plays[index];
        forfeits = _would(address(this), abi.encodeCall(IDispute.forfeitDemand, (_subject(play), position)));
        _agree(_mayForfeit(index, position), forfeits, "forfeitDemand");
        Program memory program = _program(_entries[play.entry].model);
        Revelation memory shown = _revelation(program, _traceOf(index, play.lie), position);
        bool reveals = _would(address(this), abi.encodeCall(IDispute.reveal, (play.id, shown)));
        bool can = _canReveal(program, play.lie, position);
        _agree(true, can ? forfeits != reveals : !reveals, "one side's turn for a demand");
    }

    /// @dev Whether a call would succeed; it leaves no trace.
    function _would(address from, bytes memory call) private returns (bool success) {
        try this.attempt(from, call) {}
        catch (bytes memory outcome) {
            success = outcome[outcome.length - 1] == 0x01;
        }
    }

    function attempt(address from, bytes calldata call) external {
        require(msg.sender == address(this), Outcome(false));
        vm.prank(from);
        (bool success,) = address(dispute).call(call);
        revert Outcome(success);
    }

    /// @dev The next second of a game in which its clocks turn, or the last one before.
    function _turn(uint256 index) internal view returns (uint256 next) {
        next = type(uint256).max;
        if (index >= _plays.length || !_isOpen(_plays[index])) return next;
        Play storage play = _plays[index];
        if (play.postedAt == 0) return _soonest(next, _traceEnd(play));
        next = _soonest(next, _end(play));
        for (uint256 i = 0; i < play.positions.length; ++i) {
            Asked storage asked_ = _asked[index][_key(play.positions[i])];
            if (asked_.revealedAt == 0) next = _soonest(next, asked_.due);
        }
    }

    function _soonest(uint256 next, uint256 turn) private view returns (uint256) {
        if (turn - 1 > _now()) return _less(next, turn - 1);
        return turn > _now() ? _less(next, turn) : next;
    }
}
