// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AnswerSignature} from "contracts/AnswerSignature.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {AnswerItem, AnswerRef, Request, RequestId, SettleItem, Status} from "contracts/interfaces/Types.sol";
import {ForceSender} from "contracts/mocks/ForceSender.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Many actors use one oracle in any order. Beside it runs a second, simpler book of what should have happened:
/// whether each call should succeed, where each request stands, what everybody owns. Calls that go otherwise than the
/// book says revert with `Disagreed`, and `Invariants` compares the books after every call.
contract Handler is Fixture {
    /// @dev What the book knows of a request.
    struct Entry {
        Request request;
        RequestId id;
        Status status;
        uint8 attempt;
        uint256 time;
        bool delivered;
        AnswerRef answer;
        bytes output;
        uint256 finals;
    }

    uint256 internal constant ACTORS = 4;
    uint256 internal constant CONSUMERS = 4;
    uint32 internal constant CALLBACK_GAS = 200_000;
    uint256 internal constant MAX_ATTEMPTS = 8;

    /// @dev Calls go to one of the last requests, so that fifty calls lead one through its whole life.
    uint256 internal constant LIVELY = 4;
    uint256 internal constant STAKE = 5 ether;

    /// @dev The book.
    Entry[] internal _entries;
    mapping(address account => uint256 wei_) public owned;
    uint256 public escrow;
    uint256 public burnt;
    uint256 public forced;
    mapping(Status status => uint256 times) public reached;

    /// @dev The first call that went otherwise than the book says.
    string public disagreement;

    HostileConsumer[] internal _consumers;

    constructor() {
        _deploy();
        for (uint256 i = 0; i < CONSUMERS; ++i) {
            _consumers.push(new HostileConsumer());
        }
        for (uint256 i = 0; i < ACTORS; ++i) {
            vm.deal(address(this), STAKE);
            oracle.deposit{value: STAKE}(account(i));
            owned[account(i)] = STAKE;
        }
    }

    // ------------------------------------------------------------------ actions

    function request(uint256 who, uint48 fee, uint48 bond, bool named, bool callback) external {
        address requester = account(who);
        address operator = named ? account(fee % ACTORS) : address(0);
        fee = uint48(bound(fee, 0, 1e9));
        Request memory made = _newRequest(
            requester, _entries.length, _policy(operator, fee, uint48(bound(bond, 0, 3e9))), callback ? CALLBACK_GAS : 0
        );
        vm.deal(requester, uint256(fee) * 1 gwei);
        vm.prank(requester);
        RequestId id = oracle.request{value: uint256(fee) * 1 gwei}(made, INPUT);
        Entry storage entry = _entries.push();
        (entry.request, entry.id, entry.attempt) = (made, id, 1);
        _move(entry, Status.REQUESTED);
        escrow += _fee(entry);
    }

    /// @dev A used id, with its fee: never again.
    function requestAgain(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        address requester = entry.request.requester;
        vm.deal(requester, _fee(entry));
        vm.prank(requester);
        try oracle.request{value: _fee(entry)}(entry.request, INPUT) {
            _agree(false, true, "request again");
        } catch {}
    }

    function answer(uint256 which, uint256 who, uint256 output, bool oldAttempt) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        address operator = account(who % ACTORS);
        uint8 attempt = oldAttempt ? entry.attempt - 1 : entry.attempt;
        bytes memory packed = abi.encode(output);
        bool did;
        vm.prank(operator);
        try oracle.answer(entry.request, attempt, packed, SOFTWARE, MANIFEST) {
            did = true;
        } catch {}
        _agree(!oldAttempt && _answerable(entry, operator), did, "answer");
        if (did) _answered(entry, operator, packed);
    }

    function answerFor(uint256 which, uint256 who, uint256 output, bool forged) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        address operator = account(who % ACTORS);
        bytes memory packed = abi.encode(output);
        uint64 validUntil = uint64(block.timestamp);
        bytes memory signature = _sign(
            forged ? 99 : who % ACTORS + 1, _answerHash(entry.id, entry.attempt, entry.request, packed, validUntil)
        );
        bool did;
        try oracle.answerFor(
            entry.request, entry.attempt, packed, SOFTWARE, MANIFEST, operator, validUntil, signature
        ) {
            did = true;
        } catch {}
        _agree(!forged && _answerable(entry, operator), did, "answerFor");
        if (did) _answered(entry, operator, packed);
    }

    /// @dev A relayed batch of two, which may be the same request twice.
    function answerManyFor(uint256 first, uint256 second, uint256 who) external {
        if (_entries.length == 0) return;
        uint256[2] memory places = [_place(first), _place(second)];
        address operator = account(who % ACTORS);
        bytes memory packed = abi.encode(who);
        uint64 validUntil = uint64(block.timestamp);
        AnswerItem[] memory items = new AnswerItem[](2);
        bytes32[] memory hashes = new bytes32[](2);
        for (uint256 i = 0; i < 2; ++i) {
            Entry storage entry = _entries[places[i]];
            items[i] = AnswerItem(entry.request, entry.attempt, packed);
            hashes[i] = _answerHash(entry.id, entry.attempt, entry.request, packed, validUntil);
        }
        bytes memory signature = _sign(who % ACTORS + 1, AnswerSignature.hashBatch(hashes));
        oracle.answerManyFor(items, SOFTWARE, MANIFEST, operator, validUntil, signature);
        for (uint256 i = 0; i < 2; ++i) {
            Entry storage entry = _entries[places[i]];
            if (_answerable(entry, operator)) _answered(entry, operator, packed);
        }
    }

    function settle(uint256 which, bool wrong) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        AnswerRef memory ref = entry.answer;
        if (wrong) ref.operator = account(which / 2 + 1);
        bool should = _settleable(entry) && ref.operator == entry.answer.operator;
        bool did;
        try oracle.settle(entry.request, ref) {
            did = true;
        } catch {}
        _agree(should, did, "settle");
        if (did) _finalised(entry);
    }

    function settleMany(uint256 first, uint256 second) external {
        if (_entries.length == 0) return;
        Entry storage one = _entries[_place(first)];
        Entry storage two = _entries[_place(second)];
        SettleItem[] memory items = new SettleItem[](2);
        items[0] = SettleItem(one.request, one.answer);
        items[1] = SettleItem(two.request, two.answer);
        oracle.settleMany(items);
        if (_settleable(one)) _finalised(one);
        if (_settleable(two)) _finalised(two);
    }

    function finalize(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try oracle.finalize(entry.request, entry.answer, entry.output) {
            did = true;
        } catch {}
        _agree(_settleable(entry), did, "finalize");
        if (!did) return;
        _finalised(entry);
        entry.delivered = _takes(entry);
    }

    function deliver(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try oracle.deliver(entry.request, entry.output) {
            did = true;
        } catch {}
        bool should = entry.status == Status.FINAL && !entry.delivered && entry.request.callbackGas != 0;
        _agree(should, did, "deliver");
        if (did) entry.delivered = _takes(entry);
    }

    function expire(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try oracle.expire(entry.request) {
            did = true;
        } catch {}
        _agree(entry.status == Status.REQUESTED && block.timestamp >= entry.time + ANSWER_TIME, did, "expire");
        if (did) _refunded(entry, Status.EXPIRED);
    }

    function challenge(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try seat.challenge(oracle, entry.request, entry.answer) {
            did = true;
        } catch {}
        _agree(entry.status == Status.ANSWERED && block.timestamp < entry.time + WINDOW, did, "challenge");
        if (did) {
            uint256 answeredAt = entry.time;
            _move(entry, Status.DISPUTED);
            entry.time = answeredAt;
        }
    }

    function refute(uint256 which, uint256 finder, uint256 opener) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try seat.refute(oracle, entry.request, entry.answer, account(finder), account(opener)) {
            did = true;
        } catch {}
        _agree(entry.status == Status.DISPUTED, did, "refute");
        if (!did) return;
        _slashed(entry, account(finder), account(opener));
        if (uint160(entry.request.policy.head >> 96) == 0 && entry.attempt < MAX_ATTEMPTS) {
            ++entry.attempt;
            _move(entry, Status.REQUESTED);
        } else {
            _refunded(entry, Status.EXPIRED);
        }
    }

    function uphold(uint256 which) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try seat.uphold(oracle, entry.request, entry.answer) {
            did = true;
        } catch {}
        _agree(entry.status == Status.DISPUTED, did, "uphold");
        if (did) _finalised(entry);
    }

    function void(uint256 which, uint256 finder, uint256 opener) external {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        bool did;
        try seat.void(oracle, entry.request, entry.answer, account(finder), account(opener)) {
            did = true;
        } catch {}
        _agree(entry.status == Status.DISPUTED, did, "void");
        if (!did) return;
        _slashed(entry, account(finder), account(opener));
        _refunded(entry, Status.VOID);
    }

    function deposit(uint256 who, uint256 amount) external {
        amount = bound(amount, 0, 10 ether);
        vm.deal(address(this), amount);
        oracle.deposit{value: amount}(account(who));
        owned[account(who)] += amount;
    }

    /// @dev All that is owned, one wei more than is free, all that is free or something else: only what is free may leave.
    function withdraw(uint256 who, uint256 amount, uint256 greed) external {
        address owner = account(who);
        uint256 free = owned[owner] - lockedOf(owner);
        amount = [owned[owner], free + 1, free, bound(amount, 0, owned[owner])][greed % 4];
        address payable to = payable(address(uint160(0xBEEF0000)));
        bool did;
        vm.prank(owner);
        try oracle.withdraw(amount, to) {
            did = true;
        } catch {}
        _agree(amount <= free, did, "withdraw");
        if (did) owned[owner] -= amount;
    }

    function force(uint256 amount) external {
        amount = bound(amount, 0, 1 ether);
        vm.deal(address(this), amount);
        new ForceSender{value: amount}(payable(address(oracle)));
        forced += amount;
    }

    function temper(uint256 which, uint256 mode, uint256 amount) external {
        HostileConsumer consumer = _consumers[which % CONSUMERS];
        consumer.set(
            HostileConsumer.Mode(mode % (uint256(type(HostileConsumer.Mode).max) + 1)),
            abi.encodeCall(IInferenceOracle.withdraw, (amount % 1 gwei, payable(address(consumer))))
        );
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 0, ANSWER_TIME));
    }

    // ------------------------------------------------------------------ the book

    function entries() external view returns (Entry[] memory) {
        return _entries;
    }

    function system() external view returns (IInferenceOracle) {
        return oracle;
    }

    /// @dev Actors sign with the keys 1 to `ACTORS`; after them come the consumers.
    function account(uint256 who) public view returns (address) {
        uint256 place = who % (ACTORS + CONSUMERS);
        return place < ACTORS ? vm.addr(place + 1) : address(_consumers[place - ACTORS]);
    }

    function accounts() external pure returns (uint256) {
        return ACTORS + CONSUMERS;
    }

    /// @dev Bonds of the provisional answers of an account.
    function lockedOf(address owner) public view returns (uint256 locked) {
        for (uint256 i = 0; i < _entries.length; ++i) {
            Entry storage entry = _entries[i];
            bool provisional = entry.status == Status.ANSWERED || entry.status == Status.DISPUTED;
            if (provisional && entry.answer.operator == owner) locked += _bond(entry);
        }
    }

    /// @dev Times an account's callback took an answer.
    function taken(Entry calldata entry) external view returns (uint256) {
        address requester = entry.request.requester;
        return requester.code.length == 0 ? 0 : HostileConsumer(payable(requester)).taken(entry.id);
    }

    function _place(uint256 which) private view returns (uint256) {
        uint256 back = which % (_entries.length < LIVELY ? _entries.length : LIVELY);
        return _entries.length - 1 - back;
    }

    function _answered(Entry storage entry, address operator, bytes memory output) private {
        (entry.answer, entry.output) = (_ref(operator, output), output);
        _move(entry, Status.ANSWERED);
    }

    function _finalised(Entry storage entry) private {
        escrow -= _fee(entry);
        owned[entry.answer.operator] += _fee(entry);
        ++entry.finals;
        _move(entry, Status.FINAL);
    }

    function _refunded(Entry storage entry, Status status) private {
        escrow -= _fee(entry);
        owned[entry.request.requester] += _fee(entry);
        _move(entry, status);
    }

    function _slashed(Entry storage entry, address finder, address opener) private {
        uint256 toFinder = _bond(entry) * 40 / 100;
        uint256 toOpener = _bond(entry) * 10 / 100;
        owned[entry.answer.operator] -= _bond(entry);
        owned[finder] += toFinder;
        owned[opener] += toOpener;
        burnt += _bond(entry) - toFinder - toOpener;
    }

    function _move(Entry storage entry, Status to) private {
        (entry.status, entry.time) = (to, block.timestamp);
        ++reached[to];
    }

    function _answerable(Entry storage entry, address operator) private view returns (bool) {
        address named = address(uint160(entry.request.policy.head >> 96));
        return entry.status == Status.REQUESTED && block.timestamp < entry.time + ANSWER_TIME
            && (named == address(0) || named == operator) && owned[operator] - lockedOf(operator) >= _bond(entry);
    }

    function _settleable(Entry storage entry) private view returns (bool) {
        return entry.status == Status.ANSWERED && block.timestamp >= entry.time + WINDOW;
    }

    /// @dev Whether the requester takes an answer: it asked for a callback and is a contract that does not refuse.
    function _takes(Entry storage entry) private view returns (bool) {
        address requester = entry.request.requester;
        if (entry.request.callbackGas == 0 || requester.code.length == 0) return false;
        HostileConsumer.Mode mode = HostileConsumer(payable(requester)).mode();
        return mode == HostileConsumer.Mode.TAKE || mode == HostileConsumer.Mode.REENTER;
    }

    function _fee(Entry storage entry) private view returns (uint256) {
        return uint256(uint48(entry.request.policy.head >> 48)) * 1 gwei;
    }

    function _bond(Entry storage entry) private view returns (uint256) {
        return uint256(uint48(entry.request.policy.head)) * 1 gwei;
    }

    function _agree(bool should, bool did, string memory what) private {
        if (should != did && bytes(disagreement).length == 0) {
            disagreement = string.concat(what, should ? " was refused" : " went through");
        }
    }
}
