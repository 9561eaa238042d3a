// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {RequestStateLib} from "contracts/RequestState.sol";
import {Status} from "contracts/interfaces/Types.sol";
import {Handler} from "./Handler.sol";
import {Test} from "./Vm.sol";

/// @dev What holds after any calls by anybody, at any time:
///
/// 1. Money is conserved: the oracle's ether is exactly all balances, the fees of open requests and what was forced upon
///    it; what a refutation burns has left. Everybody owns what a second book says.
/// 2. Locked is exactly the bonds of an account's provisional answers, never above its balance, and never withdrawn.
/// 3. A request moves only as the book lets it. Never: out of FINAL, EXPIRED or VOID; to FINAL but from ANSWERED after the
///    window or from DISPUTED; to EXPIRED from ANSWERED; to REQUESTED again but from DISPUTED; to VOID or DISPUTED but
///    through the dispute contract; to DISPUTED after the window; and no attempt beyond the eighth.
/// 4. A request has at most one final answer, its consumer takes it at most once, and its word says so.
/// 5. An id is used once.
contract Invariants is Test {
    address private constant BURN = address(0);

    Handler private handler;
    uint256 private burntBefore;

    function setUp() external {
        handler = new Handler();
        burntBefore = BURN.balance;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_protocol() external view {
        IInferenceOracle oracle = handler.system();
        assertTrue(bytes(handler.disagreement()).length == 0, handler.disagreement());
        _checkMoney(oracle);
        _checkRequests(oracle);
    }

    /// @dev Invariants over paths nobody walks would hold of anything: seventy random walks of fifty steps, each from a new
    /// system, lead to every status, to deliveries, reopenings and burns.
    function test_random_walks_reach_every_status_and_keep_the_invariant() external {
        uint256 seed = 7;
        uint256[7] memory reached;
        uint256 delivered;
        uint256 reopened;
        uint256 burns;
        for (uint256 walk = 0; walk < 70; ++walk) {
            handler = new Handler();
            burntBefore = BURN.balance;
            for (uint256 step = 0; step < 50; ++step) {
                seed = uint256(keccak256(abi.encode(seed)));
                _act(seed);
            }
            this.invariant_protocol();
            for (uint256 status = 1; status < reached.length; ++status) {
                reached[status] += handler.reached(Status(status));
            }
            Handler.Entry[] memory entries = handler.entries();
            for (uint256 i = 0; i < entries.length; ++i) {
                if (entries[i].delivered) ++delivered;
                if (entries[i].attempt > 1) ++reopened;
            }
            if (handler.burnt() > 0) ++burns;
        }
        for (uint256 status = 1; status < reached.length; ++status) {
            assertTrue(reached[status] >= 5, string.concat("rarely reached: status ", vm.toString(status)));
        }
        assertTrue(delivered >= 2, "few deliveries");
        assertTrue(reopened >= 5, "few reopenings");
        assertTrue(burns >= 5, "few burns");
    }

    function _act(uint256 seed) private {
        uint256 action = seed % 24;
        (uint256 a, uint256 b, uint256 c) = (seed >> 8, seed >> 72, seed >> 136);
        bool flag = seed >> 250 == 0;
        if (action < 2) handler.request(a, uint48(b), uint48(c), b % 3 == 0, c % 4 != 0);
        else if (action == 2) handler.wait(b);
        else if (action == 3) handler.requestAgain(a);
        else if (action < 6) handler.answer(a, b, c, flag);
        else if (action < 8) handler.answerFor(a, b, c, flag);
        else if (action == 8) handler.answerManyFor(a, b, c);
        else if (action == 9) handler.settle(a, flag);
        else if (action == 10) handler.settleMany(a, b);
        else if (action < 13) handler.finalize(a);
        else if (action == 13) handler.deliver(a);
        else if (action == 14) handler.expire(a);
        else if (action < 17) handler.challenge(a);
        else if (action == 17) handler.refute(a, b, c);
        else if (action == 18) handler.uphold(a);
        else if (action == 19) handler.void(a, b, c);
        else if (action == 20) handler.deposit(a, b);
        else if (action == 21) handler.withdraw(a, b, c);
        else if (action == 22) handler.temper(a, b, c);
        else if (flag) handler.force(a);
        else handler.wait(a);
    }

    function _checkMoney(IInferenceOracle oracle) private view {
        uint256 total;
        for (uint256 i = 0; i < handler.accounts(); ++i) {
            address account = handler.account(i);
            (uint256 balance, uint256 locked) = oracle.accountOf(account);
            assertEq(balance, handler.owned(account), "balance");
            assertEq(locked, handler.lockedOf(account), "locked");
            assertTrue(locked <= balance, "locked above balance");
            total += balance;
        }
        assertEq(address(oracle).balance, total + handler.escrow() + handler.forced(), "ether of the oracle");
        assertEq(BURN.balance - burntBefore, handler.burnt(), "burnt");
    }

    function _checkRequests(IInferenceOracle oracle) private view {
        Handler.Entry[] memory entries = handler.entries();
        for (uint256 i = 0; i < entries.length; ++i) {
            Handler.Entry memory entry = entries[i];
            (Status status, uint8 attempt, uint40 time, bytes25 commitment, bool delivered) = oracle.statusOf(entry.id);
            assertEq(uint256(status), uint256(entry.status), "status");
            assertEq(attempt, entry.attempt, "attempt");
            assertEq(time, entry.time, "time");
            assertTrue(delivered == entry.delivered, "delivered");
            assertTrue(attempt >= 1 && attempt <= 8, "attempts");
            assertEq(entry.finals, status == Status.FINAL ? 1 : 0, "final answers");
            assertEq(handler.taken(entry), delivered ? 1 : 0, "callbacks taken");
            assertEq(bytes32(commitment), bytes32(_commitment(entry)), "commitment");
        }
    }

    function _commitment(Handler.Entry memory entry) private pure returns (bytes25) {
        if (entry.status == Status.FINAL) return RequestStateLib.commitOutput(entry.id, entry.answer.outputHash);
        if (entry.status != Status.ANSWERED && entry.status != Status.DISPUTED) return 0;
        return RequestStateLib.commitAnswer(entry.id, entry.attempt, entry.answer);
    }
}
