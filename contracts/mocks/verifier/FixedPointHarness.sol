// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FixedPoint} from "../../verifier/FixedPoint.sol";

/// @title `FixedPoint` on lists of cases. For tests only.
contract FixedPointHarness {
    /// @notice Cases of three words: negative, m, e. Yields p, k of each.
    function exp(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length / 3 * 2);
        for (uint256 i = 0; i < cases.length / 3; ++i) {
            (uint256 p, int256 k) = FixedPoint.exp(cases[3 * i] != 0, cases[3 * i + 1], int256(cases[3 * i + 2]));
            (results[2 * i], results[2 * i + 1]) = (p, uint256(k));
        }
    }

    /// @notice Cases of two words: m, e. Yields negative, r, s of each.
    function ln(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length / 2 * 3);
        for (uint256 i = 0; i < cases.length / 2; ++i) {
            (bool negative, uint256 r, int256 s) = FixedPoint.ln(cases[2 * i], int256(cases[2 * i + 1]));
            results[3 * i] = negative ? 1 : 0;
            (results[3 * i + 1], results[3 * i + 2]) = (r, uint256(s));
        }
    }

    /// @notice Cases of two words: n, s. Yields r of each.
    function doubleAtanh(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length / 2);
        for (uint256 i = 0; i < results.length; ++i) {
            results[i] = FixedPoint.doubleAtanh(cases[2 * i], cases[2 * i + 1]);
        }
    }
}
