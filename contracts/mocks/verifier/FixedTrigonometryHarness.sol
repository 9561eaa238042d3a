// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FixedArctangent} from "../../verifier/FixedArctangent.sol";
import {FixedErrorFunction} from "../../verifier/FixedErrorFunction.sol";
import {FixedSine} from "../../verifier/FixedSine.sol";

/// @title `FixedSine`, `FixedArctangent` and `FixedErrorFunction` on lists of cases. For tests only.
contract FixedTrigonometryHarness {
    /// @notice Cases of two words: m, e. Yields quadrant, below, a, s of each.
    function reduce(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length / 2 * 4);
        for (uint256 i = 0; i < cases.length / 2; ++i) {
            (uint256 quadrant, bool below, uint256 a, int256 s) =
                FixedSine.reduce(cases[2 * i], int256(cases[2 * i + 1]));
            (results[4 * i], results[4 * i + 1]) = (quadrant, below ? 1 : 0);
            (results[4 * i + 2], results[4 * i + 3]) = (a, uint256(s));
        }
    }

    /// @notice Cases of one word: t. Yields sin(√t) / √t and cos(√t) of each.
    function sineAndCosine(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length * 2);
        for (uint256 i = 0; i < cases.length; ++i) {
            results[2 * i] = FixedSine.sineRatio(cases[i]);
            results[2 * i + 1] = FixedSine.cosine(cases[i]);
        }
    }

    /// @notice Cases of two words: z, s. Yields r of each.
    function arctan(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length / 2);
        for (uint256 i = 0; i < results.length; ++i) {
            results[i] = FixedArctangent.arctan(cases[2 * i], cases[2 * i + 1]);
        }
    }

    /// @notice Cases of two words: m, e. Yields r, s of each.
    function erf(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length);
        for (uint256 i = 0; i < cases.length / 2; ++i) {
            (uint256 r, int256 s) = FixedErrorFunction.erf(cases[2 * i], int256(cases[2 * i + 1]));
            (results[2 * i], results[2 * i + 1]) = (r, uint256(s));
        }
    }

    /// @notice Cases of one word: i. Yields value and derivative of each centre.
    function centre(uint256[] calldata cases) external pure returns (uint256[] memory results) {
        results = new uint256[](cases.length * 2);
        for (uint256 i = 0; i < cases.length; ++i) {
            (results[2 * i], results[2 * i + 1]) = FixedErrorFunction.centre(cases[i]);
        }
    }
}
