// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDispute} from "contracts/interfaces/IDispute.sol";
import {IInferenceOracle} from "contracts/interfaces/IInferenceOracle.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The whole system, wired as a deployment is.
abstract contract Deployment is Fixture {
    IDispute public dispute;

    /// @param maxDemands K.
    /// @param demandsPerMove Q.
    function _raise(uint256 maxDemands, uint256 demandsPerMove) internal {
        address elementary = vm.deployCode("Elementary.sol:Elementary");
        address trigonometry = vm.deployCode("Trigonometry.sol:Trigonometry");
        address scalars = vm.deployCode("Scalars.sol:Scalars", abi.encode(elementary, trigonometry));
        address recomputer = vm.deployCode("Recomputer.sol:Recomputer", abi.encode(scalars));
        address steps = vm.deployCode("StepVerifier.sol:StepVerifier", abi.encode(recomputer));
        address programs = vm.deployCode("ProgramFaults.sol:ProgramFaults");
        address inputs = vm.deployCode("InputFaults.sol:InputFaults");
        address answers = vm.deployCode("AnswerFaults.sol:AnswerFaults");
        address seated = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        oracle =
            IInferenceOracle(vm.deployCode("InferenceOracle.sol:InferenceOracle", abi.encode(seated, _parameters())));
        dispute = IDispute(
            vm.deployCode(
                "Dispute.sol:Dispute",
                abi.encode(oracle, steps, programs, inputs, answers, maxDemands, demandsPerMove)
            )
        );
    }
}
