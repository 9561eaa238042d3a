// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDispute, Position, Revelation, Subject} from "contracts/interfaces/IDispute.sol";
import {IProgramFaults, NodeOpening} from "contracts/interfaces/IProgramFaults.sol";
import {IStepVerifier, ProgramRef, StepProof} from "contracts/interfaces/IStepVerifier.sol";
import {Model, ModelId, OutputSpec, Request, TensorSpec, Terms} from "contracts/interfaces/Types.sol";
import {PolicyLib} from "contracts/PolicyLib.sol";
import {Judge} from "contracts/dispute/Judge.sol";
import {Stage} from "./Stage.sol";
import {Trees} from "./Trees.sol";

/// @dev More cheatcodes of forge.
interface Meter {
    function cool(address account) external;
}

interface WithJudge {
    function JUDGE() external view returns (Judge);
}

/// @dev What the dearest moves of a dispute cost, as transactions: every byte of calldata counts as not zero, at the prices of
/// EIP-7623, and all storage and accounts are cold. Trees are made from the leaf up: only what leads to one leaf exists.
contract DisputeGas is Stage {
    uint256 private constant K = 7;
    uint256 private constant Q = 8;
    uint256 private constant NODES = 2 ** 21;
    uint256 private constant LEAVES = 2 ** 28;
    uint32 private constant TENSOR = 1_234_567;
    uint256 private constant LEAF = 123_456_789;
    /// @dev A tensor of the small program with 65 positions in its second layer.
    uint256 private constant WIDE = 3;
    uint256 private constant LONG_MOVE = 3600;

    /// @dev `CHALLENGE_GAS` and `DEFENCE_GAS` of oracle/chain/deploy.py.
    uint256 private constant CHALLENGE_GAS = 12_500_000;
    uint256 private constant DEFENCE_GAS = 10_500_000;

    /// @dev Bounds of section 9 of docs/canonical.md, and what nodes accept.
    uint256 private constant PROOF_GAS = 6_000_000;
    uint256 private constant TRANSACTION_GAS = 2 ** 24;
    uint256 private constant BLOCK_GAS = 30_000_000;

    /// @dev A tree as far as it leads to one leaf: what each of its layers shows, and the rows above that.
    struct Path {
        bytes[] data;
        bytes32[][][] rows;
        bytes32 hash;
    }

    Model private played;

    event Measured(string what, uint256 bytes_, uint256 execution, uint256 gas_);

    function setUp() external override {
        _begin(K, Q);
    }

    /// @dev Whoever is right is paid for it by the other's bond: the oracle asks these amounts of every policy.
    function test_attack_16_bondsCoverAConvictionAndADefence() external {
        (uint256 challenge, uint256 demand, uint256 reveal) = _deepest();
        uint256 trace = _largestTrace();
        uint256 overhead = _proofOverhead();
        assertTrue(challenge + K * demand + PROOF_GAS + overhead <= CHALLENGE_GAS, "a conviction");
        assertTrue(trace + K * reveal <= DEFENCE_GAS, "a defence");
        // Not so far above that whoever asks for an inference pays for nothing.
        assertTrue(CHALLENGE_GAS - (challenge + K * demand + PROOF_GAS + overhead) < 500_000, "a conviction, closely");
        assertTrue(DEFENCE_GAS - (trace + K * reveal) < 500_000, "a defence, closely");
    }

    /// @dev However many demand at once, dues are so far apart that what falls due within a move fits into half a block.
    function test_attack_63_whatFallsDueWithinAMoveFitsIntoABlock() external {
        (,, uint256 reveal) = _deepest();
        uint256[] memory dues = _flood();
        uint256 most = 0;
        for (uint256 i = 0; i < dues.length; ++i) {
            uint256 together = 0;
            for (uint256 j = i; j < dues.length && dues[j] <= dues[i] + LONG_MOVE; ++j) {
                ++together;
            }
            if (together > most) most = together;
        }
        assertEq(most, Q + 1, "reveals due from one second to a move later");
        emit Measured("reveals of a move", most, 0, most * reveal);
        assertTrue(most * reveal <= TRANSACTION_GAS, "gas of a transaction");
        assertTrue(2 * most * reveal <= BLOCK_GAS, "half a block");
    }

    /// @dev When the demands of fifty challengers are due, who demand in the same second.
    function _flood() private returns (uint256[] memory dues) {
        _loadPrograms();
        Terms memory terms = Terms(
            address(0), 0, BOND_GWEI, BOND_GWEI, ANSWER_TIME, WINDOW, TRACE_TIME, PROOF_PERIOD, uint32(LONG_MOVE), 0
        );
        Request memory asked = _newRequest(address(this), 63, PolicyLib.pack(terms), 0);
        _answerRequest(asked, SMALL, _case(SMALL, 0).output);
        _challenge();
        _post(_honest());
        _enter(OPENER, _at(WIDE, 0, 0));
        _reveal(_honest(), _at(WIDE, 0, 0));
        dues = new uint256[](50);
        for (uint32 i = 0; i < dues.length; ++i) {
            address challenger = address(uint160(0x10000 + i));
            vm.deal(challenger, BOND);
            _openChain(challenger, _at(WIDE, 1, i));
            dues[i] = _asked(_at(WIDE, 1, i)).due;
        }
    }

    // ------------------------------------------------------------------ the deepest leaf there can be

    /// @dev Through three layers of the largest trace and four of the largest tensor, which the dearest node defines.
    function _deepest() private returns (uint256 challenge, uint256 demand, uint256 reveal) {
        bytes memory node = _dearestNode();
        Path memory tensor = _pathTo(LEAF, 28, 256, "");
        bytes32 root = Trees.bindTensor(1, uint64(LEAVES * 64), tensor.hash);
        Path memory trace = _pathTo(TENSOR, 21, 32, abi.encodePacked(root));
        bytes32[] memory nodePath = _siblings(21);
        bytes32 tree = _climb(Trees.leafHash(node), TENSOR, nodePath);
        _open(_dearestModel(Trees.bindProgram(1, NODES, tree), NODES));
        _requireSound(node, nodePath);

        vm.warp(C);
        challenge = _measure(
            "challenge", OPENER, BOND, abi.encodeCall(IDispute.challenge, (subject.request, subject.answer, played))
        );
        vm.warp(P);
        root = Trees.bindTrace(NODES, trace.hash);
        vm.prank(operator);
        dispute.postTrace(subject, root, _none());
        for (uint8 layer = 0; layer < 3; ++layer) {
            Position memory position = Position(TRACE, layer, uint32(TENSOR >> (21 - 7 * layer)));
            uint256 cost = _measure("demand", OPENER, 0, abi.encodeCall(IDispute.demand, (id, position, "", _none())));
            if (cost > demand) demand = cost;
            Revelation memory shown = Revelation(position, trace.data[layer], _above(trace, TENSOR, layer), _none());
            cost = _measure("reveal", ANYONE, 0, abi.encodeCall(IDispute.reveal, (id, shown)));
            if (cost > reveal) reveal = cost;
        }
        bytes32[] memory tracePath = _above(trace, TENSOR, 3);
        for (uint8 layer = 0; layer < 4; ++layer) {
            Position memory position = Position(TENSOR, layer, uint32(LEAF >> (28 - 7 * layer)));
            bytes memory call = layer == 0
                ? abi.encodeCall(IDispute.demand, (id, position, node, nodePath))
                : abi.encodeCall(IDispute.demand, (id, position, "", _none()));
            uint256 cost = _measure(layer == 0 ? "demand with the dearest node" : "demand", OPENER, 0, call);
            if (cost > demand) demand = cost;
            Revelation memory shown = Revelation(position, tensor.data[layer], _above(tensor, LEAF, layer), tracePath);
            cost = _measure(
                layer == 3 ? "reveal of leaves" : "reveal", ANYONE, 0, abi.encodeCall(IDispute.reveal, (id, shown))
            );
            if (cost > reveal) reveal = cost;
        }
        uint256 end = dispute.endOf(id);
        vm.warp(end);
        _measure("resolve", ANYONE, 0, abi.encodeCall(IDispute.resolve, (subject)));
    }

    /// @dev The largest trace that brings its roots, and a demand forfeited on it.
    function _largestTrace() private returns (uint256 cost) {
        bytes32[] memory roots = _siblings(256);
        bytes memory node = _dearestNode();
        bytes32[] memory nodePath = _siblings(8);
        bytes32 tree = _climb(Trees.leafHash(node), 200, nodePath);
        _open(_dearestModel(Trees.bindProgram(1, 256, tree), 256));
        vm.warp(C);
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, played);
        vm.warp(P);
        bytes32 root = Trees.bindTrace(256, Trees.hashOf(Trees.overRoots(roots)));
        bytes memory signature = _signFor(
            address(dispute),
            OPERATOR_KEY,
            keccak256(abi.encode(keccak256("Trace(bytes32 gameId,bytes32 root)"), id, root))
        );
        cost = _measure(
            "postTrace with 256 roots, relayed",
            ANYONE,
            0,
            abi.encodeCall(IDispute.postTraceFor, (subject, root, roots, signature))
        );
        Position memory position = Position(200, 0, 0);
        _measure(
            "openChain with the dearest node",
            OTHER,
            BOND,
            abi.encodeCall(IDispute.openChain, (id, position, node, nodePath))
        );
        vm.warp(P + MOVE_TIME);
        _measure("forfeitDemand", ANYONE, 0, abi.encodeCall(IDispute.forfeitDemand, (subject, position)));
        _measure("claim", ANYONE, 0, abi.encodeCall(IDispute.claim, (id, OTHER)));
    }

    // ------------------------------------------------------------------ proofs

    /// @dev What a proof costs beyond the step verifier's own transaction: forwarding its bytes, and ending the game.
    function _proofOverhead() private returns (uint256 overhead) {
        // 12,400 terms are nearly as many bytes as a proof can have.
        for (uint256 terms = 64; terms <= 12_400; terms += 12_336) {
            uint256 more = _overhead(terms);
            if (more > overhead) overhead = more;
        }
    }

    function _overhead(uint256 terms) private returns (uint256) {
        bytes[] memory nodes = new bytes[](3);
        bytes memory ones = new bytes(4 * terms);
        for (uint256 i = 0; i < ones.length; i += 4) {
            (ones[i], ones[i + 1]) = (0x3f, 0x80);
        }
        bytes32[][] memory rows = Trees.overTensor(Trees.pad(ones));
        bytes32 root = Trees.bindTensor(1, uint64(terms), Trees.hashOf(rows));
        nodes[0] = abi.encodePacked(hex"00000101000000", uint32(terms), uint16(0));
        nodes[1] = abi.encodePacked(hex"01000101000000", uint32(terms), root);
        bytes memory view_ = abi.encodePacked(
            hex"01", hex"01", uint64(0), uint32(terms), hex"ff", uint32(0), hex"01", hex"01", uint32(1)
        );
        nodes[2] = abi.encodePacked(hex"03800101010202", uint32(1), uint32(terms), uint32(0), view_, uint32(1), view_);
        bytes32[] memory roots = new bytes32[](3);
        (roots[0], roots[1]) = (root, root);
        bytes memory zero = new bytes(256);
        roots[2] = Trees.bindTensor(1, 1, Trees.leafHash(zero));
        bytes32[][] memory traceRows = Trees.overRoots(roots);
        bytes32[][] memory programRows = Trees.overLeaves(nodes);
        bytes32 programRoot = Trees.bindProgram(1, 3, Trees.hashOf(programRows));

        StepProof memory proof;
        (proof.index, proof.node, proof.nodePath) = (2, nodes[2], Trees.path(programRows, 0, 2));
        bytes memory run =
            bytes.concat(hex"01", bytes4(0), bytes4(uint32(rows[0].length)), Trees.pad(ones), Trees.pathOfAll(rows));
        proof.openings = bytes.concat(run, run);
        proof.operandPaths = new bytes32[][](2);
        proof.operandPaths[0] = Trees.path(traceRows, 0, 0);
        proof.operandPaths[1] = Trees.path(traceRows, 0, 1);
        proof.result = bytes.concat(bytes4(0), bytes4(uint32(1)), zero);
        proof.resultPath = Trees.path(traceRows, 0, 2);

        _open(_dearestModel(programRoot, 3));
        vm.warp(C);
        vm.prank(OPENER);
        dispute.challenge{value: BOND}(subject.request, subject.answer, played);
        vm.warp(P);
        bytes32 traceRoot = Trees.bindTrace(3, Trees.hashOf(traceRows));
        vm.prank(operator);
        dispute.postTrace(subject, traceRoot, roots);
        ProgramRef memory program = ProgramRef(programRoot, 1, 3);
        bytes memory alone = abi.encodeCall(IStepVerifier.stepFault, (program, traceRoot, proof));
        (uint256 executed,) = _call(address(WithJudge(address(dispute)).JUDGE().STEP_VERIFIER()), ANYONE, 0, alone);
        bytes memory call = abi.encodeCall(IDispute.proveStep, (subject, proof));
        (uint256 inDispute,) = _call(address(dispute), ANYONE, 0, call);
        emit Measured(
            "proveStep, beyond the verifier", call.length, inDispute - executed, _price(call.length, inDispute)
        );
        return 16 * (call.length - alone.length) + inDispute - executed;
    }

    // ------------------------------------------------------------------ what is dearest

    /// @dev Eight operands of eight coordinates with sixteen terms each, as many as a node can have.
    function _dearestNode() private pure returns (bytes memory node) {
        node = hex"03800108080802";
        uint32[8] memory sizes = [uint32(16), 16, 16, 16, 16, 16, 32, 32];
        for (uint256 i = 0; i < 16; ++i) {
            node = abi.encodePacked(node, i < 8 ? sizes[i] : 1);
        }
        bytes memory terms;
        for (uint8 axis = 0; axis < 16; ++axis) {
            terms = abi.encodePacked(terms, axis, int32(-1));
        }
        for (uint256 operand = 0; operand < 8; ++operand) {
            node = abi.encodePacked(node, uint32(0), operand < 2 ? uint8(1) : uint8(7), uint8(8), uint64(0));
            for (uint256 d = 0; d < 8; ++d) {
                node = abi.encodePacked(node, uint32(1), hex"ff", int32(-1), uint8(16), terms);
            }
        }
    }

    /// @dev As many tensors of as high a rank as a published model can have.
    function _dearestModel(bytes32 programRoot, uint256 nodes) private pure returns (Model memory made) {
        (made.programRoot, made.nodeCount, made.worstLeafGas) = (programRoot, uint32(nodes), type(uint32).max);
        made.inputs = new TensorSpec[](16);
        made.outputs = new OutputSpec[](nodes < 16 ? nodes : 16);
        uint32[] memory shape = new uint32[](8);
        for (uint256 i = 0; i < 8; ++i) {
            shape[i] = 1;
        }
        for (uint256 i = 0; i < made.inputs.length; ++i) {
            made.inputs[i] = TensorSpec(1, shape);
        }
        for (uint256 i = 0; i < made.outputs.length; ++i) {
            made.outputs[i] = OutputSpec(1, shape, 0, 0);
        }
    }

    /// @dev The node has no fault that its own bytes show, so that honest programs may have it.
    function _requireSound(bytes memory node, bytes32[] memory path) private view {
        Model memory made = played;
        IProgramFaults faults = WithJudge(address(dispute)).JUDGE().PROGRAM_FAULTS();
        ProgramRef memory program = ProgramRef(made.programRoot, 1, made.nodeCount);
        assertTrue(!faults.nodeFault(made, program, NodeOpening(TENSOR, node, path)), "a sound node");
    }

    // ------------------------------------------------------------------ trees

    /// @dev `given` are the first leaf's bytes where they are given, else they are made up as all others.
    function _pathTo(uint256 leaf, uint256 depth, uint256 leafBytes, bytes memory given)
        private
        pure
        returns (Path memory path)
    {
        uint256 layers = depth / 7;
        path.data = new bytes[](layers);
        path.rows = new bytes32[][][](layers);
        for (uint256 above = layers; above > 0; --above) {
            uint256 layer = above - 1;
            uint256 place = (leaf >> (depth - 7 * above)) & 127;
            bytes32[] memory hashes = new bytes32[](128);
            bytes memory data;
            for (uint256 i = 0; i < 128; ++i) {
                bytes memory shown = abi.encodePacked(keccak256(abi.encode(layer, i)));
                bool isLeaf = above == layers;
                if (isLeaf && leafBytes == 256) shown = bytes.concat(shown, shown, shown, shown);
                if (isLeaf && leafBytes == 256) shown = bytes.concat(shown, shown);
                if (i == place && isLeaf && given.length != 0) shown = given;
                if (i == place && !isLeaf) shown = abi.encodePacked(path.hash);
                hashes[i] = isLeaf ? Trees.leafHash(shown) : bytes32(shown);
                data = bytes.concat(data, shown);
            }
            path.data[layer] = data;
            path.rows[layer] = Trees.over(hashes);
            path.hash = Trees.hashOf(path.rows[layer]);
        }
    }

    /// @dev Siblings from the position of `layer` that leads to the leaf up to the tree's hash.
    function _above(Path memory path, uint256 leaf, uint256 layer) private pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](7 * layer);
        uint256 depth = 7 * path.data.length;
        for (uint256 i = 0; i < layer; ++i) {
            uint256 shows = layer - 1 - i;
            uint256 place = (leaf >> (depth - 7 * (shows + 1))) & 127;
            bytes32[] memory part = Trees.path(path.rows[shows], 0, place);
            for (uint256 level = 0; level < 7; ++level) {
                siblings[7 * i + level] = part[level];
            }
        }
    }

    function _climb(bytes32 node, uint256 index, bytes32[] memory siblings) private pure returns (bytes32) {
        for (uint256 i = 0; i < siblings.length; ++i) {
            node = (index >> i) & 1 == 1 ? Trees.inner(siblings[i], node) : Trees.inner(node, siblings[i]);
        }
        return node;
    }

    function _siblings(uint256 n) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            hashes[i] = keccak256(abi.encode("sibling", i));
        }
    }

    function _none() private pure returns (bytes32[] memory) {}

    // ------------------------------------------------------------------ measuring

    /// @dev At A, a request for the model is answered.
    function _open(Model memory made) private {
        played = made;
        bytes memory given = hex"00000000";
        Request memory asked =
            _newRequest(address(this), uint256(made.programRoot), _policy(address(0), 0, BOND_GWEI), 0);
        asked.modelId = ModelId.wrap(keccak256(abi.encode(made)));
        vm.warp(A);
        vm.deal(address(this), BOND);
        oracle.deposit{value: BOND}(operator);
        oracle.request(asked, INPUT);
        vm.prank(operator);
        oracle.answer(asked, 1, given, SOFTWARE, MANIFEST);
        subject = Subject(asked, _ref(operator, given), 1);
        id = dispute.idOf(subject);
    }

    function _measure(string memory what, address sender, uint256 value, bytes memory call)
        private
        returns (uint256 gas_)
    {
        (uint256 execution,) = _call(address(dispute), sender, value, call);
        gas_ = _price(call.length, execution);
        emit Measured(what, call.length, execution, gas_);
    }

    /// @dev A call from the cold; reverts where it fails.
    function _call(address to, address sender, uint256 value, bytes memory call)
        private
        returns (uint256 execution, bytes memory result)
    {
        Judge judge = WithJudge(address(dispute)).JUDGE();
        Meter meter = Meter(address(vm));
        meter.cool(address(dispute));
        meter.cool(address(judge));
        meter.cool(address(judge.STEP_VERIFIER()));
        meter.cool(address(judge.PROGRAM_FAULTS()));
        meter.cool(address(oracle));
        vm.prank(sender);
        bool did;
        uint256 before = gasleft();
        (did, result) = to.call{value: value}(call);
        execution = before - gasleft();
        if (!did) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    /// @dev EIP-7623, every byte counted as not zero.
    function _price(uint256 length, uint256 execution) private pure returns (uint256) {
        uint256 standard = 16 * length + execution;
        uint256 floor_ = 40 * length;
        return 21_000 + (standard > floor_ ? standard : floor_);
    }
}
