// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Element} from "../verifier/Element.sol";
import {Merkle} from "../verifier/Merkle.sol";

/// @notice A tensor of a trace, as its node says it is; `dtype` 0: there is none.
/// @param dtype Its element type.
/// @param count Its elements.
struct Tensor {
    uint8 dtype;
    uint64 count;
}

/// @title Bytes and leaves of tensors.
library TensorLib {
    /// @notice Bytes of the tensor.
    function size(Tensor memory tensor) internal pure returns (uint256) {
        return tensor.count * Element.size(tensor.dtype);
    }

    /// @notice Leaves of the tensor.
    function leaves(Tensor memory tensor) internal pure returns (uint256) {
        return (size(tensor) + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
    }

    /// @notice The leaf that has `element`.
    function leafOf(Tensor memory tensor, uint256 element) internal pure returns (uint256) {
        return element * Element.size(tensor.dtype) / Merkle.LEAF_BYTES;
    }
}
