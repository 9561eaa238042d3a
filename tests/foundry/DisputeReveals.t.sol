// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDispute, Position, Revelation, Verdict} from "contracts/interfaces/IDispute.sol";
import {Stage} from "./Stage.sol";
import {Trees} from "./Trees.sol";

/// @dev What counts as revealed: docs/disputes.md section 3.
contract DisputeReveals is Stage {
    uint256 private constant DOTS = 2;
    uint256 private constant WIDE = 3;
    uint256 private constant NOTHING = 4;
    uint256 private constant SUMS = 5;
    uint32 private constant LAST = 64;

    // ------------------------------------------------------------------ all there is

    /// @dev Whatever exists of an honest trace can be demanded and revealed: layer by layer, every position.
    function test_attack_38_everyPositionOfAnHonestTraceCanBeRevealed() external {
        _begin(255, 255);
        _played(SMALL, _honest());
        for (uint256 tensor = 2; tensor < _game().nodeCount; ++tensor) {
            _revealAll(tensor);
        }
        assertEq(_game().openDemands, 0, "open");
    }

    function test_attack_38_everyPositionOfALongTraceCanBeRevealed() external {
        _begin(255, 255);
        _played(LONG, _honest());
        _revealAll(TRACE);
        this.play(_at(2, 0, 0));
        this.play(_at(_game().nodeCount - 1, 0, 0));
        assertEq(_game().openDemands, 0, "open");
    }

    function _revealAll(uint256 tensor) private {
        uint256 leaves = _leaves(_program(model), tensor);
        for (uint8 layer = 0; layer < Trees.layersOf(leaves); ++layer) {
            uint256 height = Trees.depthOf(leaves) - Trees.LAYER_LEVELS * layer;
            for (uint256 i = 0; i == 0 || i << height < leaves; ++i) {
                this.play(_at(tensor, layer, uint32(i)));
            }
        }
    }

    /// @dev A call of its own, whose memory is forgotten.
    function play(Position calldata position) external {
        if (position.layer == 0 && position.tensor != TRACE) _enter(OPENER, position);
        else _demand(OPENER, position);
        _reveal(_honest(), position);
        assertEq(_asked(position).revealedAt, P, "revealed");
    }

    // ------------------------------------------------------------------ when

    function test_attack_02_revealInTheSecondItIsDue() external {
        _demanded(_honest(), _at(DOTS, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        _refuses(_tooLate(P + MOVE_TIME));
        dispute.reveal(id, shown);
        vm.warp(P + MOVE_TIME - 1);
        vm.prank(ANYONE);
        dispute.reveal(id, shown);
        assertEq(_asked(_at(DOTS, 0, 0)).revealedAt, P + MOVE_TIME - 1, "r");
        assertEq(_game().openDemands, 0, "open");
        assertEq(_game().latest, P + 2 * MOVE_TIME - 1, "L");
    }

    function test_onlyWhatWasDemandedIsRevealed() external {
        _demanded(_honest(), _at(DOTS, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(SUMS, 0, 0));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NotDemanded.selector, SUMS, 0, 0));
        dispute.reveal(id, shown);
    }

    function test_nothingIsRevealedTwice() external {
        _demanded(_honest(), _at(DOTS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(DOTS, 0, 0));
        _refuses(_wasRevealed(_at(DOTS, 0, 0)));
        dispute.reveal(id, shown);
    }

    function test_anEndedGameTakesNoReveal() external {
        _demanded(_honest(), _at(DOTS, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(DOTS, 0, 0));
        vm.warp(P + MOVE_TIME);
        dispute.forfeitDemand(subject, _at(DOTS, 0, 0));
        _refuses(_over(Verdict.REFUTED));
        dispute.reveal(id, shown);
        _refuses(_over(Verdict.REFUTED));
        dispute.revealMany(id, new Revelation[](0));
    }

    // ------------------------------------------------------------------ many at once

    function test_manyPassOverWhatIsRevealed() external {
        _played(SMALL, _honest());
        _enter(OPENER, _at(DOTS, 0, 0));
        _enterChain(OTHER, _at(SUMS, 0, 0));
        _reveal(_honest(), _at(DOTS, 0, 0));
        vm.warp(P + 2);
        Revelation[] memory shown = new Revelation[](3);
        shown[0] = _shown(_honest(), _at(DOTS, 0, 0));
        shown[1] = _shown(_honest(), _at(SUMS, 0, 0));
        shown[2] = shown[1];
        dispute.revealMany(id, shown);
        assertEq(_asked(_at(DOTS, 0, 0)).revealedAt, P, "as before");
        assertEq(_asked(_at(SUMS, 0, 0)).revealedAt, P + 2, "now");
        assertEq(_game().openDemands, 0, "open");
    }

    function test_manyAreRevealedTogetherOrNotAtAll() external {
        _demanded(_honest(), _at(DOTS, 0, 0));
        Revelation[] memory shown = new Revelation[](2);
        shown[0] = _shown(_honest(), _at(DOTS, 0, 0));
        shown[1] = _shown(_honest(), _at(SUMS, 0, 0));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_NotDemanded.selector, SUMS, 0, 0));
        dispute.revealMany(id, shown);
        assertEq(_asked(_at(DOTS, 0, 0)).revealedAt, 0, "not revealed");
    }

    // ------------------------------------------------------------------ what

    function test_dataHaveTheLengthOfWhatIsThere() external {
        _demanded(_honest(), _at(WIDE, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(WIDE, 0, 0));
        assertEq(shown.data.length, 65 * 32, "hashes");
        _refusesLengths(shown);
        dispute.reveal(id, shown);
        _demand(OPENER, _at(WIDE, 1, LAST));
        shown = _shown(_honest(), _at(WIDE, 1, LAST));
        assertEq(shown.data.length, 2 * 256, "leaves");
        _refusesLengths(shown);
        dispute.reveal(id, shown);
    }

    function test_aTensorWithoutElementsShowsNothing() external {
        _demanded(_honest(), _at(NOTHING, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(NOTHING, 0, 0));
        assertEq(shown.data.length, 0, "nothing");
        shown.data = new bytes(32);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongLength.selector, 0, 32));
        dispute.reveal(id, shown);
        shown.data = "";
        dispute.reveal(id, shown);
    }

    function test_pathsHaveTheLengthOfTheirTree() external {
        _demanded(_honest(), _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        _demand(OPENER, _at(WIDE, 1, 3));
        Revelation memory shown = _shown(_honest(), _at(WIDE, 1, 3));
        (bytes32[] memory path, bytes32[] memory tracePath) = (shown.path, shown.tracePath);
        for (uint256 given = 6; given <= 8; given += 2) {
            shown.path = new bytes32[](given);
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongPath.selector, 7, given));
            dispute.reveal(id, shown);
        }
        shown.path = path;
        for (uint256 given = 2; given <= 4; given += 2) {
            shown.tracePath = new bytes32[](given);
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongPath.selector, 3, given));
            dispute.reveal(id, shown);
        }
        shown.tracePath = tracePath;
        dispute.reveal(id, shown);
    }

    function test_theTraceHasNoPathAboveIt() external {
        _played(LONG, _honest());
        _demand(OPENER, _at(TRACE, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(TRACE, 0, 0));
        shown.tracePath = new bytes32[](1);
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongPath.selector, 0, 1));
        dispute.reveal(id, shown);
    }

    /// @dev Any bit of data, path or trace path.
    function test_attack_35_anythingElseIsRefused(uint256 seed) external {
        _demanded(_honest(), _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        uint32 index = uint32(seed % (LAST + 1));
        _demand(OPENER, _at(WIDE, 1, index));
        Revelation memory shown = _shown(_honest(), _at(WIDE, 1, index));
        bytes1 bit = bytes1(uint8(1 << ((seed >> 8) % 8)));
        uint256 place = (seed >> 16) % (shown.data.length + 32 * (shown.path.length + shown.tracePath.length));
        if (place < shown.data.length) {
            shown.data[place] ^= bit;
        } else {
            uint256 word = (place - shown.data.length) / 32;
            if (word < shown.path.length) shown.path[word] ^= bytes32(bit);
            else shown.tracePath[word - shown.path.length] ^= bytes32(bit);
        }
        (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
        bytes4 error_ = bytes4(result);
        assertTrue(
            !did
                && (error_ == IDispute.Dispute_WrongRoot.selector
                    || error_ == IDispute.Dispute_PaddingNotZero.selector),
            "refused"
        );
    }

    /// @dev Another position's data, with its own path.
    function test_attack_35_anotherPositionsData() external {
        _demanded(_honest(), _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        _demand(OPENER, _at(WIDE, 1, 3));
        Revelation memory shown = _shown(_honest(), _at(WIDE, 1, 4));
        shown.position.index = 3;
        (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
        assertTrue(!did && bytes4(result) == IDispute.Dispute_WrongRoot.selector, "refused");
    }

    // ------------------------------------------------------------------ what cannot be revealed

    function test_attack_75_junkInThePadding() external {
        Lie memory lie = _lieAt(Lying.PADDING, SUMS);
        _demanded(lie, _at(SUMS, 0, 0));
        Revelation memory shown = _shown(lie, _at(SUMS, 0, 0));
        _refuses(abi.encodeWithSelector(IDispute.Dispute_PaddingNotZero.selector));
        dispute.reveal(id, shown);
        _forfeits(_at(SUMS, 0, 0));
    }

    /// @dev Every byte behind the last element counts, and no byte before it.
    function test_everyByteOfThePaddingIsChecked() external {
        _demanded(_honest(), _at(SUMS, 0, 0));
        Revelation memory shown = _shown(_honest(), _at(SUMS, 0, 0));
        for (uint256 i = 0; i < shown.data.length; ++i) {
            shown.data[i] ^= 0x01;
            (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
            bytes4 expected = i < 48 ? IDispute.Dispute_WrongRoot.selector : IDispute.Dispute_PaddingNotZero.selector;
            assertTrue(!did && bytes4(result) == expected, "refused for that reason");
            shown.data[i] ^= 0x01;
        }
        dispute.reveal(id, shown);
    }

    function test_attack_36_anotherHeader() external {
        Lie memory lie = _lieAt(Lying.HEADER, DOTS);
        _demanded(lie, _at(DOTS, 0, 0));
        Revelation memory shown = _shown(lie, _at(DOTS, 0, 0));
        (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
        assertTrue(!did && bytes4(result) == IDispute.Dispute_WrongRoot.selector, "refused");
        _forfeits(_at(DOTS, 0, 0));
    }

    function test_attack_37_aRootOfNothing() external {
        Lie memory lie = _lieAt(Lying.FOREST, 0);
        _played(LONG, lie);
        _demand(OPENER, _at(TRACE, 0, 0));
        Revelation memory shown = _shown(lie, _at(TRACE, 0, 0));
        (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
        assertTrue(!did && bytes4(result) == IDispute.Dispute_WrongRoot.selector, "refused");
        _forfeits(_at(TRACE, 0, 0));
    }

    /// @dev Where an empty subtree belongs, another hash cannot be shown: its place is not part of the data.
    function test_attack_34_somethingBeyondTheLastRoot() external {
        _challenged(LONG);
        vm.warp(P);
        Trace memory trace = _traceOf(_honest());
        bytes32[] memory more = new bytes32[](trace.roots.length + 1);
        for (uint256 i = 0; i < trace.roots.length; ++i) {
            more[i] = trace.roots[i];
        }
        more[trace.roots.length] = keccak256("junk");
        bytes32[][] memory rows = Trees.overRoots(more);
        bytes32 root = Trees.bindTrace(trace.roots.length, Trees.hashOf(rows));
        vm.prank(operator);
        dispute.postTrace(subject, root, new bytes32[](0));
        _demand(OPENER, _at(TRACE, 0, 0));
        Revelation memory shown = Revelation(_at(TRACE, 0, 0), "", new bytes32[](0), new bytes32[](0));
        for (uint256 i = 0; i < rows[2].length; ++i) {
            shown.data = bytes.concat(shown.data, rows[2][i]);
        }
        assertEq(shown.data.length, 66 * 32, "one more than there are");
        _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongLength.selector, 65 * 32, 66 * 32));
        dispute.reveal(id, shown);
        bytes memory cut = shown.data;
        assembly ("memory-safe") {
            mstore(cut, 2080)
        }
        (bool did, bytes memory result) = address(dispute).call(abi.encodeCall(IDispute.reveal, (id, shown)));
        assertTrue(!did && bytes4(result) == IDispute.Dispute_WrongRoot.selector, "refused");
        _forfeits(_at(TRACE, 0, 0));
    }

    // ------------------------------------------------------------------ parts

    function _demanded(Lie memory lie, Position memory position) private {
        _played(SMALL, lie);
        _enter(OPENER, position);
    }

    function _refusesLengths(Revelation memory shown) private {
        bytes memory data = shown.data;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 given = [data.length - 1, data.length + 1, data.length + 32][i];
            shown.data = Trees.slice(data, 0, given);
            _refuses(abi.encodeWithSelector(IDispute.Dispute_WrongLength.selector, data.length, given));
            dispute.reveal(id, shown);
        }
        shown.data = data;
    }

    function _forfeits(Position memory position) private {
        vm.warp(P + MOVE_TIME);
        dispute.forfeitDemand(subject, position);
        _requireVerdict(Verdict.REFUTED);
        _requirePaid(OPENER);
    }
}
