// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {Reason, Request, RequestId} from "contracts/interfaces/Types.sol";
import {HostileConsumer} from "contracts/mocks/HostileConsumer.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Attacks that need a caller with exactly so much gas.
contract Attacks is Fixture {
    uint32 private constant STIPEND = 200_000;

    error Outcome(bool success, bytes result, uint256 gasGiven, bool delivered);

    HostileConsumer private consumer;

    function setUp() external {
        _deploy();
        consumer = new HostileConsumer();
    }

    /// @dev With the largest output, whatever gas a calling contract leaves: all of the stipend, or GAS_TOO_LOW.
    function test_attack_28_largest_output_and_every_amount_of_gas() external {
        (RequestId id, bytes memory deliver, bytes memory finalize) = _prepare();
        _sweep(id, finalize, HostileConsumer.Mode.TAKE);
        _sweep(id, finalize, HostileConsumer.Mode.BURN);
        (bool settled,) = address(oracle).call(_settle());
        assertTrue(settled, "settled");
        _sweep(id, deliver, HostileConsumer.Mode.TAKE);
        _sweep(id, deliver, HostileConsumer.Mode.BURN);
    }

    /// @dev Ids are hashed from calldata as it stands; junk above a field's own bits is refused where the field is read, so
    /// that one request cannot have two ids.
    function test_attack_18_junk_bits_in_a_request() external {
        Request memory made = _newRequest(address(this), 1, _policy(address(0), 0, 0), 0);
        bytes memory call = abi.encodeCall(IInferenceOracle.request, (made, INPUT));
        uint256[3] memory fields = [uint256(0), 3, 7];
        for (uint256 i = 0; i < fields.length; ++i) {
            bytes memory dirty = bytes.concat(call);
            dirty[4 + 32 * fields[i]] = 0x01;
            (bool opened,) = address(oracle).call(dirty);
            assertTrue(!opened, "opened with junk bits");
        }
        (bool clean,) = address(oracle).call(call);
        assertTrue(clean, "opened");
    }

    /// @dev Makes the call and reverts with what came of it.
    function attempt(RequestId id, bytes calldata call, uint256 gas_) external {
        (bool success, bytes memory result) = address(oracle).call{gas: gas_}(call);
        (,,,, bool delivered) = oracle.statusOf(id);
        revert Outcome(success, result, consumer.gasGiven(), delivered);
    }

    function _sweep(RequestId id, bytes memory call, HostileConsumer.Mode mode) private {
        consumer.set(mode, "");
        uint256 full = 0;
        uint256 refused = 0;
        for (uint256 gas_ = 260_000; gas_ < 460_000; gas_ += 500) {
            (bool success, bytes memory result, uint256 given, bool delivered) = _attempt(id, call, gas_);
            if (success) {
                assertTrue(delivered == (mode == HostileConsumer.Mode.TAKE), "delivered");
                if (full == 0) full = given;
                assertEq(given, full, "gas given");
            } else {
                assertEq(full, 0, "refused with more gas than was enough");
                ++refused;
                bytes memory low =
                    abi.encodeWithSelector(IInferenceOracle.InferenceOracle_Refused.selector, id, Reason.GAS_TOO_LOW);
                assertEq(keccak256(result), keccak256(low), "refused for its gas");
            }
        }
        assertTrue(refused > 10, "refusals");
        if (mode == HostileConsumer.Mode.TAKE) assertTrue(full > STIPEND - 5_000 && full <= STIPEND, "stipend");
    }

    function _attempt(RequestId id, bytes memory call, uint256 gas_)
        private
        returns (bool success, bytes memory result, uint256 given, bool delivered)
    {
        try this.attempt(id, call, gas_) {}
        catch (bytes memory outcome) {
            bytes memory fields = new bytes(outcome.length - 4);
            for (uint256 i = 0; i < fields.length; ++i) {
                fields[i] = outcome[i + 4];
            }
            return abi.decode(fields, (bool, bytes, uint256, bool));
        }
    }

    function _request() private view returns (Request memory) {
        return _newRequest(address(consumer), 1, _policy(address(0), 0, 0), STIPEND);
    }

    function _settle() private view returns (bytes memory) {
        return abi.encodeCall(IInferenceOracle.settle, (_request(), _ref(address(this), new bytes(65_536))));
    }

    function _prepare() private returns (RequestId id, bytes memory deliver, bytes memory finalize) {
        Request memory made = _request();
        bytes memory output = new bytes(65_536);
        id = consumer.ask(oracle, made, INPUT);
        oracle.answer(made, 1, output, SOFTWARE, MANIFEST);
        vm.warp(vm.getBlockTimestamp() + WINDOW);
        deliver = abi.encodeCall(IInferenceOracle.deliver, (made, output));
        finalize = abi.encodeCall(IInferenceOracle.finalize, (made, _ref(address(this), output), output));
    }
}
