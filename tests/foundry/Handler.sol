// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Position} from "contracts/interfaces/IDispute.sol";
import {Status} from "contracts/interfaces/Types.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {Honest} from "./Honest.sol";

/// @dev Many actors use one system in any order: requesters, consumers, honest and dishonest operators, one honest challenger and many
/// others, keepers. Calls that go otherwise than the book says are its `disagreement`, and `Invariants` compares the
/// books after every call.
contract Handler is Honest {
    /// @dev More rounds of a moveTime than any game takes.
    uint256 private constant MOST_ROUNDS = 60;

    /// @dev As long as most games take.
    uint256 private constant UNATTENDED = 80;

    constructor() {
        _begin();
    }

    // ------------------------------------------------------------------ any action

    /// @dev One of the actions, those that lead a game on more often than others; one that leads to a game where there is none.
    function act(uint256 action, uint256 which, uint256 who, uint256 what, uint256 how) external {
        action %= 64;
        if (!_isAnythingOpen()) action = 0;
        else if (action < 32 && !_isAnythingPlayed()) action = 32 + action % 16;
        if (action == 0 || action > 60) request(who, uint48(what), uint48(what >> 48), what >> 96, how);
        else if (action < 5) post(which, how, what);
        else if (action < 18) demand(which, who, what, how);
        else if (action < 25) reveal(which, what, how);
        else if (action < 27) revealMany(which);
        else if (action < 28) prove(which, who, how);
        else if (action < 29) waste(which, who, how);
        else if (action < 30) forfeitTrace(which);
        else if (action < 31) forfeitDemand(which, what);
        else if (action < 32) resolve(which);
        else if (action < 37) answer(which, who, how, false);
        else if (action < 39) answerFor(which, who, how, what % 8 == 0);
        else if (action < 43) challenge(which, who, how);
        else if (action < 48) wait(what);
        else _actSeldom(action, which, who, what, how);
    }

    function _actSeldom(uint256 action, uint256 which, uint256 who, uint256 what, uint256 how) private {
        if (action == 48) answer(which, who, how, true);
        else if (action == 49) answerManyFor(which, what, who, how);
        else if (action == 50) settle(which, how % 4 == 0);
        else if (action == 51) settleMany(which, what);
        else if (action < 54) finalize(which);
        else if (action == 54) deliver(which);
        else if (action == 55) expire(which);
        else if (action == 56) withdraw(who, what, how);
        else if (action == 57) claim(which, who);
        else if (action == 58) cash(who, what, how);
        else if (action == 59) rival(which);
        else if (how % 5 == 0) deposit(who, what);
        else if (how % 5 == 1) force(what);
        else if (how % 5 == 2) temper(which, what, how);
        else if (how % 5 == 3) requestAgain(which);
        else hurry();
    }

    // ------------------------------------------------------------------ the end

    /// @dev Now and then after a long time in which no keeper does anything; lets all games end, finalises, delivers and expires what is left, claims and cashes everything.
    function finish() external {
        if (_plays.length % 2 == 1) _waitUntil(_now() + UNATTENDED);
        for (uint256 round = 0; round < MOST_ROUNDS && _isAnythingOpen(); ++round) {
            _keep();
            _waitUntil(_now() + MOVE_TIME);
        }
        _agree(true, !_isAnythingOpen(), "an end of everything");
        for (uint256 i = 0; i < _accounts.length; ++i) {
            for (uint256 index = 0; index < _plays.length; ++index) {
                // Once more than there is something to claim.
                if (_lines[index][_accounts[i]].bonds > 0) _claim(index, _accounts[i]);
                _claim(index, _accounts[i]);
            }
            _cash(_accounts[i], credit[_accounts[i]]);
        }
    }

    function _keep() private {
        for (uint256 index = 0; index < _plays.length; ++index) {
            Play storage play = _plays[index];
            if (_mayForfeitTrace(play)) _forfeitTrace(index);
            for (uint256 i = 0; i < play.positions.length && _isOpen(play); ++i) {
                if (_mayForfeit(index, play.positions[i])) _forfeitDemand(index, play.positions[i]);
            }
            if (_mayResolve(play)) _resolve(index);
        }
        for (uint256 place = 0; place < _entries.length; ++place) {
            Entry storage entry = _entries[place];
            if (_isSettleable(entry)) _finalize(entry);
            else if (entry.status == Status.REQUESTED && _now() >= entry.time + ANSWER_TIME) _expire(entry);
            else if (entry.status == Status.FINAL && !entry.delivered) _deliver(entry);
        }
    }

    function _isAnythingOpen() private view returns (bool) {
        for (uint256 place = 0; place < _entries.length; ++place) {
            Status status = _entries[place].status;
            if (status == Status.REQUESTED || status == Status.ANSWERED || status == Status.DISPUTED) return true;
        }
        return false;
    }

    function _isAnythingPlayed() private view returns (bool) {
        for (uint256 index = 0; index < _plays.length; ++index) {
            if (_isOpen(_plays[index])) return true;
        }
        return false;
    }

    // ------------------------------------------------------------------ the book

    function entries() external view returns (Entry[] memory) {
        return _entries;
    }

    /// @dev Times an account's callback took an answer.
    function taken(Entry calldata entry) external view returns (uint256) {
        address requester = entry.request.requester;
        return requester.code.length == 0 ? 0 : HostileConsumer(payable(requester)).taken(entry.id);
    }

    function plays() external view returns (Play[] memory) {
        return _plays;
    }

    function asked(uint256 index, Position calldata position) external view returns (Asked memory) {
        return _asked[index][_key(position)];
    }

    function line(uint256 index, address owner) external view returns (Line memory) {
        return _lines[index][owner];
    }

    function isHonest(address operator) external view returns (bool) {
        return _isHonest(operator);
    }

    /// @dev E and H of a game whose trace is posted.
    function ends(uint256 index) external view returns (uint256 openings, uint256 all) {
        return (_openingsEnd(_plays[index]), _end(_plays[index]));
    }
}
