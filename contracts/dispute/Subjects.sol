// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {RequestStateLib} from "../RequestState.sol";
import {GameId, Subject} from "../interfaces/IDispute.sol";
import {Request, RequestId} from "../interfaces/Types.sol";

/// @title Identities, as the oracle computes them.
library Subjects {
    /// @notice The request's id.
    function requestIdOf(Request calldata request, address oracle) internal view returns (RequestId) {
        return RequestId.wrap(keccak256(abi.encode(block.chainid, oracle, request)));
    }

    /// @notice The game of an answer.
    function gameIdOf(Subject calldata subject, address oracle) internal view returns (GameId) {
        RequestId requestId = requestIdOf(subject.request, oracle);
        return
            gameId(requestId, subject.attempt, RequestStateLib.commitAnswer(requestId, subject.attempt, subject.answer));
    }

    /// @notice The game of a commitment.
    function gameId(RequestId requestId, uint8 attempt, bytes25 commitment) internal pure returns (GameId) {
        return GameId.wrap(keccak256(abi.encode(requestId, attempt, commitment)));
    }
}
