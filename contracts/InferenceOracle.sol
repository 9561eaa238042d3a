// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {AnswerSignature} from "./AnswerSignature.sol";
import {PolicyLib} from "./PolicyLib.sol";
import {RequestState, RequestStateLib} from "./RequestState.sol";
import {Stake} from "./Stake.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {IDisputed, IInferenceOracle} from "./interfaces/IInferenceOracle.sol";
import {
    AnswerItem,
    AnswerRef,
    Duration,
    FinalizeItem,
    InputKind,
    Parameters,
    Policy,
    Reason,
    Request,
    RequestId,
    SettleItem,
    Status
} from "./interfaces/Types.sol";

/// @title Requests, answers, escrow and finality.
contract InferenceOracle is Stake, EIP712 {
    using PolicyLib for Policy;

    // ------------------------------------------------------------------ constants

    uint256 private constant MAX_BYTES = 65_536;
    uint256 private constant MAX_ROOTS = 16;
    uint256 private constant MAX_CALLBACK_GAS = 2_000_000;
    uint256 private constant MAX_DURATION = 2 ** 31;
    uint256 private constant MAX_ATTEMPTS = 8;
    uint256 private constant MAX_REASON = 256;

    /// @dev Gas for all that surrounds a callback at worst: settling and encoding 64 KiB before it, a store and the
    /// failure's event after it.
    uint256 private constant BEFORE_CALLBACK_GAS = 70_000;
    uint256 private constant AFTER_CALLBACK_GAS = 12_000;

    // ------------------------------------------------------------------ immutables

    /// @inheritdoc IInferenceOracle
    address public immutable dispute;

    uint256 private immutable MIN_ANSWER_TIME;
    uint256 private immutable MIN_WINDOW;
    uint256 private immutable MIN_TRACE_TIME;
    uint256 private immutable MIN_PROOF_PERIOD;
    uint256 private immutable MIN_MOVE_TIME;
    uint256 private immutable CHALLENGE_GAS;
    uint256 private immutable DEFENCE_GAS;
    uint256 private immutable FINDER_SHARE;
    uint256 private immutable OPENER_SHARE;
    uint256 private immutable UPHELD_SHARE;

    // ------------------------------------------------------------------ storage

    mapping(RequestId => RequestState) private _states;

    modifier onlyDispute() {
        require(msg.sender == dispute, InferenceOracle_NotDispute(msg.sender));
        _;
    }

    /// @param dispute_ The dispute contract, deployed or yet to be; zero: there are no disputes here.
    /// @param constants Minima, gas amounts and shares.
    constructor(address dispute_, Parameters memory constants) EIP712("Assay", "1") {
        require(
            _isDuration(constants.minAnswerTime, 1) && _isDuration(constants.minWindow, 1)
                && _isDuration(constants.minTraceTime, 1) && _isDuration(constants.minProofPeriod, 1)
                && _isDuration(constants.minMoveTime, 1)
                && uint256(constants.finderShare) + constants.openerShare <= 10_000 && constants.finderShare > 0
                && constants.upheldShare > 0 && constants.upheldShare <= 10_000,
            InferenceOracle_BadParameters()
        );
        dispute = dispute_;
        MIN_ANSWER_TIME = constants.minAnswerTime;
        MIN_WINDOW = constants.minWindow;
        MIN_TRACE_TIME = constants.minTraceTime;
        MIN_PROOF_PERIOD = constants.minProofPeriod;
        MIN_MOVE_TIME = constants.minMoveTime;
        CHALLENGE_GAS = constants.challengeGas;
        DEFENCE_GAS = constants.defenceGas;
        FINDER_SHARE = constants.finderShare;
        OPENER_SHARE = constants.openerShare;
        UPHELD_SHARE = constants.upheldShare;
    }

    // ------------------------------------------------------------------ requests

    /// @inheritdoc IInferenceOracle
    function request(Request calldata req, bytes calldata input) external payable returns (RequestId requestId) {
        require(req.inputKind == InputKind.BYTES, InferenceOracle_WrongInputKind());
        require(input.length <= MAX_BYTES, InferenceOracle_InputTooLarge(input.length, MAX_BYTES));
        requestId = _open(req, keccak256(input));
        emit Requested(requestId, req.modelId, req.policy.operator(), req, input);
    }

    /// @inheritdoc IInferenceOracle
    function requestRoots(Request calldata req, bytes32[] calldata roots, string calldata uri)
        external
        payable
        returns (RequestId requestId)
    {
        require(req.inputKind == InputKind.ROOT, InferenceOracle_WrongInputKind());
        require(roots.length <= MAX_ROOTS, InferenceOracle_InputTooLarge(roots.length, MAX_ROOTS));
        require(bytes(uri).length <= MAX_BYTES, InferenceOracle_InputTooLarge(bytes(uri).length, MAX_BYTES));
        bytes memory packed = abi.encodePacked(roots);
        requestId = _open(req, keccak256(packed));
        emit Requested(requestId, req.modelId, req.policy.operator(), req, packed);
        emit InputLocated(requestId, uri);
    }

    /// @inheritdoc IInferenceOracle
    function expire(Request calldata req) external {
        // Check
        RequestId requestId = idOf(req);
        RequestState state = _states[requestId];
        require(state.status() == Status.REQUESTED, InferenceOracle_Refused(requestId, Reason.NOT_REQUESTED));
        require(
            block.timestamp >= state.time() + req.policy.answerTime(),
            InferenceOracle_Refused(requestId, Reason.TOO_EARLY)
        );
        // Effect
        _close(requestId, Status.EXPIRED, state.attempt(), req);
        emit Expired(requestId);
    }

    // ------------------------------------------------------------------ answers

    /// @inheritdoc IInferenceOracle
    function answer(Request calldata req, uint8 attempt, bytes calldata output, bytes32 software, bytes32 manifestHash)
        external
    {
        RequestId requestId = idOf(req);
        Reason reason = _answer(requestId, req, attempt, output, software, manifestHash, msg.sender);
        require(reason == Reason.NONE, InferenceOracle_Refused(requestId, reason));
    }

    /// @inheritdoc IInferenceOracle
    function answerFor(
        Request calldata req,
        uint8 attempt,
        bytes calldata output,
        bytes32 software,
        bytes32 manifestHash,
        address operator,
        uint64 validUntil,
        bytes calldata signature
    ) external {
        RequestId requestId = idOf(req);
        _checkSignature(
            operator,
            validUntil,
            AnswerSignature.hashAnswer(
                requestId, attempt, req, keccak256(output), _environment(software, manifestHash), validUntil
            ),
            signature
        );
        Reason reason = _answer(requestId, req, attempt, output, software, manifestHash, operator);
        require(reason == Reason.NONE, InferenceOracle_Refused(requestId, reason));
    }

    /// @inheritdoc IInferenceOracle
    function answerMany(AnswerItem[] calldata items, bytes32 software, bytes32 manifestHash) external {
        _answerMany(items, software, manifestHash, msg.sender);
    }

    /// @inheritdoc IInferenceOracle
    function answerManyFor(
        AnswerItem[] calldata items,
        bytes32 software,
        bytes32 manifestHash,
        address operator,
        uint64 validUntil,
        bytes calldata signature
    ) external {
        bytes32 environment = _environment(software, manifestHash);
        bytes32[] memory hashes = new bytes32[](items.length);
        for (uint256 i = 0; i < items.length; ++i) {
            AnswerItem calldata item = items[i];
            hashes[i] = AnswerSignature.hashAnswer(
                idOf(item.request), item.attempt, item.request, keccak256(item.output), environment, validUntil
            );
        }
        _checkSignature(operator, validUntil, AnswerSignature.hashBatch(hashes), signature);
        _answerMany(items, software, manifestHash, operator);
    }

    // ------------------------------------------------------------------ finality

    /// @inheritdoc IInferenceOracle
    function settle(Request calldata req, AnswerRef calldata ref) external {
        RequestId requestId = idOf(req);
        (Reason reason,) = _settle(requestId, req, ref, false);
        require(reason == Reason.NONE, InferenceOracle_Refused(requestId, reason));
    }

    /// @inheritdoc IInferenceOracle
    function settleMany(SettleItem[] calldata items) external {
        for (uint256 i = 0; i < items.length; ++i) {
            RequestId requestId = idOf(items[i].request);
            (Reason reason,) = _settle(requestId, items[i].request, items[i].answer, false);
            if (reason != Reason.NONE) emit Skipped(requestId, reason);
        }
    }

    /// @inheritdoc IInferenceOracle
    function deliver(Request calldata req, bytes calldata output) external nonReentrant {
        // Check
        RequestId requestId = idOf(req);
        RequestState state = _requireFinal(requestId, output);
        require(!state.delivered(), InferenceOracle_Refused(requestId, Reason.ALREADY_DELIVERED));
        require(req.callbackGas != 0, InferenceOracle_Refused(requestId, Reason.NO_CALLBACK));
        require(_canCall(req.callbackGas, BEFORE_CALLBACK_GAS), InferenceOracle_Refused(requestId, Reason.GAS_TOO_LOW));
        // Effect
        _states[requestId] = state.asDelivered();
        // Interaction
        _callback(requestId, req, output, state);
    }

    /// @inheritdoc IInferenceOracle
    function finalize(Request calldata req, AnswerRef calldata ref, bytes calldata output) external nonReentrant {
        RequestId requestId = idOf(req);
        Reason reason = _finalize(requestId, req, ref, output);
        require(reason == Reason.NONE, InferenceOracle_Refused(requestId, reason));
    }

    /// @inheritdoc IInferenceOracle
    function finalizeMany(FinalizeItem[] calldata items) external nonReentrant {
        for (uint256 i = 0; i < items.length; ++i) {
            FinalizeItem calldata item = items[i];
            RequestId requestId = idOf(item.request);
            Reason reason = _finalize(requestId, item.request, item.answer, item.output);
            // Too little gas is the caller's doing, not the item's; a skip would make gas estimates too low.
            require(reason != Reason.GAS_TOO_LOW, InferenceOracle_Refused(requestId, reason));
            if (reason != Reason.NONE) emit Skipped(requestId, reason);
        }
    }

    // ------------------------------------------------------------------ disputes

    /// @inheritdoc IDisputed
    function onChallenged(Request calldata req, AnswerRef calldata ref)
        external
        onlyDispute
        returns (uint8 attempt, bytes25 commitment, uint40 answeredAt)
    {
        // Check
        RequestId requestId = idOf(req);
        RequestState state = _requireAnswer(requestId, ref, Status.ANSWERED, Reason.NOT_ANSWERED);
        (attempt, commitment, answeredAt) = (state.attempt(), state.commitment(), state.time());
        require(block.timestamp < answeredAt + req.policy.window(), InferenceOracle_Refused(requestId, Reason.TOO_LATE));
        // Effect
        _states[requestId] = RequestStateLib.pack(Status.DISPUTED, attempt, answeredAt, commitment);
        emit Disputed(requestId, ref.operator, attempt);
    }

    /// @inheritdoc IDisputed
    function refute(Request calldata req, AnswerRef calldata ref, address finder, address opener)
        external
        onlyDispute
        nonReentrant
    {
        // Check
        RequestId requestId = idOf(req);
        uint8 attempt = _requireAnswer(requestId, ref, Status.DISPUTED, Reason.NOT_ANSWERED).attempt();
        // Effect
        uint8 nextAttempt = 0;
        if (attempt < MAX_ATTEMPTS && req.policy.operator() == address(0)) {
            nextAttempt = attempt + 1;
            _states[requestId] = RequestStateLib.pack(Status.REQUESTED, nextAttempt, block.timestamp, 0);
        } else {
            _close(requestId, Status.EXPIRED, attempt, req);
        }
        emit Refuted(requestId, ref.operator, finder, opener, nextAttempt);
        // Interaction
        _slash(ref.operator, req.policy.operatorBond(), finder, FINDER_SHARE, opener, OPENER_SHARE);
    }

    /// @inheritdoc IDisputed
    function uphold(Request calldata req, AnswerRef calldata ref) external onlyDispute {
        RequestId requestId = idOf(req);
        uint8 attempt = _requireAnswer(requestId, ref, Status.DISPUTED, Reason.NOT_ANSWERED).attempt();
        _conclude(requestId, req, ref, attempt, false);
    }

    /// @inheritdoc IDisputed
    function void(Request calldata req, AnswerRef calldata ref, address finder, address opener)
        external
        onlyDispute
        nonReentrant
    {
        // Check
        RequestId requestId = idOf(req);
        uint8 attempt = _requireAnswer(requestId, ref, Status.DISPUTED, Reason.NOT_ANSWERED).attempt();
        // Effect
        _close(requestId, Status.VOID, attempt, req);
        emit Voided(requestId, ref.operator, finder, opener);
        // Interaction
        _slash(ref.operator, req.policy.operatorBond(), finder, FINDER_SHARE, opener, OPENER_SHARE);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IInferenceOracle
    function idOf(Request calldata req) public view returns (RequestId requestId) {
        // `keccak256(abi.encode(block.chainid, address(this), req))`, without decoding what is hashed as it stands: a
        // request of eight words. Whatever is used of it is decoded, and so checked, where it is used.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, chainid())
            mstore(add(start, 0x20), address())
            calldatacopy(add(start, 0x40), req, 0x100)
            requestId := keccak256(start, 0x140)
        }
    }

    /// @inheritdoc IInferenceOracle
    function statusOf(RequestId requestId)
        external
        view
        returns (Status status, uint8 attempt, uint40 time, bytes25 commitment, bool delivered)
    {
        RequestState state = _states[requestId];
        return (state.status(), state.attempt(), state.time(), state.commitment(), state.delivered());
    }

    /// @inheritdoc IInferenceOracle
    function requireFinal(Request calldata req, bytes calldata output) external view returns (RequestId requestId) {
        requestId = idOf(req);
        _requireFinal(requestId, output);
    }

    /// @inheritdoc IInferenceOracle
    function parameters() external view returns (Parameters memory) {
        return Parameters({
            minAnswerTime: uint32(MIN_ANSWER_TIME),
            minWindow: uint32(MIN_WINDOW),
            minTraceTime: uint32(MIN_TRACE_TIME),
            minProofPeriod: uint32(MIN_PROOF_PERIOD),
            minMoveTime: uint32(MIN_MOVE_TIME),
            challengeGas: uint32(CHALLENGE_GAS),
            defenceGas: uint32(DEFENCE_GAS),
            finderShare: uint16(FINDER_SHARE),
            openerShare: uint16(OPENER_SHARE),
            upheldShare: uint16(UPHELD_SHARE)
        });
    }

    // ------------------------------------------------------------------ opening and closing

    function _open(Request calldata req, bytes32 inputHash) private returns (RequestId requestId) {
        // Check
        require(req.requester == msg.sender, InferenceOracle_NotRequester(req.requester, msg.sender));
        require(inputHash == req.inputHash, InferenceOracle_WrongInput(req.inputHash, inputHash));
        require(
            req.callbackGas <= MAX_CALLBACK_GAS, InferenceOracle_CallbackGasTooLarge(req.callbackGas, MAX_CALLBACK_GAS)
        );
        require(msg.value == req.policy.fee(), InferenceOracle_WrongValue(msg.value, req.policy.fee()));
        _checkPolicy(req.policy);
        requestId = idOf(req);
        require(_states[requestId].status() == Status.NONE, InferenceOracle_IdUsed(requestId));
        // Effect
        _states[requestId] = RequestStateLib.pack(Status.REQUESTED, 1, block.timestamp, 0);
    }

    /// @dev Ends a request without an answer and gives the fee back.
    function _close(RequestId requestId, Status status, uint8 attempt, Request calldata req) private {
        _states[requestId] = RequestStateLib.pack(status, attempt, block.timestamp, 0);
        _credit(req.requester, req.policy.fee());
    }

    function _checkPolicy(Policy calldata policy) private view {
        _checkDuration(Duration.ANSWER_TIME, policy.answerTime(), MIN_ANSWER_TIME);
        _checkDuration(Duration.WINDOW, policy.window(), MIN_WINDOW);
        _checkDuration(Duration.TRACE_TIME, policy.traceTime(), MIN_TRACE_TIME);
        _checkDuration(Duration.PROOF_PERIOD, policy.proofPeriod(), MIN_PROOF_PERIOD);
        _checkDuration(Duration.MOVE_TIME, policy.moveTime(), MIN_MOVE_TIME);
        (uint256 operatorBond, uint256 challengerBond) = (policy.operatorBond(), policy.challengerBond());
        require(challengerBond <= operatorBond, InferenceOracle_ChallengerBondTooLarge(challengerBond, operatorBond));
        uint256 conviction = CHALLENGE_GAS * block.basefee * 10_000;
        require(
            operatorBond * FINDER_SHARE >= conviction,
            InferenceOracle_OperatorBondTooSmall(operatorBond, _divideUp(conviction, FINDER_SHARE))
        );
        uint256 defence = DEFENCE_GAS * block.basefee * 10_000;
        require(
            challengerBond * UPHELD_SHARE >= defence,
            InferenceOracle_ChallengerBondTooSmall(challengerBond, _divideUp(defence, UPHELD_SHARE))
        );
    }

    function _checkDuration(Duration duration, uint256 given, uint256 minimum) private pure {
        require(_isDuration(given, minimum), InferenceOracle_DurationOutOfRange(duration, given, minimum));
    }

    function _isDuration(uint256 given, uint256 minimum) private pure returns (bool) {
        return given >= minimum && given < MAX_DURATION;
    }

    function _divideUp(uint256 amount, uint256 divisor) private pure returns (uint256) {
        return (amount + divisor - 1) / divisor;
    }

    // ------------------------------------------------------------------ answering

    function _answerMany(AnswerItem[] calldata items, bytes32 software, bytes32 manifestHash, address operator)
        private
    {
        for (uint256 i = 0; i < items.length; ++i) {
            AnswerItem calldata item = items[i];
            RequestId requestId = idOf(item.request);
            Reason reason =
                _answer(requestId, item.request, item.attempt, item.output, software, manifestHash, operator);
            if (reason != Reason.NONE) emit Skipped(requestId, reason);
        }
    }

    function _answer(
        RequestId requestId,
        Request calldata req,
        uint8 attempt,
        bytes calldata output,
        bytes32 software,
        bytes32 manifestHash,
        address operator
    ) private returns (Reason) {
        // Check
        RequestState state = _states[requestId];
        if (state.status() != Status.REQUESTED) return Reason.NOT_REQUESTED;
        if (state.attempt() != attempt) return Reason.WRONG_ATTEMPT;
        if (block.timestamp >= state.time() + req.policy.answerTime()) return Reason.TOO_LATE;
        address named = req.policy.operator();
        if (named != address(0) && named != operator) return Reason.WRONG_OPERATOR;
        bytes6 pinned = req.policy.software();
        if (pinned != 0 && pinned != bytes6(software)) return Reason.WRONG_SOFTWARE;
        if (output.length > MAX_BYTES) return Reason.OUTPUT_TOO_LARGE;
        // Effect
        if (!_tryLock(operator, req.policy.operatorBond())) return Reason.STAKE_TOO_SMALL;
        bytes25 commitment = RequestStateLib.commitAnswer(
            requestId, attempt, AnswerRef(operator, _environment(software, manifestHash), keccak256(output))
        );
        _states[requestId] = RequestStateLib.pack(Status.ANSWERED, attempt, block.timestamp, commitment);
        emit Answered(requestId, operator, attempt, software, manifestHash, output);
        return Reason.NONE;
    }

    function _environment(bytes32 software, bytes32 manifestHash) private pure returns (bytes32) {
        return keccak256(abi.encode(software, manifestHash));
    }

    function _checkSignature(address operator, uint64 validUntil, bytes32 structHash, bytes calldata signature)
        private
        view
    {
        require(block.timestamp <= validUntil, InferenceOracle_SignatureExpired(validUntil));
        require(
            operator != address(0)
                && SignatureChecker.isValidSignatureNowCalldata(operator, _hashTypedDataV4(structHash), signature),
            InferenceOracle_BadSignature(operator)
        );
    }

    // ------------------------------------------------------------------ settling and delivering

    /// @param delivering Whether the caller delivers at once, so that one store records both.
    function _settle(RequestId requestId, Request calldata req, AnswerRef calldata ref, bool delivering)
        private
        returns (Reason reason, RequestState state)
    {
        state = _states[requestId];
        reason = _matches(state, requestId, ref, Status.ANSWERED, Reason.NOT_ANSWERED);
        if (reason != Reason.NONE) return (reason, state);
        if (block.timestamp < state.time() + req.policy.window()) return (Reason.TOO_EARLY, state);
        state = _conclude(requestId, req, ref, state.attempt(), delivering);
    }

    /// @dev Makes an answer final: rewrites the commitment, pays the fee, unlocks the bond.
    function _conclude(
        RequestId requestId,
        Request calldata req,
        AnswerRef calldata ref,
        uint8 attempt,
        bool delivering
    ) private returns (RequestState state) {
        state = RequestStateLib.pack(
            Status.FINAL, attempt, block.timestamp, RequestStateLib.commitOutput(requestId, ref.outputHash)
        );
        _states[requestId] = delivering ? state.asDelivered() : state;
        _unlockAndCredit(ref.operator, req.policy.operatorBond(), req.policy.fee());
        emit Settled(requestId, ref.operator);
    }

    function _finalize(RequestId requestId, Request calldata req, AnswerRef calldata ref, bytes calldata output)
        private
        returns (Reason)
    {
        // Check
        if (keccak256(output) != ref.outputHash) return Reason.WRONG_ANSWER;
        bool delivering = req.callbackGas != 0;
        if (delivering && !_canCall(req.callbackGas, BEFORE_CALLBACK_GAS)) return Reason.GAS_TOO_LOW;
        // Effect
        (Reason reason, RequestState state) = _settle(requestId, req, ref, delivering);
        // Interaction
        if (reason == Reason.NONE && delivering) _callback(requestId, req, output, state);
        return reason;
    }

    /// @dev Whether `callbackGas` can be passed on whole (EIP-150 keeps a 64th) after `before` more gas is spent, with
    /// enough left to finish.
    function _canCall(uint256 callbackGas, uint256 before) private view returns (bool) {
        return gasleft() >= callbackGas + callbackGas / 63 + before + AFTER_CALLBACK_GAS;
    }

    /// @dev Calls the requester with exactly its gas and takes back at most `MAX_REASON` bytes. The word says
    /// delivered already; a failure stores `undelivered` again.
    function _callback(RequestId requestId, Request calldata req, bytes calldata output, RequestState undelivered)
        private
    {
        bytes memory data = abi.encodeCall(IInferenceConsumer.onInference, (requestId, output));
        (address to, uint256 stipend) = (req.requester, req.callbackGas);
        bool taken = to.code.length != 0;
        bytes memory reason = "";
        if (taken) {
            require(_canCall(stipend, 0), InferenceOracle_Refused(requestId, Reason.GAS_TOO_LOW));
            assembly ("memory-safe") {
                taken := call(stipend, to, 0, add(data, 32), mload(data), 0, 0)
            }
            if (!taken) {
                assembly ("memory-safe") {
                    let size := returndatasize()
                    if gt(size, MAX_REASON) { size := MAX_REASON }
                    reason := mload(0x40)
                    mstore(0x40, add(reason, add(32, MAX_REASON)))
                    mstore(reason, size)
                    returndatacopy(add(reason, 32), 0, size)
                }
            }
        }
        if (taken) {
            emit Delivered(requestId);
        } else {
            _states[requestId] = undelivered;
            emit DeliveryFailed(requestId, reason);
        }
    }

    function _matches(RequestState state, RequestId requestId, AnswerRef calldata ref, Status status, Reason otherwise)
        private
        pure
        returns (Reason)
    {
        if (state.status() != status) return otherwise;
        if (state.commitment() != RequestStateLib.commitAnswer(requestId, state.attempt(), ref)) {
            return Reason.WRONG_ANSWER;
        }
        return Reason.NONE;
    }

    function _requireAnswer(RequestId requestId, AnswerRef calldata ref, Status status, Reason otherwise)
        private
        view
        returns (RequestState state)
    {
        state = _states[requestId];
        Reason reason = _matches(state, requestId, ref, status, otherwise);
        require(reason == Reason.NONE, InferenceOracle_Refused(requestId, reason));
    }

    function _requireFinal(RequestId requestId, bytes calldata output) private view returns (RequestState state) {
        state = _states[requestId];
        require(state.status() == Status.FINAL, InferenceOracle_Refused(requestId, Reason.NOT_FINAL));
        require(
            state.commitment() == RequestStateLib.commitOutput(requestId, keccak256(output)),
            InferenceOracle_Refused(requestId, Reason.WRONG_ANSWER)
        );
    }
}
