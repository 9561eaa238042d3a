// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStepVerifier} from "contracts/interfaces/IStepVerifier.sol";
import {AnswerFaults} from "contracts/verifier/AnswerFaults.sol";
import {Elementary} from "contracts/verifier/Elementary.sol";
import {InputFaults} from "contracts/verifier/InputFaults.sol";
import {Malformation} from "contracts/verifier/Node.sol";
import {ProgramFaults} from "contracts/verifier/ProgramFaults.sol";
import {Recomputer} from "contracts/verifier/Recomputer.sol";
import {Scalars} from "contracts/verifier/Scalars.sol";
import {StepVerifier} from "contracts/verifier/StepVerifier.sol";
import {Trigonometry} from "contracts/verifier/Trigonometry.sol";
import {Test} from "../Vm.sol";

/// @dev What `python -m bench.vectors` writes, replayed: its modules say what the files hold. All of it is computed by the
/// Python reference, which was written apart from the contracts.
contract Vectors is Test {
    /// @dev The count nodes.bin has for INPUT and CONST nodes.
    uint256 private constant GIVEN = type(uint64).max;
    uint256 private constant NO_ELEMENT = type(uint256).max;

    Elementary private immutable ELEMENTARY = new Elementary();
    Trigonometry private immutable TRIGONOMETRY = new Trigonometry();
    Scalars private immutable SCALARS = new Scalars(ELEMENTARY, TRIGONOMETRY);
    StepVerifier private immutable VERIFIER = new StepVerifier(new Recomputer(SCALARS));
    ProgramFaults private immutable PROGRAM_FAULTS = new ProgramFaults();
    InputFaults private immutable INPUT_FAULTS = new InputFaults();
    AnswerFaults private immutable ANSWER_FAULTS = new AnswerFaults();

    function test_functions_give_the_bits_of_the_reference() external view {
        bytes memory data = vm.readFileBinary("tests/vectors/functions.bin");
        uint256 place = 0;
        while (place < data.length) {
            uint256 fn = _number(data, place, 1);
            uint256 out = _number(data, place + 1, 1);
            uint256 dtype = _number(data, place + 2, 1);
            uint256 width = _number(data, place + 3, 1);
            uint256 end = place + 6 + 3 * width * _number(data, place + 4, 2);
            for (place += 6; place < end; place += 3 * width) {
                uint256 a = _number(data, place, width);
                uint256 b = _number(data, place + width, width);
                uint256 bits = SCALARS.map(fn, out, dtype, a, b);
                if (bits != _number(data, place + 2 * width, width)) revert WrongBits(fn, dtype, a, b, bits);
            }
        }
    }

    function test_encodings_are_nodes_or_malformed_by_the_same_rule() external view {
        bytes memory data = vm.readFileBinary("tests/vectors/nodes.bin");
        uint256 place = 0;
        while (place < data.length) {
            uint256 length = _number(data, place, 2);
            bytes memory node = _slice(data, place + 2, length);
            uint256 malformation = _number(data, place + 2 + length, 1);
            uint256 count = _number(data, place + 3 + length, 8);
            bytes memory expected;
            if (malformation != 0) {
                expected = abi.encodeWithSelector(
                    IStepVerifier.StepVerifier_MalformedNode.selector, Malformation(malformation)
                );
            } else if (count == GIVEN) {
                expected = abi.encodeWithSelector(IStepVerifier.StepVerifier_NothingToCompute.selector);
            } else {
                expected =
                    abi.encodeWithSelector(IStepVerifier.StepVerifier_ElementOutOfRange.selector, NO_ELEMENT, count);
            }
            bytes memory call = abi.encodeCall(IStepVerifier.recompute, (node, NO_ELEMENT, ""));
            _requireResult(address(VERIFIER), call, false, expected, place);
            place += 11 + length;
        }
    }

    function test_steps_give_bits_and_roots_of_the_reference_or_the_right_error() external view {
        _replay("tests/vectors/steps.bin");
    }

    function test_proofs_give_the_right_verdict_or_error() external view {
        _replay("tests/vectors/proofs.bin");
    }

    function test_faults_give_the_right_verdict_or_error() external view {
        _replay("tests/vectors/faults.bin");
    }

    error WrongBits(uint256 fn, uint256 dtype, uint256 a, uint256 b, uint256 bits);
    error WrongResult(uint256 place, bool returned, bytes data);

    /// @dev Records of `u8 contract · u8 returns · u24 length · calldata · u24 length · returned`.
    function _replay(string memory path) private view {
        bytes memory data = vm.readFileBinary(path);
        uint256 place = 0;
        while (place < data.length) {
            uint256 begin = place;
            address target = _target(_number(data, place, 1));
            bool returns_ = _number(data, place + 1, 1) == 1;
            uint256 length = _number(data, place + 2, 3);
            bytes memory call = _slice(data, place + 5, length);
            place += 5 + length;
            length = _number(data, place, 3);
            _requireResult(target, call, returns_, _slice(data, place + 3, length), begin);
            place += 3 + length;
        }
    }

    function _target(uint256 code) private view returns (address) {
        if (code == 0) return address(VERIFIER);
        if (code == 1) return address(SCALARS);
        if (code == 2) return address(ELEMENTARY);
        if (code == 3) return address(TRIGONOMETRY);
        if (code == 4) return address(PROGRAM_FAULTS);
        return code == 5 ? address(INPUT_FAULTS) : address(ANSWER_FAULTS);
    }

    /// @dev An error must begin as expected: without its arguments where these are not said.
    function _requireResult(address target, bytes memory call, bool returns_, bytes memory expected, uint256 place)
        private
        view
    {
        (bool returned, bytes memory data) = target.staticcall(call);
        bool right = returned == returns_
            && (returns_ ? data.length == expected.length : data.length >= expected.length)
            && keccak256(_slice(data, 0, expected.length)) == keccak256(expected);
        if (!right) revert WrongResult(place, returned, data);
    }

    /// @dev `size` bytes from `at` on, as a number.
    function _number(bytes memory data, uint256 place, uint256 size) private pure returns (uint256 value) {
        require(place + size <= data.length, "the file ends early");
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), mload(add(add(data, 0x20), place)))
        }
    }

    function _slice(bytes memory data, uint256 place, uint256 length) private pure returns (bytes memory part) {
        if (place + length > data.length) return "";
        part = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(data, 0x20), place), length)
        }
    }
}
