// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IFunctions} from "../../interfaces/IFunctions.sol";

/// @title A family of functions on lists of cases. For tests only.
abstract contract FunctionsHarness is IFunctions {
    /// @notice Cases of three words: fn, x, y. Yields the bits of each, and its gas with that of the call (about 1,000).
    function computeAll(uint256[] calldata cases) external view returns (uint256[] memory results) {
        results = new uint256[](cases.length / 3 * 2);
        for (uint256 i = 0; i < cases.length / 3; ++i) {
            uint256 before = gasleft();
            results[2 * i] = this.compute(cases[3 * i], cases[3 * i + 1], cases[3 * i + 2]);
            results[2 * i + 1] = before - gasleft();
        }
    }
}
