// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Dtype} from "contracts/Dtype.sol";
import {RequestState, RequestStateLib} from "contracts/RequestState.sol";
import {IModelRegistry} from "contracts/interfaces/IModelRegistry.sol";
import {Policy, Status, Terms} from "contracts/interfaces/Types.sol";
import {ConsumerHarness} from "contracts/mocks/ConsumerHarness.sol";
import {Test} from "./Vm.sol";

/// @dev What is packed into words comes out as it went in.
contract Words is Test {
    ConsumerHarness private immutable HARNESS = new ConsumerHarness();

    function testFuzz_policy_unpacks_to_the_terms_it_was_packed_from(Terms calldata terms) external view {
        Policy memory policy = HARNESS.pack(terms);
        assertEq(keccak256(abi.encode(HARNESS.unpack(policy))), keccak256(abi.encode(terms)), "terms");
        (uint256 fee, uint256 own, uint256 challenger) = HARNESS.amounts(policy);
        assertEq(fee, uint256(terms.fee) * 1e9, "fee in wei");
        assertEq(HARNESS.feeOf(policy), fee, "fee from memory");
        assertEq(own, uint256(terms.operatorBond) * 1e9, "operator's bond in wei");
        assertEq(challenger, uint256(terms.challengerBond) * 1e9, "challenger's bond in wei");
    }

    /// @dev The layout is part of the ABI: other programs pack policies too.
    function testFuzz_any_two_words_are_some_policy(Policy calldata policy) external view {
        Policy memory again = HARNESS.pack(HARNESS.unpack(policy));
        assertEq(again.head, policy.head, "head");
        assertEq(again.tail, policy.tail, "tail");
    }

    function testFuzz_request_state_keeps_its_fields_apart(uint8 status, uint8 attempt, uint40 time, bytes25 commitment)
        external
        pure
    {
        Status as_ = Status(status % 7);
        RequestState state = RequestStateLib.pack(as_, attempt, time, commitment);
        for (uint256 i = 0; i < 2; ++i) {
            assertTrue(state.status() == as_, "status");
            assertEq(state.attempt(), attempt, "attempt");
            assertEq(state.time(), time, "time");
            assertEq(bytes32(state.commitment()), bytes32(commitment), "commitment");
            assertTrue(state.delivered() == (i == 1), "delivered");
            state = state.asDelivered();
        }
    }

    function test_dtype_sizes_are_those_of_onnx() external {
        uint8[14] memory sizes = [0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8];
        for (uint256 i = 0; i < 256; ++i) {
            uint8 dtype = uint8(i);
            if (i >= sizes.length || sizes[i] == 0) {
                vm.expectRevert(abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownDtype.selector, dtype));
                HARNESS.dtypeSize(dtype);
            } else {
                assertEq(HARNESS.dtypeSize(dtype), sizes[i], "size");
            }
            bool float = dtype == Dtype.FLOAT || dtype == Dtype.FLOAT16 || dtype == Dtype.DOUBLE;
            assertTrue(HARNESS.isFloat(dtype) == float, "isFloat");
        }
    }
}
