// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AnswerItem,
    AnswerRef,
    Duration,
    FinalizeItem,
    ModelId,
    Parameters,
    Reason,
    Request,
    RequestId,
    SettleItem,
    Status
} from "./Types.sol";

/// @title What only the dispute contract may do.
interface IDisputed {
    /// @notice Moves an answer into dispute.
    /// @dev Refused unless the request is ANSWERED and its window has not ended.
    /// @param request The request.
    /// @param answer Its provisional answer.
    /// @return attempt The attempt in dispute, from 1.
    /// @return commitment What the oracle stores of the answer.
    /// @return answeredAt When it was answered, in seconds since the epoch.
    function onChallenged(Request calldata request, AnswerRef calldata answer)
        external
        returns (uint8 attempt, bytes25 commitment, uint40 answeredAt);

    /// @notice Ends a dispute against the operator: its bond is split, the request reopens or expires.
    /// @param request The request.
    /// @param answer The refuted answer.
    /// @param finder Who first demanded the data that prove the fault.
    /// @param opener Who opened the game.
    function refute(Request calldata request, AnswerRef calldata answer, address finder, address opener) external;

    /// @notice Ends a dispute for the operator: the answer is final, the fee paid, the bond unlocked.
    /// @param request The request.
    /// @param answer The upheld answer.
    function uphold(Request calldata request, AnswerRef calldata answer) external;

    /// @notice Ends a dispute over a malformed program: as `refute`, but the fee goes back and nothing reopens.
    /// @param request The request.
    /// @param answer The answer to a program that has none.
    /// @param finder Who first demanded the data that prove the fault.
    /// @param opener Who opened the game.
    function void(Request calldata request, AnswerRef calldata answer, address finder, address opener) external;
}

/// @title Requests, answers, escrow and finality.
/// @notice No owner, no admin, no pause, no upgrade. One word of state for each request; callers pass the rest back.
/// Amounts in policies are gwei, everywhere else wei. Times are seconds.
interface IInferenceOracle is IDisputed {
    // ------------------------------------------------------------------ events

    /// @notice An inference was asked for and its fee escrowed.
    /// @param requestId The request's id.
    /// @param modelId The model to run.
    /// @param operator Who alone may answer; zero: anybody.
    /// @param request All of it.
    /// @param input The packed input (BYTES) or the packed tensor roots (ROOT).
    event Requested(
        RequestId indexed requestId, ModelId indexed modelId, address indexed operator, Request request, bytes input
    );

    /// @notice Where the input of a ROOT request can be fetched.
    /// @param requestId The request's id.
    /// @param uri The place, as the requester says.
    event InputLocated(RequestId indexed requestId, string uri);

    /// @notice An answer was posted and its bond locked. It is provisional.
    /// @param requestId The request's id.
    /// @param operator Who answered.
    /// @param attempt The attempt answered, from 1.
    /// @param software Software hash, self-declared.
    /// @param manifestHash Hash of the environment's manifest, self-declared.
    /// @param output The packed output.
    event Answered(
        RequestId indexed requestId,
        address indexed operator,
        uint8 attempt,
        bytes32 software,
        bytes32 manifestHash,
        bytes output
    );

    /// @notice An answer became final: the fee was paid and the bond unlocked.
    /// @param requestId The request's id.
    /// @param operator Who was paid.
    event Settled(RequestId indexed requestId, address indexed operator);

    /// @notice A final answer reached its consumer.
    /// @param requestId The request's id.
    event Delivered(RequestId indexed requestId);

    /// @notice The consumer failed to take a final answer. It stays final; delivery can be tried again.
    /// @param requestId The request's id.
    /// @param reason The first 256 bytes of what the consumer reverted with.
    event DeliveryFailed(RequestId indexed requestId, bytes reason);

    /// @notice A request ended without an answer; the fee went back.
    /// @param requestId The request's id.
    event Expired(RequestId indexed requestId);

    /// @notice An answer was challenged.
    /// @param requestId The request's id.
    /// @param operator Who answered.
    /// @param attempt The attempt in dispute.
    event Disputed(RequestId indexed requestId, address indexed operator, uint8 attempt);

    /// @notice An answer was proven wrong and its bond split.
    /// @param requestId The request's id.
    /// @param operator Who lost the bond.
    /// @param finder Who first demanded the data that prove the fault.
    /// @param opener Who opened the game.
    /// @param nextAttempt The attempt now open; zero: none, the request ended.
    event Refuted(
        RequestId indexed requestId, address indexed operator, address finder, address opener, uint8 nextAttempt
    );

    /// @notice The program turned out to be malformed: the bond was split, the fee went back.
    /// @param requestId The request's id.
    /// @param operator Who lost the bond.
    /// @param finder Who first demanded the data that prove the fault.
    /// @param opener Who opened the game.
    event Voided(RequestId indexed requestId, address indexed operator, address finder, address opener);

