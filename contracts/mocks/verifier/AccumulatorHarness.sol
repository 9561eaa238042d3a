// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Accumulator, Sum} from "../../verifier/Accumulator.sol";

/// @title `Accumulator` on lists of cases. For tests only.
contract AccumulatorHarness {
    /// @dev Words of a case: how to add, where and how far apart the elements of both operands are, how many, the divisor.
    uint256 private constant CASE = 7;

    uint256 private constant PRODUCTS = 0;
    uint256 private constant TERMS = 1;
    uint256 private constant EACH_PRODUCT = 2;

    /// @notice `input`: the number of data words, the data, cases. Addresses are bytes from the start of the data. Yields for
    /// each case the bits and the gas that adding and that finishing took.
    function sums(uint256[] calldata input) external view returns (uint256[] memory output) {
        uint256 place = 1 + input[0];
        uint256 data = _address(input[1:place]);
        output = new uint256[](3 * (input.length - place) / CASE);
        for (uint256 i = 0; i < output.length; i += 3) {
            Sum memory sum;
            output[i + 1] = _add(
                sum,
                input[place],
                data + input[place + 1],
                int256(input[place + 2]),
                data + input[place + 3],
                int256(input[place + 4]),
                input[place + 5]
            );
            uint256 before = gasleft();
            output[i] = Accumulator.finish(sum, input[place + 6]);
            output[i + 2] = before - gasleft();
            place += CASE;
        }
    }

    function _add(Sum memory sum, uint256 how, uint256 a, int256 strideA, uint256 b, int256 strideB, uint256 n)
        private
        view
        returns (uint256 gas_)
    {
        gas_ = gasleft();
        if (how == PRODUCTS) {
            Accumulator.addProducts(sum, a, strideA, b, strideB, n);
        } else if (how == TERMS) {
            Accumulator.addTerms(sum, a, strideA, n);
        } else if (how == EACH_PRODUCT) {
            for (uint256 k = 0; k < n; ++k) {
                Accumulator.addProduct(sum, _element(a), _element(b));
                (a, b) = (_plus(a, strideA), _plus(b, strideB));
            }
        } else {
            for (uint256 k = 0; k < n; ++k) {
                Accumulator.addTerm(sum, _element(a));
                a = _plus(a, strideA);
            }
        }
        gas_ -= gasleft();
    }

    function _element(uint256 place) private pure returns (uint256 bits) {
        assembly ("memory-safe") {
            bits := shr(224, mload(place))
        }
    }

    function _plus(uint256 place, int256 stride) private pure returns (uint256) {
        unchecked {
            return place + uint256(stride);
        }
    }

    function _address(uint256[] memory words) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := add(words, 32)
        }
    }
}
