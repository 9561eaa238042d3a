// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {PolicyLib} from "../PolicyLib.sol";
import {InferenceConsumer} from "../consumer/InferenceConsumer.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Model, Policy, RequestId, Status} from "../interfaces/Types.sol";

/// @title Base of the examples: whoever asks pays the fee, and gets it back where no answer comes.
/// @notice Fixed terms, and pull payments: ether is credited and taken out with `withdraw`.
abstract contract PaidConsumer is InferenceConsumer {
    /// @dev Enough for the callbacks of the examples, which store a few words and emit an event.
    uint32 private constant CALLBACK_GAS = 200_000;

    uint256 private immutable POLICY_HEAD;
    uint256 private immutable POLICY_TAIL;

    /// @notice Who asked, while the request is open.
    mapping(RequestId requestId => address asker) public askerOf;

    /// @notice Wei an account can withdraw.
    mapping(address account => uint256 amount) public creditOf;

    uint256 private _asked;

    /// @notice A request ended without an answer and its fee was credited to who paid it.
    event Reclaimed(RequestId indexed requestId, address indexed asker, uint256 amount);

    /// @notice The ether sent is not the fee.
    error PaidConsumer_WrongValue(uint256 sent, uint256 fee);

    /// @notice There is no such request here, or it has been answered or reclaimed.
    error PaidConsumer_NotOpen(RequestId requestId);

    /// @notice The request has not ended without an answer: its fee is not back. An overdue one must be expired first.
    error PaidConsumer_NotRefunded(RequestId requestId, Status status);

    /// @notice The account has no credit.
    error PaidConsumer_NoCredit(address account);

    /// @notice The receiver refused the ether.
    error PaidConsumer_TransferFailed(address to);

    /// @notice Ether comes as a fee or as a refund of the oracle, not like this.
    error PaidConsumer_UnexpectedEther(address sender);

    /// @param policy_ The terms of every request.
    constructor(IInferenceOracle oracle, Model memory model, Policy memory policy_) InferenceConsumer(oracle, model) {
        POLICY_HEAD = policy_.head;
        POLICY_TAIL = policy_.tail;
    }

    /// @dev Refunds of the oracle.
    receive() external payable {
        require(msg.sender == address(ORACLE), PaidConsumer_UnexpectedEther(msg.sender));
    }

    /// @notice Credits the fee of a request that expired or was voided to who paid it. Anyone may call it.
    function reclaim(RequestId requestId) external {
        // Check
        address asker = askerOf[requestId];
        require(asker != address(0), PaidConsumer_NotOpen(requestId));
        // Only the status matters here.
        // slither-disable-next-line unused-return
        (Status status,,,,) = ORACLE.statusOf(requestId);
        require(status == Status.EXPIRED || status == Status.VOID, PaidConsumer_NotRefunded(requestId, status));
        // Effect
        delete askerOf[requestId];
        creditOf[asker] += fee();
        emit Reclaimed(requestId, asker, fee());
        // Interaction
        _withdrawFromOracle(fee(), payable(address(this)));
    }

    /// @notice Takes out the caller's credit.
    function withdraw(address payable to) external {
        // Check
        uint256 amount = creditOf[msg.sender];
        require(amount != 0, PaidConsumer_NoCredit(msg.sender));
        // Effect
        creditOf[msg.sender] = 0;
        // Interaction
        (bool taken,) = to.call{value: amount}("");
        require(taken, PaidConsumer_TransferFailed(to));
    }

    /// @notice The terms of every request.
    function policy() public view returns (Policy memory) {
        return Policy({head: POLICY_HEAD, tail: POLICY_TAIL});
    }

    /// @notice What a request costs, in wei.
    function fee() public view returns (uint256) {
        return PolicyLib.feeOf(policy());
    }

    /// @dev Asks on behalf of the caller, who must have sent the fee.
    function _ask(bytes memory input) internal returns (RequestId requestId) {
        require(msg.value == fee(), PaidConsumer_WrongValue(msg.value, fee()));
        requestId = _request(input, policy(), CALLBACK_GAS, bytes32(++_asked));
        askerOf[requestId] = msg.sender;
    }

    /// @inheritdoc InferenceConsumer
    function _onInference(RequestId requestId, bytes calldata output) internal override {
        address asker = askerOf[requestId];
        require(asker != address(0), PaidConsumer_NotOpen(requestId));
        delete askerOf[requestId];
        _onAnswer(requestId, asker, output);
    }

    /// @dev Acts on a final answer. It must not revert for any output of the model's length.
    function _onAnswer(RequestId requestId, address asker, bytes calldata output) internal virtual;
}
