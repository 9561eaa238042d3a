// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IDispute, Verdict} from "contracts/interfaces/IDispute.sol";
import {Status} from "contracts/interfaces/Types.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {Stage} from "./Stage.sol";

/// @dev Games that end by silence or by time, and their money: docs/disputes.md sections 1, 2, 4 and 5.
contract DisputeEnds is Stage {
    uint256 private constant DOTS = 2;
    uint256 private constant WIDE = 3;
    uint256 private constant SUMS = 5;
    uint256 private constant H = E + MOVE_TIME;

    // ------------------------------------------------------------------ silence

    function test_attack_02_traceForfeitedInTheSecondItIsDue() external {
        _challenged(SMALL);
        vm.warp(C + TRACE_TIME - 1);
        _refuses(_tooEarly(C + TRACE_TIME));
        dispute.forfeitTrace(subject);
        vm.warp(C + TRACE_TIME);
        vm.prank(ANYONE);
        dispute.forfeitTrace(subject);
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    function test_aPostedTraceIsNotForfeited() external {
        _played(SMALL, _honest());
        vm.warp(C + TRACE_TIME);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_TraceExists.selector, id));
        dispute.forfeitTrace(subject);
    }

    function test_attack_02_demandForfeitedInTheSecondItIsDue() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME - 1);
        _refuses(_tooEarly(P + MOVE_TIME));
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        vm.prank(ANYONE);
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }

    /// @dev Not whoever joined it, nor whoever forfeits it.
    function test_whoDemandedFirstFindsASilence() external {
        _played(SMALL, _honest());
        _enterChain(OTHER, _at(DOTS, 0, 0));
        _openChain(THIRD, _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        vm.prank(THIRD);
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _requirePaid(OTHER);
    }

    function test_onlyOpenDemandsAreForfeited() external {
        _played(SMALL, _honest());
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NotDemanded.selector, DOTS, 0, 0));
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _enter(OPENER, _at(DOTS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        _refuses(_wasRevealed(_at(DOTS, 0, 0)));
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
    }

    // ------------------------------------------------------------------ time

    function test_attack_02_resolvedInTheSecondTheGameEnds() external {
        _played(SMALL, _honest());
        vm.warp(H - 1);
        _refuses(_tooEarly(H));
        dispute.resolve(subject);
        vm.warp(H);
        dispute.resolve(subject);
        _requireVerdict(Verdict.UPHELD);
    }

    function test_withoutATraceNothingIsUpheld() external {
        _challenged(SMALL);
        vm.warp(H + 1000);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NoTrace.selector, id));
        dispute.resolve(subject);
    }

    function test_attack_57_nothingIsUpheldWithADemandOpen() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        vm.warp(H + 1000);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_DemandsOpen.selector, 1));
        dispute.resolve(subject);
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _requireVerdict(Verdict.REFUTED);
    }

    /// @dev A late reveal leaves a move to answer it and one more to prove.
    function test_revealsMoveTheEnd() external {
        _played(SMALL, _honest());
        vm.warp(E - 1);
        _enter(OPENER, _at(WIDE, 0, 0));
        assertEq(dispute.endOf(id), E - 1 + 2 * MOVE_TIME, "after the demand");
        vm.warp(E + 5);
        _reveal(_honest(), _at(WIDE, 0, 0));
        uint256 end = E + 5 + 2 * MOVE_TIME;
        assertEq(dispute.endOf(id), end, "after the reveal");
        vm.warp(end - 1);
        _refuses(_tooEarly(end));
        dispute.resolve(subject);
        vm.warp(end);
        dispute.resolve(subject);
    }

    /// @dev An early reveal moves nothing.
    function test_theEndIsNeverBeforeOpeningsEnd() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        assertEq(dispute.endOf(id), H, "H");
    }

    // ------------------------------------------------------------------ once

    function test_gamesEndOnce() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        vm.warp(H + 1000);
        _refuses(_over(Verdict.REFUTED));
        dispute.resolve(subject);
        _refuses(_over(Verdict.REFUTED));
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _refuses(_over(Verdict.REFUTED));
        dispute.forfeitTrace(subject);
    }

    function test_thereIsNoEndWithoutAGame() external {
        _answer(SMALL, _case(SMALL, 0).output);
        vm.warp(H);
        _refuses(_over(Verdict.NONE));
        dispute.resolve(subject);
        _refuses(_over(Verdict.NONE));
        dispute.forfeitTrace(subject);
        _refuses(_over(Verdict.NONE));
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
    }

    // ------------------------------------------------------------------ money

    function test_anUpheldOperatorGetsItsShareAndTheRestIsBurnt() external {
        _played(SMALL, _honest());
        _enterChain(OTHER, _at(DOTS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        uint256 burntBefore = address(0).balance;
        vm.warp(H);
        vm.prank(ANYONE);
        dispute.resolve(subject);
        assertEq(dispute.creditOf(operator), 2 * BOND * 3 / 4, "credit");
        assertEq(address(0).balance - burntBefore, 2 * BOND / 4, "burnt");
        assertEq(address(dispute).balance, dispute.creditOf(operator), "nothing else is left");
        assertEq(_game().bonds, 0, "bonds");
        (uint256 balance, uint256 locked) = oracle.accountOf(operator);
        assertEq(balance, BOND, "stake");
        assertEq(locked, 0, "locked");
        (Status status,,,,) = oracle.statusOf(oracle.idOf(subject.request));
        assertEq(uint256(status), uint256(Status.FINAL), "final");
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NothingToClaim.selector, OTHER));
        dispute.claim(id, OTHER);
    }

    function test_bondsOfARefutedGameGoBackOnce() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        _openChain(OTHER, _at(DOTS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        _enterChain(OTHER, _at(SUMS, 0, 0));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NothingToClaim.selector, OTHER));
        dispute.claim(id, OTHER);
        vm.warp(P + MOVE_TIME + SPACING);
        dispute.forfeitDemand(subject, _at(SUMS, 0, 0));
        assertEq(_game().bonds, 3, "bonds");
        vm.prank(ANYONE);
        dispute.claim(id, OTHER);
        assertEq(dispute.creditOf(OTHER), 2 * BOND, "both bonds");
        assertEq(dispute.chainOf(id, OTHER).bonds, 0, "claimed");
        dispute.claim(id, OPENER);
        assertEq(dispute.creditOf(OPENER), BOND, "the opener's");
        assertEq(_game().bonds, 0, "bonds");
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NothingToClaim.selector, OTHER));
        dispute.claim(id, OTHER);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NothingToClaim.selector, THIRD));
        dispute.claim(id, THIRD);
        assertEq(address(dispute).balance, 3 * BOND, "ether");
    }

    function test_creditLeavesAsFarAsItGoes() external {
        _earn(OPENER);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_CreditTooSmall.selector, BOND, BOND + 1));
        vm.prank(OPENER);
        dispute.withdraw(BOND + 1, payable(THIRD));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_CreditTooSmall.selector, 0, 1));
        vm.prank(ANYONE);
        dispute.withdraw(1, payable(ANYONE));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_ZeroAddress.selector));
        vm.prank(OPENER);
        dispute.withdraw(BOND, payable(address(0)));
        uint256 before = THIRD.balance;
        vm.prank(OPENER);
        dispute.withdraw(BOND / 4, payable(THIRD));
        vm.prank(OPENER);
        dispute.withdraw(BOND * 3 / 4, payable(THIRD));
        assertEq(THIRD.balance - before, BOND, "all of it");
        assertEq(dispute.creditOf(OPENER), 0, "nothing left");
    }

    function test_attack_31_aReceiverThatRefuses() external {
        _earn(OPENER);
        HostileConsumer receiver = new HostileConsumer();
        receiver.set(HostileConsumer.Mode.REVERT, "");
        _refuses(abi.encodeWithSelector(IDispute.Dispute_TransferFailed.selector, receiver));
        vm.prank(OPENER);
        dispute.withdraw(BOND, payable(address(receiver)));
        assertEq(dispute.creditOf(OPENER), BOND, "still there");
    }

    function test_attack_30_withdrawFromWithinWithdraw() external {
        HostileConsumer receiver = new HostileConsumer();
        _answer(SMALL, _case(SMALL, 0).output);
        vm.warp(C);
        vm.deal(address(receiver), BOND);
        vm.prank(address(receiver));
        dispute.challenge{value: BOND}(subject.request, subject.answer, _program(SMALL).model);
        vm.warp(C + TRACE_TIME);
        dispute.forfeitTrace(subject);
        dispute.claim(id, address(receiver));
        receiver.set(
            HostileConsumer.Mode.REENTER, abi.encodeCall(IDispute.withdraw, (BOND / 2, payable(address(receiver))))
        );
        vm.prank(address(receiver));
        dispute.withdraw(BOND / 2, payable(address(receiver)));
        assertTrue(!receiver.reentered(), "in vain");
        assertEq(
            bytes32(bytes4(receiver.returned())),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "refused by the guard"
        );
        assertEq(address(receiver).balance, BOND / 2, "taken once");
        assertEq(dispute.creditOf(address(receiver)), BOND / 2, "the rest is there");
    }

    /// @dev Ether that nobody owns changes nothing.
    function test_attack_32_plainEtherIsRefused() external {
        (bool taken,) = address(dispute).call{value: 0}("");
        assertTrue(!taken, "no receive function");
    }

    // ------------------------------------------------------------------ parts

    /// @dev A bond of credit.
    function _earn(address who) private {
        _challenged(SMALL);
        vm.warp(C + TRACE_TIME);
        dispute.forfeitTrace(subject);
        dispute.claim(id, who);
    }
}
