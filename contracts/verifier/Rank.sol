// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Element} from "./Element.sol";
import {Fn} from "./Node.sol";
import {Openings} from "./Openings.sol";
import {Views} from "./Views.sol";
import {Walk} from "./Walk.sol";

/// @title RANK: the j-th element in order, docs/canonical.md section 3.
library Rank {
    /// @notice The element of a RANK node at the step's iteration indices: `hint`, if exactly j elements precede it.
    /// @dev Sorting is left to the prover; one pass over the elements shows that the hint is right.
    function compute(Views.Step memory s, uint256 hint) internal pure returns (uint256) {
        uint256 place = s.indices[s.node.rank - 1];
        uint256 elements = s.node.foldCount;
        if (place >= elements) return 0;
        require(hint < elements, IStepVerifier.StepVerifier_WrongRank(hint, place));
        Views.unravel(s, s.node.rank, s.node.dims.length - s.node.rank, hint);
        uint256 bits = Views.read(s, 0);
        require(_preceding(s, hint, bits) == place, IStepVerifier.StepVerifier_WrongRank(hint, place));
        return hint;
    }

    /// @dev How many elements come before the one at position `hint`, which has `bits`.
    function _preceding(Views.Step memory s, uint256 hint, uint256 bits) private pure returns (uint256 preceding) {
        uint256 dtype = s.node.operands[0].dtype;
        uint256 size = Element.size(dtype);
        bool ascending = s.node.fn == Fn.RANK_ASCENDING;
        int256 own = Element.order(dtype, bits);
        Walk.Fold memory fold = Walk.start(s, 1);
        while (Walk.next(fold, s)) {
            uint256 a = fold.place[0];
            int256 stride = fold.stride[0];
            for ((uint256 i, uint256 end) = (fold.position, fold.position + fold.length); i < end; ++i) {
                int256 order = Element.order(dtype, Openings.load(a, size));
                a = uint256(int256(a) + stride);
                if (order == own ? i < hint : (order < own) == ascending) ++preceding;
            }
        }
    }
}
