// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Demand, Game, GameId, IDispute, Position, Verdict} from "contracts/interfaces/IDispute.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {RequestStateLib} from "contracts/RequestState.sol";
import {RequestId, Status} from "contracts/interfaces/Types.sol";
import {Book} from "./Book.sol";
import {Handler} from "./Handler.sol";
import {FuzzSelector, Test} from "./Vm.sol";

/// @dev What holds after any calls by anybody, at any time, of the whole system with the real verifier:
///
/// 1. Money is conserved. The oracle's ether is exactly all balances, the fees of open requests and what was forced upon it;
///    the dispute contract's is exactly the bonds of games that are open or not yet claimed, all credits and what was
///    forced upon it. What is burnt has left. Everybody owns, and is owed, what a second book says; nothing is paid twice.
/// 2. Locked is exactly the bonds of an account's provisional answers, never above its balance, and never withdrawn.
/// 3. A request moves only as the book lets it. Never: out of FINAL, EXPIRED or VOID; to FINAL but from ANSWERED after the
///    window or from DISPUTED; to EXPIRED from ANSWERED; to REQUESTED again but from DISPUTED; to VOID or DISPUTED but
///    through the dispute contract; to DISPUTED after the window; and no attempt beyond the eighth.
/// 4. A request has at most one final answer, its consumer takes it at most once, and its word says so.
/// 5. An id is used once, and an answer has at most one game.
/// 6. A game moves only as the book lets it. Never: out of UPHELD, REFUTED or VOIDED; to UPHELD without a trace, with a demand
///    open or before its end; to REFUTED but by a right proof or a silence; to VOIDED but by a program fault. A request is
///    DISPUTED exactly while the game of its answer is open.
/// 7. At each second exactly one side may act on a clock, and no game can be both upheld and refuted by silence
///    (`Rivals` tries).
/// 8. No two demands of a game fall due within less than a moveTime over Q. An honest operator, whose every move comes in the last second it may, is never refuted.
/// 9. A wrong answer that the honest challenger watches, who is as late, never becomes final.
/// 10. Games end within the bound of docs/disputes.md section 6. When all have ended, everything can be claimed and withdrawn,
///     and only what was forced upon the contracts is left.
contract Invariants is Test {
    address private constant BURN = address(0);
    uint256 private constant MAX_DEMANDS = 7;
    uint256 private constant BOUND = 20 + 10 + 10 + (2 * MAX_DEMANDS + 2) * 10;
    uint256 private constant SPACING = 2;
    uint256 private constant WALKS = 100;

    /// @dev Something is reached too rarely: statuses, ends of games, and deliveries, further attempts, games with more than two
    /// demands.
    error Rare(uint256[7] statuses, uint256[11] ends, uint256[3] others);

    Handler internal handler;
    uint256 internal burntBefore;

    function setUp() public {
        handler = new Handler();
        burntBefore = BURN.balance;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Handler.act.selector;
        targets[0] = FuzzSelector(address(handler), selectors);
    }

    function invariant_protocol() public view {
        Book.Entry[] memory entries = handler.entries();
        _checkMoney();
        _checkRequests(entries);
        _checkGames(entries);
        assertTrue(bytes(handler.disagreement()).length == 0, handler.disagreement());
    }

    /// @dev The end of a run.
    function afterInvariant() public {
        handler.finish();
        invariant_protocol();
        assertEq(handler.held(), 0, "bonds left");
        assertEq(handler.escrow(), 0, "fees left");
        assertEq(address(handler.dispute()).balance, handler.forced(), "ether left in the dispute contract");
    }

    /// @dev Invariants over paths nobody walks would hold of anything: random walks of fifty steps, each from a new system,
    /// lead to every status and to every end of a game.
    function test_random_walks_reach_every_end_and_keep_the_invariants() external {
        uint256 seed = 7;
        uint256[7] memory reached;
        uint256[11] memory ended;
        uint256[3] memory others;
        for (uint256 walk = 0; walk < WALKS; ++walk) {
            setUp();
            for (uint256 step = 0; step < 50; ++step) {
                seed = uint256(keccak256(abi.encode(seed)));
                handler.act(
                    seed,
                    seed >> 8,
                    seed >> 16,
                    uint256(keccak256(abi.encode(seed, 1))),
                    uint256(keccak256(abi.encode(seed, 2)))
                );
                this.invariant_protocol();
            }
            afterInvariant();
            for (uint256 i = 1; i < reached.length; ++i) {
                reached[i] += handler.reached(Status(i));
            }
            for (uint256 i = 0; i < ended.length; ++i) {
                ended[i] += handler.ended(Book.Ending(i));
            }
            _countOthers(others);
        }
        bool often = true;
        for (uint256 i = 0; i < ended.length; ++i) {
            often = often && ended[i] >= 2 && (i == 0 || i >= reached.length || reached[i] >= 5);
        }
        require(often && others[0] >= 2 && others[1] >= 5 && others[2] >= 5, Rare(reached, ended, others));
    }

    /// @dev Deliveries, further attempts, games of several chains.
    function _countOthers(uint256[3] memory others) private view {
        Book.Entry[] memory entries = handler.entries();
        for (uint256 i = 0; i < entries.length; ++i) {
            if (entries[i].delivered) ++others[0];
            if (entries[i].attempt > 1) ++others[1];
        }
        Book.Play[] memory plays = handler.plays();
        for (uint256 i = 0; i < plays.length; ++i) {
            if (plays[i].positions.length > 2) ++others[2];
        }
    }

    function _checkMoney() private view {
        IInferenceOracle oracle = handler.system();
        IDispute dispute = handler.dispute();
        uint256 balances;
        uint256 credits;
        for (uint256 i = 0; i < handler.accounts(); ++i) {
            address account = handler.account(i);
            (uint256 balance, uint256 locked) = oracle.accountOf(account);
            assertEq(balance, handler.owned(account), "balance");
            assertEq(locked, handler.lockedOf(account), "locked");
            assertTrue(locked <= balance, "locked above balance");
            assertEq(dispute.creditOf(account), handler.credit(account), "credit");
            balances += balance;
            credits += dispute.creditOf(account);
        }
        assertEq(address(oracle).balance, balances + handler.escrow() + handler.forced(), "ether of the oracle");
        assertEq(address(dispute).balance, handler.held() + credits + handler.forced(), "ether of the disputes");
        assertEq(BURN.balance - burntBefore, handler.burnt(), "burnt");
    }

    function _checkRequests(Book.Entry[] memory entries) private view {
        IInferenceOracle oracle = handler.system();
        for (uint256 i = 0; i < entries.length; ++i) {
            Book.Entry memory entry = entries[i];
            (Status status, uint8 attempt, uint40 time, bytes25 commitment, bool delivered) = oracle.statusOf(entry.id);
            assertEq(uint256(status), uint256(entry.status), "status");
            assertEq(attempt, entry.attempt, "attempt");
            assertEq(time, entry.time, "time");
            assertTrue(delivered == entry.delivered, "delivered");
            assertTrue(attempt >= 1 && attempt <= 8, "attempts");
            assertEq(entry.finals, status == Status.FINAL ? 1 : 0, "final answers");
            assertEq(handler.taken(entry), delivered ? 1 : 0, "callbacks taken");
            assertEq(bytes32(commitment), bytes32(_commitment(entry)), "commitment");
            assertTrue(status != Status.FINAL || entry.right || !entry.watched, "a watched wrong answer is final");
        }
    }

    function _commitment(Book.Entry memory entry) private pure returns (bytes25) {
        if (entry.status == Status.FINAL) return RequestStateLib.commitOutput(entry.id, entry.answer.outputHash);
        if (entry.status != Status.ANSWERED && entry.status != Status.DISPUTED) return 0;
        return RequestStateLib.commitAnswer(entry.id, entry.attempt, entry.answer);
    }

    function _checkGames(Book.Entry[] memory entries) private view {
        IDispute dispute = handler.dispute();
        Book.Play[] memory plays = handler.plays();
        uint256 open = 0;
        for (uint256 index = 0; index < plays.length; ++index) {
            Book.Play memory play = plays[index];
            Book.Entry memory entry = entries[play.entry];
            Game memory game = dispute.gameOf(play.id);
            _compare(game, play);
            assertEq(GameId.unwrap(play.id), _idOf(entry.id, play), "game id");
            if (game.verdict == Verdict.OPEN) ++open;
            if (handler.isHonest(play.answer.operator)) {
                assertTrue(game.verdict == Verdict.OPEN || game.verdict == Verdict.UPHELD, "an honest operator lost");
            }
            if (entry.watched && !play.right) {
                assertTrue(game.verdict != Verdict.UPHELD, "a watched wrong answer was upheld");
            }
            _checkEnd(dispute, index, play);
        }
        uint256 disputed = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            if (entries[i].status != Status.DISPUTED) continue;
            ++disputed;
            assertTrue(plays[entries[i].play - 1].verdict == Verdict.OPEN, "disputed without a game");
        }
        assertEq(disputed, open, "open games");
    }

    function _compare(Game memory game, Book.Play memory play) private pure {
        assertEq(uint256(game.verdict), uint256(play.verdict), "verdict");
        assertEq(game.opener, play.opener, "opener");
        assertEq(game.challengedAt, play.challengedAt, "challenged at");
        assertEq(game.postedAt, play.postedAt, "posted at");
        assertEq(game.lastDue, play.lastDue, "last due");
        assertEq(game.latest, play.latest, "latest");
        assertEq(game.openDemands, play.open, "open demands");
        assertEq(game.bonds, play.bonds, "bonds");
    }

    /// @dev The bound of section 6.5 and the game's demands.
    function _checkEnd(IDispute dispute, uint256 index, Book.Play memory play) private view {
        if (play.postedAt == 0) {
            assertEq(dispute.endOf(play.id), 0, "an end without a trace");
            return;
        }
        (, uint256 end) = handler.ends(index);
        assertEq(dispute.endOf(play.id), end, "end");
        assertTrue(end - play.answeredAt < BOUND + SPACING * play.positions.length, "the bound");
        for (uint256 i = 0; i < play.positions.length; ++i) {
            Demand memory demand = dispute.demandOf(play.id, play.positions[i]);
            Book.Asked memory asked = handler.asked(index, play.positions[i]);
            assertEq(demand.owner, asked.owner, "owner of a demand");
            assertEq(demand.due, asked.due, "due");
            assertEq(demand.revealedAt, asked.revealedAt, "revealed at");
            if (i == 0) continue;
            uint256 before = handler.asked(index, play.positions[i - 1]).due;
            assertTrue(asked.due >= before + SPACING, "dues too close");
        }
    }

    function _idOf(RequestId id, Book.Play memory play) private pure returns (bytes32) {
        return keccak256(abi.encode(id, play.attempt, RequestStateLib.commitAnswer(id, play.attempt, play.answer)));
    }
}
