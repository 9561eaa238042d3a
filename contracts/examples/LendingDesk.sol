// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32, Rounding} from "../consumer/Float32.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {TensorWriter} from "../consumer/TensorWriter.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Model, Policy, RequestId} from "../interfaces/Types.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title Lends a fixed sum to whom a credit model finds likely enough to pay it back.
/// @notice The model takes 32 float32 features and yields p(good), p(bad) and a margin. The features are the
/// applicant's word: a real desk takes them from somebody who vouches for them.
contract LendingDesk is PaidConsumer {
    using TensorReader for bytes;
    using TensorWriter for bytes;

    uint256 private constant FEATURES = 32;
    uint256 private constant P_BAD = 1;

    /// @notice The sum lent, in wei.
    uint256 public constant LOAN = 0.01 ether;

    /// @notice A loan is granted where p(bad), with 18 decimals and rounded up, is below this.
    int256 public constant P_BAD_LIMIT = 0.4e18;

    /// @notice Whose money is lent: who deployed the desk.
    address public immutable LENDER;

    /// @notice Wei that can be lent or taken back by the lender.
    uint256 public capital;

    /// @notice Wei an account owes the desk.
    mapping(address applicant => uint256 amount) public debtOf;

    /// @notice Somebody asked for a loan.
    event Applied(RequestId indexed requestId, address indexed applicant);

    /// @notice A loan was granted and credited.
    /// @param pBad Probability of a default, 18 decimals.
    event Approved(RequestId indexed requestId, address indexed applicant, int256 pBad);

    /// @notice No loan: p(bad) is no number below the limit, the applicant has a loan already, or the desk is out of money.
    /// @param pBadBits The float32 the model answered.
    event Declined(RequestId indexed requestId, address indexed applicant, uint32 pBadBits);

    /// @notice A loan was paid back, wholly or in part.
    event Repaid(address indexed applicant, uint256 amount);

    /// @notice Somebody other than the lender asked for the lender's money.
    error LendingDesk_NotLender(address caller);

    /// @notice More was asked for than is there.
    error LendingDesk_CapitalTooSmall(uint256 capital, uint256 asked);

    /// @notice More was paid back than is owed.
    error LendingDesk_Overpaid(uint256 paid, uint256 debt);

    /// @param oracle The oracle to ask.
    /// @param model The credit model.
    /// @param policy_ The terms of every request.
    constructor(IInferenceOracle oracle, Model memory model, Policy memory policy_)
        PaidConsumer(oracle, model, policy_)
    {
        LENDER = msg.sender;
    }

    /// @notice Adds the ether sent to what can be lent.
    function fund() external payable {
        capital += msg.value;
    }

    /// @notice Credits the lender with capital that is not lent.
    function defund(uint256 amount) external {
        require(msg.sender == LENDER, LendingDesk_NotLender(msg.sender));
        require(amount <= capital, LendingDesk_CapitalTooSmall(capital, amount));
        capital -= amount;
        creditOf[LENDER] += amount;
    }

    /// @notice Asks for a loan; the ether sent is the fee of the credit score.
    /// @param features The model's features, all whole numbers.
    function applyForLoan(uint32[FEATURES] calldata features) external payable returns (RequestId requestId) {
        bytes memory input = TensorWriter.float32s(FEATURES);
        for (uint256 i = 0; i < FEATURES; ++i) {
            input.setInt(i, int256(uint256(features[i])));
        }
        requestId = _ask(input);
        emit Applied(requestId, msg.sender);
    }

    /// @notice Pays back the ether sent.
    function repay() external payable {
        require(msg.value <= debtOf[msg.sender], LendingDesk_Overpaid(msg.value, debtOf[msg.sender]));
        debtOf[msg.sender] -= msg.value;
        capital += msg.value;
        emit Repaid(msg.sender, msg.value);
    }

    /// @inheritdoc PaidConsumer
    function _onAnswer(RequestId requestId, address applicant, bytes calldata output) internal override {
        uint32 bits = output.float32At(0, P_BAD);
        bool likely =
            Float32.isNaN(bits) || Float32.isInf(bits) || Float32.toFixed(bits, 18, Rounding.UP) >= P_BAD_LIMIT;
        if (likely || debtOf[applicant] != 0 || capital < LOAN) {
            emit Declined(requestId, applicant, bits);
            return;
        }
        capital -= LOAN;
        debtOf[applicant] = LOAN;
        creditOf[applicant] += LOAN;
        emit Approved(requestId, applicant, Float32.toFixed(bits, 18, Rounding.UP));
    }
}
