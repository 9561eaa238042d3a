// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Float32, Rounding} from "../consumer/Float32.sol";
import {TensorReader} from "../consumer/TensorReader.sol";
import {TensorWriter} from "../consumer/TensorWriter.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Model, Policy, RequestId} from "../interfaces/Types.sol";
import {PaidConsumer} from "./PaidConsumer.sol";

/// @title Bills what a one-digit utility meter shows on a photograph.
/// @notice The model takes 64 float32 pixels from 0 to 16 and yields ten probabilities. Between two readings fewer
/// than ten units are used. That the photograph shows the customer's own meter is the customer's word.
contract MeterReader is PaidConsumer {
    using TensorReader for bytes;
    using TensorWriter for bytes;

    struct Meter {
        bool read;
        uint8 digit;
    }

    uint256 private constant PIXELS = 64;
    uint256 private constant DIGITS = 10;
    uint8 private constant WHITE = 16;

    /// @notice Price of a unit, in wei.
    uint256 public constant PRICE = 0.0001 ether;

    /// @notice The least probability, with 18 decimals and rounded down, for a digit to be believed.
    int256 public constant CONFIDENCE = 0.8e18;

    /// @notice Who is paid: who deployed the contract.
    address public immutable UTILITY;

    /// @notice The last reading of each customer's meter.
    mapping(address customer => Meter) public meterOf;

    /// @notice Wei a customer owes the utility.
    mapping(address customer => uint256 amount) public owedBy;

    /// @notice A photograph was handed in.
    event Photographed(RequestId indexed requestId, address indexed customer);

    /// @notice A meter was read.
    /// @param digit What it shows.
    /// @param bill What is owed for the units since the last reading, in wei; the first reading costs nothing.
    event Billed(RequestId indexed requestId, address indexed customer, uint256 digit, uint256 bill);

    /// @notice The photograph is not clear enough: hand in another.
    /// @param digit What it most looks like.
    /// @param probabilityBits The float32 probability of that digit.
    event AnotherReadingAsked(
        RequestId indexed requestId, address indexed customer, uint256 digit, uint32 probabilityBits
    );

    /// @notice A bill was paid, wholly or in part.
    event Paid(address indexed customer, uint256 amount);

    /// @notice A photograph has 64 pixels.
    error MeterReader_PixelCount(uint256 count);

    /// @notice A pixel is from 0 to 16.
    error MeterReader_PixelTooBright(uint256 index, uint8 value);

    /// @notice More was paid than is owed.
    error MeterReader_Overpaid(uint256 paid, uint256 owed);

    /// @param oracle The oracle to ask.
    /// @param model The digit model.
    /// @param policy_ The terms of every request.
    constructor(IInferenceOracle oracle, Model memory model, Policy memory policy_)
        PaidConsumer(oracle, model, policy_)
    {
        UTILITY = msg.sender;
    }

    /// @notice Hands in a photograph of the caller's meter; the ether sent is the fee of reading it.
    /// @param pixels 8 x 8 pixels, one byte each, from 0 (black) to 16 (white).
    function submitPhoto(bytes calldata pixels) external payable returns (RequestId requestId) {
        require(pixels.length == PIXELS, MeterReader_PixelCount(pixels.length));
        bytes memory input = TensorWriter.float32s(PIXELS);
        for (uint256 i = 0; i < PIXELS; ++i) {
            uint8 pixel = uint8(pixels[i]);
            require(pixel <= WHITE, MeterReader_PixelTooBright(i, pixel));
            input.setInt(i, int256(uint256(pixel)));
        }
        requestId = _ask(input);
        emit Photographed(requestId, msg.sender);
    }

    /// @notice Pays the ether sent to the utility, against what the caller owes.
    function pay() external payable {
        require(msg.value <= owedBy[msg.sender], MeterReader_Overpaid(msg.value, owedBy[msg.sender]));
        owedBy[msg.sender] -= msg.value;
        creditOf[UTILITY] += msg.value;
        emit Paid(msg.sender, msg.value);
    }

    /// @inheritdoc PaidConsumer
    function _onAnswer(RequestId requestId, address customer, bytes calldata output) internal override {
        uint256 digit = output.argMaxFloat32(0, DIGITS);
        uint32 bits = output.float32At(0, digit);
        if (Float32.isNaN(bits) || Float32.isInf(bits) || Float32.toFixed(bits, 18, Rounding.DOWN) < CONFIDENCE) {
            emit AnotherReadingAsked(requestId, customer, digit, bits);
            return;
        }
        Meter memory last = meterOf[customer];
        uint256 bill = last.read ? (digit + DIGITS - last.digit) % DIGITS * PRICE : 0;
        meterOf[customer] = Meter({read: true, digit: uint8(digit)});
        owedBy[customer] += bill;
        emit Billed(requestId, customer, digit, bill);
    }
}
