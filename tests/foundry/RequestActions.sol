// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AnswerSignature} from "contracts/AnswerSignature.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {
    AnswerItem,
    AnswerRef,
    InputKind,
    ModelId,
    Request,
    RequestId,
    SettleItem,
    Status
} from "contracts/interfaces/Types.sol";
import {ForceSender} from "contracts/mocks/ForceSender.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {System} from "./System.sol";

/// @dev What requesters, operators, consumers and anyone else do with the oracle. Every call is held to the book.
abstract contract RequestActions is System {
    // ------------------------------------------------------------------ asking

    function request(uint256 who, uint48 fee, uint48 bond, uint256 model, uint256 how) public {
        address requester = account(who);
        fee = uint48(bound(fee, 0, 1e9));
        bond = uint48(bound(bond, 0, 3e9));
        address named = how % 4 == 0 ? account(how / 4 % OPERATORS) : address(0);
        Request memory made =
            _newRequest(requester, _entries.length, _policy(named, fee, bond), how % 3 != 0 ? CALLBACK_GAS : 0);
        Entry storage entry = _entries.push();
        // Half of all requests are for the small model, and more than half of the others for the long one.
        entry.model =
            model % 2 == 0 ? SMALL : [LONG, LONG, LONG, LONG, BROKEN, BROKEN, MISCOUNTED, INTOLERABLE][model / 2 % 8];
        entry.which = how / 16 % CASES;
        entry.watched = how / 32 % 3 != 0;
        Case memory asked = _case(entry.model, entry.which);
        bytes memory input = asked.input;
        bool asRoots = how / 128 % 3 == 0 && !_isBroken(entry.model);
        if (asRoots) (made.inputKind, input) = (InputKind.ROOT, abi.encodePacked(asked.roots[0]));
        made.inputHash = keccak256(input);
        made.modelId = ModelId.wrap(keccak256(abi.encode(_program(entry.model).model)));
        vm.deal(requester, uint256(fee) * 1 gwei);
        vm.prank(requester);
        entry.id = asRoots
            ? oracle.requestRoots{value: uint256(fee) * 1 gwei}(made, _one(asked.roots[0]), "")
            : oracle.request{value: uint256(fee) * 1 gwei}(made, input);
        (entry.request, entry.attempt) = (made, 1);
        _move(entry, Status.REQUESTED);
        escrow += _fee(entry);
    }

    /// @dev A used id, with its fee: never again.
    function requestAgain(uint256 which) public {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        Case memory asked = _case(entry.model, entry.which);
        vm.deal(entry.request.requester, _fee(entry));
        bool did;
        vm.prank(entry.request.requester);
        if (entry.request.inputKind == InputKind.BYTES) {
            try oracle.request{value: _fee(entry)}(entry.request, asked.input) {
                did = true;
            } catch {}
        } else {
            try oracle.requestRoots{value: _fee(entry)}(entry.request, _one(asked.roots[0]), "") {
                did = true;
            } catch {}
        }
        _agree(false, did, "request again");
    }

    // ------------------------------------------------------------------ answering

    function answer(uint256 which, uint256 who, uint256 how, bool oldAttempt) public {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        address operator = account(who % OPERATORS);
        if (_declines(entry, operator)) return;
        uint8 attempt = oldAttempt ? entry.attempt - 1 : entry.attempt;
        (bytes memory output, bool right) = _output(entry, operator, how);
        bool did;
        vm.prank(operator);
        try oracle.answer(entry.request, attempt, output, SOFTWARE, MANIFEST) {
            did = true;
        } catch {}
        _agree(!oldAttempt && _isAnswerable(entry, operator), did, "answer");
        if (did) _answered(entry, operator, output, right);
    }

    function answerFor(uint256 which, uint256 who, uint256 how, bool forged) public {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        address operator = account(who % OPERATORS);
        if (_declines(entry, operator)) return;
        (bytes memory output, bool right) = _output(entry, operator, how);
        uint64 validUntil = uint64(_now());
        bytes memory signature = _sign(
            forged ? 99 : who % OPERATORS + 1, _answerHash(entry.id, entry.attempt, entry.request, output, validUntil)
        );
        bool did;
        try oracle.answerFor(
            entry.request, entry.attempt, output, SOFTWARE, MANIFEST, operator, validUntil, signature
        ) {
            did = true;
        } catch {}
        _agree(!forged && _isAnswerable(entry, operator), did, "answerFor");
        if (did) _answered(entry, operator, output, right);
    }

    /// @dev A relayed batch of two, which may be the same request twice.
    function answerManyFor(uint256 first, uint256 second, uint256 who, uint256 how) public {
        if (_entries.length == 0) return;
        uint256[2] memory places = [_place(first), _place(second)];
        address operator = account(who % OPERATORS);
        uint64 validUntil = uint64(_now());
        AnswerItem[] memory items = new AnswerItem[](2);
        bytes32[] memory hashes = new bytes32[](2);
        bool[2] memory right;
        for (uint256 i = 0; i < 2; ++i) {
            Entry storage entry = _entries[places[i]];
            if (_declines(entry, operator)) return;
            bytes memory output;
            (output, right[i]) = _output(entry, operator, how);
            items[i] = AnswerItem(entry.request, entry.attempt, output);
            hashes[i] = _answerHash(entry.id, entry.attempt, entry.request, output, validUntil);
        }
        bytes memory signature = _sign(who % OPERATORS + 1, AnswerSignature.hashBatch(hashes));
        oracle.answerManyFor(items, SOFTWARE, MANIFEST, operator, validUntil, signature);
        for (uint256 i = 0; i < 2; ++i) {
            Entry storage entry = _entries[places[i]];
            if (_isAnswerable(entry, operator)) _answered(entry, operator, items[i].output, right[i]);
        }
    }

    /// @dev Honest operators answer no model whose program has a fault.
    function _declines(Entry storage entry, address operator) private view returns (bool) {
        return _isHonest(operator) && _isBroken(entry.model);
    }

    /// @dev An answer, right in one of two ways or wrong in one of two; honest operators give right ones.
    function _output(Entry storage entry, address operator, uint256 how)
        private
        view
        returns (bytes memory output, bool right)
    {
        output = _case(entry.model, entry.which).output;
        if (_isBroken(entry.model)) return (output, false);
        uint256 index = how / 16 % (output.length / ELEMENT_BYTES) * ELEMENT_BYTES;
        if (_isHonest(operator) || how % 4 == 0) {
            if (how / 8 % 2 == 0) output[index + 3] ^= 0x01;
            return (output, true);
        }
        if (how % 4 == 1) return (bytes.concat(output, bytes4(0)), false);
        output[index + 1] ^= 0x40;
    }

    // ------------------------------------------------------------------ ending

    function settle(uint256 which, bool wrong) public {
        if (_entries.length == 0) return;
        Entry storage entry = _entries[_place(which)];
        AnswerRef memory ref = entry.answer;
        if (wrong) ref.operator = account(which / 2 + 1);
        bool should = _isSettleable(entry) && ref.operator == entry.answer.operator;
        bool did;
        try oracle.settle(entry.request, ref) {
            did = true;
        } catch {}
        _agree(should, did, "settle");
        if (did) _finalised(entry);
    }

    function settleMany(uint256 first, uint256 second) public {
        if (_entries.length == 0) return;
        Entry storage one = _entries[_place(first)];
        Entry storage two = _entries[_place(second)];
        SettleItem[] memory items = new SettleItem[](2);
        items[0] = SettleItem(one.request, one.answer);
        items[1] = SettleItem(two.request, two.answer);
        oracle.settleMany(items);
        if (_isSettleable(one)) _finalised(one);
        if (_isSettleable(two)) _finalised(two);
    }

    function finalize(uint256 which) public {
        if (_entries.length == 0) return;
        _finalize(_entries[_place(which)]);
    }

    function _finalize(Entry storage entry) internal {
        bool did;
        try oracle.finalize(entry.request, entry.answer, entry.output) {
            did = true;
        } catch {}
        _agree(_isSettleable(entry), did, "finalize");
        if (!did) return;
        _finalised(entry);
        entry.delivered = _takes(entry);
    }

    function deliver(uint256 which) public {
        if (_entries.length == 0) return;
        _deliver(_entries[_place(which)]);
    }

    function _deliver(Entry storage entry) internal {
        bool did;
        try oracle.deliver(entry.request, entry.output) {
            did = true;
        } catch {}
        bool should = entry.status == Status.FINAL && !entry.delivered && entry.request.callbackGas != 0;
        _agree(should, did, "deliver");
        if (did) entry.delivered = _takes(entry);
    }

    function expire(uint256 which) public {
        if (_entries.length == 0) return;
        _expire(_entries[_place(which)]);
    }

    function _expire(Entry storage entry) internal {
        bool did;
        try oracle.expire(entry.request) {
            did = true;
        } catch {}
        _agree(entry.status == Status.REQUESTED && _now() >= entry.time + ANSWER_TIME, did, "expire");
        if (did) _refunded(entry, Status.EXPIRED);
    }

    // ------------------------------------------------------------------ money and tempers

    function deposit(uint256 who, uint256 amount) public {
        amount = bound(amount, 0, 10 ether);
        vm.deal(address(this), amount);
        oracle.deposit{value: amount}(account(who));
        owned[account(who)] += amount;
    }

    /// @dev All that is owned, one wei more than is free, all that is free or something else: only what is free may leave.
    function withdraw(uint256 who, uint256 amount, uint256 greed) public {
        address owner = account(who);
        uint256 free = owned[owner] - lockedOf(owner);
        amount = [owned[owner], free + 1, free, bound(amount, 0, owned[owner])][greed % 4];
        bool did;
        vm.prank(owner);
        try oracle.withdraw(amount, OUTSIDE) {
            did = true;
        } catch {}
        _agree(amount <= free, did, "withdraw");
        if (did) owned[owner] -= amount;
    }

    /// @dev Ether nobody asked for, upon both contracts.
    function force(uint256 amount) public {
        amount = bound(amount, 0, 1 ether);
        vm.deal(address(this), 2 * amount);
        new ForceSender{value: amount}(payable(address(oracle)));
        new ForceSender{value: amount}(payable(address(dispute)));
        forced += amount;
    }

    function temper(uint256 which, uint256 mode, uint256 amount) public {
        HostileConsumer consumer = HostileConsumer(payable(_accounts[KEYS + which % CONSUMERS]));
        consumer.set(
            HostileConsumer.Mode(mode % (uint256(type(HostileConsumer.Mode).max) + 1)),
            abi.encodeCall(IInferenceOracle.withdraw, (amount % 1 gwei, payable(address(consumer))))
        );
    }

    function _one(bytes32 root) private pure returns (bytes32[] memory roots) {
        roots = new bytes32[](1);
        roots[0] = root;
    }
}
