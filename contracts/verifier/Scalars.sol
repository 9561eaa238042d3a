// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {IFunctions} from "../interfaces/IFunctions.sol";
import {IScalars} from "../interfaces/IScalars.sol";
import {Arithmetic} from "./Arithmetic.sol";
import {Fn} from "./Node.sol";

/// @title Finds the code of each MAP function: exact ones are here, the others in contracts by family.
contract Scalars is IScalars {
    /// @notice Functions 0x30 to 0x39, and POW of floats.
    IFunctions public immutable ELEMENTARY;
    /// @notice Functions 0x3a to 0x40.
    IFunctions public immutable TRIGONOMETRY;

    constructor(IFunctions elementary, IFunctions trigonometry) {
        ELEMENTARY = elementary;
        TRIGONOMETRY = trigonometry;
    }

    /// @inheritdoc IScalars
    function map(uint256 fn, uint256 outDtype, uint256 inDtype, uint256 a, uint256 b)
        external
        view
        returns (uint256 bits)
    {
        if (fn > Fn.ATANH) return TRIGONOMETRY.compute(fn, a, b);
        if (fn >= Fn.EXP || (fn == Fn.POW && outDtype == Dtype.FLOAT)) return ELEMENTARY.compute(fn, a, b);
        return Arithmetic.map(fn, outDtype, inDtype, a, b);
    }
}
