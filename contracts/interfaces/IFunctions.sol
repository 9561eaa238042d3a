// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A family of correctly rounded float32 functions of docs/canonical.md section 3.
interface IFunctions {
    /// @notice The family does not have the function.
    error Functions_UnknownFunction(uint256 fn);

    /// @notice The value of a function, rounded once.
    /// @param fn Its code.
    /// @param x First operand: float32 bits, normalised.
    /// @param y Second operand, likewise; a function of one operand does not look at it.
    /// @return bits The result: float32 bits, normalised.
    function compute(uint256 fn, uint256 x, uint256 y) external pure returns (uint256 bits);
}
