// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {GameId, Position, Verdict} from "contracts/interfaces/IDispute.sol";
import {AnswerRef, Request, RequestId, Status} from "contracts/interfaces/Types.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {Traces} from "./Traces.sol";

/// @dev A second, simpler book of what should have happened: where each request and each game stands, whether a move is
/// possible, what everybody owns. It is written from docs/protocol.md and docs/disputes.md and knows no contract.
abstract contract Book is Traces {
    /// @dev What the book knows of a request. `play` is one more than its last game's place, 0 where there was none.
    struct Entry {
        Request request;
        RequestId id;
        uint256 model;
        uint256 which;
        bool watched;
        Status status;
        uint8 attempt;
        uint256 time;
        bool delivered;
        AnswerRef answer;
        bytes output;
        bool right;
        uint256 finals;
        uint256 play;
    }

    /// @dev What the book knows of a game. `plan` is what a dishonest operator does of itself, `target` what is wrong with its
    /// trace.
    struct Play {
        uint256 entry;
        GameId id;
        Verdict verdict;
        AnswerRef answer;
        uint8 attempt;
        bytes output;
        bool right;
        address opener;
        uint256 answeredAt;
        uint256 challengedAt;
        uint256 plan;
        uint256 postedAt;
        Lie lie;
        Target target;
        uint256 lastDue;
        uint256 latest;
        uint256 open;
        uint256 bonds;
        Position[] positions;
    }

    /// @dev A demand.
    struct Asked {
        address owner;
        uint256 due;
        uint256 revealedAt;
    }

    /// @dev An account's chain, its last demand and when it made that.
    struct Line {
        uint256 bonds;
        uint256 demands;
        bytes32 last;
        uint256 madeAt;
    }

    /// @dev How a game ended; the first eight are those of `Fault`.
    enum Ending {
        STEP,
        CONSTANT,
        INPUT,
        ANSWER,
        MODEL,
        HEADER,
        NODE,
        OPERAND,
        NO_TRACE,
        NO_REVEAL,
        UPHELD
    }

    uint256 internal constant MAX_ATTEMPTS = 8;
    uint256 internal constant MAX_DEMANDS = 7;
    uint256 internal constant DEMANDS_PER_MOVE = 8;
    uint256 internal constant UPHELD_SHARE = 7_500;

    Entry[] internal _entries;
    Play[] internal _plays;
    mapping(uint256 play => mapping(bytes32 position => Asked)) internal _asked;
    mapping(uint256 play => mapping(address account => Line)) internal _lines;

    /// @dev In the oracle.
    mapping(address account => uint256 wei_) public owned;
    uint256 public escrow;

    /// @dev In the dispute contract: bonds of games that are open or not yet claimed, and credits.
    uint256 public held;
    mapping(address account => uint256 wei_) public credit;

    uint256 public burnt;
    mapping(Status status => uint256 times) public reached;
    mapping(Ending ending => uint256 times) public ended;

    /// @dev The first call that went otherwise than the book says.
    string public disagreement;

    // ------------------------------------------------------------------ requests

    function _move(Entry storage entry, Status to) internal {
        _agree(true, _isAllowed(entry.status, to), "a change of status");
        (entry.status, entry.time) = (to, _now());
        ++reached[to];
    }

    function _isAllowed(Status from, Status to) private pure returns (bool) {
        if (from == Status.NONE) return to == Status.REQUESTED;
        if (from == Status.REQUESTED) return to == Status.ANSWERED || to == Status.EXPIRED;
        if (from == Status.ANSWERED) return to == Status.DISPUTED || to == Status.FINAL;
        bool ends = to == Status.FINAL || to == Status.EXPIRED || to == Status.VOID;
        return from == Status.DISPUTED && (ends || to == Status.REQUESTED);
    }

    function _answered(Entry storage entry, address operator, bytes memory output, bool right) internal {
        (entry.answer, entry.output, entry.right) = (_ref(operator, output), output, right);
        _move(entry, Status.ANSWERED);
    }

    function _finalised(Entry storage entry) internal {
        owned[entry.answer.operator] += _fee(entry);
        escrow -= _fee(entry);
        ++entry.finals;
        _move(entry, Status.FINAL);
    }

    function _refunded(Entry storage entry, Status to) internal {
        owned[entry.request.requester] += _fee(entry);
        escrow -= _fee(entry);
        _move(entry, to);
    }

    function _isAnswerable(Entry storage entry, address operator) internal view returns (bool) {
        address named = _named(entry);
        return entry.status == Status.REQUESTED && _now() < entry.time + ANSWER_TIME
            && (named == address(0) || named == operator) && owned[operator] - lockedOf(operator) >= _bond(entry);
    }

    function _isSettleable(Entry storage entry) internal view returns (bool) {
        return entry.status == Status.ANSWERED && _now() >= entry.time + WINDOW;
    }

    /// @dev Whether the requester takes an answer: it asked for a callback and is a contract that does not refuse.
    function _takes(Entry storage entry) internal view returns (bool) {
        address requester = entry.request.requester;
        if (entry.request.callbackGas == 0 || requester.code.length == 0) return false;
        HostileConsumer.Mode mode = HostileConsumer(payable(requester)).mode();
        return mode == HostileConsumer.Mode.TAKE || mode == HostileConsumer.Mode.REENTER;
    }

    /// @dev Bonds of the provisional answers of an account.
    function lockedOf(address owner) public view returns (uint256 locked) {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            bool provisional = entry.status == Status.ANSWERED || entry.status == Status.DISPUTED;
            if (provisional && entry.answer.operator == owner) locked += _bond(entry);
        }
    }

    function _named(Entry storage entry) internal view returns (address) {
        return address(uint160(entry.request.policy.head >> 96));
    }

    function _fee(Entry storage entry) internal view returns (uint256) {
        return uint256(uint48(entry.request.policy.head >> 48)) * 1 gwei;
    }

    /// @dev The operator's, and as much asked of a challenger.
    function _bond(Entry storage entry) internal view returns (uint256) {
        return uint256(uint48(entry.request.policy.head)) * 1 gwei;
    }

    // ------------------------------------------------------------------ both books

    function _agree(bool should, bool did, string memory what) internal {
        if (should != did && bytes(disagreement).length == 0) {
            disagreement = string.concat(what, should ? " was refused" : " went through");
        }
    }

    function _greater(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a : b;
    }

    function _less(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @dev The clock, which calls move.
    function _now() internal view returns (uint256) {
        return vm.getBlockTimestamp();
    }
}
