// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Chain, IDispute, Position, Verdict} from "contracts/interfaces/IDispute.sol";
import {IStepVerifier} from "contracts/interfaces/IStepVerifier.sol";
import {Stage} from "./Stage.sol";

/// @dev Who may demand what, when: docs/disputes.md sections 2 and 3.
contract DisputeDemands is Stage {
    uint256 private constant INPUT_NODE = 0;
    uint256 private constant CONST_NODE = 1;
    uint256 private constant DOTS = 2;
    /// @dev 130 leaves: two layers, 65 positions in the second.
    uint256 private constant WIDE = 3;
    uint256 private constant NOTHING = 4;
    uint256 private constant SUMS = 5;
    uint256 private constant NODES = 7;

    // ------------------------------------------------------------------ chains

    function test_nothingIsDemandedBeforeTheTrace() external {
        _challenged(SMALL);
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NoTrace.selector, id));
        vm.prank(OPENER);
        dispute.demand(id, _at(DOTS, 0, 0), node, path);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NoTrace.selector, id));
        vm.prank(OTHER);
        dispute.openChain{value: BOND}(id, _at(DOTS, 0, 0), node, path);
    }

    function test_attack_02_chainsOpenBeforeEOnly() external {
        _played(SMALL, _honest());
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        vm.warp(E);
        _refuses(_tooLate(E));
        vm.prank(OPENER);
        dispute.demand(id, _at(DOTS, 0, 0), node, path);
        _refuses(_tooLate(E));
        vm.prank(OTHER);
        dispute.openChain{value: BOND}(id, _at(DOTS, 0, 0), node, path);
        vm.warp(E - 1);
        _enter(OPENER, _at(DOTS, 0, 0));
        _enterChain(OTHER, _at(SUMS, 0, 0));
        assertEq(_asked(_at(DOTS, 0, 0)).owner, OPENER, "owner");
        assertEq(_asked(_at(DOTS, 0, 0)).due, E - 1 + MOVE_TIME, "due");
    }

    function test_chainsTakeExactlyTheBond() external {
        _played(SMALL, _honest());
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        for (uint256 given = BOND - 1; given <= BOND + 1; given += 2) {
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongBond.selector, given, BOND));
            vm.prank(OTHER);
            dispute.openChain{value: given}(id, _at(DOTS, 0, 0), node, path);
        }
        _enterChain(OTHER, _at(DOTS, 0, 0));
        assertEq(_game().bonds, 2, "bonds");
        assertEq(address(dispute).balance, 2 * BOND, "ether");
    }

    function test_demandsNeedAChain() external {
        _played(SMALL, _honest());
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NoChain.selector, OTHER));
        vm.prank(OTHER);
        dispute.demand(id, _at(DOTS, 0, 0), node, path);
    }

    function test_aChainWaitsForItsReveal() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_LastDemandOpen.selector));
        vm.prank(OPENER);
        dispute.demand(id, _at(DOTS, 0, 0), node, path);
    }

    function test_attack_02_theNextDemandInTheSecondItsTimeEnds() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        vm.warp(P + 4);
        _reveal(_honest(), _at(WIDE, 0, 0));
        vm.warp(P + 4 + MOVE_TIME);
        _refuses(_tooLate(P + 4 + MOVE_TIME));
        vm.prank(OPENER);
        dispute.demand(id, _at(WIDE, 1, 0), "", new bytes32[](0));
        vm.warp(P + 4 + MOVE_TIME - 1);
        _demand(OPENER, _at(WIDE, 1, 0));
        assertEq(dispute.chainOf(id, OPENER).demands, 2, "demands");
    }

    /// @dev A chain goes on after E, a move at a time.
    function test_aChainGoesOnAfterOpeningsEnd() external {
        _played(SMALL, _honest());
        vm.warp(E - 1);
        _enter(OPENER, _at(WIDE, 0, 0));
        vm.warp(E + 8);
        _reveal(_honest(), _at(WIDE, 0, 0));
        vm.warp(E + 17);
        _demand(OPENER, _at(WIDE, 1, 64));
        assertEq(_asked(_at(WIDE, 1, 64)).due, E + 17 + MOVE_TIME, "due");
        assertEq(dispute.endOf(id), E + 17 + 2 * MOVE_TIME, "H");
    }

    function test_aChainHasSoManyDemandsAndAnotherBondStartsAnew() external {
        _played(SMALL, _honest());
        uint256[MAX_DEMANDS] memory tensors = [DOTS, WIDE, SUMS];
        for (uint256 i = 0; i < MAX_DEMANDS; ++i) {
            _enter(OPENER, _at(tensors[i], 0, 0));
            _reveal(_honest(), _at(tensors[i], 0, 0));
        }
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NoChain.selector, OPENER));
        vm.prank(OPENER);
        dispute.demand(id, _at(WIDE, 1, 0), "", new bytes32[](0));
        _openChain(OPENER, _at(WIDE, 1, 0));
        Chain memory chain = dispute.chainOf(id, OPENER);
        assertEq(chain.bonds, 2, "bonds");
        assertEq(chain.demands, 1, "demands");
        assertEq(chain.last.tensor, WIDE, "tensor");
        assertEq(chain.last.layer, 1, "layer");
        assertEq(_game().bonds, 2, "bonds of the game");
    }

    /// @dev The opener's first demand costs it nothing, but its chain is no other than everybody's.
    function test_theOpenersFirstChainIsCoveredByItsChallenge() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        assertEq(dispute.chainOf(id, OPENER).bonds, 1, "bonds");
        assertEq(dispute.chainOf(id, OPENER).demands, 1, "demands");
        _enterChain(OPENER, _at(SUMS, 0, 0));
        assertEq(dispute.chainOf(id, OPENER).bonds, 2, "bonds");
        assertEq(dispute.chainOf(id, OPENER).demands, 1, "demands");
    }

    // ------------------------------------------------------------------ dues and joins

    function test_attack_63_duesOfAFloodAreSpaced() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        _enterChain(OTHER, _at(SUMS, 0, 0));
        _enterChain(THIRD, _at(WIDE, 0, 0));
        assertEq(_asked(_at(DOTS, 0, 0)).due, P + MOVE_TIME, "first");
        assertEq(_asked(_at(SUMS, 0, 0)).due, P + MOVE_TIME + SPACING, "second");
        assertEq(_asked(_at(WIDE, 0, 0)).due, P + MOVE_TIME + 2 * SPACING, "third");
        assertEq(_game().openDemands, 3, "open");
        assertEq(_game().lastDue, P + MOVE_TIME + 2 * SPACING, "last due");
        // Spacing of 3 seconds after the last one is less than a move from now.
        vm.warp(P + 9);
        _enterChain(ANYONE, _at(NODES - 1, 0, 0));
        assertEq(_asked(_at(NODES - 1, 0, 0)).due, P + 9 + MOVE_TIME, "fourth");
    }

    function test_demandsForTheSameJoin() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        vm.warp(P + 5);
        _openChain(OTHER, _at(WIDE, 0, 0));
        assertEq(_asked(_at(WIDE, 0, 0)).owner, OPENER, "who made it first");
        assertEq(_asked(_at(WIDE, 0, 0)).due, P + MOVE_TIME, "the same due");
        assertEq(_game().openDemands, 1, "one demand");
        assertEq(_game().latest, P + MOVE_TIME, "L");
        vm.warp(P + 7);
        _reveal(_honest(), _at(WIDE, 0, 0));
        _demand(OTHER, _at(WIDE, 1, 1));
        _demand(OPENER, _at(WIDE, 1, 2));
        assertEq(_asked(_at(WIDE, 1, 1)).owner, OTHER, "each goes its own way");
        assertEq(_game().openDemands, 2, "two demands");
    }

    /// @dev Joined at the last second, the reveal still gives the chain its whole move.
    function test_whoJoinsLastHasAMoveFromTheReveal() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        vm.warp(P + MOVE_TIME - 1);
        _openChain(OTHER, _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        vm.warp(P + MOVE_TIME - 1 + MOVE_TIME - 1);
        _demand(OTHER, _at(WIDE, 1, 0));
    }

    // ------------------------------------------------------------------ what

    function test_attack_58_whatIsNotThereCannotBeDemanded() external {
        _played(SMALL, _honest());
        _cannotEnter(_at(INPUT_NODE, 0, 0), INPUT_NODE);
        _cannotEnter(_at(CONST_NODE, 0, 0), CONST_NODE);
        _cannotEnter(_at(NODES, 0, 0), DOTS);
        _cannotEnter(_at(TRACE - 1, 0, 0), DOTS);
        _cannotEnter(_at(DOTS, 0, 1), DOTS);
        _cannotEnter(_at(DOTS, 1, 0), DOTS);
        _cannotEnter(_at(DOTS, 255, 0), DOTS);
        _cannotEnter(_at(DOTS, 0, type(uint32).max), DOTS);
        _cannotEnter(_at(NOTHING, 0, 1), NOTHING);
        _cannotEnter(_at(NOTHING, 1, 0), NOTHING);
        _cannotEnter(_at(WIDE, 1, 0), WIDE);
        _enter(OPENER, _at(WIDE, 0, 0));
        (bytes memory none, bytes32[] memory path) = ("", new bytes32[](0));
        _cannotChain(_at(WIDE, 1, 0), none, path);
        _reveal(_honest(), _at(WIDE, 0, 0));
        _cannotChain(_at(WIDE, 1, 65), none, path);
        _cannotChain(_at(WIDE, 2, 0), none, path);
        _openChain(OTHER, _at(WIDE, 1, 64));
    }

    function test_attack_60_inputsAndConstantsAreNotDemanded() external {
        _played(SMALL, _lieAt(Lying.NONSENSE, CONST_NODE));
        _cannotEnter(_at(INPUT_NODE, 0, 0), INPUT_NODE);
        _cannotEnter(_at(CONST_NODE, 0, 0), CONST_NODE);
    }

    function test_aTensorWithoutElementsHasOnePosition() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(NOTHING, 0, 0));
        assertEq(_asked(_at(NOTHING, 0, 0)).owner, OPENER, "owner");
    }

    function test_postedRootsAreRevealedAlready() external {
        _played(SMALL, _honest());
        (bytes memory none, bytes32[] memory path) = ("", new bytes32[](0));
        _cannotChain(_at(TRACE, 0, 0), none, path);
        _cannotChain(_at(TRACE, 1, 0), none, path);
        _cannotChain(_at(TRACE, 0, 1), none, path);
    }

    function test_aTraceIsWalkedFromTheTop() external {
        _played(LONG, _honest());
        (bytes memory none, bytes32[] memory path) = ("", new bytes32[](0));
        // 260 roots are nine levels: the second layer has two of them, below each of 65 nodes of the first.
        _cannotChain(_at(TRACE, 1, 2), none, path);
        _cannotChain(_at(TRACE, 0, 1), none, path);
        _cannotChain(_at(TRACE, 2, 0), none, path);
        _cannotEnter(_at(9, 0, 0), 9);
        _demand(OPENER, _at(TRACE, 0, 0));
        _cannotChain(_at(TRACE, 1, 2), none, path);
        _reveal(_honest(), _at(TRACE, 0, 0));
        _cannotChain(_at(TRACE, 1, 65), none, path);
        _demand(OPENER, _at(TRACE, 1, 2));
        _cannotEnter(_at(9, 0, 0), 9);
        _reveal(_honest(), _at(TRACE, 1, 2));
        // Four roots are shown: of tensors 8 to 11.
        _cannotEnter(_at(7, 0, 0), 7);
        _cannotEnter(_at(12, 0, 0), 12);
        _enter(OPENER, _at(9, 0, 0));
        assertEq(_asked(_at(9, 0, 0)).owner, OPENER, "owner");
    }

    /// @dev Else a liar's second account could demand and have revealed what an honest challenger is about to demand.
    function test_whatIsRevealedIsDemandedAgainAndTheClockStartsAnew() external {
        _played(SMALL, _honest());
        vm.warp(E - 2);
        _enter(OPENER, _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        vm.warp(E - 1);
        _openChain(OTHER, _at(WIDE, 0, 0));
        assertEq(_asked(_at(WIDE, 0, 0)).owner, OPENER, "who made it first");
        assertEq(_asked(_at(WIDE, 0, 0)).due, E - 2 + MOVE_TIME, "the same due");
        assertEq(_game().openDemands, 0, "nothing to do");
        assertEq(_game().lastDue, E - 2 + MOVE_TIME, "no other due");
        assertEq(dispute.chainOf(id, OTHER).demands, 1, "it counts");
        assertEq(_game().latest, E - 1 + MOVE_TIME, "L");
        vm.warp(E - 1 + MOVE_TIME);
        _refuses(_tooLate(E - 1 + MOVE_TIME));
        vm.prank(OTHER);
        dispute.demand(id, _at(WIDE, 1, 0), "", new bytes32[](0));
        vm.warp(E - 1 + MOVE_TIME - 1);
        _demand(OTHER, _at(WIDE, 0, 0));
        assertEq(_game().latest, E - 1 + 2 * MOVE_TIME - 1, "L once more");
        _demand(OTHER, _at(WIDE, 1, 0));
        assertEq(dispute.chainOf(id, OTHER).demands, MAX_DEMANDS, "all of them");
    }

    // ------------------------------------------------------------------ nodes

    function test_theFirstDemandInATensorBringsItsNode() external {
        _played(SMALL, _honest());
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongNode.selector, WIDE));
        vm.prank(OPENER);
        dispute.demand(id, _at(WIDE, 0, 0), "", new bytes32[](0));
        _enter(OPENER, _at(WIDE, 0, 0));
        _openChain(OTHER, _at(WIDE, 0, 0));
    }

    /// @dev Else whoever demands something else in the tensor first makes the honest demand fail, at its last second for good.
    function test_laterNodesArePassedOver() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        _enterChain(OTHER, _at(WIDE, 0, 0));
        vm.prank(THIRD);
        dispute.openChain{value: BOND}(id, _at(WIDE, 0, 0), "no node", new bytes32[](9));
        assertEq(dispute.chainOf(id, THIRD).demands, 1, "demanded");
    }

    /// @dev Whoever could choose another node's dtype and count could make a right tensor impossible to reveal.
    function test_attack_35_anotherNodeOrPath() external {
        _played(SMALL, _honest());
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        (bytes memory another,) = _node(SUMS);
        _failsToEnter(_at(DOTS, 0, 0), another, path, IStepVerifier.StepVerifier_NotInProgram.selector);
        _failsToEnter(_at(SUMS, 0, 0), node, path, IStepVerifier.StepVerifier_NotInProgram.selector);
        _failsToEnter(_at(DOTS, 0, 0), node, new bytes32[](2), IStepVerifier.StepVerifier_WrongPathLength.selector);
        path[1] = ~path[1];
        _failsToEnter(_at(DOTS, 0, 0), node, path, IStepVerifier.StepVerifier_NotInProgram.selector);
    }

    /// @dev It is a program fault.
    function test_aMalformedNodeIsNotDemanded() external {
        _challenged(BROKEN);
        vm.warp(P);
        Trace memory trace = _traceOf(_honest());
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, trace.roots);
        (bytes memory node, bytes32[] memory path) = _node(1);
        _failsToEnter(_at(1, 0, 0), node, path, IStepVerifier.StepVerifier_MalformedNode.selector);
    }

    // ------------------------------------------------------------------ whenever it is over

    function test_anEndedGameTakesNoDemand() external {
        _played(SMALL, _honest());
        vm.warp(E + MOVE_TIME);
        dispute.resolve(subject);
        (bytes memory node, bytes32[] memory path) = _node(DOTS);
        _refuses(_over(Verdict.UPHELD));
        vm.prank(OPENER);
        dispute.demand(id, _at(DOTS, 0, 0), node, path);
        _refuses(_over(Verdict.UPHELD));
        vm.prank(OTHER);
        dispute.openChain{value: BOND}(id, _at(DOTS, 0, 0), node, path);
    }

    // ------------------------------------------------------------------ parts

    /// @dev With the encoding and path of `node`.
    function _cannotEnter(Position memory position, uint256 node) private {
        (bytes memory encoded, bytes32[] memory path) = _node(node);
        _cannotChain(position, encoded, path);
    }

    function _cannotChain(Position memory position, bytes memory node, bytes32[] memory path) private {
        _refuses(_cannot(position));
        vm.prank(OTHER);
        dispute.openChain{value: BOND}(id, position, node, path);
    }

    function _failsToEnter(Position memory position, bytes memory node, bytes32[] memory path, bytes4 error_) private {
        vm.prank(OPENER);
        (bool did, bytes memory result) =
            address(dispute).call(abi.encodeCall(IDispute.demand, (id, position, node, path)));
        assertTrue(!did && bytes4(result) == error_, "refused for that reason");
    }
}
