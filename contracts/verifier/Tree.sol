// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Binary32} from "./Binary32.sol";
import {Element} from "./Element.sol";
import {Openings} from "./Openings.sol";
import {Views} from "./Views.sol";

/// @title TREE: one decision tree of an ensemble, docs/canonical.md section 3.
library Tree {
    uint256 private constant X = 0;
    uint256 private constant NODES = 1;
    uint256 private constant ROOTS = 2;
    uint256 private constant WEIGHTS = 3;

    uint256 private constant ROW = 4;
    uint256 private constant LEAF = 0;
    uint256 private constant MISSING = 16;

    /// @notice The element of a TREE node at the step's iteration indices.
    /// @dev At most `depth` <= 4096 branches are taken, each of a row that is opened.
    function compute(Views.Step memory s) internal pure returns (uint256 bits) {
        uint256 features = s.node.foldCount;
        uint256 featureAxis = s.node.rank;
        uint256 id = Views.read(s, ROOTS);
        for (uint256 branches;; ++branches) {
            if (ROW * id + ROW > s.node.operands[NODES].count) return 0;
            uint256 word = _word(s, id, 0);
            uint256 mode = word & 15;
            if (mode == LEAF) return _weight(s, _word(s, id, 1));
            uint256 feature = word >> 8;
            if (branches == s.node.parameter || mode > 6 || feature >= features) return 0;
            s.indices[featureAxis] = feature;
            uint256 x = Views.read(s, X);
            uint256 threshold = Binary32.normalize(_word(s, id, 1));
            bool taken = x == Binary32.NAN && word & MISSING != 0 || _holds(mode, x, threshold);
            id = _word(s, id, taken ? 2 : 3);
        }
    }

    /// @dev Word `i` of row `id`, which must be within the table.
    function _word(Views.Step memory s, uint256 id, uint256 i) private pure returns (uint256) {
        return Openings.read(s.openings[NODES], ROW * id + i);
    }

    /// @dev Class c's weight in the leaf whose weights begin at `first`; 0 outside the table.
    function _weight(Views.Step memory s, uint256 first) private pure returns (uint256) {
        uint256 position = first + s.indices[s.node.rank - 1];
        if (position >= s.node.operands[WEIGHTS].count) return 0;
        return Binary32.normalize(Openings.read(s.openings[WEIGHTS], position));
    }

    function _holds(uint256 mode, uint256 x, uint256 threshold) private pure returns (bool) {
        if (x == Binary32.NAN || threshold == Binary32.NAN) return mode == 6;
        (int256 a, int256 b) = (Element.order(Dtype.FLOAT, x), Element.order(Dtype.FLOAT, threshold));
        if (mode == 1) return a <= b;
        if (mode == 2) return a < b;
        if (mode == 3) return a >= b;
        if (mode == 4) return a > b;
        return mode == 5 ? a == b : a != b;
    }
}
