// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IScalars} from "../interfaces/IScalars.sol";
import {Fn} from "./Node.sol";
import {Views} from "./Views.sol";

/// @title MAP nodes: docs/canonical.md sections 3 and 7. Reads no operand the result does not need.
library Maps {
    /// @notice The element of a MAP node at the step's iteration indices.
    function compute(Views.Step memory s, IScalars scalars) internal view returns (uint256) {
        uint256 fn = s.node.fn;
        if (fn == Fn.PICK) return _pick(s);
        if (fn == Fn.WHERE) return _where(s);
        uint256 a = Views.read(s, 0);
        uint256 b = s.node.values == 2 ? Views.read(s, 1) : 0;
        return scalars.map(fn, s.node.dtype, s.node.operands[0].dtype, a, b);
    }

    function _pick(Views.Step memory s) private pure returns (uint256 bits) {
        bool inRange = false;
        for (uint256 slot; slot < s.node.values && !inRange; ++slot) {
            (bits, inRange) = Views.readInRange(s, slot);
        }
    }

    function _where(Views.Step memory s) private pure returns (uint256) {
        return Views.read(s, Views.read(s, 0) == 0 ? 2 : 1);
    }
}
