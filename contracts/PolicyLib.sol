// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Policy, Terms} from "./interfaces/Types.sol";

/// @title Packs and reads the two words of a policy. Layout: `Policy` in Types.sol.
/// @dev Bonds and fees are packed in gwei; the getters of amounts yield wei.
library PolicyLib {
    uint256 internal constant GWEI = 1 gwei;

    /// @notice The policy of readable terms.
    function pack(Terms memory terms) internal pure returns (Policy memory policy) {
        policy.head = uint256(uint160(terms.operator)) << 96 | uint256(terms.fee) << 48 | uint256(terms.operatorBond);
        policy.tail = uint256(terms.challengerBond) << 208 | uint256(terms.answerTime) << 176 | uint256(terms.window)
            << 144 | uint256(terms.traceTime) << 112 | uint256(terms.proofPeriod) << 80 | uint256(terms.moveTime) << 48
            | uint256(uint48(terms.software));
    }

    /// @notice The readable terms of a policy.
    function unpack(Policy calldata policy) internal pure returns (Terms memory) {
        return Terms({
            operator: operator(policy),
            fee: uint48(policy.head >> 48),
            operatorBond: uint48(policy.head),
            challengerBond: uint48(policy.tail >> 208),
            answerTime: uint32(answerTime(policy)),
            window: uint32(window(policy)),
            traceTime: uint32(traceTime(policy)),
            proofPeriod: uint32(proofPeriod(policy)),
            moveTime: uint32(moveTime(policy)),
            software: software(policy)
        });
    }

    /// @notice Who alone may answer; zero: anybody.
    function operator(Policy calldata policy) internal pure returns (address) {
        return address(uint160(policy.head >> 96));
    }

    /// @notice The fee in wei.
    function fee(Policy calldata policy) internal pure returns (uint256) {
        return uint256(uint48(policy.head >> 48)) * GWEI;
    }

    /// @notice The fee in wei of a policy in memory.
    function feeOf(Policy memory policy) internal pure returns (uint256) {
        return uint256(uint48(policy.head >> 48)) * GWEI;
    }

    /// @notice The operator's bond in wei.
    function operatorBond(Policy calldata policy) internal pure returns (uint256) {
        return uint256(uint48(policy.head)) * GWEI;
    }

    /// @notice A challenger's bond in wei.
    function challengerBond(Policy calldata policy) internal pure returns (uint256) {
        return (policy.tail >> 208) * GWEI;
    }

    /// @notice Seconds in which an answer must come.
    function answerTime(Policy calldata policy) internal pure returns (uint256) {
        return uint32(policy.tail >> 176);
    }

    /// @notice Seconds in which an answer can be challenged.
    function window(Policy calldata policy) internal pure returns (uint256) {
        return uint32(policy.tail >> 144);
    }

    /// @notice Seconds a challenged operator has for its trace root.
    function traceTime(Policy calldata policy) internal pure returns (uint256) {
        return uint32(policy.tail >> 112);
    }

    /// @notice Seconds in which demands may be opened.
    function proofPeriod(Policy calldata policy) internal pure returns (uint256) {
        return uint32(policy.tail >> 80);
    }

    /// @notice Seconds of a single move in a dispute.
    function moveTime(Policy calldata policy) internal pure returns (uint256) {
        return uint32(policy.tail >> 48);
    }

    /// @notice First six bytes of the software hash asked for; zero: any.
    function software(Policy calldata policy) internal pure returns (bytes6) {
        return bytes6(uint48(policy.tail));
    }
}
