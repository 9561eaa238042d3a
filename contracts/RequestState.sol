// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AnswerRef, RequestId, Status} from "./interfaces/Types.sol";

/// @notice All the oracle stores of a request, in one word:
/// delivered 1 | status 7 | attempt 8 | time 40 | commitment 200, from the most significant bit.
type RequestState is uint256;

using RequestStateLib for RequestState global;

/// @title Packs, reads and commits for `RequestState`.
library RequestStateLib {
    uint256 private constant DELIVERED = 1 << 255;

    /// @notice A word that has not been delivered.
    /// @param time_ Seconds since the epoch.
    function pack(Status status_, uint8 attempt_, uint256 time_, bytes25 commitment_)
        internal
        pure
        returns (RequestState)
    {
        return RequestState.wrap(
            uint256(status_) << 248 | uint256(attempt_) << 240 | uint256(uint40(time_)) << 200 | uint200(commitment_)
        );
    }

    function status(RequestState state) internal pure returns (Status) {
        return Status((RequestState.unwrap(state) & ~DELIVERED) >> 248);
    }

    function attempt(RequestState state) internal pure returns (uint8) {
        return uint8(RequestState.unwrap(state) >> 240);
    }

    /// @notice Seconds since the epoch.
    function time(RequestState state) internal pure returns (uint40) {
        return uint40(RequestState.unwrap(state) >> 200);
    }

    function commitment(RequestState state) internal pure returns (bytes25) {
        return bytes25(uint200(RequestState.unwrap(state)));
    }

    function delivered(RequestState state) internal pure returns (bool) {
        return RequestState.unwrap(state) & DELIVERED != 0;
    }

    /// @notice The same word, marked delivered.
    function asDelivered(RequestState state) internal pure returns (RequestState) {
        return RequestState.wrap(RequestState.unwrap(state) | DELIVERED);
    }

    /// @notice What a provisional answer is bound to.
    function commitAnswer(RequestId requestId, uint8 attempt_, AnswerRef memory answer)
        internal
        pure
        returns (bytes25)
    {
        return bytes25(keccak256(abi.encode(requestId, attempt_, answer)));
    }

    /// @notice What a final output is bound to.
    function commitOutput(RequestId requestId, bytes32 outputHash) internal pure returns (bytes25) {
        return bytes25(keccak256(abi.encode(requestId, outputHash)));
    }
}