    /// @notice An item of a batch was not carried out; the others were.
    /// @param requestId The request's id.
    /// @param reason Why.
    event Skipped(RequestId indexed requestId, Reason reason);

    /// @notice Stake was added.
    /// @param account Whose stake.
    /// @param amount In wei.
    event Deposited(address indexed account, uint256 amount);

    /// @notice Free stake left the contract.
    /// @param account Whose stake.
    /// @param to Where it went.
    /// @param amount In wei.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    // ------------------------------------------------------------------ errors

    /// @notice The request cannot take this call now.
    error InferenceOracle_Refused(RequestId requestId, Reason reason);

    /// @notice `request.requester` is not the caller.
    error InferenceOracle_NotRequester(address requester, address caller);

    /// @notice This request was made before; ids are used once. Take another salt.
    error InferenceOracle_IdUsed(RequestId requestId);

    /// @notice The ether sent is not the policy's fee.
    error InferenceOracle_WrongValue(uint256 sent, uint256 fee);

    /// @notice `request` was called for kind ROOT or `requestRoots` for kind BYTES.
    error InferenceOracle_WrongInputKind();

    /// @notice The input is not what `request.inputHash` says.
    error InferenceOracle_WrongInput(bytes32 declared, bytes32 computed);

    /// @notice The input is longer than it may be: 64 KiB, or 16 roots.
    error InferenceOracle_InputTooLarge(uint256 length, uint256 limit);

    /// @notice `callbackGas` is above the cap, so that settling could become impossible.
    error InferenceOracle_CallbackGasTooLarge(uint256 gas, uint256 limit);

    /// @notice A duration of the policy is outside [minimum, 2^31).
    error InferenceOracle_DurationOutOfRange(Duration duration, uint256 seconds_, uint256 minimum);

    /// @notice The operator's bond does not pay for a conviction at this block's base fee.
    error InferenceOracle_OperatorBondTooSmall(uint256 bond, uint256 minimum);

    /// @notice The challenger's bond does not pay for a defence at this block's base fee.
    error InferenceOracle_ChallengerBondTooSmall(uint256 bond, uint256 minimum);

    /// @notice The challenger's bond exceeds the operator's.
    error InferenceOracle_ChallengerBondTooLarge(uint256 bond, uint256 operatorBond);

    /// @notice The signature is not the operator's over these answers.
    error InferenceOracle_BadSignature(address operator);

    /// @notice The signature was valid until a time that has passed.
    error InferenceOracle_SignatureExpired(uint256 validUntil);

    /// @notice More was asked for than is free: deposited less locked.
    error InferenceOracle_FreeStakeTooSmall(uint256 free, uint256 asked);

    /// @notice The receiver of a withdrawal refused it.
    error InferenceOracle_TransferFailed(address to);

    /// @notice The zero address cannot hold stake or receive a withdrawal.
    error InferenceOracle_ZeroAddress();

    /// @notice Only the dispute contract may call this.
    error InferenceOracle_NotDispute(address caller);

    /// @notice A constructor argument makes no sense: a minimum of 0 or beyond 2^31, or shares above the whole.
    error InferenceOracle_BadParameters();

    // ------------------------------------------------------------------ requests

    /// @notice Asks for an inference. The ether sent is the fee, escrowed until the request ends.
    /// @param request The request; its requester is the caller.
    /// @param input The packed input: tensors in order, row-major, big-endian.
    /// @return requestId Its id.
    function request(Request calldata request, bytes calldata input) external payable returns (RequestId requestId);

    /// @notice Asks for an inference on an input that is not on chain.
    /// @param request The request, of kind ROOT.
    /// @param roots One tensor root for each input, in slot order.
    /// @param uri Where the input can be fetched. What nobody can fetch, nobody can challenge.
    /// @return requestId Its id.
    function requestRoots(Request calldata request, bytes32[] calldata roots, string calldata uri)
        external
        payable
        returns (RequestId requestId);

    /// @notice Ends a request nobody answered in time; the fee goes back to the requester's balance.
    /// @param request The request.
    function expire(Request calldata request) external;

    // ------------------------------------------------------------------ answers

    /// @notice Answers a request and locks the caller's bond.
    /// @param request The request.
    /// @param attempt The attempt answered, from 1.
    /// @param output The packed output, at most 64 KiB.
    /// @param software Software hash; the policy may ask for its first six bytes.
    /// @param manifestHash Hash of the environment's manifest.
    function answer(
        Request calldata request,
        uint8 attempt,
        bytes calldata output,
        bytes32 software,
        bytes32 manifestHash
    ) external;

