// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IFunctions} from "../../interfaces/IFunctions.sol";
import {Trigonometry} from "../../verifier/Trigonometry.sol";

/// @title `Trigonometry` on lists of cases. For tests only.
contract TrigonometryHarness {
    IFunctions private immutable TRIGONOMETRY = new Trigonometry();

    /// @notice Cases of three words: fn, x, y. Yields the bits of each, and the gas of the call, its overhead included.
    function compute(uint256[] calldata cases) external view returns (uint256[] memory results) {
        results = new uint256[](cases.length / 3 * 2);
        for (uint256 i = 0; i < cases.length / 3; ++i) {
            uint256 gas = gasleft();
            results[2 * i] = TRIGONOMETRY.compute(cases[3 * i], cases[3 * i + 1], cases[3 * i + 2]);
            results[2 * i + 1] = gas - gasleft();
        }
    }
}
