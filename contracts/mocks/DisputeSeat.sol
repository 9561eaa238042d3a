// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDisputed} from "../interfaces/IInferenceOracle.sol";
import {AnswerRef, Request} from "../interfaces/Types.sol";

/// @title Sits in the dispute contract's seat and passes on what a test says. For tests only.
contract DisputeSeat {
    /// @notice What `onChallenged` returned last.
    uint8 public attempt;
    bytes25 public commitment;
    uint40 public answeredAt;

    function challenge(IDisputed oracle, Request calldata request, AnswerRef calldata answer) external {
        (attempt, commitment, answeredAt) = oracle.onChallenged(request, answer);
    }

    function refute(
        IDisputed oracle,
        Request calldata request,
        AnswerRef calldata answer,
        address finder,
        address opener
    ) external {
        oracle.refute(request, answer, finder, opener);
    }

    function uphold(IDisputed oracle, Request calldata request, AnswerRef calldata answer) external {
        oracle.uphold(request, answer);
    }

    function void(IDisputed oracle, Request calldata request, AnswerRef calldata answer, address finder, address opener)
        external
    {
        oracle.void(request, answer, finder, opener);
    }
}
