// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    Demand,
    Game,
    GameId,
    IDispute,
    Position,
    Revelation,
    Subject,
    Verdict
} from "contracts/interfaces/IDispute.sol";
import {AnswerRef, InputKind, ModelId, Request} from "contracts/interfaces/Types.sol";
import {Traces} from "./Traces.sol";
import {Trees} from "./Trees.sol";

/// @dev One game over an answer to one of the programs, move by move. Times are those of docs/disputes.md section 1, with the
/// durations of `Fixture`: the answer comes at A, the challenge at C, the trace at P.
abstract contract Stage is Traces {
    uint256 internal constant A = 1000;
    uint256 internal constant C = A + 5;
    uint256 internal constant P = C + 3;
    uint256 internal constant W = A + WINDOW;
    uint256 internal constant E = W + PROOF_PERIOD;

    /// @dev K and Q; moves of 10 seconds make dues 3 seconds apart.
    uint256 internal constant MAX_DEMANDS = 3;
    uint256 internal constant DEMANDS_PER_MOVE = 4;
    uint256 internal constant SPACING = 3;

    uint256 internal constant OPERATOR_KEY = 1;
    uint48 internal constant BOND_GWEI = 1e6;
    uint256 internal constant BOND = 1e6 gwei;
    address internal constant OPENER = address(0xA1);
    address internal constant OTHER = address(0xA2);
    address internal constant THIRD = address(0xA3);
    address internal constant ANYONE = address(0xA4);

    address internal operator = vm.addr(OPERATOR_KEY);
    uint256 internal model;
    Subject internal subject;
    GameId internal id;
    bytes internal output;
    IDispute internal dispute;

    // ------------------------------------------------------------------ setting up

    function setUp() external virtual {
        _loadPrograms();
        _begin(MAX_DEMANDS, DEMANDS_PER_MOVE);
    }

    function _begin(uint256 maxDemands, uint256 demandsPerMove) internal {
        dispute = _deploySystem(maxDemands, demandsPerMove);
        for (uint160 who = 0xA1; who <= 0xA4; ++who) {
            vm.deal(address(who), 100 * BOND);
        }
    }

    /// @dev At A, a request for a model of `Programs` is answered.
    function _answer(uint256 model_, bytes memory given) internal {
        Request memory made =
            _newRequest(address(this), vm.getNonce(address(this)), _policy(address(0), 0, BOND_GWEI), 0);
        _answerRequest(made, model_, given);
    }

    function _answerRequest(Request memory made, uint256 model_, bytes memory given) internal {
        (model, output) = (model_, given);
        Case memory asked = _case(model, 0);
        made.modelId = ModelId.wrap(keccak256(abi.encode(_program(model).model)));
        made.inputHash = keccak256(made.inputKind == InputKind.BYTES ? asked.input : abi.encodePacked(asked.roots[0]));
        vm.warp(A);
        vm.deal(address(this), BOND);
        oracle.deposit{value: BOND}(operator);
        if (made.inputKind == InputKind.BYTES) {
            oracle.request(made, asked.input);
        } else {
            bytes32[] memory roots = new bytes32[](1);
            roots[0] = asked.roots[0];
            oracle.requestRoots(made, roots, "");
        }
        vm.prank(operator);
        oracle.answer(made, 1, given, SOFTWARE, MANIFEST);
        subject = Subject(made, _ref(operator, given), 1);
        id = dispute.idOf(subject);
    }

    /// @dev At C, the right answer to a model is challenged.
    function _challenged(uint256 model_) internal {
        _challengedWith(model_, _case(model_, 0).output);
    }

    function _challengedWith(uint256 model_, bytes memory given) internal {
        _answer(model_, given);
        _challenge();
    }

    function _challenge() internal {
        vm.warp(C);
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, _program(model).model);
    }

    /// @dev At P, a trace is posted.
    function _played(uint256 model_, Lie memory lie) internal {
        _challenged(model_);
        _post(lie);
    }

    function _post(Lie memory lie) internal {
        vm.warp(P);
        Trace memory trace = _traceOf(lie);
        vm.prank(operator);
        dispute.postTrace(subject, trace.root, _posted(trace));
    }

    // ------------------------------------------------------------------ moving

    function _honest() internal pure returns (Lie memory none) {}

    function _lieAt(Lying how, uint256 tensor) internal pure returns (Lie memory) {
        return Lie(how, tensor, 0, false);
    }

    function _traceOf(Lie memory lie) internal view returns (Trace memory) {
        return _trace(_program(model), _case(model, 0), lie, output);
    }

    function _posted(Trace memory trace) internal pure returns (bytes32[] memory) {
        return trace.roots.length > MOST_ROOTS ? new bytes32[](0) : trace.roots;
    }

    /// @dev Demands with the node.
    function _enter(address who, Position memory position) internal {
        (bytes memory node, bytes32[] memory path) = _node(position.tensor);
        vm.prank(who);
        dispute.demand(id, position, node, path);
    }

    function _enterChain(address who, Position memory position) internal {
        (bytes memory node, bytes32[] memory path) = _node(position.tensor);
        vm.prank(who);
        dispute.openChain{value: BOND}(id, position, node, path);
    }

    /// @dev Demands without a node.
    function _demand(address who, Position memory position) internal {
        vm.prank(who);
        dispute.demand(id, position, "", new bytes32[](0));
    }

    function _openChain(address who, Position memory position) internal {
        vm.prank(who);
        dispute.openChain{value: BOND}(id, position, "", new bytes32[](0));
    }

    function _node(uint256 tensor) internal view returns (bytes memory node, bytes32[] memory path) {
        Program memory program = _program(model);
        return (program.nodes[tensor], Trees.path(Trees.overLeaves(program.nodes), 0, tensor));
    }

    function _reveal(Lie memory lie, Position memory position) internal {
        Revelation memory shown = _shown(lie, position);
        dispute.reveal(id, shown);
    }

    function _shown(Lie memory lie, Position memory position) internal view returns (Revelation memory) {
        return _revelation(_program(model), _traceOf(lie), position);
    }

    // ------------------------------------------------------------------ looking

    function _at(uint256 tensor, uint8 layer, uint32 index) internal pure returns (Position memory) {
        return Position(uint32(tensor), layer, index);
    }

    function _refuses(bytes memory error_) internal {
        vm.expectRevert(error_);
    }

    function _cannot(Position memory position) internal pure returns (bytes memory) {
        return
            abi.encodeWithSelector(
                IDispute.Dispute_CannotDemand.selector, position.tensor, position.layer, position.index
            );
    }

    function _wasRevealed(Position memory position) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IDispute.Dispute_AlreadyRevealed.selector, position.tensor, position.layer, position.index
        );
    }

    function _tooLate(uint256 deadline) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDispute.Dispute_TooLate.selector, deadline);
    }

    function _tooEarly(uint256 from) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDispute.Dispute_TooEarly.selector, from);
    }

    function _over(Verdict verdict) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IDispute.Dispute_NotOpen.selector, id, verdict);
    }

    function _game() internal view returns (Game memory) {
        return dispute.gameOf(id);
    }

    function _asked(Position memory position) internal view returns (Demand memory) {
        return dispute.demandOf(id, position);
    }

    function _requireVerdict(Verdict verdict) internal view {
        assertEq(uint256(_game().verdict), uint256(verdict), "verdict");
    }

    /// @dev Refuted or voided: finder and opener have their shares of the operator's bond, and nobody else has.
    function _requirePaid(address finder) internal view {
        (uint256 ofFinder,) = oracle.accountOf(finder);
        (uint256 ofOpener,) = oracle.accountOf(OPENER);
        (uint256 ofOperator,) = oracle.accountOf(operator);
        uint256 shareOfFinder = BOND * FINDER_SHARE / 10_000;
        uint256 shareOfOpener = BOND * OPENER_SHARE / 10_000;
        if (finder == OPENER) shareOfFinder += shareOfOpener;
        assertEq(ofFinder, shareOfFinder, "finder");
        if (finder != OPENER) assertEq(ofOpener, shareOfOpener, "opener");
        assertEq(ofOperator, 0, "operator");
    }
}
