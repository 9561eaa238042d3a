// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice Identity of a model: `keccak256(abi.encode(Model))`.
type ModelId is bytes32;

/// @notice Identity of a request: `keccak256(abi.encode(chain id, oracle, Request))`.
type RequestId is bytes32;

using {_sameModel as ==} for ModelId global;
using {_sameRequest as ==} for RequestId global;

function _sameModel(ModelId a, ModelId b) pure returns (bool) {
    return ModelId.unwrap(a) == ModelId.unwrap(b);
}

function _sameRequest(RequestId a, RequestId b) pure returns (bool) {
    return RequestId.unwrap(a) == RequestId.unwrap(b);
}

/// @notice An input tensor of a model.
/// @param dtype Element type, the number ONNX's `TensorProto.DataType` gives it.
/// @param shape Elements along each axis; a scalar has none.
struct TensorSpec {
    uint8 dtype;
    uint32[] shape;
}

/// @notice An output tensor of a model and how far an answer may be from the canonical one.
/// @dev An element `a` is right iff `|a - c| <= atol + rtol * |c|`, compared exactly.
/// @param dtype Element type, the number ONNX's `TensorProto.DataType` gives it.
/// @param shape Elements along each axis; a scalar has none.
/// @param atol Absolute tolerance: the bits of a float64, finite and not negative.
/// @param rtol Relative tolerance: the bits of a float64, finite and not negative.
struct OutputSpec {
    uint8 dtype;
    uint32[] shape;
    uint64 atol;
    uint64 rtol;
}

/// @notice Everything a model id binds.
/// @param programRoot Root of the lowered program; zero where none has been compiled.
/// @param nodeCount Nodes of the program.
/// @param worstLeafGas Gas of the program's dearest one-step proof.
/// @param inputs Input tensors, in slot order.
/// @param outputs Output tensors, in order.
/// @param onnxDigest SHA-256 of the ONNX file: a claim, the program is what counts.
struct Model {
    bytes32 programRoot;
    uint32 nodeCount;
    uint32 worstLeafGas;
    TensorSpec[] inputs;
    OutputSpec[] outputs;
    bytes32 onnxDigest;
}

/// @notice How a request carries its input.
/// @param BYTES The input itself, at most 64 KiB, in calldata and in the event.
/// @param ROOT One tensor root per input and a URI. If nobody can fetch it, its answer cannot be challenged.
enum InputKind {
    BYTES,
    ROOT
}

/// @notice Where a request stands. DISPUTED is left only by the dispute contract.
enum Status {
    NONE,
    REQUESTED,
    ANSWERED,
    DISPUTED,
    FINAL,
    EXPIRED,
    VOID
}

/// @notice The terms of a request, packed into two words. Read and build it with `PolicyLib`.
/// @param head operator 160 | fee 48 | operatorBond 48, from the most significant bit.
/// @param tail challengerBond 48 | answerTime 32 | window 32 | traceTime 32 | proofPeriod 32 | moveTime 32 |
/// software 48, from the most significant bit.
struct Policy {
    uint256 head;
    uint256 tail;
}

/// @notice The same terms as a person writes them. Amounts in gwei, times in seconds.
/// @param operator Who alone may answer; zero: anybody.
/// @param fee Paid to the operator at finality.
/// @param operatorBond Locked while the answer is provisional.
/// @param challengerBond Asked of each challenger; at most `operatorBond`.
/// @param answerTime An answer must come before opening time + answerTime.
/// @param window A challenge must come before answer time + window.
/// @param traceTime The operator's time to post a trace root once challenged.
/// @param proofPeriod Time in which demands may be opened after the trace or the window.
/// @param moveTime Time of each single move of a dispute.
/// @param software First six bytes of the software hash an answer must carry; zero: any. Self-declared.
struct Terms {
    address operator;
    uint48 fee;
    uint48 operatorBond;
    uint48 challengerBond;
    uint32 answerTime;
    uint32 window;
    uint32 traceTime;
    uint32 proofPeriod;
    uint32 moveTime;
    bytes6 software;
}

/// @notice An inference asked for. Callers pass it back: the oracle keeps one word of it.
/// @param requester Who asked, pays, gets refunds and, if it is a contract, the callback.
/// @param salt Anything that makes the request unlike the requester's others.
/// @param modelId The model to run.
/// @param inputKind How the input is carried.
/// @param inputHash keccak256 of the packed input (BYTES) or of the packed tensor roots (ROOT).
/// @param policy The terms.
/// @param callbackGas Gas for `onInference`, exactly; zero: no callback.
struct Request {
    address requester;
    bytes32 salt;
    ModelId modelId;
    InputKind inputKind;
    bytes32 inputHash;
    Policy policy;
    uint32 callbackGas;
}

/// @notice What identifies a provisional answer.
/// @param operator Who answered.
/// @param environment keccak256(software hash, manifest hash), as the operator declares it.
/// @param outputHash keccak256 of the packed output.
struct AnswerRef {
    address operator;
    bytes32 environment;
    bytes32 outputHash;
}

/// @notice One answer of a batch.
/// @param request The request answered.
/// @param attempt The attempt answered, from 1.
/// @param output The packed output.
struct AnswerItem {
    Request request;
    uint8 attempt;
    bytes output;
}

/// @notice One answer to settle in a batch.
/// @param request The request.
/// @param answer Its provisional answer.
struct SettleItem {
    Request request;
    AnswerRef answer;
}

/// @notice One answer to settle and deliver in a batch.
/// @param request The request.
/// @param answer Its provisional answer.
/// @param output The packed output `answer.outputHash` binds.
struct FinalizeItem {
    Request request;
    AnswerRef answer;
    bytes output;
}

/// @notice Why a call on a request was refused, or an item of a batch skipped.
enum Reason {
    NONE,
    NOT_REQUESTED,
    NOT_ANSWERED,
    NOT_FINAL,
    WRONG_ATTEMPT,
    TOO_LATE,
    TOO_EARLY,
    WRONG_OPERATOR,
    WRONG_SOFTWARE,
    OUTPUT_TOO_LARGE,
    STAKE_TOO_SMALL,
    WRONG_ANSWER,
    ALREADY_DELIVERED,
    NO_CALLBACK,
    GAS_TOO_LOW
}

/// @notice The durations of a policy, named in errors.
enum Duration {
    ANSWER_TIME,
    WINDOW,
    TRACE_TIME,
    PROOF_PERIOD,
    MOVE_TIME
}

/// @notice Constants of a deployment, immutable. Times in seconds, shares in ten-thousandths.
/// @param minAnswerTime Least `answerTime` of a policy.
/// @param minWindow Least `window` of a policy.
/// @param minTraceTime Least `traceTime` of a policy.
/// @param minProofPeriod Least `proofPeriod` of a policy.
/// @param minMoveTime Least `moveTime` of a policy.
/// @param challengeGas Gas a challenger spends at worst on a conviction; its share must cover it.
/// @param defenceGas Gas an operator spends at worst on a defence; its share must cover it.
/// @param finderShare Of a refuted operator's bond, to the finder.
/// @param openerShare Of a refuted operator's bond, to the opener.
/// @param upheldShare Of an unsuccessful challenger's bond, to the operator.
struct Parameters {
    uint32 minAnswerTime;
    uint32 minWindow;
    uint32 minTraceTime;
    uint32 minProofPeriod;
    uint32 minMoveTime;
    uint32 challengeGas;
    uint32 defenceGas;
    uint16 finderShare;
    uint16 openerShare;
    uint16 upheldShare;
}
