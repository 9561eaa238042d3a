// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "contracts/interfaces/Types.sol";
import {Kind} from "contracts/verifier/Node.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Data kept as code, which is cheap to read.
contract Shelf {
    constructor(bytes memory data) {
        assembly ("memory-safe") {
            return(add(data, 0x20), mload(data))
        }
    }
}

/// @dev The programs of tests/vectors/games.bin, written by bench/vectors/games.py, and models made of them.
abstract contract Programs is Fixture {
    /// @dev An input with its canonical trace. A program that is broken has none.
    struct Case {
        bytes input;
        bytes[] tensors;
        bytes32[] roots;
        bytes32 root;
        bytes output;
    }

    /// @dev A model's program with what its nodes say.
    struct Program {
        Model model;
        bytes[] nodes;
        uint8[] kinds;
        uint8[] dtypes;
        uint64[] counts;
        uint32[][] operands;
        Case[] cases;
    }

    /// @dev The models. The last three have program faults, of which honest operators answer none.
    uint256 internal constant SMALL = 0;
    uint256 internal constant LONG = 1;
    uint256 internal constant BROKEN = 2;
    uint256 internal constant MISCOUNTED = 3;
    uint256 internal constant INTOLERABLE = 4;
    uint256 internal constant MODELS = 5;
    uint256 internal constant CASES = 2;

    /// @dev A program with more nodes posts no tensor roots.
    uint256 internal constant MOST_ROOTS = 256;
    uint64 private constant NOT_A_NUMBER = 0x7ff8000000000000;

    address[MODELS] private _programs;
    address[CASES][MODELS] private _cases;

    function _loadPrograms() internal {
        Program[] memory found = abi.decode(vm.readFileBinary("tests/vectors/games.bin"), (Program[]));
        for (uint256 model = 0; model < MODELS; ++model) {
            Program memory program = found[model > BROKEN ? SMALL : model];
            if (model == MISCOUNTED) --program.model.nodeCount;
            if (model == INTOLERABLE) (++program.model.nodeCount, program.model.outputs[0].atol = NOT_A_NUMBER);
            for (uint256 i = 0; i < CASES; ++i) {
                Case memory kept = program.cases[i % program.cases.length];
                if (model > BROKEN) (kept.tensors, kept.roots) = (new bytes[](0), new bytes32[](0));
                _cases[model][i] = address(new Shelf(abi.encode(kept)));
            }
            Case[] memory cases = program.cases;
            program.cases = new Case[](0);
            _programs[model] = address(new Shelf(abi.encode(program)));
            program.cases = cases;
        }
    }

    /// @dev Without its cases.
    function _program(uint256 model) internal view returns (Program memory) {
        return abi.decode(_programs[model].code, (Program));
    }

    function _case(uint256 model, uint256 which) internal view returns (Case memory) {
        return abi.decode(_cases[model][which].code, (Case));
    }

    function _isBroken(uint256 model) internal pure returns (bool) {
        return model >= BROKEN;
    }

    /// @dev Whether a node computes its tensor; the others have no step fault.
    function _computes(Program memory program, uint256 node) internal pure returns (bool) {
        return program.kinds[node] != uint8(Kind.INPUT) && program.kinds[node] != uint8(Kind.CONST);
    }
}
