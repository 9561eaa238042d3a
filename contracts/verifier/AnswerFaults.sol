// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAnswerFaults, OutputElement} from "../interfaces/IAnswerFaults.sol";
import {Model, OutputSpec} from "../interfaces/Types.sol";
import {Element} from "./Element.sol";
import {Membership} from "./Membership.sol";
import {Openings} from "./Openings.sol";
import {Specs} from "./Specs.sol";
import {Tolerance} from "./Tolerance.sol";

/// @title Judges answers.
contract AnswerFaults is IAnswerFaults {
    /// @inheritdoc IAnswerFaults
    function answerFault(Model calldata model, bytes32 traceRoot, bytes calldata answer, OutputElement calldata claim)
        external
        view
        returns (bool faulty)
    {
        uint256 outputs = model.outputs.length;
        (uint256 start, uint256 length) = (0, 0);
        for (uint256 i = 0; i < outputs; ++i) {
            if (i == claim.output) start = length;
            length += Specs.size(model.outputs[i].dtype, model.outputs[i].shape);
        }
        if (length != answer.length) return true;
        require(
            claim.output < outputs && outputs <= model.nodeCount,
            AnswerFaults_NoSuchElement(claim.output, claim.element)
        );
        OutputSpec calldata spec = model.outputs[claim.output];
        require(
            Tolerance.isValid(spec.atol) && Tolerance.isValid(spec.rtol),
            AnswerFaults_BadTolerance(spec.atol, spec.rtol)
        );
        uint256 canonical = _canonical(model, traceRoot, claim);
        uint256 given = _given(answer, start, claim.element, Element.size(spec.dtype));
        return !Tolerance.isRight(spec.dtype, Element.normalize(spec.dtype, given), canonical, spec.atol, spec.rtol);
    }

    /// @dev The trace's element, normalised.
    function _canonical(Model calldata model, bytes32 traceRoot, OutputElement calldata claim)
        private
        view
        returns (uint256)
    {
        OutputSpec calldata spec = model.outputs[claim.output];
        uint256 count = Specs.count(spec.shape);
        require(claim.element < count, AnswerFaults_NoSuchElement(claim.output, claim.element));
        Openings.Input memory input = Openings.start(claim.run);
        Openings.Opening memory opening = Openings.open(input, 1, spec.dtype, count);
        Openings.finish(input);
        uint256 index = model.nodeCount - model.outputs.length + claim.output;
        Membership.requireTensor(model.nodeCount, traceRoot, index, opening.root, claim.path);
        return Element.normalize(spec.dtype, Openings.read(opening, claim.element));
    }

    /// @dev The answer's raw element, `size` bytes of an output whose bytes begin at `start`.
    function _given(bytes calldata answer, uint256 start, uint256 element, uint256 size)
        private
        pure
        returns (uint256)
    {
        uint256 position = start + element * size;
        return uint256(bytes32(answer[position:position + size])) >> (256 - 8 * size);
    }
}
