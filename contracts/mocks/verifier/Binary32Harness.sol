// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Binary32} from "../../verifier/Binary32.sol";

/// @title `Binary32` on lists of cases. For tests only.
contract Binary32Harness {
    /// @notice Cases of four words: negative, m, e, sticky. Yields the bits of each.
    function round(uint256[] calldata cases) external pure returns (uint256[] memory bits) {
        bits = new uint256[](cases.length / 4);
        for (uint256 i = 0; i < bits.length; ++i) {
            bits[i] =
                Binary32.round(cases[4 * i] != 0, cases[4 * i + 1], int256(cases[4 * i + 2]), cases[4 * i + 3] != 0);
        }
    }

    /// @notice Cases of one word, any bits. Yields four words each, of the normalised bits: themselves, negative, mantissa,
    /// exponent.
    function unpack(uint256[] calldata cases) external pure returns (uint256[] memory parts) {
        parts = new uint256[](4 * cases.length);
        for (uint256 i = 0; i < cases.length; ++i) {
            uint256 bits = Binary32.normalize(cases[i]);
            (bool negative, uint256 mantissa, int256 exponent) = Binary32.unpack(bits);
            parts[4 * i] = bits;
            parts[4 * i + 1] = negative ? 1 : 0;
            parts[4 * i + 2] = mantissa;
            parts[4 * i + 3] = uint256(exponent);
        }
    }
}
