// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Element} from "./Element.sol";
import {Merkle} from "./Merkle.sol";

/// @title Opened leaf runs of tensors: docs/canonical.md sections 6 and 7.
library Openings {
    /// @dev A run, packed: first byte within the tensor, byte after the last, where its data lies in memory.
    uint256 private constant START = 128;
    uint256 private constant STOP = 64;
    uint256 private constant MASK = 2 ** 64 - 1;

    /// @notice What is left of packed openings: memory addresses.
    struct Input {
        uint256 position;
        uint256 end;
    }

    /// @notice A tensor as far as it is opened.
    /// @param elementBytes Bytes of an element.
    /// @param count Elements of the tensor.
    /// @param root Its root; zero where nothing is opened.
    /// @param runs Runs, ascending.
    /// @param current The run last read; zero before the first read.
    struct Opening {
        uint256 elementBytes;
        uint256 count;
        bytes32 root;
        uint256[] runs;
        uint256 current;
    }

    /// @notice A memory copy of packed openings, to be read from its start. The copy is never left changed.
    function start(bytes calldata packed) internal pure returns (Input memory input) {
        bytes memory copy = packed;
        assembly ("memory-safe") {
            mstore(input, add(copy, 0x20))
            mstore(add(input, 0x20), add(add(copy, 0x20), mload(copy)))
        }
    }

    /// @notice The next `size` bytes, 1 to 32, as a number.
    function take(Input memory input, uint256 size) internal pure returns (uint256 value) {
        require(input.end - input.position >= size, IStepVerifier.StepVerifier_OpeningsTooShort());
        uint256 position = input.position;
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), mload(position))
        }
        input.position = position + size;
    }

    /// @notice Refuses bytes that are left over.
    function finish(Input memory input) internal pure {
        require(input.position == input.end, IStepVerifier.StepVerifier_BytesLeftOver(input.end - input.position));
    }

    /// @notice The next `runs` runs, of a tensor of `count` elements of an existing `dtype`.
    function open(Input memory input, uint256 runs, uint256 dtype, uint256 count)
        internal
        view
        returns (Opening memory opening)
    {
        uint256 elementBytes = Element.size(dtype);
        opening.elementBytes = elementBytes;
        opening.count = count;
        opening.runs = new uint256[](runs);
        uint256 leaves = (count * elementBytes + Merkle.LEAF_BYTES - 1) / Merkle.LEAF_BYTES;
        bytes32 tree = 0;
        uint256 least = 0;
        for (uint256 i; i < runs; ++i) {
            bytes32 hash;
            (opening.runs[i], least, hash) = _openRun(input, leaves, least);
            require(i == 0 || hash == tree, IStepVerifier.StepVerifier_RunsOfDifferentTrees(tree, hash));
            tree = hash;
        }
        if (runs != 0) opening.root = Merkle.tensorRoot(dtype, count, tree);
    }

    /// @dev The next run of a tensor of `leaves` leaves, packed; where the run after it may begin; the tree's hash.
    function _openRun(Input memory input, uint256 leaves, uint256 least)
        private
        view
        returns (uint256 run, uint256 next, bytes32 hash)
    {
        uint256 first = take(input, 4);
        uint256 n = take(input, 4);
        require(n != 0 && first + n <= leaves, IStepVerifier.StepVerifier_LeafNotInTree(first, n, leaves));
        require(first >= least, IStepVerifier.StepVerifier_RunsNotAscending(first, least));
        uint256 data = input.position;
        uint256 length = Merkle.LEAF_BYTES * n;
        require(input.end - data >= length, IStepVerifier.StepVerifier_OpeningsTooShort());
        (hash, input.position) = Merkle.climbRun(data, first, n, leaves, data + length, input.end);
        run = (Merkle.LEAF_BYTES * first) << START | (Merkle.LEAF_BYTES * (first + n)) << STOP | data;
        next = first + n + 1;
    }

    /// @notice Where elements `element + i · step` lie in memory, 0 <= i < `length`, as far as one run has them.
    /// @dev All of them must be below the tensor's count; `wanted >= 1`. Reverts where `element` is not opened.
    /// @return place Address of the first.
    /// @return length How many, from 1 to `wanted`.
    function locate(Opening memory opening, uint256 element, int256 step, uint256 wanted)
        internal
        pure
        returns (uint256 place, uint256 length)
    {
        unchecked {
            uint256 offset = element * opening.elementBytes;
            uint256 run = _runOf(opening, element, offset);
            place = (run & MASK) + offset - (run >> START);
            length = wanted;
            if (step == 0 || wanted == 1) return (place, length);
            uint256 reach = step > 0
                ? (((run >> STOP) & MASK) - offset - 1) / (uint256(step) * opening.elementBytes)
                : (offset - (run >> START)) / (uint256(-step) * opening.elementBytes);
            if (reach + 1 < length) length = reach + 1;
        }
    }

    /// @notice Bits of `element`, which must be below the tensor's count; reverts where it is not opened.
    function read(Opening memory opening, uint256 element) internal pure returns (uint256) {
        unchecked {
            uint256 offset = element * opening.elementBytes;
            uint256 run = _runOf(opening, element, offset);
            return load((run & MASK) + offset - (run >> START), opening.elementBytes);
        }
    }

    /// @notice The `elementBytes` bytes at a memory address, as a number.
    function load(uint256 place, uint256 elementBytes) internal pure returns (uint256 bits) {
        assembly ("memory-safe") {
            bits := shr(sub(256, shl(3, elementBytes)), mload(place))
        }
    }

    /// @dev The run that holds `element`, which begins at byte `offset`: the current one, or found by bisection.
    function _runOf(Opening memory opening, uint256 element, uint256 offset) private pure returns (uint256 run) {
        run = opening.current;
        if (offset >= run >> START && offset < (run >> STOP) & MASK) return run;
        // Bisection; what is found becomes the current run.
        uint256 low = 0;
        uint256 high = opening.runs.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            run = opening.runs[middle];
            if (offset < run >> START) {
                high = middle;
            } else if (offset >= (run >> STOP) & MASK) {
                low = middle + 1;
            } else {
                opening.current = run;
                return run;
            }
        }
        revert IStepVerifier.StepVerifier_ElementNotOpened(element, opening.root);
    }
}
