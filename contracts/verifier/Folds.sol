// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "../Dtype.sol";
import {Accumulator, Sum} from "./Accumulator.sol";
import {Binary32} from "./Binary32.sol";
import {Element} from "./Element.sol";
import {Fn} from "./Node.sol";
import {Openings} from "./Openings.sol";
import {Views} from "./Views.sol";
import {Walk} from "./Walk.sol";

/// @title FOLD functions: docs/canonical.md section 3.
library Folds {
    /// @notice The element of a FOLD node at the step's iteration indices.
    function compute(Views.Step memory s) internal pure returns (uint256) {
        uint256 fn = s.node.fn;
        if (fn <= Fn.FOLD_MEAN) return s.node.dtype == Dtype.FLOAT ? _floatSum(s) : _integerSum(s);
        if (fn >= Fn.FOLD_ANY) return _anyOrAll(s);
        return _extremum(s);
    }

    /// @dev DOT, SUM and MEAN of floats.
    function _floatSum(Views.Step memory s) private pure returns (uint256) {
        // slither-disable-next-line uninitialized-local -- zeroed memory is the empty sum
        Sum memory sum;
        uint256 fn = s.node.fn;
        uint256 factors = fn == Fn.FOLD_DOT ? 2 : 1;
        if (s.node.values > factors) {
            Accumulator.addTerm(sum, Views.read(s, factors));
        }
        uint256 divisor = fn == Fn.FOLD_MEAN ? 0 : 1;
        Walk.Fold memory fold = Walk.start(s, factors);
        while (Walk.next(fold, s)) {
            if (fn == Fn.FOLD_DOT) {
                Accumulator.addProducts(sum, fold.place[0], fold.stride[0], fold.place[1], fold.stride[1], fold.length);
            } else if (fn == Fn.FOLD_SUM) {
                Accumulator.addTerms(sum, fold.place[0], fold.stride[0], fold.length);
            } else if (fold.inRange[0]) {
                Accumulator.addTerms(sum, fold.place[0], fold.stride[0], fold.length);
                divisor += fold.length;
            }
        }
        return Accumulator.finish(sum, divisor);
    }

    /// @dev DOT, SUM and MEAN of integers. DOT and SUM are computed modulo 2^256, which is exact modulo 2^bits; a MEAN's
    /// sum is below 2^20 · 2^64, so it is exact.
    function _integerSum(Views.Step memory s) private pure returns (uint256) {
        unchecked {
            uint256 dtype = s.node.dtype;
            uint256 fn = s.node.fn;
            uint256 factors = fn == Fn.FOLD_DOT ? 2 : 1;
            int256 sum = s.node.values > factors ? int256(Views.read(s, factors)) : int256(0);
            uint256 divisor = 0;
            Walk.Fold memory fold = Walk.start(s, factors);
            while (Walk.next(fold, s)) {
                if (fn == Fn.FOLD_DOT) {
                    sum += _products(fold, Element.size(dtype));
                } else if (fn == Fn.FOLD_SUM || fold.inRange[0]) {
                    sum += _terms(fold, dtype);
                    divisor += fold.length;
                }
            }
            if (fn == Fn.FOLD_MEAN) sum = divisor == 0 ? int256(0) : sum / int256(divisor);
            return Element.wrap(dtype, uint256(sum));
        }
    }

    function _products(Walk.Fold memory fold, uint256 size) private pure returns (int256 sum) {
        unchecked {
            (uint256 a, uint256 b) = (fold.place[0], fold.place[1]);
            (int256 stepA, int256 stepB) = (fold.stride[0], fold.stride[1]);
            for (uint256 n = fold.length; n != 0; --n) {
                sum += int256(Openings.load(a, size) * Openings.load(b, size));
                a = uint256(int256(a) + stepA);
                b = uint256(int256(b) + stepB);
            }
        }
    }

    function _terms(Walk.Fold memory fold, uint256 dtype) private pure returns (int256 sum) {
        unchecked {
            uint256 size = Element.size(dtype);
            uint256 a = fold.place[0];
            int256 step = fold.stride[0];
            for (uint256 n = fold.length; n != 0; --n) {
                sum += Element.toInt(dtype, Openings.load(a, size));
                a = uint256(int256(a) + step);
            }
        }
    }

    /// @dev MAX, MIN, ARGMAX and ARGMIN: the first of the best by order, or of the worst with its sign changed.
    function _extremum(Views.Step memory s) private pure returns (uint256) {
        unchecked {
            uint256 fn = s.node.fn;
            bool least = fn == Fn.FOLD_MIN || fn == Fn.FOLD_ARGMIN;
            uint256 dtype = s.node.operands[0].dtype;
            uint256 size = Element.size(dtype);
            uint256 found = 0;
            uint256 foundAt = 0;
            int256 best = type(int256).min;
            bool isFloat = dtype == Dtype.FLOAT;
            bool anyNaN = false;
            Walk.Fold memory fold = Walk.start(s, 1);
            while (Walk.next(fold, s)) {
                uint256 a = fold.place[0];
                int256 stride = fold.stride[0];
                for ((uint256 i, uint256 end) = (fold.position, fold.position + fold.length); i < end; ++i) {
                    uint256 bits = Openings.load(a, size);
                    a = uint256(int256(a) + stride);
                    int256 order = Element.order(dtype, bits);
                    if (isFloat && order == Element.NAN) {
                        anyNaN = true;
                        continue;
                    }
                    if (least) order = -order;
                    if (order > best) (best, found, foundAt) = (order, bits, i);
                }
            }
            if (fn >= Fn.FOLD_ARGMAX) return foundAt;
            if (anyNaN) return Binary32.NAN;
            return s.node.foldCount == 0 ? _ofNone(dtype, least) : Element.normalize(dtype, found);
        }
    }

    /// @dev The MIN (`least`) or MAX of no elements: the largest or the smallest there is.
    function _ofNone(uint256 dtype, bool least) private pure returns (uint256) {
        if (dtype == Dtype.FLOAT) return least ? Binary32.INFINITY : Binary32.NEGATIVE_INFINITY;
        uint256 ones = Element.wrap(dtype, type(uint256).max);
        if (!Element.isSigned(dtype)) return least ? ones : 0;
        return least ? ones >> 1 : (ones >> 1) + 1;
    }

    function _anyOrAll(Views.Step memory s) private pure returns (uint256) {
        bool any = s.node.fn == Fn.FOLD_ANY;
        Walk.Fold memory fold = Walk.start(s, 1);
        bool result = !any;
        while (Walk.next(fold, s)) {
            uint256 a = fold.place[0];
            int256 stride = fold.stride[0];
            for (uint256 n = fold.length; n != 0; --n) {
                if ((Openings.load(a, 1) != 0) == any) result = any;
                a = uint256(int256(a) + stride);
            }
        }
        return result ? 1 : 0;
    }
}