    /// @notice Relays an operator's answer, signed as EIP-712 `Answer`.
    /// @param request The request.
    /// @param attempt The attempt answered, from 1.
    /// @param output The packed output, at most 64 KiB.
    /// @param software Software hash.
    /// @param manifestHash Hash of the environment's manifest.
    /// @param operator Who answers and whose bond is locked.
    /// @param validUntil Last second, since the epoch, in which the signature counts.
    /// @param signature Low-s ECDSA, or whatever the operator's ERC-1271 contract takes.
    function answerFor(
        Request calldata request,
        uint8 attempt,
        bytes calldata output,
        bytes32 software,
        bytes32 manifestHash,
        address operator,
        uint64 validUntil,
        bytes calldata signature
    ) external;

    /// @notice Answers many requests. Items that cannot be answered are skipped with an event.
    /// @param items The answers.
    /// @param software Software hash of all of them.
    /// @param manifestHash Manifest hash of all of them.
    function answerMany(AnswerItem[] calldata items, bytes32 software, bytes32 manifestHash) external;

    /// @notice Relays an operator's answers, signed as EIP-712 `AnswerBatch`.
    /// @param items The answers.
    /// @param software Software hash of all of them.
    /// @param manifestHash Manifest hash of all of them.
    /// @param operator Who answers and whose bonds are locked.
    /// @param validUntil Last second, since the epoch, in which the signature counts.
    /// @param signature Low-s ECDSA, or whatever the operator's ERC-1271 contract takes.
    function answerManyFor(
        AnswerItem[] calldata items,
        bytes32 software,
        bytes32 manifestHash,
        address operator,
        uint64 validUntil,
        bytes calldata signature
    ) external;

    // ------------------------------------------------------------------ finality

    /// @notice Makes an unchallenged answer final: pays the fee, unlocks the bond, calls nobody.
    /// @param request The request.
    /// @param answer Its provisional answer.
    function settle(Request calldata request, AnswerRef calldata answer) external;

    /// @notice Settles many answers. Items that cannot be settled are skipped with an event.
    /// @param items The answers.
    function settleMany(SettleItem[] calldata items) external;

    /// @notice Gives a final answer to its consumer. Can be repeated until it succeeds once.
    /// @param request The request.
    /// @param output The final output.
    function deliver(Request calldata request, bytes calldata output) external;

    /// @notice Settles an answer and, where a callback was asked for, delivers it.
    /// @param request The request.
    /// @param answer Its provisional answer.
    /// @param output The output `answer.outputHash` binds.
    function finalize(Request calldata request, AnswerRef calldata answer, bytes calldata output) external;

    /// @notice Settles and delivers many answers. Items that cannot be are skipped with an event.
    /// @dev Reverts with GAS_TOO_LOW where the transaction's gas does not suffice for a callback.
    /// @param items The answers.
    function finalizeMany(FinalizeItem[] calldata items) external;

    // ------------------------------------------------------------------ money

    /// @notice Adds the ether sent to an account's stake.
    /// @param account Whose stake.
    function deposit(address account) external payable;

    /// @notice Takes the caller's free stake out.
    /// @param amount In wei.
    /// @param to Where it goes.
    function withdraw(uint256 amount, address payable to) external;

    // ------------------------------------------------------------------ views

    /// @notice The id of a request.
    /// @param request The request.
    /// @return requestId `keccak256(abi.encode(chain id, this contract, request))`.
    function idOf(Request calldata request) external view returns (RequestId requestId);

    /// @notice Where a request stands.
    /// @param requestId Its id.
    /// @return status Its status.
    /// @return attempt The open or answered attempt, from 1; zero where there is no such request.
    /// @return time When this status was reached; while DISPUTED, when the answer was posted.
    /// @return commitment While ANSWERED or DISPUTED `bytes25(keccak256(abi.encode(requestId, attempt, answer)))`,
    /// once FINAL `bytes25(keccak256(abi.encode(requestId, outputHash)))`, else zero.
    /// @return delivered Whether the consumer has taken the answer.
    function statusOf(RequestId requestId)
        external
        view
        returns (Status status, uint8 attempt, uint40 time, bytes25 commitment, bool delivered);

    /// @notice Reverts unless `output` is the final output of `request`.
    /// @dev Whoever relies on somebody else's request checks its model, policy and input kind too.
    /// @param request The request.
    /// @param output The packed output.
    /// @return requestId The request's id.
    function requireFinal(Request calldata request, bytes calldata output) external view returns (RequestId requestId);

    /// @notice An account's stake.
    /// @param account Whose.
    /// @return balance All of it, in wei.
    /// @return locked The part behind provisional answers, in wei.
    function accountOf(address account) external view returns (uint256 balance, uint256 locked);

    /// @notice The constants of this deployment.
    /// @return The constants.
    function parameters() external view returns (Parameters memory);

    /// @notice The only caller of `onChallenged`, `refute`, `uphold` and `void`; zero: there are no disputes here.
    /// @return The dispute contract.
    function dispute() external view returns (address);
}
