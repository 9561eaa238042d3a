// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Position, Revelation} from "contracts/interfaces/IDispute.sol";
import {GameActions} from "./GameActions.sol";
import {Trees} from "./Trees.sol";

/// @dev Demands and reveals. Every call is held to the book.
abstract contract DemandActions is GameActions {
    /// @dev Tensors whose node was brought.
    mapping(uint256 play => mapping(uint256 tensor => bool)) private _entered;

    // ------------------------------------------------------------------ demanding

    /// @dev By anybody but the honest challenger: mostly what leads to a leaf, now and then what others have demanded, or
    /// what may not be there.
    function demand(uint256 which, uint256 who, uint256 where, uint256 how) public {
        (bool there, uint256 index) = _game(which);
        if (!there || _isBroken(_entries[_plays[index].entry].model)) return;
        Program memory program = _program(_entries[_plays[index].entry].model);
        Position memory position;
        uint256 tensor = how % 2 == 0 ? _plays[index].lie.tensor : where % program.nodes.length;
        if (how / 2 % 8 == 0) {
            if (where % 3 == 0) tensor = TRACE;
            position = Position(uint32(tensor), uint8(where / 4 % 3), uint32(where / 16 % 80));
        } else if (how / 2 % 8 == 1 && _plays[index].positions.length > 0) {
            position = _plays[index].positions[where % _plays[index].positions.length];
        } else {
            uint256 leaves = _leaves(program, tensor);
            (, position) = _next(index, program, tensor, leaves == 0 ? 0 : where / 256 % leaves);
        }
        address challenger = _anyone(who);
        bool opening = how / 16 % 4 == 0 ? how / 64 % 2 == 0 : !_mayContinue(index, challenger);
        _demand(index, challenger, program, position, opening, how / 128 % 16 == 0);
    }

    /// @param wrong Whether to open with another bond, or to leave out the node that a tensor's first demand brings, or to
    /// bring it again.
    function _demand(
        uint256 index,
        address who,
        Program memory program,
        Position memory position,
        bool opening,
        bool wrong
    ) internal {
        Play storage play = _plays[index];
        bool entered = position.tensor >= program.nodes.length || _entered[index][position.tensor];
        bool refused = wrong && (opening || !entered);
        bool should = !refused && (opening ? _mayOpen(play) : _mayContinue(index, who))
            && _isDemandable(index, program, position);
        (bytes memory node, bytes32[] memory path) = ("", new bytes32[](0));
        if (position.tensor < program.nodes.length && entered == (wrong && !opening)) {
            node = program.nodes[position.tensor];
            path = Trees.path(Trees.overLeaves(program.nodes), 0, position.tensor);
        }
        uint256 bond = _bond(_entries[play.entry]) + (wrong ? 1 : 0);
        bool did;
        if (opening) vm.deal(who, bond);
        vm.prank(who);
        if (opening) {
            try dispute.openChain{value: bond}(play.id, position, node, path) {
                did = true;
            } catch {}
        } else {
            try dispute.demand(play.id, position, node, path) {
                did = true;
            } catch {}
        }
        _agree(should, did, opening ? "openChain" : "demand");
        if (!did) return;
        if (position.tensor != TRACE) _entered[index][position.tensor] = true;
        _demanded(index, who, position, opening);
    }

    /// @dev The next position on the way to a leaf that is not revealed; the last one where all are.
    function _next(uint256 index, Program memory program, uint256 tensor, uint256 leaf)
        internal
        view
        returns (bool found, Position memory position)
    {
        Position[] memory way = _way(program, tensor, leaf);
        for (uint256 i = 0; i < way.length && !found; ++i) {
            position = way[i];
            found = !_isRevealed(index, position);
        }
    }

    /// @dev What must be revealed, in this order, to see a leaf.
    function _way(Program memory program, uint256 tensor, uint256 leaf)
        internal
        pure
        returns (Position[] memory positions)
    {
        uint256 nodes = program.model.nodeCount;
        bool ofTrace = nodes > MOST_ROOTS && tensor != TRACE;
        uint256 above = ofTrace ? Trees.layersOf(nodes) : 0;
        uint256 leaves = _leaves(program, tensor);
        positions = new Position[](above + Trees.layersOf(leaves));
        for (uint256 i = 0; i < positions.length; ++i) {
            positions[i] = i < above ? _step(TRACE, nodes, i, tensor) : _step(tensor, leaves, i - above, leaf);
        }
    }

    function _step(uint256 tensor, uint256 leaves, uint256 layer, uint256 leaf) private pure returns (Position memory) {
        uint256 height = Trees.depthOf(leaves) - Trees.LAYER_LEVELS * layer;
        return Position(uint32(tensor), uint8(layer), uint32(leaf >> height));
    }

    // ------------------------------------------------------------------ revealing

    /// @dev By anybody: what the operator has, or garbage.
    function reveal(uint256 which, uint256 what, uint256 how) public {
        (bool there, uint256 index) = _game(which);
        if (!there || _plays[index].positions.length == 0) return;
        _reveal(index, _plays[index].positions[what % _plays[index].positions.length], how % 4 == 0);
    }

    function _reveal(uint256 index, Position memory position, bool garbage) internal {
        Play storage play = _plays[index];
        Program memory program = _program(_entries[play.entry].model);
        Revelation memory shown = _revelation(program, _traceOf(index, play.lie), position);
        if (garbage && shown.data.length == 0) shown.data = new bytes(32);
        else if (garbage) shown.data[shown.data.length - 1] ^= 0x01;
        bool did;
        vm.prank(play.answer.operator);
        try dispute.reveal(play.id, shown) {
            did = true;
        } catch {}
        _agree(!garbage && _mayReveal(index, program, position), did, "reveal");
        if (did) _revealed(index, position);
    }

    /// @dev All that can be revealed at once, with what is revealed already.
    function revealMany(uint256 which) public {
        (bool there, uint256 index) = _game(which);
        if (!there) return;
        Play storage play = _plays[index];
        Program memory program = _program(_entries[play.entry].model);
        Trace memory trace = _traceOf(index, play.lie);
        Position[] memory positions = play.positions;
        Revelation[] memory shown = new Revelation[](positions.length);
        uint256 n = 0;
        for (uint256 i = 0; i < positions.length; ++i) {
            if (!_isRevealed(index, positions[i]) && !_mayReveal(index, program, positions[i])) continue;
            shown[n++] = _revelation(program, trace, positions[i]);
        }
        assembly ("memory-safe") {
            mstore(shown, n)
        }
        bool did;
        try dispute.revealMany(play.id, shown) {
            did = true;
        } catch {}
        _agree(_isOpen(play), did, "revealMany");
        for (uint256 i = 0; did && i < positions.length; ++i) {
            if (_mayReveal(index, program, positions[i])) _revealed(index, positions[i]);
        }
    }

    function _mayReveal(uint256 index, Program memory program, Position memory position) internal view returns (bool) {
        Asked storage asked = _asked[index][_key(position)];
        return _isOpen(_plays[index]) && asked.owner != address(0) && asked.revealedAt == 0 && _now() < asked.due
            && _canReveal(program, _plays[index].lie, position);
    }
}
