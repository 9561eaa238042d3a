// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title MAP functions on single elements: docs/canonical.md section 3.
interface IScalars {
    /// @notice The value of a MAP function other than PICK and WHERE.
    /// @param fn Its code.
    /// @param outDtype Element type of the result.
    /// @param inDtype Element type of the operands.
    /// @param a First operand: bits, normalised.
    /// @param b Second operand, likewise; a function of one operand does not look at it.
    /// @return bits The result, normalised.
    function map(uint256 fn, uint256 outDtype, uint256 inDtype, uint256 a, uint256 b)
        external
        view
        returns (uint256 bits);
}
