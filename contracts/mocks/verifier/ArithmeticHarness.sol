// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Arithmetic} from "../../verifier/Arithmetic.sol";

/// @title `Arithmetic` on lists of cases. For tests only.
contract ArithmeticHarness {
    /// @notice Cases of five words: function, dtype of the result, dtype of the operands, both operands. Yields the bits of each
    /// result and the gas it took.
    function map(uint256[] calldata cases) external view returns (uint256[] memory results) {
        results = new uint256[](2 * cases.length / 5);
        for (uint256 i = 0; i < results.length; i += 2) {
            uint256[] calldata words = cases[5 * i / 2:5 * i / 2 + 5];
            uint256 before = gasleft();
            results[i] = Arithmetic.map(words[0], words[1], words[2], words[3], words[4]);
            results[i + 1] = before - gasleft();
        }
    }
}
