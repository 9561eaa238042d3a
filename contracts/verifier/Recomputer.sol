// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRecomputer, Recomputed} from "../interfaces/IRecomputer.sol";
import {IScalars} from "../interfaces/IScalars.sol";
import {IStepVerifier} from "../interfaces/IStepVerifier.sol";
import {Folds} from "./Folds.sol";
import {Maps} from "./Maps.sol";
import {Kind, Node, Operand} from "./Node.sol";
import {NodeCodec} from "./NodeCodec.sol";
import {Openings} from "./Openings.sol";
import {Rank} from "./Rank.sol";
import {Tree} from "./Tree.sol";
import {Views} from "./Views.sol";

/// @title Recomputes single elements of nodes.
/// @dev All lengths, counts and shapes come from the node, never from the openings, which are only checked.
contract Recomputer is IRecomputer {
    /// @notice Where the MAP functions are.
    IScalars public immutable SCALARS;

    constructor(IScalars scalars) {
        SCALARS = scalars;
    }

    /// @inheritdoc IRecomputer
    function recompute(bytes calldata encoding, uint256 element, bytes calldata openings)
        external
        view
        returns (Recomputed memory result)
    {
        Node memory node = NodeCodec.decode(encoding);
        require(node.kind != Kind.INPUT && node.kind != Kind.CONST, IStepVerifier.StepVerifier_NothingToCompute());
        require(element < node.count, IStepVerifier.StepVerifier_ElementOutOfRange(element, node.count));

        Openings.Input memory input = Openings.start(openings);
        uint256 hint = node.kind == Kind.RANK ? Openings.take(input, 4) : 0;
        uint256 operands = node.operands.length;
        Openings.Opening[] memory opened = new Openings.Opening[](operands);
        result.dtype = node.dtype;
        result.count = node.count;
        result.operands = new uint256[](operands);
        result.roots = new bytes32[](operands);
        for (uint256 i; i < operands; ++i) {
            Operand memory operand = node.operands[i];
            uint256 runs = Openings.take(input, 1);
            opened[i] = Openings.open(input, runs, operand.dtype, operand.count);
            result.operands[i] = operand.node;
            result.roots[i] = opened[i].root;
        }
        Openings.finish(input);

        Views.Step memory s = Views.begin(node, opened);
        Views.unravel(s, 0, node.rank, element);
        if (node.kind == Kind.MAP) result.bits = Maps.compute(s, SCALARS);
        else if (node.kind == Kind.FOLD) result.bits = Folds.compute(s);
        else if (node.kind == Kind.TREE) result.bits = Tree.compute(s);
        else result.bits = Rank.compute(s, hint);
    }
}
