// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AnswerSignature} from "contracts/AnswerSignature.sol";
import {InferenceOracle} from "contracts/InferenceOracle.sol";
import {IDispute} from "contracts/interfaces/IDispute.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {PolicyLib} from "contracts/PolicyLib.sol";
import {
    AnswerRef,
    InputKind,
    ModelId,
    Parameters,
    Policy,
    Request,
    RequestId,
    Terms
} from "contracts/interfaces/Types.sol";
import {DisputeSeat} from "contracts/mocks/DisputeSeat.sol";
import {Test} from "./Vm.sol";

/// @dev An oracle with a test contract in the dispute seat, or the whole system; and how requests, references and signatures are made.
abstract contract Fixture is Test {
    uint32 internal constant ANSWER_TIME = 40;
    uint32 internal constant WINDOW = 20;
    uint32 internal constant TRACE_TIME = 10;
    uint32 internal constant PROOF_PERIOD = 10;
    uint32 internal constant MOVE_TIME = 10;
    uint16 internal constant FINDER_SHARE = 4_000;
    uint16 internal constant OPENER_SHARE = 1_000;
    bytes32 internal constant SOFTWARE = keccak256("software");
    bytes32 internal constant MANIFEST = keccak256("manifest");
    bytes internal constant INPUT = hex"3f800000";

    DisputeSeat internal seat;
    IInferenceOracle internal oracle;

    function _deploy() internal {
        seat = new DisputeSeat();
        oracle = new InferenceOracle(address(seat), _parameters());
    }

    /// @dev The whole system with real disputes, wired as a deployment is.
    /// @param maxDemands K.
    /// @param demandsPerMove Q.
    function _deploySystem(uint256 maxDemands, uint256 demandsPerMove) internal returns (IDispute dispute) {
        address elementary = vm.deployCode("Elementary.sol:Elementary");
        address trigonometry = vm.deployCode("Trigonometry.sol:Trigonometry");
        address scalars = vm.deployCode("Scalars.sol:Scalars", abi.encode(elementary, trigonometry));
        address recomputer = vm.deployCode("Recomputer.sol:Recomputer", abi.encode(scalars));
        address steps = vm.deployCode("StepVerifier.sol:StepVerifier", abi.encode(recomputer));
        address programs = vm.deployCode("ProgramFaults.sol:ProgramFaults");
        address inputs = vm.deployCode("InputFaults.sol:InputFaults");
        address answers = vm.deployCode("AnswerFaults.sol:AnswerFaults");
        address seated = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        oracle =
            IInferenceOracle(vm.deployCode("InferenceOracle.sol:InferenceOracle", abi.encode(seated, _parameters())));
        bytes memory wiring = abi.encode(oracle, steps, programs, inputs, answers, maxDemands, demandsPerMove);
        dispute = IDispute(vm.deployCode("Dispute.sol:Dispute", wiring));
    }

    function _parameters() internal pure returns (Parameters memory) {
        return Parameters({
            minAnswerTime: 10,
            minWindow: 10,
            minTraceTime: 10,
            minProofPeriod: 10,
            minMoveTime: 10,
            challengeGas: 8_000_000,
            defenceGas: 8_000_000,
            finderShare: FINDER_SHARE,
            openerShare: OPENER_SHARE,
            upheldShare: 7_500
        });
    }

    /// @dev Amounts in gwei.
    function _policy(address operator, uint48 fee, uint48 bond) internal pure returns (Policy memory) {
        return PolicyLib.pack(
            Terms({
                operator: operator,
                fee: fee,
                operatorBond: bond,
                challengerBond: bond,
                answerTime: ANSWER_TIME,
                window: WINDOW,
                traceTime: TRACE_TIME,
                proofPeriod: PROOF_PERIOD,
                moveTime: MOVE_TIME,
                software: 0
            })
        );
    }

    function _newRequest(address requester, uint256 salt, Policy memory policy, uint32 callbackGas)
        internal
        pure
        returns (Request memory)
    {
        return Request({
            requester: requester,
            salt: bytes32(salt),
            modelId: ModelId.wrap(keccak256("model")),
            inputKind: InputKind.BYTES,
            inputHash: keccak256(INPUT),
            policy: policy,
            callbackGas: callbackGas
        });
    }

    function _ref(address operator, bytes memory output) internal pure returns (AnswerRef memory) {
        return AnswerRef(operator, keccak256(abi.encode(SOFTWARE, MANIFEST)), keccak256(output));
    }

    function _answerHash(RequestId id, uint8 attempt, Request memory request, bytes memory output, uint64 validUntil)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                AnswerSignature.ANSWER_TYPEHASH,
                id,
                attempt,
                request.modelId,
                request.inputHash,
                keccak256(output),
                keccak256(abi.encode(SOFTWARE, MANIFEST)),
                validUntil
            )
        );
    }

    function _sign(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        return _signFor(address(oracle), key, structHash);
    }

    /// @dev A signature that `verifier` takes.
    function _signFor(address verifier, uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assay"),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }
}
