// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {GameId, IDispute, Position, Verdict} from "contracts/interfaces/IDispute.sol";
import {Model, Status} from "contracts/interfaces/Types.sol";
import {RequestActions} from "./RequestActions.sol";

/// @dev Challenges, traces, ends by time, and money. Every call is held to the book.
abstract contract GameActions is RequestActions {
    /// @dev How a trace is posted; some ways must fail.
    enum Way {
        DIRECT,
        RELAYED,
        STRANGER,
        FORGED,
        ROOT_COUNT,
        OTHER_ROOT
    }

    // ------------------------------------------------------------------ opening

    /// @dev By anybody but the honest challenger; now and then with another bond or another model.
    function challenge(uint256 which, uint256 who, uint256 how) public {
        if (_entries.length == 0) return;
        uint256 place = _place(which);
        Entry storage entry = _entries[place];
        Model memory model = _program(how % 16 == 1 ? (entry.model + 1) % MODELS : entry.model).model;
        _challenge(place, _anyone(who), model, how % 16 < 2, how % 16 == 0 ? 1 : 0);
    }

    function _challenge(uint256 place, address who, Model memory model, bool wrong, uint256 more) internal {
        Entry storage entry = _entries[place];
        bool should = !wrong && entry.status == Status.ANSWERED && _now() < entry.time + WINDOW;
        GameId id;
        bool did;
        vm.deal(who, _bond(entry) + more);
        vm.prank(who);
        try dispute.challenge{value: _bond(entry) + more}(entry.request, entry.answer, model) returns (GameId opened) {
            (did, id) = (true, opened);
        } catch {}
        _agree(should, did, "challenge");
        if (!did) return;
        uint256 answeredAt = entry.time;
        _move(entry, Status.DISPUTED);
        entry.time = answeredAt;
        Play storage play = _plays.push();
        entry.play = _plays.length;
        (play.entry, play.id, play.verdict, play.answer) = (place, id, Verdict.OPEN, entry.answer);
        (play.attempt, play.output, play.right) = (entry.attempt, entry.output, entry.right);
        (play.opener, play.answeredAt, play.challengedAt) = (who, answeredAt, _now());
        play.plan = uint256(keccak256(abi.encode(id)));
        (play.bonds, _lines[_plays.length - 1][who].bonds) = (1, 1);
        held += _bond(entry);
    }

    /// @dev The operator's trace: an honest one's is canonical.
    function post(uint256 which, uint256 how, uint256 seed) public {
        (bool there, uint256 index) = _game(which);
        if (!there) return;
        _post(index, _lieFor(index, seed), how % 2 == 0 ? Way.DIRECT : Way(how / 2 % (uint256(type(Way).max) + 1)));
    }

    /// @dev What the operator's trace is like.
    function _lieFor(uint256 index, uint256 seed) internal view returns (Lie memory lie) {
        Play storage play = _plays[index];
        uint256 model = _entries[play.entry].model;
        if (_isHonest(play.answer.operator) || _isBroken(model) || seed % 8 == 0) return lie;
        return _lie(_program(model), seed / 8);
    }

    function _post(uint256 index, Lie memory lie, Way way) internal {
        Play storage play = _plays[index];
        Trace memory trace = _traceOf(index, lie);
        bool isLong = trace.roots.length > MOST_ROOTS;
        bytes32[] memory roots = isLong ? new bytes32[](0) : trace.roots;
        if (way == Way.OTHER_ROOT && isLong) way = Way.DIRECT;
        if (way == Way.ROOT_COUNT) roots = new bytes32[](roots.length + 1);
        if (way == Way.OTHER_ROOT) trace.root = keccak256("other");
        bool did = _send(play, way, trace.root, roots);
        _agree(_mayPost(play) && (way == Way.DIRECT || way == Way.RELAYED), did, "postTrace");
        if (!did) return;
        (play.postedAt, play.lie) = (_now(), lie);
        Entry storage entry = _entries[play.entry];
        if (_isBroken(entry.model)) return;
        play.target = _target(_program(entry.model), _case(entry.model, entry.which), trace, lie);
    }

    function _send(Play storage play, Way way, bytes32 root, bytes32[] memory roots) private returns (bool did) {
        address operator = play.answer.operator;
        if (way == Way.RELAYED || way == Way.FORGED) {
            bytes32 message = keccak256(abi.encode(keccak256("Trace(bytes32 gameId,bytes32 root)"), play.id, root));
            bytes memory signature = _signFor(address(dispute), way == Way.FORGED ? 99 : _keyOf(operator), message);
            try dispute.postTraceFor(_subject(play), root, roots, signature) {
                did = true;
            } catch {}
        } else {
            vm.prank(way == Way.STRANGER ? OUTSIDE : operator);
            try dispute.postTrace(_subject(play), root, roots) {
                did = true;
            } catch {}
        }
    }

    // ------------------------------------------------------------------ ending by time

    function _mayForfeit(uint256 index, Position memory position) internal view returns (bool) {
        Asked storage asked = _asked[index][_key(position)];
        return _isOpen(_plays[index]) && asked.owner != address(0) && asked.revealedAt == 0 && _now() >= asked.due;
    }

    function forfeitTrace(uint256 which) public {
        (bool there, uint256 index) = _game(which);
        if (there) _forfeitTrace(index);
    }

    function _forfeitTrace(uint256 index) internal {
        Play storage play = _plays[index];
        bool did;
        try dispute.forfeitTrace(_subject(play)) {
            did = true;
        } catch {}
        _agree(_mayForfeitTrace(play), did, "forfeitTrace");
        if (did) _refuted(index, play.opener, Ending.NO_TRACE);
    }

    /// @dev A demand, or where there is none something nobody demanded.
    function forfeitDemand(uint256 which, uint256 what) public {
        (bool there, uint256 index) = _game(which);
        if (!there) return;
        uint256 n = _plays[index].positions.length;
        _forfeitDemand(index, n == 0 ? Position(2, 0, 0) : _plays[index].positions[what % n]);
    }

    function _forfeitDemand(uint256 index, Position memory position) internal {
        Play storage play = _plays[index];
        bool did;
        try dispute.forfeitDemand(_subject(play), position) {
            did = true;
        } catch {}
        _agree(_mayForfeit(index, position), did, "forfeitDemand");
        if (did) _refuted(index, _asked[index][_key(position)].owner, Ending.NO_REVEAL);
    }

    function resolve(uint256 which) public {
        (bool there, uint256 index) = _game(which);
        if (there) _resolve(index);
    }

    function _resolve(uint256 index) internal {
        Play storage play = _plays[index];
        bool did;
        try dispute.resolve(_subject(play)) {
            did = true;
        } catch {}
        _agree(_mayResolve(play), did, "resolve");
        if (did) _upheld(index);
    }

    // ------------------------------------------------------------------ money

    function claim(uint256 which, uint256 who) public {
        if (_plays.length > 0) _claim(which % _plays.length, account(who));
    }

    function _claim(uint256 index, address owner) internal {
        Play storage play = _plays[index];
        Line storage line = _lines[index][owner];
        bool should = (play.verdict == Verdict.REFUTED || play.verdict == Verdict.VOIDED) && line.bonds > 0;
        bool did;
        try dispute.claim(play.id, owner) {
            did = true;
        } catch {}
        _agree(should, did, "claim");
        if (!did) return;
        uint256 amount = line.bonds * _bond(_entries[play.entry]);
        play.bonds -= line.bonds;
        line.bonds = 0;
        held -= amount;
        credit[owner] += amount;
    }

    /// @dev All the credit, one wei more, or something else.
    function cash(uint256 who, uint256 amount, uint256 greed) public {
        address owner = account(who);
        amount = [credit[owner], credit[owner] + 1, bound(amount, 0, credit[owner])][greed % 3];
        _cash(owner, amount);
    }

    function _cash(address owner, uint256 amount) internal {
        bool did;
        vm.prank(owner);
        try dispute.withdraw(amount, OUTSIDE) {
            did = true;
        } catch {}
        _agree(amount <= credit[owner], did, "withdraw credit");
        if (did) credit[owner] -= amount;
    }

    // ------------------------------------------------------------------ which

    /// @dev One of the last games.
    function _game(uint256 which) internal view returns (bool there, uint256 index) {
        if (_plays.length == 0) return (false, 0);
        return (true, _plays.length - 1 - which % _less(_plays.length, LIVELY));
    }

    function _traceOf(uint256 index, Lie memory lie) internal view returns (Trace memory) {
        Entry storage entry = _entries[_plays[index].entry];
        return _trace(_program(entry.model), _case(entry.model, entry.which), lie, _plays[index].output);
    }

    /// @dev Anyone but the honest challenger.
    function _anyone(uint256 who) internal view returns (address) {
        uint256 place = who % (_accounts.length - 1);
        return _accounts[place < WATCHER ? place : place + 1];
    }

    function _keyOf(address operator) private view returns (uint256 key) {
        while (_accounts[key++] != operator) {}
    }
}
